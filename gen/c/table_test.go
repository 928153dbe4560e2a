package c

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"math/rand"
	"os"
	"runtime"
	"sync"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/ebgen/ebgen/spec/plan"
)

// values reads the value of a key as words, of each CPU.
func values(t *testing.T, m *ebpf.Map, key any) [][]uint64 {
	t.Helper()
	var raw [][]byte
	var err error
	if plan.MapTypes[typeOf[m.Type()]].PerCPU {
		err = m.Lookup(key, &raw)
	} else {
		var one []byte
		err = m.Lookup(key, &one)
		raw = append(raw, one)
	}
	if err != nil {
		t.Fatal(err)
	}
	var out [][]uint64
	for _, one := range raw {
		words := make([]uint64, len(one)/8)
		for i := range words {
			words[i] = binary.LittleEndian.Uint64(one[8*i:])
		}
		out = append(out, words)
	}
	return out
}

// typeOf names the types of table maps.
var typeOf = map[ebpf.MapType]plan.MapType{
	ebpf.Hash: plan.Hash, ebpf.LRUHash: plan.LRUHash, ebpf.PerCPUHash: plan.PercpuHash, ebpf.LRUCPUHash: plan.LRUPercpuHash,
	ebpf.Array: plan.ArrayMap, ebpf.PerCPUArray: plan.PercpuArray,
}

// sums adds the values that the CPUs have for a key, word by word.
func sums(t *testing.T, m *ebpf.Map, key any) []uint64 {
	t.Helper()
	all := values(t, m, key)
	for _, one := range all[1:] {
		for i, n := range one {
			all[0][i] += n
		}
	}
	return all[0]
}

// keys lists the keys of a map.
func keys(t *testing.T, m *ebpf.Map) [][]byte {
	t.Helper()
	var out [][]byte
	key := make([]byte, m.KeySize())
	for err := m.NextKey(nil, &key); ; err = m.NextKey(key, &key) {
		if errors.Is(err, ebpf.ErrKeyNotExist) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, bytes.Clone(key))
	}
}

// tally reads a counter of a map.
func (r *runner) tally(t *testing.T, p *plan.Plan, name string) uint64 {
	t.Helper()
	at := 0
	for i := range p.Maps {
		for _, one := range p.Maps[i].Counters() {
			if one == name {
				return sums(t, r.Maps["tallies"], uint32(0))[at]
			}
			at++
		}
	}
	t.Fatalf("no counter %s", name)
	return 0
}

// TestBuckets compares the C of 8 histograms with plan.Histogram.Index, value by value.
func TestBuckets(t *testing.T) {
	p := histograms()
	input := []uint64{0, 1, 2, 3, 4, 6, 7, 8, 9, 13, 14, 15, 16, 17, 19, 20, 21, 31, 32, 33, 48, 49, 50, 51, 91, 97, 98, 99, 100, 101, 127, 128,
		math.MaxInt64, math.MaxInt64 + 1, math.MaxUint64}
	for bit := range 64 {
		input = append(input, 1<<bit-1, 1<<bit, 1<<bit+1, -(uint64(1) << bit))
	}
	for n := range uint64(101) {
		input = append(input, -n)
	}
	random := rand.New(rand.NewSource(1))
	for range 1000 {
		input = append(input, random.Uint64()>>random.Intn(64))
	}
	for _, compiler := range compilers {
		t.Run(compiler, func(t *testing.T) {
			r := newRunner(t, compile(t, compiler, "x86", printed(t, p)), "histograms_rawtracepoint")
			m := &p.Maps[p.Table.Map]
			want := make([]uint64, m.Value.Size/8)
			for _, x := range input {
				r.fire(t, x)
				for _, f := range m.Value.Fields {
					want[f.Offset/8+p.Histograms[f.Type.Hist-1].Index(x)]++
				}
				for i, got := range sums(t, r.Maps[m.Name], uint32(0)) {
					if got != want[i] {
						t.Fatalf("after %d (%#x) word %d is %d, wanted %d", x, x, i, got, want[i])
					}
				}
			}
		})
	}
}

