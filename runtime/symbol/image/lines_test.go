package image

import (
	"debug/dwarf"
	"debug/elf"
	"fmt"
	"os"
	"testing"
)

// TestFileNames holds the length of what a table of lines names to what debug/dwarf makes of
// it: of gcc's in each version of DWARF, of compressed ones, and of Go's.
func TestFileNames(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{"Go's": self}
	for _, flag := range []string{"-gdwarf-2", "-gdwarf-3", "-gdwarf-4", "-gdwarf-5", "-gz", "-gdwarf64"} {
		files[flag] = compiled(t, flag)
	}
	for name, path := range files {
		f, err := elf.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		data, err := f.DWARF()
		if err != nil { // a test is built without, unless it is asked for
			t.Logf("%s: %v", name, err)
			continue
		}
		tables, plain := lineTablesOf(f)
		if !plain {
			t.Errorf("%s: not plain", name)
		}
		units := 0
		for r := data.Reader(); ; r.SkipChildren() {
			top, err := r.Next()
			if err != nil || top == nil {
				break
			}
			if top.Tag != dwarf.TagCompileUnit || top.Val(dwarf.AttrStmtList) == nil {
				continue
			}
			units++
			lines, err := data.LineReader(top)
			if err != nil {
				t.Fatal(err)
			}
			want := 0
			for _, file := range lines.Files() {
				if file != nil {
					want += len(file.Name)
				}
			}
			// What joins a directory and a name is not counted, nor that a name may be a whole path.
			if got, ok := tables.fileNames(top); !ok || got > 3*want+1024 || got < want/2 {
				t.Errorf("%s: %d bytes of names (%v), debug/dwarf has %d", name, got, ok, want)
			}
		}
		if units == 0 && name != "Go's" {
			t.Errorf("%s: no unit with lines", name)
		}
	}
}

// TestHostileLines has tables of lines whose few bytes stand for any amount of names.
func TestHostileLines(t *testing.T) {
	const unit = `
	.section .debug_abbrev,"",@progbits
	.byte 1, 0x11, 0, 0x11, 0x01, 0x12, 0x07, 0x10, 0x17, 0, 0, 0
	.section .debug_info,"",@progbits
	.long 2f-1f
1:	.short 4
	.long 0
	.byte 8, 1
	.quad f, 3
	.long 0
2:
`
	const start = ".byte 1, 1, 1, 0xfb, 14, 1\n" // of an opcode base of 1 there are no lengths
	table := func(version int, header, program string) string {
		sizes := ""
		if version >= 5 {
			sizes = ".byte 8, 0\n"
		}
		return fmt.Sprintf(".section .debug_line,\"\",@progbits\n.long 9f-8f\n8: .short %d\n%s.long 7f-6f\n6: %s%s\n7: %s\n9:\n", version, sizes, start, header, program)
	}
	text := func(section string, n int) string {
		return fmt.Sprintf(".section %s,\"MS\",@progbits,1\n.fill %d, 1, 'n'\n.byte 0\n", section, n)
	}
	for _, test := range []struct {
		name, more string
		ok, source bool
	}{
		{"a file", table(4, ".string \"dir\"\n.byte 0\n.string \"a.c\"\n.byte 1, 0, 0, 0\n", ""), true, true},
		{"a file of version 5", table(5, ".byte 1, 1, 8, 1\n.string \"/dir\"\n.byte 2, 1, 8, 2, 11, 1\n.string \"a.c\"\n.byte 0\n", ""), true, true},
		{"one long directory of many files", table(4, ".fill 60000, 1, 'd'\n.byte 0, 0\n.rept 10000\n.string \"a\"\n.byte 1, 0, 0\n.endr\n.byte 0\n", ""), false, true},
		{"files that the program names", table(4, ".fill 60000, 1, 'd'\n.byte 0, 0, 0\n", ".rept 100000\n.byte 0, 6, 3\n.string \"a\"\n.byte 1, 0, 0\n.endr\n"), false, true},
		{"one long text of many files", table(5, ".byte 0, 0, 1, 1, 0x1f\n.uleb128 10000\n.rept 10000\n.long 0\n.endr\n", "") + text(".debug_line_str", 60000), false, true},
		{"files of no bytes", table(5, ".byte 0, 0, 0\n.uleb128 0x7fffffffffffffff\n", ""), false, true},
		{"directories of no bytes", table(5, ".byte 0\n.uleb128 0x7fffffffffffffff\n", ""), false, true},
		{"a text that is too long", table(5, ".byte 0, 0, 0, 0\n", "") + text(".debug_line_str", 70000), false, false},
		{"a name that is too long", text(".debug_str", 70000), false, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := withCode(t, unit+test.more)
			at := codeOf(t, m.path)["f"]
			frames := m.Append(nil, at[0], 0)
			if len(frames) != 1 || frames[0].Name != "f" {
				t.Errorf("%+v", frames)
			}
			if (m.source != nil) != test.source {
				t.Fatalf("debug information was taken: %v, want %v (%v)", m.source != nil, test.source, m.err)
			}
			if m.source == nil {
				return
			}
			r := m.source.data.Reader()
			top, err := r.Next()
			if err != nil {
				t.Fatal(err)
			}
			if _, ok := m.source.tables.fileNames(top); ok != test.ok {
				t.Errorf("its names are few: %v, want %v", ok, test.ok)
			}
		})
	}
}
