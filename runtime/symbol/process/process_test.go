package process

import (
	"bufio"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	goruntime "runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/ebgen/ebgen/runtime/stack"
)

// build makes a program of testdata/told.c.
func build(t testing.TB, path string, flags ...string) {
	t.Helper()
	if _, err := exec.LookPath("gcc"); err != nil {
		t.Skip(err)
	}
	c := exec.Command("gcc", append([]string{"-O1", "-o", path}, flags...)...)
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// told is a program of testdata/told.c that runs.
type told struct {
	*exec.Cmd
	t   testing.TB
	in  io.WriteCloser
	out *bufio.Reader
}

func start(t testing.TB, c *exec.Cmd) *told {
	t.Helper()
	p := &told{Cmd: c, t: t}
	in, err := c.StdinPipe()
	out, outErr := c.StdoutPipe()
	c.Stderr = os.Stderr
	if err := errors.Join(err, outErr, c.Start()); err != nil {
		t.Fatal(err)
	}
	p.in, p.out = in, bufio.NewReader(out)
	t.Cleanup(p.end)
	return p
}

// end ends the program and waits for it.
func (p *told) end() {
	if p.ProcessState == nil {
		_ = p.in.Close()
		_ = p.Wait()
	}
}

// tell has the program do what a letter says, and returns the address that it tells.
func (p *told) tell(letter string) uint64 {
	p.t.Helper()
	_, err := io.WriteString(p.in, letter)
	line, readErr := p.out.ReadString('\n')
	addr, parseErr := strconv.ParseUint(strings.TrimPrefix(strings.TrimSpace(line), "0x"), 16, 64)
	if err := errors.Join(err, readErr, parseErr); err != nil {
		p.t.Fatal(err)
	}
	return addr
}

// spaceOf is the space of a process that has not called exec since it was started.
func spaceOf(t testing.TB, pid int) stack.Space {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	ticks, ok := startedAt(text)
	if !ok {
		t.Fatalf("%s", text)
	}
	return stack.Space{Pid: uint32(pid), Exec: 1, Started: ticks * clockTick}
}

// space is the one of the running program, after so many calls of exec.
func (p *told) space(exec uint32) stack.Space {
	p.t.Helper()
	s := spaceOf(p.t, p.Process.Pid)
	s.Exec = exec
	return s
}

func table(t testing.TB) *Table {
	tab := NewTable()
	t.Cleanup(func() {
		if err := errors.Join(tab.Err(), tab.Close()); err != nil {
			t.Error(err)
		}
	})
	return tab
}

// named wants one frame.
func named(t testing.TB, tab *Table, s stack.Space, addr uint64, name, module string) {
	t.Helper()
	got := tab.Frames(nil, s, addr, false)
	if len(got) != 1 || got[0].Name != name || got[0].Module != module || got[0].Address != addr {
		t.Errorf("%#x is %+v, want %s of %s", addr, got, name, module)
	}
}

// tooLate wants so many processes to have been met when they were gone.
func tooLate(t *testing.T, tab *Table, n int) {
	t.Helper()
	want := fmt.Sprintf("%d processes ended or called exec before their files were opened: the functions on their stacks are addresses", n)
	if err := tab.Err(); err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	tab.early = 0
}

// The process is dead and its program removed when the names are asked for.
func TestDead(t *testing.T) {
	for _, flags := range [][]string{{}, {"-static", "-no-pie"}, {"-static-pie"}} {
		path := filepath.Join(t.TempDir(), "told")
		build(t, path, append([]string{"testdata/told.c"}, flags...)...)
		p := start(t, exec.Command(path))
		addr, key, tab := p.tell("a"), p.space(1), table(t)
		tab.Met(key, stack.Space{})
		p.end()
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		named(t, tab, key, addr, "told", path)
		got := tab.Frames([]stack.Frame{{Name: "before"}}, key, addr+5, true)
		if len(got) != 2 || got[1].Name != "told" || got[1].Offset != 5 || got[1].Address != addr+5 {
			t.Errorf("%+v", got)
		}
		named(t, tab, key, 0x1000, "", nowhere)
		if err := tab.Err(); err != nil {
			t.Error(err)
		}
		// One that nobody looked at in time has no names, and is told of once.
		late := key
		late.Exec++
		named(t, tab, late, addr, "", "")
		named(t, tab, late, addr+1, "", "")
		tooLate(t, tab, 1)
	}
}

// A number that is another process's by now, or was before, is not this process.
func TestAnotherProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "told")
	build(t, path, "testdata/told.c")
	p := start(t, exec.Command(path))
	addr, key, tab := p.tell("a"), p.space(1), table(t)
	key.Started += clockTick
	named(t, tab, key, addr, "", "")
	key.Started -= 2 * clockTick
	named(t, tab, key, addr, "", "")
	key.Started += clockTick
	named(t, tab, key, addr, "told", path)
	tooLate(t, tab, 2)
}

