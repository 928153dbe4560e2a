// Package runtime runs a compiled tracer.
//
// In goes a plan.Bundle, values for its params and a Sink; the programs are loaded,
// attached, drained, accounted for and taken down. Out go records to the sink and one
// Account that says what became of every event.
//
//	account, err := runtime.Run(ctx, bundle, runtime.Options{
//		Params: map[string][]string{"port": {"443"}},
//		Sink:   sink,
//	})
//
// Nothing here knows YAML or a compiler: a built tracer and `ebgen run` take this path
// with the same bundle.
package runtime

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/ebgen/ebgen/spec/plan"
)

// Options say how a bundle is run. Only Sink is required.
type Options struct {
	Params       map[string][]string              // values of params, as ParseParams takes them
	Sink         Sink                             // where records go
	Duration     time.Duration                    // from attached to detached; 0 for the plan's, else no end
	Count        uint64                           // records to deliver; 0 for the plan's, else no end
	RingSize     int                              // bytes of the channel, rounded up to a power of two of pages; 0 for the plan's
	PollInterval time.Duration                    // between looks at a busy channel; 0 for 2 ms
	BTF          string                           // file with the kernel's types, for kernels without BTF
	Verbose      func(format string, args ...any) // told which alternative was taken and why others were not
	Ready        func()                           // called once everything is attached
}

// Sink takes records. Run calls it from one goroutine at a time and never closes it.
type Sink interface {
	// Write takes one record, which is valid during the call only. The record lies in the
	// kernel's buffer meanwhile, so Write must not wait for anything.
	Write(record []byte) error
	// Flush passes on what Write took. It may block; then records wait in the channel.
	Flush() error
	// Delivered returns how many records the output has accepted to their last byte.
	Delivered() uint64
}

// pollInterval is short enough that a ring of 1 MiB holds what five million 80-byte
// records a second leave between two looks, and long enough to cost a core nothing.
const pollInterval = 2 * time.Millisecond

// The causes for which a run ends by itself.
var (
	errTimeUp    = errors.New("the duration is over")
	errExhausted = errors.New("all iterators have run")
)

// Run runs a bundle until ctx is done, the duration or count is reached, or the output
// fails, and returns the account of what was traced. Ctrl-C, a duration, a count and a
// closed pipe are ordinary ends; their error is nil. An account comes with an error
// when the output failed. Before everything is attached there is none: then the error
// is ctx's, a *ParamError, *RightsError, *AttachError, *VerifierError, ErrNoBTF or what
// the kernel said.
func Run(ctx context.Context, b *plan.Bundle, o Options) (_ *Account, err error) {
	o = o.withDefaults(b.Plan)
	params, err := ParseParams(b.Plan, o.Params)
	if err != nil {
		return nil, err
	}
	if err := checkRights(b.Plan); err != nil {
		return nil, err
	}
	t, err := open(b, params, o)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	if err := t.attachAll(ctx); err != nil {
		return nil, err
	}

	run, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	if o.Duration > 0 {
		defer time.AfterFunc(o.Duration, func() { stop(errTimeUp) }).Stop()
	}
	iterated := t.iterate(func() { stop(errExhausted) })
	woken := make(chan struct{})
	go func() {
		defer close(woken)
		<-run.Done()
		t.channel.wake()
	}()
	if o.Ready != nil {
		o.Ready()
	}

	p := newPump(t.channel, o)
	failure := p.run(run)
	stop(nil)
	<-woken
	// Detach, wait for programs that are still running, take what they submitted, and only
	// then read the counters: nothing that was submitted is left out.
	failure = errors.Join(failure, <-iterated)
	failure = errors.Join(failure, t.detach())
	failure = errors.Join(failure, p.finish())
	account := t.account()
	account.End = p.end(context.Cause(run))
	account.Delivered = p.delivered
	account.LostSink = p.taken - p.delivered
	if p.failed != nil && account.End == SinkFailed {
		failure = errors.Join(failure, fmt.Errorf("write the output: %w", p.failed))
	}
	return account, failure
}

// withDefaults fills in what the caller left to the plan.
func (o Options) withDefaults(p *plan.Plan) Options {
	if o.Duration == 0 {
		o.Duration = time.Duration(p.Limits.Duration)
	}
	if o.Count == 0 {
		o.Count = p.Limits.Count
	}
	if o.RingSize == 0 {
		o.RingSize = p.Channel.Size
	}
	if o.PollInterval == 0 {
		o.PollInterval = pollInterval
	}
	if o.Verbose == nil {
		o.Verbose = func(string, ...any) {}
	}
	return o
}

// end names the way in which the pump stopped.
func (p *pump) end(cause error) End {
	switch {
	case errors.Is(p.failed, syscall.EPIPE):
		return PipeClosed
	case p.failed != nil:
		return SinkFailed
	case p.count > 0 && p.taken >= p.count:
		return CountMet
	case errors.Is(cause, errTimeUp):
		return TimeUp
	case errors.Is(cause, errExhausted):
		return Exhausted
	}
	return Interrupted
}
