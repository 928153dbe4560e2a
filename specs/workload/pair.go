package workload

import (
	"context"
	"fmt"
)

// way is how a sender comes to retransmit in one state.
type way struct {
	unconnected bool // what is sent again is the SYN
	halfClosed  bool // the receiver sends its FIN before
	fin         bool // the segment sent again ends with the sender's FIN
}

var ways = map[State]way{
	SynSent:     {unconnected: true},
	Established: {},
	CloseWait:   {halfClosed: true},
	FinWait1:    {fin: true},
	LastAck:     {halfClosed: true, fin: true},
}

// check refuses what TCP does not do.
func (f *Flow) check() error {
	w, ok := ways[f.State]
	switch {
	case !ok:
		return fmt.Errorf("a socket in %s sends nothing again", f.State)
	case f.Retransmits < 1:
		return fmt.Errorf("%d retransmits are wanted, one is the least", f.Retransmits)
	case f.Leave != Keep && f.Leave != Close && f.Leave != Exit:
		return fmt.Errorf("a process cannot leave a socket by %q", f.Leave)
	case f.Leave != Keep && !w.fin:
		return fmt.Errorf("a socket that its process closes does not stay in %s", f.State)
	case f.Accepted && w.unconnected:
		return fmt.Errorf("a socket in %s is not accepted", f.State)
	}
	return nil
}

// pair is both ends of one flow: the sender in a child, the receiver here.
type pair struct {
	way
	network  *network
	sender   *process
	number   int    // of the sender's socket at its process
	receiver socket // the listening one until SynSent is answered
	made     Made
}

// newPair has neither end yet; number is to be another for each pair of one sender.
func newPair(n *network, sender *process, number int, f Flow) *pair {
	return &pair{way: ways[f.State], network: n, sender: sender, number: number, receiver: -1, made: Made{Flow: f, PID: sender.pid}}
}

// tell makes the sender carry out an order on its socket.
func (p *pair) tell(do string, with request) (*reply, error) {
	with.Do, with.Socket = do, p.number
	return p.sender.call(with)
}

// open connects the two ends and leads them to where the sender can send.
func (p *pair) open(ctx context.Context) error {
	if p.made.Accepted {
		if err := p.openAccepted(); err != nil {
			return err
		}
	} else if err := p.openConnected(); err != nil {
		return err
	}
	if !p.halfClosed {
		return nil
	}
	if err := p.receiver.halfClose(); err != nil {
		return err
	}
	// Both, or the FIN's late acknowledgement is dropped too and the receiver
	// retransmits as well: the sender may delay it (tcp_fin, net/ipv4/tcp_input.c).
	return wait(ctx, "the receiver's FIN to arrive", func() (bool, error) {
		r, err := p.tell("tell", request{})
		if err != nil {
			return false, err
		}
		info, err := p.receiver.info()
		if err != nil {
			return false, err
		}
		return r.State == CloseWait && State(info.State) == finWait2, nil
	})
}

// openAccepted lets the sender accept a connection from here.
func (p *pair) openAccepted() error {
	r, err := p.tell("listen", request{Addr: loopback(p.made.IPv6)})
	if err != nil {
		return err
	}
	err = p.network.do(func() (err error) {
		p.receiver, err = connectTo(r.Local, 0)
		return err
	})
	if err != nil {
		return err
	}
	if r, err = p.tell("accept", request{}); err != nil {
		return err
	}
	p.made.Local = r.Local
	p.made.Remote, err = p.receiver.local()
	return err
}

// openConnected lets the sender connect to here; in SynSent only this end is made.
func (p *pair) openConnected() error {
	err := p.network.do(func() (err error) {
		p.receiver, err = listenAt(loopback(p.made.IPv6))
		return err
	})
	if err != nil {
		return err
	}
	if p.made.Remote, err = p.receiver.local(); err != nil || p.unconnected {
		return err
	}
	r, err := p.tell("connect", request{Addr: p.made.Remote})
	if err != nil {
		return err
	}
	p.made.Local = r.Local
	return p.accept()
}

// accept puts the connection in the place of the listening socket.
func (p *pair) accept() error {
	connection, err := p.receiver.accept()
	if err != nil {
		return err
	}
	p.receiver.close()
	p.receiver = connection
	return nil
}

// lose makes the sender send one segment, has as many attempts dropped as retransmits
// are wanted (the first attempt is none, the one that arrives is) and waits until that
// one is acknowledged.
func (p *pair) lose(ctx context.Context, d *dropper) error {
	if err := d.drop(p.receiver, p.made.Retransmits); err != nil {
		return err
	}
	if err := p.transmit(); err != nil {
		return err
	}
	if err := p.arrive(ctx); err != nil {
		return err
	}
	if p.unconnected {
		return p.accept()
	}
	return nil
}

// transmit sends one segment: a SYN, a byte, or a byte with the FIN.
func (p *pair) transmit() error {
	switch {
	case p.unconnected:
		r, err := p.tell("begin", request{Addr: p.made.Remote})
		if err == nil {
			p.made.Local = r.Local
		}
		return err
	case p.made.Leave == Exit:
		return p.sender.dismiss(request{Do: "finish", Socket: p.number, Leave: Exit})
	case p.fin:
		_, err := p.tell("finish", request{Leave: p.made.Leave})
		return err
	}
	_, err := p.tell("send", request{Size: 1, Count: 1})
	return err
}

// arrive waits until what was sent is here and, where the sender can still be asked,
// acknowledged.
func (p *pair) arrive(ctx context.Context) error {
	size, fin := 0, false
	return wait(ctx, "a segment to arrive", func() (bool, error) {
		if !p.unconnected {
			n, end, err := p.receiver.receive()
			if err != nil {
				return false, err
			}
			size, fin = size+n, fin || end
			if size == 0 || fin != p.fin {
				return false, nil
			}
		}
		if p.made.Leave != Keep {
			return true, nil
		}
		r, err := p.tell("tell", request{})
		if err != nil {
			return false, err
		}
		return r.Unacked == 0 && (!p.unconnected || r.State == Established), nil
	})
}

func (p *pair) close() {
	if p.receiver >= 0 {
		p.receiver.close()
		p.receiver = -1
	}
}
