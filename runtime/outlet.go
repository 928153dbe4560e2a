package runtime

import (
	"context"
	"errors"
	"syscall"
	"time"
)

// patience is how long an output may keep a run from ending that has been told to end:
// a pager that nobody scrolls takes nothing, ever.
const patience = 2 * time.Second

var errStuck = errors.New("the output took nothing for " + patience.String() + " after the end")

// outlet is a sink, and what is known of it.
type outlet struct {
	sink      Sink
	look      func() // called now and then, also while the sink blocks
	taken     uint64 // records, or rows, that left the kernel
	delivered uint64 // of these, accepted by the output when it was last asked
	failed    error  // the output's error
}

// flush passes on what the sink holds and asks it what was delivered. Once ctx is done
// an output that takes nothing is given up; it keeps the sink, so that the sink is not
// used any more.
func (o *outlet) flush(ctx context.Context) {
	o.write(ctx, false)
}

// end is flush at the end of the run.
func (o *outlet) end() {
	done, cancel := context.WithCancel(context.Background())
	cancel()
	o.write(done, true)
}

func (o *outlet) write(ctx context.Context, last bool) {
	if c, ok := o.sink.(Composer); ok && o.failed == nil {
		o.failed = c.Compose(last)
	}
	if o.failed != nil {
		return
	}
	result := make(chan error, 1)
	go func() { result <- o.sink.Flush() }()
	err := o.await(ctx, result)
	if errors.Is(err, errStuck) {
		o.failed = errStuck
		return
	}
	o.failed = err
	o.delivered = o.sink.Delivered()
}

// await returns the result of a flush, errStuck when there is none in time.
func (o *outlet) await(ctx context.Context, result <-chan error) error {
	looking := time.NewTicker(lookInterval)
	defer looking.Stop()
	for {
		select {
		case err := <-result:
			return err
		case <-looking.C:
			o.look()
			continue
		case <-ctx.Done():
		}
		late := time.NewTimer(patience)
		defer late.Stop()
		select {
		case err := <-result:
			return err
		case <-late.C:
			return errStuck
		}
	}
}

// account is carrier.account.
func (o *outlet) account(a *Account) {
	a.Delivered, a.LostSink = o.delivered, o.taken-o.delivered
	switch {
	case errors.Is(o.failed, syscall.EPIPE):
		a.End = PipeClosed
	case o.failed != nil:
		a.End = SinkFailed
	}
}

// err is carrier.err.
func (o *outlet) err() error { return o.failed }
