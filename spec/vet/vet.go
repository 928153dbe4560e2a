// Package vet holds a compiled tracer to what a tracer may be: something that looks.
//
// In goes a BPF object, as clang or a stranger has made it, and the plan that it is of; out
// come the reasons why it may not be loaded. Whoever compiles one asks before it is kept,
// whoever loads one before the kernel sees any of it: an object out of a cache, a file or an
// executable is not trusted to have been asked about.
//
//	spec, err := vet.Read(bundle.Object)
//	for _, f := range vet.Object(spec, bundle.Plan) {
//		fmt.Println(f.Message) // calls the helper bpf_send_signal: a tracer may only observe
//	}
//
// The kernel's verifier asks for less: it lets a tracer kill processes, write to their
// memory and change what functions return.
package vet

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"

	"github.com/ebgen/ebgen/spec/plan"
)

// Finding is one reason why an object may not be loaded.
type Finding struct {
	At      *btf.Line // of the source that the object tells of; nil when it is none or does not tell
	Message string
}

// programKind is how the kernel knows one kind of program.
type programKind struct {
	Type   ebpf.ProgramType
	Attach ebpf.AttachType
}

// programKinds gives what a program of each kind of attachment must be. None of these
// can change what it is attached to; fmod_ret can, and differs from fentry in its attach
// type alone.
var programKinds = map[plan.AttachKind]programKind{
	plan.RawTracepoint: {ebpf.RawTracepoint, ebpf.AttachNone},
	plan.Tracepoint:    {ebpf.TracePoint, ebpf.AttachNone},
	plan.Kprobe:        {ebpf.Kprobe, ebpf.AttachNone},
	plan.Kretprobe:     {ebpf.Kprobe, ebpf.AttachNone},
	plan.Fentry:        {ebpf.Tracing, ebpf.AttachTraceFEntry},
	plan.Fexit:         {ebpf.Tracing, ebpf.AttachTraceFExit},
	plan.Iterator:      {ebpf.Tracing, ebpf.AttachTraceIter},
	plan.Uprobe:        {ebpf.Kprobe, ebpf.AttachNone},
	plan.Uretprobe:     {ebpf.Kprobe, ebpf.AttachNone},
	plan.USDT:          {ebpf.Kprobe, ebpf.AttachNone},
	plan.Profile:       {ebpf.PerfEvent, ebpf.AttachNone},
	plan.Interval:      {ebpf.PerfEvent, ebpf.AttachNone},
	plan.Software:      {ebpf.PerfEvent, ebpf.AttachNone},
	plan.Hardware:      {ebpf.PerfEvent, ebpf.AttachNone},
	plan.Begin:         {ebpf.RawTracepoint, ebpf.AttachNone},
	plan.End:           {ebpf.RawTracepoint, ebpf.AttachNone},
}

// Object says why an object may not be loaded as what the plan says: programs by name, then
// maps. Programs that the plan does not name are never loaded, and not looked at.
func Object(spec *ebpf.CollectionSpec, p *plan.Plan) []Finding {
	var list []Finding
	planned := Programs(p)
	for _, name := range slices.Sorted(maps.Keys(planned)) {
		program := spec.Programs[name]
		if program == nil {
			list = append(list, found("program %s is in the plan and not in the object", name))
			continue
		}
		if f := vetKind(name, program, planned[name]); f.Message != "" {
			list = append(list, f)
			continue
		}
		list = append(list, vetInstructions(program.Instructions, spec.Maps)...)
	}
	return append(list, vetMaps(spec.Maps, p)...)
}

func found(format string, args ...any) Finding { return Finding{Message: fmt.Sprintf(format, args...)} }

// Programs returns the attachment that every program of the plan is for, by its name.
func Programs(p *plan.Plan) map[string]plan.Attachment {
	probes := slices.Clone(p.Probes)
	programs := map[string]plan.Attachment{}
	if p.Owners != nil {
		probes = append(probes, p.Owners.Probes...)
		probes = append(probes, slices.Concat(p.Owners.Ways...)...)
		programs[p.Owners.Sweep] = plan.Attachment{Kind: plan.Iterator} // of what, its program says
	}
	for _, probe := range probes {
		for _, a := range probe.Alternatives {
			programs[a.Program] = a
		}
	}
	return programs
}

// vetKind holds a program to the kind of its attachment. What a tracing program is attached
// to is part of it, and must be what the plan says. Of the flags none is for a tracer: they
// let a program sleep, or belong to other kinds.
func vetKind(name string, program *ebpf.ProgramSpec, a plan.Attachment) Finding {
	want, ok := programKinds[a.Kind]
	got := programKind{program.Type, program.AttachType}
	switch {
	case !ok:
		return found("program %s is of a kind %q, which is none", name, a.Kind)
	case got != want:
		return found("program %s is a %v (%v), a %s is a %v (%v)", name, got.Type, got.Attach, a.Kind, want.Type, want.Attach)
	case program.Flags != 0:
		return found("program %s (section %s) has the flags %#x, a tracer has none", name, program.SectionName, program.Flags)
	case want.Type == ebpf.Tracing && program.AttachTo != a.Target && a.Target != "":
		return found("program %s is for %s, the plan says %s", name, program.AttachTo, a.Target)
	}
	return Finding{}
}

