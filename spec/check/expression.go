package check

import (
	"cmp"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/ebgen/ebgen/spec/expr"
	"github.com/ebgen/ebgen/spec/ktype"
	"github.com/ebgen/ebgen/spec/plan"
	"github.com/ebgen/ebgen/spec/probe"
	"github.com/ebgen/ebgen/spec/source"
)

// Literals have C's types (C11 6.4.4.1), except that a constant takes the type of the
// operand beside it when it fits there.
var (
	s32     = plan.Type{Kind: plan.Int, Size: 4, Signed: true}
	u32     = plan.Type{Kind: plan.Int, Size: 4}
	s64     = plan.Type{Kind: plan.Int, Size: 8, Signed: true}
	u64     = plan.Type{Kind: plan.Int, Size: 8}
	boolean = plan.Type{Kind: plan.Bool, Size: 1}
)

// infer gives n its type and its form in the plan. A mistake is reported once, where
// it is; what is built on it stays silent.
func (b *body) infer(n expr.Node) operand {
	if !b.counts(n, 1) {
		return operand{}
	}
	switch n := n.(type) {
	case *expr.Paren:
		return b.infer(n.X)
	case *expr.Number:
		return b.literal(n)
	case *expr.Char:
		return constant(int64(n.Value), s32)
	case *expr.Text:
		return value(plan.Expr{Op: plan.OpText, Type: plan.Type{Kind: plan.String, Size: len(n.Value) + 1}, Line: b.line, Name: n.Value})
	case *expr.Ident:
		return b.name(n)
	case *expr.Param:
		return b.param(n)
	case *expr.Member:
		return b.member(n)
	case *expr.Index:
		return b.index(n)
	case *expr.Fraction:
		return b.fail(n, "numbers are whole here, found %s", n.Text).hint("quantiles(x, 0.5, 0.99) takes fractions")
	case *expr.Call:
		return b.call(n)
	case *expr.Unary:
		return b.unary(n)
	case *expr.Binary:
		return b.binary(n)
	case *expr.Cond:
		return b.conditional(n, n.If, n.Then, n.Else)
	case *expr.In:
		return b.in(n)
	case *expr.Cast:
		return b.cast(n)
	case *expr.Sizeof:
		if t, _, ok := b.typeName(n.Type); ok {
			b.sized(t)
			return constant(int64(t.Size), u64)
		}
	}
	return operand{}
}

// What names stand for is put in their place, so that a short spec can make a very long
// expression: each of f1: f0 + f0, f2: f1 + f1 is twice the one before.
const (
	mostParts     = 4096  // of one expression: names, numbers and operators
	mostBodyParts = 65536 // of all expressions of a probe
)

// counts adds to the parts of the expression that is being inferred, and complains once when
// they are too many; the rest of it is not looked at then.
func (b *body) counts(n expr.Node, parts int) bool {
	before, all := b.parts, b.allParts
	b.parts, b.allParts = b.parts+parts, b.allParts+parts
	switch {
	case b.parts <= mostParts && b.allParts <= mostBodyParts:
		return true
	case before > mostParts || all > mostBodyParts: // said
	case b.parts > mostParts:
		b.fail(n, "with what its names stand for, this expression has more than %d parts", mostParts)
	default:
		b.fail(n, "with what their names stand for, the expressions of %s have more than %d parts", b.probe.Name, mostBodyParts)
	}
	return false
}

// inferValue is infer for where a value is wanted: a place is read.
func (b *body) inferValue(n expr.Node) operand {
	return b.read(b.infer(n))
}

func (b *body) literal(n *expr.Number) operand {
	t := s32
	switch {
	case n.Value > 1<<63-1:
		t = u64
	case n.Value > 1<<31-1:
		t = s64
	}
	switch n.Unit {
	case expr.Duration:
		t = plan.Type{Kind: plan.Int, Size: 8, Meaning: plan.Duration}
	case expr.Size:
		t = plan.Type{Kind: plan.Int, Size: 8, Meaning: plan.ByteSize}
	}
	o := constant(int64(n.Value), t)
	o.expr.Line = b.line
	return o
}

