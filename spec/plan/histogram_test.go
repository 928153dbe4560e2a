package plan

import (
	"math"
	"testing"
)

// TestHistogram holds Index and Bucket to each other: every bucket's ends are in it, and
// it begins where the one before ends.
func TestHistogram(t *testing.T) {
	for _, h := range []Histogram{
		{}, {Bits: 1}, {Bits: 4}, {Bits: 6}, {Signed: true}, {Bits: 4, Signed: true},
		{Linear: true, Low: 0, High: 100, Step: 10}, {Linear: true, Low: 5, High: 12, Step: 5},
		{Linear: true, Low: -20, High: 20, Step: 8, Signed: true}, {Linear: true, Low: 1, High: math.MaxInt64, Step: math.MaxInt64 / 2},
		{Linear: true, Low: math.MinInt64, High: math.MaxInt64, Step: 1 << 62, Signed: true},
	} {
		n := h.Buckets()
		for i := range n {
			b := h.Bucket(i)
			if b.Low == b.High+1 && b.OpenLow { // nothing lies below a linear one of u64 that begins at 0
				continue
			}
			if h.Index(b.Low) != i || h.Index(b.High) != i {
				t.Errorf("%+v: bucket %d %+v has %d and %d", h, i, b, h.Index(b.Low), h.Index(b.High))
			}
			if i > 0 && h.Bucket(i-1).High+1 != b.Low {
				t.Errorf("%+v: bucket %d begins at %d, the one before ends at %d", h, i, b.Low, h.Bucket(i-1).High)
			}
			if width := b.High - b.Low; !h.Linear && !b.OpenLow && width > b.Low>>h.Bits {
				t.Errorf("%+v: bucket %d is %d wide from %d", h, i, width, b.Low)
			}
		}
		last := uint64(math.MaxUint64)
		if h.Signed {
			last = math.MaxInt64
		}
		if got := h.Bucket(n - 1).High; got != last {
			t.Errorf("%+v: the last bucket ends at %d", h, got)
		}
	}
	powers := Histogram{}
	for v, want := range map[uint64]int{0: 0, 1: 1, 2: 2, 3: 2, 4: 3, 1023: 10, 1024: 11, math.MaxUint64: 64} {
		if got := powers.Index(v); got != want {
			t.Errorf("%d is in bucket %d, want %d", v, got, want)
		}
	}
}
