package aggregate

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/rlimit"
)

// newMap creates a map of u64 keys and u64 values, of which a per-CPU map has one for
// each CPU: number*1000 + cpu.
func newMap(t testing.TB, typ ebpf.MapType, room, entries int) *ebpf.Map {
	t.Helper()
	spec := &ebpf.MapSpec{Type: typ, KeySize: 8, ValueSize: 8, MaxEntries: uint32(room)}
	if typ == ebpf.Array || typ == ebpf.PerCPUArray {
		spec.KeySize = 4
	}
	if err := rlimit.RemoveMemlock(); err != nil {
		t.Skipf("not allowed to create maps here: %v", err)
	}
	m, err := ebpf.NewMap(spec)
	if err != nil {
		t.Skipf("not allowed to create maps here: %v", err)
	}
	t.Cleanup(func() { m.Close() })
	put(t, m, entries)
	return m
}

// put fills a map with the entries 0 to n-1.
func put(t testing.TB, m *ebpf.Map, n int) {
	t.Helper()
	for i := range n {
		key := binary.NativeEndian.AppendUint64(nil, uint64(i))[:m.KeySize()]
		var value any = uint64(i * 1000)
		if cpus := cpusOf(t, m); cpus > 0 {
			list := make([]uint64, cpus)
			for cpu := range list {
				list[cpu] = uint64(i*1000 + cpu)
			}
			value = list
		}
		if err := m.Put(key, value); err != nil {
			t.Fatal(err)
		}
	}
}

// cpusOf returns how many values a key of a per-CPU map has, 0 for other maps.
func cpusOf(t testing.TB, m *ebpf.Map) int {
	t.Helper()
	switch m.Type() {
	case ebpf.PerCPUHash, ebpf.LRUCPUHash, ebpf.PerCPUArray:
		return ebpf.MustPossibleCPU()
	}
	return 0
}

// gather reads all entries and fails unless each is there once with its values.
func gather(t *testing.T, read func(func(key, values []byte) error) error, m *ebpf.Map, want int) {
	t.Helper()
	seen := map[uint64]bool{}
	err := read(func(key, values []byte) error {
		number := uint64(0)
		if len(key) == 8 {
			number = binary.NativeEndian.Uint64(key)
		}
		if seen[number] {
			return fmt.Errorf("entry %d comes twice", number)
		}
		seen[number] = true
		if len(values) != 8*max(1, cpusOf(t, m)) {
			return fmt.Errorf("entry %d has %d bytes", number, len(values))
		}
		for cpu := range len(values) / 8 {
			if v := binary.NativeEndian.Uint64(values[8*cpu:]); v != number*1000+uint64(cpu) {
				return fmt.Errorf("entry %d is %d on CPU %d", number, v, cpu)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(seen) != want {
		t.Fatalf("%d entries, want %d", len(seen), want)
	}
}

func TestEntries(t *testing.T) {
	for _, typ := range []ebpf.MapType{ebpf.Hash, ebpf.LRUHash, ebpf.PerCPUHash, ebpf.LRUCPUHash} {
		for _, n := range []int{0, 1, 37, 10007} {
			for _, way := range []string{"batches", "small batches", "steps"} {
				t.Run(fmt.Sprint(typ, " ", n, " ", way), func(t *testing.T) {
					// Room for twice as many, so that an LRU map drives none out.
					m := newMap(t, typ, 2*n+1024, n)
					entries, err := Open(m)
					if err != nil {
						t.Fatal(err)
					}
					switch way {
					case "small batches": // some bucket has more than one entry
						entries.resize(1)
					case "steps":
						entries.single = true
					}
					gather(t, entries.Each, m, n)
					gather(t, entries.Each, m, n)
					gather(t, entries.Take, m, n)
					gather(t, entries.Each, m, 0)
					put(t, m, n)
					gather(t, entries.Take, m, n)
					if way == "small batches" && n > 1000 && entries.batch == 1 {
						t.Error("no bucket had two of the entries: the test shows nothing")
					}
				})
			}
		}
	}
}

func TestEntriesOfArrays(t *testing.T) {
	for _, typ := range []ebpf.MapType{ebpf.Array, ebpf.PerCPUArray} {
		m := newMap(t, typ, 1, 0)
		entries, err := Open(m)
		if err != nil {
			t.Fatal(err)
		}
		sum := func(read func(func(key, values []byte) error) error) (n, total uint64) {
			err := read(func(key, values []byte) error {
				if key != nil {
					return fmt.Errorf("the key of one row is %x", key)
				}
				n++
				for ; len(values) > 0; values = values[8:] {
					total += binary.NativeEndian.Uint64(values)
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			return n, total
		}
		var value any = uint64(41)
		want := uint64(41)
		if cpus := cpusOf(t, m); cpus > 0 {
			list := make([]uint64, cpus)
			for i := range list {
				list[i] = 41
			}
			value, want = list, uint64(41*cpus)
		}
		if err := m.Put(uint32(0), value); err != nil {
			t.Fatal(err)
		}
		for _, step := range []struct {
			read func(func(key, values []byte) error) error
			want uint64
		}{{entries.Each, want}, {entries.Take, want}, {entries.Each, 0}} {
			if n, total := sum(step.read); n != 1 || total != step.want {
				t.Errorf("%v: %d entries that add up to %d, want one of %d", typ, n, total, step.want)
			}
		}
	}
	if _, err := Open(newMap(t, ebpf.Array, 2, 0)); err == nil {
		t.Error("an array of two is no row, and no error")
	}
}

// An error of the visitor ends the reading.
func TestVisitorEnds(t *testing.T) {
	m := newMap(t, ebpf.Hash, 1024, 101)
	entries, err := Open(m)
	if err != nil {
		t.Fatal(err)
	}
	for _, single := range []bool{false, true} {
		entries.single = single
		n := 0
		err := entries.Each(func(_, _ []byte) error {
			if n++; n == 7 {
				return io.ErrUnexpectedEOF
			}
			return nil
		})
		if !errors.Is(err, io.ErrUnexpectedEOF) || n != 7 {
			t.Errorf("%d visits, %v", n, err)
		}
	}
}

// BenchmarkTake reads 100,000 entries of a per-CPU hash and takes them out.
func BenchmarkTake(b *testing.B) {
	const n = 100_000
	m := newMap(b, ebpf.PerCPUHash, n, 0)
	entries, err := Open(m)
	if err != nil {
		b.Fatal(err)
	}
	for range b.N {
		b.StopTimer()
		put(b, m, n)
		b.StartTimer()
		taken := 0
		if err := entries.Take(func(_, _ []byte) error { taken++; return nil }); err != nil || taken != n {
			b.Fatalf("%d taken: %v", taken, err)
		}
	}
}
