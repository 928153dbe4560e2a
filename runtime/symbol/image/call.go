package image

import (
	"debug/elf"
	"encoding/binary"

	"golang.org/x/arch/x86/x86asm"
)

// behindCall reports whether an offset of the file is behind a call, as where one returns to is.
// On a machine that is not known every one may be.
func (m *Image) behindCall(offset uint64) bool {
	const longest = 7 // bytes: FF /2 with SIB and a displacement of 32 bits (Intel's manual, volume 2, "CALL")
	var code [longest]byte
	if n, _ := m.file.ReadAt(code[:], int64(offset)-longest); n < longest {
		return false
	}
	switch m.elf.Machine {
	case elf.EM_X86_64:
		for i := range code {
			if inst, err := x86asm.Decode(code[i:], 64); err == nil && inst.Op == x86asm.CALL && i+inst.Len == longest {
				return true
			}
		}
		return false
	case elf.EM_AARCH64:
		last := binary.LittleEndian.Uint32(code[longest-4:])
		return last&0xfc000000 == 0x94000000 || last&0xfefff000 == 0xd63f0000 // BL; BLR, and with authentication
	}
	return true
}
