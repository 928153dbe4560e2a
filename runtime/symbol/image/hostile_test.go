package image

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// assembled is a library with a function f of three bytes, and with what is given as its
// debug information: abbreviations 1 of a unit and 2 of a subprogram f, whose children info
// has, and in units what follows that unit.
func assembled(t *testing.T, abbreviations, info, units, more string) *Image {
	t.Helper()
	return withCode(t, fmt.Sprintf(`
	.section .debug_abbrev,"",@progbits
	.byte 1, 0x11, 1, 0x11, 0x01, 0x12, 0x07, 0, 0
	.byte 2, 0x2e, 1, 0x03, 0x08, 0x11, 0x01, 0x12, 0x07, 0, 0
	%s
	.byte 0
	.section .debug_info,"",@progbits
	.long 2f-1f
1:	.short 4
	.long 0
	.byte 8
	.byte 1
	.quad f, 3
	.byte 2
	.string "f"
	.quad f, 3
	%s
	.byte 0, 0
2:
	%s
	%s
`, abbreviations, info, units, more))
}

// withCode is a library with a function f of three bytes, and what text says besides.
func withCode(t *testing.T, text string) *Image {
	t.Helper()
	dir := t.TempDir()
	const f = `
	.text
	.globl f
	.type f,@function
f:	nop
	nop
	ret
	.size f,.-f
`
	source, path := filepath.Join(dir, "f.s"), filepath.Join(dir, "f.so")
	if err := os.WriteFile(source, []byte(f+text), 0o600); err != nil {
		t.Fatal(err)
	}
	tool(t, "gcc", "-nostdlib", "-shared", "-o", path, source)
	return opened(t, path, "/")
}

// inlined is an abbreviation of an inlined function with an address, and one with a list of
// ranges.
const inlined = `
	.byte 3, 0x1d, 0, 0x31, 0x13, 0x11, 0x01, 0x12, 0x07, 0, 0
	.byte 4, 0x1d, 0, 0x31, 0x13, 0x55, 0x17, 0, 0`

// A process may map a file whose few bytes of debug information stand for any amount.
func TestHostileDWARF(t *testing.T) {
	for _, test := range []struct {
		name                             string
		abbreviations, info, units, more string
		frames                           int // at f
		source                           bool
	}{
		{"as compilers make it", inlined, ".byte 3\n.long 0x1c\n.quad f, 3\n", "", "", 2, true},
		{"everything inlined at one address", inlined, ".rept 100000\n.byte 3\n.long 0x1c\n.quad f, 3\n.endr\n", "", "", mostInlined + 1, true},
		{"a list of ranges that is everyone's", inlined, ".rept 2000\n.byte 4\n.long 0x1c, 0\n.endr\n", "",
			".section .debug_ranges,\"\",@progbits\n.rept 10000\n.quad 1, 2\n.endr\n.quad 0, 0\n", 1, true},
		{"overlapping abbreviations", inlined, "", ".long 7f-6f\n6: .short 4\n.long 9\n.byte 8, 2\n.string \"g\"\n.quad 0, 0\n.byte 0, 0\n7:\n", "", 1, false},
		{"compressed without a size", "", "", "", ".section .zdebug_str,\"\",@progbits\n.ascii \"ZLIB\"\n", 1, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := assembled(t, test.abbreviations, test.info, test.units, test.more)
			at := codeOf(t, m.path)["f"]
			frames := m.Append(nil, at[0], 0)
			if len(frames) != test.frames || frames[len(frames)-1].Name != "f" {
				t.Errorf("%d frames, want %d", len(frames), test.frames)
			}
			if (m.source != nil) != test.source {
				t.Errorf("debug information was taken: %v, want %v (%v)", m.source != nil, test.source, m.err)
			}
			if m.Weight() > 2*heaviest {
				t.Errorf("%d MiB are kept", m.Weight()>>20)
			}
		})
	}
}

// A symbol table that has more than a program's is given up.
func TestHostileSymbols(t *testing.T) {
	path := compiled(t)
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var head [64]byte
	if _, err := file.ReadAt(head[:], 0); err != nil {
		t.Fatal(err)
	}
	m := opened(t, path, "/")
	m.load()
	order := m.elf.ByteOrder
	const symtab, section, offset = 2, 64, 24 // sh_type; of the header its size, and where in it the contents' place is
	for at := int64(order.Uint64(head[40:])); ; at += section {
		var header [section]byte
		if _, err := file.ReadAt(header[:], at); err != nil {
			t.Fatal(err)
		}
		if order.Uint32(header[4:]) != symtab {
			continue
		}
		order.PutUint64(header[offset:], 1<<20)
		order.PutUint64(header[offset+8:], 24<<33)
		if _, err := file.WriteAt(header[:], at); err != nil {
			t.Fatal(err)
		}
		break
	}
	if err := file.Truncate(24<<33 + 1<<20); err != nil {
		t.Skip(err)
	}
	m = opened(t, path, "/")
	m.Append(nil, 0, 0)
	if m.Err() == nil || !strings.Contains(m.Err().Error(), ".symtab: too large") {
		t.Errorf("got %v", m.Err())
	}
}
