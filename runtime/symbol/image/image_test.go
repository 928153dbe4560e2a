package image

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	goruntime "runtime"
	"strings"
	"testing"

	"github.com/ulikunitz/xz"

	"github.com/ebgen/ebgen/runtime/stack"
)

// tool runs a compiler or a binary utility; without it the test is skipped, aloud.
func tool(t testing.TB, name string, args ...string) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skipf("%v", err)
	}
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}

// compiled is a program of testdata.
func compiled(t testing.TB, flags ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "inlined")
	tool(t, "gcc", append([]string{"-O2", "-g", "-o", path, "testdata/inlined.c"}, flags...)...)
	return path
}

// code says where functions lie in a file: offset and size.
type code map[string][2]uint64

// codeOf reads the symbols of a file with debug/elf.
func codeOf(t testing.TB, path string) code {
	t.Helper()
	f, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	symbols, err := f.Symbols()
	if err != nil {
		t.Fatal(err)
	}
	where := code{}
	for _, s := range symbols {
		for _, p := range f.Progs {
			if elf.ST_TYPE(s.Info) == elf.STT_FUNC && p.Type == elf.PT_LOAD && s.Value >= p.Vaddr && s.Value-p.Vaddr < p.Filesz {
				where[s.Name] = [2]uint64{s.Value - p.Vaddr + p.Off, s.Size}
			}
		}
	}
	return where
}

// opened is the image of a file; others are found below root.
func opened(t testing.TB, path, root string) *Image {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	m := New(file, path, func(path string) (*os.File, error) { return os.Open(filepath.Join(root, path)) })
	t.Cleanup(func() {
		if err := errors.Join(m.Unload(), file.Close()); err != nil {
			t.Error(err)
		}
	})
	return m
}

// only wants one frame with this name and offset at an offset of the file.
func only(t testing.TB, m *Image, offset, back uint64, name string, in uint64) {
	t.Helper()
	got := m.Append(nil, offset, back)
	if len(got) != 1 || got[0].Name != name || got[0].Offset != in {
		t.Errorf("%#x: %+v, want %s+%#x (%v)", offset, got, name, in, m.Err())
	}
}

// without are the flags for code of which there are no lines.
const without = "-g0"

func TestSymbolTables(t *testing.T) {
	for _, c := range []struct {
		name  string
		flags []string
	}{
		{"pie", []string{without}},
		{"no pie", []string{without, "-no-pie"}},
		{"static", []string{without, "-static", "-no-pie"}},
		{"static pie", []string{without, "-static-pie"}},
		{"large pages", []string{without, "-Wl,-z,max-page-size=0x200000"}},
		{"no separate code", []string{without, "-Wl,-z,noseparate-code"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := compiled(t, c.flags...)
			where, m := codeOf(t, path), opened(t, path, t.TempDir())
			for _, name := range []string{"main", "outermost", "local"} {
				at := where[name]
				if at[1] < 2 {
					t.Fatalf("%s is at %v", name, at)
				}
				only(t, m, at[0], 0, name, 0)
				only(t, m, at[0]+at[1]-1, 0, name, at[1]-1)
			}
			if got := m.Append(nil, 1<<40, 0); len(got) != 0 {
				t.Errorf("outside of the file: %+v", got)
			}
			if err := m.Unload(); err != nil || m.Weight() != 0 {
				t.Errorf("%v, %d bytes are held", err, m.Weight())
			}
			only(t, m, where["main"][0], 0, "main", 0)
			if m.Weight() == 0 || !m.IsELF() {
				t.Errorf("%d bytes, ELF %v", m.Weight(), m.IsELF())
			}
		})
	}
}

