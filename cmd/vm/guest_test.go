package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// bench is what an end-to-end test runs: vm, built static, and testdata/guest.
type bench struct{ vm, program, kernel string }

// newBench builds both, or skips: these tests boot a kernel, which needs QEMU and a
// `vm fetch` before.
func newBench(t *testing.T) bench {
	t.Helper()
	if testing.Short() {
		t.Skip("boots a kernel: not with -short")
	}
	if err := checkTools(runTools("amd64")); err != nil {
		t.Skip(err)
	}
	cache, err := cacheDir()
	if err != nil {
		t.Skip(err)
	}
	kernel := os.Getenv("EBGEN_VM_TEST_KERNEL")
	if kernel == "" {
		kernel = "6.1"
	}
	if _, err := selectKernels(cache, []string{kernel}); err != nil {
		t.Skip(err)
	}
	if err := build(); err != nil {
		t.Fatal(err)
	}
	return bench{filepath.Join(built, "vm"), filepath.Join(built, "guest"), kernel}
}

// built is the folder of the two programs, build what makes them, once.
var (
	built string
	build = sync.OnceValue(func() error {
		for name, pkg := range map[string]string{"vm": ".", "guest": "./testdata/guest"} {
			c := exec.Command("go", "build", "-o", filepath.Join(built, name), pkg)
			c.Env = append(os.Environ(), "CGO_ENABLED=0")
			if text, err := c.CombinedOutput(); err != nil {
				return fmt.Errorf("go build %s: %w\n%s", pkg, err, text)
			}
		}
		return nil
	})
)

func TestMain(m *testing.M) {
	var err error
	if built, err = os.MkdirTemp("", "vm-test-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	status := m.Run()
	os.RemoveAll(built)
	os.Exit(status)
}

// run runs vm with flags on the guest program and returns both streams and the status.
func (b bench) run(t *testing.T, mode string, flags ...string) (stdout, stderr string, status int) {
	t.Helper()
	c := exec.Command(b.vm, append(append([]string{"run", "--kernel", b.kernel}, flags...), "--", b.program, mode)...)
	c.Env = append(os.Environ(), "EBGEN_E2E=passed on")
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	err := c.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), errs.String(), c.ProcessState.ExitCode()
}

func TestGuest(t *testing.T) {
	b := newBench(t)
	tests := []struct {
		name           string
		mode           string
		flags          []string
		status         int
		stdout, stderr string // stdout whole, stderr a part of it
	}{
		{name: "failing test", mode: "exit", status: 3, stdout: "to stdout\n", stderr: "to stderr"},
		{name: "signal", mode: "signal", status: 137, stderr: "vm: kernel " + b.kernel + ": killed: SIGKILL"},
		{name: "panic", mode: "panic", status: statusVM, stderr: "vm: kernel " + b.kernel + ": panicked: sysrq triggered crash"},
		{name: "reboot", mode: "reboot", status: statusVM, stderr: "vm: kernel " + b.kernel + ": broken: the guest ended without a word"},
		{name: "hang", mode: "hang", flags: []string{"--timeout", "20s"}, status: statusTimeout, stdout: "up\n", stderr: "vm: kernel " + b.kernel + ": timed out: after 20s"},
		{name: "orphan", mode: "orphan", stdout: "gone\n"},
		{
			name: "no init", mode: "exit", flags: []string{"--append", "rdinit=/nonesuch"}, status: statusVM,
			stderr: "vm: kernel " + b.kernel + ": panicked: VFS: Unable to mount root fs",
		},
		{
			name: "no machine", mode: "exit", flags: []string{"--memory", "nonsense"}, status: statusVM,
			stderr: "vm: kernel " + b.kernel + ": broken: exit status 1: qemu-system-x86_64:",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel() // several machines at once are safe
			stdout, stderr, status := b.run(t, tt.mode, tt.flags...)
			// A loaded machine may need the ten seconds for the boot alone.
			late := tt.name == "hang" && strings.Contains(stderr, "before the program was started")
			if status != tt.status || (stdout != tt.stdout && !late) || !strings.Contains(stderr, tt.stderr) {
				t.Errorf("status %d, want %d\nstdout %q, want %q\nstderr %q, want %q within",
					status, tt.status, stdout, tt.stdout, stderr, tt.stderr)
			}
			if tt.stderr == "" && stderr != "" {
				t.Errorf("stderr %q, want nothing", stderr)
			}
		})
	}
}

