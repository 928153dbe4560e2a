package runtime

import (
	"encoding/binary"
	"errors"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/ebgen/ebgen/runtime/internal/object"
	"github.com/ebgen/ebgen/spec/plan"
)

// counts is a bundle that counts getppid calls by key (testdata/table.c). A row is the
// key, the number of calls, and the sum of the calls' numbers.
func counts(t testing.TB) *plan.Bundle {
	t.Helper()
	needRoot(t)
	u64 := plan.Type{Kind: plan.Int, Size: 8}
	record := func(absent int, names ...string) plan.Record {
		r := plan.Record{Absent: absent}
		for _, name := range names {
			r.Fields = append(r.Fields, plan.Field{Name: name, Type: u64, Offset: r.Size, Bit: -1})
			r.Size += u64.Size
		}
		return r
	}
	key := record(-1, "key")
	state := func(name string, use plan.MapUse, typ plan.MapType, entries int) plan.Map {
		return plan.Map{Name: name, Use: use, Type: typ, Entries: entries, Key: key, Value: record(-1, "number")}
	}
	cell := func(i int64) *plan.Expr { return &plan.Expr{Op: plan.OpCell, Type: u64, Int: i} }
	return &plan.Bundle{
		Object: object.Load(t, "testdata/table.c"),
		Plan: &plan.Plan{
			Version: plan.Version,
			Name:    "counts",
			File:    "counts.yaml",
			Params: []plan.Param{
				{Name: "pid", Type: plan.Type{Kind: plan.Int, Size: 4}},
				{Name: "keys", Type: plan.Type{Kind: plan.Int, Size: 4}},
			},
			Record: record(-1, "key", "events", "numbers"),
			Maps: []plan.Map{
				{Name: "totals", Use: plan.TableMap, Type: plan.PercpuHash, Entries: 8192, Key: key, Value: record(-1, "events", "numbers"), Double: true},
				state("recent", plan.StateMap, plan.LRUHash, 512),
				state("small", plan.StateMap, plan.Hash, 64),
				state("open", plan.SpanMap, plan.Hash, 8192),
			},
			Table: &plan.Table{
				Cells:   []plan.Cell{{Kind: plan.Count, Field: 0, Seen: -1}, {Kind: plan.Sum, Field: 1, Seen: -1}},
				Columns: []plan.Column{{Key: 0}, {Key: -1, Expr: cell(0)}, {Key: -1, Expr: cell(1)}},
			},
			Probes: []plan.Probe{{Name: "syscall:getppid", Line: 3, Alternatives: []plan.Attachment{
				{Kind: plan.RawTracepoint, Target: "sys_enter", Program: "table"},
			}}},
			Channel: plan.Channel{Kind: plan.MapChannel},
		},
	}
}

// byKeys is the params of a run over so many keys.
func byKeys(keys int) map[string][]string {
	return map[string][]string{"pid": {strconv.Itoa(os.Getpid())}, "keys": {strconv.Itoa(keys)}}
}

// getppid makes n getppid system calls; nothing else in this process makes any while a
// test of this file traces.
func getppid(n int) {
	for range n {
		syscall.RawSyscall(syscall.SYS_GETPPID, 0, 0, 0)
	}
}

// count is one row.
type count struct{ key, events, numbers uint64 }

// pages is a Reporter that keeps its reports.
type pages struct {
	reports  [][]count
	times    []time.Time
	waiting  uint64
	accepted uint64
	made     atomic.Int64 // reports, for who waits for them
	failing  error        // of the next flush of rows
}

func (p *pages) Write([]byte) error { return errors.New("a table makes no records") }

func (p *pages) Report(at time.Time, rows [][]byte) error {
	var report []count
	for _, row := range rows {
		word := func(i int) uint64 { return binary.NativeEndian.Uint64(row[8*i:]) }
		report = append(report, count{word(0), word(1), word(2)})
	}
	p.reports = append(p.reports, report)
	p.times = append(p.times, at)
	p.waiting += uint64(len(rows))
	return nil
}

func (p *pages) Flush() error {
	if p.failing != nil && p.waiting > 0 {
		return p.failing
	}
	p.accepted += p.waiting
	p.waiting = 0
	p.made.Store(int64(len(p.reports)))
	return nil
}

func (p *pages) Delivered() uint64 { return p.accepted }

// await returns when more than n reports were made.
func (p *pages) await(n int64) {
	for p.made.Load() <= n {
		time.Sleep(time.Millisecond)
	}
}

// totals adds up the rows of some reports by key.
func totals(reports [][]count) map[uint64]count {
	sums := make(map[uint64]count)
	for _, report := range reports {
		for _, row := range report {
			sum := sums[row.key]
			sums[row.key] = count{row.key, sum.events + row.events, sum.numbers + row.numbers}
		}
	}
	return sums
}

