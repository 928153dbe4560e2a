package aggregate

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/ebgen/ebgen/spec/plan"
)

// column makes one field of a row: a copy of bytes of the key, a copy of a histogram, or
// a number that a term computes.
type column struct {
	field  *plan.Field
	absent uint64 // its bit of the row's absent word, 0 when there always is a value

	key    *plan.Field // of the key, or nil
	cell   *cell       // of the histogram, or nil
	number term

	every bool         // whether every row counts what it is made of
	forms []plan.Reach // of the keys of those that do, else
}

// newColumn checks one column against what it is made of.
func (t *Table) newColumn(p *plan.Plan, c *plan.Column, f *plan.Field) (column, error) {
	out := column{field: f}
	always := f.Bit >= 0
	if always {
		out.absent = 1 << f.Bit
	}
	switch {
	case c.Key >= 0:
		if c.Key >= len(t.key.Fields) {
			return column{}, fmt.Errorf("the key has no field %d", c.Key)
		}
		out.key = &t.key.Fields[c.Key]
		always = always || out.key.Bit < 0
		if out.key.Type.Size != f.Type.Size {
			return column{}, fmt.Errorf("%d bytes, its field of the key has %d", f.Type.Size, out.key.Type.Size)
		}
	case c.Expr == nil:
		return column{}, errors.New("neither of the key nor of cells")
	case f.Type.Kind == plan.Hist:
		if c.Expr.Op != plan.OpCell || c.Expr.Int < 0 || c.Expr.Int >= int64(len(t.cells)) {
			return column{}, errors.New("a histogram is one cell")
		}
		out.cell = &t.cells[c.Expr.Int]
		always = true
		if 8*out.cell.n != f.Type.Size || out.cell.kind != plan.Buckets {
			return column{}, fmt.Errorf("a histogram of %d bytes, its cell has %d", f.Type.Size, 8*out.cell.n)
		}
	default:
		var err error
		if out.number, err = t.compile(p, c.Expr); err != nil {
			return column{}, err
		}
		if shapeOf(c.Expr.Type) != shapeOf(f.Type) {
			return column{}, errors.New("an expression of another type than its field")
		}
		always = always || !t.lacking(c.Expr)
	}
	if c.Expr != nil {
		out.forms, out.every = p.Table.Reach(c.Expr)
		always = always && (out.every || f.Bit >= 0)
	}
	if !always {
		return column{}, errors.New("it may have no value, and has no bit to say so")
	}
	return out, nil
}

// write puts the column's value into a row and reports whether there is one. Without one
// the bytes stay as they are.
func (c *column) write(row []byte, e entry) bool {
	into := row[c.field.Offset:][:c.field.Type.Size]
	switch {
	case c.key != nil:
		if c.missing(e) {
			return false
		}
		copy(into, e.key[c.key.Offset:])
	case !c.reached(e):
		return false
	case c.cell != nil:
		for i, n := range e.values[c.cell.at:][:c.cell.n] {
			binary.NativeEndian.PutUint64(into[8*i:], n)
		}
	default:
		v, ok := c.number(e.values)
		if !ok {
			return false
		}
		putWord(into, v)
	}
	return true
}

// reached reports whether the entry's row counts all that the column is made of.
func (c *column) reached(e entry) bool {
	return c.every || slices.ContainsFunc(c.forms, func(r plan.Reach) bool { return r.Holds(e.absent) })
}

// missing reports whether the field of the key that the column copies has no value.
func (c *column) missing(e entry) bool { return c.key.Bit >= 0 && e.absent>>c.key.Bit&1 == 1 }

// putWord writes the low bytes of a number, as many as into has: 1, 2, 4 or 8.
func putWord(into []byte, v uint64) {
	switch len(into) {
	case 1:
		into[0] = byte(v)
	case 2:
		binary.NativeEndian.PutUint16(into, uint16(v))
	case 4:
		binary.NativeEndian.PutUint32(into, uint32(v))
	case 8:
		binary.NativeEndian.PutUint64(into, v)
	}
}