// ofCalls counts the calls of getpgrp of this process in one row.
func ofCalls(kind plan.MapType, columns ...column) *plan.Plan {
	mine := op(tBool, "&&", op(tBool, "==", arg("id", tU64), number64(unix.SYS_GETPGRP, tU64)), op(tBool, "==", built("pid"), number64(int64(os.Getpid()), tU32)))
	probes := rawTracepoint("sys_enter", "calls_rawtracepoint", 1)
	probes[0].Alternatives[0].Calls[0].Args[0].Index = 1 // behind the registers
	p := tracer("calls", plan.Body{Name: "calls", Line: 2, Args: []plan.Arg{{Name: "id", Type: tU64}}, Filters: []plan.Filter{{Expr: mine, Line: 3}}},
		probes, columns...)
	id := arg("id", tU64)
	return counted(p, kind, 64,
		aggregate{name: "calls", kind: plan.Count},
		aggregate{name: "ids", kind: plan.Sum, value: &id},
		aggregate{name: "sizes", kind: plan.Buckets, value: &id, histogram: plan.Histogram{Bits: 2}},
		aggregate{name: "none", kind: plan.Count, when: ptr(op(tBool, "==", id, number64(0, tU64)))},
	)
}

// TestExactSums has threads on all CPUs call at once, and wants every call counted.
func TestExactSums(t *testing.T) {
	const calls = 50021
	for _, kind := range []plan.MapType{plan.PercpuHash, plan.Hash, plan.LRUPercpuHash, plan.LRUHash, plan.PercpuArray, plan.ArrayMap} {
		t.Run(string(kind), func(t *testing.T) {
			var columns []column
			key := any(uint32(0))
			if !plan.MapTypes[kind].Array {
				columns = append(columns, column{"pid", built("pid")})
				key = uint64(os.Getpid())
			}
			p := ofCalls(kind, columns...)
			m := &p.Maps[p.Table.Map]
			if plan.MapTypes[kind].Array {
				m.Entries = 1
			}
			r := newRunner(t, compile(t, "clang", "x86", printed(t, p)), "calls_rawtracepoint")
			l, err := link.AttachRawTracepoint(link.RawTracepointOptions{Name: "sys_enter", Program: r.program})
			if err != nil {
				t.Fatal(err)
			}
			threads := runtime.NumCPU()
			var done sync.WaitGroup
			for cpu := range threads {
				done.Go(func() {
					runtime.LockOSThread() // and never unlocked: the thread ends with its affinity
					var set unix.CPUSet
					set.Set(cpu)
					if err := unix.SchedSetaffinity(0, &set); err != nil {
						t.Error(err)
					}
					for range calls {
						unix.RawSyscall(unix.SYS_GETPGRP, 0, 0, 0)
					}
				})
			}
			done.Wait()
			l.Close()
			got := sums(t, r.Maps[m.Name], key)
			all := uint64(threads * calls)
			want := make([]uint64, len(got))
			want[0], want[1] = all, all*unix.SYS_GETPGRP
			want[2+p.Histograms[0].Index(unix.SYS_GETPGRP)] = all
			for i := range want {
				if got[i] != want[i] {
					t.Errorf("word %d is %d, wanted %d", i, got[i], want[i])
				}
			}
		})
	}
}

// byArgument counts by the program's argument.
func byArgument(kind plan.MapType, entries int) *plan.Plan {
	p := tracer("keyed", plan.Body{Name: "keyed", Line: 2, Args: []plan.Arg{{Name: "a", Type: tU64}}}, rawTracepoint("sys_enter", "keyed_rawtracepoint", 1), column{"a", arg("a", tU64)})
	return counted(p, kind, entries, aggregate{name: "calls", kind: plan.Count})
}

// TestNoRoom gives a map more keys than it has room for: each event is counted in its
// row or as refused.
func TestNoRoom(t *testing.T) {
	for _, kind := range []plan.MapType{plan.Hash, plan.PercpuHash} {
		t.Run(string(kind), func(t *testing.T) {
			p := byArgument(kind, 1024)
			r := newRunner(t, compile(t, "clang", "x86", printed(t, p)), "keyed_rawtracepoint")
			m := r.Maps[p.Maps[0].Name]
			for _, round := range []struct{ counted, refused uint64 }{{1024, 3976}, {2048, 7952}} {
				for a := range uint64(5000) {
					r.fire(t, a)
				}
				total := uint64(0)
				all := keys(t, m)
				for _, key := range all {
					total += sums(t, m, key)[0]
				}
				if refused := r.tally(t, p, p.Maps[0].Refused()); len(all) != 1024 || total != round.counted || refused != round.refused {
					t.Errorf("%d entries with %d events, %d refused; wanted 1024 with %d, %d refused", len(all), total, refused, round.counted, round.refused)
				}
			}
		})
	}
}

