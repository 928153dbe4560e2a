package specs_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestUserStacks wants the functions of programs of several kinds, and of code that a JIT
// has made, in the proportion that the programs spend their time in them; all of them are
// dead when their names are asked for.
func TestUserStacks(t *testing.T) {
	functions := map[*process][2]string{
		start(t, program(t, "split-c")):    {"seventy", "thirty"},
		start(t, program(t, "split-rust")): {"split::share::seventy", "split::share::thirty"},
		start(t, program(t, "split-go")):   {"main.seventy", "main.thirty"},
	}
	node, err := exec.LookPath("node")
	if err != nil {
		t.Logf("no code of a JIT is traced: %v", err)
	} else {
		p := start(t, node, "--perf-basic-prof", "--no-logfile-per-isolate", "--logfile="+filepath.Join(t.TempDir(), "v8.log"), "testdata/programs/split.js")
		t.Cleanup(func() { _ = os.Remove(fmt.Sprintf("/tmp/perf-%d.map", p.Process.Pid)) })
		functions[p] = [2]string{"seventy", "thirty"}
	}
	var pids []string
	for p := range functions {
		pids = append(pids, strconv.Itoa(p.Process.Pid))
	}
	got := trace(t, map[string][]string{"pids": pids}, func(ctx context.Context) error {
		for p := range functions {
			if err := p.spend(ctx, 2*time.Second); err != nil {
				return err
			}
		}
		for p := range functions {
			_ = p.Process.Kill()
			_ = p.Wait() // it was killed
		}
		return nil
	}, "split")[0]
	for p, names := range functions {
		samples, all, named := [2]int{}, 0, 0
		for _, r := range of(p.Process.Pid, got.records) {
			n := number(r["samples"])
			all += n
			for i, frame := range r["user"].([]any) {
				name, _ := frame.(map[string]any)["name"].(string)
				if _, js, ok := strings.Cut(name, "JS:"); ok { // JS:*seventy split.js:4:17
					name, _, _ = strings.Cut(strings.TrimLeft(js, "*~^+"), " ")
				}
				if i == 0 && name != "" {
					named += n
				}
				for j := range names {
					if name == names[j] {
						samples[j] += n
					}
				}
			}
		}
		const margin = 0.1 // four times the standard deviation of 400 samples
		share := float64(samples[0]) / float64(samples[0]+samples[1])
		if p.Path == node {
			named = all // V8 keeps the end of its map in a buffer, which is lost when it is killed
		}
		// In a guest Go's runtime takes a third of the time, for looking after one goroutine.
		if both := samples[0] + samples[1]; both < 100 || 2*both < all || 20*named < 19*all || share < 0.7-margin || share > 0.7+margin {
			t.Errorf("%s: of %d samples %d are in %s and %d in %s, %d have a name", p.Path, all, samples[0], names[0], samples[1], names[1], named)
		}
	}
}

// spend returns when the process has spent so much time more on a CPU.
func (p *process) spend(ctx context.Context, time time.Duration) error {
	first, err := p.spent()
	for spent := first; err == nil && spent-first < time; spent, err = p.spent() {
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return err
}

// spent is the time on a CPU, from /proc/PID/stat.
func (p *process) spent() (time.Duration, error) {
	time.Sleep(time.Millisecond) // leave it the CPU
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.Process.Pid))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	const user, tick = 14 - 3, 10 * time.Millisecond // utime is the 14th field, in clock ticks
	ticks, err := strconv.Atoi(fields[user])
	return time.Duration(ticks) * tick, err
}

// TestUserSymbols wants main of each program that starts, by its address, and a number for
// an address at which there is nothing.
func TestUserSymbols(t *testing.T) {
	var all []*process
	path := program(t, "ledger")
	got := trace(t, map[string][]string{"comm": {"ledger"}}, func(context.Context) error {
		for range 37 {
			p := start(t, path)
			all = append(all, p)
			if err := p.round(); err != nil {
				return err
			}
		}
		return nil
	}, "symbols")[0]
	for _, p := range all {
		list := of(p.Process.Pid, got.records)
		if len(list) != 1 || list[0]["main"] != "main [ledger]" || list[0]["nothing"] != "0x1" {
			t.Errorf("process %d: %v", p.Process.Pid, list)
		}
	}
}
