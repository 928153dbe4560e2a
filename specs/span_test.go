package specs_test

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/ebgen/ebgen/runtime"
	"github.com/ebgen/ebgen/spec/plan"
	"github.com/ebgen/ebgen/specs/workload"
)

// mapAccount is what the account says of the only map of a use.
func mapAccount(t *testing.T, got traced, use plan.MapUse) runtime.MapAccount {
	t.Helper()
	for _, m := range got.account.Maps {
		if m.Use == use {
			return m
		}
	}
	t.Fatalf("the account has no %s map: %+v", use, got.account)
	return runtime.MapAccount{}
}

// TestEndlessSpans starts 100000 spans that never end. Each is still open or was driven
// out, the map holds what it may and no more, and what does end is told from what does
// not.
func TestEndlessSpans(t *testing.T) {
	const started, ended, unknown, entries = 100000, 37, 64, 1024
	var offsets []int64
	for i := range int64(started) {
		offsets = append(offsets, i)
	}
	for i := range int64(ended) {
		offsets = append(offsets, -started+i) // ends of those that started last
	}
	for i := range int64(unknown) {
		offsets = append(offsets, -1-started-i)
	}
	got := trace(t, caller(), func(context.Context) error {
		_, err := workload.Seeks(offsets)
		return err
	}, "endless")[0]
	if len(got.records) != ended {
		t.Errorf("%d spans ended, want %d", len(got.records), ended)
	}
	for i, r := range got.records {
		if number(r["offset"]) != started-1-i || number(r["took"]) <= 0 {
			t.Errorf("record %d is %v, want the span of %d", i, r, started-1-i)
		}
	}
	m := mapAccount(t, got, plan.SpanMap)
	if m.Inserted != started || m.Deleted != ended || m.Unmatched != unknown || m.Restarted != 0 || m.Refused != 0 ||
		m.Left > entries || m.Evicted != started-ended-m.Left || m.Open != m.Left {
		t.Errorf("the account says %+v", m)
	}
}

// nestedDepth is how many calls of one thread the span of nested.yaml keeps.
const nestedDepth = 4

// TestNestedSpans has calls in calls, two of them deeper than is kept: each return meets
// its own call, the outer one takes longer than the inner one, and a return too many is
// told.
func TestNestedSpans(t *testing.T) {
	const rounds, calls = 37, nestedDepth + 2
	var offsets []int64
	for range rounds {
		for depth := range int64(calls) {
			offsets = append(offsets, depth)
		}
		for range calls + 1 {
			offsets = append(offsets, -1)
		}
	}
	got := trace(t, caller(), func(context.Context) error {
		_, err := workload.Seeks(offsets)
		return err
	}, "nested")[0]
	if len(got.records) != rounds*nestedDepth {
		t.Fatalf("%d calls ended, want %d", len(got.records), rounds*nestedDepth)
	}
	inner := 0
	for i, r := range got.records {
		want := nestedDepth - 1 - i%nestedDepth
		if want == nestedDepth-1 {
			inner = 0
		}
		if number(r["depth"]) != want || number(r["took"]) <= inner {
			t.Errorf("record %d is %v, want depth %d and more than %d ns", i, r, want, inner)
		}
		inner = number(r["took"])
	}
	m := mapAccount(t, got, plan.SpanMap)
	if m.TooDeep != rounds*(calls-nestedDepth) || m.Unmatched != rounds || m.Inserted != rounds || m.Deleted != rounds || m.Open != 0 || m.Left != 0 {
		t.Errorf("the account says %+v", m)
	}
}

// TestPrevious wants each value beside the one before it, which is there from the second
// event on.
func TestPrevious(t *testing.T) {
	numbers := workload.Wide(101, 30)
	got := trace(t, caller(), func(context.Context) error {
		_, err := workload.Seeks(numbers)
		return err
	}, "previous")[0]
	if len(got.records) != 100 {
		t.Fatalf("%d records, want 100", len(got.records))
	}
	for i, r := range got.records {
		if int64(number(r["before"])) != numbers[i] || int64(number(r["offset"])) != numbers[i+1] || number(r["since"]) <= 0 {
			t.Errorf("record %d is %v, want %d after %d", i, r, numbers[i+1], numbers[i])
		}
	}
}

