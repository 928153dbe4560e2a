package runtime

import (
	"encoding/binary"
	"errors"
	"os"
	"testing"

	"github.com/ebgen/ebgen/runtime/internal/object"
	"github.com/ebgen/ebgen/spec/plan"
)

func perfCalls(t testing.TB) *plan.Bundle {
	t.Helper()
	b := calls(t, plan.Attachment{Kind: plan.RawTracepoint, Target: "sys_enter", Program: "perf_rawtracepoint"})
	b.Object = object.Load(t, "testdata/perf.c")
	b.Plan.Params = b.Plan.Params[:1]
	b.Plan.Channel = plan.Channel{Kind: plan.Perfbuf, Size: 1 << 20}
	return b
}

func TestPerfbuf(t *testing.T) {
	for _, n := range []int{0, 1, 101, 10007} {
		sink := new(list)
		account, err := trace(t, perfCalls(t), Options{Params: me(), Sink: sink}, func() { call(n) })
		if err != nil {
			t.Fatal(err)
		}
		exact(t, account, n)
		// The records of each CPU are in order, those of several are not.
		seen := make(map[uint64]bool)
		for i, r := range sink.records {
			if len(r) != callSize {
				t.Fatalf("record %d has %d bytes", i, len(r))
			}
			seen[binary.NativeEndian.Uint64(r)] = true
		}
		for number := range uint64(n) {
			if !seen[number] {
				t.Fatalf("call %d of %d has no record", number, n)
			}
		}
	}
}

func TestPerfbufStalledOutput(t *testing.T) {
	const n = 100003
	made := make(chan struct{})
	sink := &list{flushing: func() error { <-made; return nil }}
	account, err := trace(t, perfCalls(t), Options{Params: me(), Sink: sink, RingSize: 4096}, func() {
		call(n)
		close(made)
	})
	if err != nil {
		t.Fatal(err)
	}
	if account.Delivered+account.LostRing != n || account.LostRing == 0 || uint64(len(sink.records)) != account.Delivered {
		t.Errorf("%d records, %d delivered + %d lost, of %d", len(sink.records), account.Delivered, account.LostRing, n)
	}
}

// The sweep runs before the tracer's own programs, and a tracer of iterators ends by
// itself when they have run.
func TestIterators(t *testing.T) {
	needRoot(t)
	b := &plan.Bundle{
		Object: object.Load(t, "testdata/iterate.c"),
		Plan: &plan.Plan{
			File:    "tasks.yaml",
			Record:  plan.Record{Size: 8, Absent: -1},
			Owners:  &plan.Owners{Sweep: "sweep"},
			Probes:  []plan.Probe{{Name: "iter:task", Line: 2, Alternatives: []plan.Attachment{{Kind: plan.Iterator, Target: "task", Program: "tasks"}}}},
			Channel: plan.Channel{Kind: plan.Ringbuf, Size: 1 << 20},
		},
	}
	for _, file := range []string{"", "/sys/kernel/btf/vmlinux"} {
		t.Run("types from "+file, func(t *testing.T) { iterate(t, b, Options{BTF: file}) })
	}
	_, err := trace(t, b, Options{Sink: new(list), BTF: "testdata/none.btf"}, func() {})
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("types from a file that is not there: %v", err)
	}
}

func iterate(t *testing.T, b *plan.Bundle, o Options) {
	sink := new(list)
	o.Sink = sink
	account, err := trace(t, b, o, func() { select {} })
	if err != nil {
		t.Fatal(err)
	}
	if account.End != Exhausted || account.LostRing+account.LostSink > 0 {
		t.Errorf("account is %+v, want the end %q and nothing lost", *account, Exhausted)
	}
	mine := 0
	for _, r := range sink.records {
		if binary.NativeEndian.Uint32(r) != uint32(os.Getpid()) {
			continue
		}
		mine++
		if binary.NativeEndian.Uint32(r[4:]) != 1 {
			t.Error("the sweep came too late for this process")
		}
	}
	if mine != 1 {
		t.Errorf("%d records of this process among %d", mine, len(sink.records))
	}
}

func TestChannelSize(t *testing.T) {
	page := os.Getpagesize()
	for _, test := range []struct{ size, want int }{
		{0, page}, {1, page}, {page, page}, {page + 1, 2 * page}, {3 << 20, 4 << 20}, {1 << 40, 1 << 30},
	} {
		if got := channelSize(test.size); got != test.want {
			t.Errorf("channelSize(%d) = %d, want %d", test.size, got, test.want)
		}
	}
}
