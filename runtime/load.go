package runtime

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"

	"github.com/ebgen/ebgen/runtime/attach"
	"github.com/ebgen/ebgen/spec/plan"
)

// AttachError is a probe of which this kernel has no alternative.
type AttachError struct {
	File     string
	Line     int
	Probe    string   // as the spec spells it
	Refusals []string // one for each alternative, "KIND:TARGET: why", in the order tried
}

// Error names the probe on the first line and each alternative on one of its own.
func (e *AttachError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s:%d: this kernel cannot attach %s", e.File, e.Line, e.Probe)
	for _, r := range e.Refusals {
		b.WriteString("\n  ")
		b.WriteString(r)
	}
	return b.String()
}

// attach loads and attaches the first alternative of a probe that this kernel accepts.
// A program that the verifier rejects ends the search: the alternatives share its body.
func (t *tracer) attach(ctx context.Context, p *plan.Probe) error {
	refusals := append([]string(nil), p.Refused...)
	for i := range p.Alternatives {
		if err := ctx.Err(); err != nil {
			return err
		}
		a := &p.Alternatives[i]
		err := t.attachOne(a)
		if err == nil {
			t.verbose("%s: attached as %s:%s, %s", p.Name, a.Kind, a.Target, t.size())
			return nil
		}
		var refusal *attach.Refusal
		if !errors.As(err, &refusal) {
			return err
		}
		t.verbose("%s: not as %v", p.Name, refusal)
		refusals = append(refusals, refusal.Error())
	}
	if p.Optional {
		t.leftOut(p, refusals)
		return nil
	}
	return &AttachError{File: t.plan.File, Line: p.Line, Probe: p.Name, Refusals: refusals}
}

// leftOut says that the tracer runs without a probe. Where the kernel has no such thing
// that is what the spec foresaw; that it refuses what it has is told without being asked.
func (t *tracer) leftOut(p *plan.Probe, refusals []string) {
	say := t.verbose
	if len(p.Alternatives) > 0 {
		say = func(format string, args ...any) { t.notice(fmt.Sprintf(format, args...)) }
	}
	say("%s: left out: %s", p.Name, strings.Join(refusals, "; "))
}

// size says how long the program attached last is in the kernel, after the verifier has
// dropped what cannot be reached.
func (t *tracer) size() string {
	const instruction = 8 // bytes of struct bpf_insn, include/uapi/linux/bpf.h
	info, err := t.programs[len(t.programs)-1].Info()
	if err != nil {
		return "of unknown size"
	}
	size, err := info.TranslatedSize()
	if err != nil {
		return "of unknown size"
	}
	return fmt.Sprintf("%d instructions", size/instruction)
}

// attachOne loads and attaches one alternative. An error that is a *attach.Refusal
// means that the next one may be tried.
func (t *tracer) attachOne(a *plan.Attachment) error {
	if err := attach.Offered(a.Kind, a.Target); err != nil {
		return err
	}
	if before := t.refused[a.Kind]; before != nil {
		return &attach.Refusal{Kind: a.Kind, Target: a.Target, Why: before.Why, Err: before.Err}
	}
	if a.Kind.UserSpace() {
		return t.attachUser(a)
	}
	if strings.Contains(a.Target, "*") {
		return t.attachPattern(a)
	}
	program, err := t.load(a, nil)
	if err != nil {
		return err
	}
	l, err := attach.To(a.Kind, a.Target, program)
	if err != nil {
		return errors.Join(err, program.Close())
	}
	t.programs = append(t.programs, program)
	t.links = append(t.links, l)
	return nil
}