// A function that does not say where it ends reaches to the next one, or not far.
func TestUnsized(t *testing.T) {
	dir := t.TempDir()
	source, path := filepath.Join(dir, "unsized.s"), filepath.Join(dir, "unsized")
	const text = ".text\n.globl first\n.type first,@function\nfirst: .skip 64, 0x90\n.globl second\nsecond: .skip 100, 0x90\n" +
		".globl sized\n.type sized,@function\nsized: .skip 16, 0x90\n.size sized, 16\n.skip 64, 0x90\n.globl last\nlast: .skip 8192, 0x90\n"
	if err := os.WriteFile(source, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	tool(t, "gcc", "-nostdlib", "-static", "-Wl,-e,first", "-o", path, source)
	where, m := codeOf(t, path), opened(t, path, dir)
	start := where["first"][0]
	for _, c := range []struct {
		at   uint64
		name string
		in   uint64
	}{{0, "first", 0}, {63, "first", 63}, {64, "second", 0}, {163, "second", 99}, {164, "sized", 0}, {179, "sized", 15}, {180, "", 0}, {243, "", 0}, {244, "last", 0}, {244 + 4095, "last", 4095}, {244 + 4096, "", 0}} {
		if c.name == "" {
			if got := m.Append(nil, start+c.at, 0); len(got) > 0 && got[0].Name != "" {
				t.Errorf("+%d is %+v, want no name", c.at, got)
			}
			continue
		}
		only(t, m, start+c.at, 0, c.name, c.in)
	}
}

// Nor does it reach into one whose name was taken away: frame_dummy, which is the compiler's, stands
// before what a program has of its own.
func TestUnsizedBeforeUnnamed(t *testing.T) {
	for _, flags := range [][]string{{"-no-pie"}, {"-no-pie", "-static"}, {"-static-pie"}} {
		path := compiled(t, append(flags, without)...)
		where := codeOf(t, path)
		args := []string{path}
		for name, at := range where {
			if at[1] > 0 && at[0] > where["frame_dummy"][0] && at[0] < where["frame_dummy"][0]+mostUnsized {
				args = append(args, "--strip-symbol="+name)
			}
		}
		tool(t, "objcopy", args...)
		m := opened(t, path, t.TempDir())
		only(t, m, where["frame_dummy"][0], 0, "frame_dummy", 0)
		for _, name := range []string{"local", "outermost"} {
			if got := m.Append(nil, where[name][0], 0); len(got) != 0 {
				t.Errorf("%v: %s is %+v", flags, name, got)
			}
		}
	}
}

// Of what was stripped, a static function's name is nowhere else.
func TestStripped(t *testing.T) {
	for _, c := range []struct {
		name   string
		flags  []string
		strip  func(t *testing.T, path, debug string) // makes path of what was stripped, debug of what was taken
		found  string                                 // where the debug file is to be found, for a path
		damage bool
		named  bool
	}{
		{"nothing left", nil, plainly, "", false, false},
		{"build id", nil, plainly, "BUILD-ID", false, true},
		{"another's build id", []string{"-Wl,--build-id=0x1234567890"}, plainly, "BUILD-ID", true, false},
		{"beside it", nil, linked, "DIR/inlined.debug", false, true},
		{"in .debug", nil, linked, "DIR/.debug/inlined.debug", false, true},
		{"below /usr/lib/debug", nil, linked, "/usr/lib/debugDIR/inlined.debug", false, true},
		{"by its checksum", []string{"-Wl,--build-id=none"}, linked, "DIR/inlined.debug", false, true},
		{"with another checksum", []string{"-Wl,--build-id=none"}, linked, "DIR/inlined.debug", true, false},
		{"mini", nil, mini, "", false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := compiled(t, append(c.flags, without)...)
			where, root, debug := codeOf(t, path), t.TempDir(), filepath.Join(t.TempDir(), "inlined.debug")
			id := idOf(t, path)
			c.strip(t, path, debug)
			if c.found != "" {
				at := strings.ReplaceAll(c.found, "DIR", filepath.Dir(path))
				if at == "BUILD-ID" {
					at = filepath.Join("/usr/lib/debug/.build-id", id[:2], id[2:]+".debug")
				}
				move(t, debug, filepath.Join(root, at), c.damage)
			}
			m := opened(t, path, root)
			if at := where["local"]; c.named {
				only(t, m, at[0], 0, "local", 0)
			} else if got := m.Append(nil, at[0], 0); len(got) != 0 {
				t.Errorf("%+v", got)
			}
		})
	}
}

