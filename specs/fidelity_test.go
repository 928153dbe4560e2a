package specs_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ebgen/ebgen/specs/workload"
)

var fidelity = flag.Bool("fidelity", false, "run specs beside the tools of other projects that answer the same question")

// peer is a tool of another project, beside which a spec sees one workload.
type peer struct {
	spec    string
	command []string // of the peer; PID is the workload's process, DISK its disk
	hooks   int      // how many programs the peer attaches
	params  map[string]string
	work    []string // what the process does; turns is a workload of ours
	ours    func(t *testing.T, rows []map[string]any) figures
	theirs  func(t *testing.T, output string) figures
	within  float64 // how far times may be apart, as a share of the larger one; counts are equal
	overlap float64 // how much of the histograms is common, at least
}

// figures are what both say. A histogram's buckets go by the logarithm of their low end in
// microseconds.
type figures struct {
	totals map[string]float64
	shape  map[int]float64
}

// peers is the table of docs/fidelity.md: a row for each spec.
var peers = []peer{
	{
		spec: "runqlat", command: []string{"runqlat", "-p", "PID"}, hooks: 3,
		params: map[string]string{"pids": "PID"}, work: []string{"turns"},
		ours: latencies, theirs: histogram, overlap: 0.9,
	},
	{
		spec: "offcputime", command: []string{"offcputime", "-p", "PID"}, hooks: 1,
		params: map[string]string{"pids": "PID"}, work: []string{"turns"},
		ours: offCPU, theirs: stackTotals, within: 0.01,
	},
	{
		spec: "biolatency", command: []string{"biolatency", "-d", "DISK"}, hooks: 2,
		params: map[string]string{"disk": "DISK"}, work: []string{"dd", "if=/dev/DISK", "of=/dev/null", "bs=4k", "count=3001", "iflag=direct", "status=none"},
		ours: latencies, theirs: histogram, overlap: 0.9,
	},
	{
		spec: "syslatency", command: []string{"syscount", "-L", "-T", "400", "-p", "PID"}, hooks: 2,
		params: map[string]string{"pids": "PID"}, work: []string{"dd", "if=/dev/zero", "of=/dev/null", "bs=1", "count=100003", "status=none"},
		ours: calls, theirs: callTotals, within: 0.2, // each counts one program of the other, 0.1 µs
	},
}

// TestFidelity runs each spec and its peer at the same time, on the events of one process
// that exists before both and starts when both are attached. With -fidelity alone: it needs
// the peers (Debian's libbpf-tools) and a machine that is not too busy.
func TestFidelity(t *testing.T) {
	if !*fidelity {
		t.Skip("only with -fidelity, which make test-fidelity gives")
	}
	for _, p := range peers {
		t.Run(p.spec, func(t *testing.T) { beside(t, &p) })
	}
}

func beside(t *testing.T, p *peer) {
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	disk := ""
	if strings.Contains(fmt.Sprint(p.work), "DISK") {
		disk = loopDisk(t, 3001*4096)
	}
	child := stopped(ctx, t, p.work, disk)
	named := strings.NewReplacer("PID", fmt.Sprint(child.Process.Pid), "DISK", disk)
	command := make([]string, len(p.command))
	for i, word := range p.command {
		command[i] = named.Replace(word)
	}
	params := map[string][]string{}
	for name, value := range p.params {
		params[name] = []string{named.Replace(value)}
	}
	end := attachPeer(ctx, t, command, p.hooks)
	output := ""
	got := trace(t, params, func(context.Context) error {
		if err := child.Process.Signal(unix.SIGCONT); err != nil {
			return err
		}
		err := child.Wait()
		output = end()
		return err
	}, p.spec)[0]
	a, b := p.ours(t, got.records), p.theirs(t, output)
	if len(a.totals) == 0 || len(b.totals) == 0 {
		t.Fatalf("nothing to compare: %v and %v, of\n%s", got.records, b, output)
	}
	for name, theirs := range b.totals {
		ours, ok := a.totals[name]
		apart, within := math.Abs(ours-theirs)/max(ours, theirs), 0.0
		if strings.HasPrefix(name, "µs") {
			within = p.within
		}
		t.Logf("| %s | %s | %s | %.0f | %.0f | %.2f%% |", p.spec, p.command[0], name, ours, theirs, 100*apart)
		if !ok || apart > within {
			t.Errorf("%s: %v here, %v there", name, ours, theirs)
		}
	}
	if p.overlap > 0 {
		common := common(a.shape, b.shape)
		t.Logf("| %s | %s | histogram | | | %.1f%% common |", p.spec, p.command[0], 100*common)
		if common < p.overlap {
			t.Errorf("%.1f%% of the histograms are common: %v here, %v there", 100*common, a.shape, b.shape)
		}
	}
}

// common is the share of the events that both histograms have in the same bucket. Ours
// begin at powers of two of nanoseconds, theirs of whole microseconds: 2.4% higher.
func common(a, b map[int]float64) float64 {
	same, all := 0.0, 0.0
	for k, n := range a {
		same += min(n, b[k])
		all += n
	}
	return same / max(all, 1)
}

// stopped starts a process that waits for SIGCONT before it does anything.
func stopped(ctx context.Context, t *testing.T, work []string, disk string) *exec.Cmd {
	t.Helper()
	words := []string{"-c", `kill -STOP $$; exec "$@"`, "sh"}
	for _, word := range work {
		words = append(words, strings.ReplaceAll(word, "DISK", disk))
	}
	var env []string
	if work[0] == "turns" {
		words[3], env = os.Args[0], append(os.Environ(), turnsEnv+"=1")
	}
	child := exec.CommandContext(ctx, "sh", words...)
	child.Env = env
	child.Stderr = os.Stderr
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	until(ctx, t, "the workload to stop", func() bool {
		stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", child.Process.Pid))
		return bytes.Contains(stat, []byte(") T "))
	})
	return child
}

