package opens

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"
)

// TestExact opens a file 37 times and wants these events and no other, in order: half of
// them are read while the tracer runs, which wakes a reader that sleeps, the others after
// it was stopped.
func TestExact(t *testing.T) {
	const opens, first = 37, 18
	dir := t.TempDir()
	pid := uint32(os.Getpid())
	tracer, err := Load(t.Context(), Params{PIDs: []uint32{1, pid}, Prefix: &dir})
	if err != nil {
		t.Fatal(err)
	}
	defer tracer.Close()
	open := func(i int) {
		fd, err := unix.Open(filepath.Join(dir, fmt.Sprint(i)), unix.O_CREAT|unix.O_RDWR|unix.O_CLOEXEC, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		unix.Close(fd)
	}
	check := func(i int, e *Event) {
		want := filepath.Join(dir, fmt.Sprint(i))
		if e.PID != pid || e.File.String() != want || e.Absent != 0 || e.Comm.String() == "" {
			t.Errorf("event %d is %+v", i, e)
		}
		if got := e.Flags.String(); e.Flags&^(1<<15) != unix.O_CREAT|unix.O_RDWR|unix.O_CLOEXEC || got == "" {
			t.Errorf("event %d has the flags %s", i, got)
		}
	}
	var e Event
	for i := range first {
		open(i)
		if err := tracer.ReadInto(&e); err != nil {
			t.Fatal(err)
		}
		check(i, &e)
	}
	for i := first; i < opens; i++ {
		open(i)
	}
	if err := tracer.Stop(); err != nil {
		t.Fatal(err)
	}
	open(opens)
	for i := first; i < opens; i++ {
		e, err := tracer.Read()
		if err != nil {
			t.Fatalf("event %d: %v", i, err)
		}
		check(i, &e)
	}
	if err := tracer.ReadInto(&e); err != io.EOF {
		t.Errorf("after the last event %+v, %v", e, err)
	}
	if c, err := tracer.Counts(); err != nil || c != (Counts{}) {
		t.Errorf("counts %+v, %v", c, err)
	}
	if err := tracer.Close(); err != nil {
		t.Error(err)
	}
	if err := tracer.ReadInto(&e); !errors.Is(err, os.ErrClosed) {
		t.Errorf("after Close %v", err)
	}
}

// TestStopWakes stops a tracer while its reader sleeps.
func TestStopWakes(t *testing.T) {
	tracer, err := Load(t.Context(), Params{PIDs: []uint32{1 << 30}})
	if err != nil {
		t.Fatal(err)
	}
	defer tracer.Close()
	read := make(chan error)
	go func() {
		_, err := tracer.Read()
		read <- err
	}()
	for atomic.LoadUint32(tracer.ring.idle) == 0 { // until it sleeps
		runtime.Gosched()
	}
	if err := tracer.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := <-read; err != io.EOF {
		t.Errorf("got %v", err)
	}
}

// TestWrongParams wants errors that name the param.
func TestWrongParams(t *testing.T) {
	for _, text := range []string{string(make([]byte, 300)), "a\x00b"} {
		if _, err := Load(t.Context(), Params{Prefix: &text}); err == nil {
			t.Errorf("a prefix of %d bytes is taken", len(text))
		}
	}
}

// BenchmarkRead is the cost of one event from the ring to the struct.
func BenchmarkRead(b *testing.B) {
	pid, dir := uint32(os.Getpid()), "/nonesuch"
	tracer, err := Load(b.Context(), Params{PIDs: []uint32{pid}, Prefix: &dir})
	if err != nil {
		b.Fatal(err)
	}
	defer tracer.Close()
	const batch = 1000
	var e Event
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if i%batch == 0 {
			b.StopTimer()
			for range batch {
				_, _ = unix.Open(dir, unix.O_RDONLY, 0)
			}
			b.StartTimer()
		}
		if err := tracer.ReadInto(&e); err != nil {
			b.Fatal(err)
		}
	}
}