func idOf(t *testing.T, path string) string {
	f, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	return buildID(f)
}

func plainly(t *testing.T, path, debug string) {
	tool(t, "objcopy", "--only-keep-debug", path, debug)
	tool(t, "objcopy", "--strip-all", path)
}

func linked(t *testing.T, path, debug string) {
	plainly(t, path, debug)
	tool(t, "objcopy", "--add-gnu-debuglink="+debug, path)
}

// mini leaves the symbols in the file, compressed.
func mini(t *testing.T, path, debug string) {
	plainly(t, path, debug)
	text, err := os.ReadFile(debug)
	if err != nil {
		t.Fatal(err)
	}
	var packed bytes.Buffer
	w, err := xz.NewWriter(&packed)
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.Write(text)
	if err := errors.Join(err, w.Close(), os.WriteFile(debug, packed.Bytes(), 0o600)); err != nil {
		t.Fatal(err)
	}
	tool(t, "objcopy", "--add-section=.gnu_debugdata="+debug, path)
}

// move copies a debug file; a damaged one has another build id and checksum.
func move(t *testing.T, from, to string, damage bool) {
	text, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if damage {
		text = append(bytes.ReplaceAll(text, []byte{0x12, 0x34, 0x56, 0x78, 0x90}, []byte{0x12, 0x34, 0x56, 0x78, 0x91}), 1)
	}
	if err := errors.Join(os.MkdirAll(filepath.Dir(to), 0o755), os.WriteFile(to, text, 0o600)); err != nil {
		t.Fatal(err)
	}
}

// chains are all that the addresses of a function belong to: each the names and lines of
// its frames, the innermost first.
func chains(m *Image, at [2]uint64) map[string]bool {
	all := map[string]bool{}
	for i := range at[1] {
		var parts []string
		for _, f := range m.Append(nil, at[0]+i, 0) {
			part := fmt.Sprintf("%s %s:%d", f.Name, filepath.Base(f.File), f.Line)
			if f.Inlined {
				part = "(" + part + ")"
			}
			parts = append(parts, part)
		}
		all[strings.Join(parts, " ")] = true
	}
	return all
}

func TestInlined(t *testing.T) {
	for _, flags := range [][]string{{"-gdwarf-5"}, {"-gdwarf-4"}, {"-gz"}, {"-static-pie"}, {"-gdwarf-5", "-no-pie"}, {"stripped"}} {
		t.Run(strings.Join(flags, " "), func(t *testing.T) {
			root, stripped := t.TempDir(), flags[0] == "stripped"
			if stripped {
				flags = nil
			}
			path := compiled(t, flags...)
			where := codeOf(t, path)
			if stripped {
				debug := filepath.Join(t.TempDir(), "inlined.debug")
				id := idOf(t, path)
				plainly(t, path, debug)
				move(t, debug, filepath.Join(root, "/usr/lib/debug/.build-id", id[:2], id[2:]+".debug"), false)
			}
			all := chains(opened(t, path, root), where["outermost"])
			for _, want := range []string{
				"(innermost inlined.c:8) (middle inlined.c:14) outermost inlined.c:20",
				"(middle inlined.c:13) outermost inlined.c:20",
				"outermost inlined.c:19",
			} {
				if !all[want] {
					t.Errorf("no address is in %s, but in %v", want, all)
				}
			}
			for chain := range all {
				if !strings.Contains(chain, "outermost inlined.c:") {
					t.Errorf("an address is in %q", chain)
				}
			}
		})
	}
}

