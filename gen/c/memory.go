package c

import (
	"fmt"
	"strings"

	"github.com/ebgen/ebgen/spec/plan"
)

// path writes the members on the way to a value, as they follow an arrow.
func path(steps []plan.Step) string {
	var b strings.Builder
	for i, s := range steps {
		switch {
		case s.Name == "":
			fmt.Fprintf(&b, "[%d]", s.Index)
		case i == 0:
			b.WriteString(s.Name)
		default:
			b.WriteString("." + s.Name)
		}
	}
	return b.String()
}

// base evaluates the pointer that a load or address starts at; an address of a member is
// taken together with the path that goes on from it.
func (b *body) base(e *plan.Expr) (value, []plan.Step) {
	from, steps := &e.Args[0], e.Path
	for len(steps) > 0 && from.Op == plan.OpAddress {
		from, steps = &from.Args[0], append(append([]plan.Step{}, from.Path...), steps...)
	}
	v := b.scalar(from)
	if v.prec < precUnary {
		v = b.variable("from", v)
	}
	return v, steps
}

// address writes where a load reads.
func address(from value, steps []plan.Step) value {
	if len(steps) == 0 {
		return from
	}
	return value{text: "&" + from.in(precPrimary) + "->" + path(steps), prec: precUnary}
}

// read writes the call that reads a load's value into `to`; it gives an error.
func (b *body) read(to string, e *plan.Expr) {
	from, steps := b.base(e)
	user := e.Args[0].Type.User
	var text string
	switch {
	case adapts(e):
		text = fmt.Sprintf("%s(%s, %s, %s)", b.use("READ_INT"), to, from.text, path(steps))
	case e.Type.Kind == plan.String:
		text = fmt.Sprintf("%s(%s, %s)", b.use(pick(user, "READ_STR_USER", "READ_STR")), to, address(from, steps).text)
	case b.kernel.Direct && !user && (isNumber(e.Type) || e.Type.Kind == plan.Pointer):
		text = fmt.Sprintf("%s(%s, %s)", b.use("READ_WORD"), to, address(from, steps).text)
	default:
		text = fmt.Sprintf("%s(%s, %s)", b.use(pick(user, "READ_USER", "READ")), to, address(from, steps).text)
	}
	if b.optional && len(steps) > 0 {
		b.emit(to + " = 0")
		text = fmt.Sprintf("%s(%s, %s) ? %s : %s", b.use("EXISTS"), from.text, path(steps), text, b.use("NO_VALUE"))
	}
	b.mayFail(text)
}

// adapts reports whether a load is one of READ_INT: a member that is a number.
func adapts(e *plan.Expr) bool {
	return isNumber(e.Type) && !e.Args[0].Type.User && len(e.Path) > 0 && e.Path[len(e.Path)-1].Name != ""
}

func pick(condition bool, yes, no string) string {
	if condition {
		return yes
	}
	return no
}

// load reads a number or pointer into a variable named after the member, unless the
// body has it already.
func (b *body) load(e *plan.Expr) value {
	key := keyOf(e)
	if v, ok := b.recall(key); ok {
		return v
	}
	v := primary(b.local(key, loadName(e), b.typeOf(e.Type)), b.typeOf(e.Type))
	v.word = true
	b.reading(key, v, func() { b.read(v.text, e) })
	return v
}

// reading runs what reads v, and remembers v for the rest of the block. When a field's
// value serves another field too, its error is kept beside it.
func (b *body) reading(key string, v value, read func()) {
	errName := ""
	if u := b.uses[key]; b.inFields && u != nil && u.total > 1 && u.values > 0 {
		errName = b.local(key+" err", v.text+"_err", ctype{name: "long"})
		outer := b.err
		list := b.collect(func() { b.err = errName; read(); b.err = outer })
		b.list = append(b.list, settle(list, errName, b.line)...)
		b.again(errName)
	} else {
		read()
	}
	b.remember(key, known{v, errName})
}

func loadName(e *plan.Expr) string {
	for i := len(e.Path) - 1; i >= 0; i-- {
		if e.Path[i].Name != "" {
			return e.Path[i].Name
		}
	}
	if e.Args[0].Name != "" {
		return e.Args[0].Name
	}
	return "value"
}

// element is the address of an element of an array that a pointer leads to.
func (b *body) element(e *plan.Expr) value {
	t := b.typeOf(e.Type)
	from := b.scalar(&e.Args[0])
	index := b.scalar(&e.Args[1])
	if e.Args[1].Op == plan.OpConst && e.Args[1].Name == "" {
		index = number(e.Args[1].Int*e.Int, integer(8, true), false)
		index.text = strings.TrimSuffix(index.text, "LL")
	} else {
		if index.typ.size < 8 {
			index = cast(index, integer(8, index.typ.signed))
		}
		if e.Int != 1 {
			index = join("*", index, literal(e.Int, s32, false), integer(8, true))
		}
	}
	sum := value{text: "(const char *)" + from.in(precUnary) + " + " + index.in(precMultiply), prec: precAdd, typ: ctype{name: "const char *"}}
	return cast(sum, t)
}

// place evaluates a string to an array of char in C, and returns its name and size. A
// large one lies in the scratch area, not on the stack.
func (b *body) place(e *plan.Expr) (string, int) {
	switch e.Op {
	case plan.OpText:
		return quote(e.Name), len(e.Name) + 1
	case plan.OpParam:
		return e.Name, e.Type.Size
	case plan.OpKept:
		return b.keptPlace(e), e.Type.Size
	}
	key := keyOf(e)
	if v, ok := b.recall(key); ok {
		return v.text, e.Type.Size
	}
	name := placeName(e)
	var text string
	if e.Type.Size > large {
		text = "s->" + b.scratch(name, e.Type)
	} else {
		text = b.array(name, e.Type)
	}
	v := primary(text, ctype{})
	b.reading(key, v, func() { b.store(text, e) })
	return text, e.Type.Size
}

func placeName(e *plan.Expr) string {
	switch e.Op {
	case plan.OpBuiltin, plan.OpPart:
		return e.Name
	case plan.OpLoad, plan.OpAddress:
		return loadName(e)
	case plan.OpEntry:
		return e.Name
	case plan.OpArg:
		return e.Name + "_text"
	case plan.OpCall:
		if e.Type.Kind != plan.String && e.Type.Kind != plan.Bytes {
			return e.Name
		}
		return placeName(&e.Args[0])
	case plan.OpCast:
		return placeName(&e.Args[0])
	}
	return "text"
}

// copyPlace copies an array that the body holds already.
func (b *body) copyPlace(to, from string, size int) {
	if size > large {
		b.emit(fmt.Sprintf("%s(%s, %s)", b.use("READ"), to, from))
		return
	}
	b.emit(fmt.Sprintf("__builtin_memcpy(&%s, &%s, sizeof(%s))", to, from, to))
}

// copyFrom copies an array into one that is at least as large.
func (b *body) copyFrom(to, from string, size int) {
	if size > large {
		b.emit(fmt.Sprintf("%s(&%s, sizeof(%s), &%s)", b.use("bpf_probe_read_kernel"), to, from, from))
		return
	}
	b.emit(fmt.Sprintf("__builtin_memcpy(&%s, &%s, sizeof(%s))", to, from, from))
}
