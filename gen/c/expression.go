package c

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"

	"github.com/ebgen/ebgen/spec/plan"
)

// scalar writes an expression that is a number or a pointer, after the statements that
// read what it needs.
func (b *body) scalar(e *plan.Expr) value {
	if e.Line > 0 {
		defer func(line int) { b.line = line }(b.line)
		b.line = e.Line
	}
	write, ok := scalars[e.Op]
	if !ok {
		panic(fail("line %d: %q is no number", b.line, e.Op))
	}
	return write(b, e)
}

// scalars says how each operation is written. It is filled in init, since the writers
// call scalar.
var scalars map[plan.Op]func(*body, *plan.Expr) value

func init() {
	scalars = map[plan.Op]func(*body, *plan.Expr) value{
		plan.OpConst:   (*body).constant,
		plan.OpArg:     func(b *body, e *plan.Expr) value { return primary(b.args[e.Name], b.argType(e.Type)) },
		plan.OpParam:   func(b *body, e *plan.Expr) value { return primary(e.Name, b.typeOf(e.Type)) },
		plan.OpBuiltin: (*body).builtin,
		plan.OpLoad:    (*body).load,
		plan.OpAddress: (*body).addressOf,
		plan.OpElement: (*body).element,
		plan.OpExists:  (*body).exists,
		plan.OpHost:    (*body).host,
		plan.OpCast:    (*body).cast,
		plan.OpUnary:   (*body).unary,
		plan.OpBinary:  (*body).binary,
		plan.OpCond:    (*body).conditional,
		plan.OpDefault: (*body).composed,
		plan.OpIn:      (*body).in,
		plan.OpInParam: (*body).inParam,
		plan.OpPart:    (*body).part,
		plan.OpCall:    (*body).call,
		plan.OpC:       (*body).own,
		plan.OpKept:    (*body).kept,
		plan.OpEntry:   (*body).entryNumber,
		plan.OpHas:     (*body).has,
		plan.OpStack:   (*body).stack,
	}
}

// argType is the type of an argument of the body: an array is passed by its address.
func (p *printer) argType(t plan.Type) ctype {
	if t.Kind == plan.Array || t.Kind == plan.String || t.Kind == plan.Bytes {
		t.Kind = plan.Pointer
	}
	return p.typeOf(t)
}

func (b *body) constant(e *plan.Expr) value {
	t := b.typeOf(e.Type)
	switch {
	case e.Name != "" && e.Int == int64(int32(e.Int)):
		return primary(e.Name, s32) // an enumerator is an int (C11 6.7.2.2)
	case e.Name != "":
		return cast(primary(e.Name, ctype{name: "enum"}), t)
	}
	return literal(e.Int, t, e.Type.Meaning == plan.Hex)
}

func (b *body) addressOf(e *plan.Expr) value {
	from, steps := b.base(e)
	v := address(from, steps)
	v.typ = b.typeOf(e.Type)
	if e.Type.Elem != plan.Aggregate { // &x->array points to the array, not to its first element
		v.typ = ctype{name: "const void *"}
		if e.Type.Elem == plan.Pointer || e.Type.Elem == plan.Void {
			v.typ = b.typeOf(e.Type)
		}
	}
	return v
}

// exists is answered by CO-RE at load, so that the verifier drops the arm not taken.
func (b *body) exists(e *plan.Expr) value {
	from, steps := b.base(e)
	return primary(fmt.Sprintf("%s(%s, %s)", b.use("EXISTS"), from.text, path(steps)), u32)
}

func (b *body) host(e *plan.Expr) value {
	function := map[int]string{2: "be16_to_cpu", 4: "be32_to_cpu", 8: "be64_to_cpu"}[e.Type.Size]
	return primary(b.use(function)+"("+b.assigned(&e.Args[0], integer(e.Type.Size, false))+")", integer(e.Type.Size, false))
}

// assigned writes an operand where C converts to t by itself: an argument, the right of
// an assignment.
func (b *body) assigned(e *plan.Expr, t ctype) string {
	for e.Op == plan.OpCast && isNumber(e.Type) && isNumber(e.Args[0].Type) && b.typeOf(e.Type).name == t.name {
		e = &e.Args[0]
	}
	v := b.scalar(e)
	if t.number() != v.typ.number() && !(v.literal && v.n == 0) {
		v = cast(v, t)
	}
	return v.text
}

