package workload

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
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
	Flow
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
// own, and returns what was made, in the order of o.Flows. Each flow has exactly the
// Retransmits it asks for, and the namespace's RetransSegs counts their sum: if not,
// there is an error. It needs CAP_SYS_ADMIN.
//
// One segment is sent, and a filter of the receiver drops it so many times. Attempts are
// 200 ms apart at first and twice as far each time (TCP_RTO_MIN, include/net/tcp.h), or
// 1 s for a SYN (RFC 6298). All flows lose at the same time.
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
		// 0 means never (Documentation/networking/ip-sysctl.rst).
		if err := n.do(func() error { return sysctl("net/ipv4/tcp_early_retrans", "0") }); err != nil {
			return nil, fmt.Errorf("turn tail loss probes off: %w", err)
		}
	}
	d, err := newDropper(len(o.Flows))
	if err != nil {
		return nil, err
	}
	defer d.close()
	pairs, end, err := n.open(ctx, o.Flows)
	defer end()
	if err != nil {
		return nil, err
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
	if err := lose(ctx, pairs, d); err != nil {
		return nil, err
	}
	after, err := n.retransSegs()
	if err != nil {
		return nil, err
	}
	wanted := 0
	for _, p := range pairs {
		wanted += p.made.Retransmits
	}
	if after-before != uint64(wanted) {
		return nil, fmt.Errorf("the kernel counts %d retransmits, %d were to be made", after-before, wanted)
	}
	return all(pairs), settle()
}

// settle waits until every softirq that runs now has ended. A retransmit is counted, and
// its segment may have arrived on another CPU, before its tracepoint fires, all in one
// softirq (__tcp_retransmit_skb, net/ipv4/tcp_output.c). A softirq holds up an RCU grace
// period, for which this command of membarrier(2) waits.
func settle() error {
	const global = 1 // MEMBARRIER_CMD_GLOBAL, include/uapi/linux/membarrier.h
	_, _, errno := unix.Syscall(unix.SYS_MEMBARRIER, global, 0, 0)
	if errno != 0 {
		return os.NewSyscallError("membarrier", errno)
	}
	return nil
}

// open starts the processes and connects all flows. end closes and ends them again,
// and is there with an error too.
func (n *network) open(ctx context.Context, flows []Flow) (pairs []*pair, end func(), err error) {
	senders := map[string]*process{}
	end = func() {
		for _, p := range pairs {
			p.close()
		}
		for _, p := range senders {
			p.end()
		}
	}
	for i, f := range flows {
		if senders[f.Comm] == nil {
			p, err := n.start(f.Comm)
			if err != nil {
				return pairs, end, err
			}
			senders[f.Comm] = p
		}
		p := newPair(n, senders[f.Comm], i, f)
		pairs = append(pairs, p)
		if err := p.open(ctx); err != nil {
			return pairs, end, fmt.Errorf("flow %d: %w", i, err)
		}
	}
	return pairs, end, nil
}

// all is what was made of each pair so far.
func all(pairs []*pair) []Made {
	var made []Made
	for _, p := range pairs {
		made = append(made, p.made)
	}
	return made
}

// lose makes all flows retransmit at the same time.
func lose(ctx context.Context, pairs []*pair, d *dropper) error {
	errs := make([]error, len(pairs))
	var group sync.WaitGroup
	for i, p := range pairs {
		group.Go(func() {
			if err := p.lose(ctx, d); err != nil {
				errs[i] = fmt.Errorf("flow %d: %w", i, err)
			}
		})
	}
	group.Wait()
	return errors.Join(errs...)
}

// wait asks every millisecond until done says yes: what TCP does by itself, such as to
// change its state, it tells nobody.
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