// exactly fails unless the sums are those of calls 0 to n-1 over so many keys.
func exactly(t *testing.T, sums map[uint64]count, n, keys uint64) {
	t.Helper()
	if len(sums) != int(min(n, keys)) {
		t.Errorf("%d keys, want %d", len(sums), min(n, keys))
	}
	for key := range min(n, keys) {
		events := (n - key + keys - 1) / keys
		want := count{key, events, events*key + keys*(events*(events-1)/2)}
		if got := sums[key]; got != want {
			t.Fatalf("key %d has %d events whose numbers add up to %d, want %d and %d", key, got.events, got.numbers, want.events, want.numbers)
		}
	}
}

func TestFinalReport(t *testing.T) {
	for _, double := range []bool{true, false} {
		for _, n := range []int{0, 1, 37, 100003} {
			b, sink := counts(t), new(pages)
			b.Plan.Maps[0].Double = double
			account, err := trace(t, b, Options{Params: byKeys(101), Sink: sink}, func() { getppid(n) })
			if err != nil {
				t.Fatal(err)
			}
			if len(sink.reports) != 1 {
				t.Fatalf("%d reports of one run", len(sink.reports))
			}
			exactly(t, totals(sink.reports), uint64(n), 101)
			rows := uint64(min(n, 101))
			if account.End != Interrupted || account.Reports != 1 || account.Delivered != rows || account.LostSink != 0 {
				t.Errorf("%d calls: account is %+v", n, *account)
			}
		}
	}
}

// Swaps as often as the kernel allows, while calls are made: nothing is lost or doubled.
func TestIntervals(t *testing.T) {
	const n, keys, least = 100003, 101, 7
	for _, interval := range []time.Duration{time.Millisecond, 50 * time.Millisecond} {
		t.Run(interval.String(), func(t *testing.T) {
			b, sink := counts(t), new(pages)
			b.Plan.Output.Interval = int64(interval)
			account, err := trace(t, b, Options{Params: byKeys(keys), Sink: sink}, func() {
				for done := range least - 1 {
					getppid(n / least)
					sink.await(int64(done)) // while the next calls are made, this one's row is on its way
				}
				getppid(n - (least-1)*(n/least))
			})
			if err != nil {
				t.Fatal(err)
			}
			exactly(t, totals(sink.reports), n, keys)
			if len(sink.reports) < least-1 || account.Reports != uint64(len(sink.reports)) {
				t.Errorf("%d reports, account has %d, want at least %d", len(sink.reports), account.Reports, least-1)
			}
			for i := 1; i < len(sink.times); i++ {
				if !sink.times[i].After(sink.times[i-1]) {
					t.Errorf("report %d is of %v, the one before of %v", i, sink.times[i], sink.times[i-1])
				}
			}
			if table := account.Maps[0]; table.Refused > 0 || table.Left > 0 {
				t.Errorf("table: %+v", table)
			}
		})
	}
}

// With Keep a report has all since the start, and the last one has it all.
func TestKeep(t *testing.T) {
	const n, keys = 10007, 101
	b, sink := counts(t), new(pages)
	b.Plan.Output.Interval, b.Plan.Output.Keep = int64(time.Millisecond), true
	_, err := trace(t, b, Options{Params: byKeys(keys), Sink: sink}, func() {
		for done := range 3 {
			getppid(n / 3)
			sink.await(int64(done))
		}
		getppid(n - 3*(n/3))
	})
	if err != nil {
		t.Fatal(err)
	}
	for i := 1; i < len(sink.reports); i++ {
		for key, before := range totals(sink.reports[i-1 : i]) {
			if now := totals(sink.reports[i : i+1])[key]; now.events < before.events {
				t.Fatalf("key %d has %d events in report %d and %d before", key, now.events, i, before.events)
			}
		}
	}
	exactly(t, totals(sink.reports[len(sink.reports)-1:]), n, keys)
}

func TestTopAndSort(t *testing.T) {
	const n, keys = 100003, 101
	b, sink := counts(t), new(pages)
	b.Plan.Output.Top = 3
	b.Plan.Output.Sort = []plan.SortKey{{Field: 2, Descending: true}}
	account, err := trace(t, b, Options{Params: byKeys(keys), Sink: sink}, func() { getppid(n) })
	if err != nil {
		t.Fatal(err)
	}
	// 100003 calls are 990 for each key and one more for the first 13.
	want := []uint64{12, 11, 10}
	var got []uint64
	for _, row := range sink.reports[0] {
		got = append(got, row.key)
	}
	if len(got) != 3 || got[0] != want[0] || got[1] != want[1] || got[2] != want[2] || account.Delivered != 3 {
		t.Errorf("the first three are %v of %d, want %v", got, account.Delivered, want)
	}
}

