package aggregate

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/ebgen/ebgen/spec/plan"
)

var (
	u64      = plan.Type{Kind: plan.Int, Size: 8}
	s64      = plan.Type{Kind: plan.Int, Size: 8, Signed: true}
	u32      = plan.Type{Kind: plan.Int, Size: 4}
	floating = plan.Type{Kind: plan.Float, Size: 8}
	boolean  = plan.Type{Kind: plan.Bool, Size: 1}
	comm     = plan.Type{Kind: plan.String, Size: 16}
)

// The cells of the plan that these tests use, and where each lies in its value, in words.
const (
	events = iota
	volume
	least
	greatest
	sizes
)

// steps is of 2 bits: values below 8 have a bucket each.
var steps = plan.Histogram{Bits: 2}

func cellOf(i int) *plan.Expr {
	types := []plan.Type{u64, s64, s64, s64, {Kind: plan.Hist, Size: 8 * steps.Buckets(), Hist: 1}}
	return &plan.Expr{Op: plan.OpCell, Int: int64(i), Type: types[i]}
}

func op(name string, t plan.Type, x, y *plan.Expr) *plan.Expr {
	return &plan.Expr{Op: plan.OpBinary, Name: name, Type: t, Args: []plan.Expr{*x, *y}}
}

func as(t plan.Type, x *plan.Expr) *plan.Expr {
	return &plan.Expr{Op: plan.OpCast, Type: t, Args: []plan.Expr{*x}}
}

func number(t plan.Type, n int64) *plan.Expr { return &plan.Expr{Op: plan.OpConst, Type: t, Int: n} }

// col is one column of a plan under test: a field of the key by name, or an expression.
type col struct {
	name string
	expr *plan.Expr // nil for the key's field of that name
}

// mean is avg() as the checker plans it.
var mean = op("/", floating, as(floating, cellOf(volume)), as(floating, cellOf(events)))

// traffic is a plan whose key is comm and pid, the latter at times absent, and whose
// value holds one cell of each kind.
func traffic(columns ...col) *plan.Plan {
	key := plan.Record{Size: 32, Absent: 24, Fields: []plan.Field{
		{Name: "comm", Type: comm, Offset: 0, Bit: -1},
		{Name: "pid", Type: u32, Offset: 16, Bit: 3},
	}}
	hist := cellOf(sizes).Type
	value := plan.Record{Size: 48 + hist.Size, Absent: -1, Fields: []plan.Field{
		{Name: "events", Type: u64, Offset: 0, Bit: -1},
		{Name: "bytes", Type: s64, Offset: 8, Bit: -1},
		{Name: "least", Type: s64, Offset: 16, Bit: -1},
		{Name: "least_seen", Type: u64, Offset: 24, Bit: -1},
		{Name: "greatest", Type: s64, Offset: 32, Bit: -1},
		{Name: "greatest_seen", Type: u64, Offset: 40, Bit: -1},
		{Name: "sizes", Type: hist, Offset: 48, Bit: -1},
	}}
	p := &plan.Plan{
		Name:       "traffic",
		Histograms: []plan.Histogram{steps},
		Record:     plan.Record{Size: 8, Absent: 0},
		Maps:       []plan.Map{{Name: "totals", Use: plan.TableMap, Type: plan.PercpuHash, Entries: 1024, Key: key, Value: value}},
		Table: &plan.Table{Cells: []plan.Cell{
			{Kind: plan.Count, Field: 0, Seen: -1},
			{Kind: plan.Sum, Field: 1, Seen: -1},
			{Kind: plan.Least, Field: 2, Seen: 3},
			{Kind: plan.Greatest, Field: 4, Seen: 5},
			{Kind: plan.Buckets, Field: 6, Seen: -1},
		}},
	}
	for i, c := range columns {
		f := plan.Field{Name: c.name, Offset: p.Record.Size, Bit: i}
		column := plan.Column{Key: -1, Expr: c.expr}
		if c.expr == nil {
			column.Key = key.Field(c.name)
			f.Type = key.Fields[column.Key].Type
		} else {
			f.Type = c.expr.Type
		}
		p.Table.Columns = append(p.Table.Columns, column)
		p.Record.Fields = append(p.Record.Fields, f)
		p.Record.Size += (f.Type.Size + 7) &^ 7
	}
	return p
}

// who is a key; a pid of 0 is absent.
func who(comm string, pid uint32) []byte {
	key := make([]byte, 32)
	copy(key, comm)
	binary.NativeEndian.PutUint32(key[16:], pid)
	if pid == 0 {
		binary.NativeEndian.PutUint64(key[24:], 1<<3)
	}
	return key
}