// member is x.name, through a pointer or an embedded struct alike.
func (b *body) member(n *expr.Member) operand {
	if e, ok := b.entryOf(n); ok {
		if f := e.of.field(e.field); f != nil || e.of.field(nameless) == nil {
			return b.entryValue(n, e)
		}
	}
	if id, ok := n.X.(*expr.Ident); ok {
		switch {
		case id.Name == "args" && b.opened && b.checker.span.short:
			return b.entryArgument(n)
		case id.Name == "args":
			return b.argument(n)
		case b.checker.span.notes(id.Name):
			return b.started(n, id.Name)
		}
	}
	o := b.read(b.infer(n.X))
	if !o.valid {
		return o
	}
	if parts := o.expr.Type.Kind.Parts(); !o.place && parts != nil {
		for _, part := range parts {
			if part.Name == n.Name {
				return value(plan.Expr{Op: plan.OpPart, Type: part.Type, Line: b.line, Name: n.Name, Args: []plan.Expr{o.expr}})
			}
		}
		return b.fail(n.NameAt, "%s has no part %q", o.expr.Type.Kind, n.Name).hint("its parts are %s", partNames(parts))
	}
	holder, root, from, path := o.elem, o.elem, o.expr, []plan.Step(nil)
	if o.place {
		holder, root, from, path = o.kind, o.root, o.base, o.path
	} else if o.expr.Type.Kind != plan.Pointer {
		return b.fail(n.NameAt, "%s is %s and has no members", expr.Print(n.X), describe(o)).hint("a cast says what it leads to: ((struct NAME *) %s).%s", expr.Print(n.X), n.Name)
	}
	if holder.Kind != ktype.Struct {
		return b.fail(n.NameAt, "%s is %s and has no members", expr.Print(n.X), describe(o)).hint("a cast says what it leads to: ((struct NAME *) %s).%s", expr.Print(n.X), n.Name)
	}
	found, err := holder.Member(n.Name)
	if err != nil {
		b.lacks(root, path, n.Name)
		return b.noMember(n, holder, err)
	}
	return operand{valid: true, place: true, root: root, base: from, kind: found.Type,
		path: append(path[:len(path):len(path)], plan.Step{Name: found.Name})}
}

// noMember reports that the kernel's struct lacks a member, unless the expression says
// what to do then (`??`, exists).
func (b *body) noMember(n *expr.Member, holder ktype.Type, err error) operand {
	if b.tolerant > 0 {
		b.lacking = true
		return operand{}
	}
	var missing *ktype.NoMember
	if !errors.As(err, &missing) {
		return b.fail(n.NameAt, "%v", err)
	}
	f := b.fail(n.NameAt, "%s has no field %q", holder, n.Name)
	if c := b.outer; c != nil && c.X == expr.Node(n) && c.Type.Stars > 0 {
		return f.hint("a cast binds weaker than a dot: write ((%s) %s).%s", typeText(c.Type), expr.Print(n.X), n.Name)
	}
	if len(missing.Nearest) > 0 {
		return f.hint("did you mean %s?", source.OrList(missing.Nearest))
	}
	return f
}

// lacks notes that the plan is made for kernels without a member.
func (b *body) lacks(root ktype.Type, path []plan.Step, member string) {
	one := plan.Fact{Struct: root.Name, Union: root.Union}
	for _, step := range path {
		one.Lacks += cmp.Or(step.Name, plan.AnyElement) + "."
	}
	one.Lacks += member
	b.note(one)
}

// sized notes that the plan is made for kernels where a struct has just this size.
func (b *body) sized(t ktype.Type) {
	if t.Kind == ktype.Struct && t.Name != "" {
		b.note(plan.Fact{Struct: t.Name, Union: t.Union, Size: t.Size})
	}
}

func (b *body) note(f plan.Fact) {
	if b.facts == nil {
		b.facts = map[plan.Fact]bool{}
	}
	b.facts[f] = true
}

