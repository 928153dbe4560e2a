package plan

import "encoding/binary"

// Word reads a number of 1, 2, 4 or 8 bytes, as records and maps hold it: in the byte order of
// the machine.
func Word(b []byte) uint64 {
	switch len(b) {
	case 1:
		return uint64(b[0])
	case 2:
		return uint64(binary.NativeEndian.Uint16(b))
	case 4:
		return uint64(binary.NativeEndian.Uint32(b))
	}
	return binary.NativeEndian.Uint64(b)
}
