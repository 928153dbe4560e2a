package runtime

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ebgen/ebgen/runtime/internal/object"
	"github.com/ebgen/ebgen/spec/plan"
)

// A record of testdata/calls.c.
const callSize = 16

// needRoot skips a test that the kernel would refuse.
func needRoot(t testing.TB) {
	t.Helper()
	if err := checkRights(&plan.Plan{}); err != nil {
		t.Skipf("not allowed to trace here: %v", err)
	}
}

// calls is a bundle that records getpgid calls, attached by the first of the
// alternatives that works.
func calls(t testing.TB, alternatives ...plan.Attachment) *plan.Bundle {
	t.Helper()
	needRoot(t)
	return &plan.Bundle{
		Object: object.Load(t, "testdata/calls.c"),
		Plan: &plan.Plan{
			Version: plan.Version,
			Name:    "calls",
			File:    "calls.yaml",
			Params: []plan.Param{
				{Name: "pid", Type: plan.Type{Kind: plan.Int, Size: 4}},
				{Name: "address", Type: plan.Type{Kind: plan.IP, Size: 16}},
				{Name: "pids", Type: plan.Type{Kind: plan.Int, Size: 4}, List: true},
				{Name: "networks", Type: plan.Type{Kind: plan.Prefix, Size: 20}, List: true},
			},
			Record:  plan.Record{Size: callSize, Absent: -1},
			Probes:  []plan.Probe{{Name: "syscall:getpgid", Line: 3, Alternatives: alternatives}},
			Channel: plan.Channel{Kind: plan.Ringbuf, Size: 1 << 20},
		},
	}
}

var rawTracepoint = plan.Attachment{Kind: plan.RawTracepoint, Target: "sys_enter", Program: "calls_rawtracepoint"}

// me is the params that let only this process through.
func me() map[string][]string { return map[string][]string{"pid": {strconv.Itoa(os.Getpid())}} }

// call makes n getpgid system calls; nothing else in this process makes any.
func call(n int) {
	for range n {
		syscall.RawSyscall(syscall.SYS_GETPGID, 0, 0, 0)
	}
}

// list is a sink that keeps its records and can be told to fail or to stop taking.
type list struct {
	waiting, records [][]byte
	flushing         func() error // called before a flush of records takes effect
}

func (l *list) Write(record []byte) error {
	l.waiting = append(l.waiting, slices.Clone(record))
	return nil
}

func (l *list) Flush() error {
	if l.flushing != nil && len(l.waiting) > 0 {
		if err := l.flushing(); err != nil {
			return err
		}
	}
	l.records = append(l.records, l.waiting...)
	l.waiting = nil
	return nil
}

func (l *list) Delivered() uint64 { return uint64(len(l.records)) }

// numbers returns the serial number of each record.
func (l *list) numbers() []uint64 {
	var numbers []uint64
	for _, r := range l.records {
		numbers = append(numbers, binary.NativeEndian.Uint64(r))
	}
	return numbers
}

// trace runs a bundle, calls act once it is attached, and ends the run when act has
// returned. No run takes longer than a minute.
func trace(t testing.TB, b *plan.Bundle, o Options, act func()) (*Account, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	o.Ready = func() {
		go func() {
			act()
			cancel()
		}()
	}
	return Run(ctx, b, o)
}

// exact fails unless an interrupted run delivered n records and lost nothing. What the
// kernel missed does not count: where a program can be preempted, the events of other
// tasks on that CPU are missed meanwhile, and the programs here see every system call. When
// they are ours, and as many as are missing, there is nothing to compare.
func exact(t *testing.T, account *Account, n int) {
	t.Helper()
	if short := uint64(n) - account.Delivered; account.Delivered < uint64(n) && short <= account.Missed && preemptible() {
		t.Skipf("%d of %d calls are not there, the kernel missed %d", short, n, account.Missed)
	}
	got, want := *account, Account{End: Interrupted, Delivered: uint64(n)}
	got.Missed = 0
	if !reflect.DeepEqual(got, want) {
		t.Errorf("account is %+v, want %+v", got, want)
	}
}

