package runtime

import (
	"encoding/binary"
	"os"
	goruntime "runtime"
	"slices"
	"sync"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/ebgen/ebgen/runtime/internal/object"
	"github.com/ebgen/ebgen/runtime/stack"
	"github.com/ebgen/ebgen/spec/plan"
)

// samples is a bundle of testdata/sample.c with a probe for each attachment.
func samples(t *testing.T, attachments ...plan.Attachment) *plan.Bundle {
	b := calls(t)
	b.Object = object.Load(t, "testdata/sample.c")
	b.Plan.Params = b.Plan.Params[:1]
	b.Plan.Record.Size = 512
	b.Plan.Maps = []plan.Map{{Name: stacksMap, Use: plan.StackMap, Type: plan.Hash, Entries: 8, OnFull: plan.Drop}}
	b.Plan.Probes = nil
	for _, a := range attachments {
		b.Plan.Probes = append(b.Plan.Probes, plan.Probe{Name: string(a.Kind), Line: 3, Alternatives: []plan.Attachment{a}})
	}
	return b
}

// sample is what a record of testdata/sample.c begins with.
type sample struct {
	pid, cpu uint32
	value    uint64
}

func (l *list) samples() []sample {
	var all []sample
	for _, r := range l.records {
		all = append(all, sample{binary.NativeEndian.Uint32(r), binary.NativeEndian.Uint32(r[4:]), binary.NativeEndian.Uint64(r[8:])})
	}
	return all
}

