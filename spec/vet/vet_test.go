package vet

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"

	"github.com/ebgen/ebgen/spec/plan"
)

// object is one uprobe program with its plan, after an edit.
func object(edit func(*ebpf.CollectionSpec, *plan.Plan, *ebpf.ProgramSpec)) (*ebpf.CollectionSpec, *plan.Plan) {
	program := &ebpf.ProgramSpec{
		Name: "p", Type: ebpf.Kprobe, SectionName: "uprobe/",
		Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 0).WithSymbol("p"), asm.Return()},
	}
	spec := &ebpf.CollectionSpec{
		Programs: map[string]*ebpf.ProgramSpec{"p": program},
		Maps:     map[string]*ebpf.MapSpec{"m": {Name: "m", Type: ebpf.Hash, KeySize: 4, ValueSize: 8, MaxEntries: 64, Flags: unix.BPF_F_NO_PREALLOC}},
	}
	p := &plan.Plan{Probes: []plan.Probe{{Alternatives: []plan.Attachment{{Kind: plan.Uprobe, Target: "libc:malloc", Program: "p"}}}}}
	if edit != nil {
		edit(spec, p, program)
	}
	return spec, p
}

// code is an edit that gives the program other instructions.
func code(instructions ...asm.Instruction) func(*ebpf.CollectionSpec, *plan.Plan, *ebpf.ProgramSpec) {
	return func(_ *ebpf.CollectionSpec, _ *plan.Plan, program *ebpf.ProgramSpec) {
		program.Instructions = append(asm.Instructions{asm.Mov.Imm(asm.R0, 0).WithSymbol("p")}, append(instructions, asm.Return())...)
	}
}

// edited is an edit of the one map.
func edited(edit func(*ebpf.MapSpec)) func(*ebpf.CollectionSpec, *plan.Plan, *ebpf.ProgramSpec) {
	return func(spec *ebpf.CollectionSpec, _ *plan.Plan, _ *ebpf.ProgramSpec) { edit(spec.Maps["m"]) }
}

func kinded(edit func(*ebpf.ProgramSpec)) func(*ebpf.CollectionSpec, *plan.Plan, *ebpf.ProgramSpec) {
	return func(_ *ebpf.CollectionSpec, _ *plan.Plan, program *ebpf.ProgramSpec) { edit(program) }
}

// linked is a function of one's own.
func linked(linkage btf.FuncLinkage, body ...asm.Instruction) []asm.Instruction {
	f := &btf.Func{Name: "f", Type: &btf.FuncProto{Return: &btf.Int{Name: "int", Size: 4}}, Linkage: linkage}
	body[0] = btf.WithFuncMetadata(body[0].WithSymbol("f"), f)
	return body
}

var callF = asm.Instruction{OpCode: asm.OpCode(asm.JumpClass).SetJumpOp(asm.Call), Src: asm.PseudoCall, Constant: -1}.WithReference("f")

// acquire is r6 = load_acquire(fp - 8), as it lies in an object.
var acquire = asm.Instruction{OpCode: asm.OpCode(asm.StXClass).SetMode(asm.AtomicMode).SetSize(asm.DWord), Constant: 0x100, Dst: asm.R6, Src: asm.RFP, Offset: -8}

