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

// layOut gives every field its type and place in the record. The bodies agree on a
// field's type; where their integers differ in width the field takes the widest.
func (c *checker) layOut(bodies []*body) {
	fields := make([]plan.Field, len(c.doc.Fields))
	for i, f := range c.doc.Fields {
		fields[i] = plan.Field{Name: f.Name.Value, Bit: -1, Line: c.doc.File.Position(f.Name.Span().Start).Line}
	}
	absent := 0
	for _, b := range bodies {
		for j, a := range b.assigns {
			f := &fields[a.Field]
			t := a.Expr.Type
			t.Name, t.Elem, t.ElemSize, t.BigEndian = "", "", 0, false
			if t.Kind == plan.Bool {
				t.Size = 1
			}
			if e := b.names[j]; e != nil {
				t.Enum = c.enum(e)
				t.Kind = plan.Enumer
			}
			switch {
			case f.Type.Kind == plan.Void:
				f.Type = t
			case f.Type == t:
			case integral(f.Type) && integral(t):
				wide := balance(f.Type, t)
				f.Type.Size, f.Type.Signed, f.Type.Kind = wide.Size, wide.Signed, plan.Int
				if f.Type.Enum != 0 {
					f.Type.Kind = plan.Enumer
				}
			case f.Type.Kind == t.Kind && (t.Kind == plan.String || t.Kind == plan.Bytes):
				f.Type.Size = max(f.Type.Size, t.Size)
			default:
				c.diags.Errorf(c.doc.Fields[a.Field].Name.Span(), "field %s is %s in one probe and %s in %s", f.Name, f.Type.Kind, t.Kind, b.candidate)
			}
			if a.Expr.Fallible() && f.Bit < 0 {
				f.Bit = absent
				absent++
			}
		}
	}
	if absent > maxAbsent {
		c.diags.Errorf(c.doc.Fields[maxAbsent].Name.Span(), "%d fields read memory, a record can tell of %d whether the read failed", absent, maxAbsent).Hint = "split the spec in two, or give some a default with ??"
		return
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
	c.place(fields, absent > 0)
}

// place orders the fields by alignment, so that there are few gaps, and keeps the
// spec's order among equals.
func (c *checker) place(fields []plan.Field, absent bool) {
	order := make([]int, len(fields))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Compare(fields[b].Type.Align(), fields[a].Type.Align())
	})
	r := plan.Record{Absent: -1, Fields: fields}
	if absent {
		r.Absent, r.Size = 0, 8
	}
	for _, i := range order {
		align := fields[i].Type.Align()
		r.Size = (r.Size + align - 1) / align * align
		fields[i].Offset = r.Size
		r.Size += fields[i].Type.Size
		if r.Size > maxRecord {
			c.diags.Errorf(c.doc.Fields[i].Name.Span(), "the record is larger than %d bytes with this field", maxRecord)
			return
		}
	}
	r.Size = (r.Size + 7) / 8 * 8
	c.plan.Record = r
}
