package vet

import "github.com/cilium/ebpf/asm"

// Since Linux 6.18 a uprobe's program may write the registers that it is called with, and
// they become those of the process (commit 7384893d970e, "bpf: Allow uprobe program to
// change context registers"). The verifier does not tell such a program from one that looks:
// that is left to those who load it.

// frameSize is the bytes of a function's stack (MAX_BPF_STACK, include/linux/filter.h).
const frameSize = 512

// places is where an address may be: registers by their numbers, and the 8-byte slots of the
// function's stack, counted down from its end.
type places struct {
	registers uint16
	slots     uint64
}

func (p places) join(o places) places { return places{p.registers | o.registers, p.slots | o.slots} }

func (p places) has(r asm.Register) bool { return p.registers>>r&1 == 1 }

func (p *places) set(r asm.Register, here bool) {
	p.registers &^= 1 << r
	if here {
		p.registers |= 1 << r
	}
}

// slots is the bits of the slots that size bytes at an offset from the frame's end lie in.
func slots(offset int64, size int) (bits uint64) {
	for at := offset; at < offset+int64(size); at++ {
		if at < 0 && at >= -frameSize {
			bits |= 1 << ((-at - 1) / 8)
		}
	}
	return bits
}

// Addresses that are followed: of the context, and of the stack, since an address that is
// written to any other memory is a number to the verifier when it is read again.
const (
	context = iota
	frame
	addresses
)

// state is where each of the addresses may be when an instruction begins.
type state [addresses]places

// flow follows addresses through a program. It may take something for an address that is
// none, and never the other way round.
type flow struct {
	instructions asm.Instructions
	at           map[asm.RawInstructionOffset]int // index by offset, in instructions of 8 bytes
	offset       []asm.RawInstructionOffset
	functions    map[string]int
	before       []state
	reached      []bool
	pending      []int
	writes       map[int]bool
	kept         [addresses]bool // it was written to a stack, where other functions may read it
	given        [addresses]bool // it was written through a register, perhaps to the stack of a caller
	returned     [addresses]bool // a function gave it back
}

// contextWrites returns the instructions that may write to the context of a program, by
// their index.
func contextWrites(instructions asm.Instructions) map[int]bool {
	f := &flow{instructions: instructions, at: map[asm.RawInstructionOffset]int{}, functions: map[string]int{}}
	for it := instructions.Iterate(); it.Next(); {
		f.at[it.Offset] = it.Index
		f.offset = append(f.offset, it.Offset)
		if symbol := it.Ins.Symbol(); symbol != "" {
			f.functions[symbol] = it.Index
		}
	}
	for {
		kept, given, returned := f.kept, f.given, f.returned
		f.run()
		if f.kept == kept && f.given == given && f.returned == returned {
			return f.writes
		}
	}
}

// run visits every instruction until nothing new is learnt.
func (f *flow) run() {
	f.before, f.reached = make([]state, len(f.instructions)), make([]bool, len(f.instructions))
	f.writes = map[int]bool{}
	f.reach(0, state{context: {registers: 1 << asm.R1}})
	for len(f.pending) > 0 {
		i := f.pending[len(f.pending)-1]
		f.pending = f.pending[:len(f.pending)-1]
		f.step(i)
	}
}

// reach says what is where when an instruction begins.
func (f *flow) reach(i int, s state) {
	if i >= len(f.instructions) {
		return
	}
	s[frame].set(asm.RFP, true)
	for a := range s {
		s[a] = s[a].join(f.before[i][a])
	}
	if f.reached[i] && s == f.before[i] {
		return
	}
	f.before[i], f.reached[i] = s, true
	f.pending = append(f.pending, i)
}

// step carries out one instruction.
func (f *flow) step(i int) {
	ins, s := &f.instructions[i], f.before[i]
	switch class := ins.OpCode.Class(); {
	case class.IsALU():
		for a := range s {
			s[a].compute(ins)
		}
	case class == asm.LdClass:
		for a := range s {
			s[a].set(ins.Dst, false)
		}
	case class == asm.LdXClass:
		loaded := f.loaded(ins, ins.Src, s)
		for a := range s {
			s[a].set(ins.Dst, loaded[a])
		}
	case class == asm.StClass, class == asm.StXClass:
		f.store(i, ins, &s)
	case class.IsJump():
		if f.jump(i, ins, &s) {
			return
		}
	}
	f.reach(i+1, s)
}

