package decode

import (
	"testing"
	"time"

	"github.com/ebgen/ebgen/spec/plan"
)

// TestClockAsksOncePerSecond sets the wall clock while times are shown: the next second
// shows it, and not the rest of this one, so that distances within a second are exact.
func TestClockAsksOncePerSecond(t *testing.T) {
	offset, asked := int64(0), 0
	env := Env{Location: time.UTC, Offset: func() int64 { asked++; return offset }}
	d, err := New(one(number(8, false, plan.Time)), env)
	if err != nil {
		t.Fatal(err)
	}
	show := d.Columns()[0].Text
	for _, c := range []struct {
		mono   int64
		offset time.Duration
		want   string
		asked  int
	}{
		{0, 0, "00:00:00.000000", 1},
		{999_999_999, time.Hour, "00:00:00.999999", 1},
		{1_000_000_000, time.Hour, "01:00:01.000000", 2},
		{1_000_001_000, -time.Hour, "01:00:01.000001", 2},
		{2_000_000_000, -time.Hour, "23:00:02.000000", 3},
		{3_000_000_000, -4 * time.Second, "23:59:59.000000", 4},
		{4_000_000_001, -4*time.Second - 2, "23:59:59.999999", 5},
	} {
		offset = int64(c.offset)
		rec := append(make([]byte, 8), u(8, c.mono)...)
		if got := string(show(nil, rec)); got != c.want || asked != c.asked {
			t.Errorf("%d: %s after %d questions, want %s after %d", c.mono, got, asked, c.want, c.asked)
		}
	}
}

// TestWallClock compares with Go's own reading of the clock, which must lie between two
// of ours.
func TestWallClock(t *testing.T) {
	offset := WallClock()
	first := offset()
	for range 100 {
		before := time.Now().UnixNano()
		now := readClock(monotonic) + offset()
		after := time.Now().UnixNano()
		if slack := int64(time.Millisecond); now < before-slack || now > after+slack {
			t.Fatalf("%d is not between %d and %d", now, before, after)
		}
	}
	if again := offset(); again != first {
		t.Logf("the wall clock was set during the test, by %v", time.Duration(again-first))
	}
}
