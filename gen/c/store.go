package c

import (
	"fmt"
	"net/netip"

	"github.com/ebgen/ebgen/spec/plan"
)

// store evaluates e straight into `to`, an lvalue of e's type. What cannot be read is
// stored as zeros.
func (b *body) store(to string, e *plan.Expr) {
	if e.Line > 0 {
		defer func(line int) { b.line = line }(b.line)
		b.line = e.Line
	}
	if number := isNumber(e.Type) || e.Type.Kind == plan.Pointer; !number {
		if v, ok := b.recall(keyOf(e)); ok {
			b.copyPlace(to, v.text, e.Type.Size)
			return
		}
	}
	switch e.Op {
	case plan.OpCond:
		if isNumber(e.Type) && b.pure(&e.Args[1]) && b.pure(&e.Args[2]) {
			break
		}
		condition := b.scalar(&e.Args[0])
		b.branch(condition.text, func() { b.store(to, &e.Args[1]) }, func() { b.store(to, &e.Args[2]) })
		return
	case plan.OpDefault:
		b.orElse(to, e)
		return
	case plan.OpBinary:
		if (e.Name == "&&" || e.Name == "||") && !b.pure(&e.Args[1]) {
			b.store(to, &e.Args[0])
			b.branch(pick(e.Name == "&&", to, "!"+to), func() { b.store(to, &e.Args[1]) }, nil)
			return
		}
	case plan.OpLoad:
		if _, ok := b.recallable(keyOf(e)); ok || b.uses[keyOf(e)].total > 1 {
			break
		}
		b.read(to, e)
		return
	case plan.OpStack:
		if _, ok := b.recallable(keyOf(e)); ok || b.uses[keyOf(e)].total > 1 {
			break
		}
		b.takeStack(to, e)
		return
	case plan.OpPart:
		if b.storePart(to, e) {
			return
		}
	case plan.OpEntry:
		if !isNumber(e.Type) {
			b.storeEntry(to, e)
			return
		}
	case plan.OpKept:
		if !isNumber(e.Type) {
			b.copyFrom(to, b.keptPlace(e), e.Type.Size)
			return
		}
	}
	switch e.Type.Kind {
	case plan.String, plan.Bytes:
		b.storeText(to, e)
	case plan.IP:
		b.storeAddress(to, e)
	case plan.Flow:
		if !ofSocket(e) {
			packet := cast(b.scalar(&e.Args[0]), ctype{name: "const " + b.tag("sk_buff", false) + " *"})
			b.mayFail(fmt.Sprintf("%s(&%s, %s)", b.use("packet_flow"), to, packet.text))
			return
		}
		b.mayFail(fmt.Sprintf("%s(&%s, %s)", b.use("flow_of"), to, b.sock(&e.Args[0])))
	case plan.Owner:
		b.mayFail(fmt.Sprintf("%s(&%s, %s)", b.use("owner_of"), to, b.sock(&e.Args[0])))
	default:
		b.storeNumber(to, e)
	}
}

// recallable is recall without what it does for the error.
func (b *body) recallable(key string) (known, bool) {
	for i := len(b.known) - 1; i >= 0; i-- {
		if k, ok := b.known[i][key]; ok {
			return k, true
		}
	}
	return known{}, false
}

func (b *body) storeNumber(to string, e *plan.Expr) {
	t := b.typeOf(e.Type)
	for e.Op == plan.OpCast && isNumber(e.Args[0].Type) && isNumber(e.Type) && b.typeOf(e.Type).name == t.name {
		e = &e.Args[0]
		if e.Op == plan.OpLoad && t.name != "bool" && adapts(e) {
			b.store(to, e) // straight from memory: READ_INT assigns as C does
			return
		}
	}
	before := b.terms[b.err]
	v := b.scalar(e)
	text := v.text
	if t.number() != v.typ.number() && !v.literal {
		text = cast(v, t).text
	}
	one := statement{line: b.line, to: to, text: text}
	if b.terms[b.err] > before && !v.word {
		one.unless = b.err
	}
	b.list = append(b.list, one)
}

