package check

import (
	"cmp"
	"slices"

	"github.com/ebgen/ebgen/spec/plan"
)

// maxAbsent is how many fields of one record can have no value: a bit each in one u64.
const maxAbsent = 64

// maxRecord bounds a record: bpf_ringbuf_reserve takes a constant size and a ring of
// the least size must hold one (kernel/bpf/ringbuf.c); 64 KiB is the largest string four times.
const maxRecord = 64 << 10

// layOut gives everything that lies in memory its place: records or rows, and maps.
func (c *checker) layOut(bodies []*body) {
	fields := c.settle(bodies)
	if c.diags.Failed() {
		return
	}
	c.layOutMaps()
	if c.aggregates() {
		c.layOutTable(fields, bodies)
		return
	}
	if absent := bits(fields); absent > maxAbsent {
		c.diags.Errorf(c.columns[maxAbsent].Name.Span(), "%d fields may have no value, a record can tell of %d whether they have one", absent, maxAbsent).Hint = "split the spec in two, or give some a default with ??"
		return
	}
	r, over := place(fields)
	if over >= 0 {
		c.diags.Errorf(c.columns[over].Name.Span(), "the record is larger than %d bytes with this field", maxRecord)
	}
	c.plan.Record = r
}

// settle gives every column that the kernel writes its type. The bodies agree on it;
// where their integers differ in width the column takes the widest. One of probes that were
// left out is there and has no value.
func (c *checker) settle(bodies []*body) []plan.Field {
	fields := make([]plan.Field, len(c.columns))
	for i, col := range c.columns {
		fields[i] = plan.Field{Name: col.Name.Value, Bit: -1, Line: c.lineOf(col.Name)}
	}
	fills, natural := make([]int, len(fields)), make([]bool, len(fields))
	emitting := 0
	for _, b := range bodies {
		if b.duty.emits() {
			emitting++
		}
		for j, a := range b.assigns {
			f := &fields[a.Field]
			fills[a.Field]++
			t := a.Expr.Type
			t.Name, t.Elem, t.ElemSize, t.BigEndian = "", "", 0, false
			t.User = t.User && t.Kind == plan.Stack
			if t.Kind == plan.Bool {
				t.Size = 1
			}
			if e := b.names[j]; e != nil {
				t.Enum = c.enum(e)
				t.Kind = plan.Enumer
			}
			switch {
			case f.Type.Kind == plan.Void:
				f.Type, natural[a.Field] = t, b.natural(a.Expr)
			case f.Type == t:
				natural[a.Field] = natural[a.Field] && b.natural(a.Expr)
			case integral(f.Type) && integral(t):
				wide, ok := holding(f.Type, t, natural[a.Field], b.natural(a.Expr))
				if !ok {
					c.diags.Errorf(c.columns[a.Field].Name.Span(), "field %s is %s in one probe and %s in %s: %s", f.Name, describe(value(plan.Expr{Type: f.Type})), describe(value(a.Expr)), b.candidate, errNoHolder).Hint = "a cast says which is meant: (s64) or (u64)"
				}
				natural[a.Field] = natural[a.Field] && b.natural(a.Expr)
				f.Type.Size, f.Type.Signed, f.Type.Kind = wide.Size, wide.Signed, plan.Int
				if f.Type.Enum != 0 {
					f.Type.Kind = plan.Enumer
				}
			case f.Type.Kind == t.Kind && (t.Kind == plan.String || t.Kind == plan.Bytes):
				f.Type.Size = max(f.Type.Size, t.Size)
			default:
				c.diags.Errorf(c.columns[a.Field].Name.Span(), "field %s is %s in one probe and %s in %s", f.Name, f.Type.Kind, t.Kind, b.candidate)
			}
			if a.Expr.Fallible() {
				f.Bit = 0
			}
		}
	}
	for i, col := range c.columns {
		if fills[i] == 0 && !col.decided {
			fields[i].Type, fields[i].Bit = plan.Type{Kind: plan.Int, Size: 1}, 0
			if c.aggregates() {
				c.diags.Errorf(col.Name.Span(), "only probes that this kernel lacks have the field %s", col.Name.Value).Hint = "in a table a probe `| none` counts in columns that others have too"
			}
		}
		if fills[i] > 0 && fills[i] < emitting { // absent where a probe does not have it
			fields[i].Bit = 0
		}
	}
	for _, b := range bodies {
		for j := range b.assigns {
			a := &b.assigns[j]
			if t := fields[a.Field].Type; integral(t) && integral(a.Expr.Type) {
				a.Expr = b.convert(a.Expr, t)
			} else if t.Kind == plan.String && a.Expr.Op == plan.OpCall {
				a.Expr.Type.Size = t.Size
			}
		}
	}
	return fields
}

// bits counts the fields that may have no value.
func bits(fields []plan.Field) int {
	n := 0
	for _, f := range fields {
		if f.Bit >= 0 {
			n++
		}
	}
	return n
}

// place makes a record of fields: ordered by alignment, so that there are few gaps, in
// their own order among equals. Those that may be absent, whose Bit is not -1, get a bit
// each. It returns the first field that makes the record too large, or -1.
func place(fields []plan.Field) (r plan.Record, over int) {
	order := make([]int, len(fields))
	next := 0
	for i := range order {
		order[i] = i
		if fields[i].Bit >= 0 {
			fields[i].Bit = next
			next++
		}
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Compare(fields[b].Type.Align(), fields[a].Type.Align())
	})
	r = plan.Record{Absent: -1, Fields: fields}
	if next > 0 {
		r.Absent, r.Size = 0, 8
	}
	for _, i := range order {
		align := fields[i].Type.Align()
		r.Size = (r.Size + align - 1) / align * align
		fields[i].Offset = r.Size
		r.Size += fields[i].Type.Size
		if r.Size > maxRecord {
			return r, i
		}
	}
	r.Size = (r.Size + 7) / 8 * 8
	return r, -1
}
