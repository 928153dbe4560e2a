package aggregate

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"

	"github.com/ebgen/ebgen/spec/plan"
)

// order is one column that rows are sorted by, or a part of a composite one.
type order struct {
	column     *column
	descending bool
	// What is compared of a field of the key: size bytes at offset in the key, as they are
	// or as a number.
	offset, size int
	number       bool
	shape        shape

	ranks  []uint64 // for each entry: a number whose order is that of the values
	absent []bool   // for each entry
}

// orderBy prepares the plan's order, or that of the columns from left to right when it
// has none. Behind all fields of the key no column can decide any more.
func (t *Table) orderBy(keys []plan.SortKey) error {
	if len(keys) == 0 {
		for i := range t.columns {
			if t.columns[i].cell == nil {
				keys = append(keys, plan.SortKey{Field: i})
			}
		}
	}
	undecided := make(map[*plan.Field]bool)
	for i := range t.key.Fields {
		undecided[&t.key.Fields[i]] = true
	}
	for _, k := range keys {
		if k.Field < 0 || k.Field >= len(t.columns) || t.columns[k.Field].cell != nil {
			return fmt.Errorf("rows cannot be sorted by column %d", k.Field)
		}
		t.orderByColumn(&t.columns[k.Field], k.Descending)
		delete(undecided, t.columns[k.Field].key)
		if len(undecided) == 0 && len(t.key.Fields) > 0 {
			break
		}
	}
	return nil
}

// orderByColumn adds a column to the order: parts of a composite one by one.
func (t *Table) orderByColumn(c *column, descending bool) {
	o := order{column: c, descending: descending, number: true, shape: shapeOf(c.field.Type)}
	if c.key == nil {
		t.order = append(t.order, o)
		return
	}
	parts := c.key.Type.Kind.Parts()
	if parts == nil {
		parts = []plan.Part{{Type: c.key.Type}}
	}
	for _, part := range parts {
		o.offset, o.size = c.key.Offset+part.Offset, part.Type.Size
		o.number, o.shape = checkNumber(part.Type) == nil, shapeOf(part.Type)
		t.order = append(t.order, o)
	}
}

// sorted returns the numbers of the entries that become rows, in their order.
func (t *Table) sorted() []int32 {
	entries := make([]int32, t.entries.n)
	for i := range entries {
		entries[i] = int32(i)
	}
	for i := range t.order {
		t.order[i].rank(t)
	}
	slices.SortFunc(entries, t.compare)
	if t.top > 0 && t.top < len(entries) {
		entries = entries[:t.top]
	}
	return entries
}

// rank computes what the order compares, once for each entry.
func (o *order) rank(t *Table) {
	n := t.entries.n
	o.ranks = slices.Grow(o.ranks[:0], n)[:n]
	o.absent = slices.Grow(o.absent[:0], n)[:n]
	for at := range n {
		e := t.entry(at)
		if o.column.key == nil {
			v, ok := o.column.number(e.values)
			o.ranks[at], o.absent[at] = o.shape.rank(v), !ok || !o.column.reached(e)
			continue
		}
		o.absent[at] = o.column.missing(e)
		if o.number {
			o.ranks[at] = o.shape.rank(o.shape.wrap(plan.Word(e.key[o.offset:][:o.size])))
		}
	}
}

// rank maps a number to one whose order as u64 is that of the numbers.
func (s shape) rank(v uint64) uint64 {
	const sign = 1 << 63
	switch {
	case s.float && v&sign != 0: // of two negative floats the one with more bits is less
		return ^v
	case s.float, s.signed:
		return v ^ sign
	}
	return v
}

// compare orders two entries: numbers by value, bytes by bytes, what is absent last in
// either direction, and at last by the keys.
func (t *Table) compare(a, b int32) int {
	for i := range t.order {
		o := &t.order[i]
		if o.absent[a] || o.absent[b] {
			if o.absent[a] != o.absent[b] {
				return int(truth(o.absent[a])) - int(truth(o.absent[b]))
			}
			continue
		}
		var by int
		if o.number {
			by = cmp.Compare(o.ranks[a], o.ranks[b])
		} else {
			by = bytes.Compare(t.entries.key(int(a))[o.offset:][:o.size], t.entries.key(int(b))[o.offset:][:o.size])
		}
		if by != 0 {
			if o.descending {
				return -by
			}
			return by
		}
	}
	return t.byKey(a, b)
}