// preemptible reports whether this kernel may take the CPU from a program of a raw
// tracepoint: docs/decisions/missed.md.
func preemptible() bool {
	var name unix.Utsname
	return unix.Uname(&name) == nil && name.Release[0] >= '7'
}

func TestEveryCallOnce(t *testing.T) {
	for _, n := range []int{0, 1, 37, 101, 100003} {
		t.Run(strconv.Itoa(n), func(t *testing.T) {
			sink := new(list)
			// Room for all: 100003 records of 24 bytes, discarded ones of 16.
			account, err := trace(t, calls(t, rawTracepoint), Options{Params: me(), Sink: sink, RingSize: 8 << 20}, func() { call(n) })
			if err != nil {
				t.Fatal(err)
			}
			exact(t, account, n)
			for i, number := range sink.numbers() {
				if number != uint64(i) {
					t.Fatalf("record %d is of call %d", i, number)
				}
			}
			if len(sink.records) != n {
				t.Errorf("%d records for %d calls", len(sink.records), n)
			}
		})
	}
}

// A ring of one page and an output that does not take anything until all calls are made.
func TestStalledOutput(t *testing.T) {
	const n = 100003
	made := make(chan struct{})
	sink := &list{flushing: func() error { <-made; return nil }}
	account, err := trace(t, calls(t, rawTracepoint), Options{Params: me(), Sink: sink, RingSize: 4096}, func() {
		call(n)
		close(made)
	})
	if err != nil {
		t.Fatal(err)
	}
	if account.Delivered+account.LostRing != n || account.LostSink != 0 {
		t.Errorf("%d delivered + %d lost in the ring + %d lost by the sink, of %d", account.Delivered, account.LostRing, account.LostSink, n)
	}
	if account.LostRing == 0 {
		t.Error("a page held everything: the ring was not made small")
	}
	if uint64(len(sink.records)) != account.Delivered {
		t.Errorf("the sink has %d records, the account %d", len(sink.records), account.Delivered)
	}
}

func TestCountIsExact(t *testing.T) {
	sink := new(list)
	account, err := trace(t, calls(t, rawTracepoint), Options{Params: me(), Sink: sink, Count: 41}, func() {
		call(1000)
		select {} // the run must end by itself
	})
	if err != nil {
		t.Fatal(err)
	}
	if account.End != CountMet || account.Delivered != 41 || len(sink.records) != 41 {
		t.Errorf("%+v with %d records, want 41 and the end %q", *account, len(sink.records), CountMet)
	}
}

func TestDuration(t *testing.T) {
	account, err := trace(t, calls(t, rawTracepoint), Options{Params: me(), Sink: new(list), Duration: time.Millisecond}, func() { select {} })
	if err != nil || account.End != TimeUp {
		t.Errorf("%+v, %v, want the end %q", account, err, TimeUp)
	}
}

func TestOutputFails(t *testing.T) {
	for _, test := range []struct {
		failure error
		end     End
	}{
		{syscall.EPIPE, PipeClosed},
		{syscall.ENOSPC, SinkFailed},
	} {
		t.Run(test.failure.Error(), func(t *testing.T) {
			sink := &list{flushing: func() error { return fmt.Errorf("write: %w", test.failure) }}
			account, err := trace(t, calls(t, rawTracepoint), Options{Params: me(), Sink: sink}, func() {
				call(1)
				select {}
			})
			if account == nil || account.End != test.end || account.Delivered != 0 || account.LostSink != 1 {
				t.Errorf("%+v, want one record lost and the end %q", account, test.end)
			}
			if test.end == PipeClosed && err != nil || test.end == SinkFailed && !errors.Is(err, test.failure) {
				t.Errorf("the error is %v", err)
			}
		})
	}
}

