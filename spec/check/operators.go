package check

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/ebgen/ebgen/spec/expr"
	"github.com/ebgen/ebgen/spec/ktype"
	"github.com/ebgen/ebgen/spec/plan"
)

// integral reports whether t is a number to the operators of C.
func integral(t plan.Type) bool {
	return t.Kind == plan.Int || t.Kind == plan.Bool || t.Kind == plan.Enumer
}

// promote is C's integer promotion (C11 6.3.1.1): what is narrower than int is int.
func promote(t plan.Type) plan.Type {
	if t.Kind == plan.Bool || t.Size < 4 {
		return plan.Type{Kind: plan.Int, Size: 4, Signed: true, Meaning: t.Meaning}
	}
	return plan.Type{Kind: plan.Int, Size: t.Size, Signed: t.Signed, Meaning: t.Meaning}
}

// balance is C's usual arithmetic conversion (C11 6.3.1.8).
func balance(a, b plan.Type) plan.Type {
	a, b = promote(a), promote(b)
	a.Meaning, b.Meaning = plan.Plain, plan.Plain
	switch {
	case a.Size > b.Size:
		return a
	case b.Size > a.Size:
		return b
	case a.Signed:
		return b
	}
	return a
}

// holding is the least type that holds every value of both, for what is fed from several
// places: it never turns a negative number into a large one, as balance does. natural says
// of each that no negative number is among its values. It reports false where there is no
// such type: of an unsigned number of 64 bits and a negative one.
func holding(a, b plan.Type, naturalA, naturalB bool) (plan.Type, bool) {
	if naturalA && naturalB || a.Signed && b.Signed {
		return balance(a, b), true
	}
	size := 4
	for _, t := range []plan.Type{a, b} {
		if t.Signed {
			size = max(size, t.Size)
		} else {
			size = max(size, 2*t.Size)
		}
	}
	return plan.Type{Kind: plan.Int, Size: min(size, 8), Signed: true}, size <= 8
}

// natural reports whether e is never negative, whatever its type says.
func (b *body) natural(e plan.Expr) bool {
	all := func(list ...plan.Expr) bool {
		return !slices.ContainsFunc(list, func(e plan.Expr) bool { return !b.natural(e) })
	}
	switch {
	case !e.Type.Signed:
		return true
	case e.Op == plan.OpConst:
		return e.Int >= 0
	case e.Op == plan.OpCast:
		return e.Type.Size >= e.Args[0].Type.Size && (e.Type.Size > e.Args[0].Type.Size || e.Args[0].Type.Signed) && all(e.Args[0])
	case e.Op == plan.OpCond:
		return all(e.Args[1:]...)
	case e.Op == plan.OpDefault, e.Op == plan.OpBinary && e.Name != "-":
		return all(e.Args...)
	case e.Op == plan.OpEntry:
		f := b.maps[e.Int].field(e.Name)
		return f != nil && f.natural
	case e.Op == plan.OpKept:
		f := b.checker.span.field(e.Name)
		return f != nil && f.natural
	}
	return false
}

// convert makes e a value of type to; a constant just changes its type.
func (b *body) convert(e plan.Expr, to plan.Type) plan.Expr {
	to.BigEndian = false
	same := e.Type
	same.User = to.User
	same.Meaning, same.Enum = to.Meaning, to.Enum
	if same == to {
		e.Type = to
		return e
	}
	if e.Op == plan.OpConst && fits(e.Int, e.Type, to) {
		e.Type = to
		return e
	}
	return plan.Expr{Op: plan.OpCast, Type: to, Line: e.Line, Args: []plan.Expr{e}}
}

// fits reports whether the constant v of type from is a value of the integer type to.
func fits(v int64, from, to plan.Type) bool {
	if !integral(to) || to.Kind == plan.Bool {
		return false
	}
	if v < 0 && !from.Signed && from.Size == 8 { // a u64 above the signed range
		return to.Size == 8 && !to.Signed
	}
	bits := uint(8 * to.Size)
	if to.Signed {
		return bits == 64 || (v >= -1<<(bits-1) && v < 1<<(bits-1))
	}
	return v >= 0 && (bits == 64 || v < 1<<bits)
}

