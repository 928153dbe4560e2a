package decode

import (
	"fmt"
	"slices"
	"testing"

	"github.com/ebgen/ebgen/spec/plan"
)

// TestBounds shows how people see the buckets from the first that is not empty to the
// last, and what programs get of them.
func TestBounds(t *testing.T) {
	for _, c := range []struct {
		typ    plan.Type
		values []int64
		want   []string // name, low, high, count
	}{
		{histOf(1, plan.Plain), []int64{0, 1, 3, 3}, []string{"[0] 0 0 1", "[1] 1 1 1", "[2, 4) 2 3 2"}},
		{histOf(1, plan.Plain), []int64{1024, 4096}, []string{"[1024, 2048) 1024 2047 1", "[2048, 4096) 2048 4095 0", "[4096, 8192) 4096 8191 1"}},
		{histOf(1, plan.Plain), []int64{-1}, []string{"[9223372036854775808, ...) 9223372036854775808 18446744073709551615 1"}},
		{histOf(1, plan.Duration), []int64{512}, []string{"[512ns, 1.024us) 512 1023 1"}},
		{histOf(1, plan.Duration), []int64{1 << 20}, []string{"[1.048ms, 2.097ms) 1048576 2097151 1"}},
		{histOf(1, plan.ByteSize), []int64{512, 1024}, []string{"[512B, 1KiB) 512 1023 1", "[1KiB, 2KiB) 1024 2047 1"}},
		{histOf(1, plan.Hex), []int64{16}, []string{"[0x10, 0x20) 16 31 1"}},
		{histOf(1, plan.Errno), []int64{2}, []string{"[2, 4) 2 3 1"}},
		{histOf(2, plan.Duration), []int64{-5, 0}, []string{"(..., 0ns)  -1 1", "[0ns] 0 0 1"}},
		{histOf(2, plan.Plain), []int64{1<<63 - 1}, []string{"[4611686018427387904, ...) 4611686018427387904 9223372036854775807 1"}},
		{histOf(3, plan.Duration), []int64{1, 250_000, 1 << 40}, []string{
			"[0ns, 250us) 0 249999 1", "[250us, 500us) 250000 499999 1", "[500us, 750us) 500000 749999 0", "[750us, 1ms) 750000 999999 0", "[1ms, ...) 1000000  1",
		}},
		{histOf(4, plan.ByteSize), []int64{-11, -10}, []string{"(..., -10B)  -11 1", "[-10B, 0B) -10 -1 1"}},
		{histOf(5, plan.ByteSize), []int64{17 << 10}, []string{"[17KiB, 18KiB) 17408 18431 1"}},
		{histOf(5, plan.Plain), nil, nil},
	} {
		d, err := New(one(c.typ), testEnv())
		if err != nil {
			t.Fatal(err)
		}
		rec := append(make([]byte, 8), counted(c.typ.Hist, c.values...)...)
		h := d.Columns()[0].Histogram
		show := func() (got []string) {
			for i, end := h.Range(rec); i < end; i++ {
				name := h.Start(nil, i)
				if len(h.End(nil, i)) > 0 {
					name = h.End(append(name, ' '), i)
				}
				got = append(got, fmt.Sprintf("%s %s %s %d", name, h.Low(nil, i), h.High(nil, i), h.Count(rec, i)))
			}
			return got
		}
		if got := show(); !slices.Equal(got, c.want) {
			t.Errorf("%+v:\n%q, want\n%q", c.typ, got, c.want)
		}
		order.PutUint64(rec, 1<<5)
		if got := show(); got != nil {
			t.Errorf("absent: %q", got)
		}
	}
}

// TestExactBounds shows that a bound of a linear histogram is never cut.
func TestExactBounds(t *testing.T) {
	for _, c := range []struct {
		write func([]byte, uint64) []byte
		v     uint64
		want  string
	}{
		{appendExactDuration, 0, "0ns"},
		{appendExactDuration, 999, "999ns"},
		{appendExactDuration, 1_500, "1.5us"},
		{appendExactDuration, 1_000_001, "1.000001ms"},
		{appendExactDuration, 10_000_010_000, "10.00001s"},
		{appendExactDuration, 60_000_000_000, "60s"},
		{appendExactSize, 0, "0B"},
		{appendExactSize, 1023, "1023B"},
		{appendExactSize, 1536, "1536B"},
		{appendExactSize, 1 << 20, "1MiB"},
		{appendExactSize, 3 << 19, "1536KiB"},
		{appendExactSize, 1 << 63, "8EiB"},
	} {
		if got := string(c.write(nil, c.v)); got != c.want {
			t.Errorf("%d: %s, want %s", c.v, got, c.want)
		}
	}
}