func (b *body) index(n *expr.Index) operand {
	if e, ok := b.entryOf(n); ok {
		return b.entryValue(n, e)
	}
	if len(n.Keys) != 1 {
		return b.fail(n, "an element has one index, found %d", len(n.Keys))
	}
	o, i := b.read(b.infer(n.X)), b.inferValue(n.Keys[0])
	if !o.valid || !i.valid {
		return operand{}
	}
	if !integral(i.expr.Type) {
		return b.fail(n.Keys[0], "an index is a number, %s is %s", expr.Print(n.Keys[0]), describe(i))
	}
	var elem ktype.Type
	switch {
	case o.place && o.kind.Kind == ktype.Array:
		elem = o.kind.Elem()
		if i.expr.Op == plan.OpConst {
			if o.kind.Len > 0 && (i.expr.Int < 0 || i.expr.Int >= int64(o.kind.Len)) {
				return b.fail(n.Keys[0], "index %d is outside %s", i.expr.Int, o.kind)
			}
		}
		if i.expr.Op == plan.OpConst && len(o.path) > 0 {
			return operand{valid: true, place: true, root: o.root, base: o.base, kind: elem,
				path: append(o.path[:len(o.path):len(o.path)], plan.Step{Index: int(i.expr.Int)})}
		}
		o = b.address(o)
	case !o.place && o.expr.Type.Kind == plan.Pointer:
		elem = o.elem
	default:
		return b.fail(n.X, "%s is %s and cannot be indexed", expr.Print(n.X), describe(o))
	}
	if elem.Size == 0 {
		return b.fail(n.X, "the elements of %s have no known size", expr.Print(n.X)).hint("cast it: ((u8 *) %s)[…]", expr.Print(n.X))
	}
	return b.element(o.expr, i, elem)
}

// element is the place i elements of type elem behind a pointer.
func (b *body) element(pointer plan.Expr, i operand, elem ktype.Type) operand {
	t := probe.PointerTo(elem)
	t.User = pointer.Type.User
	b.sized(elem)
	at := plan.Expr{Op: plan.OpElement, Type: t, Line: b.line, Int: int64(elem.Size), Args: []plan.Expr{pointer, b.convert(i.expr, s64)}}
	return operand{valid: true, place: true, root: elem, base: at, kind: elem}
}

func (b *body) cast(n *expr.Cast) operand {
	outer := b.outer
	b.outer = n
	o := b.read(b.infer(n.X))
	b.outer = outer
	if b.lacking { // and of the type too, perhaps
		return operand{}
	}
	t, names, ok := b.typeName(n.Type)
	if !ok || !o.valid {
		return operand{}
	}
	if o.place {
		switch {
		case o.kind.Kind == ktype.Array && t.Kind == ktype.Pointer:
			o = b.address(o)
		default:
			return b.fail(n.X, "%s is %s, which cannot be cast", expr.Print(n.X), describe(o)).hint("name one of its members, or take its address: &%s", expr.Print(n.X))
		}
	}
	from := o.expr.Type
	if from.Kind != plan.Pointer && !integral(from) {
		return b.fail(n.X, "%s is %s, which cannot be cast", expr.Print(n.X), describe(o))
	}
	switch t.Kind {
	case ktype.Pointer:
		p := probe.PointerTo(t.Elem())
		p.User = from.User
		e := o.expr
		if !(integral(from) && from.Size == 8) && from.Kind != plan.Pointer {
			e = b.convert(e, u64)
		}
		return operand{valid: true, elem: t.Elem(), expr: plan.Expr{Op: plan.OpCast, Type: p, Line: b.line, Args: []plan.Expr{e}}}
	case ktype.Int, ktype.Bool, ktype.Enumer:
		to := probe.PlanType(t)
		big := to.BigEndian
		to.BigEndian = false
		if t.Kind == ktype.Enumer && t.Size == 0 {
			to.Size, to.Signed = from.Size, from.Signed // a display name fits any width
		}
		if n.Type.Name == "errno" { // the kernel returns them negative, the family is positive
			to.Kind, to.Meaning, names = plan.Int, plan.Errno, nil
		}
		if big && !from.BigEndian {
			return b.bigEndianCast(n, o, to)
		}
		if t.Kind != ktype.Enumer {
			to.Meaning = from.Meaning
		}
		out := value(b.convert(o.expr, to))
		out.expr.Type.Meaning = to.Meaning
		out.expr.Type.User = from.User && to.Size == 8
		out.enum = names
		return out
	}
	return b.fail(n.Type, "%s is no type that a value can be cast to", t)
}