// vetInstructions gives what of a program, with all functions that were linked into it, may
// not be in a tracer.
func vetInstructions(instructions asm.Instructions, maps map[string]*ebpf.MapSpec) (list []Finding) {
	defined := map[string]bool{}
	for i := range instructions {
		if symbol := instructions[i].Symbol(); symbol != "" {
			defined[symbol] = true
		}
	}
	writes := contextWrites(instructions)
	var at *btf.Line // of the last instruction that has one: those that follow share it
	for i := range instructions {
		ins := &instructions[i]
		if line, ok := ins.Source().(*btf.Line); ok {
			at = line
		}
		why := refuse(ins, defined, maps)
		if why == "" && writes[i] {
			why = "writes to what the probe is called with: a tracer may only observe"
		}
		if why == "" && i > 0 && global(ins) {
			why = fmt.Sprintf("function %s is not static: the verifier would not count how often it runs", ins.Symbol())
		}
		if why != "" {
			list = append(list, Finding{at, why})
		}
	}
	return list
}

// global reports whether a function begins here that the verifier looks at by itself, once
// and for all its calls (btf_check_subprog_call, Linux 5.6): loops that call one another
// then run for longer than any number of instructions that it follows.
func global(ins *asm.Instruction) bool {
	f := btf.FuncMetadata(ins)
	return ins.Symbol() != "" && f != nil && f.Linkage == btf.GlobalFunc
}

// refuse says why an instruction may not be in a tracer, or nothing. defined holds the
// functions that were linked into its program.
func refuse(ins *asm.Instruction, defined map[string]bool, maps map[string]*ebpf.MapSpec) string {
	switch {
	case ins.OpCode.IsDWordLoad():
		return refuseLoad(ins, maps)
	case ins.OpCode.JumpOp() == asm.JCOND:
		return "loops for as long as the kernel lets it (may_goto)"
	case ins.OpCode.JumpOp() != asm.Call:
	case ins.OpCode.Source() != asm.ImmSource:
		return "calls through a pointer, which BPF cannot"
	case ins.IsFunctionCall():
		if !defined[ins.Reference()] {
			return fmt.Sprintf("calls %s, which is nowhere defined", ins.Reference())
		}
	case ins.IsKfuncCall():
		if !observingKfuncs[ins.Reference()] {
			return fmt.Sprintf("calls the kernel function %s: a tracer may only observe", ins.Reference())
		}
	case ins.IsBuiltinCall():
		helper := asm.BuiltinFunc(ins.Constant)
		if _, ok := observingHelpers[helper]; !ok {
			return fmt.Sprintf("calls the helper %s: a tracer may only observe", HelperName(helper))
		}
	default:
		return "calls what is neither a function, nor a helper, nor a kernel function"
	}
	return ""
}

// refuseLoad says why an instruction may not load 64 bits: they are a number, or a map of
// the object or a place in one. What is missing are maps by descriptors, which are
// somebody else's, addresses of the kernel's variables, which programs could write before
// Linux 5.17 (commit 34d3a78c775e), and of functions, which nothing is to call back.
func refuseLoad(ins *asm.Instruction, maps map[string]*ebpf.MapSpec) string {
	switch {
	case ins.IsLoadOfFunctionPointer():
		return fmt.Sprintf("takes the address of the function %s, which nothing may call back", ins.Reference())
	case ins.IsLoadFromMap():
		if maps[ins.Reference()] == nil {
			return fmt.Sprintf("loads a map %q, which is none of the object", ins.Reference())
		}
	case ins.Src != asm.R0 || ins.Reference() != "":
		return fmt.Sprintf("takes the address of %q, which is not the tracer's own", ins.Reference())
	}
	return ""
}

// HelperName spells a helper as bpf-helpers(7) does: FnProbeWriteUser is
// bpf_probe_write_user.
func HelperName(helper asm.BuiltinFunc) string {
	name, ok := strings.CutPrefix(helper.String(), "Fn")
	if !ok {
		return fmt.Sprintf("number %d", uint32(helper))
	}
	var b strings.Builder
	b.WriteString("bpf")
	for _, r := range name {
		if r >= 'A' && r <= 'Z' {
			b.WriteByte('_')
		}
		b.WriteString(strings.ToLower(string(r)))
	}
	return b.String()
}
