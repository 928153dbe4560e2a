package ktype

import (
	"encoding/binary"
	"encoding/hex"
)

// ntGNUBuildID is NT_GNU_BUILD_ID of elf(5).
const ntGNUBuildID = 3

// buildID finds the GNU build id among the ELF notes of a kernel: each is three words
// (length of the name, length of the content, type), then name and content, both
// filled up to four bytes.
func buildID(notes []byte) (string, bool) {
	order := binary.NativeEndian
	for len(notes) >= 12 {
		name, content, kind := uint64(order.Uint32(notes)), uint64(order.Uint32(notes[4:])), order.Uint32(notes[8:])
		notes = notes[12:]
		padded := (name+3)&^3 + (content+3)&^3
		if padded > uint64(len(notes)) {
			return "", false
		}
		if kind == ntGNUBuildID && string(notes[:name]) == "GNU\x00" {
			start := (name + 3) &^ 3
			return hex.EncodeToString(notes[start : start+content]), true
		}
		notes = notes[padded:]
	}
	return "", false
}