func (b *body) cast(e *plan.Expr) value {
	v, t := b.scalar(&e.Args[0]), b.typeOf(e.Type)
	if v.literal && v.n == 0 && !t.number() {
		return value{text: "(" + t.name + ")0", prec: precUnary, typ: t}
	}
	word := v.word
	v = cast(v, t)
	v.word = word && v.prec == precPrimary
	return v
}

func (b *body) unary(e *plan.Expr) value {
	t := b.typeOf(e.Type)
	if e.Name == "!" {
		v := b.scalar(&e.Args[0])
		if v.inverse != "" {
			return value{text: v.inverse, prec: v.prec, typ: s32, inverse: v.text}
		}
		return value{text: v.not(), prec: precUnary, typ: s32}
	}
	v := b.operand(&e.Args[0], t, true)
	if promoted(v.typ) != t && t.size >= 4 {
		v = cast(v, t)
	}
	text := v.in(precUnary)
	if strings.HasPrefix(text, e.Name) { // --x is another operator
		text = "(" + text + ")"
	}
	out := value{text: e.Name + text, prec: precUnary, typ: promoted(v.typ)}
	if t.size < 4 {
		out = cast(out, t)
	}
	return out
}

func (b *body) binary(e *plan.Expr) value {
	x, y := &e.Args[0], &e.Args[1]
	switch e.Name {
	case "&&", "||":
		return b.logical(e)
	case "<<", ">>":
		return b.shift(e)
	case "/", "%":
		return b.division(e)
	case "==", "!=":
		if !isNumber(x.Type) && x.Type.Kind != plan.Pointer {
			return b.equal(x, y, e.Name)
		}
	}
	if x.Type.Kind == plan.Pointer || y.Type.Kind == plan.Pointer {
		return b.pointers(e)
	}
	t := b.typeOf(x.Type)
	result := b.typeOf(e.Type)
	if operators[e.Name].inverse != "" {
		result = s32
		if t.size < 4 || t.name == "bool" { // as C compares them
			l, r := b.scalar(x), b.scalar(y)
			return join(e.Name, l, r, s32)
		}
	}
	return b.arithmetic(e.Name, x, y, t, result)
}

// pointers compares addresses.
func (b *body) pointers(e *plan.Expr) value {
	l, r := b.scalar(&e.Args[0]), b.scalar(&e.Args[1])
	null := func(v value) bool { return v.literal && v.n == 0 }
	if l.typ.name != r.typ.name && !null(l) && !null(r) {
		l, r = cast(l, u64), cast(r, u64)
	}
	return join(e.Name, l, r, s32)
}

// logical keeps C's promise that the right side is evaluated only when it matters.
func (b *body) logical(e *plan.Expr) value {
	if !b.pure(&e.Args[1]) {
		return b.composed(e)
	}
	l := b.scalar(&e.Args[0])
	return join(e.Name, l, b.scalar(&e.Args[1]), s32)
}

// shift masks the count as BPF does (RFC 9669 4.1); C leaves a larger one undefined.
func (b *body) shift(e *plan.Expr) value {
	t := b.typeOf(e.Type)
	mask := int64(8*max(t.size, 4) - 1)
	l := b.operand(&e.Args[0], t, false)
	if promoted(l.typ) != t {
		l = cast(l, t)
	}
	count := &e.Args[1]
	for count.Op == plan.OpCast && isNumber(count.Args[0].Type) && count.Type.Size > 1 {
		count = &count.Args[0] // the mask takes the lowest bits, whatever the width
	}
	var r value
	if count.Op == plan.OpConst {
		r = number(count.Int&mask, s32, false)
	} else {
		r = join("&", b.scalar(count), number(mask, s32, false), s32)
	}
	v := join(e.Name, l, r, promoted(l.typ))
	if t.size < 4 {
		v = cast(v, t)
	}
	return v
}

// division defines what BPF does of x / 0, and divides signed numbers. By a constant
// other than 0 an unsigned number is divided as in C.
func (b *body) division(e *plan.Expr) value {
	x, y, t := &e.Args[0], &e.Args[1], b.typeOf(e.Type)
	if !t.signed && y.Op == plan.OpConst && y.Int != 0 {
		return b.arithmetic(e.Name, x, y, t, t)
	}
	wide := integer(8, t.signed)
	function := map[string]string{"/": "div_", "%": "mod_"}[e.Name] + wide.name
	text := b.use(function) + "(" + b.widened(x, wide) + ", " + b.widened(y, wide) + ")"
	return cast(primary(text, wide), t)
}

