package specs_test

import (
	"bytes"
	"context"
	"encoding/json"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ebgen/ebgen/runtime"
	"github.com/ebgen/ebgen/runtime/decode"
	"github.com/ebgen/ebgen/runtime/sink"
	"github.com/ebgen/ebgen/runtime/stack"
	"github.com/ebgen/ebgen/runtime/symbol"
	processes "github.com/ebgen/ebgen/runtime/symbol/process"
)

// drawn runs a tracer while events are made and returns what it writes in a format.
func drawn(t *testing.T, name, format string, params map[string][]string, events func(context.Context) error) []byte {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("tracing needs root")
	}
	b := bundle(t, name)
	kernel, users := symbol.NewKernel(), processes.NewTable()
	t.Cleanup(func() { _ = users.Close() })
	book := stack.NewBook(kernel, users)
	decoder, err := decode.New(b.Plan, decode.Env{Symbol: kernel.Lookup, Syscall: symbol.Syscall, Stacks: book.Frames})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	s, err := sink.New(format, &out, decoder, sink.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	made := make(chan error, 1)
	account, err := runtime.Run(ctx, b, runtime.Options{Params: params, Sink: s, Stacks: book, Ready: func() {
		go func() {
			made <- events(ctx)
			cancel()
		}()
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := <-made; err != nil {
		t.Fatal(err)
	}
	if !account.Complete() {
		t.Errorf("not complete: %v", account)
	}
	return out.Bytes()
}

// spends waits until a process has spent so much time on the CPUs.
func spends(ctx context.Context, pid int, want time.Duration) error {
	clock := int32(^pid<<3 | 2) // clock_getcpuclockid(3): CPUCLOCK_SCHED, include/linux/posix-timers_types.h
	for ctx.Err() == nil {
		var spent unix.Timespec
		if err := unix.ClockGettime(clock, &spent); err != nil {
			return err
		}
		if time.Duration(spent.Nano()) >= want {
			return nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	return ctx.Err()
}

// TestFlamegraphShares wants the flame graph of a program that spends 70 of 100 parts of
// its time in one function and 30 in another to say so. Of 4000 samples or so the share
// of one function is off by 0.7 points (one standard deviation of a binomial). main is
// not on the stacks: GCC gives a function without a stack no frame, whatever it is told.
func TestFlamegraphShares(t *testing.T) {
	p := start(t, program(t, "split-c"))
	pid := p.Process.Pid
	page := drawn(t, "cpu_profile", "flamegraph", map[string][]string{"pid": {strconv.Itoa(pid)}}, func(ctx context.Context) error {
		return spends(ctx, pid, 4*time.Second)
	})
	const before, after = `<script type="application/json" id="data">`, `</script>`
	_, text, _ := strings.Cut(string(page), before)
	text, _, _ = strings.Cut(text, after)
	var data struct {
		Strings []string
		Nodes   [][]int64 // depth, name, module, kind, samples that end there
	}
	if err := json.Unmarshal([]byte(text), &data); err != nil {
		t.Fatal(err)
	}
	// A box is a function's when it or one that it stands on is.
	samples, open := map[string]int64{}, []string(nil)
	for _, n := range data.Nodes {
		open = append(open[:n[0]], data.Strings[n[1]])
		for _, name := range open {
			samples[name] += n[4]
		}
	}
	all := samples["split-c"]
	t.Logf("%d samples: %v", all, samples)
	if os.Getenv("EBGEN_VM") != "" {
		// The kernel samples an emulated CPU, on which its handler takes too long, a few
		// times a second: names can be held to what they should be, shares cannot.
		if all == 0 {
			t.Skip("the kernel took no sample on this emulated CPU")
		}
		if named := samples["seventy"] + samples["thirty"]; 2*named <= all {
			t.Errorf("%d of %d samples are of the two functions", named, all)
		}
		return
	}
	for name, want := range map[string]float64{"seventy": 70, "thirty": 30} {
		if got := 100 * float64(samples[name]) / float64(all); math.Abs(got-want) > 3 || all < 1000 {
			t.Errorf("%s has %.1f %% of %d samples, want %v", name, got, all, want)
		}
	}
}
