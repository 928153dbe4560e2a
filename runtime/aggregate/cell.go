package aggregate

import (
	"encoding/binary"
	"fmt"

	"github.com/ebgen/ebgen/spec/plan"
)

// cell is one aggregate of a value, in words from the value's start.
type cell struct {
	kind   plan.CellKind
	at, n  int // first word and how many
	seen   int // of a least or greatest: the word that is not 0 when there is a value
	signed bool
	hist   int // of buckets: index into Plan.Histograms plus one
}

// newCell finds a cell's words in the value of the table's map.
func newCell(c *plan.Cell, value *plan.Record) (cell, error) {
	field := func(i int) (*plan.Field, error) {
		if i < 0 || i >= len(value.Fields) || value.Fields[i].Offset%8 != 0 || value.Fields[i].Type.Size%8 != 0 {
			return nil, fmt.Errorf("field %d of the value is not of u64s", i)
		}
		return &value.Fields[i], nil
	}
	f, err := field(c.Field)
	if err != nil {
		return cell{}, err
	}
	out := cell{kind: c.Kind, at: f.Offset / 8, n: f.Type.Size / 8, signed: f.Type.Signed, hist: f.Type.Hist}
	switch c.Kind {
	case plan.Buckets:
		return out, nil
	case plan.Least, plan.Greatest:
		s, err := field(c.Seen)
		if err != nil {
			return cell{}, err
		}
		out.seen = s.Offset / 8
	case plan.Count, plan.Sum:
	default:
		return cell{}, fmt.Errorf("this ebgen does not know the aggregate %q", c.Kind)
	}
	if out.n != 1 {
		return cell{}, fmt.Errorf("a %s of %d bytes", c.Kind, f.Type.Size)
	}
	return out, nil
}

// merge puts the cell's part of one CPU's value into that of an entry. Counts and sums
// wrap around as they do in the kernel.
func (c *cell) merge(into []uint64, value []byte) {
	word := func(i int) uint64 { return binary.NativeEndian.Uint64(value[8*i:]) }
	switch c.kind {
	case plan.Count, plan.Sum:
		into[c.at] += word(c.at)
	case plan.Buckets:
		for i := c.at; i < c.at+c.n; i++ {
			into[i] += word(i)
		}
	case plan.Least, plan.Greatest:
		if word(c.seen) == 0 {
			return
		}
		v := word(c.at)
		if into[c.seen] == 0 || c.before(v, into[c.at]) == (c.kind == plan.Least) {
			into[c.at] = v
		}
		into[c.seen] = 1
	}
}

// before reports whether a is less than b as numbers of the cell's sign.
func (c *cell) before(a, b uint64) bool {
	if c.signed {
		return int64(a) < int64(b)
	}
	return a < b
}