func (b *body) unary(n *expr.Unary) operand {
	if n.Op == "&" {
		o := b.infer(n.X)
		if o.valid && !o.place {
			return b.fail(n.X, "%s has no address: it is %s", expr.Print(n.X), describe(o))
		}
		if !o.valid {
			return o
		}
		return b.address(o)
	}
	o := b.inferValue(n.X)
	if !o.valid {
		return o
	}
	if n.Op == "*" {
		if o.place && o.kind.Kind == ktype.Array {
			o = b.address(o)
			o.elem = o.elem.Elem()
		}
		if o.expr.Type.Kind != plan.Pointer {
			return b.fail(n.X, "%s is %s, not a pointer", expr.Print(n.X), describe(o))
		}
		return operand{valid: true, place: true, root: o.elem, base: o.expr, kind: o.elem}
	}
	if n.Op == "!" {
		c, ok := b.condition(n.X, o)
		if !ok {
			return operand{}
		}
		return value(plan.Expr{Op: plan.OpUnary, Type: boolean, Line: b.line, Name: "!", Args: []plan.Expr{c}})
	}
	if o.counted() && n.Op == "-" {
		return b.overCells(&expr.Binary{At: n.At, Op: "-", OpAt: n.At, X: n.X, Y: n.X}, constant(0, s64), o)
	}
	if o.place || !integral(o.expr.Type) {
		return b.fail(n.X, "%s wants a number, %s is %s", n.Op, expr.Print(n.X), describe(o))
	}
	if n.Op == "+" {
		return o
	}
	if n.Op == "-" && o.expr.Op == plan.OpConst && o.expr.Int > 0 {
		o.expr.Int, o.expr.Type.Signed, o.expr.Name = -o.expr.Int, true, ""
		return o
	}
	t := promote(o.expr.Type)
	return value(plan.Expr{Op: plan.OpUnary, Type: t, Line: b.line, Name: n.Op, Args: []plan.Expr{b.convert(o.expr, t)}})
}

// operators says what each binary operator takes and gives.
var operators = map[string]func(*body, *expr.Binary, operand, operand) operand{
	"*": (*body).arithmetic, "/": (*body).arithmetic, "%": (*body).arithmetic,
	"+": (*body).arithmetic, "-": (*body).arithmetic,
	"&": (*body).arithmetic, "^": (*body).arithmetic, "|": (*body).arithmetic,
	"<<": (*body).shift, ">>": (*body).shift,
	"<": (*body).compare, "<=": (*body).compare, ">": (*body).compare, ">=": (*body).compare,
	"==": (*body).compare, "!=": (*body).compare,
	"&&": (*body).logical, "||": (*body).logical,
}

func (b *body) binary(n *expr.Binary) operand {
	if n.Op == "??" {
		return b.orElse(n)
	}
	x, y := b.inferValue(n.X), b.inferValue(n.Y)
	if !x.valid || !y.valid {
		if id, ok := n.Y.(*expr.Ident); ok && x.valid && x.expr.Type.Kind == plan.String && y.complaint != nil {
			y.hint("a text stands in quotes: %q", id.Name)
		}
		return operand{}
	}
	if x.counted() || y.counted() {
		return b.overCells(n, x, y)
	}
	return operators[n.Op](b, n, x, y)
}

func (b *body) arithmetic(n *expr.Binary, x, y operand) operand {
	if p, i := x, y; n.Op == "+" || n.Op == "-" {
		if n.Op == "+" && !p.place && !y.place && integral(p.expr.Type) && y.expr.Type.Kind == plan.Pointer {
			p, i = y, x
		}
		if !p.place && !i.place && p.expr.Type.Kind == plan.Pointer && integral(i.expr.Type) {
			return b.offset(n, p, i)
		}
		if n.Op == "-" && !x.place && !y.place && x.expr.Type.Kind == plan.Pointer && y.expr.Type.Kind == plan.Pointer {
			x, y = value(b.convert(x.expr, u64)), value(b.convert(y.expr, u64)) // bytes between two addresses
		}
	}
	if !b.numbers(n, x, y) {
		return operand{}
	}
	t := b.meet(&x, &y)
	t.Meaning = combine(n.Op, x.expr.Type.Meaning, y.expr.Type.Meaning)
	t.User = t.Size == 8 && (x.expr.Type.User || y.expr.Type.User) && strings.Contains("+-&|", n.Op) // an address moved
	return value(plan.Expr{Op: plan.OpBinary, Type: t, Line: b.line, Name: n.Op, Args: []plan.Expr{b.convert(x.expr, t), b.convert(y.expr, t)}})
}