func TestCountOfReports(t *testing.T) {
	b, sink := counts(t), new(pages)
	b.Plan.Output.Interval = int64(time.Millisecond)
	account, err := trace(t, b, Options{Params: byKeys(1), Sink: sink, Count: 3}, func() {
		for {
			getppid(1)
			sink.await(sink.made.Load())
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if account.End != CountMet || account.Reports != 3 || len(sink.reports) != 3 {
		t.Errorf("%d reports, %+v, want 3 and the end %q", len(sink.reports), *account, CountMet)
	}
}

// 5003 calls of a key each: what is in a map, what was taken out, what made room and what
// was refused add up to them.
func TestMapAccounts(t *testing.T) {
	const n = 5003
	account, err := trace(t, counts(t), Options{Params: byKeys(n), Sink: new(pages)}, func() { getppid(n) })
	if err != nil {
		t.Fatal(err)
	}
	table, recent, small, open := account.Maps[0], account.Maps[1], account.Maps[2], account.Maps[3]
	if table.Left != 0 || table.Refused != 0 || table.Deleted != n {
		t.Errorf("table: %+v", table)
	}
	if recent.Inserted+recent.Refused != n || recent.Inserted != recent.Deleted+recent.Evicted+recent.Left ||
		recent.Left == 0 || recent.Left > 512 || recent.Evicted == 0 {
		t.Errorf("LRU: %+v", recent)
	}
	// A third of the keys is deleted at once, unless it was refused.
	if third := uint64((n + 2) / 3); recent.Deleted > third || recent.Deleted+recent.Refused < third {
		t.Errorf("LRU: %d deleted, want %d", recent.Deleted, third)
	}
	if small.Left != 64 || small.Refused != n-64 || small.Evicted != 0 {
		t.Errorf("small: %+v", small)
	}
	if open.Open != (n+1)/2 || open.Unmatched != n/2 || open.Left != open.Open || open.Refused != 0 || open.Restarted != 0 {
		t.Errorf("span: %+v", open)
	}
	if account.Complete() {
		t.Error("entries were refused and the account is complete")
	}
}

func TestStopWhenFull(t *testing.T) {
	b := counts(t)
	b.Plan.Maps[2].OnFull = plan.Stop
	account, err := trace(t, b, Options{Params: byKeys(101), Sink: new(pages)}, func() {
		getppid(101)
		select {} // the run must end by itself
	})
	if err != nil {
		t.Fatal(err)
	}
	if refused := account.Maps[2].Refused; account.End != MapFull || account.Full != "small" || refused < 1 || refused > 101-64 {
		t.Errorf("%+v, want the end %q by small", *account, MapFull)
	}
}

// A loss is told while the run goes on, and again when it grows. Calls that are held up
// for a second are told of in two lines, so that the last one counts.
func TestNotice(t *testing.T) {
	told := make(chan string)
	reached := 0
	account, err := trace(t, counts(t), Options{Params: byKeys(101), Sink: new(pages), Notice: func(line string) { told <- line }}, func() {
		for _, want := range []string{
			"37 updates refused so far: the map small was full (max_entries is 64; a larger one helps)",
			"74 updates refused so far: the map small was full (max_entries is 64; a larger one helps)",
		} {
			getppid(101)
			for line := range told {
				if strings.Contains(line, want) { // other losses may stand beside it
					reached++
					break
				}
				t.Logf("told %q", line)
			}
		}
	})
	if err != nil || reached != 2 || account.Maps[2].Refused != 74 {
		t.Errorf("%d notices; %v, %v", reached, account, err)
	}
}

func TestReportFails(t *testing.T) {
	for _, test := range []struct {
		failure error
		end     End
	}{
		{syscall.EPIPE, PipeClosed},
		{syscall.ENOSPC, SinkFailed},
	} {
		b, sink := counts(t), &pages{failing: test.failure}
		b.Plan.Output.Interval = int64(time.Millisecond)
		account, err := trace(t, b, Options{Params: byKeys(7), Sink: sink}, func() {
			getppid(7)
			select {}
		})
		if account == nil || account.End != test.end || account.Delivered != 0 || account.LostSink == 0 {
			t.Errorf("%+v, want rows lost and the end %q", account, test.end)
		}
		if test.end == PipeClosed && err != nil || test.end == SinkFailed && !errors.Is(err, test.failure) {
			t.Errorf("the error is %v", err)
		}
	}
}

func TestTableRefused(t *testing.T) {
	if _, err := trace(t, counts(t), Options{Sink: new(list)}, func() {}); !errors.Is(err, ErrNoReporter) {
		t.Errorf("a sink of records: %v, want %v", err, ErrNoReporter)
	}
	b := counts(t)
	b.Plan.Maps[0].Double, b.Plan.Output.Interval = false, 1
	if _, err := trace(t, b, Options{Sink: new(pages)}, func() {}); !errors.Is(err, errNotDouble) {
		t.Errorf("intervals of one map: %v, want %v", err, errNotDouble)
	}
	b = counts(t)
	b.Plan.Maps[0].Name = "nonsuch"
	if _, err := trace(t, b, Options{Sink: new(pages)}, func() {}); err == nil {
		t.Error("a map that the object does not have is no error")
	}
	b = counts(t)
	b.Plan.Maps = b.Plan.Maps[:3]
	if _, err := trace(t, b, Options{Sink: new(pages)}, func() {}); err == nil {
		t.Error("counters of other maps are no error")
	}
}