// After exec the same process has other mappings, at other addresses.
func TestExec(t *testing.T) {
	path := filepath.Join(t.TempDir(), "told")
	build(t, path, "testdata/told.c")
	for _, late := range []bool{false, true} {
		p, tab := start(t, exec.Command(path)), table(t)
		first, before := p.tell("a"), p.space(1)
		if !late {
			tab.Met(before, stack.Space{})
		}
		if _, err := io.WriteString(p.in, "x"); err != nil {
			t.Fatal(err)
		}
		second, after := p.tell("a"), p.space(2)
		if late { // it is told of when it is over
			tab.Met(before, stack.Space{})
		}
		tab.Met(after, stack.Space{})
		named(t, tab, after, second, "told", path)
		if late {
			named(t, tab, before, first, "", "")
			named(t, tab, before, second, "", "")
		} else {
			named(t, tab, before, first, "told", path)
		}
		before.Exec = 0 // asked for when what followed it is known
		named(t, tab, before, second, "", "")
		tooLate(t, tab, map[bool]int{false: 1, true: 2}[late])
	}
}

// A library that is loaded later is found while the process lives: when an address in it
// is asked for, or by itself.
func TestLoadedLater(t *testing.T) {
	dir := t.TempDir()
	source, library, path := filepath.Join(dir, "later.c"), filepath.Join(dir, "later.so"), filepath.Join(dir, "told")
	if err := os.WriteFile(source, []byte("int told_later(int x) { return x * 37; }\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	build(t, library, "-shared", "-fPIC", source)
	build(t, path, "testdata/told.c", "-DLIBRARY", "-ldl")
	for _, asked := range []bool{true, false} {
		p, tab := start(t, exec.Command(path, library)), table(t)
		p.tell("a")
		key := p.space(1)
		tab.Met(key, stack.Space{})
		addr := p.tell("l")
		for began := time.Now(); ; time.Sleep(time.Millisecond) {
			if asked {
				if got := tab.Frames(nil, key, addr, false); got[0].Name != "" {
					break
				}
			} else if s := tab.space(key); s.has(addr) {
				break
			}
			if time.Since(began) > 10*time.Second {
				t.Fatal("the library is not found")
			}
		}
		p.end()
		named(t, tab, key, addr, "told_later", library)
	}
}

func (s *space) has(addr uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return find(s.code, addr) != nil
}

// perfMap writes a perf map for a process, which goes with the test.
func writePerfMap(t testing.TB, path, text string) {
	t.Helper()
	t.Cleanup(func() { _ = os.Remove(path) })
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteString(text)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}

// What a JIT says counts by the time that names are asked for, also of a process that is
// dead.
func TestPerfMap(t *testing.T) {
	path := filepath.Join(t.TempDir(), "told")
	build(t, path, "testdata/told.c")
	p, tab := start(t, exec.Command(path)), table(t)
	addr, key := p.tell("m"), p.space(1)
	tab.Met(key, stack.Space{})
	named(t, tab, key, addr, "", anonymous)
	perf := fmt.Sprintf("/tmp/perf-%d.map", p.Process.Pid)
	writePerfMap(t, perf, fmt.Sprintf("%x 40 JS:first a.js:1:2\n", addr))
	named(t, tab, key, addr+1, "JS:first a.js:1:2", "")
	p.end()
	writePerfMap(t, perf, fmt.Sprintf("%x 40 second\n", addr+0x40))
	if err := os.Remove(perf); err != nil {
		t.Fatal(err)
	}
	tab.space(key).jit.read = time.Time{} // long ago
	named(t, tab, key, addr+0x40, "second", "")
	got := tab.Frames(nil, key, addr+0x40, true)
	if len(got) != 1 || got[0].Name != "JS:first a.js:1:2" || got[0].Offset != 0x40 {
		t.Errorf("behind a call: %+v", got)
	}
	named(t, tab, key, addr+0x80, "", anonymous)
}

// Anybody may write into /tmp; only what the process's own user or root wrote is believed.
func TestForeignPerfMap(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can give a file away")
	}
	path := filepath.Join(t.TempDir(), "told")
	build(t, path, "testdata/told.c")
	p, tab := start(t, exec.Command(path)), table(t)
	addr, key := p.tell("m"), p.space(1)
	perf := fmt.Sprintf("/tmp/perf-%d.map", p.Process.Pid)
	writePerfMap(t, perf, fmt.Sprintf("%x 40 forged\n", addr))
	if err := os.Chown(perf, 12345, 12345); err != nil {
		t.Fatal(err)
	}
	named(t, tab, key, addr, "", anonymous)
	if err := os.Chown(perf, 0, 0); err != nil {
		t.Fatal(err)
	}
	named(t, tab, key, addr, "forged", "")
}

// What fork has made has its parent's mappings, and is not looked at in time.
func TestForked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "told")
	build(t, path, "testdata/told.c")
	p, tab := start(t, exec.Command(path)), table(t)
	addr, child := p.tell("a"), stack.Space{Pid: 1<<31 - 1, Exec: 1, Started: 1}
	tab.Met(child, p.space(1))
	p.end()
	named(t, tab, child, addr, "told", path)
	named(t, tab, child, 0x1000, "", "") // it may have mapped more than its parent
	if err := tab.Err(); err != nil {
		t.Error(err)
	}
	orphan := child
	orphan.Started++
	tab.Met(orphan, stack.Space{Pid: 1<<31 - 2, Exec: 1, Started: 1})
	named(t, tab, orphan, addr, "", "")
	tooLate(t, tab, 1)
}

