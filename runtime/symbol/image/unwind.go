package image

import "math"

// unwound are where code begins and ends of which the file says how to unwind its stack, so
// nearly all that a compiler has made, with a name or without (.eh_frame: Linux Standard Base
// Core 5.0, "Exception Frames").
func (m *Image) unwound() (bounds []uint64) {
	frames := contents(m.elf, ".eh_frame")
	if frames == nil {
		return nil
	}
	base, order := m.elf.Section(".eh_frame").Addr, m.elf.ByteOrder
	const header = 4 * 4 // length of what follows, distance to what is common, begin, size
	for at := 0; at+header <= len(frames); {
		length := order.Uint32(frames[at:])
		if length == 0 || length == math.MaxUint32 { // the end, or one of more than 4 GB
			break
		}
		if order.Uint32(frames[at+4:]) != 0 { // code, and not what is common
			// Compilers write the distance from here (DW_EH_PE_pcrel | DW_EH_PE_sdata4).
			begin := base + uint64(at+8) + uint64(int64(int32(order.Uint32(frames[at+8:]))))
			bounds = append(bounds, begin, begin+uint64(order.Uint32(frames[at+12:])))
		}
		at += 4 + int(length)
	}
	return bounds
}
