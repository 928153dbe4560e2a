package c

import (
	"fmt"
	"strings"

	"github.com/ebgen/ebgen/spec/plan"
)

// tableParts is what the piece "table" prints: how the bodies find the row of a key.
type tableParts struct {
	Name     string // of the map
	Key      string // tag of the struct, "" when all events share one row
	Value    string // tag of the struct
	Refused  string // counter
	Inserted string // counter, "" for a map whose entries stay
}

// tableParts describes the plan's table, or gives nil.
func (p *printer) tableParts() *tableParts {
	if p.plan.Table == nil {
		return nil
	}
	m, key := p.tableMap()
	out := &tableParts{Name: m.Name, Value: valueTag(m), Refused: m.Refused()}
	p.use("bpf_map_lookup_elem")
	if key != nil {
		out.Key = key.Tag
		p.use("bpf_map_update_elem")
		p.use("TALLY")
	}
	if plan.MapTypes[m.Type].LRU {
		out.Inserted = m.Inserted()
	}
	return out
}

// tableMap gives the map of the plan's table and the layout of its key, nil for a table
// of one row.
func (p *printer) tableMap() (*plan.Map, *layout) {
	i := p.plan.Table.Map
	return &p.plan.Maps[i], p.keys[i]
}

// largeKey is the size from which the key of a row lies in the scratch area: a quarter of
// the stack, which what is read to fill it needs too.
const largeKey = 128

// keyInScratch reports whether the key of the table is too large for the stack.
func (p *printer) keyInScratch() bool {
	if p.plan.Table == nil {
		return false
	}
	_, key := p.tableMap()
	return key != nil && key.Size > largeKey
}

// row fills the key and counts the event in its row. What follows is done as well when
// the map has no room for one.
func (b *body) row() {
	m, key := b.tableMap()
	var args string
	if key != nil {
		b.record()
		args = ", &" + strings.TrimSuffix(b.into, ".")
	}
	b.inFields, b.line = true, b.plan.Line
	find := func(name string) func() {
		return func() { b.emit(fmt.Sprintf("row = %s(&%s%s)", rowOf(m), name, args)) }
	}
	if m.Double { // read once: the whole event goes to one map
		b.branch("active", find(m.Idle()), find(m.Name))
	} else {
		find(m.Name)()
	}
	b.branch("row", b.updates, nil)
}

// rowVariables declares what row needs.
func (b *body) rowVariables() []string {
	m, key := b.tableMap()
	var out []string
	if key != nil && !b.keyInScratch() {
		out = append(out, "struct "+key.Tag+" key")
	}
	return append(out, "struct "+valueTag(m)+" *row")
}

// rowOf names the function that finds the row of a key.
func rowOf(m *plan.Map) string { return m.Name + "_row" }

// updates prints what the event does to the cells of its row. Those under one condition
// share its test.
func (b *body) updates() {
	for _, same := range grouped(b.plan.Updates, condition) {
		when := same[0].When
		if when == nil {
			b.counts(same)
			continue
		}
		v, failure := b.attempt(when, same[0].Line)
		if failure != "" {
			v = join("&&", value{text: "!" + failure, prec: precUnary, typ: s32}, v, s32)
		}
		b.branch(v.text, func() { b.counts(same) }, nil)
	}
}

// counts prints updates under one condition. Those that take the same value share its
// computation; a count that has a value is of the events that do.
func (b *body) counts(list []plan.Update) {
	for _, same := range grouped(list, taken) {
		e := same[0].Value
		if e == nil {
			b.cells(same, value{})
			continue
		}
		v, failure := b.attempt(e, same[0].Line)
		t := b.typeOf(e.Type)
		if !v.typ.number() {
			v = cast(v, t)
		}
		write := func() {
			if len(same) > 1 && !v.literal && identifier(v.text) != v.text {
				name := b.local(fmt.Sprint("taken ", len(b.variables)), "value", t)
				b.emit(name + " = " + v.text)
				v = primary(name, t)
			}
			b.cells(same, v)
		}
		if failure == "" {
			write()
			continue
		}
		b.branch("!"+failure, write, nil)
	}
}

// cells prints what updates do to their cells once their value is had. C converts it to
// the cell's type.
func (b *body) cells(list []plan.Update, v value) {
	m, _ := b.tableMap()
	names := b.values[b.printer.plan.Table.Map].names
	for _, u := range list {
		cell := b.printer.plan.Table.Cells[u.Cell]
		to := "row->" + names[cell.Field]
		b.line = u.Line
		switch cell.Kind {
		case plan.Count:
			b.emit(fmt.Sprintf("%s(&%s)", b.use("count_one"), to))
		case plan.Sum:
			b.emit(fmt.Sprintf("%s(%s, %s)", b.use("ADD"), to, v.text))
		case plan.Least, plan.Greatest:
			if !plan.MapTypes[m.Type].PerCPU {
				panic(fail("line %d: the %s of a map that CPUs share cannot be kept", u.Line, cell.Kind))
			}
			b.emit(fmt.Sprintf("%s(%s, %s, %s, row->%s)", b.use("KEEP"), v.text, pick(cell.Kind == plan.Least, "<", ">"), to, names[cell.Seen]))
		case plan.Buckets:
			h := b.printer.plan.Histograms[m.Value.Fields[cell.Field].Type.Hist-1]
			b.emit(fmt.Sprintf("%s(%s, %d, %s)", b.use("count_in"), to, h.Buckets(), b.bucket(&h, v)))
		default:
			panic(fail("line %d: a cell of kind %q is unknown", u.Line, cell.Kind))
		}
	}
}

// bucket writes the number of the bucket that counts v: plan.Histogram.Index.
func (b *body) bucket(h *plan.Histogram, v value) string {
	sign := pick(h.Signed, "s64", "u64")
	if h.Linear {
		limit := func(n int64) string { return literal(n, integer(8, true), false).text }
		return fmt.Sprintf("%s(%s, %s, %s, %s, %d)", b.use("linear_bucket_"+sign), v.text, limit(h.Low), limit(h.High), limit(h.Step), h.Buckets()-1)
	}
	return fmt.Sprintf("%s(%s, %d)", b.use("log_bucket_"+sign), v.text, h.Bits)
}

func condition(u *plan.Update) *plan.Expr { return u.When }
func taken(u *plan.Update) *plan.Expr     { return u.Value }

// grouped parts a list by an expression, those that read the same together, in the order
// of the first of each.
func grouped(list []plan.Update, by func(*plan.Update) *plan.Expr) [][]plan.Update {
	var out [][]plan.Update
	at := map[string]int{}
	for i := range list {
		key := ""
		if e := by(&list[i]); e != nil {
			key = keyOf(e)
		}
		n, ok := at[key]
		if !ok {
			n = len(out)
			at[key], out = n, append(out, nil)
		}
		out[n] = append(out[n], list[i])
	}
	return out
}
