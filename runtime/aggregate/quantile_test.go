package aggregate

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/ebgen/ebgen/spec/plan"
)

// quantileOf computes one quantile of values through a histogram; ok says whether there
// is one.
func quantileOf(t testing.TB, h plan.Histogram, result plan.Type, millionths int64, values []uint64) (uint64, bool) {
	t.Helper()
	hist := plan.Type{Kind: plan.Hist, Size: 8 * h.Buckets(), Hist: 1}
	p := traffic(col{"q", &plan.Expr{Op: plan.OpQuantile, Type: result, Int: millionths, Args: []plan.Expr{{Op: plan.OpCell, Type: hist}}}})
	p.Histograms = []plan.Histogram{h}
	p.Maps[0].Value = plan.Record{Size: hist.Size, Absent: -1, Fields: []plan.Field{{Name: "h", Type: hist, Bit: -1}}}
	p.Table.Cells = []plan.Cell{{Kind: plan.Buckets, Seen: -1}}
	table := newTable(t, p)
	value := make([]byte, hist.Size)
	for _, v := range values {
		at := value[8*h.Index(v):]
		binary.NativeEndian.PutUint64(at, binary.NativeEndian.Uint64(at)+1)
	}
	add(t, table, who("a", 1), value)
	row := table.Rows()[0]
	f := &p.Record.Fields[0]
	return plan.Word(row[f.Offset:][:8]), binary.NativeEndian.Uint64(row[p.Record.Absent:])>>f.Bit&1 == 0
}

// exactQuantile is the least value that at least millionths of the sorted values are not
// above.
func exactQuantile(sorted []uint64, millionths int64) uint64 {
	rank := (uint64(len(sorted))*uint64(millionths) + 999_999) / 1_000_000
	return sorted[max(rank, 1)-1]
}

// distributions are what latencies and sizes look like, and what tries to be worst: all
// values at the ends of buckets, one of each power of two, the largest numbers there are.
var distributions = map[string]func(r *rand.Rand, i int) uint64{
	"uniform":         func(r *rand.Rand, _ int) uint64 { return r.Uint64N(1 << 20) },
	"any":             func(r *rand.Rand, _ int) uint64 { return r.Uint64() >> r.Uint64N(64) },
	"exponential":     func(r *rand.Rand, _ int) uint64 { return uint64(r.ExpFloat64() * 1e6) },
	"normal":          func(r *rand.Rand, _ int) uint64 { return uint64(max(0, 1e6+1e4*r.NormFloat64())) },
	"two humps":       func(r *rand.Rand, i int) uint64 { return uint64(i%2)*1e9 + 1000 + r.Uint64N(17) },
	"powers":          func(_ *rand.Rand, i int) uint64 { return 1 << (i % 64) },
	"below powers":    func(_ *rand.Rand, i int) uint64 { return 1<<(i%64) - 1 },
	"small":           func(_ *rand.Rand, i int) uint64 { return uint64(i % 41) },
	"constant":        func(_ *rand.Rand, _ int) uint64 { return 1<<40 + 12345 },
	"lower ends":      func(r *rand.Rand, _ int) uint64 { return (&plan.Histogram{Bits: 4}).Bucket(r.IntN(900)).Low },
	"upper ends":      func(r *rand.Rand, _ int) uint64 { return (&plan.Histogram{Bits: 4}).Bucket(r.IntN(900)).High },
	"the largest":     func(_ *rand.Rand, i int) uint64 { return math.MaxUint64 - uint64(i) },
	"one far outlier": func(_ *rand.Rand, i int) uint64 { return map[bool]uint64{true: math.MaxUint64, false: 7}[i == 3] },
}