// counted is the value of one CPU that has seen these sizes.
func counted(seen ...int64) []byte {
	words := make([]uint64, 6+steps.Buckets())
	for _, n := range seen {
		words[0]++
		words[1] += uint64(n)
		if words[3] == 0 || n < int64(words[2]) {
			words[2], words[3] = uint64(n), 1
		}
		if words[5] == 0 || n > int64(words[4]) {
			words[4], words[5] = uint64(n), 1
		}
		words[6+steps.Index(uint64(n))]++
	}
	var value []byte
	for _, w := range words {
		value = binary.NativeEndian.AppendUint64(value, w)
	}
	return value
}

func cpus(values ...[]byte) []byte { return slices.Concat(values...) }

// newTable prepares a plan's table.
func newTable(t testing.TB, p *plan.Plan) *Table {
	t.Helper()
	table, err := New(p)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// add puts an entry in.
func add(t testing.TB, table *Table, key, values []byte) {
	t.Helper()
	if err := table.Add(key, values); err != nil {
		t.Fatal(err)
	}
}

// show writes rows as text: one line for each, one word for each column, - for absent.
func show(p *plan.Plan, rows [][]byte) string {
	var lines []string
	for _, row := range rows {
		var words []string
		absent := uint64(0)
		if p.Record.Absent >= 0 {
			absent = binary.NativeEndian.Uint64(row[p.Record.Absent:])
		}
		for i := range p.Record.Fields {
			f := &p.Record.Fields[i]
			b := row[f.Offset:][:f.Type.Size]
			switch {
			case f.Bit >= 0 && absent>>f.Bit&1 == 1:
				words = append(words, "-")
				if slices.Max(b) != 0 {
					words = append(words, "(not zero)")
				}
			case f.Type.Kind == plan.String:
				words = append(words, strings.TrimRight(string(b), "\x00"))
			case f.Type.Kind == plan.Float:
				words = append(words, fmt.Sprintf("%g", math.Float64frombits(plan.Word(b))))
			case f.Type.Kind == plan.Hist:
				for i := range len(b) / 8 {
					if n := plan.Word(b[8*i:][:8]); n > 0 {
						words = append(words, fmt.Sprintf("%d:%d", i, n))
					}
				}
			case f.Type.Signed:
				words = append(words, fmt.Sprint(int64(shapeOf(f.Type).wrap(plan.Word(b)))))
			default:
				words = append(words, fmt.Sprint(plan.Word(b)))
			}
		}
		lines = append(lines, strings.Join(words, " "))
	}
	return strings.Join(lines, "\n")
}

// Every kind of cell and column, from two CPUs and two intervals.
func TestRows(t *testing.T) {
	p := traffic(
		col{"comm", nil}, col{"pid", nil},
		col{"events", cellOf(events)}, col{"bytes", cellOf(volume)}, col{"least", cellOf(least)}, col{"greatest", cellOf(greatest)},
		col{"mean", mean}, col{"median", &plan.Expr{Op: plan.OpQuantile, Type: s64, Int: 500_000, Args: []plan.Expr{*cellOf(sizes)}}},
		col{"sizes", cellOf(sizes)},
	)
	table := newTable(t, p)
	add(t, table, who("sshd", 37), cpus(counted(5, 7, 9), counted()))
	add(t, table, who("cron", 0), cpus(counted(), counted()))
	add(t, table, who("sshd", 37), cpus(counted(1), counted(100, 3)))
	add(t, table, who("cat", 101), cpus(counted(), counted(6)))
	want := "cat 101 1 6 6 6 6 6 6:1\n" +
		"cron - 0 0 - - - -\n" +
		"sshd 37 6 125 1 100 " + fmt.Sprint(125.0/6) + " 5 1:1 3:1 5:1 7:1 8:1 22:1"
	if got := show(p, table.Rows()); got != want {
		t.Errorf("rows are\n%s\nwant\n%s", got, want)
	}
	if got := show(p, table.Rows()); got != want {
		t.Errorf("asked again, rows are\n%s\nwant\n%s", got, want)
	}
	if table.Len() != 3 {
		t.Errorf("%d entries, want 3", table.Len())
	}
	table.Reset()
	if rows := table.Rows(); len(rows) != 0 || table.Len() != 0 {
		t.Errorf("after a reset there are %d rows", len(rows))
	}
}

// Negative values: sums go below 0 and come back, the least is by sign.
func TestSigned(t *testing.T) {
	p := traffic(col{"bytes", cellOf(volume)}, col{"least", cellOf(least)}, col{"greatest", cellOf(greatest)})
	table := newTable(t, p)
	value := func(sum, low, high int64) []byte {
		v := counted()
		for i, n := range []int64{0, sum, low, 1, high, 1} {
			binary.NativeEndian.PutUint64(v[8*i:], uint64(n))
		}
		return v
	}
	add(t, table, who("a", 1), cpus(value(-5, -7, -3), value(2, 4, 6), counted(), value(-1, -8, 1)))
	if got, want := show(p, table.Rows()), "-4 -8 6"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// A table without a key has its row from the start, of nothing.
func TestOneRow(t *testing.T) {
	p := traffic(col{"events", cellOf(events)}, col{"least", cellOf(least)}, col{"mean", mean})
	p.Maps[0].Key = plan.Record{Absent: -1}
	p.Maps[0].Type = plan.PercpuArray
	table := newTable(t, p)
	for range 2 {
		if got, want := show(p, table.Rows()), "0 - -"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		add(t, table, nil, cpus(counted(3), counted(4)))
		if got, want := show(p, table.Rows()), "2 3 3.5"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		table.Reset()
	}
}

func TestEntrySize(t *testing.T) {
	table := newTable(t, traffic(col{"events", cellOf(events)}))
	for _, test := range []struct{ key, values []byte }{
		{who("a", 1)[1:], counted()},
		{who("a", 1), counted()[8:]},
		{who("a", 1), nil},
		{nil, counted()},
	} {
		if err := table.Add(test.key, test.values); !errors.Is(err, ErrEntrySize) {
			t.Errorf("key of %d, values of %d: %v", len(test.key), len(test.values), err)
		}
	}
	if table.Len() != 0 {
		t.Errorf("%d entries of none", table.Len())
	}
}

// What no checker plans is refused and not run.
func TestRefused(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(p *plan.Plan)
		want   string
	}{
		{"no table", func(p *plan.Plan) { p.Table = nil }, "has none"},
		{"no map", func(p *plan.Plan) { p.Table.Map = 1 }, "has none"},
		{"cell outside", func(p *plan.Plan) { p.Table.Cells[0].Field = 7 }, "field 7"},
		{"cell unseen", func(p *plan.Plan) { p.Table.Cells[2].Seen = -1 }, "field -1"},
		{"cell unknown", func(p *plan.Plan) { p.Table.Cells[0].Kind = "median" }, `aggregate "median"`},
		{"count of many", func(p *plan.Plan) { p.Table.Cells[0].Field = 6 }, "a count of"},
		{"value too small", func(p *plan.Plan) { p.Maps[0].Value.Size = 8 }, "outside of its 8 bytes"},
		{"row too small", func(p *plan.Plan) { p.Record.Size = 16 }, "outside of its 16 bytes"},
		{"negative offset", func(p *plan.Plan) { p.Record.Fields[0].Offset = -1 }, "outside"},
		{"huge size", func(p *plan.Plan) { p.Maps[0].Key.Fields[0].Type.Size = math.MaxInt }, "outside"},
		{"absent word outside", func(p *plan.Plan) { p.Record.Absent = p.Record.Size }, "absent word"},
		{"bit without a word", func(p *plan.Plan) { p.Record.Absent = -1 }, "no bit 0"},
		{"columns missing", func(p *plan.Plan) { p.Table.Columns = p.Table.Columns[1:] }, "2 columns for 3 fields"},
		{"no such key", func(p *plan.Plan) { p.Table.Columns[0].Key = 2 }, "no field 2"},
		{"key of another size", func(p *plan.Plan) { p.Table.Columns[0].Key = 1 }, "16 bytes, its field of the key has 4"},
		{"neither", func(p *plan.Plan) { p.Table.Columns[1].Expr = nil }, "neither"},
		{"no bit", func(p *plan.Plan) { p.Record.Fields[2].Bit = -1 }, "no bit to say so"},
		{"absent key, no bit", func(p *plan.Plan) {
			p.Table.Columns[0].Key, p.Record.Fields[0].Type, p.Record.Fields[0].Bit = 1, u32, -1
		}, "no bit to say so"},
		{"another type", func(p *plan.Plan) { p.Record.Fields[1].Type = u32 }, "another type"},
		{"no such cell", func(p *plan.Plan) { p.Table.Columns[1].Expr.Int = 5 }, "no cell 5"},
		{"histogram as a number", func(p *plan.Plan) { p.Table.Columns[1].Expr.Int = sizes }, "cannot be read"},
		{"load", func(p *plan.Plan) { p.Table.Columns[1].Expr.Op = plan.OpLoad }, `operation "load"`},
		{"one operand", func(p *plan.Plan) { p.Table.Columns[2].Expr = &plan.Expr{Op: plan.OpBinary, Name: "+", Type: u64} }, "0 operands"},
		{"operator", func(p *plan.Plan) { p.Table.Columns[1].Expr = op("**", u64, cellOf(events), cellOf(events)) }, `operator "**"`},
		{"two types", func(p *plan.Plan) { p.Table.Columns[1].Expr = op("+", u64, cellOf(events), cellOf(volume)) }, "two types"},
		{"float %", func(p *plan.Plan) {
			p.Table.Columns[2].Expr = op("%", floating, as(floating, cellOf(events)), as(floating, cellOf(events)))
		}, `operator "%" on floats`},
		{"text", func(p *plan.Plan) { p.Table.Columns[1].Expr = number(comm, 1) }, "no number"},
		{"quantile of a count", func(p *plan.Plan) {
			p.Table.Columns[1].Expr = &plan.Expr{Op: plan.OpQuantile, Type: u64, Args: []plan.Expr{*cellOf(events)}}
		}, "a quantile is one of a histogram"},
		{"quantile above all", func(p *plan.Plan) {
			p.Table.Columns[1].Expr = &plan.Expr{Op: plan.OpQuantile, Type: u64, Int: 1_000_001, Args: []plan.Expr{*cellOf(sizes)}}
		}, "no quantile of 1000001"},
		{"other histogram", func(p *plan.Plan) {
			p.Histograms[0].Bits = 3
			p.Table.Columns[1].Expr = &plan.Expr{Op: plan.OpQuantile, Type: u64, Int: 1, Args: []plan.Expr{*cellOf(sizes)}}
		}, "does not have the"},
		{"sorted by nothing", func(p *plan.Plan) { p.Output.Sort = []plan.SortKey{{Field: 3}} }, "column 3"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := traffic(col{"comm", nil}, col{"events", cellOf(events)}, col{"mean", mean})
			test.change(p)
			if _, err := New(p); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("the error is %v, want one with %q", err, test.want)
			}
		})
	}
}

