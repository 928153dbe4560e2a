package aggregate

import (
	"encoding/binary"
	"math"
	"testing"

	"github.com/ebgen/ebgen/spec/plan"
)

// over computes an expression over a value with these events and bytes.
func over(t *testing.T, e *plan.Expr, count uint64, sum int64) (uint64, bool) {
	t.Helper()
	p := traffic(col{"x", e})
	table := newTable(t, p)
	value := counted()
	binary.NativeEndian.PutUint64(value, count)
	binary.NativeEndian.PutUint64(value[8:], uint64(sum))
	add(t, table, who("a", 1), value)
	row := table.Rows()[0]
	f := &p.Record.Fields[0]
	return shapeOf(f.Type).wrap(plan.Word(row[f.Offset:][:f.Type.Size])), binary.NativeEndian.Uint64(row)&1 == 0
}

func TestIntegers(t *testing.T) {
	s32, u8, s8 := plan.Type{Kind: plan.Int, Size: 4, Signed: true}, plan.Type{Kind: plan.Int, Size: 1}, plan.Type{Kind: plan.Int, Size: 1, Signed: true}
	const count, sum = 7, -5 // of events, a u64, and of bytes, an s64
	c, s := cellOf(events), cellOf(volume)
	minus := func(n int64) uint64 { return uint64(-n) }
	least := number(s64, math.MinInt64)
	for _, test := range []struct {
		name   string
		e      *plan.Expr
		want   uint64
		absent bool
	}{
		{"u64 +", op("+", u64, c, number(u64, 3)), 10, false},
		{"u64 - below 0", op("-", u64, c, number(u64, 8)), math.MaxUint64, false},
		{"s64 *", op("*", s64, s, number(s64, 3)), minus(15), false},
		{"u64 /", op("/", u64, c, number(u64, 2)), 3, false},
		{"u64 %", op("%", u64, c, number(u64, 4)), 3, false},
		{"s64 / toward 0", op("/", s64, s, number(s64, 2)), minus(2), false},
		{"s64 % by the left", op("%", s64, s, number(s64, 2)), minus(1), false},
		{"s64 / of the least", op("/", s64, least, number(s64, -1)), 1 << 63, false},
		{"s64 % of the least", op("%", s64, least, number(s64, -1)), 0, false},
		{"u64 max", op("max", u64, c, number(u64, 3)), 7, false},
		{"u64 min", op("min", u64, c, number(u64, 3)), 3, false},
		{"s64 max", op("max", s64, s, number(s64, 0)), 0, false},
		{"s64 min", op("min", s64, s, number(s64, 0)), minus(5), false},
		{"u64 / 0", op("/", u64, c, number(u64, 0)), 0, true},
		{"u64 % 0", op("%", u64, c, number(u64, 0)), 0, true},
		{"s64 / 0", op("/", s64, s, number(s64, 0)), 0, true},
		{"s64 % 0", op("%", s64, s, number(s64, 0)), 0, true},
		{"behind an absent", op("+", u64, number(u64, 1), op("/", u64, c, number(u64, 0))), 0, true},
		{"s32 * wraps", op("*", s32, number(s32, 1<<30), number(s32, 6)), minus(1 << 31), false},
		{"u8 + wraps", op("+", u8, number(u8, 200), number(u8, 100)), 44, false},
		{"&", op("&", u64, c, number(u64, 5)), 5, false},
		{"|", op("|", u64, c, number(u64, 8)), 15, false},
		{"^", op("^", u64, c, number(u64, 5)), 2, false},
		{"<<", op("<<", u64, c, number(u64, 2)), 28, false},
		{"<< by the width", op("<<", u64, c, number(u64, 64)), 7, false},
		{">> signed", op(">>", s64, s, number(s64, 1)), minus(3), false},
		{">> unsigned", op(">>", u64, c, number(u64, 1)), 3, false},
		{">> in an int", op(">>", u8, number(u8, 128), number(u8, 8)), 0, false},
		{"s64 <", op("<", boolean, s, number(s64, 3)), 1, false},
		{"u64 <", op("<", boolean, as(u64, s), number(u64, 3)), 0, false},
		{"<=", op("<=", boolean, c, number(u64, 7)), 1, false},
		{">", op(">", boolean, c, number(u64, 7)), 0, false},
		{">= signed", op(">=", boolean, number(s64, 0), s), 1, false},
		{"==", op("==", boolean, c, number(u64, 7)), 1, false},
		{"!=", op("!=", boolean, c, number(u64, 7)), 0, false},
		{"&& spares the right", op("&&", boolean, number(boolean, 0), op("/", u64, c, number(u64, 0))), 0, false},
		{"&& needs the right", op("&&", boolean, c, op("/", u64, c, number(u64, 0))), 0, true},
		{"|| spares the right", op("||", boolean, c, op("/", u64, c, number(u64, 0))), 1, false},
		{"|| of the right", op("||", boolean, number(boolean, 0), c), 1, false},
		{"-", &plan.Expr{Op: plan.OpUnary, Name: "-", Type: s64, Args: []plan.Expr{*s}}, 5, false},
		{"~", &plan.Expr{Op: plan.OpUnary, Name: "~", Type: u64, Args: []plan.Expr{*c}}, ^uint64(7), false},
		{"!", &plan.Expr{Op: plan.OpUnary, Name: "!", Type: boolean, Args: []plan.Expr{*c}}, 0, false},
		{"cast to s8", as(s8, number(u64, 200)), minus(56), false},
		{"cast to bool", as(boolean, number(u64, 256)), 1, false},
		{"cast s32 to u64", as(u64, number(s32, -1)), math.MaxUint64, false},
	} {
		got, ok := over(t, test.e, count, sum)
		if got != test.want || ok == test.absent {
			t.Errorf("%s: %d (%v), want %d (%v)", test.name, int64(got), ok, int64(test.want), !test.absent)
		}
	}
}

