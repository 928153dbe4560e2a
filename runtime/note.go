package runtime

import (
	"errors"
	"fmt"
	"math"
	goruntime "runtime"
	"strconv"
	"strings"

	"github.com/cilium/ebpf/asm"

	"github.com/ebgen/ebgen/spec/binary"
)

// notePrefix begins the names of the functions that take an argument of a USDT probe; see
// plan.Note.
const notePrefix = "usdt_argument_"

func noteFunction(index int) string { return notePrefix + strconv.Itoa(index) }

// noteIndex returns which argument a function of an object takes.
func noteIndex(symbol string) (index int, ok bool) {
	digits, ok := strings.CutPrefix(symbol, notePrefix)
	if !ok {
		return 0, false
	}
	index, err := strconv.Atoi(digits)
	return index, err == nil
}

// savedRegister is where a register of the traced program lies in the context of a program,
// and what of it a name means.
type savedRegister struct {
	offset int16 // in struct pt_regs
	shift  int   // of the name's lowest bit
	size   int   // bytes
	zero   bool  // arm64's zero register, which is not saved
}

// noteCode returns the instructions of a function
//
//	long usdt_argument_N(struct pt_regs *ctx, u64 *value)
//
// that takes an argument from where a note says. It gives 0, or the negative errno of a
// read of user memory that failed.
func noteCode(a binary.Arg) (asm.Instructions, error) {
	switch a.Size {
	case 1, 2, 4, 8:
	default:
		return nil, fmt.Errorf("it is %d bytes large", a.Size)
	}
	if a.Float {
		return nil, errors.New("it is a floating-point number, which the language does not have")
	}
	var code asm.Instructions
	switch a.Kind {
	case binary.Constant:
		code = asm.Instructions{asm.LoadImm(asm.R3, a.Value, asm.DWord)}
		code = append(code, extend(asm.R3, a)...)
		code = append(code, asm.StoreMem(asm.R2, 0, asm.R3, asm.DWord))
	case binary.Register:
		load, size, err := loadRegister(asm.R3, asm.R1, a.Base)
		if err != nil {
			return nil, err
		}
		code = load
		if size >= a.Size { // what a narrower name means is zero-extended already
			code = append(code, extend(asm.R3, a)...)
		}
		code = append(code, asm.StoreMem(asm.R2, 0, asm.R3, asm.DWord))
	case binary.Memory:
		address, err := noteAddress(a)
		if err != nil {
			return nil, err
		}
		return memoryCode(address, a), nil
	default:
		return nil, errors.New(a.Why)
	}
	return append(code, asm.Mov.Imm(asm.R0, 0), asm.Return()), nil
}

// memoryCode reads an argument whose address is computed into R3 from the context in R1.
func memoryCode(address asm.Instructions, a binary.Arg) asm.Instructions {
	const slot = -8 // of the stack
	width := map[int]asm.Size{1: asm.Byte, 2: asm.Half, 4: asm.Word, 8: asm.DWord}[a.Size]
	code := asm.Instructions{asm.Mov.Reg(asm.R6, asm.R2)}
	code = append(code, address...)
	code = append(code,
		asm.Mov.Reg(asm.R1, asm.R10),
		asm.Add.Imm(asm.R1, slot),
		asm.Mov.Imm(asm.R2, int32(a.Size)),
		asm.FnProbeReadUser.Call(),
	)
	taken := append(asm.Instructions{asm.LoadMem(asm.R3, asm.R10, slot, width)}, extend(asm.R3, a)...)
	taken = append(taken, asm.StoreMem(asm.R6, 0, asm.R3, asm.DWord), asm.Mov.Imm(asm.R0, 0))
	// A failed read goes to the last instruction, with its errno in R0.
	code = append(code, asm.Instruction{OpCode: asm.OpCode(asm.JumpClass).SetJumpOp(asm.JNE).SetSource(asm.ImmSource), Dst: asm.R0, Offset: int16(len(taken))})
	return append(append(code, taken...), asm.Return())
}

// extend makes 64 bits of the value in a register, as the note gives its width and sign.
func extend(r asm.Register, a binary.Arg) asm.Instructions {
	if a.Size == 8 {
		return nil
	}
	back := asm.RSh
	if a.Signed {
		back = asm.ArSh
	}
	unused := int32(64 - 8*a.Size)
	return asm.Instructions{asm.LSh.Imm(r, unused), back.Imm(r, unused)}
}

