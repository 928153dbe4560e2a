package workload

import (
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// State is the state of a TCP socket, numbered as the kernel does
// (include/net/tcp_states.h). The zero value means unknown.
type State uint8

// The states in which a socket can be made to retransmit.
const (
	Established State = unix.BPF_TCP_ESTABLISHED
	SynSent     State = unix.BPF_TCP_SYN_SENT
	FinWait1    State = unix.BPF_TCP_FIN_WAIT1
	CloseWait   State = unix.BPF_TCP_CLOSE_WAIT
	LastAck     State = unix.BPF_TCP_LAST_ACK

	finWait2 State = unix.BPF_TCP_FIN_WAIT2
)

var stateNames = map[State]string{
	Established: "TCP_ESTABLISHED",
	SynSent:     "TCP_SYN_SENT",
	FinWait1:    "TCP_FIN_WAIT1",
	CloseWait:   "TCP_CLOSE_WAIT",
	LastAck:     "TCP_LAST_ACK",
	finWait2:    "TCP_FIN_WAIT2",
}

// String returns the kernel's name of the state, or its number.
func (s State) String() string {
	if name, ok := stateNames[s]; ok {
		return name
	}
	return fmt.Sprintf("TCP state %d", uint8(s))
}

// socket is the descriptor of a TCP socket. Plain system calls, so that each is made
// when it stands here, by the thread that runs it.
type socket int

// loopback is the address of loopback with a port that the kernel chooses.
func loopback(ipv6 bool) netip.AddrPort {
	if ipv6 {
		return netip.AddrPortFrom(netip.IPv6Loopback(), 0)
	}
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), 0)
}

// haveIPv6 reports whether this kernel knows IPv6: it may be booted without.
func haveIPv6() bool {
	s, err := newSocket(loopback(true), 0)
	if err != nil {
		return false
	}
	s.close()
	return true
}

func newSocket(addr netip.AddrPort, flags int) (socket, error) {
	family := unix.AF_INET
	if addr.Addr().Is6() {
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|flags, 0)
	if err != nil {
		return -1, fmt.Errorf("socket: %w", err)
	}
	return socket(fd), nil
}

func sockaddr(addr netip.AddrPort) unix.Sockaddr {
	if addr.Addr().Is6() {
		return &unix.SockaddrInet6{Addr: addr.Addr().As16(), Port: int(addr.Port())}
	}
	return &unix.SockaddrInet4{Addr: addr.Addr().As4(), Port: int(addr.Port())}
}

// listenAt returns a socket that listens at addr.
func listenAt(addr netip.AddrPort) (socket, error) {
	s, err := newSocket(addr, 0)
	if err != nil {
		return -1, err
	}
	if err := unix.Bind(int(s), sockaddr(addr)); err != nil {
		s.close()
		return -1, fmt.Errorf("bind to %s: %w", addr, err)
	}
	if err := unix.Listen(int(s), 1); err != nil {
		s.close()
		return -1, fmt.Errorf("listen at %s: %w", addr, err)
	}
	return s, nil
}

// connectTo returns a socket connected to addr. With SOCK_NONBLOCK among flags it
// returns as soon as the SYN is sent.
func connectTo(addr netip.AddrPort, flags int) (socket, error) {
	s, err := newSocket(addr, flags)
	if err != nil {
		return -1, err
	}
	err = retry(func() error { return unix.Connect(int(s), sockaddr(addr)) })
	if err != nil && !errors.Is(err, unix.EINPROGRESS) {
		s.close()
		return -1, fmt.Errorf("connect to %s: %w", addr, err)
	}
	return s, nil
}

// accept waits for a connection.
func (s socket) accept() (socket, error) {
	var fd int
	err := retry(func() (err error) {
		fd, _, err = unix.Accept4(int(s), unix.SOCK_CLOEXEC)
		return err
	})
	if err != nil {
		return -1, fmt.Errorf("accept: %w", err)
	}
	return socket(fd), nil
}

// send sends size bytes and returns what the kernel returned.
func (s socket) send(size, flags int) (int, error) {
	var n int
	err := retry(func() (err error) {
		n, err = unix.SendmsgN(int(s), make([]byte, size), nil, nil, flags|unix.MSG_NOSIGNAL)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("send %d bytes: %w", size, err)
	}
	return n, nil
}

// receive reads what has arrived without waiting and reports whether the peer's FIN is
// the end of it.
func (s socket) receive() (size int, fin bool, err error) {
	buffer := make([]byte, 64<<10)
	for {
		n, _, err := unix.Recvfrom(int(s), buffer, unix.MSG_DONTWAIT)
		switch {
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EAGAIN):
			return size, false, nil
		case err != nil:
			return size, false, fmt.Errorf("receive: %w", err)
		case n == 0:
			return size, true, nil
		default:
			size += n
		}
	}
}

// halfClose sends a FIN; the socket can still receive.
func (s socket) halfClose() error {
	if err := unix.Shutdown(int(s), unix.SHUT_WR); err != nil {
		return fmt.Errorf("shutdown: %w", err)
	}
	return nil
}

func (s socket) close() { _ = unix.Close(int(s)) }

// local returns the socket's own address.
func (s socket) local() (netip.AddrPort, error) {
	addr, err := unix.Getsockname(int(s))
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("getsockname: %w", err)
	}
	switch addr := addr.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(addr.Addr), uint16(addr.Port)), nil
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(addr.Addr), uint16(addr.Port)), nil
	}
	return netip.AddrPort{}, fmt.Errorf("getsockname: %T is no TCP address", addr)
}

// info asks TCP about the socket (tcp(7), TCP_INFO).
func (s socket) info() (*unix.TCPInfo, error) {
	info, err := unix.GetsockoptTCPInfo(int(s), unix.IPPROTO_TCP, unix.TCP_INFO)
	if err != nil {
		return nil, fmt.Errorf("TCP_INFO: %w", err)
	}
	return info, nil
}

// retry repeats a call that a signal interrupted: Go's runtime sends itself some.
func retry(call func() error) error {
	for {
		if err := call(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
