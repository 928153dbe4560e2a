package specs_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	goruntime "runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ebgen/ebgen/specs/workload"
)

// TestWaits wants a record for each time that a thread got a CPU, with who had it before,
// and each nap's end with who ended it.
func TestWaits(t *testing.T) {
	const threads, rounds = 5, 101
	comm := own("switcher")
	var made []workload.Switched
	got := trace(t, map[string][]string{"comm": {comm}, "over": {"0s"}}, func(ctx context.Context) (err error) {
		made, err = workload.Switches(ctx, comm, threads, rounds)
		return err
	}, "runqslower", "wakeuptime")
	least, most := switches(made)
	tids := map[int]bool{}
	for _, s := range made {
		tids[s.TID] = true
	}
	if n := len(got[0].records); n < least || n > most {
		t.Errorf("%d waits for a CPU, the kernel counts %d to %d switches", n, least, most)
	}
	for _, r := range got[0].records {
		if r["comm"] != comm || !tids[number(r["tid"])] || number(r["waited"]) <= 0 || r["before"] == "" || r["before_tid"] == r["tid"] {
			t.Errorf("a wait that is none: %v", r)
		}
	}
	// A thread that is pushed off the CPU on its way to a nap is not blocked.
	naps := threads * rounds
	if n := sum(got[1].records, "times"); n < naps-naps/50 || n > most {
		t.Errorf("%d times woken, want %d naps at least and %d switches at most", n, naps, most)
	}
	for _, r := range got[1].records {
		if kernel, ok := r["kernel"].([]any); r["target"] != comm || r["waker"] == "" || !ok || len(kernel) == 0 || number(r["total"]) <= 0 {
			t.Errorf("nobody woke %v", r)
		}
	}
}

// TestRunqlen has 5 threads compute on one CPU: 4 of them wait whenever one looks.
func TestRunqlen(t *testing.T) {
	const threads = 5
	// Of a second of that CPU's time there are 99 samples. In a guest time is not what it
	// is elsewhere, and most samples come late or not at all.
	each, want := 202*time.Millisecond, 37
	if os.Getenv("EBGEN_VM") != "" {
		each, want = 2*time.Second, 1
	}
	var cpu int
	got := trace(t, nil, func(ctx context.Context) (err error) {
		cpu, err = workload.Crowd(ctx, threads, each)
		return err
	}, "runqlen")[0]
	for _, r := range got.records {
		long, all := 0, 0
		for _, b := range buckets(t, r["waiting"]) {
			all += b.count
			if b.low != nil && *b.low >= threads-1 {
				long += b.count
			}
			if b.high == nil && b.count > 0 { // where nothing runs there is nothing to take one from
				t.Errorf("CPU %v: %d samples with more threads than there are", r["cpu"], b.count)
			}
		}
		if all != number(r["samples"]) {
			t.Errorf("CPU %v: the histogram has %d samples, want %v", r["cpu"], all, r["samples"])
		}
		if number(r["cpu"]) == cpu && long < want {
			t.Errorf("%d samples with %d threads that wait, want %d at least: %v", long, threads-1, want, r)
		}
	}
}

// TestSyscount wants the calls of one process by name, those that failed, and those that
// failed in one way.
func TestSyscount(t *testing.T) {
	const calls = 101
	for _, one := range []struct {
		name, value string
		missing     bool // only opens of files that are missing are counted
	}{
		{"failures", "false", false},
		{"failures", "true", true},
		{"errno", fmt.Sprint(int(unix.ENOENT)), true},
		{"errno", fmt.Sprint(int(unix.EXDEV)), true},
	} {
		comm := own("opener")
		var made []workload.Opened
		got := trace(t, map[string][]string{"comm": {comm}, one.name: {one.value}}, func(ctx context.Context) (err error) {
			made, err = workload.Opens(ctx, comm, calls)
			return err
		}, "syscount")[0]
		want := 0
		for _, o := range made {
			if !one.missing || one.name == "failures" && o.Errno != 0 || one.value == fmt.Sprint(int(o.Errno)) {
				want++
			}
		}
		opens := 0
		for _, r := range got.records {
			if r["syscall"] == "openat" {
				opens = number(r["calls"])
			}
		}
		if missed := int(got.account.Missed); opens > want || opens+missed < want {
			t.Errorf("%s %s: %d opens and %d missed, want %d", one.name, one.value, opens, missed, want)
		}
	}
}

