package runtime

import (
	"bufio"
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	goruntime "runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/ebgen/ebgen/runtime/attach"
	"github.com/ebgen/ebgen/runtime/internal/object"
	"github.com/ebgen/ebgen/spec/plan"
)

// target builds testdata/target, as a program at a fixed address or at one that differs
// from run to run. In a guest, which has no compiler, it was built beforehand.
func target(t *testing.T, flags ...string) string {
	t.Helper()
	needRoot(t)
	if goruntime.GOARCH != "amd64" {
		t.Skip("the target's notes are those of x86-64")
	}
	if dir := os.Getenv(object.DirVariable); dir != "" {
		return filepath.Join(dir, "target")
	}
	gcc, err := exec.LookPath("gcc")
	if err != nil {
		t.Skip(err)
	}
	path := filepath.Join(t.TempDir(), "target")
	args := append([]string{"-O1", "-o", path, "testdata/target/target.c", "testdata/target/notes_amd64.s"}, flags...)
	if out, err := exec.Command(gcc, args...).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return path
}

// process is a running target that waits for its line.
type process struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

func start(t *testing.T, path string, calls int) *process {
	t.Helper()
	return launch(t, exec.Command(path, strconv.Itoa(calls)), nil)
}

func launch(t *testing.T, cmd *exec.Cmd, how *syscall.SysProcAttr) *process {
	t.Helper()
	p := &process{cmd: cmd}
	p.cmd.Stderr = os.Stderr
	p.cmd.SysProcAttr = how
	var err error
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.out = bufio.NewReader(out)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.cmd.Process.Kill() })
	return p
}

// finish lets the process run to its end and returns how often its guarded probe was on.
// It may be called from any goroutine.
func (p *process) finish(t *testing.T) int {
	fmt.Fprintln(p.in)
	text, err := io.ReadAll(p.out)
	if err := errors.Join(err, p.cmd.Wait()); err != nil {
		t.Error(err)
	}
	on, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Error(err)
	}
	return on
}

// users is a bundle of testdata/user.c that is attached in one way.
func users(t *testing.T, kind plan.AttachKind, target, program string) *plan.Bundle {
	b := calls(t, plan.Attachment{Kind: kind, Target: target, Program: program})
	b.Object = object.Load(t, "testdata/user.c")
	b.Plan.Params = nil
	b.Plan.Record.Size = 168
	return b
}

// user is one record of testdata/user.c.
type user struct {
	pid    uint64
	values []uint64
	name   string
}

func (l *list) users() []user {
	var all []user
	for _, r := range l.records {
		u := user{pid: binary.NativeEndian.Uint64(r)}
		for i := range 12 {
			u.values = append(u.values, binary.NativeEndian.Uint64(r[8+8*i:]))
		}
		name, _, _ := bytes.Cut(r[104:168], []byte{0})
		u.name = string(name)
		all = append(all, u)
	}
	return all
}

// A process that was there before the tracer and one that comes after it, functions called
// 37 and 101 times: each call is one record, with its arguments or its result.
func TestUserFunctions(t *testing.T) {
	path := target(t)
	for _, test := range []struct {
		kind    plan.AttachKind
		program string
		want    func(i uint64) [2]uint64
	}{
		{plan.Uprobe, "user_entry", func(i uint64) [2]uint64 { return [2]uint64{i, 5} }},
		{plan.Uretprobe, "user_return", func(i uint64) [2]uint64 { return [2]uint64{2*i + 5, 0} }},
	} {
		t.Run(string(test.kind), func(t *testing.T) {
			before := start(t, path, 37)
			var after *process
			sink := new(list)
			account, err := trace(t, users(t, test.kind, path+":probed_first", test.program), Options{Sink: sink}, func() {
				after = start(t, path, 101)
				before.finish(t)
				after.finish(t)
			})
			if err != nil {
				t.Fatal(err)
			}
			exact(t, account, 138)
			next := map[uint64]uint64{}
			for _, u := range sink.users() {
				if want := test.want(next[u.pid]); [2]uint64(u.values[:2]) != want {
					t.Fatalf("call %d has %#x, want %#x", next[u.pid], u.values[:2], want)
				}
				next[u.pid]++
			}
			if next[uint64(before.cmd.Process.Pid)] != 37 || next[uint64(after.cmd.Process.Pid)] != 101 {
				t.Errorf("calls by process: %v", next)
			}
		})
	}
}