func TestLinkageTable(t *testing.T) {
	if goruntime.GOARCH != "amd64" {
		t.Skip("the table is read on x86-64")
	}
	for _, flags := range [][]string{{}, {"-no-pie"}, {"-fcf-protection=full", "-Wl,-z,ibtplt"}, {"-Wl,-z,now"}} {
		path := compiled(t, append(flags, without)...)
		f, err := elf.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		m, found := opened(t, path, t.TempDir()), false
		for _, s := range f.Sections {
			for i := uint64(0); strings.HasPrefix(s.Name, ".plt") && i < s.Size; i++ {
				for _, frame := range m.Append(nil, s.Offset+i, 0) {
					found = found || frame.Name == "printf@plt" || frame.Name == "__printf_chk@plt"
				}
			}
		}
		if !found {
			t.Errorf("%v: printf's piece is not found", flags)
		}
	}
}

func TestSignalReturn(t *testing.T) {
	code, ok := map[string][]byte{"amd64": returning[elf.EM_X86_64], "arm64": returning[elf.EM_AARCH64]}[goruntime.GOARCH]
	if !ok {
		t.Skip("nothing is known of " + goruntime.GOARCH)
	}
	source := filepath.Join(t.TempDir(), "returns.s")
	text := ".text\n.globl before\n.type before,%function\nbefore: nop\n.size before, .-before\n"
	text += ".type " + restorer + ",%function\n" + restorer + ":\n.byte " + strings.Trim(strings.ReplaceAll(fmt.Sprint(code), " ", ","), "[]") + "\n"
	text += ".globl behind\n.type behind,%function\nbehind: nop\nnop\n.size behind, .-behind\n.globl main\nmain: nop\n"
	if err := os.WriteFile(source, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "returns")
	tool(t, "gcc", "-o", path, source)
	at := codeOf(t, path)
	m := opened(t, path, t.TempDir())
	only(t, m, at[restorer][0], 1, restorer, 0)
	only(t, m, at["behind"][0]+1, 1, "behind", 1)
	tool(t, "strip", path)
	only(t, opened(t, path, t.TempDir()), at[restorer][0], 1, restorer, 0)
}

// Where a function ends one returns to it only behind a call that does not return. What else is
// there points to the next function, and no name would be right.
func TestBehindCall(t *testing.T) {
	called := map[string]map[string]bool{
		"amd64": {
			"call main": true, "call *%rax": true, "call *%r12": true, "call *(%rsp)": true, "call *8(%rbx)": true, "call *main(%rip)": true,
			"call *8(,%rcx,4)": true, "call *0x123456(%r12,%rcx,4)": true, "ret": false, "jmp main": false, "jmp *%rax": false, "ud2": false,
		},
		"arm64": {"bl main": true, "blr x3": true, "ret": false, "b main": false, "br x3": false},
	}[goruntime.GOARCH]
	if called == nil {
		t.Skip("nothing is known of " + goruntime.GOARCH)
	}
	for last, named := range called {
		dir := t.TempDir()
		source, path := filepath.Join(dir, "ends.s"), filepath.Join(dir, "ends")
		text := ".text\n.globl main\n.type main,%function\nmain: .skip 16, 0\n.type ends,%function\nends: " + last +
			"\n.size ends, .-ends\n.type next,%function\nnext: ret\n.size next, .-next\n"
		if err := os.WriteFile(source, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		tool(t, "gcc", "-nostdlib", "-static", "-Wl,-e,main", "-o", path, source)
		where, m := codeOf(t, path), opened(t, path, dir)
		if at := where["next"][0]; named {
			only(t, m, at, 1, "ends", where["ends"][1])
		} else if got := m.Append(nil, at, 1); len(got) != 0 {
			t.Errorf("behind %s: %+v", last, got)
		}
	}
}

func TestGo(t *testing.T) {
	for _, c := range []struct {
		name string
		args []string
		cgo  string
	}{
		{"as it is", nil, "0"},
		{"stripped", []string{"-ldflags=-s -w"}, "0"},
		{"stripped pie", []string{"-ldflags=-s -w", "-buildmode=pie"}, "0"},
		{"stripped, linked by gcc", []string{"-ldflags=-s -w -linkmode=external"}, "1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := exec.LookPath("gcc"); err != nil && c.cgo == "1" {
				t.Skip(err)
			}
			dir := t.TempDir()
			build := func(name string, args ...string) string {
				path := filepath.Join(dir, name)
				b := exec.Command("go", append(append([]string{"build", "-trimpath", "-o", path}, args...), "./testdata/golang")...)
				b.Env = append(os.Environ(), "CGO_ENABLED="+c.cgo)
				if out, err := b.CombinedOutput(); err != nil {
					t.Fatalf("%v\n%s", err, out)
				}
				return path
			}
			path := build("stripped", c.args...)
			// The linker lays out the same code whether it writes symbols or not.
			var full []string
			for _, a := range c.args {
				full = append(full, strings.ReplaceAll(a, "-s -w", ""))
			}
			where, m := codeOf(t, build("full", full...)), opened(t, path, t.TempDir())
			for _, name := range []string{"main.main", "main.seventy", "runtime.mallocgc", "runtime.goexit"} {
				at, ok := where[name]
				if !ok {
					at, ok = where[name+".abi0"]
				}
				got := m.Append(nil, at[0]+1, 0)
				if !ok || len(got) == 0 || got[len(got)-1].Name != name || got[len(got)-1].Offset != 1 {
					t.Errorf("%s at %v: %+v (%v)", name, at, got, m.Err())
				}
			}
		})
	}
}