// orElse stores the first alternative, and where that cannot be read the second. Its
// failure counts for nothing, so it has a variable of its own.
func (b *body) orElse(to string, e *plan.Expr) {
	outer, wasOptional := b.err, b.optional
	missed := b.local(fmt.Sprint("missed ", len(b.variables)), "missed", ctype{name: "long"})
	b.optional = true
	list := b.collect(func() {
		b.err = missed
		b.store(to, &e.Args[0])
		b.err = outer
	})
	if countTerms(list, missed) == 0 {
		list = append([]statement{{line: b.line, text: missed + " = 0"}}, list...)
	}
	b.list = append(b.list, settle(list, missed, b.line)...)
	b.branch(missed, func() { b.store(to, &e.Args[1]) }, nil)
	b.optional = wasOptional
}

// ofSocket reports whether e is the flow of a socket, of which a part can be read by itself.
func ofSocket(e *plan.Expr) bool {
	return e.Op == plan.OpCall && e.Name == "flow" && e.Args[0].Type.Name != "sk_buff"
}

// storePart stores a part of a flow by itself; parts of other values are copied.
func (b *body) storePart(to string, e *plan.Expr) bool {
	from := &e.Args[0]
	if ofSocket(from) {
		if _, ok := b.recallable(keyOf(e)); ok {
			return false
		}
		b.mayFail(fmt.Sprintf("%s(&%s, %s)", b.use("flow_"+e.Name), to, b.sock(&from.Args[0])))
		return true
	}
	if isNumber(e.Type) {
		return false
	}
	b.copyPlace(to, b.composite(from)+"."+partName(e.Name), e.Type.Size)
	return true
}

// sock evaluates the socket that a function is asked about.
func (b *body) sock(e *plan.Expr) string {
	return cast(b.scalar(e), ctype{name: "const " + b.tag("sock", false) + " *"}).text
}

func (b *body) storeText(to string, e *plan.Expr) {
	switch e.Op {
	case plan.OpText:
		name := b.array("text", e.Type)
		b.variables[len(b.variables)-1] = "static const " + b.declaration(e.Type, name) + " = " + quote(e.Name[:min(len(e.Name), e.Type.Size-1)])
		b.emit(fmt.Sprintf("%s(%s, %s)", b.use("READ"), to, name))
	case plan.OpParam:
		b.emit(fmt.Sprintf("%s(%s, (const void *)%s)", b.use("READ_STR"), to, e.Name))
	case plan.OpArg: // a tracepoint's array, passed by its address
		b.mayFail(fmt.Sprintf("%s(%s, %s)", b.use(pick(e.Type.Kind == plan.String, "READ_STR", "READ")), to, b.args[e.Name]))
	case plan.OpBuiltin: // where the checker knows func, and probe, it has made texts of them
		if e.Name == "func" {
			b.emit(fmt.Sprintf("%s(&%s, ctx)", b.use("function_name"), to))
			return
		}
		b.emit(fmt.Sprintf("%s(%s)", b.use("READ_COMM"), to))
	case plan.OpCall:
		if e.Name == "path" {
			b.mayFail(fmt.Sprintf("%s(%s, %s)", b.use("READ_STR"), to, b.pathOf(to, e)))
			return
		}
		from := b.scalar(&e.Args[0])
		if from.typ.number() { // a register of user space that holds an address
			from = cast(from, ctype{name: "const void *"})
		}
		user := e.Args[0].Type.User || e.Name == "ustr"
		read := pick(user, "READ_USER", "READ")
		if e.Name != "buf" {
			read = pick(user, "READ_STR_USER", "READ_STR")
		}
		if len(e.Args) == 2 {
			length := b.assigned(&e.Args[1], u64)
			b.mayFail(fmt.Sprintf("%s(%s, %s, %s)", b.use(pick(user, "READ_TEXT_USER", "READ_TEXT")), to, from.text, length))
			return
		}
		b.mayFail(fmt.Sprintf("%s(%s, %s)", b.use(read), to, from.text))
	default:
		panic(fail("line %d: %q is no text", b.line, e.Op))
	}
}