// offset is pointer arithmetic, in elements as in C.
func (b *body) offset(n *expr.Binary, p, i operand) operand {
	if p.elem.Size == 0 {
		return b.fail(n, "%s leads to something of unknown size", describe(p)).hint("cast it first: (u8 *) counts in bytes")
	}
	if n.Op == "-" {
		t := s64
		i.expr = plan.Expr{Op: plan.OpUnary, Type: t, Line: b.line, Name: "-", Args: []plan.Expr{b.convert(i.expr, t)}}
	}
	at := b.element(p.expr, i, p.elem)
	return operand{valid: true, expr: at.base, elem: p.elem}
}

// meet gives two numbers their common type; a constant beside a variable takes the
// variable's type when it fits.
func (b *body) meet(x, y *operand) plan.Type {
	for _, pair := range [][2]*operand{{x, y}, {y, x}} {
		c, v := pair[0], pair[1]
		to := promote(v.expr.Type)
		if c.expr.Op == plan.OpConst && v.expr.Op != plan.OpConst && fits(c.expr.Int, c.expr.Type, to) {
			m := c.expr.Type.Meaning
			c.expr.Type = to
			c.expr.Type.Meaning = m
			to.Meaning = plan.Plain
			return to
		}
	}
	return balance(x.expr.Type, y.expr.Type)
}

// combine says what the result of an operator means: the difference of two instants
// is a duration, a duration and a number stay a duration.
func combine(op string, x, y plan.Meaning) plan.Meaning {
	switch {
	case op == "-" && x == plan.Time && y == plan.Time:
		return plan.Duration
	case op == "/" && x == y:
		return plan.Plain
	case op == "%" || op == "&" || op == "|" || op == "^":
		return x
	case x == y || y == plan.Plain:
		return x
	case x == plan.Plain && op != "/":
		return y
	case x == plan.Time && y == plan.Duration:
		return plan.Time
	}
	return plan.Plain
}

func (b *body) shift(n *expr.Binary, x, y operand) operand {
	if !b.numbers(n, x, y) {
		return operand{}
	}
	t := promote(x.expr.Type)
	if by, ok := constantInt(y); ok && (by < 0 || by >= int64(8*t.Size)) {
		return b.fail(n.Y, "a shift by %d leaves nothing of %d bits", by, 8*t.Size)
	}
	return value(plan.Expr{Op: plan.OpBinary, Type: t, Line: b.line, Name: n.Op, Args: []plan.Expr{b.convert(x.expr, t), b.convert(y.expr, u32)}})
}

// numbers reports whether both operands are numbers, and complains about the first
// that is not.
func (b *body) numbers(n *expr.Binary, x, y operand) bool {
	for _, side := range []struct {
		node expr.Node
		o    operand
	}{{n.X, x}, {n.Y, y}} {
		if side.o.place || !integral(side.o.expr.Type) {
			b.fail(side.node, "%s wants numbers, %s is %s", n.Op, expr.Print(side.node), describe(side.o))
			return false
		}
	}
	return true
}

