package machinery

import (
	"math"
	"testing"

	"github.com/ebgen/ebgen/spec/plan"
)

// TestBuckets holds the bounds of buckets to those of the plan.
func TestBuckets(t *testing.T) {
	for _, h := range []plan.Histogram{
		{}, {Bits: 4}, {Signed: true}, {Bits: 4, Signed: true},
		{Linear: true, Low: 0, High: 100, Step: 10}, {Linear: true, Low: 5, High: 12, Step: 5},
		{Linear: true, Low: -20, High: 20, Step: 8, Signed: true}, {Linear: true, Low: math.MinInt64, High: math.MaxInt64, Step: 1 << 62, Signed: true},
	} {
		shape := histogramShape{bits: h.Bits, low: h.Low, high: h.High, step: h.Step, signed: h.Signed}
		n := h.Buckets()
		for i := range n {
			want := h.Bucket(i)
			if got := shape.bucket(i, n); got != (Bucket[uint64]{Low: want.Low, High: want.High, OpenLow: want.OpenLow, OpenHigh: want.OpenHigh}) {
				t.Errorf("%+v: bucket %d is %+v, want %+v", h, i, got, want)
			}
		}
	}
}

// TestQuantile finds values by their rank.
func TestQuantile(t *testing.T) {
	counts := make([]uint64, 65)
	if _, ok := quantile[uint64](histogramShape{}, counts, 500_000); ok {
		t.Error("nothing has a median")
	}
	counts[1], counts[10] = 37, 64 // of 101 values, 37 are 1 and 64 are 512 to 1023
	for share, want := range map[float64]uint64{-1: 1, 0: 1, 0.36: 1, 0.37: 767, 0.5: 767, 1: 767, 2: 767} {
		if got, ok := quantile[uint64](histogramShape{}, counts, millionths(share)); !ok || got != want {
			t.Errorf("%g is at %d, %v, want %d", share, got, ok, want)
		}
	}
	counts[10] = math.MaxUint64 - 37
	if got, ok := quantile[uint64](histogramShape{}, counts, 999_999); !ok || got != 767 {
		t.Errorf("of all that can be counted %d, %v", got, ok)
	}
}

// TestFlagNames joins names and writes the rest in hex.
func TestFlagNames(t *testing.T) {
	names := []flagName{{3, "BOTH"}, {1, "ONE"}, {2, "TWO"}}
	for v, want := range map[uint64]string{0: "0x0", 1: "ONE", 3: "BOTH", 6: "TWO|0x4", 8: "0x8"} {
		if got := flagNames(v, names); got != want {
			t.Errorf("%d is %s, want %s", v, got, want)
		}
	}
}

// TestResult tells errors from numbers.
func TestResult(t *testing.T) {
	for r, want := range map[Result]string{3: "3", 0: "0", -2: "-ENOENT", -5000: "-5000", -524: "-524"} {
		if got := r.String(); got != want {
			t.Errorf("%d is %s, want %s", int64(r), got, want)
		}
	}
	if Result(-5000).Err() != nil || Result(-2).Err() == nil {
		t.Error("an error is a number from -4095 to -1")
	}
}