// A pid keeps other processes out, also children, with memory of their own or its.
func TestUserPid(t *testing.T) {
	path := target(t)
	for _, test := range []struct {
		kind          plan.AttachKind
		what, program string
		want          int
	}{
		{plan.Uprobe, "probed_first", "user_entry", 37},
		{plan.Uprobe, "probed_*", "user_entry", 74},
		{plan.Uprobe, "in_child", "user_entry", 0},
		{plan.Uprobe, "forks", "user_entry", 37},
		{plan.Uretprobe, "forks", "user_return", 37},
	} {
		t.Run(fmt.Sprint(test.kind, " ", test.what), func(t *testing.T) {
			one, other := start(t, path, 37), start(t, path, 101)
			sink := new(list)
			account, err := trace(t, users(t, test.kind, path+":"+test.what, test.program), Options{Sink: sink, Pid: one.cmd.Process.Pid}, func() {
				other.finish(t)
				one.finish(t)
			})
			if err != nil {
				t.Fatal(err)
			}
			exact(t, account, test.want)
			for _, u := range sink.users() {
				if u.pid != uint64(one.cmd.Process.Pid) {
					t.Fatalf("a record of process %d", u.pid)
				}
			}
		})
	}
}

// A path is that of the process: here of one whose root is another folder.
func TestUserRoot(t *testing.T) {
	path := target(t, "-static")
	root := t.TempDir()
	const inside = "/only-in-here"
	text, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(root+inside, text, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	p := launch(t, exec.Command(inside, "37"), &syscall.SysProcAttr{Chroot: root})
	sink := new(list)
	account, err := trace(t, users(t, plan.Uprobe, inside+":probed_first", "user_entry"), Options{Sink: sink, Pid: p.cmd.Process.Pid}, func() { p.finish(t) })
	if err != nil {
		t.Fatal(err)
	}
	exact(t, account, 37)
}

// A pattern runs one program at all of its functions, which says at which.
func TestUserPattern(t *testing.T) {
	path := target(t)
	p := start(t, path, 37)
	sink, said := new(list), new(strings.Builder)
	account, err := trace(t, users(t, plan.Uprobe, path+":probed_*", "user_pattern"), Options{
		Sink:    sink,
		Verbose: func(f string, args ...any) { fmt.Fprintf(said, f+"\n", args...) },
	}, func() { p.finish(t) })
	if err != nil {
		t.Fatal(err)
	}
	exact(t, account, 74)
	hits := map[string]int{}
	for _, u := range sink.users() {
		hits[u.name]++
	}
	if len(hits) != 2 || hits["probed_first"] != 37 || hits["probed_second"] != 37 {
		t.Errorf("hits are %v", hits)
	}
	if !strings.Contains(said.String(), path+": probed_") || !strings.Contains(said.String(), "(2 sites)") {
		t.Errorf("said\n%s", said)
	}
}

// Every form of argument, in a program at a fixed address and in one that is moved.
func TestNotes(t *testing.T) {
	for _, flags := range [][]string{{"-no-pie"}, {"-pie", "-fPIE"}} {
		t.Run(flags[0], func(t *testing.T) {
			path := target(t, flags...)
			for name, want := range map[string][]uint64{
				"forms": {0x80000000fffffffe, -2 & (1<<64 - 1), 0xfffffffe, 0xfffffffffffffff0, 0x80, 0xffffffffffff80f0, 0xfffffffffffffffb, 7,
					0xf1f2f3f4f5f6f7f8, 0xffffffffa5a6a7a8, 0x01020304, 0x21},
				"more": {0x87654321, 0x4321, 0xffffffffffffffb3, 0x0304, 0xff, 0, 0, 0xfffffffffffffff1, 0x05060708, 0xfffffffffffff7f8, 0xffffffff, 0xffffffffffffffb3},
			} {
				p := start(t, path, 37)
				sink := new(list)
				account, err := trace(t, users(t, plan.USDT, path+":target:"+name, "user_all"), Options{Sink: sink}, func() { p.finish(t) })
				if err != nil {
					t.Fatal(err)
				}
				exact(t, account, 37)
				for _, u := range sink.users() {
					if name == "more" { // the stack pointer is 16 bytes below the frame's
						if u.values[6]-u.values[5] != 16 {
							t.Fatalf("rsp is %#x, rbp %#x", u.values[5], u.values[6])
						}
						u.values[5], u.values[6] = 0, 0
					}
					if !slices.Equal(u.values, want) {
						t.Fatalf("%s: %#x, want %#x", name, u.values, want)
					}
				}
			}
		})
	}
}

// Sites that pass their arguments in the same way share a program.
func TestNoteLayouts(t *testing.T) {
	path := target(t)
	p := start(t, path, 37)
	sink, said := new(list), new(strings.Builder)
	account, err := trace(t, users(t, plan.USDT, path+":target:ways", "user_one"), Options{
		Sink:    sink,
		Verbose: func(f string, args ...any) { fmt.Fprintf(said, f+"\n", args...) },
	}, func() { p.finish(t) })
	if err != nil {
		t.Fatal(err)
	}
	exact(t, account, 111)
	for i, u := range sink.users() {
		if u.values[0] != 41+uint64(i)%3 {
			t.Fatalf("record %d has %d", i, u.values[0])
		}
	}
	if !strings.Contains(said.String(), path+": target:ways (3 sites), 2 programs\n") {
		t.Errorf("said\n%s", said)
	}
}

// The kernel raises a probe's semaphore while it is attached, and lowers it again.
func TestSemaphore(t *testing.T) {
	path := target(t)
	before, idle := start(t, path, 37), start(t, path, 37)
	var on []int
	account, err := trace(t, users(t, plan.USDT, path+":target:guarded", "user_one"), Options{Sink: new(list)}, func() {
		on = append(on, before.finish(t), start(t, path, 101).finish(t))
	})
	if err != nil {
		t.Fatal(err)
	}
	exact(t, account, 138)
	if on = append(on, idle.finish(t)); !slices.Equal(on, []int{37, 101, 0}) {
		t.Errorf("on %d times, want 37, 101 and, after the run, 0", on)
	}
}

// An argument whose address leads nowhere counts as a failed read.
func TestNoteUnreadable(t *testing.T) {
	path := target(t)
	p := start(t, path, 37)
	account, err := trace(t, users(t, plan.USDT, path+":target:nowhere", "user_one"), Options{Sink: new(list)}, func() { p.finish(t) })
	if err != nil {
		t.Fatal(err)
	}
	if account.FailedReads != 37 || account.Delivered != 0 {
		t.Errorf("%+v", *account)
	}
}

// What cannot be attached says why.
func TestUserRefusals(t *testing.T) {
	path := target(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const machine = 18 // e_machine of the ELF header, elf(5)
	binary.LittleEndian.PutUint16(foreign[machine:], uint16(elf.EM_AARCH64))
	other := filepath.Join(t.TempDir(), "other")
	if err := os.WriteFile(other, foreign, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		kind            plan.AttachKind
		target, program string
		want            string
	}{
		{plan.Uprobe, other + ":main", "user_entry", other + " is for another architecture: EM_AARCH64, this machine is EM_X86_64"},
		{plan.Uprobe, path + ":nonsuch", "user_entry", "nonsuch"},
		{plan.Uprobe, path + "x:main", "user_entry", path + "x"},
		{plan.Uprobe, "/proc/self/status:main", "user_entry", "/proc/self/status"},
		{plan.Uretprobe, self + ":main.main", "user_return", "it is a Go program, which ends when its return addresses are changed"},
		{plan.USDT, path + ":target:nonsuch", "user_one", "has no USDT probe target:nonsuch; target has floats forms guarded more nowhere ways"},
		{plan.USDT, path + ":target:floats", "user_one", "floating-point"},
		{plan.USDT, path + ":target:guarded", "user_all", "the probe has 1 arguments"},
		{plan.USDT, self + ":a:b", "user_one", "has no USDT probes"},
	} {
		account, err := trace(t, users(t, test.kind, test.target, test.program), Options{Sink: new(list)}, func() {})
		var refused *AttachError
		if account != nil || !errors.As(err, &refused) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s:%s: %v, want %s", test.kind, test.target, err, test.want)
		}
	}
	_, err = attach.Locate(plan.USDT, path+":ways", 0)
	if err != nil {
		t.Errorf("a probe without its provider: %v", err)
	}
}