// load loads the program of one alternative, and no other. change, unless nil, gets what
// is loaded before it is.
func (t *tracer) load(a *plan.Attachment, change func(*ebpf.ProgramSpec)) (*ebpf.Program, error) {
	spec := t.spec.Programs[a.Program]
	if spec == nil {
		return nil, fmt.Errorf("the object has no program called %s", a.Program)
	}
	spec = spec.Copy()
	t.types.number(spec)
	if change != nil {
		change(spec)
	}
	for i := range spec.Instructions {
		ins := &spec.Instructions[i]
		if !ins.IsLoadFromMap() || ins.Reference() == "" {
			continue
		}
		m := t.maps[ins.Reference()]
		if m == nil {
			return nil, fmt.Errorf("program %s: the object has no map called %s", a.Program, ins.Reference())
		}
		if err := ins.AssociateMap(m); err != nil {
			return nil, fmt.Errorf("program %s: map %s: %w", a.Program, ins.Reference(), err)
		}
	}
	types, err := t.types.forProgram(spec)
	if err != nil {
		return nil, err
	}
	loaded, err := ebpf.NewCollectionWithOptions(
		&ebpf.CollectionSpec{Programs: map[string]*ebpf.ProgramSpec{a.Program: spec}, Types: t.spec.Types, ByteOrder: t.spec.ByteOrder},
		ebpf.CollectionOptions{Cache: t.types.cache, Programs: ebpf.ProgramOptions{KernelTypes: types}},
	)
	if err == nil {
		return loaded.Programs[a.Program], nil
	}
	return nil, t.explainLoad(a, spec, err)
}

// targetErrors are the errors that say something about the kernel or the target when no
// instruction has been looked at. Any other is a failure of ours or of the machine.
var targetErrors = []error{
	ebpf.ErrNotSupported, btf.ErrNotFound, btf.ErrMultipleMatches,
	unix.EPERM, unix.EACCES, unix.ENOENT, unix.EINVAL, unix.EOPNOTSUPP, unix.E2BIG,
}

// explainLoad tells a kernel that does not have the attachment (*attach.Refusal) from a
// program that is wrong (*VerifierError).
func (t *tracer) explainLoad(a *plan.Attachment, spec *ebpf.ProgramSpec, err error) error {
	var rejected *ebpf.VerifierError
	if errors.As(err, &rejected) && len(rejected.Log) > 0 {
		if why := targetRefusal(rejected.Log); why != "" {
			return &attach.Refusal{Kind: a.Kind, Target: a.Target, Why: why, Err: err}
		}
		e := newVerifierError(a.Program, t.plan.File, rejected, spec.Instructions)
		if e.Line == 0 && t.plan.C != nil { // a verdict on all of it: calls are only in a spec's own C
			e.Line = t.plan.C.Line
		}
		return e
	}
	if errors.Is(err, unix.EFAULT) {
		return t.gaveUp(a, err)
	}
	for _, known := range targetErrors {
		if !errors.Is(err, known) {
			continue
		}
		refusal := attach.Explain(a.Kind, a.Target, err)
		if (a.Kind == plan.Fentry || a.Kind == plan.Fexit) && errors.Is(err, unix.EPERM) {
			// Who may load a program at all is asked before the target is looked at
			// (bpf_prog_load, kernel/bpf/syscall.c), so the next target has no better luck.
			t.refused[a.Kind] = refusal
		}
		return refusal
	}
	return fmt.Errorf("load %s for %s:%s: %w", a.Program, a.Kind, a.Target, err)
}

// gaveUp is the rejection of a program with so many jumps on one path that the verifier's
// stack of branches is full (push_stack, kernel/bpf/verifier.c). The kernel answers EFAULT
// and names the line in its log, but the library does not give away the log of an EFAULT
// (newProgramWithOptions, cilium/ebpf 0.22). Loops are only in a spec's own C.
func (t *tracer) gaveUp(a *plan.Attachment, err error) error {
	e := &VerifierError{Program: a.Program, File: t.plan.File, Cause: "a loop runs for more rounds than the verifier follows", Fix: "fewer rounds, fewer branches within a loop", err: err}
	if t.plan.C != nil {
		e.Line = t.plan.C.Line
	}
	return e
}

// sweep runs the iterator program that notes what is there already, once.
func (t *tracer) sweep(program string) error {
	spec := t.spec.Programs[program]
	if spec == nil {
		return fmt.Errorf("the object has no program called %s", program)
	}
	a := &plan.Attachment{Kind: plan.Iterator, Target: spec.AttachTo, Program: program}
	p, err := t.load(a, nil)
	if err != nil {
		return err
	}
	defer p.Close()
	l, err := attach.To(a.Kind, a.Target, p)
	if err != nil {
		return err
	}
	return errors.Join(l.Run(nil), l.Close())
}
