package specs_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ebgen/ebgen/spec/plan"
	"github.com/ebgen/ebgen/specs/workload"
)

// caller gives a spec of testdata the number of this process, whose events it counts.
func caller() map[string][]string { return map[string][]string{"process": {fmt.Sprint(os.Getpid())}} }

const threads, each = 8, 100003

// TestCounts wants every one of the 800024 times that 8 threads change their names counted
// once, by every kind of map, in one report and in many, and whatever part of the table is
// shown.
func TestCounts(t *testing.T) {
	const interval = 50 * time.Millisecond // of the specs
	var tids []int
	names := []string{"counts", "counts_shared", "counts_lru", "counts_one", "counts_process", "counts_interval", "counts_interval_shared", "counts_since_start", "counts_top"}
	got := trace(t, caller(), func(context.Context) (err error) {
		if _, err := workload.RenameThreads(1, 1); err != nil {
			return err
		}
		time.Sleep(4 * interval) // so that this one is in a report of its own
		tids, err = workload.RenameThreads(threads, each)
		return err
	}, names...)
	byThread := map[string]map[int]int{}
	for i, name := range names {
		byThread[name] = map[int]int{}
		for _, r := range got[i].records {
			key := 0
			if tid, ok := r["tid"]; ok {
				key = number(tid)
			}
			if name == "counts_since_start" { // the last report says all
				byThread[name][key] = number(r["times"])
			} else {
				byThread[name][key] += number(r["times"])
			}
		}
	}
	for i, name := range names {
		sum := 0
		for tid, times := range byThread[name] {
			sum += times
			if tid != 0 && times > 1 && (times != each || !slices.Contains(tids, tid)) {
				t.Errorf("%s: thread %d changed its name %d times, want %d", name, tid, times, each)
			}
		}
		want := threads*each + 1
		if name == "counts_top" {
			want = 3 * each
			if len(got[i].records) != 3 {
				t.Errorf("%s: %d rows, want 3", name, len(got[i].records))
			}
		}
		if sum != want {
			t.Errorf("%s: %d times, want %d", name, sum, want)
		}
		if strings.Contains(name, "interval") && got[i].account.Reports < 2 {
			t.Errorf("%s: all came in %d report", name, got[i].account.Reports)
		}
	}
}

// TestSyscallCounts wants the same of system calls, where the kernel lets it be.
func TestSyscallCounts(t *testing.T) {
	got := trace(t, caller(), func(context.Context) error {
		_, err := workload.RenameThreads(threads, each)
		return err
	}, "counts_syscall")[0]
	sum := 0
	for _, r := range got.records {
		sum += number(r["times"])
	}
	if missed := int(got.account.Missed); sum > threads*each || sum+missed < threads*each {
		t.Errorf("%d calls and %d missed, want %d together", sum, missed, threads*each)
	}
}

// bucket is one bucket of a histogram as JSON has it; an end that is open is nil.
type bucket struct {
	low, high *int
	count     int
}

func buckets(t *testing.T, v any) (list []bucket) {
	t.Helper()
	end := func(v any) *int {
		if v == nil {
			return nil
		}
		n := number(v)
		return &n
	}
	for _, b := range v.([]any) {
		b := b.(map[string]any)
		list = append(list, bucket{end(b["low"]), end(b["high"]), number(b["count"])})
	}
	return list
}

// counted wants each bucket to hold as many as there are, and every value to be in one.
func counted(t *testing.T, what string, list []bucket, values []int64, shape func(bucket) bool) {
	t.Helper()
	sum := 0
	for _, b := range list {
		if !shape(b) {
			t.Errorf("%s has a bucket from %v to %v", what, show(b.low), show(b.high))
		}
		n := 0
		for _, v := range values {
			if (b.low == nil || int(v) >= *b.low) && (b.high == nil || int(v) <= *b.high) {
				n++
			}
		}
		if n != b.count || n == 0 {
			t.Errorf("%s, from %v to %v: %d are counted, there are %d", what, show(b.low), show(b.high), b.count, n)
		}
		sum += b.count
	}
	if sum != len(values) {
		t.Errorf("%s counts %d values, want %d", what, sum, len(values))
	}
}

func show(end *int) any {
	if end == nil {
		return "open"
	}
	return *end
}