// turnsEnv makes this program the process whose threads take turns on the CPUs.
const turnsEnv = "EBGEN_FIDELITY_TURNS"

func turns() {
	if _, err := workload.Switches(context.Background(), "turns", 5, 503); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// attachPeer starts a peer, which has a tracefs of its own, and returns when its programs
// are attached. end interrupts it and returns what it has printed.
func attachPeer(ctx context.Context, t *testing.T, command []string, hooks int) (end func() string) {
	t.Helper()
	var out, complaints bytes.Buffer
	mounts := `mount -t tracefs none /sys/kernel/tracing; mount -t debugfs none /sys/kernel/debug; exec "$@"`
	tool := exec.CommandContext(ctx, "unshare", append([]string{"-m", "sh", "-c", mounts, "sh"}, command...)...)
	tool.Stdout, tool.Stderr = &out, &complaints
	if err := tool.Start(); err != nil {
		t.Fatal(err)
	}
	until(ctx, t, command[0]+" to attach", func() bool {
		links := 0
		for _, fd := range glob(fmt.Sprintf("/proc/%d/fdinfo/*", tool.Process.Pid)) {
			info, _ := os.ReadFile(fd)
			if bytes.Contains(info, []byte("link_id:")) {
				links++
			}
		}
		return links >= hooks
	})
	return func() string {
		if err := tool.Process.Signal(os.Interrupt); err != nil {
			t.Error(err)
		}
		if err := tool.Wait(); err != nil {
			t.Errorf("%s: %v\n%s", command[0], err, &complaints)
		}
		return out.String()
	}
}

func glob(pattern string) []string {
	list, _ := filepath.Glob(pattern)
	return list
}

// until waits for a condition.
func until(ctx context.Context, t *testing.T, what string, holds func() bool) {
	t.Helper()
	for !holds() {
		select {
		case <-ctx.Done():
			t.Fatalf("waited in vain for %s", what)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// loopDisk makes a disk over a file, and returns the kernel's name of it.
func loopDisk(t *testing.T, size int64) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "disk")
	if err := errors.Join(os.WriteFile(file, nil, 0o600), os.Truncate(file, size)); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("losetup", "-f", "--show", file).Output()
	if err != nil {
		t.Fatalf("losetup: %v", err)
	}
	device := strings.TrimSpace(string(out))
	t.Cleanup(func() {
		if err := exec.Command("losetup", "-d", device).Run(); err != nil {
			t.Errorf("losetup -d %s: %v", device, err)
		}
	})
	return filepath.Base(device)
}

// latencies are a spec's rows with a column latency, a histogram of nanoseconds.
func latencies(t *testing.T, rows []map[string]any) figures {
	f := figures{map[string]float64{}, map[int]float64{}}
	for _, r := range rows {
		for _, b := range buckets(t, r["latency"]) {
			us := 0
			if b.low != nil {
				us = *b.low >> 10
			}
			f.totals["events"] += float64(b.count)
			f.shape[exponent(us)] += float64(b.count)
		}
	}
	return f
}

// exponent is the power of two at or below n, 0 for what is below 2.
func exponent(n int) int {
	k := 0
	for ; n > 1; n >>= 1 {
		k++
	}
	return k
}

var histogramLine = regexp.MustCompile(`(?m)^\s*(\d+)\s+-> \d+\s+:\s+(\d+)\s`)

// histogram is that of libbpf-tools, of microseconds.
func histogram(_ *testing.T, output string) figures {
	f := figures{map[string]float64{}, map[int]float64{}}
	for _, line := range histogramLine.FindAllStringSubmatch(output, -1) {
		low, _ := strconv.Atoi(line[1])
		n := amount(line[2])
		f.totals["events"] += n
		f.shape[exponent(low)] += n
	}
	return f
}

func amount(text string) float64 {
	n, _ := strconv.ParseFloat(text, 64)
	return n
}

func offCPU(_ *testing.T, rows []map[string]any) figures {
	total := 0.0
	for _, r := range rows {
		total += fraction(r["total"])
	}
	return figures{totals: map[string]float64{"µs off the CPU": total / 1000}}
}

var stackTotal = regexp.MustCompile(`(?m)^\s+-\s+\S.* \(\d+\)\n\s+(\d+)$`)

// stackTotals adds up the times of offcputime's stacks.
func stackTotals(_ *testing.T, output string) figures {
	total := 0.0
	for _, m := range stackTotal.FindAllStringSubmatch(output, -1) {
		total += amount(m[1])
	}
	return figures{totals: map[string]float64{"µs off the CPU": total}}
}

// busy are the calls that the workload makes by the thousands: few others take long
// enough to compare their times.
const busy = "read write"

func calls(_ *testing.T, rows []map[string]any) figures {
	f := figures{totals: map[string]float64{}}
	for _, r := range rows {
		if name := r["syscall"].(string); strings.Contains(busy, name) {
			f.totals["calls of "+name] = fraction(r["calls"])
			f.totals["µs in "+name] = fraction(r["total"]) / 1000
		}
	}
	return f
}

var callLine = regexp.MustCompile(`(?m)^(\S+)\s+(\d+)\s+([\d.]+)$`)

// callTotals are those of syscount -L.
func callTotals(_ *testing.T, output string) figures {
	f := figures{totals: map[string]float64{}}
	for _, m := range callLine.FindAllStringSubmatch(output, -1) {
		if strings.Contains(busy, m[1]) {
			f.totals["calls of "+m[1]], f.totals["µs in "+m[1]] = amount(m[2]), amount(m[3])
		}
	}
	return f
}