// In a container the program's pid and its /tmp are its own. The kernel gives the path of
// a file from our root where it leads there, else from the root of its mounts.
func TestContainer(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can make a container")
	}
	for _, stripped := range []bool{false, true} {
		root := t.TempDir()
		path := filepath.Join(root, "told")
		build(t, path, "testdata/told.c", "-static")
		if stripped { // its symbols are where only our own root leads
			for _, args := range [][]string{{"--only-keep-debug", path, path + ".debug"}, {"--strip-all", "--add-gnu-debuglink=" + path + ".debug", path}} {
				if out, err := exec.Command("objcopy", args...).CombinedOutput(); err != nil {
					t.Fatalf("%v\n%s", err, out)
				}
			}
		}
		if err := os.Mkdir(filepath.Join(root, "tmp"), 0o777); err != nil {
			t.Fatal(err)
		}
		c := exec.Command("/told")
		c.Dir = "/"
		c.SysProcAttr = &syscall.SysProcAttr{Chroot: root, Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS}
		p, tab := start(t, c), table(t)
		addr, made, key := p.tell("a"), p.tell("m"), p.space(1)
		writePerfMap(t, filepath.Join(root, "tmp/perf-1.map"), fmt.Sprintf("%x 40 jitted\n", made))
		tab.Met(key, stack.Space{})
		p.end()
		named(t, tab, key, addr, "told", path)
		named(t, tab, key, made, "jitted", "")
	}
}