// An output that never takes anything again must not keep the run from ending.
func TestOutputStuck(t *testing.T) {
	begun, never := make(chan struct{}), make(chan struct{})
	defer close(never)
	sink := &list{flushing: func() error { close(begun); <-never; return errors.New("late") }}
	account, err := trace(t, calls(t, rawTracepoint), Options{Params: me(), Sink: sink}, func() {
		call(37)
		<-begun
	})
	if !errors.Is(err, errStuck) || account.Delivered != 0 || account.LostSink != 37 {
		t.Errorf("%+v, %v, want 37 records lost and %v", account, err, errStuck)
	}
}

func TestParamsReachTheKernel(t *testing.T) {
	pid := strconv.Itoa(os.Getpid())
	for _, test := range []struct {
		name    string
		params  map[string][]string
		records int
		network byte // the field of each record
	}{
		{"other process", map[string][]string{"pid": {"1"}}, 0, 0},
		{"in a list", map[string][]string{"pids": {"1," + pid, "2"}}, 7, 0},
		{"not in a list", map[string][]string{"pids": {"1", "2"}}, 0, 0},
		{"in a network", map[string][]string{"pid": {pid}, "address": {"10.1.2.3"}, "networks": {"192.168.0.0/16,10.0.0.0/8"}}, 7, 1},
		{"in no network", map[string][]string{"pid": {pid}, "address": {"11.1.2.3"}, "networks": {"192.168.0.0/16,10.0.0.0/8"}}, 7, 0},
		{"IPv6 network", map[string][]string{"pid": {pid}, "address": {"2001:db8::1"}, "networks": {"2001:db8::/32"}}, 7, 1},
		{"IPv4 is not IPv6", map[string][]string{"pid": {pid}, "address": {"::a01:203"}, "networks": {"10.0.0.0/8"}}, 7, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			sink := new(list)
			_, err := trace(t, calls(t, rawTracepoint), Options{Params: test.params, Sink: sink}, func() { call(7) })
			if err != nil {
				t.Fatal(err)
			}
			if len(sink.records) != test.records {
				t.Errorf("%d records, want %d", len(sink.records), test.records)
			}
			for _, r := range sink.records {
				if r[12] != test.network {
					t.Errorf("network is %d, want %d", r[12], test.network)
				}
			}
		})
	}
}

// alternatives of one body, the impossible first.
func TestFirstPossibleAlternative(t *testing.T) {
	var said []string
	sink := new(list)
	account, err := trace(t, calls(t,
		plan.Attachment{Kind: plan.Fentry, Target: "no_such_function", Program: "calls_fentry_nonsuch"},
		plan.Attachment{Kind: plan.RawTracepoint, Target: "nonsuch", Program: "calls_nonsuch"},
		plan.Attachment{Kind: plan.Tracepoint, Target: "syscalls:sys_enter_nonsuch", Program: "calls_tracepoint"},
		plan.Attachment{Kind: plan.Tracepoint, Target: "syscalls:sys_enter_getpgid", Program: "calls_tracepoint"},
	), Options{Params: me(), Sink: sink, Verbose: func(f string, args ...any) { said = append(said, fmt.Sprintf(f, args...)) }}, func() { call(101) })
	if err != nil {
		t.Fatal(err)
	}
	if account.Delivered != 101 {
		t.Errorf("%d records of 101 calls", account.Delivered)
	}
	want := []string{
		"syscall:getpgid: not as fentry:no_such_function: the kernel's BTF has no function no_such_function, which is absent, inlined or renamed, or it has more arguments than this kernel's trampolines pass",
		"syscall:getpgid: not as rawtracepoint:nonsuch: this kernel has no tracepoint nonsuch, or the module that has it is not loaded",
		"syscall:getpgid: not as tracepoint:syscalls:sys_enter_nonsuch: this kernel has no tracepoint syscalls:sys_enter_nonsuch, or the module that has it is not loaded",
		"syscall:getpgid: attached as tracepoint:syscalls:sys_enter_getpgid, N instructions",
	}
	for i := range said {
		said[i] = regexp.MustCompile(`\d+ instructions$`).ReplaceAllString(said[i], "N instructions")
	}
	if !slices.Equal(said, want) {
		t.Errorf("said\n%s\nwant\n%s", strings.Join(said, "\n"), strings.Join(want, "\n"))
	}
}