// bigEndianCast reads a value as the kernel keeps it on the wire: (__be16) x swaps x
// into host order, as a member of that type would read.
func (b *body) bigEndianCast(n *expr.Cast, o operand, to plan.Type) operand {
	e := b.convert(o.expr, to)
	e.Type.BigEndian = true
	return value(hostOrder(e))
}

// typeName finds a type by the name a cast gives it. A display name, such as tcp_state
// or errno, is the enum whose names a number is to be shown by; it has no size.
func (b *body) typeName(n expr.TypeName) (ktype.Type, *ktype.Enum, bool) {
	t, err := b.kernel.Named(n.Keyword, n.Name)
	if err != nil && n.Keyword == "" && n.Stars == 0 {
		if e, ok := b.display(n.Name); ok {
			return ktype.Type{Kind: ktype.Enumer}, e, true
		}
	}
	if err != nil {
		f := b.fail(n, "%v", err)
		var missing *ktype.NotFound
		if errors.As(err, &missing) {
			if near := nearestDisplay(n.Name); n.Keyword == "" && len(near) > 0 {
				f.hintList(near)
			} else {
				f.hintList(missing.Nearest())
			}
		}
		return t, nil, false
	}
	var e *ktype.Enum
	if t.Kind == ktype.Enumer {
		e = b.kernel.EnumOf(t)
	}
	for range n.Stars {
		t = ktype.PointerTo(t)
	}
	return t, e, true
}

// nearestDisplay lists the families that a wrong name is like, or the beginning of.
func nearestDisplay(wrong string) []string {
	known := append(ktype.Aliases(), ktype.Families()...)
	if near := ktype.Nearest(wrong, known); len(near) > 0 {
		return near
	}
	return slices.DeleteFunc(known, func(name string) bool { return !strings.HasPrefix(name, wrong) })
}

func typeText(n expr.TypeName) string {
	return strings.TrimSpace(n.Keyword+" "+n.Name) + strings.Repeat(" ", min(n.Stars, 1)) + strings.Repeat("*", n.Stars)
}

// constantInt reports the value of a literal or constant expression.
func constantInt(o operand) (int64, bool) {
	e := o.expr
	neg := false
	if e.Op == plan.OpUnary && e.Name == "-" {
		e, neg = e.Args[0], true
	}
	for e.Op == plan.OpCast && integral(e.Type) {
		e = e.Args[0]
	}
	if !o.valid || o.place || e.Op != plan.OpConst {
		return 0, false
	}
	if neg {
		return -e.Int, true
	}
	return e.Int, true
}

func partNames(parts []plan.Part) string {
	names := make([]string, len(parts))
	for i, p := range parts {
		names[i] = p.Name
	}
	return source.OrList(names)
}

// describe says in words what an operand is.
func describe(o operand) string {
	if o.place {
		return article(o.kind.String())
	}
	t := o.expr.Type
	switch t.Kind {
	case plan.Pointer:
		return "a pointer to " + o.elem.String()
	case plan.Int:
		sign := "u"
		if t.Signed {
			sign = "s"
		}
		return article(sign + strconv.Itoa(8*t.Size))
	case plan.Enumer:
		return "an enum"
	case plan.IP:
		return "an IP address"
	case plan.Prefix:
		return "a network"
	}
	return article(string(t.Kind))
}

func article(noun string) string {
	switch noun[:1] {
	case "a", "e", "i", "o":
		return "an " + noun
	}
	return "a " + noun
}