// TestInserted wants an LRU map to tell how many keys came in, so that those it drove
// out are known.
func TestInserted(t *testing.T) {
	for _, kind := range []plan.MapType{plan.LRUHash, plan.LRUPercpuHash} {
		t.Run(string(kind), func(t *testing.T) {
			p := byArgument(kind, 1024)
			r := newRunner(t, compile(t, "clang", "x86", printed(t, p)), "keyed_rawtracepoint")
			for a := range uint64(5003) {
				r.fire(t, a)
				r.fire(t, a)
			}
			inserted, refused := r.tally(t, p, p.Maps[0].Inserted()), r.tally(t, p, p.Maps[0].Refused())
			if left := len(keys(t, r.Maps[p.Maps[0].Name])); inserted != 5003 || refused != 0 || left == 0 || left > 1024 {
				t.Errorf("%d keys came in, %d events were refused, %d keys are left; wanted 5003, 0, at most 1024", inserted, refused, left)
			}
		})
	}
}

// TestTable runs both bodies of the golden case, in both of its maps.
func TestTable(t *testing.T) {
	p := table()
	for _, compiler := range compilers {
		t.Run(compiler, func(t *testing.T) {
			r := newRunner(t, compile(t, compiler, "x86", printed(t, p)), "reading_rawtracepoint")
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			for active, name := range []string{"table_rows", "table_rows_idle"} {
				if err := r.Variables["active"].Set(uint32(active)); err != nil {
					t.Fatal(err)
				}
				failedBefore := r.counter(t, "failed_reads")
				setComm(t, "fifteen-letters")
				r.fire(t, 7, 100, 0)
				setComm(t, "ab")
				for range 3 {
					r.fire(t, 7, 5000, 0)
				}
				r.fire(t, 7, 4096, 0)
				other := &runner{r.Collection, r.Programs["closing_rawtracepoint"], nil}
				other.fire(t)
				setComm(t, "cd")
				other.fire(t)
				setComm(t, "ebgen-test")

				m := r.Maps[name]
				if got := len(keys(t, m)); got != 3 {
					t.Fatalf("%s has %d rows, wanted 3", name, got)
				}
				key := func(absent uint64, fd uint32, comm string) []byte {
					var b bytes.Buffer
					var name [16]byte
					copy(name[:], comm)
					for _, one := range []any{absent, uint32(os.Getpid()), uint32(0), fd, name, uint32(0)} {
						binary.Write(&b, binary.LittleEndian, one)
					}
					return b.Bytes()
				}
				// mode cannot be read of file 0: bit 0.
				for _, one := range []struct {
					key  []byte
					want map[string]uint64
				}{
					{key(1, 7, "fifteen-letters"), map[string]uint64{"calls": 1, "bytes": 100, "most": 100, "most_seen": 1, "doubled": 200}},
					{key(1, 7, "ab"), map[string]uint64{"calls": 4, "bytes": 19096, "large": 3, "large_bytes": 15000, "most": 5000, "most_seen": 1, "doubled": 38192}},
					{key(7, 0, ""), map[string]uint64{"calls": 2}},
				} {
					got := cpuOf(values(t, m, one.key))
					for _, f := range p.Maps[0].Value.Fields {
						if f.Type.Kind != plan.Hist && got[f.Offset/8] != one.want[f.Name] {
							t.Errorf("%s: %s is %d, wanted %d", name, f.Name, got[f.Offset/8], one.want[f.Name])
						}
					}
				}
				// Of each of the 5 events: mode; at and least together; ahead.
				if got := r.counter(t, "failed_reads") - failedBefore; got != 15 {
					t.Errorf("%d failed reads were counted, wanted 15", got)
				}
			}
		})
	}
}

// cpuOf picks the values of the only CPU that has any: the test's thread may be anywhere.
func cpuOf(all [][]uint64) []uint64 {
	out := make([]uint64, len(all[0]))
	for _, one := range all {
		for i, n := range one {
			out[i] = max(out[i], n)
		}
	}
	return out
}
