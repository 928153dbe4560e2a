package gen

import (
	"bytes"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"

	"github.com/ebgen/ebgen/spec/plan"
	"github.com/ebgen/ebgen/spec/source"
)

// license is what every object declares: most observing helpers are for GPL-compatible
// programs only (gpl_only in struct bpf_func_proto, include/linux/bpf.h).
const license = "Dual BSD/GPL"

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

// mapTypes are the maps that hold data of the tracer's own. What is missing holds
// programs, sockets, devices or the kernel's callbacks.
var mapTypes = map[ebpf.MapType]bool{
	ebpf.Array:          true,
	ebpf.BloomFilter:    true,
	ebpf.Hash:           true,
	ebpf.LPMTrie:        true,
	ebpf.LRUCPUHash:     true,
	ebpf.LRUHash:        true,
	ebpf.PerCPUArray:    true,
	ebpf.PerCPUHash:     true,
	ebpf.PerfEventArray: true,
	ebpf.Queue:          true,
	ebpf.RingBuf:        true,
	ebpf.Stack:          true,
	ebpf.StackTrace:     true,
}

// mapSize bounds one map, in bytes, per-CPU maps for each CPU: what a spec from a stranger
// may make the kernel set aside.
const mapSize = 1 << 30

// vetObject reads the object as the loader will and refuses whatever could do more than
// observe: a spec from a stranger may bring C, and only the instructions tell what that
// C does.
func (b *build) vetObject() error {
	spec, err := ebpf.LoadCollectionSpecFromReader(bytes.NewReader(b.object))
	if err != nil {
		return b.blame("the object cannot be read: %v", err)
	}
	if err := b.vetPrograms(spec.Programs); err != nil {
		return err
	}
	return b.vetMaps(spec.Maps)
}

func (b *build) vetPrograms(programs map[string]*ebpf.ProgramSpec) error {
	planned := plannedPrograms(b.plan)
	for _, name := range slices.Sorted(maps.Keys(planned)) {
		if programs[name] == nil {
			return b.blame("program %s is in the plan and not in the object", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(programs)) {
		program := programs[name]
		kind, ok := planned[name]
		if !ok {
			return b.blame("program %s (section %s) is in the object and not in the plan", name, program.SectionName)
		}
		if got, want := (programKind{program.Type, program.AttachType}), programKinds[kind]; got != want {
			return b.blame("program %s is a %v (%v), a %s is a %v (%v)", name, got.Type, got.Attach, kind, want.Type, want.Attach)
		}
		if program.License != license {
			return b.blame("the licence is %q, want %q", program.License, license)
		}
		if err := b.vetInstructions(program.Instructions); err != nil {
			return err
		}
	}
	return nil
}

// plannedPrograms returns the kind of every program of the plan by its name.
func plannedPrograms(p *plan.Plan) map[string]plan.AttachKind {
	probes := slices.Clone(p.Probes)
	kinds := map[string]plan.AttachKind{}
	if p.Owners != nil {
		probes = append(probes, p.Owners.Probes...)
		probes = append(probes, slices.Concat(p.Owners.Ways...)...)
		kinds[p.Owners.Sweep] = plan.Iterator
	}
	for _, probe := range probes {
		for _, a := range probe.Alternatives {
			kinds[a.Program] = a.Kind
		}
	}
	return kinds
}

// vetInstructions refuses every call but those to the object's own functions and to
// what observingHelpers and observingKfuncs list. Each one is named, once a line.
func (b *build) vetInstructions(instructions asm.Instructions) error {
	var list []source.Diagnostic
	defined := map[string]bool{}
	for i := range instructions {
		defined[instructions[i].Symbol()] = true // "" for all but the first of a function
	}
	var at *btf.Line // of the last instruction that has one: those that follow share it
	for i := range instructions {
		ins := &instructions[i]
		if line, ok := ins.Source().(*btf.Line); ok {
			at = line
		}
		if why := refuse(ins, defined); why != "" {
			list = append(list, source.Diagnostic{Span: b.placeOf(at), Message: why})
		}
	}
	switch {
	case len(list) == 0:
		return nil
	case b.plan.C == nil:
		return fmt.Errorf("%w: %s", ErrBug, list[0].Message)
	}
	return b.rejected(nil, list...)
}

// placeOf returns the place in the spec that a line of the object's line information
// means, or that of the spec's own C when it means none.
func (b *build) placeOf(at *btf.Line) source.Span {
	if at == nil || path.Base(at.FileName()) != b.plan.File {
		return b.placeOfEscape()
	}
	return b.place(int(at.LineNumber()), max(1, int(at.LineColumn())))
}

// refuse says why an instruction may not be in a tracer, or nothing. defined holds the
// functions that were linked into its program.
func refuse(ins *asm.Instruction, defined map[string]bool) string {
	switch {
	case ins.IsFunctionReference():
		if !defined[ins.Reference()] {
			return fmt.Sprintf("calls %s, which is nowhere defined", ins.Reference())
		}
	case ins.OpCode.JumpOp() != asm.Call:
	case ins.OpCode.Source() != asm.ImmSource:
		return "calls through a pointer, which BPF cannot"
	case ins.IsKfuncCall():
		if !observingKfuncs[ins.Reference()] {
			return fmt.Sprintf("calls the kernel function %s: a tracer may only observe", ins.Reference())
		}
	case ins.IsBuiltinCall():
		if helper := asm.BuiltinFunc(ins.Constant); !observingHelpers[helper] {
			return fmt.Sprintf("calls the helper %s: a tracer may only observe", helperName(helper))
		}
	default:
		return "calls what is neither a function, nor a helper, nor a kernel function"
	}
	return ""
}

// helperName spells a helper as bpf-helpers(7) does: FnProbeWriteUser is
// bpf_probe_write_user.
func helperName(helper asm.BuiltinFunc) string {
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

func (b *build) vetMaps(all map[string]*ebpf.MapSpec) error {
	for _, name := range slices.Sorted(maps.Keys(all)) {
		m := all[name]
		if !mapTypes[m.Type] {
			return b.blame("map %s is a %v, which holds more than a tracer's data", name, m.Type)
		}
		if m.Pinning != ebpf.PinNone {
			return b.blame("map %s is pinned, which would outlive the tracer", name)
		}
		// A ring's size is its number of entries, of no size.
		if size := max(1, uint64(m.KeySize)+uint64(m.ValueSize)) * uint64(m.MaxEntries); size > mapSize {
			return b.blame("map %s is of %d MiB, more than %d", name, size>>20, mapSize>>20)
		}
	}
	return nil
}

// blame makes an error of what is wrong with the object as a whole: of the spec if it
// brings C, else of ours.
func (b *build) blame(format string, args ...any) error {
	message := fmt.Sprintf(format, args...)
	if b.plan.C == nil {
		return fmt.Errorf("%w: %s", ErrBug, message)
	}
	return b.rejected(nil, source.Diagnostic{Span: b.placeOfEscape(), Message: message})
}
