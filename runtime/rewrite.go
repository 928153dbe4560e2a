package runtime

import (
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
)

// replaceFunction returns instructions in which the code of one function is another. What
// says which function it is, and what the kernel's BTF is told of it, stays.
func replaceFunction(all asm.Instructions, symbol string, code asm.Instructions) asm.Instructions {
	start, end := functionBounds(all, symbol)
	fresh := append(asm.Instructions(nil), code...)
	fresh[0] = fresh[0].WithMetadata(all[start].Metadata)
	out := append(asm.Instructions(nil), all[:start]...)
	return append(append(out, fresh...), all[end:]...)
}

// functionBounds returns the first instruction of a function and the one behind its last;
// both are len(all) when it is not there.
func functionBounds(all asm.Instructions, symbol string) (start, end int) {
	for start < len(all) && all[start].Symbol() != symbol {
		start++
	}
	for end = min(start+1, len(all)); end < len(all) && all[end].Symbol() == ""; end++ {
	}
	return start, end
}

func hasFunction(all asm.Instructions, symbol string) bool {
	start, _ := functionBounds(all, symbol)
	return start < len(all)
}

// onlyIn returns a program that does nothing in another process. The kernel's own filter
// goes by memory: a child has its parent's until it calls exec, and returns from the
// functions that its parent was in when it forked (uprobe_perf_filter,
// kernel/trace/trace_uprobe.c; dup_utask, kernel/events/uprobes.c, Linux 6.18).
func onlyIn(all asm.Instructions, pid int) asm.Instructions {
	first := all[0]
	entry := btf.WithFuncMetadata(asm.Mov.Reg(asm.R6, asm.R1).WithSymbol(first.Symbol()), btf.FuncMetadata(&first))
	out := asm.Instructions{
		entry.WithSource(first.Source()),
		asm.FnGetCurrentPidTgid.Call(),
		asm.RSh.Imm(asm.R0, 32),
		{OpCode: asm.OpCode(asm.JumpClass).SetJumpOp(asm.JEq).SetSource(asm.ImmSource), Dst: asm.R0, Offset: 2, Constant: int64(pid)},
		asm.Mov.Imm(asm.R0, 0),
		asm.Return(),
		asm.Mov.Reg(asm.R1, asm.R6),
	}
	out = append(out, all...)
	second := &out[len(out)-len(all)]
	*second = btf.WithFuncMetadata(second.WithSymbol(""), nil)
	return out
}