func (b *body) compare(n *expr.Binary, x, y operand) operand {
	x, y = b.text(x), b.text(y)
	if !b.addressText(n.Y, x, &y) || !b.addressText(n.X, y, &x) {
		return operand{}
	}
	result := func(x, y plan.Expr) operand {
		return value(plan.Expr{Op: plan.OpBinary, Type: boolean, Line: b.line, Name: n.Op, Args: []plan.Expr{x, y}})
	}
	if x.place || y.place {
		side, o := n.X, x
		if y.place {
			side, o = n.Y, y
		}
		return b.fail(side, "%s is %s, which cannot be compared", expr.Print(side), describe(o)).hint("name one of its members")
	}
	a, c := x.expr.Type, y.expr.Type
	b.hardlyMeant(n, x, y)
	if (n.Op == "==" || n.Op == "!=") && (b.noValue(n.Op, n.X, n.Y, x, y) || b.noValue(n.Op, n.Y, n.X, y, x)) {
		return operand{}
	}
	switch {
	case a.Kind == plan.String && c.Kind == plan.String, a.Kind == plan.IP && c.Kind == plan.IP:
		if n.Op != "==" && n.Op != "!=" {
			return b.fail(n.OpAt, "%s are equal or not; %s does not order them", plural(a.Kind), n.Op)
		}
		if constantText(x) && !constantText(y) {
			x, y = y, x
		}
		if constantText(x) && constantText(y) {
			return b.fail(n, "both sides of %s are constants", n.Op)
		}
		if b.tooLong(n.X, n.Y, x, y) || b.tooLong(n.Y, n.X, y, x) {
			return operand{}
		}
		return result(x.expr, y.expr)
	case a.Kind == plan.Pointer && c.Kind == plan.Pointer, a.Kind == plan.Pointer && integral(c), integral(a) && c.Kind == plan.Pointer:
		return result(b.convert(x.expr, u64), b.convert(y.expr, u64))
	case integral(a) && a.Kind == c.Kind && a.Size == c.Size && a.Signed == c.Signed:
		return result(x.expr, y.expr)
	case integral(a) && integral(c):
		t := b.meet(&x, &y)
		pa, pc := promote(x.expr.Type), promote(y.expr.Type)
		if pa.Signed != pc.Signed && !t.Signed {
			if t.Size < 8 {
				t = s64 // exact for both, where C would turn -1 into 4294967295
			} else if x.expr.Type.Signed || y.expr.Type.Signed {
				b.warn(n.OpAt, "%s compares a signed with an unsigned number of 64 bits as unsigned: a negative one is larger than all others", n.Op)
			}
		}
		if b.alwaysSame(n, x, y) {
			return operand{}
		}
		return result(b.convert(x.expr, t), b.convert(y.expr, t))
	}
	return b.fail(n, "%s compares %s with %s", n.Op, describe(x), describe(y)).hint("%s", b.compareHint(n, x, y))
}

// addressText takes a constant text beside an address for an address.
func (b *body) addressText(n expr.Node, beside operand, o *operand) bool {
	if beside.expr.Type.Kind != plan.IP || beside.place || !constantText(*o) || o.expr.Type.Kind != plan.String {
		return true
	}
	addr, err := netip.ParseAddr(o.expr.Name)
	if err != nil || addr.Zone() != "" {
		f := b.fail(n, "%s is not an IP address", expr.Print(n))
		if _, err := netip.ParsePrefix(o.expr.Name); err == nil {
			f.hint("a network is a parameter: params: {net: {type: cidr, default: %s}} and x in $net", o.expr.Name)
		}
		return false
	}
	o.expr.Name, o.expr.Type = addr.String(), plan.Type{Kind: plan.IP, Size: 16}
	return true
}

// alwaysSame refuses a comparison with a constant outside the range of the other
// side's type, which would hold always or never.
func (b *body) alwaysSame(n *expr.Binary, x, y operand) bool {
	for _, side := range []struct {
		c, v  operand
		cNode expr.Node
		vNode expr.Node
	}{{x, y, n.X, n.Y}, {y, x, n.Y, n.X}} {
		c, ok := constantInt(side.c)
		v := side.v.expr.Type
		if !ok || side.v.expr.Op == plan.OpConst || v.Kind == plan.Bool || v.Kind == plan.Enumer {
			continue
		}
		if !fits(c, side.c.expr.Type, v) {
			b.fail(side.cNode, "%s can never be %s: it is %s", expr.Print(side.vNode), expr.Print(side.cNode), describe(side.v))
			return true
		}
	}
	return false
}

