package clang

import (
	"bytes"
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const specName = "opens.yaml"

const specText = `name: opens
probe: rawtracepoint:sys_enter
fields:
  dport: args.sk.skc_dport
c: |
  static int twice(int x) { return 2 * x; }
`

// program is a small tracer as package c prints it, with a function of the spec's own.
const program = `#line 1 "opens.bpf.c"
typedef unsigned short u16;
typedef unsigned long long u64;
struct sock { u16 skc_dport; } __attribute__((preserve_access_index));
u64 sum;
#line 6 "opens.yaml"
static int twice(int x) { return 2 * x; }
#line 2 "opens.yaml"
__attribute__((section("raw_tp/sys_enter")))
int opens(u64 *ctx)
{
	const struct sock *sk = (const struct sock *) ctx[0];
#line 4 "opens.yaml"
	sum += (u64) __builtin_preserve_access_index(&sk->skc_dport) + (u64) twice((int) ctx[1]);
#line 2 "opens.yaml"
	return 0;
}
char LICENSE[] __attribute__((section("license"))) = "Dual BSD/GPL";
`

// compilers runs test with every clang of this machine that is tested against.
func compilers(t *testing.T, test func(t *testing.T, c *Compiler)) {
	found := map[string]bool{}
	for _, name := range []string{"clang", "clang-14", "clang-19"} {
		path, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		target, err := filepath.EvalSymlinks(path)
		if err != nil {
			t.Fatal(err)
		}
		if found[target] {
			continue
		}
		found[target] = true
		t.Run(name, func(t *testing.T) { test(t, compiler(path)) })
	}
	if len(found) == 0 {
		t.Skip("no clang in PATH")
	}
}

// start starts a job that leaves its folder under the test's own.
func start(t *testing.T, c *Compiler, l Limits) (*Job, string) {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	j, err := c.Start(t.Context(), Options{Arch: "amd64", Spec: specName, Text: []byte(specText), Limits: l})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(j.Close)
	return j, dir
}

func TestCompile(t *testing.T) {
	compilers(t, func(t *testing.T, c *Compiler) {
		j, dir := start(t, c, Limits{})
		object, err := j.Finish(program)
		if err != nil {
			t.Fatal(err)
		}
		f, err := elf.NewFile(bytes.NewReader(object))
		if err != nil {
			t.Fatal(err)
		}
		if f.Machine != elf.EM_BPF {
			t.Errorf("machine is %v, want EM_BPF", f.Machine)
		}
		for _, name := range []string{"raw_tp/sys_enter", ".BTF", ".BTF.ext", "license"} {
			if f.Section(name) == nil {
				t.Errorf("no section %s", name)
			}
		}
		if line := "  dport: args.sk.skc_dport"; !bytes.Contains(object, []byte(line)) {
			t.Errorf("the spec's line %q is not in the object", line)
		}
		if bytes.Contains(object, []byte(filepath.Dir(dir))) {
			t.Error("the object names a folder of its builder")
		}
		left, err := os.ReadDir(dir)
		if err != nil || len(left) > 0 {
			t.Errorf("left behind: %v, %v", left, err)
		}
	})
}

func TestTwoBuildsAreIdentical(t *testing.T) {
	compilers(t, func(t *testing.T, c *Compiler) {
		var objects [2][]byte
		for i := range objects {
			t.Chdir(t.TempDir())
			t.Setenv("CPATH", t.TempDir())
			t.Setenv("SOURCE_DATE_EPOCH", fmt.Sprint(i))
			t.Setenv("CCC_OVERRIDE_OPTIONS", []string{"", "+-DOTHER"}[i])
			j, _ := start(t, c, Limits{})
			var err error
			if objects[i], err = j.Finish(program); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(objects[0], objects[1]) {
			t.Error("two builds of the same C differ")
		}
	})
}

// A clang that takes overflow for impossible makes a constant of this: two instructions.
func TestOverflowWraps(t *testing.T) {
	compilers(t, func(t *testing.T, c *Compiler) {
		j, _ := start(t, c, Limits{})
		object, err := j.Finish("int grows(int x);\nint grows(int x) { return x + 1 > x; }\n")
		if err != nil {
			t.Fatal(err)
		}
		f, err := elf.NewFile(bytes.NewReader(object))
		if err != nil {
			t.Fatal(err)
		}
		const constant = 2 * 8
		if text := f.Section(".text"); text == nil || text.Size <= constant {
			t.Error("x + 1 > x is compiled to a constant")
		}
	})
}

func TestArchitecture(t *testing.T) {
	const ask = "#if !defined(__TARGET_ARCH_%s) || defined(__TARGET_ARCH_%s)\n#error another architecture\n#endif\nint x;\n"
	compilers(t, func(t *testing.T, c *Compiler) {
		for _, test := range []struct{ arch, is, isNot string }{{"amd64", "x86", "arm64"}, {"arm64", "arm64", "x86"}} {
			j, err := c.Start(t.Context(), Options{Arch: test.arch, Spec: specName})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := j.Finish(fmt.Sprintf(ask, test.is, test.isNot)); err != nil {
				t.Errorf("%s: %v", test.arch, err)
			}
		}
		if _, err := c.Start(t.Context(), Options{Arch: "riscv64", Spec: specName}); err == nil {
			t.Error("riscv64 is accepted, although nothing is known of its registers")
		}
	})
}

func TestStartRefusesNamesThatLeaveItsFolder(t *testing.T) {
	for _, name := range []string{"", ".", "..", "/", "a/b.yaml", "/etc/passwd", "a\x00b"} {
		if _, err := (&Compiler{Path: "/bin/true"}).Start(t.Context(), Options{Arch: "amd64", Spec: name}); err == nil {
			t.Errorf("%q is accepted as a base name", name)
		}
	}
}

func TestComplaints(t *testing.T) {
	for _, test := range []struct {
		name, source string
		want         []Complaint // of both compilers; Message is a part
	}{
		{
			"undeclared", "#line 1 \"opens.bpf.c\"\nint good;\n#line 6 \"opens.yaml\"\nint f(void) { return y; }\nint g(void) { return z; }\n",
			[]Complaint{
				{specName, 6, 22, "error", "use of undeclared identifier 'y'"},
				{specName, 7, 22, "error", "use of undeclared identifier 'z'"},
			},
		},
		{
			"warning is an error", "#line 3 \"opens.bpf.c\"\nint f(void) { int x; return 1; }\n",
			[]Complaint{{"opens.bpf.c", 3, 19, "error", "unused variable 'x'"}},
		},
		{
			"no header is found", "#line 6 \"opens.yaml\"\n#include <stdarg.h>\n",
			[]Complaint{{specName, 6, 10, "fatal error", "'stdarg.h' file not found"}},
		},
		{
			"backend", "#line 6 \"opens.yaml\"\nvoid f(char *p, unsigned n) { __builtin_memset(p, 0, n); }\n",
			[]Complaint{{specName, 6, 6, "error", "memset"}},
		},
		{
			"escape sequences are not passed on", "#line 6 \"opens.yaml\"\n_Static_assert(0, \"\x1b[2J\");\n",
			[]Complaint{{specName, 6, 0, "error", "[2J"}},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			compilers(t, func(t *testing.T, c *Compiler) {
				j, _ := start(t, c, Limits{})
				_, err := j.Finish(test.source)
				var refused *Error
				if !errors.As(err, &refused) {
					t.Fatalf("got %v, want an *Error", err)
				}
				if len(refused.Complaints) != len(test.want) {
					t.Fatalf("got %v, want %v", refused.Complaints, test.want)
				}
				for i, want := range test.want {
					got := refused.Complaints[i]
					if want.Column == 0 { // the compilers differ
						got.Column = 0
					}
					if !strings.Contains(got.Message, want.Message) || strings.ContainsRune(got.Message, '\x1b') {
						t.Errorf("message %q, want a part %q", got.Message, want.Message)
					}
					if got.Message = want.Message; got != want {
						t.Errorf("got %v, want %v", got, want)
					}
				}
				if refused.Output == "" {
					t.Error("the output is lost")
				}
			})
		})
	}
}

// bomb grows threefold with each line: no machine holds it.
func bomb() string {
	var b strings.Builder
	b.WriteString("#define A0 int f(void);\n")
	for i := range 40 {
		fmt.Fprintf(&b, "#define A%d A%d A%d A%d\n", i+1, i, i, i)
	}
	return b.String() + "A40\n"
}

func TestLimits(t *testing.T) {
	for _, test := range []struct {
		name, source string
		limits       Limits
		want         string
	}{
		{"time", bomb(), Limits{Time: 50 * time.Millisecond}, "ran for more than 50ms"},
		{"memory", bomb(), Limits{Memory: 256 << 20, Time: time.Minute}, "more than 256 MiB of memory"},
		{"object", "char x[3 << 20] = {1};\n", Limits{Object: 1 << 20}, "larger than 1 MiB"},
	} {
		t.Run(test.name, func(t *testing.T) {
			compilers(t, func(t *testing.T, c *Compiler) {
				j, dir := start(t, c, test.limits)
				_, err := j.Finish(test.source)
				if !errors.Is(err, ErrLimit) || !strings.Contains(err.Error(), test.want) {
					t.Errorf("got %v, want ErrLimit with %q", err, test.want)
				}
				left, err := os.ReadDir(dir)
				if err != nil || len(left) > 0 {
					t.Errorf("left behind: %v, %v", left, err)
				}
			})
		})
	}
}

func TestLimitsAreSet(t *testing.T) {
	j, _ := start(t, script(t, "cat >/dev/null\n"), Limits{Memory: 256 << 20, Object: 1 << 20})
	for resource, want := range map[int]uint64{unix.RLIMIT_AS: 256 << 20, unix.RLIMIT_FSIZE: 1 << 20, unix.RLIMIT_CORE: 0} {
		var got unix.Rlimit
		if err := unix.Prlimit(j.pid, resource, nil, &got); err != nil {
			t.Fatal(err)
		}
		if got.Cur > want || got.Cur != got.Max {
			t.Errorf("limit %d is %d of %d, want %d", resource, got.Cur, got.Max, want)
		}
	}
	if err := confine(j.pid, Limits{Memory: 512 << 20, Object: 2 << 20}); err != nil {
		t.Errorf("higher limits than there are: %v", err)
	}
}

func TestCloseEndsClang(t *testing.T) {
	compilers(t, func(t *testing.T, c *Compiler) {
		j, dir := start(t, c, Limits{})
		j.Close()
		j.Close()
		if running(j.pid) {
			t.Error("clang still runs")
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
			t.Errorf("left behind: %v, %v", left, err)
		}
	})
}

// script makes a compiler of a shell script.
func script(t *testing.T, text string) *Compiler {
	t.Helper()
	path := filepath.Join(t.TempDir(), "clang")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o755); err != nil {
		t.Fatal(err)
	}
	return compiler(path)
}

