package c

import (
	"fmt"
	"math"
	"strings"

	"github.com/ebgen/ebgen/spec/plan"
)

// Precedences of C's operators, loosest first (C11 6.5).
const (
	precCond = iota
	precOr
	precAnd
	precBitOr
	precBitXor
	precBitAnd
	precEqual
	precCompare
	precShift
	precAdd
	precMultiply
	precUnary
	precPrimary
)

// value is an expression of C.
type value struct {
	text    string
	prec    int
	typ     ctype
	literal bool // an integer constant: n
	n       int64
	inverse string // of a comparison: the text of its negation
	word    bool   // a variable that holds what was read; zero when that failed
}

func primary(text string, t ctype) value { return value{text: text, prec: precPrimary, typ: t} }

// in writes v where an operator wants at least precedence prec.
func (v value) in(prec int) string {
	if v.prec < prec {
		return "(" + v.text + ")"
	}
	return v.text
}

// not writes the negation of a condition.
func (v value) not() string {
	if v.inverse != "" {
		return v.inverse
	}
	if rest, ok := strings.CutPrefix(v.text, "!"); ok && v.prec == precUnary {
		return rest
	}
	return "!" + v.in(precUnary)
}

// operators has each binary operator's precedence, its operands' (an operand that binds
// looser gets parentheses) and what negates it. Bit operations, shifts and comparisons
// do not go bare into one another: -Wparentheses, and readers, stumble over them.
var operators = map[string]struct {
	prec, left, right int
	inverse           string
}{
	"*":  {precMultiply, precMultiply, precUnary, ""},
	"/":  {precMultiply, precMultiply, precUnary, ""},
	"%":  {precMultiply, precMultiply, precUnary, ""},
	"+":  {precAdd, precAdd, precMultiply, ""},
	"-":  {precAdd, precAdd, precMultiply, ""},
	"<<": {precShift, precUnary, precUnary, ""},
	">>": {precShift, precUnary, precUnary, ""},
	"<":  {precCompare, precAdd, precAdd, ">="},
	">":  {precCompare, precAdd, precAdd, "<="},
	"<=": {precCompare, precAdd, precAdd, ">"},
	">=": {precCompare, precAdd, precAdd, "<"},
	"==": {precEqual, precAdd, precAdd, "!="},
	"!=": {precEqual, precAdd, precAdd, "=="},
	"&":  {precBitAnd, precUnary, precUnary, ""},
	"^":  {precBitXor, precUnary, precUnary, ""},
	"|":  {precBitOr, precUnary, precUnary, ""},
	"&&": {precAnd, precEqual, precEqual, ""},
	"||": {precOr, precEqual, precEqual, ""},
}

// chains are the operators whose left operand may be the same operation, bare.
var chains = map[string]bool{"&": true, "^": true, "|": true, "&&": true, "||": true}

// join writes `l op r` of type t. Both operands are written already as C shall take
// them; leftOp is the operator that l was made with, if any.
func join(op string, l, r value, t ctype) value {
	o := operators[op]
	left := o.left
	if chains[op] && l.prec == o.prec {
		left = o.prec
	}
	v := value{text: l.in(left) + " " + op + " " + r.in(o.right), prec: o.prec, typ: t}
	if o.inverse != "" {
		v.inverse = l.in(left) + " " + o.inverse + " " + r.in(o.right)
	}
	return v
}

// promoted is C's integer promotion (C11 6.3.1.1).
func promoted(t ctype) ctype {
	if t.size < 4 {
		return s32
	}
	return integer(t.size, t.signed)
}

// balanced is C's usual arithmetic conversion (C11 6.3.1.8).
func balanced(a, b ctype) ctype {
	a, b = promoted(a), promoted(b)
	switch {
	case a.size > b.size:
		return a
	case b.size > a.size:
		return b
	}
	return integer(a.size, a.signed && b.signed)
}

// suffixes make a constant's type what is wanted, where its value alone would not.
var suffixes = map[string]string{"u32": "U", "s64": "LL", "u64": "ULL"}