// powerOfTwo reports whether a bucket holds 0, or what lies from one power of two to the next.
func powerOfTwo(b bucket) bool {
	switch {
	case b.low == nil || b.high == nil:
		return b.low == nil && *b.high == -1 // all below 0
	case *b.low == 0:
		return *b.high == 0
	}
	return *b.low&(*b.low-1) == 0 && *b.high == 2**b.low-1
}

// step reports whether a bucket is one of lhist(x, low, high, step).
func step(low, high, step int) func(bucket) bool {
	return func(b bucket) bool {
		switch {
		case b.low == nil:
			return *b.high == low-1
		case b.high == nil:
			return *b.low == high
		}
		return (*b.low-low)%step == 0 && *b.high == min(*b.low+step, high)-1
	}
}

// one is the only row of a table.
func one(t *testing.T, name string, got traced) map[string]any {
	t.Helper()
	if len(got.records) != 1 {
		t.Fatalf("%s: %d rows, want 1", name, len(got.records))
	}
	return got.records[0]
}

// whole wants a column to be a number.
func whole(t *testing.T, row map[string]any, column string, want int64) {
	t.Helper()
	if got := number(row[column]); int64(got) != want {
		t.Errorf("%s is %d, want %d", column, got, want)
	}
}

// TestNumbers counts numbers that are known, and compares every aggregate with what the
// numbers themselves say.
func TestNumbers(t *testing.T) {
	numbers := workload.Wide(100003, 40)
	got := trace(t, caller(), func(context.Context) error {
		_, err := workload.Seeks(numbers)
		return err
	}, "numbers")
	row := one(t, "numbers", got[0])
	var total, below, small int64
	for _, n := range numbers {
		total += n
		if n < 1000 {
			below += n
			small++
		}
	}
	whole(t, row, "events", 100003)
	whole(t, row, "small", small)
	whole(t, row, "total", total)
	whole(t, row, "below", below)
	whole(t, row, "least", slices.Min(numbers))
	whole(t, row, "greatest", slices.Max(numbers))
	for column, want := range map[string]float64{"mean": float64(total) / 100003, "share": 100 * float64(below) / 100003} {
		if got := fraction(row[column]); got != want {
			t.Errorf("%s is %v, want %v", column, got, want)
		}
	}
	counted(t, "powers", buckets(t, row["powers"]), numbers, powerOfTwo)
	counted(t, "steps", buckets(t, row["steps"]), numbers, step(100, 1000, 70))
	for column, percent := range map[string]int{"size_p50": 50, "size_p90": 90, "size_p99": 99} {
		nearQuantile(t, row, column, numbers, percent)
	}
}

// nearQuantile wants a column to be at most 1/32 off the least number that so many percent
// are not above.
func nearQuantile(t *testing.T, row map[string]any, column string, numbers []int64, percent int) {
	t.Helper()
	sorted := slices.Sorted(slices.Values(numbers))
	exact := sorted[(len(sorted)*percent+99)/100-1]
	if got := int64(number(row[column])); max(got-exact, exact-got) > exact/32 {
		t.Errorf("%s is %d, exactly it is %d, which is more than 1/32 away", column, got, exact)
	}
}

// TestBoundedQuantiles wants no quantile beyond the greatest number, or below the least, of
// a row that has them: the middle of a bucket may be. Of other numbers they are no bounds.
func TestBoundedQuantiles(t *testing.T) {
	const size, step = 4096, 4096 / 16 // of a bucket: 4096 to 8191 are in 16 of them
	for _, test := range []struct {
		what    string
		numbers []int64
		want    map[string]int64
	}{
		{"above", []int64{size, size + 1, size + 2}, map[string]int64{"low": size, "offset_p1": size + 2, "offset_p50": size + 2, "offset_p100": size + 2, "high": size + 2, "half_p50": size/2 + step/4 - 1}},
		{"below", []int64{size + step - 2, size + step - 1}, map[string]int64{"low": size + step - 2, "offset_p1": size + step - 2, "offset_p50": size + step - 2, "offset_p100": size + step - 2, "high": size + step - 1}},
		{"far apart", []int64{1, size + 1, 2 * size}, map[string]int64{"low": 1, "offset_p1": 1, "offset_p50": size + step/2 - 1, "offset_p100": 2 * size, "high": 2 * size}},
	} {
		got := trace(t, caller(), func(context.Context) error {
			_, err := workload.Seeks(test.numbers)
			return err
		}, "bounded")
		row := one(t, test.what, got[0])
		for column, want := range test.want {
			whole(t, row, column, want)
		}
	}
}