// TestEveryMap keeps one count by number in a map of every type. What has a value for each
// CPU counts what that CPU has seen, every other one counts all.
func TestEveryMap(t *testing.T) {
	const rounds, keys = 11, 37
	var offsets []int64
	for range rounds {
		for key := range int64(keys) {
			offsets = append(offsets, key)
		}
	}
	got := trace(t, caller(), func(context.Context) error {
		_, err := workload.Seeks(offsets)
		return err
	}, "every_map")[0]
	if len(got.records) != rounds*keys {
		t.Fatalf("%d records, want %d", len(got.records), rounds*keys)
	}
	type place struct{ key, cpu int }
	seen := map[place]int{}
	for i, r := range got.records {
		here := place{i % keys, number(r["cpu"])}
		for column, want := range map[string]int{
			"plain": i / keys, "recent": i / keys, "list": i / keys,
			"apart": seen[here], "recent_apart": seen[here], "lists": seen[here],
		} {
			if n := number(r[column]); n != want {
				t.Errorf("record %d, on CPU %d: %s has counted %d, want %d", i, here.cpu, column, n, want)
			}
		}
		seen[here]++
	}
	if !got.account.Complete() {
		t.Errorf("the account says %v", got.account)
	}
}

// TestByPeer keeps a count by address in an lpm_trie, of all sockets on this machine.
func TestByPeer(t *testing.T) {
	const sockets = 7
	got := trace(t, nil, func(ctx context.Context) error {
		_, err := workload.CloseWaitResets(ctx, sockets, 0, time.Second)
		return err
	}, "by_peer")[0]
	if len(got.records) < sockets-int(got.account.Missed) {
		t.Errorf("%d sockets were closed by their peers, want %d at least", len(got.records), sockets)
	}
	counts := map[any]int{}
	for _, r := range got.records {
		peer := r["flow"].(map[string]any)["daddr"]
		if n := number(r["before"]); n != counts[peer] {
			t.Errorf("%d sockets before this one: %v, want %d", n, r, counts[peer])
		}
		counts[peer]++
	}
}

// TestSyslatency wants each call of one process counted under its name, and the failed
// ones among them.
func TestSyslatency(t *testing.T) {
	const calls = 101
	comm := own("opener")
	var made []workload.Opened
	got := trace(t, map[string][]string{"comm": {comm}}, func(ctx context.Context) (err error) {
		made, err = workload.Opens(ctx, comm, calls)
		return err
	}, "syslatency")[0]
	failed := 0
	for _, o := range made {
		if o.Errno != 0 {
			failed++
		}
	}
	missed := int(got.account.Missed) // of an entry or a return
	var opens, closes bool
	for _, r := range got.records {
		switch r["syscall"] {
		case "openat":
			opens = true
			if n, f := number(r["calls"]), number(r["failed"]); n > calls || n < calls-missed || f > failed || f < failed-missed {
				t.Errorf("%d calls of openat, %d failed and %d missed, want %d and %d", n, f, missed, calls, failed)
			}
		case "close":
			closes = true
			if n := number(r["calls"]); n < calls-failed-missed {
				t.Errorf("%d calls of close and %d missed, want %d at least", n, missed, calls-failed)
			}
		}
		if p50, p99, total := number(r["took_p50"]), number(r["took_p99"]), number(r["total"]); p50 <= 0 || p99 < p50 || total+total/32 < p50 {
			// A quantile is at most 1/32 off, here above the only call that there was.
			t.Errorf("no distribution: %v", r)
		}
	}
	if !opens || !closes {
		t.Errorf("no openat or no close among %v", got.records)
	}
}

// switches is how often at least and at most the kernel says that threads were switched.
func switches(made []workload.Switched) (least, most int) {
	for _, s := range made {
		least, most = least+s.Least, most+s.Most
	}
	if os.Getenv("EBGEN_VM") == "" {
		// Not every kernel shows a program all its switches: on some virtual machines the
		// raw events themselves have gaps (a CPU leaves a thread that it never went to).
		slack := most / 50
		least, most = least-slack, most+slack
	}
	return least, most
}