func TestGuestMachine(t *testing.T) {
	b := newBench(t)
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "out.txt")
	stdout, stderr, status := b.run(t, "look", "--modules", "dummy,null_blk:nr_devices=2",
		"--copy", "testdata/guest:/copied", "--out", "/tmp/out.txt:"+file, "--out", "/tmp/none:"+file+".none")
	want := fmt.Sprintf("uid=0 ppid=1 dir=%s testdata=%q copied=%[2]q env=%q vm=true\n", dir, "a file of the test\n", "passed on")
	if status != 0 || stdout != want || stderr != "" {
		t.Errorf("status %d, stderr %q, stdout\n%swant\n%s", status, stderr, stdout, want)
	}
	if got, err := os.ReadFile(file); err != nil || string(got) != "from the guest\n" {
		t.Errorf("--out brought %q, %v", got, err)
	}
	if _, err := os.Stat(file + ".none"); !os.IsNotExist(err) {
		t.Errorf("--out of a file that is not there: %v", err)
	}
}

func TestGuestBytes(t *testing.T) {
	b := newBench(t)
	stdout, sum, status := b.run(t, "bytes")
	if got := fmt.Sprintf("%x", sha256.Sum256([]byte(stdout))); status != 0 || got != sum || len(stdout) != 4<<20 {
		t.Errorf("status %d, %d bytes of sum %s; the guest wrote 4 MiB of sum %s", status, len(stdout), got, sum)
	}
}

// TestGuestKill ends vm in a way that it can see coming and in one that it cannot: QEMU
// must be gone too.
func TestGuestKill(t *testing.T) {
	b := newBench(t)
	for signal, status := range map[syscall.Signal]int{syscall.SIGTERM: statusInterrupt, syscall.SIGKILL: -1} {
		t.Run(signal.String(), func(t *testing.T) {
			t.Parallel()
			b.kill(t, signal, status)
		})
	}
}

// kill sends vm a signal once the guest is up, and wants its exit status (-1 when the
// signal ended it) and no QEMU left.
func (b bench) kill(t *testing.T, signal syscall.Signal, status int) {
	t.Helper()
	c := exec.Command(b.vm, "run", "--kernel", b.kernel, "--", b.program, "hang")
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	defer c.Process.Kill()
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "up\n" {
		t.Fatalf("the guest says %q, %v", line, err)
	}
	qemu := children(t, c.Process.Pid)
	if len(qemu) != 1 {
		t.Fatalf("vm has %d children, want QEMU alone", len(qemu))
	}
	if err := c.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
	if c.Wait(); c.ProcessState.ExitCode() != status {
		t.Errorf("%s, want exit status %d", c.ProcessState, status)
	}
	const patience = 20 * time.Second
	for deadline := time.Now().Add(patience); alive(qemu[0]); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			syscall.Kill(qemu[0], syscall.SIGKILL)
			t.Fatalf("QEMU outlives vm by %s", patience)
		}
	}
}

// stat returns the state and the parent of a process (proc_pid_stat(5)).
func stat(pid int) (state string, parent int) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", 0
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	fmt.Sscan(rest, &state, &parent)
	return state, parent
}

// alive tells a running process from one that is gone or waits to be reaped.
func alive(pid int) bool {
	state, _ := stat(pid)
	return state != "" && state != "Z" && state != "X"
}

func children(t *testing.T, parent int) []int {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	var found []int
	for _, e := range entries {
		var pid int
		if _, err := fmt.Sscan(e.Name(), &pid); err != nil {
			continue
		}
		if _, p := stat(pid); p == parent {
			found = append(found, pid)
		}
	}
	return found
}