// TestSigned counts numbers on both sides of 0.
func TestSigned(t *testing.T) {
	numbers := workload.Wide(1003, 20)
	for i := range numbers {
		if i%3 == 0 {
			numbers[i] = -numbers[i] / 37
		}
	}
	got := trace(t, caller(), func(context.Context) error {
		_, err := workload.Seeks(numbers)
		return err
	}, "signed")
	row := one(t, "signed", got[0])
	total := int64(0)
	for _, n := range numbers {
		total += n
	}
	whole(t, row, "events", 1003)
	whole(t, row, "total", total)
	whole(t, row, "least", slices.Min(numbers))
	whole(t, row, "greatest", slices.Max(numbers))
	counted(t, "powers", buckets(t, row["powers"]), numbers, powerOfTwo)
	counted(t, "steps", buckets(t, row["steps"]), numbers, step(-100, 100, 30))
	if got, ok := row["all_p10"]; got != nil || !ok {
		t.Errorf("a third of the numbers is negative, and the least tenth ends at %v", got)
	}
	nearQuantile(t, row, "all_p50", numbers, 50)
	nearQuantile(t, row, "all_p99", numbers, 99)
	above := slices.DeleteFunc(numbers, func(n int64) bool { return n < 0 })
	nearQuantile(t, row, "above_p25", above, 25)
	nearQuantile(t, row, "above_p99", above, 99)
}

// TestFull shows 5000 keys, each twice, to tables of 1024. A hash keeps the first ones and
// counts what it refuses; an LRU hash takes all and says how many it drove out.
func TestFull(t *testing.T) {
	const keys, entries = 5000, 1024
	var offsets []int64
	for i := range int64(2 * keys) {
		offsets = append(offsets, i%keys)
	}
	names := []string{"full", "full_percpu", "full_lru"}
	got := trace(t, caller(), func(context.Context) error {
		_, err := workload.Seeks(offsets)
		return err
	}, names...)
	for i, name := range names {
		seen := map[int]int{}
		for _, r := range got[i].records {
			seen[number(r["offset"])] += number(r["events"])
		}
		m := mapAccount(t, got[i], plan.TableMap)
		if len(seen) != len(got[i].records) {
			t.Errorf("%s: %d rows of %d keys", name, len(got[i].records), len(seen))
		}
		if name == "full_lru" {
			if len(seen) == 0 || len(seen) > entries || m.Refused != 0 || m.Inserted < keys || m.Inserted-m.Evicted != uint64(len(seen)) {
				t.Errorf("%s: %d rows, %+v", name, len(seen), m)
			}
			continue
		}
		if len(seen) != entries || m.Refused != 2*(keys-entries) {
			t.Errorf("%s: %d rows and %d refused, want %d and %d", name, len(seen), m.Refused, entries, 2*(keys-entries))
		}
		for key, events := range seen {
			if events != 2 || key >= entries {
				t.Errorf("%s: %d events of key %d, want 2 of each below %d", name, events, key, entries)
			}
		}
	}
}

// TestOtherKeys has two probes count under keys of different parts: where nothing counts a
// column it has no value, and no 0 that would say that there was nothing.
func TestOtherKeys(t *testing.T) {
	offsets := slices.Concat(slices.Repeat([]int64{7}, 37), slices.Repeat([]int64{9}, 11), slices.Repeat([]int64{4000, 5000}, 101))
	got := trace(t, caller(), func(context.Context) error {
		_, err := workload.Seeks(offsets)
		return err
	}, "other_keys")[0]
	want := []string{"<nil> <nil> 202 4000 404", "7 37 <nil> <nil> <nil>", "9 11 <nil> <nil> <nil>"}
	var seen []string
	for _, r := range got.records {
		seen = append(seen, fmt.Sprint(r["offset"], " ", r["small"], " ", r["large"], " ", r["least"], " ", r["twice"]))
		if (r["powers"] == nil) != (r["offset"] == nil) {
			t.Errorf("row %v has the histogram of another one", r)
		}
	}
	if !slices.Equal(seen, want) {
		t.Errorf("seen %q, want %q", seen, want)
	}
}