func TestCompilersThatDoNotCompile(t *testing.T) {
	for _, test := range []struct {
		name, script, want string
		limit              time.Duration
	}{
		{"no BPF", "echo >&2 \"error: unable to create target: 'No available targets are compatible with triple \\\"bpf\\\"'\"; exit 1\n", "was built without the BPF target", time.Minute},
		{"silence", "cat >/dev/null\n", "ended well and without an object", time.Minute},
		{"no reason", "exit 3\n", "exit status 3", time.Minute},
		{"too old", "echo >&2 \"clang: error: unknown argument: '-fno-x'\"; exit 1\n", "unknown argument: '-fno-x'", time.Minute},
		{"talkative", "while :; do echo >&2 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; done\n", "ran for more than 100ms", 100 * time.Millisecond},
	} {
		j, _ := start(t, script(t, test.script), Limits{Time: test.limit})
		if _, err := j.Finish(program); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", test.name, err, test.want)
		}
		if kept := len(j.output.kept); kept > maxOutput {
			t.Errorf("%s: %d bytes of output kept", test.name, kept)
		}
	}
}

func TestCloseEndsWhatAScriptStarted(t *testing.T) {
	c := script(t, "sleep 1000 &\necho $! >\"$0.new\"; mv \"$0.new\" \"$0.pid\"; wait\n")
	j, _ := start(t, c, Limits{})
	var pid int
	for pid == 0 {
		text, err := os.ReadFile(c.Path + ".pid")
		if err != nil {
			time.Sleep(time.Millisecond)
			continue
		}
		if _, err := fmt.Sscan(string(text), &pid); err != nil {
			t.Fatal(err)
		}
	}
	j.Close()
	for running(pid) {
		time.Sleep(time.Millisecond)
	}
}

