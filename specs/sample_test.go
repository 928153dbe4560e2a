package specs_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ebgen/ebgen/runtime"
)

// TestFaults wants one event for each page that a program touches first: the kernel counts
// page faults, and each count of one fires.
func TestFaults(t *testing.T) {
	const rounds, pages = 3, 37
	p := start(t, program(t, "pages"))
	if err := p.round(); err != nil { // its own pages are there
		t.Fatal(err)
	}
	got := trace(t, map[string][]string{"comm": {"pages"}}, func(context.Context) error {
		for range rounds {
			if err := p.round(); err != nil {
				return err
			}
		}
		return nil
	}, "faults")[0]
	// Where the pages are touched the stack is one; elsewhere the kernel may fault as it likes.
	most := 0
	for _, r := range of(p.Process.Pid, got.records) {
		most = max(most, number(r["faults"]))
	}
	if most != rounds*pages {
		t.Errorf("%d faults where pages are touched, want %d: %v", most, rounds*pages, got.records)
	}
}

// TestTicks wants what happens once to happen once, the end last, and time to pass in equal
// steps: from when that probe is attached, a little before begin.
func TestTicks(t *testing.T) {
	const ticks = 11
	got := trace(t, nil, func(ctx context.Context) error {
		select {
		case <-time.After(ticks * 10 * time.Millisecond):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}, "ticks")[0]
	fired := map[any]int{}
	var at []int // of ticks
	for _, r := range got.records {
		if fired[r["probe"]]++; r["probe"] == "interval:ms:10" {
			at = append(at, number(r["at"]))
		}
	}
	if fired["begin"] != 1 || fired["end"] != 1 || len(at) < 2 || got.records[len(got.records)-1]["probe"] != "end" {
		t.Fatalf("the probes fired %v times, the last as %v", fired, got.records[len(got.records)-1])
	}
	step := time.Duration(at[len(at)-1]-at[0]) / time.Duration(len(at)-1)
	if step < 9*time.Millisecond || os.Getenv("EBGEN_VM") == "" && step > 30*time.Millisecond {
		t.Errorf("%d ticks, %v apart, want 10 ms", len(at), step)
	}
}

// cpuTime is how long a process has run (proc(5), stat, utime and stime, in ticks of which
// USER_HZ, 100, make a second).
func cpuTime(t *testing.T, pid int) time.Duration {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	user, err := strconv.Atoi(fields[11])
	system, systemErr := strconv.Atoi(fields[12])
	if err := errors.Join(err, systemErr); err != nil {
		t.Fatal(err)
	}
	return time.Duration(user+system) * 10 * time.Millisecond
}

// TestProfile wants a sample for each hundredth of a second, nearly, that a program runs.
func TestProfile(t *testing.T) {
	const hz = 99
	p := start(t, program(t, "split-c"))
	var ran time.Duration
	got := traceWith(t, runtime.Options{Params: map[string][]string{"pid": {strconv.Itoa(p.Process.Pid)}}}, func(ctx context.Context) error {
		for before := cpuTime(t, p.Process.Pid); ran < 2*time.Second; ran = cpuTime(t, p.Process.Pid) - before {
			select {
			case <-time.After(10 * time.Millisecond):
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	}, "profile")[0]
	n, want := sum(got.records, "samples"), int(ran.Seconds()*hz)
	slack := want / 5
	if os.Getenv("EBGEN_VM") != "" { // an emulated clock of a busy machine comes late
		slack = want * 9 / 10
	}
	if n < want-slack || n > want+slack {
		t.Errorf("%d samples of %v, want %d", n, ran, want)
	}
	for _, r := range got.records {
		if user, _ := r["user"].([]any); r["comm"] != "split-c" || len(user) < 2 {
			t.Errorf("a sample of %v", r)
		}
	}
	t.Logf("%d samples of %v, which makes %.1f a second", n, ran, float64(n)/ran.Seconds())
}

// TestOpenfiles wants the 37 files that this process holds open and no other.
func TestOpenfiles(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("tracing needs root")
	}
	dir := t.TempDir()
	var want, names []string
	for i := range 37 {
		f, err := os.Create(filepath.Join(dir, fmt.Sprintf("open-%d", i)))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := f.Write(make([]byte, i)); err != nil {
			t.Fatal(err)
		}
		want = append(want, fmt.Sprintf("%d %s %d", f.Fd(), filepath.Base(f.Name()), i))
	}
	got, err := traceOne(t.Context(), bundle(t, "openfiles"), runtime.Options{Params: map[string][]string{"pids": {strconv.Itoa(os.Getpid())}}}, func() {})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range got.records {
		if name, _ := r["file"].(string); r["directory"] == filepath.Base(dir) {
			names = append(names, fmt.Sprintf("%d %s %d", number(r["fd"]), name, number(r["position"])))
		}
	}
	slices.Sort(names)
	slices.Sort(want)
	if !slices.Equal(names, want) {
		t.Errorf("open files are %v, want %v", names, want)
	}
}

// TestBashreadline wants each of 37 lines that are typed into a shell.
func TestBashreadline(t *testing.T) {
	path, err := filepath.EvalSymlinks("/bin/bash")
	if err != nil {
		missing(t, err)
	}
	var want []string
	for i := range 37 {
		want = append(want, fmt.Sprintf(": line %d with 'quotes'", i))
	}
	want = append(want, "exit 0")
	shell := exec.Command(path, "--norc", "--noprofile", "-i")
	shell.Stdin = strings.NewReader(strings.Join(want, "\n") + "\n")
	got := trace(t, nil, func(context.Context) error { return shell.Run() }, "bashreadline")[0]
	var lines []string
	for _, r := range of(shell.Process.Pid, got.records) {
		lines = append(lines, r["line"].(string))
	}
	if !slices.Equal(lines, want) {
		t.Errorf("lines are %q, want %q", lines, want)
	}
}
