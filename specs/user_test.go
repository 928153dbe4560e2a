package specs_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/ebgen/ebgen/runtime"
	"github.com/ebgen/ebgen/spec/plan"
)

// amounts is what the programs of testdata count in one round: 37 numbers, no two alike.
var amounts = func() (list []int) {
	for i := range 37 {
		list = append(list, 1009+17*i)
	}
	return list
}()

// paid is how many of the amounts are paid; the others are taken.
const paid = 30

// of are the records of one process.
func of(pid int, records []map[string]any) (list []map[string]any) {
	for _, r := range records {
		if number(r["pid"]) == pid {
			list = append(list, r)
		}
	}
	return list
}

// column is one column of records, as numbers.
func column(records []map[string]any, name string) (list []int) {
	for _, r := range records {
		list = append(list, number(r[name]))
	}
	return list
}

// sum is the sum of one column.
func sum(records []map[string]any, name string) (n int) {
	for _, value := range column(records, name) {
		n += value
	}
	return n
}

// TestAllocations wants the 37 allocations that a program makes, and no others, from the C
// library that it shares and from one that is part of it; of a process that was there
// before the tracer and of one that was not.
func TestAllocations(t *testing.T) {
	for _, one := range []struct {
		program, spec string
		params        map[string][]string
	}{
		{"ledger", "allocations", map[string][]string{"comm": {"ledger"}}},
		{"ledger-static", "allocations_static", nil},
	} {
		t.Run(one.spec, func(t *testing.T) {
			path := program(t, one.program)
			earlier := start(t, path)
			var later *process
			got := trace(t, one.params, func(context.Context) error {
				later = start(t, path)
				for _, p := range []*process{earlier, later, earlier} {
					if err := p.round(); err != nil {
						return err
					}
				}
				return nil
			}, one.spec)[0]
			for p, want := range map[*process][]int{earlier: append(amounts[:37:37], amounts...), later: amounts} {
				if sizes := column(of(p.Process.Pid, got.records), "size"); !slices.Equal(sizes, want) {
					t.Errorf("process %d allocated %v, want %v", p.Process.Pid, sizes, want)
				}
			}
		})
	}
}

// TestOneProcess wants the calls of one process, as --pid asks for, and of no other one of
// the same program; its library is found by what it has mapped.
func TestOneProcess(t *testing.T) {
	path := program(t, "ledger")
	one, other := start(t, path), start(t, path)
	got := traceWith(t, runtime.Options{Pid: one.Process.Pid}, func(context.Context) error {
		return errors.Join(other.round(), one.round(), other.round())
	}, "allocations", "returns")
	for i, name := range []string{"size", "result"} {
		if n := len(got[i].records); n != 37 || len(of(one.Process.Pid, got[i].records)) != 37 {
			t.Errorf("%d records, want 37 of process %d: %v", n, one.Process.Pid, column(got[i].records, name))
		}
	}
}

// TestReturns wants what each call of a function returned, by itself and beside the
// arguments of the call.
func TestReturns(t *testing.T) {
	var p *process
	path := program(t, "ledger")
	got := trace(t, nil, func(context.Context) error {
		p = start(t, path)
		return p.round()
	}, "returns", "entries")
	returns, entries := of(p.Process.Pid, got[0].records), of(p.Process.Pid, got[1].records)
	if len(returns) != 37 || len(entries) != 37 {
		t.Fatalf("%d returns and %d calls, want 37", len(returns), len(entries))
	}
	for i, size := range amounts {
		why, result := "parse", size
		if i >= paid {
			why, result = "answer", -size
		}
		if number(returns[i]["result"]) != result {
			t.Errorf("call %d returned %v, want %d", i, returns[i]["result"], result)
		}
		e := entries[i]
		if number(e["size"]) != size || e["why"] != why || number(e["result"]) != result || number(e["took"]) <= 0 {
			t.Errorf("call %d is %v, want %d for %q, which returns %d", i, e, size, why, result)
		}
	}
}

// TestInnerCalls wants the time of functions that call each other, of which one pattern is
// the span: 30 calls within book_parse and 7 within book_answer.
func TestInnerCalls(t *testing.T) {
	path := program(t, "ledger")
	var p *process
	got := trace(t, nil, func(context.Context) error {
		p = start(t, path)
		return p.round()
	}, "inner_calls")[0]
	within, outer := 0, map[string]int{"book_parse": 30, "book_answer": 7}
	calls := 0
	for _, r := range of(p.Process.Pid, got.records) {
		took, name := number(r["took"]), fmt.Sprint(r["func"])
		if name == "book_entry" {
			within, calls = within+took, calls+1
			continue
		}
		if calls != outer[name] || took <= within {
			t.Errorf("%s took %d ns and %d calls within it %d ns, want %d calls and more than theirs", name, took, calls, within, outer[name])
		}
		delete(outer, name)
		within, calls = 0, 0
	}
	if len(outer) > 0 || calls > 0 {
		t.Errorf("no time of %v, and %d calls within none", outer, calls)
	}
	if m := mapAccount(t, got, plan.SpanMap); m.Unmatched != 0 || m.Open != 0 {
		t.Errorf("the span's counts are %+v, want no start or end without the other", m)
	}
}

// TestGethostlatency wants each name that a program looks up, and how long that took.
func TestGethostlatency(t *testing.T) {
	path := program(t, "lookup")
	var p *process
	got := trace(t, nil, func(context.Context) error {
		p = start(t, path)
		return p.round()
	}, "gethostlatency")[0]
	records := of(p.Process.Pid, got.records)
	if len(records) != 37 {
		t.Errorf("%d lookups, want 37", len(records))
	}
	for i, r := range records {
		if r["host"] != fmt.Sprintf("127.0.1.%d", i) || r["comm"] != "lookup" || number(r["took"]) <= 0 {
			t.Errorf("lookup %d is %v", i, r)
		}
	}
}

// TestNames wants the calls of functions whose names the compiler has changed, and their
// arguments where each language passes them.
func TestNames(t *testing.T) {
	for _, one := range []struct {
		program string
		specs   []string
	}{
		{"names-cc", []string{"names_cc", "names_cc_mangled"}},
		{"names-rust", []string{"names_rust"}},
		{"names-go", []string{"names_go", "names_go_method"}},
	} {
		t.Run(one.program, func(t *testing.T) {
			path := program(t, one.program)
			var p *process
			got := trace(t, nil, func(context.Context) error {
				p = start(t, path)
				return p.round()
			}, one.specs...)
			for i, name := range one.specs {
				records := of(p.Process.Pid, got[i].records)
				if list := column(records, "amount"); !slices.Equal(list, amounts) {
					t.Fatalf("%s: %v, want %v", name, list, amounts)
				}
				for j, r := range records {
					if why, ok := r["why"]; ok && why != map[bool]string{true: "paid", false: "taken"}[j < paid] {
						t.Errorf("%s: call %d is %v", name, j, r)
					}
				}
			}
		})
	}
}
