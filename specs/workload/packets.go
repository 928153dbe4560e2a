package workload

import (
	"context"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// Packet is one IP packet that Packets sent.
type Packet struct {
	From, To netip.AddrPort // ports are 0 where its headers have none
}

// packetPort is the port that datagrams go to; a test's filter knows it, and the network of
// packetAddr.
const packetPort = 37101

var packetAddr = netip.AddrFrom4([4]byte{127, 37, 0, 1})

// Packets sends IP packets of each form over loopback, in a network namespace of its own: UDP
// bare, with options of IPv4, with two headers between those of IPv6 and UDP, in
// fragments, and ICMP. Nobody receives them. It needs CAP_SYS_ADMIN.
func Packets(context.Context) ([]Packet, error) {
	n, err := newNetwork()
	if err != nil {
		return nil, err
	}
	defer n.close()
	var made []Packet
	err = n.do(func() (err error) {
		made, err = sendPackets()
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("send packets: %w", err)
	}
	return made, nil
}

func sendPackets() (made []Packet, err error) {
	to := netip.AddrPortFrom(packetAddr, packetPort)
	// Somebody listens, else the answer is an ICMP error, a packet more.
	listener, err := datagramSocket(to, func(fd int) error { return unix.Bind(fd, sockaddr(to)) })
	if err != nil {
		return nil, err
	}
	defer unix.Close(listener)
	const mtu = 65536 // of loopback (drivers/net/loopback.c)
	small, large := make([]byte, 37), make([]byte, 60000)
	send := func(to netip.AddrPort, data []byte, prepare func(fd int) error, packets int) error {
		fd, err := datagramSocket(to, prepare)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		if err := unix.Connect(fd, sockaddr(to)); err != nil {
			return err
		}
		from, err := socket(fd).local()
		if err != nil {
			return err
		}
		if _, err := unix.Write(fd, data); err != nil {
			return err
		}
		for i := range packets {
			p := Packet{from, to}
			if i > 0 {
				p.From, p.To = netip.AddrPortFrom(from.Addr(), 0), netip.AddrPortFrom(to.Addr(), 0)
			}
			made = append(made, p)
		}
		return nil
	}
	plain := func(int) error { return nil }
	options := func(fd int) error { // no operation, four times (RFC 791 3.1)
		return unix.SetsockoptString(fd, unix.IPPROTO_IP, unix.IP_OPTIONS, "\x01\x01\x01\x01")
	}
	if err := send(to, small, plain, 1); err != nil {
		return nil, err
	}
	if err := send(to, small, options, 1); err != nil {
		return nil, fmt.Errorf("with options: %w", err)
	}
	if err := limitLoopback(30000); err != nil {
		return nil, err
	}
	if err := send(to, large, plain, 3); err != nil { // of 29976 bytes each, as RFC 791 rounds them
		return nil, fmt.Errorf("in fragments: %w", err)
	}
	if err := limitLoopback(mtu); err != nil {
		return nil, err
	}
	if err := ping(to.Addr()); err != nil {
		return nil, fmt.Errorf("ICMP: %w", err)
	}
	none := netip.AddrPortFrom(to.Addr(), 0)
	made = append(made, Packet{none, none})
	if !haveIPv6() {
		return made, nil
	}
	to6 := netip.AddrPortFrom(netip.IPv6Loopback(), packetPort)
	listener6, err := datagramSocket(to6, func(fd int) error { return unix.Bind(fd, sockaddr(to6)) })
	if err != nil {
		return nil, err
	}
	defer unix.Close(listener6)
	// Eight bytes each: the next header and the length are the kernel's, PadN is 4 long
	// (RFC 8200 4.2).
	between := func(fd int) error {
		const padding = "\x00\x00\x01\x04\x00\x00\x00\x00"
		if err := unix.SetsockoptString(fd, unix.IPPROTO_IPV6, unix.IPV6_HOPOPTS, padding); err != nil {
			return err
		}
		return unix.SetsockoptString(fd, unix.IPPROTO_IPV6, unix.IPV6_DSTOPTS, padding)
	}
	if err := send(to6, small, plain, 1); err != nil {
		return nil, fmt.Errorf("over IPv6: %w", err)
	}
	if err := send(to6, small, between, 1); err != nil {
		return nil, fmt.Errorf("with headers in between: %w", err)
	}
	return made, nil
}

// datagramSocket is a UDP socket that prepare has made ready.
func datagramSocket(beside netip.AddrPort, prepare func(fd int) error) (int, error) {
	family := unix.AF_INET
	if beside.Addr().Is6() {
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	if err := prepare(fd); err != nil {
		_ = unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// limitLoopback sets how large a packet on loopback can be.
func limitLoopback(mtu uint32) error {
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(s)
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	lo.SetUint32(mtu)
	if err := unix.IoctlIfreq(s, unix.SIOCSIFMTU, lo); err != nil {
		return fmt.Errorf("limit loopback to packets of %d bytes: %w", mtu, err)
	}
	return nil
}

// ping sends one ICMP message that nobody answers: an echo reply (RFC 792).
func ping(to netip.Addr) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_ICMP)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	own := netip.AddrPortFrom(to, 0)
	if err := unix.Bind(fd, sockaddr(own)); err != nil {
		return err
	}
	message := []byte{0, 0, 0xff, 0xff, 0, 0, 0, 0} // type, code, checksum of zeros, identifier, number
	return unix.Sendto(fd, message, 0, sockaddr(own))
}
