package regular

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"io"
	"testing"
)

// hollow is a file of which only the beginning was written.
type hollow struct {
	start []byte
	size  int64
}

func (h hollow) ReadAt(p []byte, offset int64) (int, error) {
	clear(p)
	if offset < int64(len(h.start)) {
		copy(p, h.start[offset:])
	}
	if left := h.size - offset; left < int64(len(p)) {
		return int(max(left, 0)), io.EOF
	}
	return len(p), nil
}

// program is an ELF file with an empty section, two whose contents begin where the headers
// end, and so many headers more that say nothing. The last of the three has the names.
func program(t *testing.T, headers uint64, contents, names uint64) hollow {
	t.Helper()
	const header, section = 64, 64
	head := elf.Header64{Type: uint16(elf.ET_DYN), Machine: uint16(elf.EM_X86_64), Version: 1, Shoff: header, Ehsize: header, Shentsize: section, Shstrndx: 2}
	copy(head.Ident[:], "\x7fELF\x02\x01\x01")
	count := headers + 3
	first := elf.Section64{Size: count} // where there are more than e_shnum can say
	if count < uint64(elf.SHN_LORESERVE) {
		head.Shnum, first.Size = uint16(count), 0
	}
	end := header + count*section
	var b bytes.Buffer
	for _, part := range []any{
		head, first, elf.Section64{Type: uint32(elf.SHT_PROGBITS), Off: end, Size: contents},
		elf.Section64{Type: uint32(elf.SHT_STRTAB), Off: end, Size: names},
	} {
		if err := binary.Write(&b, binary.LittleEndian, part); err != nil {
			t.Fatal(err)
		}
	}
	return hollow{b.Bytes(), int64(end + max(contents, names))}
}

// What a file with holes says that it holds is read to a bound.
func TestELF(t *testing.T) {
	const most = 1 << 20
	for _, test := range []struct {
		name            string
		headers         uint64
		contents, names uint64
		opens, reads    error
	}{
		{"as they are", 0, most / 2, 1, nil, nil},
		{"many sections", 600, 0, 1, ErrTooLarge, nil},
		{"a hole of headers", 1 << 20, 0, 1, ErrTooLarge, nil},
		{"a hole of names", 0, 0, 1 << 30, ErrTooLarge, nil},
		{"a hole of contents", 0, 1 << 40, 1, nil, ErrTooLarge},
	} {
		t.Run(test.name, func(t *testing.T) {
			f, err := ELF(program(t, test.headers, test.contents, test.names), most)
			if !errors.Is(err, test.opens) {
				t.Fatalf("got %v, want %v", err, test.opens)
			}
			if err != nil {
				return
			}
			if _, err := f.Sections[1].Data(); !errors.Is(err, test.reads) {
				t.Errorf("got %v, want %v", err, test.reads)
			}
		})
	}
}