// The bound that quantile states, against the exact quantiles.
func TestQuantileError(t *testing.T) {
	shares := []int64{1, 1000, 10_000, 250_000, 500_000, 900_000, 990_000, 999_000, 999_999, 1_000_000}
	r := rand.New(rand.NewPCG(3, 37))
	for name, draw := range distributions {
		for _, bits := range []int{0, 1, 4, 5, 7} {
			h := plan.Histogram{Bits: bits}
			for _, n := range []int{1, 2, 101, 10007} {
				values := make([]uint64, n)
				for i := range values {
					values[i] = draw(r, i)
				}
				sorted := slices.Sorted(slices.Values(values))
				for _, q := range shares {
					want := exactQuantile(sorted, q)
					got, ok := quantileOf(t, h, u64, q, values)
					away := max(got, want) - min(got, want)
					// away <= want * 2^-(bits+1), in whole numbers.
					if !ok || want>>(bits+1) < away && (want < 2<<bits || want>>(bits+1)+1 < away) {
						t.Fatalf("%s, %d bits, %d values: the quantile of %d millionths is %d, want %d", name, bits, n, q, got, want)
					}
					if want < 2<<bits && got != want {
						t.Fatalf("%s, %d bits: the quantile of %d millionths is %d, want exactly %d", name, bits, q, got, want)
					}
				}
			}
		}
	}
}

func TestQuantile(t *testing.T) {
	fine, linear := plan.Histogram{Bits: 5}, plan.Histogram{Linear: true, Low: 10, High: 50, Step: 10}
	signed := plan.Histogram{Bits: 5, Signed: true}
	below := plan.Histogram{Linear: true, Low: -20, High: 20, Step: 10, Signed: true}
	minus := func(n int64) uint64 { return uint64(-n) }
	for _, test := range []struct {
		name   string
		h      plan.Histogram
		share  int64
		values []uint64
		want   float64
		absent bool
	}{
		{"nothing", fine, 500_000, nil, 0, true},
		{"one", fine, 500_000, []uint64{37}, 37, false},
		{"least", fine, 0, []uint64{7, 5, 6}, 5, false},
		{"most", fine, 1_000_000, []uint64{7, 5, 6}, 7, false},
		{"half of two is the first", fine, 500_000, []uint64{3, 9}, 3, false},
		{"just above half is the second", fine, 500_001, []uint64{3, 9}, 9, false},
		{"half of three", fine, 500_000, []uint64{3, 9, 11}, 9, false},
		{"middle of a bucket of two", fine, 500_000, []uint64{65}, 64.5, false},
		{"signed", signed, 500_000, []uint64{minus(5), 8, 9}, 8, false},
		{"below 0 there is no middle", signed, 300_000, []uint64{minus(5), 8, 9}, 0, true},
		{"linear", linear, 500_000, []uint64{11, 33, 49}, 34.5, false},
		{"below the low end", linear, 500_000, []uint64{9, 9, 49}, 0, true},
		{"from the high end on", linear, 500_000, []uint64{9, 50, 50}, 0, true},
		{"linear below 0", below, 500_000, []uint64{minus(13)}, -15.5, false},
	} {
		got, ok := quantileOf(t, test.h, floating, test.share, test.values)
		if ok == test.absent || ok && math.Float64frombits(got) != test.want {
			t.Errorf("%s: %v (%v), want %v (%v)", test.name, math.Float64frombits(got), ok, test.want, !test.absent)
		}
	}
	if got, _ := quantileOf(t, below, s64, 500_000, []uint64{minus(13)}); int64(got) != -16 && int64(got) != -15 {
		t.Errorf("an integer in the bucket from -20 to -11 is %d", int64(got))
	}
}

// Counts near the end of u64: the rank needs 128 bits.
func TestRankOfMany(t *testing.T) {
	const half = 1 << 62
	for _, test := range []struct {
		counts []uint64
		share  uint64
		want   int
	}{
		{[]uint64{half, half}, 500_000, 0},
		{[]uint64{half, half}, 500_001, 1},
		{[]uint64{half - 1, half + 1}, 500_000, 1},
		{[]uint64{0, math.MaxUint64}, 1_000_000, 1},
		{[]uint64{0, 0}, 1_000_000, -1},
	} {
		if got := rank(test.counts, test.share); got != test.want {
			t.Errorf("rank(%v, %d) = %d, want %d", test.counts, test.share, got, test.want)
		}
	}
}