// TestOffCPU wants as many times off the CPU as the kernel counts switches of the threads,
// and at least the time that they slept.
func TestOffCPU(t *testing.T) {
	const threads, rounds = 5, 101
	comm := own("switcher")
	var made []workload.Switched
	got := trace(t, map[string][]string{"comm": {comm}}, func(ctx context.Context) (err error) {
		made, err = workload.Switches(ctx, comm, threads, rounds)
		return err
	}, "offcpu", "runqlat", "offcputime", "stackcount", "cpudist")
	least, most := switches(made)
	asleep := 0
	for _, s := range made {
		asleep += int(s.Asleep)
	}
	off := one(t, "offcpu", got[0])
	if n := number(off["times"]); off["comm"] != comm || n < least || n > most {
		t.Errorf("%v, the kernel counts %d to %d switches", off, least, most)
	}
	if total, longest := number(off["total"]), number(off["longest"]); total < asleep || longest > total || longest < asleep/threads/rounds {
		t.Errorf("%v, the threads slept %d ns", off, asleep)
	}
	// By stack, the same: those of a pause differ from those of a thread that is pushed off.
	for i, name := range map[int]string{2: "offcputime", 3: "stackcount"} {
		if n := sum(got[i].records, "times"); n < least || n > most || len(got[i].records) < 2 {
			t.Errorf("%s: %d times, the kernel counts %d to %d switches: %v", name, n, least, most, got[i].records)
		}
		// Where the kernel cannot walk a stack there is none, and that is counted.
		failed := int(got[i].account.FailedReads)
		for _, r := range got[i].records {
			kernel, ok := r["kernel"].([]any)
			if r["kernel"] == nil && number(r["times"]) <= failed {
				failed -= number(r["times"])
				t.Logf("%s: %d stacks were not taken", name, number(r["times"]))
				continue
			}
			if r["comm"] != comm || !ok || len(kernel) == 0 {
				t.Errorf("%s: a stack of the kernel that is none: %v", name, r)
			}
		}
	}
	if total := sum(got[2].records, "total"); total < asleep {
		t.Errorf("off the CPU for %d ns, the threads slept %d ns", total, asleep)
	}
	// Who gets a CPU has waited for it, since it woke or was pushed off.
	// And who leaves one has had it.
	for i, histogram := range map[int]any{1: one(t, "runqlat", got[1])["latency"], 4: one(t, "cpudist", got[4])["ran"]} {
		times := 0
		for _, b := range buckets(t, histogram) {
			times += b.count
		}
		// As many may be short as the kernel says it missed: docs/decisions/missed.md.
		if times < least-int(got[i].account.Missed) || times > most {
			t.Errorf("tracer %d: %d times, the kernel counts %d to %d switches; %v", i, times, least, most, got[i].account)
		}
	}
}

// needDisk skips where no disk of our own can be made, aloud, and except in a guest.
func needDisk(t *testing.T) {
	t.Helper()
	if _, err := os.Stat("/dev/loop-control"); err != nil && os.Getenv("EBGEN_VM") == "" {
		t.Skipf("a disk needs the loop driver: %v", err)
	}
}

// TestBiolatency wants each read of a disk, its bytes and how long it took.
func TestBiolatency(t *testing.T) {
	needDisk(t)
	const reads = 101
	comm := own("reader")
	var made *workload.DiskRead
	got := trace(t, map[string][]string{"comm": {comm}}, func(ctx context.Context) (err error) {
		made, err = workload.DiskReads(ctx, comm, reads)
		return err
	}, "biolatency")[0]
	for _, r := range got.records {
		if r["disk"] != made.Disk {
			continue
		}
		whole(t, r, "ios", reads)
		whole(t, r, "bytes", int64(reads*made.Bytes))
		sum := 0
		for _, b := range buckets(t, r["latency"]) {
			sum += b.count
		}
		if sum != reads {
			t.Errorf("the histogram counts %d reads, want %d", sum, reads)
		}
		return
	}
	t.Errorf("no row of disk %s: %v", made.Disk, got.records)
}

// TestSlowReads wants every read of one file, entry and return put together.
func TestSlowReads(t *testing.T) {
	needDisk(t)
	const reads = 101
	comm := own("reader")
	var made *workload.DiskRead
	got := trace(t, map[string][]string{"over": {"0s"}}, func(ctx context.Context) (err error) {
		made, err = workload.DiskReads(ctx, comm, reads)
		return err
	}, "slowreads")[0]
	n := 0
	for _, r := range got.records {
		if r["comm"] != comm || r["file"] != made.Disk {
			continue
		}
		n++
		if number(r["bytes"]) != made.Bytes || number(r["took"]) <= 0 {
			t.Errorf("a read is %v, want %d bytes", r, made.Bytes)
		}
	}
	if n != reads {
		t.Errorf("%d reads of %s, want %d", n, made.Disk, reads)
	}
}

// TestKeyedTwice has spans of one thread that are open at once: the second part of the key
// tells them apart.
func TestKeyedTwice(t *testing.T) {
	const spans = 37
	var offsets []int64
	for i := range int64(spans) {
		offsets = append(offsets, i)
	}
	for i := range int64(spans) {
		offsets = append(offsets, 1000+i*11%spans)
	}
	got := trace(t, caller(), func(context.Context) error {
		_, err := workload.Seeks(append(offsets, 1000+spans))
		return err
	}, "keyed_twice")[0]
	if len(got.records) != spans {
		t.Fatalf("%d spans ended, want %d", len(got.records), spans)
	}
	for i, r := range got.records {
		if to := int(offsets[spans+i]); number(r["to"]) != to || number(r["from"]) != to-1000 {
			t.Errorf("record %d is %v, want from %d to %d", i, r, to-1000, to)
		}
	}
	if m := mapAccount(t, got, plan.SpanMap); m.Unmatched != 1 || m.Open != 0 {
		t.Errorf("the account says %+v", m)
	}
}