// widened writes an argument of a function on numbers of 8 bytes.
func (b *body) widened(e *plan.Expr, wide ctype) string {
	if inner := b.stripped(e, b.typeOf(e.Type)); inner != nil && inner.Type.Size < e.Type.Size {
		e = inner
	}
	if e.Op == plan.OpConst {
		return literal(e.Int, b.typeOf(e.Type), false).text
	}
	return b.scalar(e).text
}

// conditional is C's operator where that evaluates nothing but a value, else an if.
func (b *body) conditional(e *plan.Expr) value {
	if !b.pure(&e.Args[1]) || !b.pure(&e.Args[2]) {
		return b.composed(e)
	}
	condition, t := b.scalar(&e.Args[0]), b.typeOf(e.Type)
	l, r := b.operand(&e.Args[1], t, false), b.operand(&e.Args[2], t, false)
	if t.number() && balanced(l.typ, r.typ) != promoted(t) {
		l, r = cast(l, t), cast(r, t)
	} else if !t.number() {
		l, r = cast(l, t), cast(r, t)
	}
	v := value{text: condition.in(precOr) + " ? " + l.in(precCond+1) + " : " + r.in(precCond), prec: precCond, typ: t}
	if t.number() {
		v.typ = balanced(l.typ, r.typ)
		if t.size < 4 {
			v = cast(v, t)
		}
	}
	return v
}

// composed evaluates what takes several statements into a variable.
func (b *body) composed(e *plan.Expr) value {
	t := s32
	if e.Op != plan.OpBinary {
		t = b.typeOf(e.Type)
	}
	name := "value"
	if e.Op == plan.OpBinary {
		name, t = "holds", ctype{"bool", 1, false}
	}
	name = b.local(fmt.Sprint("composed ", len(b.variables)), name, t)
	b.store(name, e)
	return primary(name, t)
}

// in compares with each of a list.
func (b *body) in(e *plan.Expr) value {
	x := &e.Args[0]
	if !isNumber(x.Type) && x.Type.Kind != plan.Pointer {
		v := b.equal(x, &e.Args[1], "==")
		for i := range e.Args[2:] {
			v = join("||", v, b.equal(x, &e.Args[2+i], "=="), s32)
		}
		return v
	}
	l := b.scalar(x)
	if l.prec < precUnary || strings.HasSuffix(l.text, ")") { // not to be computed for each
		l = b.variable("value", l)
	}
	var v value
	for i := range e.Args[1:] {
		r := b.scalar(&e.Args[1+i])
		if l.typ.number() && r.typ.number() && !r.literal && l.typ.signed != r.typ.signed {
			r = cast(r, l.typ)
		}
		one := join("==", l, r, s32)
		if i == 0 {
			v = one
			continue
		}
		v = join("||", v, one, s32)
	}
	if len(e.Args) == 1 {
		return number(0, s32, false)
	}
	return v
}

// inParam looks a value up in the map of a param that is a list or a network.
func (b *body) inParam(e *plan.Expr) value {
	x := &e.Args[0]
	param := b.params[e.Name]
	found := func(text string) value {
		return value{text: text + " != NULL", prec: precEqual, typ: s32, inverse: "!" + text}
	}
	switch param.Type.Kind {
	case plan.Prefix:
		v := primary(fmt.Sprintf("%s(&%s, &%s)", b.use("ip_listed"), e.Name, b.composite(x)), s32)
		return v
	case plan.IP:
		key := "&" + b.composite(x)
		if x.Op == plan.OpParam { // volatile, which no helper minds
			key = "(const void *)" + key
		}
		return found(fmt.Sprintf("%s(&%s, %s)", b.use("bpf_map_lookup_elem"), e.Name, key))
	case plan.String:
		key := b.array(e.Name+"_key", param.Type)
		b.store(key, x)
		return found(fmt.Sprintf("%s(&%s, &%s)", b.use("bpf_map_lookup_elem"), e.Name, key))
	}
	t := b.typeOf(param.Type)
	key := b.local("key "+e.Name, e.Name+"_key", t)
	b.emit(key + " = " + b.assigned(x, t))
	return found(fmt.Sprintf("%s(&%s, &%s)", b.use("bpf_map_lookup_elem"), e.Name, key))
}

