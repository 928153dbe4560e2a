package binary

import (
	"debug/elf"
	"encoding/binary"
	"fmt"
	"sort"

	"golang.org/x/arch/x86/x86asm"
)

// largestFunction bounds how far from a function's start an instruction is looked for.
const largestFunction = 1 << 20

// beginsInstruction returns nil when an instruction begins at an address of the file. A
// breakpoint in the middle of one would change what the program does, which a tracer never
// may; the kernel cannot tell on x86-64, where instructions differ in length, so that they
// are counted from where the function begins.
func (f *File) beginsInstruction(address uint64) error {
	if f.elf.Machine != elf.EM_X86_64 {
		if address%4 != 0 {
			return fmt.Errorf("no instruction of %s begins at %#x: they are 4 bytes long", f.path, address)
		}
		return nil
	}
	start, ok, err := f.functionStart(address)
	if err != nil {
		return err
	}
	if !ok || address-start > largestFunction {
		return fmt.Errorf("%s does not say in which function %#x lies, and so not whether an instruction begins there", f.path, address)
	}
	offset, ok := f.offset(start)
	if !ok {
		return fmt.Errorf("%s has no code at %#x", f.path, start)
	}
	const longest = 15 // bytes of an instruction of x86
	code := make([]byte, address-start+longest)
	n, err := f.file.ReadAt(code, int64(offset))
	if n < int(address-start) {
		return fmt.Errorf("%s: %w", f.path, err)
	}
	code = code[:n]
	for at := 0; at < int(address-start); {
		length := instructionLength(code[at:])
		switch next := uint64(at + length); {
		case length == 0:
			return fmt.Errorf("the instruction of %s at %#x is not known, and so not whether one begins at %#x", f.path, start+uint64(at), address)
		case next > address-start:
			return fmt.Errorf("%#x is inside an instruction of %s, which begins at %#x", address, f.path, start+uint64(at))
		}
		at += length
	}
	return nil
}

// instructionLength is how many bytes the first instruction of code has, 0 when it is not
// known. endbr64 and endbr32, the marks of places that may be jumped to, are younger than
// the decoder (Intel SDM volume 2, ENDBR64).
func instructionLength(code []byte) int {
	if len(code) >= 4 && code[0] == 0xf3 && code[1] == 0x0f && code[2] == 0x1e && code[3]&^1 == 0xfa {
		return 4
	}
	if len(code) > 0 && vectorPrefixes[code[0]] > 0 {
		return vectorLength(code)
	}
	one, err := x86asm.Decode(code, 64)
	if err != nil || one.Op == 0 {
		return 0
	}
	return one.Len
}

// vectorPrefixes are how many bytes stand before the opcode of an instruction that begins
// with VEX of two or three bytes or with EVEX, of which the decoder knows a few alone.
var vectorPrefixes = map[byte]int{0xc5: 2, 0xc4: 3, 0x62: 4}

// vectorLength is instructionLength of those (Intel SDM volume 2, 2.1.5, 2.3 and 2.7): the
// prefix, which names a map of opcodes, the opcode, ModRM, SIB, displacement, and an
// immediate byte where the map or the opcode wants one.
func vectorLength(code []byte) int {
	const vexLongest = 11
	code = append(code[:len(code):len(code)], make([]byte, vexLongest)...) // what is cut off has no length that fits
	at := vectorPrefixes[code[0]]
	opcodes := byte(1)
	switch code[0] {
	case 0xc4:
		opcodes = code[1] & 0x1f
	case 0x62:
		opcodes = code[1] & 0x07
	}
	opcode, modRM := code[at], code[at+1]
	if at++; opcodes == 1 && opcode == 0x77 && code[0] != 0x62 { // vzeroupper, vzeroall
		return at
	}
	at++
	mode, register := modRM>>6, modRM&7
	base := register
	if mode != 3 && register == 4 {
		base = code[at] & 7
		at++
	}
	switch {
	case mode == 1:
		at++
	case mode == 2, mode == 0 && base == 5:
		at += 4
	}
	switch opcodes {
	case 1:
		if opcode >= 0x70 && opcode <= 0x73 || opcode == 0xc2 || opcode >= 0xc4 && opcode <= 0xc6 {
			at++
		}
	case 3:
		at++
	case 2, 5, 6:
	default:
		return 0
	}
	return at
}

// functionStart is where the function begins that an address lies in, by the symbols and,
// in a file without any, by what it has for unwinding stacks.
func (f *File) functionStart(address uint64) (start uint64, ok bool, err error) {
	all, err := f.All()
	if err != nil {
		return 0, false, err
	}
	i := sort.Search(len(all), func(i int) bool { return all[i].Address > address })
	for i--; i >= 0 && !ok; i-- {
		if one := all[i]; one.Size == 0 || address-one.Address < one.Size {
			start, ok = one.Address, true
		} else if address-one.Address > largestFunction {
			break
		}
	}
	if unwound, found := f.unwindStart(address); found && (!ok || unwound > start) {
		start, ok = unwound, true
	}
	return start, ok, nil
}

// unwindStart looks an address up in .eh_frame_hdr: a table of where functions begin,
// sorted, as pairs of 32-bit distances from the section (Linux Standard Base Core 5.0,
// 10.6.2; the encodings DW_EH_PE_udata4 and DW_EH_PE_datarel|sdata4 are all that linkers write).
func (f *File) unwindStart(address uint64) (uint64, bool) {
	s := f.elf.Section(".eh_frame_hdr")
	if s == nil || s.Size > largestSection {
		return 0, false
	}
	data, err := s.Data()
	const head, entry = 12, 8
	if err != nil || len(data) < head || data[0] != 1 || data[2] != 0x03 || data[3] != 0x3b {
		return 0, false
	}
	table := data[head:]
	count := min(int(binary.LittleEndian.Uint32(data[8:])), len(table)/entry)
	at := func(i int) uint64 {
		return s.Addr + uint64(int64(int32(binary.LittleEndian.Uint32(table[i*entry:]))))
	}
	i := sort.Search(count, func(i int) bool { return at(i) > address })
	if i == 0 {
		return 0, false
	}
	return at(i - 1), true
}
