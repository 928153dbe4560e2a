package aggregate

import (
	"fmt"
	"math"
	"slices"

	"github.com/ebgen/ebgen/spec/plan"
)

// term computes a number of an entry's value; without ok there is none. An integer is
// extended to 64 bits by its sign, a float is its IEEE 754 bits.
type term func(values []uint64) (v uint64, ok bool)

// shape is what arithmetic asks of a type.
type shape struct {
	float  bool
	size   int
	signed bool
	truth  bool // one byte, 0 or 1
}

func shapeOf(t plan.Type) shape {
	switch t.Kind {
	case plan.Float:
		return shape{float: true, size: 8}
	case plan.Bool:
		return shape{size: 1, truth: true}
	case plan.Pointer:
		return shape{size: 8}
	}
	return shape{size: t.Size, signed: t.Signed}
}

// checkNumber makes sure that t is a type of numbers.
func checkNumber(t plan.Type) error {
	numbers := []plan.Kind{plan.Int, plan.Enumer, plan.Bool, plan.Float, plan.Pointer}
	if s := shapeOf(t); slices.Contains(numbers, t.Kind) && slices.Contains([]int{1, 2, 4, 8}, s.size) && s.size == max(t.Size, s.size) {
		return nil
	}
	return fmt.Errorf("a value of kind %q with %d bytes is no number", t.Kind, t.Size)
}

// wrap cuts an integer to the shape's size and extends it again.
func (s shape) wrap(v uint64) uint64 {
	if s.truth {
		return truth(v != 0)
	}
	unused := 64 - 8*s.size
	if s.signed {
		return uint64(int64(v<<unused) >> unused)
	}
	return v << unused >> unused
}

func truth(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

// float returns a float as a term gives it. What is infinite or no number is no value:
// a mean of nothing.
func float(x float64) (uint64, bool) {
	return math.Float64bits(x), !math.IsInf(x, 0) && !math.IsNaN(x)
}

// arity is how many operands each operation of a column has.
var arity = map[plan.Op]int{
	plan.OpConst:    0,
	plan.OpCell:     0,
	plan.OpQuantile: 1,
	plan.OpCast:     1,
	plan.OpUnary:    1,
	plan.OpBinary:   2,
}

// compile turns an expression over cells into a term.
func (t *Table) compile(p *plan.Plan, e *plan.Expr) (term, error) {
	n, ok := arity[e.Op]
	switch {
	case !ok:
		return nil, fmt.Errorf("a column cannot hold the operation %q", e.Op)
	case n != len(e.Args):
		return nil, fmt.Errorf("%d operands for %q", len(e.Args), e.Op)
	}
	if err := checkNumber(e.Type); err != nil {
		return nil, err
	}
	switch e.Op {
	case plan.OpCell:
		return t.cell(e)
	case plan.OpQuantile:
		return t.quantile(p, e)
	}
	var operands []term
	for i := range e.Args {
		operand, err := t.compile(p, &e.Args[i])
		if err != nil {
			return nil, err
		}
		operands = append(operands, operand)
	}
	switch e.Op {
	case plan.OpCast:
		return cast(operands[0], shapeOf(e.Args[0].Type), shapeOf(e.Type)), nil
	case plan.OpUnary:
		return monadic(e.Name, operands[0], shapeOf(e.Type), shapeOf(e.Args[0].Type))
	case plan.OpBinary:
		return dyadic(e, operands[0], operands[1])
	}
	c := shapeOf(e.Type).wrap(uint64(e.Int))
	if e.Type.Kind == plan.Float {
		c = math.Float64bits(float64(e.Int))
	}
	return func([]uint64) (uint64, bool) { return c, true }, nil
}

// cell reads a cell that is one number.
func (t *Table) cell(e *plan.Expr) (term, error) {
	if e.Int < 0 || e.Int >= int64(len(t.cells)) {
		return nil, fmt.Errorf("there is no cell %d", e.Int)
	}
	c := t.cells[e.Int]
	s := shapeOf(e.Type)
	if c.kind == plan.Buckets || s.float {
		return nil, fmt.Errorf("cell %d, a %s, cannot be read as %s of %d bytes", e.Int, c.kind, e.Type.Kind, e.Type.Size)
	}
	if c.kind == plan.Least || c.kind == plan.Greatest {
		return func(v []uint64) (uint64, bool) { return s.wrap(v[c.at]), v[c.seen] != 0 }, nil
	}
	return func(v []uint64) (uint64, bool) { return s.wrap(v[c.at]), true }, nil
}

// cast converts as C does. A float that the integer cannot hold, for which C promises
// nothing, is no value.
func cast(x term, from, to shape) term {
	switch {
	case to.float && from.float:
		return x
	case to.float:
		return func(v []uint64) (uint64, bool) {
			n, ok := x(v)
			if from.signed {
				return math.Float64bits(float64(int64(n))), ok
			}
			return math.Float64bits(float64(n)), ok
		}
	case from.float && to.truth:
		return func(v []uint64) (uint64, bool) {
			n, ok := x(v)
			return truth(math.Float64frombits(n) != 0), ok
		}
	case from.float:
		return func(v []uint64) (uint64, bool) {
			n, ok := x(v)
			f := math.Trunc(math.Float64frombits(n))
			least, limit := to.bounds()
			if !ok || f < least || f >= limit {
				return 0, false
			}
			if to.signed {
				return uint64(int64(f)), true
			}
			return uint64(f), true
		}
	}
	return func(v []uint64) (uint64, bool) {
		n, ok := x(v)
		return to.wrap(n), ok
	}
}

// bounds returns the least integer of the shape and the first above all of them; both
// are powers of two or 0, hence exact.
func (s shape) bounds() (least, limit float64) {
	if s.signed {
		limit = math.Ldexp(1, 8*s.size-1)
		return -limit, limit
	}
	return 0, math.Ldexp(1, 8*s.size)
}

// lacking reports whether an expression over cells may have no value. Floats come of a
// division or go into one, and may leave their range.
func (t *Table) lacking(e *plan.Expr) bool {
	found := false
	e.Walk(func(e *plan.Expr) {
		switch e.Op {
		case plan.OpQuantile:
			found = true
		case plan.OpCell:
			kind := t.cells[e.Int].kind
			found = found || kind == plan.Least || kind == plan.Greatest
		case plan.OpCast:
			found = found || e.Args[0].Type.Kind == plan.Float && e.Type.Kind != plan.Float
		case plan.OpBinary:
			found = found || e.Name == "/" || e.Name == "%" || e.Type.Kind == plan.Float
		}
	})
	return found
}