func TestFloats(t *testing.T) {
	c, s := as(floating, cellOf(events)), as(floating, cellOf(volume))
	f := func(n int64) *plan.Expr { return number(floating, n) }
	for _, test := range []struct {
		name    string
		e       *plan.Expr
		count   uint64
		sum     int64
		want    float64
		absent  bool
		integer uint64
		whole   bool
	}{
		{name: "mean", e: mean, count: 7, sum: -5, want: -5.0 / 7},
		{name: "mean of nothing", e: mean, absent: true},
		{name: "x / 0", e: mean, sum: 3, absent: true},
		{name: "share", e: op("/", floating, op("*", floating, f(100), s), c), count: 8, sum: 1, want: 12.5},
		{name: "-", e: op("-", floating, s, c), count: 2, sum: -1, want: -3},
		{name: "+", e: op("+", floating, s, c), count: 2, sum: -1, want: 1},
		{name: "negated", e: &plan.Expr{Op: plan.OpUnary, Name: "-", Type: floating, Args: []plan.Expr{*s}}, sum: 3, want: -3},
		{name: "u64 above 2^63", e: c, count: math.MaxUint64, want: 1 << 64},
		{name: "cut", e: as(s64, mean), count: 2, sum: -5, integer: uint64(math.MaxUint64 - 1), whole: true},
		{name: "too small for u64", e: as(u64, mean), count: 1, sum: -1, absent: true, whole: true},
		{name: "too large for u32", e: as(u32, c), count: 1 << 32, absent: true, whole: true},
		{name: "largest u32", e: as(u32, c), count: 1<<32 - 1, integer: 1<<32 - 1, whole: true},
		{name: "<", e: op("<", boolean, s, c), count: 1, sum: -1, integer: 1, whole: true},
		{name: "==", e: op("==", boolean, s, c), count: 1, sum: -1, whole: true},
		{name: "as bool", e: as(boolean, c), count: 3, integer: 1, whole: true},
	} {
		got, ok := over(t, test.e, test.count, test.sum)
		want := test.integer
		if !test.whole && !test.absent {
			want = math.Float64bits(test.want)
		}
		if ok == test.absent || got != want {
			t.Errorf("%s: %x (%v), want %x (%v)", test.name, got, ok, want, !test.absent)
		}
	}
}