func (b *body) compareHint(n *expr.Binary, x, y operand) string {
	if x.expr.Type.Kind == plan.Pointer && y.expr.Type.Kind == plan.String {
		return fmt.Sprintf("str(%s) reads the string", expr.Print(n.X))
	}
	if x.enum != nil && constantText(y) {
		return nameHint(n.Op, expr.Print(n.X), x.enum, y.expr.Name)
	}
	if integral(x.expr.Type) && constantText(y) && b.isNumber(y.expr.Name) {
		return fmt.Sprintf("without quotes: %s %s %s", expr.Print(n.X), n.Op, y.expr.Name)
	}
	return ""
}

// isNumber reports whether a text would be a number if it had no quotes around it.
func (b *body) isNumber(text string) bool {
	if _, err := strconv.ParseInt(text, 0, 64); err == nil {
		return true
	}
	_, known := b.kernel.Constant(text)
	_, macro := ktype.Macro(b.arch, text)
	return known || macro
}

func (b *body) logical(n *expr.Binary, x, y operand) operand {
	cx, okx := b.condition(n.X, x)
	cy, oky := b.condition(n.Y, y)
	if !okx || !oky {
		return operand{}
	}
	return value(plan.Expr{Op: plan.OpBinary, Type: boolean, Line: b.line, Name: n.Op, Args: []plan.Expr{cx, cy}})
}

// condition makes an operand something that holds or does not: numbers and pointers
// hold when they are not zero, as in C.
func (b *body) condition(n expr.Node, o operand) (plan.Expr, bool) {
	if !o.valid {
		return plan.Expr{}, false
	}
	if o.place || !(integral(o.expr.Type) || o.expr.Type.Kind == plan.Pointer) {
		b.fail(n, "a condition is wanted, %s is %s", expr.Print(n), describe(o))
		return plan.Expr{}, false
	}
	if o.expr.Type.Kind == plan.Bool {
		return o.expr, true
	}
	e := o.expr
	zero := plan.Expr{Op: plan.OpConst, Type: e.Type, Line: b.line}
	if e.Type.Kind == plan.Pointer {
		e = b.convert(e, u64)
		zero.Type = u64
	}
	return plan.Expr{Op: plan.OpBinary, Type: boolean, Line: b.line, Name: "!=", Args: []plan.Expr{e, zero}}, true
}

// conditional is C's ?: and the function if(): one arm is evaluated.
func (b *body) conditional(n, cond, then, other expr.Node) operand {
	c := b.inferValue(cond)
	x, y := b.textual(then), b.textual(other)
	test, ok := b.condition(cond, c)
	if !ok || !x.valid || !y.valid {
		return operand{}
	}
	x, y, ok = b.unify(n, x, y)
	if !ok {
		return operand{}
	}
	out := x
	if x.enum == nil {
		out.enum = y.enum
	}
	out.expr = plan.Expr{Op: plan.OpCond, Type: x.expr.Type, Line: b.line, Args: []plan.Expr{test, x.expr, y.expr}}
	return out
}

// isNull reports whether o is the constant 0.
func isNull(o operand) bool {
	v, ok := constantInt(o)
	return ok && v == 0
}

// either is the common type of two numbers one of which is taken. It holds both where any
// type does, so that a negative one is not taken for a large one.
func (b *body) either(n expr.Node, x, y *operand) plan.Type {
	t := b.meet(x, y)
	if x.expr.Type.Signed == y.expr.Type.Signed || t.Signed {
		return t
	}
	wide, ok := holding(x.expr.Type, y.expr.Type, b.natural(x.expr), b.natural(y.expr))
	if !ok && b.certain {
		return t
	}
	if !ok {
		b.warn(n, "one of the two numbers may be negative, the other one is a u64: a negative one becomes a very large one").Hint = "a cast to s64 of the other one keeps it"
		return t
	}
	return wide
}

