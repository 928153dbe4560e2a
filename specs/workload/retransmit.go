package workload

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"
)

// Leave is what the process that opened a socket does while the socket's last data is
// on its way. The zero value keeps the socket.
type Leave string

const (
	Keep  Leave = ""
	Close Leave = "close" // closes it: the kernel goes on alone (an orphan)
	Exit  Leave = "exit"  // exits, which closes it too
)

// Flow is one TCP connection over loopback whose sender is to retransmit.
type Flow struct {
	Comm        string // of the process that opens the sending socket; flows of one Comm share a process
	State       State  // of the sender while it retransmits
	IPv6        bool
	Accepted    bool  // the sender accepted the connection instead of opening it
	Leave       Leave // for FinWait1 and LastAck
	Retransmits int   // how many are wanted, one at least
}

// Made is a flow as the kernel had it.
type Made struct {
	Flow          // with the Retransmits that were made
	PID           int
	Local, Remote netip.AddrPort // as the sender sees them; of SynSent known at the end only
}

// Options says what Retransmits is to make.
type Options struct {
	Flows []Flow
	// Opened is called once all connections stand and before anything is sent: a tracer
	// that starts here has not seen the sockets open. SynSent is opened after it.
	Opened func([]Made) error
	// NoLossProbes turns tail loss probes off (sysctl net.ipv4.tcp_early_retrans): then
	// all retransmits are a timer's, and pass through the function tcp_retransmit_skb.
	NoLossProbes bool
}

// Retransmits makes TCP send segments again, on loopback in a network namespace of its
// own, and returns what was made, in the order of o.Flows; the sum is what the
// namespace's RetransSegs counts, or there is an error. It needs CAP_SYS_ADMIN.
//
// The receiver of each flow is given a filter that drops all it gets, then one segment
// is sent. The filter goes when the kernel has counted Retransmits drops, so the next
// attempt is the last one. Attempts are 200 ms apart and twice as far each time
// (TCP_RTO_MIN, include/net/tcp.h), 1 s at first for a SYN (RFC 6298): if this process
// gets no CPU for that long, more are made than wanted, and Made says so.
func Retransmits(ctx context.Context, o Options) ([]Made, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	n, err := newNetwork()
	if err != nil {
		return nil, err
	}
	defer n.close()
	return n.retransmits(ctx, o)
}

// check refuses what cannot be made.
func (o *Options) check() error {
	of := map[string]int{} // flows, by process
	for _, f := range o.Flows {
		of[f.Comm]++
	}
	for i, f := range o.Flows {
		err := f.check()
		if err == nil && f.Leave == Exit && of[f.Comm] > 1 {
			err = fmt.Errorf("process %s exits and has other flows", f.Comm)
		}
		if err != nil {
			return fmt.Errorf("flow %d: %w", i, err)
		}
	}
	return nil
}

// retransmits is Retransmits in a namespace that is there.
func (n *network) retransmits(ctx context.Context, o Options) ([]Made, error) {
	if o.NoLossProbes {
		if err := n.noLossProbes(); err != nil {
			return nil, err
		}
	}
	senders := map[string]*process{}
	var pairs []*pair
	defer func() {
		for _, p := range pairs {
			p.close()
		}
		for _, p := range senders {
			p.end()
		}
	}()
	for i, f := range o.Flows {
		sender, ok := senders[f.Comm]
		if !ok {
			var err error
			if sender, err = n.start(f.Comm); err != nil {
				return nil, err
			}
			senders[f.Comm] = sender
		}
		p := newPair(n, sender, i, f)
		pairs = append(pairs, p)
		if err := p.open(ctx); err != nil {
			return nil, fmt.Errorf("flow %d: %w", i, err)
		}
	}
	before, err := n.retransSegs()
	if err != nil {
		return nil, err
	}
	if o.Opened != nil {
		if err := o.Opened(all(pairs)); err != nil {
			return nil, err
		}
	}
	if err := lose(ctx, pairs); err != nil {
		return nil, err
	}
	after, err := n.retransSegs()
	if err != nil {
		return nil, err
	}
	var sum int
	for _, p := range pairs {
		sum += p.made.Retransmits
	}
	if after-before != uint64(sum) {
		return nil, fmt.Errorf("the kernel counts %d retransmits, the flows have %d", after-before, sum)
	}
	return all(pairs), nil
}

func all(pairs []*pair) []Made {
	var made []Made
	for _, p := range pairs {
		made = append(made, p.made)
	}
	return made
}

// lose makes all flows retransmit at the same time.
func lose(ctx context.Context, pairs []*pair) error {
	errs := make([]error, len(pairs))
	var group sync.WaitGroup
	for i, p := range pairs {
		group.Go(func() {
			if err := p.lose(ctx); err != nil {
				errs[i] = fmt.Errorf("flow %d: %w", i, err)
			}
		})
	}
	group.Wait()
	return errors.Join(errs...)
}

// wait asks until done says yes. There is nothing to sleep on: TCP tells nobody that it
// drops a segment. A millisecond is short beside the 200 until the next attempt.
func wait(ctx context.Context, what string, done func() (bool, error)) error {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		ok, err := done()
		if err != nil || ok {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w", what, ctx.Err())
		case <-tick.C:
		}
	}
}

// noLossProbes sets a sysctl of the namespace; 0 means never (Documentation/networking/
// ip-sysctl.rst, tcp_early_retrans).
func (n *network) noLossProbes() error {
	return n.do(func() error { return sysctl("net/ipv4/tcp_early_retrans", "0") })
}