func (p *places) compute(ins *asm.Instruction) {
	here := ins.OpCode.Source() == asm.RegSource && p.has(ins.Src)
	if ins.OpCode.ALUOp() != asm.Mov {
		here = here || p.has(ins.Dst)
	}
	p.set(ins.Dst, here)
}

// loaded says which addresses what lies at a base may be.
func (f *flow) loaded(ins *asm.Instruction, base asm.Register, s state) (loaded [addresses]bool) {
	for a := range s {
		if base == asm.RFP {
			loaded[a] = s[a].slots&slots(int64(ins.Offset), ins.OpCode.Size().Sizeof()) != 0
		} else {
			loaded[a] = f.kept[a] && s[frame].has(base)
		}
	}
	return loaded
}

// store writes a register or a constant, or does something atomically, which may also read.
func (f *flow) store(i int, ins *asm.Instruction, s *state) {
	if s[context].has(ins.Dst) {
		f.writes[i] = true
	}
	size, atomic := ins.OpCode.Size().Sizeof(), ins.OpCode.Mode() == asm.AtomicMode
	loaded, acquired, bits := f.loaded(ins, ins.Dst, *s), f.loaded(ins, ins.Src, *s), slots(int64(ins.Offset), size)
	for a := range s {
		here := ins.OpCode.Class() == asm.StXClass && s[a].has(ins.Src)
		switch {
		case here && ins.Dst == asm.RFP:
			s[a].slots |= bits
			f.kept[a] = true
		case here && s[frame].has(ins.Dst):
			s[a].slots = ^uint64(0)
			f.kept[a], f.given[a] = true, true
		case ins.Dst == asm.RFP && size == 8 && !atomic:
			s[a].slots &^= bits
		}
		if atomic && loaded[a] { // BPF_FETCH gives the source register what was there, BPF_CMPXCHG r0
			s[a].set(ins.Src, true)
			s[a].set(asm.R0, true)
		}
		if atomic && acquired[a] { // BPF_LOAD_ACQ (Linux 6.15) loads from where the source register leads
			s[a].set(ins.Dst, true)
		}
	}
}

// jump follows jumps, calls and returns, and reports whether the next instruction does not
// come next.
func (f *flow) jump(i int, ins *asm.Instruction, s *state) bool {
	switch ins.OpCode.JumpOp() {
	case asm.Exit:
		for a := range s {
			f.returned[a] = f.returned[a] || s[a].has(asm.R0)
		}
		return true
	case asm.Call:
		f.call(i, ins, s)
		return false
	case asm.Ja:
		distance := int64(ins.Offset)
		if ins.OpCode.Class() == asm.Jump32Class {
			distance = ins.Constant
		}
		f.reachOffset(i, distance, *s)
		return true
	}
	f.reachOffset(i, int64(ins.Offset), *s)
	return false
}

// reachOffset follows a jump of so many instructions of 8 bytes; one that leads nowhere is
// the verifier's to refuse.
func (f *flow) reachOffset(i int, distance int64, s state) {
	target := int64(f.offset[i]) + 1 + distance
	if to, ok := f.at[asm.RawInstructionOffset(target)]; ok && target >= 0 {
		f.reach(to, s)
	}
}

// call enters a function with its arguments, or finds a helper that writes through the
// context. Either leaves r0, and nothing in r1 to r5.
func (f *flow) call(i int, ins *asm.Instruction, s *state) {
	const arguments = 1<<asm.R1 | 1<<asm.R2 | 1<<asm.R3 | 1<<asm.R4 | 1<<asm.R5
	var given state
	for a := range s {
		given[a].registers = s[a].registers & arguments
		s[a].registers &^= arguments
		s[a].set(asm.R0, ins.IsFunctionCall() && f.returned[a])
		if ins.IsFunctionCall() && f.given[a] {
			s[a].slots = ^uint64(0)
		}
	}
	if to, ok := f.functions[ins.Reference()]; ok && ins.IsFunctionCall() {
		f.reach(to, given)
	}
	if ins.IsBuiltinCall() && uint16(observingHelpers[asm.BuiltinFunc(ins.Constant)])&(given[context].registers>>asm.R1) != 0 {
		f.writes[i] = true
	}
}