// unify gives two values that stand for one another the same type.
func (b *body) unify(n expr.Node, x, y operand) (operand, operand, bool) {
	if x.place || y.place {
		o := x
		if y.place {
			o = y
		}
		b.fail(n, "%s is no value: name one of its members", describe(o))
		return x, y, false
	}
	a, c := &x.expr.Type, &y.expr.Type
	switch {
	case integral(*a) && integral(*c):
		t := b.either(n, &x, &y)
		if a.Kind == plan.Bool && c.Kind == plan.Bool {
			t = boolean
		}
		t.Meaning = a.Meaning
		if t.Meaning == plan.Plain {
			t.Meaning = c.Meaning
		}
		x.expr, y.expr = b.convert(x.expr, t), b.convert(y.expr, t)
	case a.Kind == plan.String && c.Kind == plan.String:
		a.Size = max(a.Size, c.Size)
		c.Size = a.Size
	case a.Kind == plan.Pointer && isNull(y):
		y.expr, y.elem = plan.Expr{Op: plan.OpCast, Type: *a, Line: b.line, Args: []plan.Expr{constant(0, u64).expr}}, x.elem
	case c.Kind == plan.Pointer && isNull(x):
		x.expr, x.elem = plan.Expr{Op: plan.OpCast, Type: *c, Line: b.line, Args: []plan.Expr{constant(0, u64).expr}}, y.elem
	case a.Kind == plan.Pointer && integral(*c), integral(*a) && c.Kind == plan.Pointer:
		t := plan.Type{Kind: plan.Int, Size: 8, Meaning: plan.Hex, User: a.User || c.User}
		x, y = value(b.convert(x.expr, t)), value(b.convert(y.expr, t))
	case a.Kind == plan.Pointer && c.Kind == plan.Pointer && a.User != c.User:
		b.fail(n, "one of the two values leads into the memory of the process, the other one into the kernel's: one type is wanted")
		return x, y, false
	case a.Kind == plan.Pointer && c.Kind == plan.Pointer && x.elem.String() == y.elem.String():
	case *a == *c:
	default:
		b.fail(n, "the two values are %s and %s: one type is wanted", describe(x), describe(y))
		return x, y, false
	}
	return x, y, true
}

// orElse is x ?? y: y stands in when the kernel has no such member or the read fails.
// A side that names a member of other kernels only leaves the other side alone.
func (b *body) orElse(n *expr.Binary) operand {
	known := b.pending
	b.pending = false
	x, lacking := b.tolerate(n.X, b.textual)
	unknown := b.pending
	b.pending = b.pending || known
	if lacking {
		return b.textual(n.Y)
	}
	if unknown { // an entry's own value before: what counts on gets all bits
		y := b.textual(n.Y)
		if y.valid && !y.place && integral(y.expr.Type) && y.expr.Type.Kind != plan.Bool {
			t := u64
			t.Signed, t.Meaning = y.expr.Type.Signed, y.expr.Type.Meaning
			y.expr = b.convert(y.expr, t)
		}
		return y
	}
	if !x.valid {
		b.inferValue(n.Y)
		return x
	}
	certain := !x.expr.Fallible() && mentionsArgument(n.X) // here; another probe may not have it
	refusal, args, reads, needs := b.refusal, len(b.args), len(b.reads), len(b.needs)
	y, lacking := b.tolerate(n.Y, b.textual)
	if certain { // y is not asked for
		b.refusal, b.args, b.reads, b.needs = refusal, b.args[:args], b.reads[:reads], b.needs[:needs]
	}
	if lacking || certain && !y.valid {
		return x
	}
	if !y.valid {
		return y
	}
	b.certain = certain
	x, y, ok := b.unify(n, x, y)
	b.certain = false
	if !ok {
		return operand{}
	}
	if certain {
		return x
	}
	if !x.expr.Fallible() {
		b.warn(n.OpAt, "%s always has a value, so ?? has no effect", expr.Print(n.X))
		return x
	}
	out := x
	out.expr = plan.Expr{Op: plan.OpDefault, Type: x.expr.Type, Line: b.line, Args: []plan.Expr{x.expr, y.expr}}
	return out
}

// mentionsArgument reports whether an expression names an argument of the probe.
func mentionsArgument(n expr.Node) bool {
	found := false
	expr.Walk(n, func(n expr.Node) bool {
		found = found || isArgument(n)
		return !found
	})
	return found
}

// isArgument reports whether an expression is args.NAME, or retval, itself.
func isArgument(n expr.Node) bool {
	if id, ok := n.(*expr.Ident); ok {
		return id.Name == "retval"
	}
	m, ok := n.(*expr.Member)
	if !ok {
		return false
	}
	id, ok := m.X.(*expr.Ident)
	return ok && id.Name == "args"
}

