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
	"time"

	"github.com/ebgen/ebgen/spec/plan"
)

// Options say how a bundle is run. Only Sink is required.
type Options struct {
	Params       map[string][]string // values of params, as ParseParams takes them
	Sink         Sink                // where records go; a Reporter when the plan has a table
	Duration     time.Duration       // from attached to detached; 0 for the plan's, else no end
	Count        uint64              // records, or reports, to deliver; 0 for the plan's, else no end
	RingSize     int                 // bytes of the channel, rounded up to a power of two of pages; 0 for the plan's
	PollInterval time.Duration       // between looks at a busy channel; 0 for 2 ms
	BTF          string              // file with the kernel's types, for kernels without BTF
	KernelID     string              // of the running kernel's types, as plan.Origin has it; "" when it is not known
	// KernelFunction names a function by its number in those types, "" for none; nil when it
	// is not known, and then the numbers that a bundle gives are not used.
	KernelFunction func(number uint32) (string, error)
	Verbose        func(format string, args ...any) // told which alternative was taken and why others were not
	Ready          func()                           // called once everything is attached
	Notice         func(line string)                // told of losses as they happen, from Run's goroutine, at most once a second, and of probes that are left out
	Pid            int                              // the one process in which probes of user space fire, by which their files are found; 0 for all
	Stacks         Stacks                           // told what names the frames of stacks; nil when they are to stay numbers
	vetted         bool                             // for tests of what the verifier rejects: the object is loaded whatever it does
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

// Reporter is a Sink that takes the reports of a table.
type Reporter interface {
	Sink
	// Report takes one report: what was counted up to at, as rows that have the plan's
	// Record each, in their order. They are valid during the call only. A report may have
	// no rows. Flush follows, and Delivered counts rows.
	Report(at time.Time, rows [][]byte) error
}

// Counter is a Reporter that also takes what its reports are made of. Count takes one entry
// of the table's map, a key and the values of all CPUs as they came out of the kernel, which
// are valid during the call only; Report follows when those of a report are complete.
type Counter interface {
	Reporter
	Count(key, values []byte) error
}

// Composer is a Sink that takes its time to make of records what Flush writes. Compose does
// it, once no record lies in the kernel's buffer any more. At the end of a run last is
// true: then what is written at the end only is made too, and no record follows. However
// long it takes, the output is not taken for one that blocks.
type Composer interface {
	Sink
	Compose(last bool) error
}

// ErrNoReporter is returned for a table when Options.Sink takes no reports.
var ErrNoReporter = errors.New("the output takes no reports, which a table makes")

// pollInterval is short enough that a ring of 1 MiB holds what five million 80-byte
// records a second leave between two looks, and long enough to cost a core nothing.
const pollInterval = 2 * time.Millisecond

// The causes for which a run ends by itself.
var (
	errTimeUp    = errors.New("the duration is over")
	errExhausted = errors.New("all iterators have run")
)

// carrier brings what the tracer has found to the sink.
type carrier interface {
	// run carries until ctx is done, the count is met or something fails. An error of the
	// output ends it and is kept for err; the error returned is one of the kernel's side.
	run(ctx context.Context) error
	// wake ends a wait of run; it may be called from any goroutine.
	wake()
	// room returns when the channel has more room than it had, or with ctx's error; it is
	// called from another goroutine than run.
	room(ctx context.Context) error
	// finish carries what is left when no program runs any more.
	finish() error
	// met reports whether the count is reached.
	met() bool
	// err returns the error of the output.
	err() error
	// account writes what became of it all into a, and End when the output was the end.
	account(a *Account)
}

// newCarrier opens the tracer's side of the plan's channel.
func (t *tracer) newCarrier(o Options, look func()) (carrier, error) {
	if t.plan.Channel.Kind == plan.MapChannel {
		return newReports(t, o, look)
	}
	return newPump(t.channel, o, look), nil
}

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
	run, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	w := newWatch(run, t, o.Notice, stop)
	c, err := t.newCarrier(o, w.look)
	if err != nil {
		return nil, err
	}
	if err := t.openStacks(o.Stacks); err != nil {
		return nil, err
	}
	if err := t.attachAll(ctx); err != nil {
		return nil, err
	}
	if err := t.run(plan.Begin, nil); err != nil {
		return nil, err
	}

	if o.Duration > 0 {
		defer time.AfterFunc(o.Duration, func() { stop(errTimeUp) }).Stop()
	}
	iterated := t.iterate(run, c, func() { stop(errExhausted) })
	woken := make(chan struct{})
	go func() {
		defer close(woken)
		<-run.Done()
		c.wake()
	}()
	if o.Ready != nil {
		o.Ready()
	}

	failure := c.run(run)
	stop(nil)
	<-woken
	// Detach, wait for programs that are still running, take what they left, and only
	// then read the counters: nothing that was submitted or counted is left out.
	failure = errors.Join(failure, <-iterated)
	if t.passes() && !c.met() {
		failure = errors.Join(failure, t.run(plan.Iterator, nil))
	}
	failure = errors.Join(failure, t.detach(), t.spaces.close())
	failure = errors.Join(failure, c.finish())
	account, err := t.account()
	failure = errors.Join(failure, err)
	account.End = end(c, context.Cause(run))
	c.account(account)
	account.Full = w.full
	if account.End == SinkFailed {
		failure = errors.Join(failure, fmt.Errorf("write the output: %w", c.err()))
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
	if o.Notice == nil {
		o.Notice = func(string) {}
	}
	if o.Verbose == nil {
		o.Verbose = func(string, ...any) {}
	}
	return o
}

// end names the way in which a run stopped, unless the output stopped it.
func end(c carrier, cause error) End {
	switch {
	case c.met():
		return CountMet
	case errors.Is(cause, errTimeUp):
		return TimeUp
	case errors.Is(cause, errExhausted):
		return Exhausted
	case errors.Is(cause, errMapFull):
		return MapFull
	}
	return Interrupted
}