func TestObject(t *testing.T) {
	load := func(src asm.Register, symbol string) asm.Instruction {
		return asm.Instruction{OpCode: asm.LoadImmOp(asm.DWord), Dst: asm.R1, Src: src, Constant: 3}.WithReference(symbol)
	}
	for _, test := range []struct {
		name string
		edit func(*ebpf.CollectionSpec, *plan.Plan, *ebpf.ProgramSpec)
		want string
	}{
		{"as it was compiled", nil, ""},
		{"reads its arguments", code(asm.LoadMem(asm.R2, asm.R1, 112, asm.DWord)), ""},
		{"a map of its own", code(load(asm.PseudoMapFD, "m")), ""},
		{"a static function", code(append([]asm.Instruction{callF, asm.Return()}, linked(btf.StaticFunc, asm.Mov.Imm(asm.R0, 1))...)...), ""},
		{"keeps its context", code(
			asm.StoreMem(asm.RFP, -8, asm.R1, asm.DWord), asm.LoadMem(asm.R6, asm.RFP, -8, asm.DWord), asm.LoadMem(asm.R2, asm.R6, 0, asm.DWord),
			asm.StoreMem(asm.RFP, -8, asm.R0, asm.DWord), asm.LoadMem(asm.R6, asm.RFP, -8, asm.DWord), asm.StoreImm(asm.R6, 0, 1, asm.Word)), ""},
		{"asks for its stack", code(asm.Mov.Reg(asm.R2, asm.RFP), asm.Add.Imm(asm.R2, -64), asm.FnGetStack.Call()), ""},

		{"kills", code(asm.FnSendSignal.Call()), "calls the helper bpf_send_signal: a tracer may only observe"},
		{"loops", code(asm.FnLoop.Call()), "calls the helper bpf_loop: "},
		{"visits a map", code(asm.FnForEachMapElem.Call()), "calls the helper bpf_for_each_map_elem: "},
		{"tails", code(asm.FnTailCall.Call()), "calls the helper bpf_tail_call: "},
		{"calls back", code(load(asm.PseudoFunc, "p")), "takes the address of the function p"},
		{"may go on", code(asm.Instruction{OpCode: asm.OpCode(asm.JumpClass).SetJumpOp(asm.JCOND), Offset: -1}), "loops for as long as the kernel lets it (may_goto)"},
		{"a kfunc by its number", code(asm.Instruction{OpCode: asm.OpCode(asm.JumpClass).SetJumpOp(asm.Call), Src: asm.PseudoKfuncCall, Constant: 1234}), "calls the kernel function : a tracer may only observe"},
		{"a kfunc by its name", code(asm.Instruction{OpCode: asm.OpCode(asm.JumpClass).SetJumpOp(asm.Call), Src: asm.PseudoKfuncCall, Constant: -1}.WithReference("bpf_task_release")), "calls the kernel function bpf_task_release"},
		{"a function that is not there", code(callF), "calls f, which is nowhere defined"},
		{"a place within", code(asm.Instruction{OpCode: asm.OpCode(asm.JumpClass).SetJumpOp(asm.Call), Src: asm.PseudoCall, Constant: 0}), "calls , which is nowhere defined"},
		{"through a pointer", code(asm.Instruction{OpCode: asm.OpCode(asm.JumpClass).SetJumpOp(asm.Call).SetSource(asm.RegSource)}), "calls through a pointer"},
		{"a global function", code(append([]asm.Instruction{callF, asm.Return()}, linked(btf.GlobalFunc, asm.Mov.Imm(asm.R0, 1))...)...), "function f is not static"},
		{"somebody else's map", code(load(asm.PseudoMapFD, "")), `loads a map "", which is none of the object`},
		{"a map of another name", code(load(asm.PseudoMapValue, ".kconfig")), `loads a map ".kconfig"`},
		{"a variable of the kernel", code(load(3, "modprobe_path")), `takes the address of "modprobe_path"`},
		{"a symbol of the kernel", code(load(asm.R0, "modprobe_path")), `takes the address of "modprobe_path"`},

		{"writes a register", code(asm.StoreImm(asm.R1, 80, 1, asm.Word)), "writes to what the probe is called with"},
		{"writes through a copy", code(asm.Mov.Reg(asm.R6, asm.R1), asm.FnKtimeGetNs.Call(), asm.StoreMem(asm.R6, 0, asm.R0, asm.DWord)), "writes to what"},
		{"writes after a jump", code(asm.Mov.Reg(asm.R6, asm.R1), asm.Instruction{OpCode: asm.OpCode(asm.JumpClass).SetJumpOp(asm.JEq), Dst: asm.R1, Offset: 1}, asm.Mov.Imm(asm.R6, 0), asm.StoreImm(asm.R6, 0, 1, asm.Byte)), "writes to what"},
		{"writes after a spill", code(asm.StoreMem(asm.RFP, -16, asm.R1, asm.DWord), asm.LoadMem(asm.R7, asm.RFP, -16, asm.DWord), asm.StoreImm(asm.R7, 0, 1, asm.Word)), "writes to what"},
		{"adds", code(asm.Instruction{OpCode: asm.OpCode(asm.StXClass).SetMode(asm.AtomicMode).SetSize(asm.DWord), Dst: asm.R1, Src: asm.R0}), "writes to what"},
		{"lets a helper write", code(asm.Mov.Imm(asm.R2, 8), asm.Mov.Imm(asm.R3, 0), asm.FnProbeReadKernel.Call()), "writes to what"},
		{"lets a function write", code(append([]asm.Instruction{callF, asm.Return()}, linked(btf.StaticFunc, asm.StoreImm(asm.R1, 0, 1, asm.Word))...)...), "writes to what"},
		{"writes what a function returns", code(append([]asm.Instruction{callF, asm.StoreImm(asm.R0, 0, 1, asm.Word), asm.Return()}, linked(btf.StaticFunc, asm.Mov.Reg(asm.R0, asm.R1))...)...), "writes to what"},
		{"lets a function find it in the stack", code(append([]asm.Instruction{
			asm.StoreMem(asm.RFP, -8, asm.R1, asm.DWord), asm.Mov.Reg(asm.R1, asm.RFP), asm.Add.Imm(asm.R1, -8), callF, asm.Return(),
		}, linked(btf.StaticFunc, asm.LoadMem(asm.R2, asm.R1, 0, asm.DWord), asm.StoreImm(asm.R2, 0, 1, asm.Word))...)...), "writes to what"},
		{"lets a function put it into the stack", code(append([]asm.Instruction{
			asm.StoreMem(asm.RFP, -8, asm.R0, asm.DWord), asm.Mov.Reg(asm.R2, asm.R1), asm.Mov.Reg(asm.R1, asm.RFP), asm.Add.Imm(asm.R1, -8), callF,
			asm.LoadMem(asm.R6, asm.RFP, -8, asm.DWord), asm.StoreImm(asm.R6, 0, 1, asm.Word), asm.Return(),
		}, linked(btf.StaticFunc, asm.StoreMem(asm.R1, 0, asm.R2, asm.DWord))...)...), "writes to what"},
		{"acquires it", code(asm.StoreMem(asm.RFP, -8, asm.R1, asm.DWord), acquire, asm.StoreImm(asm.R6, 0, 1, asm.Word)), "writes to what"},

		{"another type", kinded(func(p *ebpf.ProgramSpec) { p.Type = ebpf.StructOps }), "program p is a StructOps (None), a uprobe is a Kprobe (None)"},
		{"another attach type", kinded(func(p *ebpf.ProgramSpec) { p.AttachType = ebpf.AttachTraceKprobeMulti }), "program p is a Kprobe (TraceKprobeMulti)"},
		{"may sleep", kinded(func(p *ebpf.ProgramSpec) { p.Flags = unix.BPF_F_SLEEPABLE }), "has the flags 0x10"},
		{"an unknown kind", func(_ *ebpf.CollectionSpec, p *plan.Plan, _ *ebpf.ProgramSpec) {
			p.Probes[0].Alternatives[0].Kind = "lsm"
		}, `is of a kind "lsm", which is none`},
		{"another function", func(_ *ebpf.CollectionSpec, p *plan.Plan, program *ebpf.ProgramSpec) {
			p.Probes[0].Alternatives[0] = plan.Attachment{Kind: plan.Fentry, Target: "vfs_read", Program: "p"}
			program.Type, program.AttachType, program.AttachTo = ebpf.Tracing, ebpf.AttachTraceFEntry, "vfs_write"
		}, "program p is for vfs_write, the plan says vfs_read"},
		{"no program", func(s *ebpf.CollectionSpec, _ *plan.Plan, _ *ebpf.ProgramSpec) { delete(s.Programs, "p") }, "program p is in the plan and not in the object"},

		{"programs in a map", edited(func(m *ebpf.MapSpec) { m.Type = ebpf.ProgramArray }), "map m is a ProgramArray, which holds more than a tracer's data"},
		{"maps in a map", edited(func(m *ebpf.MapSpec) { m.InnerMap = &ebpf.MapSpec{} }), "which holds more"},
		{"callbacks of the kernel", edited(func(m *ebpf.MapSpec) { m.Type = ebpf.StructOpsMap }), "map m is a StructOpsMap"},
		{"a user's ring", edited(func(m *ebpf.MapSpec) { m.Type = ebpf.UserRingbuf }), "map m is a UserRingbuf"},
		{"a pinned map", edited(func(m *ebpf.MapSpec) { m.Pinning = ebpf.PinByName }), "map m is pinned, which would outlive the tracer"},
		{"flags of a map", edited(func(m *ebpf.MapSpec) { m.Flags = 1 << 16 }), "map m has the flags 0x10000"},
		{"a large map", edited(func(m *ebpf.MapSpec) { m.MaxEntries = 1 << 25 }), "map m is of 2432 MiB, more than 1152"},
		{"a large value", edited(func(m *ebpf.MapSpec) { m.ValueSize, m.KeySize = 1<<32-1, 1<<32-1 }), "map m has keys of 4294967295 and values of 4294967295 bytes, more than 1048576"},
		{"many maps of some size", func(s *ebpf.CollectionSpec, _ *plan.Plan, _ *ebpf.ProgramSpec) {
			for _, name := range []string{"a", "b", "c", "d", "e"} {
				s.Maps[name] = &ebpf.MapSpec{Type: ebpf.RingBuf, MaxEntries: 1 << 28}
			}
		}, "the maps are of 1280 MiB together, more than 1152"},
		{"a large perf buffer", func(_ *ebpf.CollectionSpec, p *plan.Plan, _ *ebpf.ProgramSpec) {
			p.Channel = plan.Channel{Kind: plan.Perfbuf, Size: 1 << 31}
		}, "the maps are of 2048 MiB together"},
	} {
		t.Run(test.name, func(t *testing.T) {
			list := Object(object(test.edit))
			switch {
			case test.want == "" && len(list) > 0:
				t.Errorf("found %v", list)
			case test.want != "" && (len(list) == 0 || !strings.Contains(list[0].Message, test.want)):
				t.Errorf("found %v, want %q", list, test.want)
			}
		})
	}
}