// Each fresh page is one fault, and one record.
func TestPageFaults(t *testing.T) {
	if goruntime.GOARCH != "amd64" {
		t.Skip("the context of a perf event is that of x86-64")
	}
	const pages = 37
	page := os.Getpagesize()
	region, err := unix.Mmap(-1, 0, pages*page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(region)
	if err := unix.Madvise(region, unix.MADV_NOHUGEPAGE); err != nil && err != unix.EINVAL {
		t.Fatal(err)
	}
	sink := new(list)
	bundle := samples(t, plan.Attachment{Kind: plan.Software, Target: "page-faults", Program: "sampled"})
	account, err := trace(t, bundle, Options{Params: me(), Sink: sink}, func() {
		for i := range pages {
			region[i*page] = 1
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if account.LostRing != 0 {
		t.Fatalf("%+v", *account)
	}
	start, seen := addressOf(region), make([]int, pages)
	for _, s := range sink.samples() {
		if s.value >= start && s.value < start+uint64(len(region)) {
			seen[(s.value-start)/uint64(page)]++
		}
	}
	if !slices.Equal(seen, slices.Repeat([]int{1}, pages)) {
		t.Errorf("faults by page: %v", seen)
	}
}

// A profile ticks on every CPU, an interval on one, and neither more often than it says.
// All CPUs are busy meanwhile: what drives the clock of an idle one may rest with it.
func TestTicks(t *testing.T) {
	online := goruntime.NumCPU()
	busy(t, online)
	for _, test := range []struct {
		kind   plan.AttachKind
		target string
		period time.Duration
		cpus   int
	}{
		{plan.Profile, "hz:97", time.Second / 97, online},
		{plan.Profile, "ms:3", 3 * time.Millisecond, online},
		{plan.Interval, "us:7000", 7 * time.Millisecond, 1},
	} {
		t.Run(string(test.kind)+":"+test.target, func(t *testing.T) {
			const enough = 37
			ticks, rung := map[uint32]int{}, make(chan struct{})
			sink := new(list)
			sink.flushing = func() error {
				for _, r := range sink.waiting {
					cpu := binary.NativeEndian.Uint32(r[4:])
					if ticks[cpu]++; ticks[cpu] == enough && reached(ticks, enough) == test.cpus {
						close(rung)
					}
				}
				return nil
			}
			began := time.Now()
			bundle := samples(t, plan.Attachment{Kind: test.kind, Target: test.target, Program: "sampled"})
			account, err := trace(t, bundle, Options{Sink: sink}, func() {
				select {
				case <-rung:
				case <-t.Context().Done():
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			if account.End != Interrupted || account.LostRing != 0 || len(ticks) != test.cpus || reached(ticks, enough) != test.cpus {
				t.Errorf("%+v, ticks by CPU %v, want at least %d on each of %d", *account, ticks, enough, test.cpus)
			}
			most := int(time.Since(began)/test.period) + 1
			for cpu, n := range ticks {
				if n > most {
					t.Errorf("%d ticks on CPU %d, want at most %d", n, cpu, most)
				}
			}
		})
	}
}

// busy keeps each of the first CPUs busy until the test ends.
func busy(t *testing.T, cpus int) {
	ctx := t.Context()
	var done sync.WaitGroup
	t.Cleanup(done.Wait)
	for cpu := range cpus {
		done.Go(func() {
			goruntime.LockOSThread() // and never unlocked: the thread ends with the goroutine
			var set unix.CPUSet
			set.Set(cpu)
			if err := unix.SchedSetaffinity(0, &set); err != nil {
				t.Error(err)
			}
			for ctx.Err() == nil {
			}
		})
	}
}

// reached counts the CPUs with so many ticks or more.
func reached(ticks map[uint32]int, enough int) int {
	n := 0
	for _, on := range ticks {
		if on >= enough {
			n++
		}
	}
	return n
}

// Begin and end run once each, in our own process, and are no reason to wait.
func TestBeginEnd(t *testing.T) {
	sink := new(list)
	bundle := samples(t,
		plan.Attachment{Kind: plan.End, Program: "ended"},
		plan.Attachment{Kind: plan.Begin, Program: "begun"},
	)
	account, err := trace(t, bundle, Options{Sink: sink}, func() { select {} })
	if err != nil {
		t.Fatal(err)
	}
	if account.End != Exhausted || account.Delivered != 2 {
		t.Errorf("%+v", *account)
	}
	me := uint32(os.Getpid())
	for i, s := range sink.samples() {
		if s.pid != me || s.value != uint64(2+i) {
			t.Errorf("record %d is %+v", i, s)
		}
	}
}

// Among others, begin and end run once, and end comes last.
func TestBeginEndAround(t *testing.T) {
	sink := new(list)
	bundle := samples(t,
		plan.Attachment{Kind: plan.Interval, Target: "ms:1", Program: "ticked"},
		plan.Attachment{Kind: plan.End, Program: "ended"},
		plan.Attachment{Kind: plan.Begin, Program: "begun"},
	)
	account, err := trace(t, bundle, Options{Sink: sink, Duration: 50 * time.Millisecond}, func() { select {} })
	if err != nil {
		t.Fatal(err)
	}
	all := sink.samples()
	if account.End != TimeUp || len(all) < 3 || all[len(all)-1].value != 3 {
		t.Fatalf("%+v: %+v", *account, all)
	}
	times := map[uint64]int{}
	for _, s := range all {
		times[s.value]++
	}
	if times[2] != 1 || times[3] != 1 {
		t.Errorf("begin ran %d times, end %d times", times[2], times[3])
	}
}

// An iterator over more tasks than the ring has room for waits for room: every process is
// there once, and nothing is lost.
func TestIteratorWaits(t *testing.T) {
	sink := new(list)
	bundle := samples(t, plan.Attachment{Kind: plan.Iterator, Target: "task", Program: "tasks"})
	account, err := trace(t, bundle, Options{Sink: sink, RingSize: 4096}, func() { select {} })
	if err != nil {
		t.Fatal(err)
	}
	if account.End != Exhausted || account.LostRing != 0 || account.Delivered <= 4096/520 {
		t.Errorf("%+v", *account)
	}
	seen := map[uint32]int{}
	for _, s := range sink.samples() {
		if seen[s.pid]++; seen[s.pid] > 1 {
			t.Errorf("process %d is there %d times", s.pid, seen[s.pid])
		}
	}
	if seen[uint32(os.Getpid())] != 1 {
		t.Error("this process is not there")
	}
}

// An output that takes nothing any more does not keep an iterator waiting for ever.
func TestIteratorInterrupted(t *testing.T) {
	begun, never := make(chan struct{}), make(chan struct{})
	defer close(never)
	sink := &list{flushing: func() error { close(begun); <-never; return nil }}
	bundle := samples(t, plan.Attachment{Kind: plan.Iterator, Target: "task", Program: "tasks"})
	account, err := trace(t, bundle, Options{Sink: sink, RingSize: 4096}, func() { <-begun })
	if account == nil || err == nil || account.End != SinkFailed {
		t.Errorf("%+v, %v", account, err)
	}
}

// A table that only iterates is filled anew for each report, and does not end by itself.
func TestIteratorReports(t *testing.T) {
	b := counts(t)
	b.Plan.Probes[0].Alternatives[0] = plan.Attachment{Kind: plan.Iterator, Target: "task", Program: "table_tasks"}
	b.Plan.Output.Interval = int64(20 * time.Millisecond)
	sink := new(pages)
	account, err := trace(t, b, Options{Params: byKeys(1), Sink: sink}, func() { sink.await(2) })
	if err != nil {
		t.Fatal(err)
	}
	if account.End != Interrupted || len(sink.reports) < 4 {
		t.Errorf("%+v with %d reports", *account, len(sink.reports))
	}
	for i, report := range sink.reports {
		if len(report) != 1 || report[0].events != 1 {
			t.Errorf("report %d is %v", i, report)
		}
	}
}

// witness is a Stacks that keeps what it is told.
type witness struct {
	lookup func(uint64) ([]byte, bool)
	spaces []stack.Space
}

func (w *witness) Bind(lookup func(uint64) ([]byte, bool)) { w.lookup = lookup }
func (w *witness) Met(s, _ stack.Space)                    { w.spaces = append(w.spaces, s) }

func stacked(t *testing.T, program string) *plan.Bundle {
	b := samples(t, plan.Attachment{Kind: plan.Begin, Program: program})
	b.Plan.Stacks = &plan.Stacks{Depth: 1, User: true}
	return b
}

// Every space is told once and in order, and stacks can be looked up when all is over.
func TestSpaces(t *testing.T) {
	w := new(witness)
	account, err := trace(t, stacked(t, "met"), Options{Sink: new(list), Stacks: w}, func() { select {} })
	if err != nil || account.SpacesLost != 0 {
		t.Fatalf("%+v, %v", account, err)
	}
	var want []stack.Space
	for i := range 37 {
		want = append(want, stack.Space{Pid: uint32(i), Exec: uint32(100 + i), Started: uint64(1000 + i)})
	}
	if !slices.Equal(w.spaces, want) {
		t.Errorf("spaces are %v", w.spaces)
	}
	value, ok := w.lookup(0x1234)
	if !ok || len(value) != 32 || binary.NativeEndian.Uint64(value[24:]) != 4 {
		t.Errorf("the stack is %v, %v", value, ok)
	}
	if value, ok := w.lookup(0x4321); ok {
		t.Errorf("there is a stack that nobody kept: %v", value)
	}
}

// Spaces for which there is no room are counted.
func TestSpacesLost(t *testing.T) {
	w := new(witness)
	account, err := trace(t, stacked(t, "crowd"), Options{Sink: new(list), Stacks: w}, func() { select {} })
	if err != nil {
		t.Fatal(err)
	}
	if account.SpacesLost == 0 || account.SpacesLost+uint64(len(w.spaces)) != 1001 {
		t.Errorf("%d told, %d lost, of 1001", len(w.spaces), account.SpacesLost)
	}
}

// addressOf is where memory lies.
func addressOf(memory []byte) uint64 { return uint64(uintptr(unsafe.Pointer(&memory[0]))) }