// pathOf has a path that fits an lvalue put together in the scratch area, and gives the C
// of its address.
func (b *body) pathOf(to string, e *plan.Expr) string {
	const walk = "path walk"
	name, ok := b.locals[walk]
	if !ok {
		name = "s->" + b.scratchStruct("walk", b.use("path_walk"))
		b.locals[walk] = name
	}
	of := e.Args[0].Type.Name // file, path, dentry, cgroup or kernfs_node
	from := cast(b.scalar(&e.Args[0]), ctype{name: "const " + b.tag(of, false) + " *"})
	parent := ""
	if of == "cgroup" || of == "kernfs_node" {
		parent = fmt.Sprintf("%s((const %s *)NULL, %s, FIELD_BYTE_OFFSET), ", b.use("FIELD"), b.tag("kernfs_node", false), b.kernfsParent())
	}
	return fmt.Sprintf("%s(&%s, %s, %ssizeof(%s))", b.use("path_of_"+of), name, from.text, parent, to)
}

// kernfsParent is the member of a struct kernfs_node that leads to its parent, which was renamed
// in Linux 6.15: the one that the kernel has.
func (b *body) kernfsParent() string {
	for _, s := range b.printer.plan.Structs {
		for _, m := range s.Members {
			if s.Name == "kernfs_node" && (m.Name == "parent" || m.Name == "__parent") {
				return m.Name
			}
		}
	}
	panic(fail("line %d: a struct kernfs_node without a parent", b.line))
}

// storeAddress makes an IP address of 4 or 16 bytes.
func (b *body) storeAddress(to string, e *plan.Expr) {
	if e.Op == plan.OpText {
		addr, err := netip.ParseAddr(e.Name)
		if err != nil {
			panic(fail("line %d: %q is no address", b.line, e.Name))
		}
		bytes := addr.As16()
		b.emit(fmt.Sprintf("__builtin_memcpy(&%s, %s, sizeof(%s))", to, quote(string(bytes[:])), to))
		return
	}
	if e.Op == plan.OpParam {
		b.emit(fmt.Sprintf("%s = %s", to, e.Name)) // a copy through another pointer type would not be volatile, and zero
		return
	}
	if e.Op != plan.OpCall || e.Name != "ip" {
		panic(fail("line %d: %q is no address", b.line, e.Op))
	}
	x := &e.Args[0]
	switch {
	case isNumber(x.Type):
		before := b.terms[b.err]
		text := b.assigned(x, u32)
		make := func() { b.emit(fmt.Sprintf("%s(&%s, %s)", b.use("ip_of_be32"), to, text)) }
		if b.terms[b.err] == before {
			make()
			return
		}
		b.branch(b.err, func() { b.zero(to, 16) }, make)
	case x.Op == plan.OpLoad:
		at := *x
		at.Op, at.Type = plan.OpAddress, plan.Type{Kind: plan.Pointer, Size: 8, ElemSize: x.Type.Size, User: x.Args[0].Type.User}
		b.readAddress(to, &at)
	default:
		b.readAddress(to, x)
	}
}

// readAddress reads an address that a pointer leads to.
func (b *body) readAddress(to string, pointer *plan.Expr) {
	from := b.scalar(pointer)
	if pointer.Type.ElemSize == 4 || pointer.Type.Name == "in_addr" {
		b.mayFail(fmt.Sprintf("%s(&%s, %s)", b.use(pick(pointer.Type.User, "read_ip4_user", "read_ip4")), to, from.text))
		return
	}
	b.mayFail(fmt.Sprintf("%s(%s, %s)", b.use(pick(pointer.Type.User, "READ_USER", "READ")), to, from.text))
}

// zero clears an lvalue that is no number.
func (b *body) zero(to string, size int) {
	if size > large {
		b.emit(fmt.Sprintf("%s(%s)", b.use("ZERO"), to))
		return
	}
	b.emit(fmt.Sprintf("__builtin_memset(&%s, 0, sizeof(%s))", to, to))
}