// TestReadRefusesSizes gives what is no object, or would take much to be read as one.
func TestReadRefusesSizes(t *testing.T) {
	bss := func(size uint64, flags elf.SectionFlag) []byte {
		var b bytes.Buffer
		names := "\x00.bss\x00.shstrtab\x00"
		head := elf.Header64{Type: uint16(elf.ET_REL), Machine: uint16(elf.EM_BPF), Version: 1, Shoff: 64, Ehsize: 64, Shentsize: 64, Shnum: 3, Shstrndx: 2}
		copy(head.Ident[:], "\x7fELF\x02\x01\x01")
		for _, part := range []any{
			head, elf.Section64{}, elf.Section64{Name: 1, Type: uint32(elf.SHT_NOBITS), Size: size, Flags: uint64(flags)},
			elf.Section64{Name: 6, Type: uint32(elf.SHT_STRTAB), Off: 64 + 3*64, Size: uint64(len(names))}, []byte(names),
		} {
			if err := binary.Write(&b, binary.LittleEndian, part); err != nil {
				t.Fatal(err)
			}
		}
		return b.Bytes()
	}
	for _, test := range []struct {
		name   string
		object []byte
		want   string
	}{
		{"nothing", nil, "EOF"},
		{"text", []byte("name: x, and sixty-four bytes of it, so that there is an ELF header\n"), "bad magic number"},
		{"4 GiB of zeros", bss(1<<32-1, 0), "its sections hold more than 64 MiB"},
		{"sizes that wrap", bss(1<<63-1, 0), "its sections hold more than 64 MiB"},
		{"compressed", bss(64, elf.SHF_COMPRESSED), "is compressed"},
	} {
		if _, err := Read(test.object); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", test.name, err, test.want)
		}
	}
}

