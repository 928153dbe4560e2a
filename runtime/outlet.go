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

	// A goroutine flushes, since the output may block. All of it lives as long as the
	// outlet, so that a flush leaves nothing behind to be collected.
	asked   chan struct{} // one for each flush; closed at the end
	result  chan error
	looking *time.Timer
}

// flush passes on what the sink holds and asks it what was delivered. Once ctx is done
// an output that takes nothing is given up; it keeps the sink, so that the sink is not
// used any more.
func (o *outlet) flush(ctx context.Context) {
	o.write(ctx, false)
}

// end is flush at the end of the run. Nothing may follow it.
func (o *outlet) end() {
	done, cancel := context.WithCancel(context.Background())
	cancel()
	o.write(done, true)
}

func (o *outlet) write(ctx context.Context, last bool) {
	if last {
		defer o.stop()
	}
	if c, ok := o.sink.(Composer); ok && o.failed == nil {
		o.failed = c.Compose(last)
	}
	if o.failed != nil {
		return
	}
	if o.asked == nil {
		o.start()
	}
	o.asked <- struct{}{}
	err := o.await(ctx)
	if errors.Is(err, errStuck) {
		o.failed = errStuck
		return
	}
	o.failed = err
	o.delivered = o.sink.Delivered()
}

// start starts what flushes. A flush that is given up ends it when it returns at last.
func (o *outlet) start() {
	o.asked, o.result, o.looking = make(chan struct{}), make(chan error, 1), time.NewTimer(lookInterval)
	asked, result, sink := o.asked, o.result, o.sink
	go func() {
		for range asked {
			result <- sink.Flush()
		}
	}()
}

// stop ends it.
func (o *outlet) stop() {
	if o.asked != nil {
		close(o.asked)
		o.asked = nil
	}
}

// await returns the result of a flush, errStuck when there is none in time.
func (o *outlet) await(ctx context.Context) error {
	o.looking.Reset(lookInterval)
	defer o.looking.Stop()
	for {
		select {
		case err := <-o.result:
			return err
		case <-o.looking.C:
			o.look()
			o.looking.Reset(lookInterval)
			continue
		case <-ctx.Done():
		}
		late := time.NewTimer(patience)
		defer late.Stop()
		select {
		case err := <-o.result:
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
