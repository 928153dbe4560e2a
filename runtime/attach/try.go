package attach

import (
	"errors"
	"runtime"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"github.com/ebgen/ebgen/spec/binary"
	"github.com/ebgen/ebgen/spec/plan"
)

// idle describes a program that does nothing, by kind of attachment; those of tracing
// programs name their target.
var idle = map[plan.AttachKind]ebpf.ProgramSpec{
	plan.RawTracepoint: {Type: ebpf.RawTracepoint},
	plan.Tracepoint:    {Type: ebpf.TracePoint},
	plan.Kprobe:        {Type: ebpf.Kprobe},
	plan.Kretprobe:     {Type: ebpf.Kprobe},
	plan.Fentry:        {Type: ebpf.Tracing, AttachType: ebpf.AttachTraceFEntry},
	plan.Fexit:         {Type: ebpf.Tracing, AttachType: ebpf.AttachTraceFExit},
	plan.Iterator:      {Type: ebpf.Tracing, AttachType: ebpf.AttachTraceIter},
	plan.Profile:       {Type: ebpf.PerfEvent},
	plan.Interval:      {Type: ebpf.PerfEvent},
	plan.Software:      {Type: ebpf.PerfEvent},
	plan.Hardware:      {Type: ebpf.PerfEvent},
}

// Try attaches a program that does nothing to a target in the kernel and takes it down
// again: the kernel's own answer to whether it can be traced. Of user space it only asks
// whether the kernel has the kind. An error is a *Refusal.
func Try(k plan.AttachKind, target string) error {
	if err := Offered(k, target); err != nil || k.UserSpace() {
		return err
	}
	spec, ok := idle[k]
	if !ok {
		return &Refusal{Kind: k, Target: target, Why: "it cannot be tried"}
	}
	spec.License = "GPL"
	spec.Instructions = asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()}
	if spec.Type == ebpf.Tracing {
		spec.AttachTo = target
	}
	p, err := ebpf.NewProgramWithOptions(&spec, ebpf.ProgramOptions{LogDisabled: true})
	if err != nil {
		return Explain(k, target, err)
	}
	defer p.Close()
	l, err := To(k, target, p)
	if err != nil {
		return err
	}
	return l.Close()
}

// Callable says why a function of a file can have no probe, of a return probe when ret; nil
// when it can have one.
func Callable(f *binary.File, one binary.Function, ret bool) error {
	if ours := machines[runtime.GOARCH]; f.Machine() != ours {
		return errors.New("its file is for another architecture")
	}
	if ret && f.Go() {
		return errors.New("a return probe breaks a program of Go")
	}
	if one.Chosen {
		return errors.New("it is chosen when the program starts (an ifunc)")
	}
	_, err := called([]binary.Function{one}, ret, false)
	return err
}