func TestNames(t *testing.T) {
	for _, c := range []struct{ name, want string }{
		{"malloc@@GLIBC_2.2.5", "malloc"},
		{"_ZNSt6vectorIiSaIiEE9push_backERKi", "std::vector<int, std::allocator<int> >::push_back"},
		{"_ZN5split5share7seventy17hfc59accdadebe237E", "split::share::seventy"},
		{"_RNvNtCs1234_7mycrate3foo3bar", "mycrate::foo::bar"},
		{"_Znonsense", "_Znonsense"},
		{"runtime.goexit.abi0", "runtime.goexit"},
		{"main.(*T).f", "main.(*T).f"},
		{strings.Repeat("f", 1<<longest+1), strings.Repeat("f", 1<<longest)},
	} {
		if got := sourceName(c.name); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
	for _, c := range [][2]string{{"write", "__write"}, {"puts", "_IO_puts"}, {"__read", "__libc_read"}, {"a", "b"}} {
		if !preferred(c[0], c[1]) || preferred(c[1], c[0]) {
			t.Errorf("%s is not preferred to %s", c[0], c[1])
		}
	}
}

// TestNoELF asks files that name nothing.
func TestNoELF(t *testing.T) {
	for _, text := range []string{"", "#!/bin/sh\n", "\x7fELF", "\x7fELF\x02\x01\x01" + strings.Repeat("\xff", 200)} {
		m := New(strings.NewReader(text), "/x", nil)
		if got := m.Append([]stack.Frame{{Name: "x"}}, 0, 1); len(got) != 1 || m.IsELF() {
			t.Errorf("%q: %+v", text, got)
		}
	}
}

// FuzzImage asks about code in files that are broken.
func FuzzImage(f *testing.F) {
	path := filepath.Join(f.TempDir(), "inlined")
	c := exec.Command("gcc", "-O2", "-g", "-Wl,-z,noseparate-code", "-o", path, "testdata/inlined.c")
	if out, err := c.CombinedOutput(); err != nil {
		f.Skipf("%v %s", err, out)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text, uint64(0x1060), uint(0), byte(0))
	f.Fuzz(func(t *testing.T, text []byte, offset uint64, at uint, with byte) {
		if len(text) > 0 {
			text = bytes.Clone(text)
			text[at%uint(len(text))] ^= with
		}
		m := New(bytes.NewReader(text), "/x", func(string) (*os.File, error) { return nil, io.EOF })
		for i := range uint64(16) {
			for _, frame := range m.Append(nil, offset+i*16, i%2) {
				if len(frame.Name) > maxName {
					t.Errorf("a name of %d bytes", len(frame.Name))
				}
			}
		}
		if err := m.Unload(); err != nil {
			t.Error(err)
		}
	})
}