// composite evaluates an address, a flow or an owner to a variable, a constant address to
// a literal.
func (b *body) composite(e *plan.Expr) string {
	switch e.Op {
	case plan.OpParam:
		return e.Name
	case plan.OpText:
		return constantAddress(e.Name)
	case plan.OpKept:
		return b.keptPlace(e)
	}
	key := keyOf(e)
	if v, ok := b.recall(key); ok {
		return v.text
	}
	name := b.array(placeName(e), e.Type)
	v := primary(name, ctype{})
	b.reading(key, v, func() { b.store(name, e) })
	return name
}

// constantAddress writes an address that the checker has parsed, as its four words.
func constantAddress(text string) string {
	addr := netip.MustParseAddr(text).As16()
	words := make([]string, 4)
	for i := range words {
		words[i] = "0"
		if w := binary.BigEndian.Uint32(addr[4*i:]); w != 0 {
			words[i] = fmt.Sprintf("__builtin_bswap32(%#x)", w)
		}
	}
	return "(struct ip_addr){{ " + strings.Join(words, ", ") + " }}"
}

// part is one part of a flow or owner. A port is read alone.
func (b *body) part(e *plan.Expr) value {
	from := &e.Args[0]
	key := keyOf(e)
	if v, ok := b.recall(key); ok {
		return v
	}
	if ofSocket(from) {
		v := primary(b.local(key, e.Name, b.typeOf(e.Type)), b.typeOf(e.Type))
		v.word = true
		b.reading(key, v, func() { b.store(v.text, e) })
		return v
	}
	v := primary(b.composite(from)+"."+partName(e.Name), b.typeOf(e.Type))
	v.word = true
	return v
}

// partName is the kernel's word for a part: what users call pid is the tgid.
func partName(name string) string {
	if name == "pid" {
		return "tgid"
	}
	return name
}

// equal compares strings, or addresses.
func (b *body) equal(x, y *plan.Expr, op string) value {
	var text string
	if x.Type.Kind == plan.IP {
		text = fmt.Sprintf("%s(&%s, &%s)", b.use("same_ip"), b.composite(x), b.composite(y))
	} else {
		if y.Op != plan.OpText && (x.Op == plan.OpText || x.Op == plan.OpParam) {
			x, y = y, x
		}
		left, size := b.place(x)
		right, limit := b.place(y)
		if y.Op == plan.OpText && limit > size { // too long for it ever to be equal
			return number(map[string]int64{"==": 0, "!=": 1}[op], s32, false)
		}
		text = b.sameText(left, right, min(size, limit), y.Op == plan.OpParam)
	}
	if op == "!=" {
		return value{text: "!" + text, prec: precUnary, typ: s32}
	}
	return value{text: text, prec: precPrimary, typ: s32}
}

func (b *body) sameText(left, right string, n int, param bool) string {
	return fmt.Sprintf("%s(%s, %s, %d)", b.use(pick(param, "same_as_param", "same_text")), left, right, n)
}

// own calls a function of the spec's own C.
func (b *body) own(e *plan.Expr) value {
	args := make([]string, len(e.Args))
	for i := range e.Args {
		args[i] = b.assigned(&e.Args[i], b.typeOf(e.Args[i].Type))
	}
	return primary(e.Name+"("+strings.Join(args, ", ")+")", b.typeOf(e.Type))
}

// pure reports whether e is written without a statement before it.
func (b *body) pure(e *plan.Expr) bool {
	switch e.Op {
	case plan.OpLoad, plan.OpStack:
		return false
	case plan.OpDefault, plan.OpInParam, plan.OpPart, plan.OpEntry, plan.OpHas:
		return false
	case plan.OpKept:
		return e.Int == 0
	case plan.OpBuiltin:
		if !isNumber(e.Type) && e.Type.Kind != plan.Pointer || b.uses[builtins[e.Name].call].total > 1 {
			return false
		}
	case plan.OpCall:
		if plan.Functions[e.Name].Fallible {
			return false
		}
	case plan.OpIn:
		if e.Args[0].Op != plan.OpArg && e.Args[0].Op != plan.OpParam {
			return false
		}
	}
	for i := range e.Args {
		if !b.pure(&e.Args[i]) {
			return false
		}
	}
	return true
}