func TestNoAlternative(t *testing.T) {
	_, err := trace(t, calls(t,
		plan.Attachment{Kind: plan.RawTracepoint, Target: "nonsuch", Program: "calls_nonsuch"},
	), Options{Sink: new(list)}, func() {})
	var refused *AttachError
	if !errors.As(err, &refused) {
		t.Fatalf("the error is %v", err)
	}
	const want = "calls.yaml:3: this kernel cannot attach syscall:getpgid\n" +
		"  rawtracepoint:nonsuch: this kernel has no tracepoint nonsuch, or the module that has it is not loaded"
	if err.Error() != want {
		t.Errorf("the error is\n%v\nwant\n%s", err, want)
	}
}

// Each kind of attachment by itself; what this kernel does not have is skipped, except
// in a guest that has them all.
func TestEveryKind(t *testing.T) {
	for _, a := range []plan.Attachment{
		rawTracepoint,
		{Kind: plan.Tracepoint, Target: "syscalls:sys_enter_getpgid", Program: "calls_tracepoint"},
		{Kind: plan.Kprobe, Target: "__x64_sys_getpgid", Program: "calls_kprobe"},
		{Kind: plan.Kretprobe, Target: "__x64_sys_getpgid", Program: "calls_kretprobe"},
		{Kind: plan.Fentry, Target: "__x64_sys_getpgid", Program: "calls_fentry"},
		{Kind: plan.Fexit, Target: "__x64_sys_getpgid", Program: "calls_fexit"},
	} {
		t.Run(string(a.Kind), func(t *testing.T) {
			sink := new(list)
			account, err := trace(t, calls(t, a), Options{Params: me(), Sink: sink}, func() { call(101) })
			var refused *AttachError
			if errors.As(err, &refused) && os.Getenv("EBGEN_VM") == "" {
				t.Skip(err)
			}
			if err != nil {
				t.Fatal(err)
			}
			exact(t, account, 101)
		})
	}
}

func TestInterruptedBeforeAttached(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	account, err := Run(ctx, calls(t, rawTracepoint), Options{Sink: new(list)})
	if account != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("%v, %v, want no account and the context's error", account, err)
	}
}

// Nothing of a run stays behind, however it ended.
func TestNoDescriptorLeft(t *testing.T) {
	b := calls(t, rawTracepoint)
	open := func() int {
		entries, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	runs := []struct {
		name string
		run  func() error
	}{
		{"traced", func() error {
			_, err := trace(t, b, Options{Params: me(), Sink: new(list)}, func() { call(1) })
			return err
		}},
		{"no alternative", func() error {
			_, err := trace(t, calls(t, plan.Attachment{Kind: plan.Tracepoint, Target: "no:such", Program: "calls_tracepoint"}), Options{Sink: new(list)}, func() {})
			var refused *AttachError
			if errors.As(err, &refused) {
				return nil
			}
			return fmt.Errorf("attached to nothing: %w", err)
		}},
	}
	for _, r := range runs {
		// The first run of all leaves what the libraries keep: poller, feature tests.
		for _, warm := range []bool{true, false} {
			before := open()
			if err := r.run(); err != nil {
				t.Fatal(err)
			}
			if after := open(); !warm && after != before {
				t.Errorf("%s: %d descriptors before, %d after", r.name, before, after)
			}
		}
	}
}
