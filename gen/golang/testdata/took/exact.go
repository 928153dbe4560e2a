package took

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestExact opens a file that is not there 37 times.
func TestExact(t *testing.T) {
	const opens = 37
	dir, err := os.MkdirTemp("", "took")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	all := time.Duration(0)
	tracer, err := Load(t.Context(), Params{Over: &all, PIDs: []uint32{uint32(os.Getpid())}})
	if err != nil {
		t.Fatal(err)
	}
	defer tracer.Close()
	before := time.Now()
	for i := range opens {
		if _, err := unix.Open(filepath.Join(dir, fmt.Sprint(i)), unix.O_RDONLY, 0); err != unix.ENOENT {
			t.Fatal(err)
		}
	}
	after := time.Now()
	if err := tracer.Stop(); err != nil {
		t.Fatal(err)
	}
	seen := 0
	for {
		e, err := tracer.Read()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if filepath.Dir(e.File.String()) != dir {
			continue // the test's own runtime
		}
		if e.File.String() != filepath.Join(dir, fmt.Sprint(seen)) || e.Fd.Err() != unix.ENOENT || e.Fd.String() != "-ENOENT" {
			t.Errorf("event %d is %+v", seen, e)
		}
		const clocks = 10 * time.Millisecond
		if at := e.Began.Time(); e.Took <= 0 || at.Before(before.Add(-clocks)) || at.After(after.Add(clocks)) {
			t.Errorf("event %d began at %v and took %v; the test ran from %v to %v", seen, at, e.Took, before, after)
		}
		seen++
	}
	if seen != opens {
		t.Errorf("%d events, want %d", seen, opens)
	}
	c, err := tracer.Counts()
	if err != nil || c.Lost+c.FailedReads+c.Missed+c.SpanRefused+c.SpanEvicted != 0 {
		t.Errorf("counts %+v, %v", c, err)
	}
	// What was in the middle of a call at Load has no start, at Stop no end.
	if c.SpanInserted < opens || c.SpanInserted != c.SpanDeleted+c.SpanOpen {
		t.Errorf("counts %+v", c)
	}
}

// TestNegative refuses a duration below 0.
func TestNegative(t *testing.T) {
	over := -time.Second
	if _, err := Load(t.Context(), Params{Over: &over}); err == nil {
		t.Error("a negative duration is taken")
	}
}