// tolerate infers n, and says instead of complaining that the kernel lacks a member.
func (b *body) tolerate(n expr.Node, infer func(expr.Node) operand) (o operand, lacking bool) {
	outer := b.lacking
	args, reads, needs, owners := len(b.args), len(b.reads), len(b.needs), b.owners
	b.lacking = false
	b.tolerant++
	o = infer(n)
	b.tolerant--
	lacking, b.lacking = b.lacking, outer
	if lacking { // what it used on the way is not used
		b.args, b.reads, b.needs, b.owners = b.args[:args], b.reads[:reads], b.needs[:needs], owners
	}
	return o, lacking
}

func (b *body) in(n *expr.In) operand {
	x := b.textual(n.X)
	if !x.valid {
		return x
	}
	if x.place {
		return b.fail(n.X, "%s is %s, which cannot be looked up", expr.Print(n.X), describe(x))
	}
	if len(n.List) == 1 {
		if p, ok := n.List[0].(*expr.Param); ok {
			return b.inParam(n, x, p)
		}
	}
	out := plan.Expr{Op: plan.OpIn, Type: boolean, Line: b.line, Args: []plan.Expr{x.expr}}
	for _, item := range n.List {
		y := b.textual(item)
		if !y.valid || !b.addressText(item, x, &y) {
			return operand{}
		}
		if b.tooLong(n.X, item, x, y) {
			return operand{}
		}
		b.positiveErrno(n.X, item)
		if b.noValue("==", n.X, item, x, y) {
			return operand{}
		}
		switch {
		case integral(x.expr.Type) && !y.place && integral(y.expr.Type):
			if v, ok := constantInt(y); ok && x.expr.Type.Kind == plan.Int && !fits(v, y.expr.Type, x.expr.Type) {
				return b.fail(item, "%s can never be %s: it is %s", expr.Print(n.X), expr.Print(item), describe(x))
			}
			y.expr = b.convert(y.expr, x.expr.Type)
		case !y.place && x.expr.Type.Kind == y.expr.Type.Kind && (x.expr.Type.Kind == plan.String || x.expr.Type.Kind == plan.IP):
		default:
			return b.fail(item, "%s is %s, %s is %s", expr.Print(item), describe(y), expr.Print(n.X), describe(x))
		}
		out.Args = append(out.Args, y.expr)
	}
	return value(out)
}

// inParam is x in $list or x in $network.
func (b *body) inParam(n *expr.In, x operand, p *expr.Param) operand {
	param, ok := b.findParam(p)
	if !ok {
		return operand{}
	}
	t := param.Type
	switch {
	case !param.List && t.Kind != plan.Prefix:
		return b.fail(p, "$%s is a single value", p.Name).hint("compare with ==, or declare it as a list: type: \"[%s]\"", plan.TypeWord(t))
	case t.Kind == plan.Prefix && x.expr.Type.Kind == plan.IP, t.Kind == plan.IP && x.expr.Type.Kind == plan.IP:
	case t.Kind == plan.String && x.expr.Type.Kind == plan.String:
	case integral(t) && integral(x.expr.Type):
		if x.expr.Type.Size > t.Size {
			b.warn(n.X, "%s is %s and $%s holds %s values: larger ones never match", expr.Print(n.X), describe(x), p.Name, plan.TypeWord(t))
			x.expr = plan.Expr{Op: plan.OpCast, Type: t, Line: b.line, Args: []plan.Expr{x.expr}}
		} else {
			x.expr = b.convert(x.expr, t)
		}
	default:
		return b.fail(n, "%s is %s, $%s holds %s values", expr.Print(n.X), describe(x), p.Name, plan.TypeWord(t))
	}
	return value(plan.Expr{Op: plan.OpInParam, Type: boolean, Line: b.line, Name: p.Name, Args: []plan.Expr{x.expr}})
}

func constantText(o operand) bool { return o.expr.Op == plan.OpText }

func plural(k plan.Kind) string {
	if k == plan.IP {
		return "addresses"
	}
	return string(k) + "s"
}