func TestContextEndsClang(t *testing.T) {
	compilers(t, func(t *testing.T, c *Compiler) {
		cause := errors.New("the user has gone")
		ctx, cancel := context.WithCancelCause(t.Context())
		j, err := c.Start(ctx, Options{Arch: "amd64", Spec: specName})
		if err != nil {
			t.Fatal(err)
		}
		cancel(cause)
		if _, err := j.Finish(program); !errors.Is(err, cause) {
			t.Errorf("got %v, want %v", err, cause)
		}
	})
}

// TestOrphan is run as a process of its own by TestNoClangIsLeftBehind: it starts a
// clang, says which, and waits to be killed.
func TestOrphan(t *testing.T) {
	path := os.Getenv("EBGEN_TEST_ORPHAN")
	if path == "" {
		t.Skip("only a part of TestNoClangIsLeftBehind")
	}
	j, err := compiler(path).Start(t.Context(), Options{Arch: "amd64", Spec: specName})
	if err != nil {
		t.Fatal(err)
	}
	fmt.Printf("pid %d\n", j.pid)
	select {}
}

func TestNoClangIsLeftBehind(t *testing.T) {
	compilers(t, func(t *testing.T, c *Compiler) {
		parent := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestOrphan$")
		parent.Env = append(os.Environ(), "EBGEN_TEST_ORPHAN="+c.Path, "TMPDIR="+t.TempDir())
		out, err := parent.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := parent.Start(); err != nil {
			t.Fatal(err)
		}
		var pid int
		if _, err := fmt.Fscanf(out, "pid %d\n", &pid); err != nil {
			t.Fatal(err)
		}
		if err := parent.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = parent.Wait() // killed, as it should be
		for running(pid) {
			time.Sleep(time.Millisecond)
		}
	})
}