func TestProgramsKnowsOwners(t *testing.T) {
	probe := func(program string, kind plan.AttachKind) plan.Probe {
		return plan.Probe{Alternatives: []plan.Attachment{{Kind: kind, Program: program}}}
	}
	p := &plan.Plan{
		Probes: []plan.Probe{probe("a", plan.Fexit)},
		Owners: &plan.Owners{
			Ways:   [][]plan.Probe{{probe("b", plan.Fentry)}, {probe("c", plan.Tracepoint), probe("d", plan.Kprobe)}},
			Probes: []plan.Probe{probe("e", plan.RawTracepoint)},
			Sweep:  "f",
		},
	}
	want := map[string]plan.AttachKind{
		"a": plan.Fexit, "b": plan.Fentry, "c": plan.Tracepoint, "d": plan.Kprobe, "e": plan.RawTracepoint, "f": plan.Iterator,
	}
	got := Programs(p)
	for name, kind := range want {
		if got[name].Kind != kind {
			t.Errorf("%s is a %q, want %q", name, got[name].Kind, kind)
		}
	}
	if len(got) != len(want) || len(p.Probes) != 1 {
		t.Errorf("got %v of %v", got, p.Probes)
	}
}

func TestHelperNames(t *testing.T) {
	for helper, want := range map[asm.BuiltinFunc]string{
		asm.FnProbeWriteUser: "bpf_probe_write_user",
		asm.FnSysBpf:         "bpf_sys_bpf",
		asm.FnSkcToTcp6Sock:  "bpf_skc_to_tcp6_sock",
		asm.FnGetPrandomU32:  "bpf_get_prandom_u32",
		9999:                 "number 9999",
	} {
		if got := HelperName(helper); got != want {
			t.Errorf("%d is called %s, want %s", helper, got, want)
		}
	}
}

// TestHelpersThatAct names helpers that must never slip into the table.
func TestHelpersThatAct(t *testing.T) {
	for _, helper := range []asm.BuiltinFunc{
		asm.FnProbeWriteUser, asm.FnOverrideReturn, asm.FnSetRetval, asm.FnSendSignal, asm.FnSendSignalThread,
		asm.FnSysBpf, asm.FnSysClose, asm.FnTailCall, asm.FnRedirect, asm.FnCloneRedirect, asm.FnSetsockopt,
		asm.FnSkbStoreBytes, asm.FnTracePrintk, asm.FnTraceVprintk, asm.FnPerCpuPtr, asm.FnThisCpuPtr,
		asm.FnLoop, asm.FnForEachMapElem, asm.FnTimerSetCallback, asm.FnUserRingbufDrain,
		asm.FnSockMapUpdate, asm.FnSkAssign, asm.FnTimerStart, asm.FnKallsymsLookupName, asm.FnUnspec,
	} {
		if _, ok := observingHelpers[helper]; ok {
			t.Errorf("%s is listed as one that only observes", HelperName(helper))
		}
	}
}
