package runtime

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	cilium "github.com/cilium/ebpf/ringbuf"

	"github.com/ebgen/ebgen/runtime/internal/object"
)

// fake is a ring in ordinary memory, written as the kernel writes it; both copies of the
// data are kept equal, as the double mapping does.
type fake struct {
	ring
	consumed, produced uint64
}

func newFake(size int, start uint64) *fake {
	f := &fake{consumed: start, produced: start}
	f.ring = ring{consumer: &f.consumed, producer: &f.produced, data: make([]byte, 2*size)}
	return f
}

// put adds a record of n bytes of the given value, with flags in its header.
func (f *fake) put(value byte, n int, flags uint32) {
	var header [ringHeader]byte
	binary.NativeEndian.PutUint32(header[:], uint32(n)|flags)
	record := append(header[:], slices.Repeat([]byte{value}, (n+7)&^7)...)
	for i, b := range record {
		at := (int(f.produced) + i) & (len(f.data)/2 - 1)
		f.data[at], f.data[at+len(f.data)/2] = b, b
	}
	f.produced += uint64(len(record))
}

// drained is what a drain handed out: "VALUExLENGTH" for each record.
func drained(t *testing.T, r *ring) []string {
	t.Helper()
	var got []string
	n, err := r.drain(func(record []byte) error {
		text := fmt.Sprintf("?x%d", len(record))
		if len(record) > 0 {
			text = fmt.Sprintf("%dx%d", record[0], len(record))
		}
		for _, b := range record {
			if b != record[0] {
				t.Errorf("a record is mixed: %v", record)
			}
		}
		got = append(got, text)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if n == 0 && len(got) > 0 {
		t.Error("records took no room")
	}
	return got
}

func TestRingDrain(t *testing.T) {
	for _, test := range []struct {
		name string
		fill func(*fake)
		want []string
		left bool
	}{
		{"nothing", func(*fake) {}, nil, false},
		{"records of any length", func(f *fake) { f.put(1, 8, 0); f.put(2, 9, 0); f.put(3, 0, 0); f.put(4, 1, 0) }, []string{"1x8", "2x9", "?x0", "4x1"}, false},
		{"a discarded record is skipped", func(f *fake) { f.put(1, 8, 0); f.put(2, 16, ringDiscard); f.put(3, 8, 0) }, []string{"1x8", "3x8"}, false},
		{"a busy record stops", func(f *fake) { f.put(1, 8, 0); f.put(2, 8, ringBusy); f.put(3, 8, 0) }, []string{"1x8"}, true},
		{"a full ring", func(f *fake) { f.put(1, 4096-ringHeader, 0) }, []string{"1x4088"}, false},
	} {
		// At the beginning, wrapping around, and behind 4 GiB.
		for _, start := range []uint64{0, 4096 - 8, 1<<32 - 16} {
			t.Run(fmt.Sprintf("%s at %d", test.name, start), func(t *testing.T) {
				f := newFake(4096, start)
				test.fill(f)
				if got := drained(t, &f.ring); !slices.Equal(got, test.want) {
					t.Errorf("drained %v, want %v", got, test.want)
				}
				if f.empty() == test.left {
					t.Errorf("left at %d of %d", f.consumed, f.produced)
				}
			})
		}
	}
}

func TestRingBatch(t *testing.T) {
	f := newFake(4*batchBytes, 0)
	total := 3 * batchBytes / 64
	for range total {
		f.put(1, 56, 0)
	}
	seen := 0
	n, err := f.drain(func([]byte) error {
		if f.consumed != 0 {
			t.Fatal("the position moved inside a batch")
		}
		seen++
		return nil
	})
	if n != batchBytes || seen != batchBytes/64 || f.consumed != batchBytes || err != nil {
		t.Errorf("%d bytes, %d records, position %d, %v: want one batch of %d bytes", n, seen, f.consumed, err, batchBytes)
	}
}

func TestRingStopsAtTakersError(t *testing.T) {
	f := newFake(4096, 0)
	for i := range 5 {
		f.put(byte(i), 8, 0)
	}
	stop := errors.New("enough")
	seen := 0
	_, err := f.drain(func([]byte) error {
		if seen++; seen == 3 {
			return stop
		}
		return nil
	})
	if !errors.Is(err, stop) || f.consumed != 3*16 {
		t.Errorf("%v at %d, want %v behind the third record", err, f.consumed, stop)
	}
	if got := drained(t, &f.ring); !slices.Equal(got, []string{"3x8", "4x8"}) {
		t.Errorf("then %v", got)
	}
}

// Whatever lies in the ring, drain neither panics nor runs for ever.
func FuzzRing(f *testing.F) {
	f.Add([]byte{8, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1}, uint64(0), uint64(16))
	f.Add([]byte{0xff, 0xff, 0xff, 0x3f}, uint64(4088), uint64(64))
	f.Fuzz(func(t *testing.T, data []byte, start, length uint64) {
		r := newFake(4096, start&^7)
		for i, b := range data[:min(len(data), 4096)] {
			r.data[i], r.data[i+4096] = b, b
		}
		r.produced = r.consumed + length%4097&^7
		_, err := r.drain(func([]byte) error { return nil })
		if err != nil && !errors.Is(err, errRingDamaged) {
			t.Error(err)
		}
		if r.consumed > r.produced {
			t.Errorf("position %d is past %d", r.consumed, r.produced)
		}
	})
}

// filled is the ring of testdata/fill.c and a function that puts n records of 80 bytes
// into it. They do not wake anybody unless flag is set.
func filled(t testing.TB) (m *ebpf.Map, fill func(n int), flag *uint32) {
	t.Helper()
	needRoot(t)
	spec, err := ebpf.LoadCollectionSpec(writeObject(t, "testdata/fill.c"))
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := ebpf.NewCollection(spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(loaded.Close)
	g, err := mapGlobals(spec, loaded.Maps)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.Close() })
	return loaded.Maps["events"], func(n int) {
		// 14 bytes are the least that the kernel takes for a packet.
		_, err := loaded.Programs["fill"].Run(&ebpf.RunOptions{Data: make([]byte, 14), Repeat: uint32(n)})
		if err != nil {
			t.Error(err)
		}
	}, g.flag("idle")
}

// The consumer against the kernel's own ring, round and round.
func TestRingOfKernel(t *testing.T) {
	m, fill, idle := filled(t)
	r, err := openRing(m, idle)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var next uint64
	for round := range 50 {
		fill(1000 + round)
		for !r.empty() {
			_, err := r.drain(func(record []byte) error {
				if number := binary.NativeEndian.Uint64(record); len(record) != 80 || number != next {
					return fmt.Errorf("record %d has number %d and %d bytes", next, number, len(record))
				}
				next++
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	if want := uint64(50*1000 + 49*50/2); next != want {
		t.Errorf("%d records, want %d", next, want)
	}
}

// A sleeping consumer is woken by the first record and by wake, not by its time-out.
func TestRingWakes(t *testing.T) {
	m, fill, idle := filled(t)
	r, err := openRing(m, idle)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	// The best of several, since the machine may be slow; a time-out never is that quick.
	const quick = idleTimeout * time.Millisecond / 2
	best := time.Hour
	for range 20 {
		filled := make(chan struct{})
		go func() {
			defer close(filled)
			for deadline := time.Now().Add(time.Second); atomic.LoadUint32(idle) == 0 && time.Now().Before(deadline); {
				time.Sleep(time.Millisecond)
			}
			fill(1)
		}()
		began := time.Now()
		for r.empty() {
			if err := r.wait(); err != nil {
				t.Fatal(err)
			}
		}
		best = min(best, time.Since(began))
		<-filled
		if _, err := r.drain(func([]byte) error { return nil }); err != nil {
			t.Fatal(err)
		}
	}
	if best >= quick {
		t.Errorf("a record woke us after %v", best)
	}
	if atomic.LoadUint32(idle) != 0 {
		t.Error("idle is still set")
	}
	r.wake()
	best = time.Hour
	for range 20 {
		began := time.Now()
		if err := r.wait(); err != nil {
			t.Fatal(err)
		}
		best = min(best, time.Since(began))
	}
	if best >= quick {
		t.Errorf("wake woke us after %v", best)
	}
}

// BenchmarkRing compares two ways to take 80-byte records out of a ring: ours, which
// stores its position once per batch, and the library's. The ring is filled outside the
// measured time.
func BenchmarkRing(b *testing.B) {
	const records = 10000
	var sum uint64
	take := func(record []byte) error { sum += binary.NativeEndian.Uint64(record); return nil }
	measure := func(b *testing.B, fill func(int), drain func()) {
		for b.Loop() {
			b.StopTimer()
			fill(records)
			b.StartTimer()
			drain()
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/records, "ns/record")
	}
	b.Run("ours", func(b *testing.B) {
		m, fill, idle := filled(b)
		r, err := openRing(m, idle)
		if err != nil {
			b.Fatal(err)
		}
		defer r.Close()
		measure(b, fill, func() {
			for !r.empty() {
				if _, err := r.drain(take); err != nil {
					b.Fatal(err)
				}
			}
		})
	})
	b.Run("library", func(b *testing.B) {
		m, fill, _ := filled(b)
		r, err := cilium.NewReader(m)
		if err != nil {
			b.Fatal(err)
		}
		defer r.Close()
		r.SetDeadline(time.Unix(1, 0))
		var record cilium.Record
		measure(b, fill, func() {
			for range records {
				if err := r.ReadInto(&record); err != nil {
					b.Fatal(err)
				}
				_ = take(record.RawSample)
			}
		})
	})
	_ = sum
}

// writeObject returns the path of the object of a C file.
func writeObject(t testing.TB, source string) string {
	t.Helper()
	path := t.TempDir() + "/" + object.Name(source)
	if err := os.WriteFile(path, object.Load(t, source), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}
