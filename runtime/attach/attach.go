// Package attach ties loaded BPF programs to the places in the kernel that run them.
//
// In goes a program and its target in the kernel's words; out comes a Link that
// counts what the kernel could not deliver and takes the program down again, or a
// Refusal that says in words why this kernel does not have it.
//
//	l, err := attach.To(plan.Kprobe, "tcp_retransmit_skb", program)
//	if err != nil {
//		return err // kprobe:tcp_retransmit_skb: this kernel is built without kprobes (CONFIG_KPROBE_EVENTS)
//	}
//	defer l.Close()
package attach

import (
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"

	"github.com/ebgen/ebgen/spec/plan"
)

// Link is one attached program. Its program must stay open as long as Missed is asked.
type Link struct {
	kind    plan.AttachKind
	program *ebpf.Program
	hook    hook
	closed  bool
	missed  uint64 // of the hook, when it was closed
}

// hook is what a kind of attachment gives back.
type hook interface {
	Close() error
}

// A hook that counts the events for which the kernel could not run the program.
type misser interface{ missed() uint64 }

// A hook that runs its program when asked, not when something happens.
type runner interface{ run(room func() error) error }

// kind is one way to attach.
type kind struct {
	// offered says why this kernel cannot have the kind at all, before any program is
	// loaded; nil for a kind that every supported kernel has.
	offered func() error
	attach  func(target string, program *ebpf.Program) (hook, error)
	causes  []cause
}

// kinds lists the kinds of attachment; each has a file of its own.
var kinds = map[plan.AttachKind]kind{
	plan.RawTracepoint: {attach: rawTracepoint, causes: rawTracepointCauses},
	plan.Tracepoint:    {attach: tracepoint, causes: tracepointCauses},
	plan.Kprobe:        {offered: haveKprobes, attach: kprobe, causes: kprobeCauses},
	plan.Kretprobe:     {offered: haveKprobes, attach: kretprobe, causes: kprobeCauses},
	plan.Fentry:        {attach: tracing(ebpf.AttachTraceFEntry), causes: tracingCauses},
	plan.Fexit:         {attach: tracing(ebpf.AttachTraceFExit), causes: tracingCauses},
	plan.Iterator:      {attach: iterator, causes: iteratorCauses},
	plan.Uprobe:        {offered: haveUprobes, attach: noSites, causes: uprobeCauses},
	plan.Uretprobe:     {offered: haveUprobes, attach: noSites, causes: uprobeCauses},
	plan.USDT:          {offered: haveUprobes, attach: noSites, causes: uprobeCauses},
	plan.Profile:       {attach: sampled(plan.Profile), causes: samplingCauses},
	plan.Interval:      {attach: sampled(plan.Interval), causes: samplingCauses},
	plan.Software:      {attach: sampled(plan.Software), causes: samplingCauses},
	plan.Hardware:      {attach: sampled(plan.Hardware), causes: samplingCauses},
	plan.Begin:         {attach: onDemand, causes: onDemandCauses},
	plan.End:           {attach: onDemand, causes: onDemandCauses},
}

// Offered returns nil when this kernel may have attachments of a kind, else a
// *Refusal. It loads nothing.
func Offered(k plan.AttachKind, target string) error {
	known, ok := kinds[k]
	if !ok {
		return &Refusal{Kind: k, Target: target, Why: "this ebgen does not know the kind"}
	}
	if known.offered == nil {
		return nil
	}
	if err := known.offered(); err != nil {
		return &Refusal{Kind: k, Target: target, Why: err.Error(), Err: err}
	}
	return nil
}

// To attaches a loaded program to a target, as the plan's kinds spell theirs; one in user
// space has sites, and At. An error is a *Refusal.
func To(k plan.AttachKind, target string, program *ebpf.Program) (*Link, error) {
	if err := Offered(k, target); err != nil {
		return nil, err
	}
	h, err := kinds[k].attach(target, program)
	if err != nil {
		return nil, Explain(k, target, err)
	}
	return &Link{kind: k, program: program, hook: h}, nil
}

// Missed returns how many events the program did not see because the kernel could not
// run it: a kprobe hit inside another one, a kretprobe without a free instance, a
// program that would have interrupted itself. Kernels before 5.12 do not count the
// last, those before 6.7 not the others.
func (l *Link) Missed() uint64 {
	n := l.missed
	if m, ok := l.hook.(misser); ok && !l.closed {
		n = m.missed()
	}
	// The kernel counts these whether or not BPF statistics are switched on
	// (bpf_prog_inc_misses_counter, kernel/bpf/syscall.c, Linux 5.12).
	if stats, err := l.program.Stats(); err == nil {
		n += stats.RecursionMisses
	}
	return n
}

// Run runs an iterator over everything there is, a program of begin or end once, and does
// nothing for programs that run when something happens. An iterator stops where its
// program has found no room for an object, and after very many objects: it goes on with the
// same object, or the next one, when room has returned nil, and ends with its error
// otherwise. A nil room lets it go on at once.
func (l *Link) Run(room func() error) error {
	if r, ok := l.hook.(runner); ok {
		return r.run(room)
	}
	return nil
}

// Kind returns the kind of attachment.
func (l *Link) Kind() plan.AttachKind { return l.kind }

// Close detaches the program; a run that has begun on another CPU may still finish. A
// second Close does nothing.
func (l *Link) Close() error {
	if l.closed {
		return nil
	}
	if m, ok := l.hook.(misser); ok {
		l.missed = m.missed()
	}
	l.closed = true
	return l.hook.Close()
}

// kernelLink is a hook that needs nothing beyond what the kernel's link gives.
func kernelLink(l link.Link, err error) (hook, error) {
	if err != nil {
		return nil, fmt.Errorf("attach: %w", err)
	}
	return l, nil
}
