package specs_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/ebgen/ebgen/specs/workload"
)

// rounds has a program under test do what it does, so many times, and says which process it was.
func rounds(t *testing.T, name string, times int, p **process) func(context.Context) error {
	path := program(t, name)
	return func(context.Context) error {
		*p = start(t, path)
		for range times {
			if err := (*p).round(); err != nil {
				return err
			}
		}
		return nil
	}
}

// events is the sum of a histogram's buckets.
func events(t *testing.T, v any) (n int) {
	for _, b := range buckets(t, v) {
		n += b.count
	}
	return n
}

// hex reads a column that is shown as a hexadecimal number.
func hex(v any) int {
	n, err := strconv.ParseUint(v.(string), 0, 64)
	if err != nil {
		panic(err)
	}
	return int(int64(n))
}

// TestFunclatency wants each call of each function that a pattern means, of one that calls
// itself 36 times too; a function that jumps away instead of returning has none, and
// leaves the others alone.
func TestFunclatency(t *testing.T) {
	const times = 3
	var p *process
	got := trace(t, map[string][]string{"comm": {"calls"}}, rounds(t, "calls", times, &p), "funclatency_calls")[0]
	want := map[string]int{"call_wait": times * 17, "call_descend": times * 37}
	for _, r := range got.records {
		name, _ := r["function"].(string)
		calls, ours := want[name]
		if !ours {
			t.Errorf("calls of %s: %v", name, r)
		}
		if n := number(r["calls"]); n != calls || events(t, r["took"]) != calls {
			t.Errorf("%s: %d calls, %d in its histogram, want %d", name, n, events(t, r["took"]), calls)
		}
		// 17 calls sleep for 0 to 16 ms.
		if least := times * 136 * int(time.Millisecond); name == "call_wait" && number(r["total"]) < least {
			t.Errorf("call_wait took %v ns in all, want %d at least", r["total"], least)
		}
		delete(want, name)
	}
	if len(want) > 0 {
		t.Errorf("no calls of %v among %v", want, got.records)
	}
}

// TestFuncslower wants each call that took longer than it was told, with its arguments and
// result, and none that did not.
func TestFuncslower(t *testing.T) {
	for _, over := range []time.Duration{0, 9900 * time.Microsecond} {
		var p *process
		got := trace(t, map[string][]string{"over": {over.String()}}, rounds(t, "calls", 1, &p), "funcslower_wait")[0]
		seen := map[int]bool{}
		for _, r := range of(p.Process.Pid, got.records) {
			ms := hex(r["arg0"])
			if hex(r["result"]) != ms+'w' || hex(r["arg1"]) == 0 || r["function"] != "call_wait" || seen[ms] {
				t.Errorf("over %v: a call is %v", over, r)
			}
			if took := number(r["took"]); took <= int(over) || took < ms*int(time.Millisecond) {
				t.Errorf("over %v: a call of %d ms took %d ns", over, ms, took)
			}
			seen[ms] = true
		}
		for ms := range 17 {
			if !seen[ms] && time.Duration(ms)*time.Millisecond > over {
				t.Errorf("over %v: no call of %d ms", over, ms)
			}
		}
		if over == 0 && len(seen) != 17 {
			t.Errorf("%d calls, want 17", len(seen))
		}
	}
}

// TestArgdist wants the values that a function of a program is given, and those that it
// returns: each by itself, and in a histogram.
func TestArgdist(t *testing.T) {
	const times = 3
	given, returned := map[int]int{}, map[int]int{}
	for i, size := range amounts {
		given[size] = times
		if i >= paid {
			size = -size
		}
		returned[size] = times
	}
	for _, each := range []string{"true", "false"} {
		var p *process
		got := trace(t, map[string][]string{"comm": {"ledger"}, "each": {each}, "arg": {"0"}}, rounds(t, "ledger", times, &p), "argdist_entry", "argdist_result")
		for i, want := range []map[int]int{given, returned} {
			if each == "false" {
				row := one(t, "argdist", got[i])
				var values []int64
				for v, n := range want {
					for range n {
						values = append(values, int64(v))
					}
				}
				counted(t, "values", buckets(t, row["values"]), values, powerOfTwo)
				continue
			}
			seen := map[int]int{}
			for _, r := range got[i].records {
				seen[number(r["of"])] = number(r["calls"])
			}
			if !maps.Equal(seen, want) {
				t.Errorf("%v, want %v", seen, want)
			}
		}
	}
}

// TestFunctionsOfKernel wants the same of a function of the kernel: how often one thread
// reads a file, what it asks for and what it gets.
func TestFunctionsOfKernel(t *testing.T) {
	const files = 37
	comm := own("filer")
	var made []workload.File
	var got []traced
	for _, one := range []struct {
		params map[string][]string
		names  []string
	}{
		{nil, []string{"funclatency"}},
		{map[string][]string{"over": {"0s"}}, []string{"funcslower"}},
		{map[string][]string{"each": {"true"}}, []string{"argdist", "argdist_returned"}},
	} {
		params := map[string][]string{"comm": {comm}}
		maps.Copy(params, one.params)
		got = append(got, trace(t, params, func(ctx context.Context) (err error) {
			made, err = workload.Files(ctx, comm, files)
			return err
		}, one.names...)...)
	}
	row := one(t, "funclatency", got[0])
	if number(row["calls"]) != files || events(t, row["took"]) != files || row["function"] != "vfs_read" {
		t.Errorf("funclatency: %v, want %d calls", row, files)
	}
	returned, seen := map[int]int{}, map[int]int{}
	for _, f := range made {
		returned[f.Bytes]++
	}
	if len(got[1].records) != files {
		t.Fatalf("funcslower: %d records, want %d", len(got[1].records), files)
	}
	for i, r := range got[1].records {
		if hex(r["result"]) != made[i].Bytes || hex(r["arg2"]) != 101+files || hex(r["arg0"]) == 0 || number(r["took"]) <= 0 || number(r["pid"]) != os.Getpid() {
			t.Errorf("funcslower: call %d is %v, want %d bytes of %d", i, r, made[i].Bytes, 101+files)
		}
	}
	row = one(t, "argdist", got[2])
	if number(row["of"]) != 101+files || number(row["calls"]) != files {
		t.Errorf("argdist: %v, want %d calls for %d bytes", row, files, 101+files)
	}
	for _, r := range got[3].records {
		seen[number(r["of"])] += number(r["calls"])
	}
	if fmt.Sprint(seen) != fmt.Sprint(returned) {
		t.Errorf("argdist: %v returned, want %v", seen, returned)
	}
}

// TestPatternOfKernel wants how often one thread calls each function of the kernel that a
// pattern means, and as many times that they take.
func TestPatternOfKernel(t *testing.T) {
	const files = 37
	comm := own("filer")
	got := trace(t, map[string][]string{"comm": {comm}}, func(ctx context.Context) error {
		_, err := workload.Files(ctx, comm, files)
		return err
	}, "funccount_vfs", "funclatency_vfs")
	for i, name := range []string{"funccount", "funclatency"} {
		calls := map[string]int{}
		for _, r := range got[i].records {
			calls[r["function"].(string)] = number(r["calls"])
		}
		for _, function := range []string{"vfs_unlink", "vfs_mkdir"} {
			if calls[function] != files {
				t.Errorf("%s: %d calls of %s, want %d: %v", name, calls[function], function, files, calls)
			}
		}
	}
}