// A perf map that leads out of a container, or is none, is not read.
func TestEscape(t *testing.T) {
	root := t.TempDir()
	outside := filepath.Join(t.TempDir(), "outside")
	if err := errors.Join(os.WriteFile(outside, []byte("x"), 0o600), os.Symlink(outside, filepath.Join(root, "link")),
		syscall.Mkfifo(filepath.Join(root, "fifo"), 0o600), os.WriteFile(filepath.Join(root, "file"), []byte("y"), 0o600),
		os.Symlink("/file", filepath.Join(root, "inside"))); err != nil {
		t.Fatal(err)
	}
	h, err := within(root)
	if err != nil {
		t.Fatal(err)
	}
	defer h.close()
	for name, want := range map[string]bool{"link": false, "fifo": false, "../x": false, "file": true, "/file": true, "inside": true, "../file": true} {
		f, err := h.regular(name, false)
		if (err == nil) != want {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil {
			f.Close()
		}
	}
}

// The names of our own functions are those that Go's runtime gives.
func TestThisProcess(t *testing.T) {
	tab, key := table(t), spaceOf(t, os.Getpid())
	var pcs [64]uintptr
	n := goruntime.Callers(1, pcs[:])
	frames, found := goruntime.CallersFrames(pcs[:n]), 0
	for {
		f, more := frames.Next()
		got := tab.Frames(nil, key, uint64(f.PC+1), true)
		if f.Func != nil && len(got) > 0 && got[len(got)-1].Name == f.Func.Name() && f.Func.Entry()+uintptr(got[len(got)-1].Offset) == f.PC+1 {
			found++
		} else {
			t.Errorf("%s at %#x is %+v", f.Function, f.PC, got)
		}
		if !more {
			break
		}
	}
	if found < 2 {
		t.Errorf("%d functions", found)
	}
}

func TestVdso(t *testing.T) {
	code := vdso()
	f, err := elf.NewFile(strings.NewReader(string(code)))
	if err != nil {
		t.Fatal(err)
	}
	symbols, err := f.DynamicSymbols()
	if err != nil {
		t.Fatal(err)
	}
	tab, key := table(t), spaceOf(t, os.Getpid())
	tab.Met(key, stack.Space{})
	var at uint64
	for _, m := range tab.space(key).code {
		if m.from.path == "[vdso]" {
			at = m.start
		}
	}
	for _, s := range symbols {
		if strings.HasSuffix(s.Name, "clock_gettime") {
			got := tab.Frames(nil, key, at+s.Value, false)
			if len(got) != 1 || !strings.HasSuffix(got[0].Name, "clock_gettime") || got[0].Module != "vdso" {
				t.Errorf("%+v", got)
			}
			return
		}
	}
	t.Errorf("no clock_gettime among %+v", symbols)
}

// A table that may keep no files open says how many it would have needed.
func TestCrowded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "told")
	build(t, path, "testdata/told.c", "-static")
	p, tab := start(t, exec.Command(path)), NewTable()
	defer tab.Close()
	tab.limits.descriptors = 1 // its root
	addr, key := p.tell("a"), p.space(1)
	named(t, tab, key, addr, "", path)
	want := "1 files of processes were not kept open, whose functions have no names: this process may have 1 descriptors for them (ulimit -n allows twice as many)"
	if err := tab.Err(); err == nil || err.Error() != want {
		t.Errorf("%v", err)
	}
}

// What was read is given back, and read again; spaces that were met first are forgotten.
func TestBounds(t *testing.T) {
	path := filepath.Join(t.TempDir(), "told")
	build(t, path, "testdata/told.c")
	p, tab := start(t, exec.Command(path)), table(t)
	addr, made, key := p.tell("a"), p.tell("m"), p.space(1)
	writePerfMap(t, fmt.Sprintf("/tmp/perf-%d.map", p.Process.Pid), fmt.Sprintf("%x 40 jitted\n", made))
	tab.shelf.limit = 1
	for range 3 {
		named(t, tab, key, addr, "told", path)
		named(t, tab, key, made, "jitted", "")
		if len(tab.shelf.held) != 1 {
			t.Errorf("%d are held", len(tab.shelf.held))
		}
	}
	tab.limits.spaces = 2
	kept := tab.kept
	for exec := range uint32(3) {
		key.Exec = 10 + exec
		named(t, tab, key, made, "jitted", "")
	}
	if len(tab.spaces) != 2 || len(tab.order) != 2 || tab.kept != kept+1 {
		t.Errorf("%d spaces are kept, %d descriptors, %d before", len(tab.spaces), tab.kept, kept)
	}
}

func TestManyGoroutines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "told")
	build(t, path, "testdata/told.c")
	p, tab := start(t, exec.Command(path)), table(t)
	addr, key := p.tell("a"), p.space(1)
	tab.shelf.limit = 1
	tab.limits.spaces = 5
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			for range 37 {
				named(t, tab, key, addr, "told", path)
				tab.Met(stack.Space{Pid: 1<<31 - 1, Exec: uint32(i), Started: 1}, stack.Space{})
				tab.Frames(nil, spaceOf(t, os.Getpid()), 0x1000, true)
			}
		})
	}
	all.Wait()
}