// literal writes n as a constant of type int where it fits, else with the suffix of t.
func literal(n int64, t ctype, hex bool) value {
	natural := n >= math.MinInt32 && n <= math.MaxInt32 && (t.signed || n >= 0 || t.size == 0)
	if natural {
		return number(n, s32, hex)
	}
	if t.size < 4 {
		t = s32
	}
	return number(n, integer(t.size, t.signed), hex)
}

// number writes n as a constant of type t, which is as wide as int or wider.
func number(n int64, t ctype, hex bool) value {
	suffix := suffixes[t.name]
	v := value{prec: precPrimary, typ: t, literal: true, n: n}
	switch {
	case t.signed && (n == math.MinInt64 || t.size == 4 && n == math.MinInt32):
		// C has no negative constants, and the positive one does not fit.
		v.text, v.prec = fmt.Sprintf("(%d%s - 1)", n+1, suffix), precPrimary
	case t.signed && n < 0:
		v.text, v.prec = fmt.Sprintf("%d%s", n, suffix), precUnary
	default:
		u := uint64(n)
		if t.size == 4 {
			u = uint64(uint32(n))
		}
		format := "%d%s"
		if hex && u > 9 {
			format = "0x%x%s"
		}
		v.text = fmt.Sprintf(format, u, suffix)
	}
	return v
}

// cast converts v to t, by C's rules, with an explicit cast where v has another type.
func cast(v value, t ctype) value {
	switch {
	case v.typ.name == t.name:
		return v
	case t.name == "bool":
		return join("!=", v, number(0, s32, false), s32)
	case v.literal && t.size >= 4:
		if t == s32 || t == u32 {
			v.n = truncated(v.n, t)
		}
		return number(v.n, t, strings.HasPrefix(v.text, "0x"))
	case !t.number() && v.typ.number() && v.typ.size < 8:
		v = cast(v, u64) // a pointer is made of a number as wide as it
	case t.number() && !v.typ.number() && t.size < 8:
		v = cast(v, u64)
	}
	return value{text: "(" + t.name + ")" + v.in(precUnary), prec: precUnary, typ: t}
}

// truncated is n as a value of a type of 4 bytes.
func truncated(n int64, t ctype) int64 {
	if t.signed {
		return int64(int32(n))
	}
	return int64(uint32(n))
}

// stripped is the operand without its outer cast, when C converts by itself to t. A
// cast from a signed to an unsigned type stays: what it does is worth reading.
func (b *body) stripped(e *plan.Expr, t ctype) *plan.Expr {
	if e.Op != plan.OpCast || e.Type.Kind == plan.Bool || !isNumber(e.Args[0].Type) {
		return nil
	}
	from, to := b.typeOf(e.Args[0].Type), b.typeOf(e.Type)
	if to != t || from.signed && !t.signed {
		return nil
	}
	return &e.Args[0]
}

func isNumber(t plan.Type) bool {
	return t.Kind == plan.Int || t.Kind == plan.Enumer || t.Kind == plan.Bool || t.Kind == plan.Stack
}

// arithmetic writes a binary operation whose operands C must see as being of type t.
func (b *body) arithmetic(op string, x, y *plan.Expr, t, result ctype) value {
	hex := strings.Contains("&^|", op)
	l, r := b.operand(x, t, hex), b.operand(y, t, hex)
	if balanced(l.typ, r.typ) != t {
		if r.literal && t.size >= 4 {
			r = cast(r, t)
		} else if l.literal && t.size >= 4 {
			l = cast(l, t)
		}
	}
	if balanced(l.typ, r.typ) != t && t.size >= 4 {
		l = cast(l, t)
	}
	if balanced(l.typ, r.typ) != t && t.size >= 4 {
		r = cast(r, t)
	}
	v := join(op, l, r, result)
	if result.name == t.name && t.size < 4 {
		v.typ = s32
		v = cast(v, t)
	}
	return v
}

// operand evaluates an operand without a cast that C does by itself.
func (b *body) operand(e *plan.Expr, t ctype, hex bool) value {
	if inner := b.stripped(e, t); inner != nil {
		e = inner
	}
	if e.Op == plan.OpConst && e.Name == "" {
		return literal(e.Int, b.typeOf(e.Type), hex)
	}
	return b.scalar(e)
}