// running reports whether pid is a process that has not ended; a zombie that nobody
// reaps has.
func running(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !bytes.Contains(stat, []byte(") Z "))
}

func TestEnvironment(t *testing.T) {
	got := environment(func(name string) string {
		return map[string]string{"PATH": "/bin", "CPATH": "/evil", "C_INCLUDE_PATH": "/evil", "CCC_OVERRIDE_OPTIONS": "+-w", "HOME": "/home/x"}[name]
	})
	if want := "LC_ALL=C CLANG_NO_DEFAULT_CONFIG=1 PATH=/bin"; strings.Join(got, " ") != want {
		t.Errorf("got %v, want %s", got, want)
	}
}

func TestParse(t *testing.T) {
	const output = `In file included from x
a.yaml:3:7: error: no
a.yaml:3:8: note: could not determine the original source location for a.yaml:3:0
a.yaml:3:8: note: declared here
fatal error: error in backend: Cannot select: 0x1: i32 = sdiv 0x2, 0x3, a.yaml:3:28
clang-19: error: unknown argument
Stack dump:
2 errors generated.
`
	want := []Complaint{
		{"a.yaml", 3, 7, "error", "no"},
		{"a.yaml", 3, 8, "note", "declared here"},
		{"", 0, 0, "fatal error", "error in backend: Cannot select: 0x1: i32 = sdiv 0x2, 0x3, a.yaml:3:28"},
		{"", 0, 0, "error", "unknown argument"},
	}
	if got := parse(output); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("a.yaml:3:7: error: no\nclang: error: x\nfatal error: y\n")
	f.Add("99999999999999999999:1:1: note: \x1b[0m\xff")
	f.Fuzz(func(t *testing.T, output string) {
		for _, c := range parse(output) {
			if strings.ContainsAny(c.String(), "\n\x1b\x00") {
				t.Errorf("%q passes control characters on", c)
			}
		}
	})
}
