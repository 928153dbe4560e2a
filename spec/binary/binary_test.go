package binary

import (
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	goruntime "runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// assemble makes the program of testdata, with more flags for the linker.
func assemble(t *testing.T, flags ...string) string {
	t.Helper()
	if goruntime.GOARCH != "amd64" {
		t.Skip("testdata/probes.s is for x86-64")
	}
	if _, err := exec.LookPath("gcc"); err != nil {
		t.Skip("no gcc")
	}
	path := filepath.Join(t.TempDir(), "probes")
	out, err := exec.Command("gcc", append([]string{"-nostdlib", "-o", path, "testdata/probes.s"}, flags...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("gcc: %v\n%s", err, out)
	}
	return path
}

func open(t *testing.T, path string) *File {
	t.Helper()
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func TestFunctions(t *testing.T) {
	for _, linked := range [][]string{{"-static"}, {"-static-pie"}} {
		t.Run(linked[0], func(t *testing.T) {
			f := open(t, assemble(t, linked...))
			if f.Go() {
				t.Error("the program is taken for one of Go")
			}
			for spelling, want := range map[string]string{
				"_start":          "_start",
				"alias":           "alias",
				"same":            "same",
				"_ZN4shop4sellEi": "shop::sell(int)",
				"shop::sell(int)": "shop::sell(int)",
				"shop::sell":      "shop::sell(int)",
				"shop::*":         "shop::sell(int)",
				"*sell*":          "shop::sell(int)",
				"sam*":            "same",
				"shop::sell+1":    "shop::sell+1",
			} {
				found, err := f.Functions(spelling)
				if err != nil || len(found) != 1 || found[0].title() != want {
					t.Errorf("%s is %+v (%v), want %s", spelling, found, err, want)
				}
			}
			same, _ := f.Functions("same")
			alias, _ := f.Functions("alias")
			if both, err := f.Functions("*a*s*"); err != nil || len(both) != 1 {
				t.Errorf("two names of one function are %+v (%v)", both, err)
			}
			if same[0].Offset != alias[0].Offset || same[0].Size != 1 {
				t.Errorf("same %+v and its alias %+v", same, alias)
			}
			code := make([]byte, 1)
			const ret = 0xc3
			if _, err := f.file.ReadAt(code, int64(same[0].Offset)); err != nil || code[0] != ret {
				t.Errorf("at the offset of same is %#x (%v), want %#x", code, err, ret)
			}
			if found, err := f.Functions(fmt.Sprintf("%#x", same[0].Offset)); err != nil || found[0].Address != same[0].Address {
				t.Errorf("the offset %#x is %+v (%v)", same[0].Offset, found, err)
			}
			for spelling, want := range map[string]string{
				"sell":         "has no function sell; it has shop::sell(int)",
				"nonesuch":     "has no function nonesuch",
				"aliass":       "has no function aliass; did you mean alias?",
				"*aliass*":     "has no function *aliass*",
				"same+1":       "same has 1 bytes: same+1 lies outside",
				"0x7fffffff":   "has no code at the offset 0x7fffffff",
				"shop::sell+z": "has no function",
			} {
				if found, err := f.Functions(spelling); err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("%s is %+v (%v), want an error with %q", spelling, found, err, want)
				}
			}
		})
	}
}

func TestStripped(t *testing.T) {
	if _, err := exec.LookPath("objcopy"); err != nil {
		t.Skip("no objcopy")
	}
	for flag, length := range map[string]int{"-Wl,--build-id": 40, "-Wl,--build-id=none": 0} {
		path := assemble(t, "-static", flag)
		whole := open(t, path)
		want, err := whole.Functions("shop::sell")
		if err != nil || len(whole.BuildID()) != length {
			t.Fatalf("%v, build id %q", err, whole.BuildID())
		}
		debug, other := path+".debug", assemble(t, "-static", flag, "-Wl,-Ttext=0x401001")
		for _, args := range [][]string{{"--only-keep-debug", path, debug}, {"--strip-all", path}, {"--add-gnu-debuglink=" + debug, path}} {
			if out, err := exec.Command("objcopy", args...).CombinedOutput(); err != nil {
				t.Fatalf("objcopy %v: %v\n%s", args, err, out)
			}
		}
		got, err := open(t, path).Functions("shop::sell")
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("with debug symbols apart %+v (%v), want %+v", got, err, want)
		}
		// Those of another build, which may be left of an older version, are of none.
		if err := os.Rename(other, debug); err != nil {
			t.Fatal(err)
		}
		if got, err := open(t, path).Functions("shop::sell"); err == nil || !strings.Contains(err.Error(), "it was stripped") {
			t.Errorf("with those of another build: %+v, %v", got, err)
		}
		if err := os.Remove(debug); err != nil {
			t.Fatal(err)
		}
		if _, err := open(t, path).Functions("shop::sell"); err == nil || !strings.Contains(err.Error(), "it was stripped") {
			t.Errorf("without any symbols: %v", err)
		}
	}
}

// TestGo reads this test's own program, and as strip leaves it.
func TestGo(t *testing.T) {
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	const name = "github.com/ebgen/ebgen/spec/binary.TestGo"
	f := open(t, path)
	want, err := f.Functions(name)
	if err != nil || len(want) != 1 || !f.Go() {
		t.Fatalf("%+v (%v), Go %v", want, err, f.Go())
	}
	if _, err := exec.LookPath("strip"); err != nil {
		t.Skip("no strip")
	}
	stripped := filepath.Join(t.TempDir(), "stripped")
	if out, err := exec.Command("strip", "-o", stripped, path).CombinedOutput(); err != nil {
		t.Fatalf("strip: %v\n%s", err, out)
	}
	got, err := open(t, stripped).Functions(name)
	if err != nil || len(got) != 1 || got[0].Offset == 0 || got[0].Address != want[0].Address {
		t.Errorf("stripped %+v (%v), want %+v", got, err, want)
	}
}

func TestProbes(t *testing.T) {
	f := open(t, assemble(t, "-static-pie"))
	probes, err := f.Probes()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, p := range probes {
		names = append(names, fmt.Sprintf("%s:%s %d", p.Provider, p.Name, len(p.Sites)))
	}
	if want := []string{"bank:sold 1", "shop:closed 1", "shop:sold 2"}; !slices.Equal(names, want) {
		t.Fatalf("probes %v, want %v", names, want)
	}
	code := make([]byte, 1)
	const nop = 0x90
	for _, p := range probes {
		for _, s := range p.Sites {
			if _, err := f.file.ReadAt(code, int64(s.Offset)); err != nil || code[0] != nop {
				t.Errorf("%s:%s: at %#x is %#x (%v), want %#x", p.Provider, p.Name, s.Offset, code, err, nop)
			}
		}
	}
	if probes[0].Sites[0].Semaphore != 0 || probes[1].Sites[0].Semaphore == 0 {
		t.Errorf("semaphores %#x and %#x, want none and one", probes[0].Sites[0].Semaphore, probes[1].Sites[0].Semaphore)
	}
	if sold := probes[2].Sites; SameLayout(sold[0].Args, sold[1].Args) || !SameLayout(sold[0].Args, sold[0].Args) {
		t.Errorf("layouts %+v and %+v", sold[0].Args, sold[1].Args)
	}
	address, _ := f.lookup()("answer")
	if a := probes[0].Sites[0].Args[0]; a.Kind != Memory || !a.Relative || a.Value != int64(address)+4 {
		t.Errorf("answer+4 at %#x is %+v", address, a)
	}
}

func TestArgs(t *testing.T) {
	symbols := func(name string) (uint64, bool) { return 0x4000, name == "counter" }
	for _, tt := range []struct {
		machine elf.Machine
		text    string
		want    Arg
	}{
		{elf.EM_X86_64, "-4@%eax", Arg{Size: 4, Signed: true, Kind: Register, Base: "eax"}},
		{elf.EM_X86_64, "1@%ah", Arg{Size: 1, Kind: Register, Base: "ah"}},
		{elf.EM_X86_64, "8@$-5", Arg{Size: 8, Kind: Constant, Value: -5}},
		{elf.EM_X86_64, "8@$0xffffffffffffffff", Arg{Size: 8, Kind: Constant, Value: -1}},
		{elf.EM_X86_64, "%r8", Arg{Size: 8, Kind: Register, Base: "r8"}},
		{elf.EM_X86_64, "4@-20(%rbp)", Arg{Size: 4, Kind: Memory, Base: "rbp", Value: -20}},
		{elf.EM_X86_64, "8@(%rax)", Arg{Size: 8, Kind: Memory, Base: "rax"}},
		{elf.EM_X86_64, "8@0x10(%rax,%rbx,8)", Arg{Size: 8, Kind: Memory, Base: "rax", Index: "rbx", Scale: 8, Value: 16}},
		{elf.EM_X86_64, "8@(%rax, %rbx)", Arg{Size: 8, Kind: Memory, Base: "rax", Index: "rbx", Scale: 1}},
		{elf.EM_X86_64, "2@8(,%rbx,4)", Arg{Size: 2, Kind: Memory, Index: "rbx", Scale: 4, Value: 8}},
		{elf.EM_X86_64, "4@counter(%rip)", Arg{Size: 4, Kind: Memory, Value: 0x4000, Relative: true}},
		{elf.EM_X86_64, "4@counter+8(%rip)", Arg{Size: 4, Kind: Memory, Value: 0x4008, Relative: true}},
		{elf.EM_X86_64, "4@8+counter(%rip)", Arg{Size: 4, Kind: Memory, Value: 0x4008, Relative: true}},
		{elf.EM_X86_64, "4@counter-8", Arg{Size: 4, Kind: Memory, Value: 0x3ff8, Relative: true}},
		{elf.EM_X86_64, "8f@%xmm0", Arg{Size: 8, Float: true, Kind: Register, Base: "xmm0"}},
		{elf.EM_X86_64, "4@%fs:-4", Arg{Kind: Bad, Why: "belongs to a thread"}},
		{elf.EM_X86_64, "4@nonesuch(%rip)", Arg{Kind: Bad, Why: "the file has no symbol nonesuch"}},
		{elf.EM_X86_64, "16@%xmm0", Arg{Kind: Bad, Why: "1, 2, 4 or 8 bytes"}},
		{elf.EM_X86_64, "x@%rax", Arg{Kind: Bad, Why: "no number of bytes"}},
		{elf.EM_X86_64, "8@()", Arg{Kind: Bad, Why: "no register"}},
		{elf.EM_AARCH64, "-4@w0", Arg{Size: 4, Signed: true, Kind: Register, Base: "w0"}},
		{elf.EM_AARCH64, "8@x29", Arg{Size: 8, Kind: Register, Base: "x29"}},
		{elf.EM_AARCH64, "8@5", Arg{Size: 8, Kind: Constant, Value: 5}},
		{elf.EM_AARCH64, "8@#-5", Arg{Size: 8, Kind: Constant, Value: -5}},
		{elf.EM_AARCH64, "8@[x0]", Arg{Size: 8, Kind: Memory, Base: "x0"}},
		{elf.EM_AARCH64, "8@[sp, 16]", Arg{Size: 8, Kind: Memory, Base: "sp", Value: 16}},
		{elf.EM_AARCH64, "4@[x29, #-8]", Arg{Size: 4, Kind: Memory, Base: "x29", Value: -8}},
		{elf.EM_AARCH64, "8@[x0, x1]", Arg{Size: 8, Kind: Memory, Base: "x0", Index: "x1", Scale: 1}},
		{elf.EM_AARCH64, "8@[x0, x1, lsl 3]", Arg{Size: 8, Kind: Memory, Base: "x0", Index: "x1", Scale: 8}},
		{elf.EM_AARCH64, "8@[x0, w1, sxtw 2]", Arg{Kind: Bad, Why: "by its sign"}},
		{elf.EM_AARCH64, "8@d0", Arg{Kind: Bad, Why: "floating point"}},
		{elf.EM_RISCV, "8@a0", Arg{Kind: Bad, Why: "EM_RISCV"}},
	} {
		for _, text := range []string{tt.text, "8@5000 " + tt.text, tt.text + " "} {
			args := ParseArgs(tt.machine, text, symbols)
			got := args[len(args)-1]
			if tt.want.Kind == Bad {
				if got.Kind != Bad || !strings.Contains(got.Why, tt.want.Why) {
					t.Errorf("%v %q is %+v, want it Bad with %q", tt.machine, text, got, tt.want.Why)
				}
			} else if got != tt.want {
				t.Errorf("%v %q is %+v, want %+v", tt.machine, text, got, tt.want)
			}
		}
	}
}

func TestFind(t *testing.T) {
	libc, err := Find("libc", 0)
	if err != nil {
		t.Skipf("no libc: %v", err)
	}
	f := open(t, libc)
	if found, err := f.Functions("malloc"); err != nil || len(found) != 1 {
		t.Errorf("malloc in %s is %+v (%v)", libc, found, err)
	}
	if _, err := f.Functions("strlen"); err == nil || !strings.Contains(err.Error(), "chosen when the program starts") {
		t.Errorf("strlen, an ifunc: %v", err)
	}
	sleep := exec.Command("sleep", "1000")
	if err := sleep.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sleep.Process.Kill(); _ = sleep.Wait() })
	program, err := Find("sleep", 0)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(program)
	if err != nil {
		t.Fatal(err)
	}
	seen, err := Find("sleep", sleep.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	if inside, err := os.Stat(seen); err != nil || !os.SameFile(info, inside) {
		t.Errorf("the process' sleep is %s (%v), want %s", seen, err, program)
	}
	script := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(script, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(script); err == nil || !strings.Contains(err.Error(), "is a script") {
		t.Errorf("a script: %v", err)
	}
	if _, err := Find("no-such-program", 0); err == nil || !strings.Contains(err.Error(), "$PATH") {
		t.Errorf("nothing of the name: %v", err)
	}
}

// FuzzArgs wants no panic, and as many arguments as there are words.
// Links lead where they lead for the process whose root it is.
func TestWithin(t *testing.T) {
	root := t.TempDir()
	for _, dir := range []string{"usr/bin", "etc"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for link, target := range map[string]string{
		"bin": "usr/bin", "usr/bin/sh": "/etc/alternatives", "etc/alternatives": "../../../../bin/dash", "usr/bin/loop": "loop",
	} {
		if err := os.Symlink(target, filepath.Join(root, link)); err != nil {
			t.Fatal(err)
		}
	}
	for path, want := range map[string]string{
		"/bin/dash": "/usr/bin/dash", "/bin/sh": "/usr/bin/dash", "/../../bin": "/usr/bin", "/none/x": "/none/x", "/": "/",
	} {
		if got, err := within(root, path); err != nil || got != root+want {
			t.Errorf("%s is %s (%v), want %s", path, got, err, root+want)
		}
	}
	if _, err := within(root, "/bin/loop"); !errors.Is(err, syscall.ELOOP) {
		t.Errorf("got %v", err)
	}
	if got, err := within("", "/bin/sh"); err != nil || got != "/bin/sh" {
		t.Errorf("%s, %v", got, err)
	}
}

func FuzzArgs(f *testing.F) {
	for _, text := range []string{"-4@%eax 8@(%rax,%rbx,8)", "8@[x0, x1, lsl 3] 4@[sp, 16]", "4@sym+8(%rip)", "@", "8@", "((("} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, machine := range []elf.Machine{elf.EM_X86_64, elf.EM_AARCH64} {
			for _, a := range ParseArgs(machine, text, func(string) (uint64, bool) { return 0, false }) {
				if a.Kind == Bad && a.Why == "" {
					t.Errorf("%q: no reason is given", text)
				}
			}
		}
	})
}

// FuzzFile wants no panic of whatever is given for a file.
func FuzzFile(f *testing.F) {
	path, err := exec.LookPath("true")
	if err == nil {
		if data, err := os.ReadFile(path); err == nil {
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		one, err := Open(path)
		if err != nil {
			return
		}
		defer one.Close()
		_, _ = one.Functions("main*")
		_, _ = one.Probes()
		_ = one.BuildID()
	})
}