// Whatever bytes the kernel gives, the rows of two CPUs in one entry are those of two
// entries of one key, and those of the CPUs in the other order.
func FuzzMerge(f *testing.F) {
	p := traffic(
		col{"comm", nil}, col{"pid", nil}, col{"bytes", cellOf(volume)}, col{"least", cellOf(least)}, col{"greatest", cellOf(greatest)}, col{"mean", mean},
		col{"median", &plan.Expr{Op: plan.OpQuantile, Type: u64, Int: 500_000, Args: []plan.Expr{*cellOf(sizes)}}},
		col{"sizes", cellOf(sizes)},
	)
	size := p.Maps[0].Value.Size
	f.Add(who("sshd", 37), counted(1, 2, 3), counted(4))
	f.Add(who("", 0), counted(), counted())
	f.Fuzz(func(t *testing.T, key, a, b []byte) {
		pad := func(b []byte, n int) []byte {
			return append(b[:min(len(b), n):min(len(b), n)], make([]byte, n-min(len(b), n))...)
		}
		key, a, b = pad(key, 32), pad(a, size), pad(b, size)
		var rows []string
		for _, entries := range [][][]byte{{cpus(a, b)}, {a, b}, {cpus(b, a)}} {
			table := newTable(t, p)
			for _, e := range entries {
				add(t, table, key, e)
			}
			rows = append(rows, show(p, table.Rows()))
		}
		if rows[0] != rows[1] || rows[0] != rows[2] {
			t.Errorf("one entry, two, and the CPUs turned round give\n%s", strings.Join(rows, "\n"))
		}
	})
}

// The index against Go's map, with keys that collide in their slots often.
func TestIndex(t *testing.T) {
	x := &index{size: 2}
	for range 2 {
		x.reset()
		known := map[[2]byte]int{}
		for i := range 3 * 5003 {
			key := [2]byte{byte(i * 7), byte(i * i % 31)}
			at, found := x.find(key[:])
			want, ok := known[key]
			if !ok {
				want = len(known)
				known[key] = want
			}
			if at != want || found != ok || !reflect.DeepEqual(x.key(at), key[:]) {
				t.Fatalf("key %v is number %d (%v), want %d (%v)", key, at, found, want, ok)
			}
		}
		if x.n != len(known) {
			t.Fatalf("%d keys, want %d", x.n, len(known))
		}
	}
}
