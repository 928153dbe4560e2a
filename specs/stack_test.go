package specs_test

import (
	"strings"
	"testing"
)

// TestStacksOfCalls wants the calls of a program apart by the two functions that they come
// from: 30 and 7 allocations in a round, and the bytes of each.
func TestStacksOfCalls(t *testing.T) {
	const times = 3
	got := trace(t, map[string][]string{"comm": {"ledger"}}, rounds(t, "ledger", times, new(*process)), "mallocstacks", "stackcount_entry")
	bytes := func(list []int) (n int) {
		for _, amount := range list {
			n += amount
		}
		return times * n
	}
	type calls struct {
		times, bytes int
		stack        string // the innermost functions of the program
	}
	want := []calls{
		{times * paid, bytes(amounts[:paid]), "book_entry book_parse main"},
		{times * (len(amounts) - paid), bytes(amounts[paid:]), "book_entry book_answer main"},
	}
	for i, count := range []string{"calls", "times"} {
		records := got[i].records
		if len(records) != len(want) {
			t.Errorf("%d stacks, want %d: %v", len(records), len(want), records)
			continue
		}
		for j, r := range records { // the most calls first
			seen := calls{number(r[count]), want[j].bytes, ""}
			if i == 0 {
				seen.bytes = number(r["bytes"])
			}
			var names []string
			for _, f := range r["user"].([]any) {
				name, _ := f.(map[string]any)["name"].(string)
				if strings.HasPrefix(name, "book_") || name == "main" {
					names = append(names, name)
				}
			}
			if seen.stack = strings.Join(names, " "); seen != want[j] {
				t.Errorf("%+v, want %+v: %v", seen, want[j], r)
			}
		}
	}
}

// TestFunccount wants how often each function was called that a pattern means.
func TestFunccount(t *testing.T) {
	const times = 3
	got := trace(t, map[string][]string{"comm": {"ledger"}}, rounds(t, "ledger", times, new(*process)), "funccount_book")[0]
	want := map[string]int{"book_entry": times * 37, "book_parse": times, "book_answer": times}
	for _, r := range got.records {
		name, _ := r["function"].(string)
		if n := number(r["calls"]); want[name] != n {
			t.Errorf("%d calls of %s, want %d", n, name, want[name])
		}
		delete(want, name)
	}
	if len(want) > 0 {
		t.Errorf("no calls of %v among %v", want, got.records)
	}
}

// TestMemleak wants the blocks that a program did not give back, by the function that took
// them, and no others: of 37 every third, in each round.
func TestMemleak(t *testing.T) {
	const times, turns = 3, 37
	got := trace(t, map[string][]string{"comm": {"leak"}}, rounds(t, "leak", times, new(*process)), "memleak")[0]
	type left struct{ taken, left, bytes int }
	want := map[string]left{
		"leaky":  {times * turns, 0, 0},
		"tidy":   {times * 2 * turns, 0, 0}, // from two places
		"larger": {times * turns, 0, 0},
	}
	leaky := want["leaky"]
	for i := 0; i < turns; i += 3 {
		leaky.left += times
		leaky.bytes += times * (101 + i)
	}
	want["leaky"] = leaky
	seen := map[string]left{}
	for _, r := range got.records {
		name, _ := r["user"].([]any)[0].(map[string]any)["name"].(string)
		l := seen[name]
		seen[name] = left{l.taken + number(r["taken"]), l.left + number(r["left"]), l.bytes + number(r["bytes_left"])}
	}
	for name, l := range want {
		if seen[name] != l {
			t.Errorf("%s: %+v, want %+v: %v", name, seen[name], l, got.records)
		}
	}
}