// noteAddress computes the address of an argument in memory into R3, of the context in R1.
func noteAddress(a binary.Arg) (asm.Instructions, error) {
	code := asm.Instructions{asm.LoadImm(asm.R3, a.Value, asm.DWord)}
	base := a.Base
	if a.Relative {
		base = instructionPointer
	}
	if base != "" {
		load, _, err := loadRegister(asm.R4, asm.R1, base)
		if err != nil {
			return nil, err
		}
		code = append(append(code, load...), asm.Add.Reg(asm.R3, asm.R4))
	}
	if a.Index != "" {
		load, _, err := loadRegister(asm.R4, asm.R1, a.Index)
		if err != nil {
			return nil, err
		}
		if a.Scale < 0 || a.Scale > math.MaxInt32 {
			return nil, fmt.Errorf("its index is scaled by %d", a.Scale)
		}
		code = append(append(code, load...), asm.Mul.Imm(asm.R4, int32(max(1, a.Scale))), asm.Add.Reg(asm.R3, asm.R4))
	}
	return code, nil
}

// loadRegister loads what a register's name means, zero-extended, and returns its size.
func loadRegister(to, ctx asm.Register, name string) (asm.Instructions, int, error) {
	r, ok := registersOf(goruntime.GOARCH)(name)
	if !ok {
		return nil, 0, fmt.Errorf("it is in the register %s, which the kernel does not save for a probe", name)
	}
	if r.zero {
		return asm.Instructions{asm.Mov.Imm(to, 0)}, r.size, nil
	}
	code := asm.Instructions{asm.LoadMem(to, ctx, r.offset, asm.DWord)}
	if r.shift > 0 {
		code = append(code, asm.RSh.Imm(to, int32(r.shift)))
	}
	if r.size < 8 {
		unused := int32(64 - 8*r.size)
		code = append(code, asm.LSh.Imm(to, unused), asm.RSh.Imm(to, unused))
	}
	return code, r.size, nil
}

// instructionPointer is a name for it that both architectures' tables have.
const instructionPointer = "rip"

// registersOf returns how an architecture's registers are saved, nothing for another than
// those of the house.
func registersOf(arch string) func(name string) (savedRegister, bool) {
	switch arch {
	case "amd64":
		return func(name string) (savedRegister, bool) { r, ok := amd64Registers[name]; return r, ok }
	case "arm64":
		return arm64Register
	}
	return func(string) (savedRegister, bool) { return savedRegister{}, false }
}

// amd64Registers are those of struct pt_regs, arch/x86/include/asm/ptrace.h (Linux 6.18),
// by the names of the AMD64 manual, volume 1, 3.1.
var amd64Registers = func() map[string]savedRegister {
	all := map[string]savedRegister{instructionPointer: {offset: 128, size: 8}}
	for name, offset := range map[string]int16{
		"bp": 32, "bx": 40, "ax": 80, "cx": 88, "dx": 96, "si": 104, "di": 112, "sp": 152,
	} {
		all["r"+name] = savedRegister{offset: offset, size: 8}
		all["e"+name] = savedRegister{offset: offset, size: 4}
		all[name] = savedRegister{offset: offset, size: 2}
		if letter, x := strings.CutSuffix(name, "x"); x {
			all[letter+"l"] = savedRegister{offset: offset, size: 1}
			all[letter+"h"] = savedRegister{offset: offset, shift: 8, size: 1}
		} else {
			all[name+"l"] = savedRegister{offset: offset, size: 1}
		}
	}
	for number, offset := range map[int]int16{8: 72, 9: 64, 10: 56, 11: 48, 12: 24, 13: 16, 14: 8, 15: 0} {
		name := "r" + strconv.Itoa(number)
		all[name] = savedRegister{offset: offset, size: 8}
		all[name+"d"] = savedRegister{offset: offset, size: 4}
		all[name+"w"] = savedRegister{offset: offset, size: 2}
		all[name+"b"] = savedRegister{offset: offset, size: 1}
	}
	return all
}()

// arm64Register finds a register in struct user_pt_regs, arch/arm64/include/uapi/asm/ptrace.h
// (Linux 6.18): x0 to x30, their low halves w0 to w30, and what has names of its own.
func arm64Register(name string) (savedRegister, bool) {
	switch name {
	case "sp":
		return savedRegister{offset: 248, size: 8}, true
	case "wsp":
		return savedRegister{offset: 248, size: 4}, true
	case instructionPointer:
		return savedRegister{offset: 256, size: 8}, true
	case "fp":
		name = "x29"
	case "lr":
		name = "x30"
	case "xzr":
		return savedRegister{size: 8, zero: true}, true
	case "wzr":
		return savedRegister{size: 4, zero: true}, true
	}
	size := 8
	digits, ok := strings.CutPrefix(name, "x")
	if !ok {
		size = 4
		if digits, ok = strings.CutPrefix(name, "w"); !ok {
			return savedRegister{}, false
		}
	}
	number, err := strconv.Atoi(digits)
	if err != nil || number < 0 || number > 30 || strconv.Itoa(number) != digits {
		return savedRegister{}, false
	}
	return savedRegister{offset: int16(8 * number), size: size}, true
}
