package workload

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
)

// Sent is what TCPSends made on one connection.
type Sent struct {
	PID           int
	Comm          string
	Local, Remote netip.AddrPort // as the sender sees them
	Returned      []int          // by each call, in order: the bytes that TCP took
}

// sendSize is how many bytes call i sends: neighbours differ, so that one value in the
// place of another is noticed. 7 is prime to the sizes that buffers have.
func sendSize(size, i int) int { return size + i%7 }

// TCPSends makes n sendmsg calls of size and some bytes (0 to 6 more, in turn) on an
// IPv4 connection over loopback, in a process of the name comm, and returns when the
// other end has received them all. It runs in a network namespace of its own and needs
// CAP_SYS_ADMIN.
func TCPSends(ctx context.Context, comm string, n, size int) (*Sent, error) {
	network, err := newNetwork()
	if err != nil {
		return nil, err
	}
	defer network.close()
	sender, err := network.start(comm)
	if err != nil {
		return nil, err
	}
	defer sender.end()
	p := newPair(network, sender, 0, Flow{Comm: comm, State: Established})
	defer p.close()
	if err := p.open(ctx); err != nil {
		return nil, err
	}

	total := 0
	for i := range n {
		total += sendSize(size, i)
	}
	draining, stop := context.WithCancel(ctx)
	defer stop()
	received := make(chan error, 1)
	go func() {
		err := p.drain(draining, total)
		if err != nil {
			p.close() // a sender that waits for room fails then
		}
		received <- err
	}()
	r, sendErr := p.tell("send", request{Size: size, Count: n})
	if sendErr != nil {
		stop() // there will be no more to receive
	}
	if err := errors.Join(sendErr, <-received); err != nil {
		return nil, err
	}
	return &Sent{PID: sender.pid, Comm: comm, Local: p.made.Local, Remote: p.made.Remote, Returned: r.Returned}, nil
}

// drain receives until size bytes have come.
func (p *pair) drain(ctx context.Context, size int) error {
	return wait(ctx, fmt.Sprintf("%d bytes to arrive", size), func() (bool, error) {
		n, fin, err := p.receiver.receive()
		size -= n
		if err == nil && fin && size > 0 {
			err = fmt.Errorf("the sender left %d bytes early", size)
		}
		return size == 0, err
	})
}
