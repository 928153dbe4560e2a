package workload

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
)

// Connection is a TCP socket of a process of its own, from its opening to its end.
type Connection struct {
	PID           int
	Comm          string
	Local, Remote netip.AddrPort // Local is not valid of one that was refused
	Accepted      bool
	Refused       bool   // there was nobody to connect to
	Sent          int    // bytes
	Received      int    // bytes
	Segments      uint32 // that came for it in TCP_ESTABLISHED, the peer's FIN among them
}

// Connections makes n TCP connections one after the other, in a process of the name comm,
// and then so many that are refused. Neighbours differ in who connects and, where the
// kernel has it, in IP version. On each the process sends connectionSent bytes and some
// and receives connectionReceived and some; the peer sends its FIN first, so that every
// socket ends from TCP_CLOSE_WAIT by TCP_LAST_ACK. When it returns all sockets are gone.
// It runs on loopback in a network namespace of its own and needs CAP_SYS_ADMIN.
func Connections(ctx context.Context, comm string, n, refused int) (made []Connection, err error) {
	network, err := newNetwork()
	if err != nil {
		return nil, err
	}
	defer network.close()
	p, err := network.start(comm)
	if err != nil {
		return nil, err
	}
	defer p.end()
	for i := range n {
		one, err := network.connection(ctx, p, i)
		if err != nil {
			return nil, fmt.Errorf("connection %d: %w", i, err)
		}
		made = append(made, *one)
	}
	for i := range refused {
		one, err := network.refusal(p, n+i)
		if err != nil {
			return nil, fmt.Errorf("refusal %d: %w", i, err)
		}
		made = append(made, *one)
	}
	return made, network.idle(ctx)
}

const (
	connectionSent     = 1009
	connectionReceived = 503
)

// connection is connection i, which is over when it returns but for the last segments.
func (n *network) connection(ctx context.Context, sender *process, i int) (*Connection, error) {
	p := newPair(n, sender, i, Flow{Comm: sender.comm, Accepted: i%2 == 1, IPv6: i%4 > 1 && haveIPv6()})
	defer p.close()
	open := p.openConnected
	if p.made.Accepted {
		open = p.openAccepted
	}
	if err := open(); err != nil {
		return nil, err
	}
	one := &Connection{PID: sender.pid, Comm: sender.comm, Local: p.made.Local, Remote: p.made.Remote, Accepted: p.made.Accepted,
		Sent: connectionSent + i, Received: connectionReceived + i}
	handshake, err := p.tell("tell", request{})
	if err != nil {
		return nil, err
	}
	if _, err := p.tell("send", request{Size: one.Sent - 1, Count: 1}); err != nil { // the last byte goes with the FIN
		return nil, err
	}
	if err := p.drain(ctx, one.Sent-1); err != nil {
		return nil, err
	}
	if _, err := p.receiver.send(one.Received, 0); err != nil {
		return nil, err
	}
	if _, err := p.tell("receive", request{Size: one.Received}); err != nil {
		return nil, err
	}
	err = wait(ctx, "all that was sent to be acknowledged", func() (bool, error) {
		info, err := p.receiver.info()
		if err != nil || info.Unacked > 0 {
			return false, err
		}
		r, err := p.tell("tell", request{})
		return err == nil && r.Unacked == 0, err
	})
	if err != nil {
		return nil, err
	}
	if err := p.receiver.halfClose(); err != nil {
		return nil, err
	}
	err = wait(ctx, "the peer's FIN to arrive", func() (bool, error) {
		r, err := p.tell("tell", request{})
		if err != nil || r.State != CloseWait {
			return false, err
		}
		one.Segments = r.Segments - handshake.Segments
		return true, nil
	})
	if err != nil {
		return nil, err
	}
	if _, err := p.tell("finish", request{Leave: Close}); err != nil {
		return nil, err
	}
	return one, wait(ctx, "the last byte to arrive", func() (bool, error) {
		_, fin, err := p.receiver.receive()
		return fin, err
	})
}

// refusal connects to a port at which nobody listens any more.
func (n *network) refusal(p *process, i int) (*Connection, error) {
	one := &Connection{PID: p.pid, Comm: p.comm, Refused: true}
	err := n.do(func() error {
		listener, err := listenAt(loopback(i%2 == 1 && haveIPv6()))
		if err != nil {
			return err
		}
		defer listener.close()
		one.Remote, err = listener.local()
		return err
	})
	if err != nil {
		return nil, err
	}
	switch _, err := p.call(request{Do: "connect", Socket: i, Addr: one.Remote}); {
	case err == nil:
		return nil, errors.New("somebody answered")
	case !strings.Contains(err.Error(), "refused"):
		return nil, err
	}
	return one, nil
}

// idle waits until no TCP socket is in use in the namespace (net/ipv4/proc.c,
// sockstat_seq_show: those in TIME_WAIT are not).
func (n *network) idle(ctx context.Context) error {
	return wait(ctx, "the last sockets to be gone", func() (gone bool, err error) {
		err = n.do(func() error {
			text, err := os.ReadFile("/proc/thread-self/net/sockstat")
			six, err6 := os.ReadFile("/proc/thread-self/net/sockstat6")
			if errors.Is(err6, os.ErrNotExist) {
				six, err6 = []byte("TCP6: inuse 0\n"), nil
			}
			gone = strings.Contains(string(text), "TCP: inuse 0 ") && strings.Contains(string(six), "TCP6: inuse 0\n")
			return errors.Join(err, err6)
		})
		return gone, err
	})
}
