package aggregate

import (
	"fmt"
	"math"

	"github.com/ebgen/ebgen/spec/plan"
)

// integers holds what each operator does to two u64s and two s64s; without ok there is
// no result. Bits that leave the operands' type are cut off afterwards.
var integers = map[string]struct {
	unsigned func(x, y uint64) (uint64, bool)
	signed   func(x, y int64) (uint64, bool) // nil where it is the same
}{
	"*":   {func(x, y uint64) (uint64, bool) { return x * y, true }, nil},
	"+":   {func(x, y uint64) (uint64, bool) { return x + y, true }, nil},
	"-":   {func(x, y uint64) (uint64, bool) { return x - y, true }, nil},
	"&":   {func(x, y uint64) (uint64, bool) { return x & y, true }, nil},
	"|":   {func(x, y uint64) (uint64, bool) { return x | y, true }, nil},
	"^":   {func(x, y uint64) (uint64, bool) { return x ^ y, true }, nil},
	"==":  {func(x, y uint64) (uint64, bool) { return truth(x == y), true }, nil},
	"!=":  {func(x, y uint64) (uint64, bool) { return truth(x != y), true }, nil},
	"<":   {func(x, y uint64) (uint64, bool) { return truth(x < y), true }, func(x, y int64) (uint64, bool) { return truth(x < y), true }},
	"<=":  {func(x, y uint64) (uint64, bool) { return truth(x <= y), true }, func(x, y int64) (uint64, bool) { return truth(x <= y), true }},
	">":   {func(x, y uint64) (uint64, bool) { return truth(x > y), true }, func(x, y int64) (uint64, bool) { return truth(x > y), true }},
	">=":  {func(x, y uint64) (uint64, bool) { return truth(x >= y), true }, func(x, y int64) (uint64, bool) { return truth(x >= y), true }},
	"min": {func(x, y uint64) (uint64, bool) { return min(x, y), true }, func(x, y int64) (uint64, bool) { return uint64(min(x, y)), true }},
	"max": {func(x, y uint64) (uint64, bool) { return max(x, y), true }, func(x, y int64) (uint64, bool) { return uint64(max(x, y)), true }},
	"/": {
		func(x, y uint64) (uint64, bool) { return x / max(y, 1), y != 0 },
		func(x, y int64) (uint64, bool) {
			if y == 0 {
				return 0, false
			}
			return uint64(x / y), true
		},
	},
	"%": {
		func(x, y uint64) (uint64, bool) { return x % max(y, 1), y != 0 },
		func(x, y int64) (uint64, bool) {
			if y == 0 {
				return 0, false
			}
			return uint64(x % y), true
		},
	},
}

// floats holds the operators on floats; comparisons give 0 or 1 and not a float.
var floats = map[string]func(x, y float64) (uint64, bool){
	"*":   func(x, y float64) (uint64, bool) { return float(x * y) },
	"/":   func(x, y float64) (uint64, bool) { return float(x / y) },
	"+":   func(x, y float64) (uint64, bool) { return float(x + y) },
	"-":   func(x, y float64) (uint64, bool) { return float(x - y) },
	"min": func(x, y float64) (uint64, bool) { return float(min(x, y)) },
	"max": func(x, y float64) (uint64, bool) { return float(max(x, y)) },
	"==":  func(x, y float64) (uint64, bool) { return truth(x == y), true },
	"!=":  func(x, y float64) (uint64, bool) { return truth(x != y), true },
	"<":   func(x, y float64) (uint64, bool) { return truth(x < y), true },
	"<=":  func(x, y float64) (uint64, bool) { return truth(x <= y), true },
	">":   func(x, y float64) (uint64, bool) { return truth(x > y), true },
	">=":  func(x, y float64) (uint64, bool) { return truth(x >= y), true },
}

// dyadic computes an operator on two terms. The checker has brought both operands to one
// type, but for the count of a shift.
func dyadic(e *plan.Expr, x, y term) (term, error) {
	from, to := shapeOf(e.Args[0].Type), shapeOf(e.Type)
	switch e.Name {
	case "&&", "||":
		if from.float || shapeOf(e.Args[1].Type).float {
			return nil, fmt.Errorf("no operator %q on floats", e.Name)
		}
		return logical(e.Name == "&&", x, y), nil
	case "<<", ">>":
		return shift(e, x, y)
	}
	if from != shapeOf(e.Args[1].Type) {
		return nil, fmt.Errorf("operands of two types for %q", e.Name)
	}
	if from.float {
		op := floats[e.Name]
		if op == nil {
			return nil, fmt.Errorf("no operator %q on floats", e.Name)
		}
		return both(x, y, func(x, y uint64) (uint64, bool) {
			return op(math.Float64frombits(x), math.Float64frombits(y))
		}), nil
	}
	op, ok := integers[e.Name]
	if !ok || to.float {
		return nil, fmt.Errorf("no operator %q on integers", e.Name)
	}
	apply := op.unsigned
	if from.signed && op.signed != nil {
		apply = func(x, y uint64) (uint64, bool) { return op.signed(int64(x), int64(y)) }
	}
	return both(x, y, func(x, y uint64) (uint64, bool) {
		v, ok := apply(x, y)
		return to.wrap(v), ok
	}), nil
}

// both applies an operator where both operands have a value.
func both(x, y term, apply func(x, y uint64) (uint64, bool)) term {
	return func(values []uint64) (uint64, bool) {
		a, ok := x(values)
		if !ok {
			return 0, false
		}
		b, ok := y(values)
		if !ok {
			return 0, false
		}
		return apply(a, b)
	}
}

// logical evaluates the right side only when the left does not decide, as in C.
func logical(and bool, x, y term) term {
	return func(values []uint64) (uint64, bool) {
		a, ok := x(values)
		if !ok || (a != 0) != and {
			return truth(a != 0), ok
		}
		b, ok := y(values)
		return truth(b != 0), ok
	}
}

// shift masks the count as the tracer's C does: by 63, or 31 for what C computes in an int.
func shift(e *plan.Expr, x, y term) (term, error) {
	to := shapeOf(e.Type)
	if to.float || shapeOf(e.Args[0].Type) != to || shapeOf(e.Args[1].Type).float {
		return nil, fmt.Errorf("no operator %q on these types", e.Name)
	}
	mask := uint64(8*max(to.size, 4) - 1)
	left := e.Name == "<<"
	return both(x, y, func(x, y uint64) (uint64, bool) {
		switch {
		case left:
			return to.wrap(x << (y & mask)), true
		case to.signed:
			return uint64(int64(x) >> (y & mask)), true
		}
		return x >> (y & mask), true
	}), nil
}

// monadic computes - ~ or !.
func monadic(name string, x term, to, from shape) (term, error) {
	var apply func(uint64) uint64
	switch {
	case name == "-" && from.float && to.float:
		apply = func(v uint64) uint64 { return math.Float64bits(-math.Float64frombits(v)) }
	case from.float || to.float:
		return nil, fmt.Errorf("no operator %q on floats", name)
	case name == "-":
		apply = func(v uint64) uint64 { return to.wrap(-v) }
	case name == "~":
		apply = func(v uint64) uint64 { return to.wrap(^v) }
	case name == "!":
		apply = func(v uint64) uint64 { return truth(v == 0) }
	default:
		return nil, fmt.Errorf("no operator %q", name)
	}
	return func(values []uint64) (uint64, bool) {
		v, ok := x(values)
		return apply(v), ok
	}, nil
}