// interrupts counts what has run since the start of the machine, by the name that a line
// of a file of /proc ends or begins with.
func interrupts(t *testing.T, file string, name func(line []string) string) map[string]int {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	cpus := len(strings.Fields(lines[0]))
	counts := map[string]int{}
	for _, line := range lines[1:] {
		words := strings.Fields(line)
		if len(words) <= cpus {
			continue
		}
		for _, n := range words[1 : cpus+1] {
			if n, err := strconv.Atoi(n); err == nil {
				counts[name(words)] += n
			}
		}
	}
	return counts
}

// TestInterrupts wants as many soft interrupts of each kind, and as many of each handler of
// hard ones, as the kernel counts.
func TestInterrupts(t *testing.T) {
	for _, one := range []struct {
		spec, column, file string
		name               func(line []string) string
		more               func() error // makes more of them
	}{
		{"softirqs", "softirq", "/proc/softirqs", func(line []string) string { return strings.TrimSuffix(line[0], ":") }, nap},
		{"hardirqs", "hardirq", "/proc/interrupts", func(line []string) string { return line[len(line)-1] }, disturb},
	} {
		t.Run(one.spec, func(t *testing.T) {
			outer := interrupts(t, one.file, one.name)
			var begun, ended map[string]int
			got := trace(t, nil, func(ctx context.Context) error {
				begun = interrupts(t, one.file, one.name)
				for range 101 {
					if err := errors.Join(ctx.Err(), one.more()); err != nil {
						return err
					}
				}
				ended = interrupts(t, one.file, one.name)
				return nil
			}, one.spec)[0]
			last := interrupts(t, one.file, one.name)
			missed, all := int(got.account.Missed), 0
			seen := map[string]int{}
			for _, r := range got.records {
				name := r[one.column].(string)
				seen[name] = number(r["times"])
				all += seen[name]
				in := 0
				for _, b := range buckets(t, r["took"]) {
					in += b.count
				}
				if in != seen[name] || number(r["total"]) <= 0 {
					t.Errorf("no distribution of %d: %v", seen[name], r)
				}
			}
			for name, n := range ended {
				if _, ok := seen[name]; !ok && one.spec == "hardirqs" {
					continue // its line names several handlers, or none
				}
				// Each CPU may have counted one that had not come to the tracepoint.
				least, most := n-begun[name]-missed-goruntime.NumCPU(), last[name]-outer[name]
				if seen[name] < least || seen[name] > most {
					t.Errorf("%s: %d times, the kernel counts %d to %d", name, seen[name], least, most)
				}
			}
			if all == 0 && os.Getenv("EBGEN_VM") != "" && one.spec == "hardirqs" {
				t.Skip("no device interrupted this guest meanwhile")
			}
			if all == 0 {
				t.Errorf("none: %v", ended)
			}
		})
	}
}

// nap lets a timer run.
func nap() error {
	time.Sleep(time.Millisecond)
	return nil
}

// disturb has a device interrupt: the disk that this program lies on, or in a guest, which
// has none, whatever carries its errors away.
func disturb() error {
	if os.Getenv("EBGEN_VM") != "" {
		_, err := fmt.Fprintln(os.Stderr)
		return err
	}
	fd, err := unix.Open("/proc/self/exe", unix.O_RDONLY|unix.O_DIRECT|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	memory, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return err
	}
	_, err = unix.Pread(fd, memory, 0)
	return errors.Join(err, unix.Munmap(memory))
}
