package aggregate

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/ebgen/ebgen/spec/plan"
)

// firsts returns the first words of rows as show writes them.
func firsts(p *plan.Plan, rows [][]byte) string {
	var words []string
	for line := range strings.Lines(show(p, rows)) {
		words = append(words, strings.Fields(line)[0])
	}
	return strings.Join(words, " ")
}

func TestOrder(t *testing.T) {
	columns := []col{
		{"comm", nil}, {"pid", nil}, {"events", cellOf(events)}, {"bytes", cellOf(volume)}, {"mean", mean}, {"least", cellOf(least)},
	}
	entries := []struct {
		comm string
		pid  uint32
		seen []int64
	}{
		{"d", 256, []int64{-4}},
		{"a", 1, nil},
		{"c", 0, []int64{9, 9, 9}},
		{"b", 255, []int64{-7, -1}},
		{"e", 2, []int64{4, 5}},
	}
	up := func(f int) plan.SortKey { return plan.SortKey{Field: f} }
	down := func(f int) plan.SortKey { return plan.SortKey{Field: f, Descending: true} }
	for _, test := range []struct {
		name string
		sort []plan.SortKey
		top  int
		want string
	}{
		{"columns from the left", nil, 0, "a b c d e"},
		{"strings", []plan.SortKey{down(0)}, 0, "e d c b a"},
		{"numbers of the key, absent last", []plan.SortKey{up(1)}, 0, "a e b d c"},
		{"downwards absent last too", []plan.SortKey{down(1)}, 0, "d b e a c"},
		{"counts, then by key", []plan.SortKey{up(2)}, 0, "a d b e c"},
		{"counts downwards, then by key", []plan.SortKey{down(2)}, 0, "c b e d a"},
		{"two columns", []plan.SortKey{down(2), down(0)}, 0, "c e b d a"},
		{"signed", []plan.SortKey{up(3)}, 0, "b d a e c"},
		{"floats, absent last", []plan.SortKey{up(4)}, 0, "b d e c a"},
		{"floats downwards", []plan.SortKey{down(4)}, 0, "c e b d a"},
		{"the first two", []plan.SortKey{down(3)}, 2, "c e"},
		{"more than there are", []plan.SortKey{down(3)}, 6, "c e a d b"},
	} {
		p := traffic(columns...)
		p.Output.Sort, p.Output.Top = test.sort, test.top
		table := newTable(t, p)
		for range 2 { // the second time in reused memory
			for _, e := range entries {
				add(t, table, who(e.comm, e.pid), counted(e.seen...))
			}
			// Means of -4 both tie, and then the keys decide.
			got := firsts(p, table.Rows())
			if got != test.want {
				t.Errorf("%s: %s, want %s", test.name, got, test.want)
			}
			table.Reset()
		}
	}
}

// Composite columns sort part by part: a flow's ports are numbers, an owner's pid is one.
func TestOrderOfParts(t *testing.T) {
	owner := func(pid uint32, comm string) []byte {
		b := make([]byte, 24)
		binary.NativeEndian.PutUint32(b, pid)
		copy(b[4:], comm)
		return b
	}
	p := traffic(col{"events", cellOf(events)})
	field := plan.Field{Name: "owner", Type: plan.Type{Kind: plan.Owner, Size: plan.OwnerSize}, Bit: -1}
	p.Maps[0].Key = plan.Record{Size: 24, Absent: -1, Fields: []plan.Field{field}}
	field.Offset = p.Record.Size
	p.Record.Size += 24
	p.Record.Fields = append(p.Record.Fields, field)
	p.Table.Columns = append(p.Table.Columns, plan.Column{Key: 0})
	p.Output.Sort = []plan.SortKey{{Field: 1}}
	table := newTable(t, p)
	for i, key := range [][]byte{owner(256, "a"), owner(3, "b"), owner(255, "c"), owner(3, "a")} {
		add(t, table, key, counted(make([]int64, i)...))
	}
	if got, want := firsts(p, table.Rows()), "3 1 2 0"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// The rank of a number orders as the number does, whatever its type.
func TestRankOrder(t *testing.T) {
	floats := []float64{math.Inf(-1), -math.MaxFloat64, -2.5, -2, -math.SmallestNonzeroFloat64, 0, math.SmallestNonzeroFloat64, 1, 1e300, math.Inf(1)}
	for i := 1; i < len(floats); i++ {
		s := shapeOf(floating)
		if s.rank(math.Float64bits(floats[i-1])) >= s.rank(math.Float64bits(floats[i])) {
			t.Errorf("%g does not come before %g", floats[i-1], floats[i])
		}
	}
	for _, typ := range []plan.Type{u64, s64, u32, {Kind: plan.Int, Size: 2, Signed: true}} {
		s := shapeOf(typ)
		edges := []uint64{0, 1, 1<<15 - 1, 1 << 15, 1 << 31, 1 << 63, math.MaxUint64}
		for _, a := range edges {
			for _, b := range edges {
				x, y := s.wrap(a), s.wrap(b)
				less := x < y
				if typ.Signed {
					less = int64(x) < int64(y)
				}
				if less != (s.rank(x) < s.rank(y)) {
					t.Errorf("%d bytes, signed %v: %x and %x", typ.Size, typ.Signed, x, y)
				}
			}
		}
	}
}

// Two tables of the same entries give the same rows, in whatever order the entries come.
func TestSameRows(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 101))
	p := traffic(col{"comm", nil}, col{"pid", nil}, col{"events", cellOf(events)})
	p.Output.Sort = []plan.SortKey{{Field: 2, Descending: true}}
	var want string
	for round := range 3 {
		table := newTable(t, p)
		for _, i := range r.Perm(1009) {
			add(t, table, who(fmt.Sprint("task", i%37), uint32(i)), counted(make([]int64, i%5)...))
		}
		got := show(p, table.Rows())
		if round > 0 && got != want {
			t.Fatal("the same entries in another order give other rows")
		}
		want = got
	}
}

// BenchmarkRows puts 100,000 keys from two CPUs together, sorts them and makes their rows.
func BenchmarkRows(b *testing.B) {
	const n = 100_000
	p := traffic(col{"comm", nil}, col{"pid", nil}, col{"events", cellOf(events)}, col{"bytes", cellOf(volume)}, col{"mean", mean})
	p.Output.Sort = []plan.SortKey{{Field: 2, Descending: true}}
	p.Table.Cells = p.Table.Cells[:4]
	p.Maps[0].Value.Size, p.Maps[0].Value.Fields = 48, p.Maps[0].Value.Fields[:6]
	table := newTable(b, p)
	keys, values := make([][]byte, n), make([][]byte, n)
	for i := range n {
		keys[i] = who(fmt.Sprint("task", i%1009), uint32(i+1))
		values[i] = slices.Concat(counted(int64(i))[:48], counted(make([]int64, i%7)...)[:48])
	}
	b.ReportAllocs()
	for b.Loop() {
		table.Reset()
		for i := range n {
			if err := table.Add(keys[i], values[i]); err != nil {
				b.Fatal(err)
			}
		}
		if rows := table.Rows(); len(rows) != n {
			b.Fatalf("%d rows", len(rows))
		}
	}
}
