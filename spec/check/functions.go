package check

import (
	"fmt"
	"strings"

	"github.com/ebgen/ebgen/spec/expr"
	"github.com/ebgen/ebgen/spec/ktype"
	"github.com/ebgen/ebgen/spec/plan"
	"github.com/ebgen/ebgen/spec/probe"
	"github.com/ebgen/ebgen/spec/source"
)

// Capacities of strings and byte arrays in a record, in bytes with the NUL.
const (
	defaultString = 256
	largestText   = 16 << 10
	largestPath   = 4 << 10 // PATH_MAX
	leastPath     = 16
)

// functions says how each of plan.Functions is typed. Every argument is inferred by
// the function itself, since some want a place and some a value.
var functions map[string]struct {
	least, most int // arguments
	infer       func(*body, *expr.Call) operand
}

// The table and infer call each other, so that Go wants it filled here.
func init() {
	functions = map[string]struct {
		least, most int
		infer       func(*body, *expr.Call) operand
	}{
		"str":          {1, 3, (*body).str},
		"ustr":         {1, 3, (*body).str},
		"path":         {1, 2, (*body).path},
		"buf":          {2, 2, (*body).buf},
		"ip":           {1, 1, (*body).ip},
		"flow":         {1, 1, (*body).socket},
		"owner":        {1, 1, (*body).socket},
		"ntohs":        {1, 1, (*body).swap},
		"ntohl":        {1, 1, (*body).swap},
		"ksym":         {1, 1, (*body).meaning},
		"syscall_name": {1, 1, (*body).meaning},
		"has_prefix":   {2, 2, (*body).prefix},
		"strncmp":      {3, 3, (*body).strncmp},
		"log2":         {1, 1, (*body).log2},
		"abs":          {1, 1, (*body).abs},
		"min":          {1, 2, (*body).extreme},
		"max":          {1, 2, (*body).extreme},
		"if":           {3, 3, func(b *body, n *expr.Call) operand { return b.conditional(n, n.Args[0], n.Args[1], n.Args[2]) }},
		"exists":       {1, 1, (*body).exists},
		"kstack":       {1, 1, (*body).stackOf},
		"ustack":       {1, 1, (*body).stackOf},
		"usym":         {1, 1, (*body).usym},
		"has":          {1, 1, (*body).has},
		"count":        {0, 1, (*body).count},
		"sum":          {1, 2, (*body).sum},
		"avg":          {1, 2, (*body).avg},
		"hist":         {1, 2, (*body).hist},
		"lhist":        {4, 5, (*body).lhist},
		"quantiles":    {2, 10, (*body).quantiles},
	}
}

func (b *body) call(n *expr.Call) operand {
	if own, ok := b.escape[n.Func]; ok {
		return b.callOwn(n, own)
	}
	f, ok := functions[n.Func]
	if !ok {
		if why, ok := later[n.Func]; ok {
			return b.fail(n.FuncAt, "%s() is not in this ebgen yet", n.Func).hint("%s", why)
		}
		var known []string
		for name := range functions {
			known = append(known, name)
		}
		o := b.fail(n.FuncAt, "no function is named %q", n.Func)
		if hint, ok := foreignFunctions[n.Func]; ok {
			return o.hint("%s", hint)
		}
		if _, ok := plan.Builtins[n.Func]; ok {
			return o.hint("%s, without parentheses", n.Func)
		}
		if near := ktype.Nearest(n.Func, known); len(near) > 0 {
			return o.hint("did you mean %s?", source.OrList(near))
		}
		return o
	}
	if len(n.Args) < f.least || len(n.Args) > f.most {
		return b.fail(n, "%s takes %s, got %d", n.Func, arguments(f.least, f.most), len(n.Args)).hint("%s: %s", plan.Functions[n.Func].Usage, plan.Functions[n.Func].Help)
	}
	if n.Func != "flow" && n.Func != "path" { // which say themselves what they need
		b.need(n.Func)
	}
	return f.infer(b, n)
}

// later names what the design promises and this version does not have.
var later = map[string]string{
	"join": "",
}

func arguments(least, most int) string {
	switch {
	case least == 0:
		return "at most 1 argument"
	case least+1 < most:
		return fmt.Sprintf("%d to %d arguments", least, most)
	case least == most && least == 1:
		return "1 argument"
	case least == most:
		return fmt.Sprintf("%d arguments", least)
	}
	return fmt.Sprintf("%d or %d arguments", least, most)
}

// called is a call in the plan.
func (b *body) called(name string, t plan.Type, args ...plan.Expr) operand {
	return value(plan.Expr{Op: plan.OpCall, Type: t, Line: b.line, Name: name, Args: args})
}

// size is the constant argument of a function that says how many bytes to take.
func (b *body) size(n expr.Node, most int64) (int, bool) {
	o := b.inferValue(n)
	v, ok := constantInt(o)
	if !o.valid {
		return 0, false
	}
	if !ok || v < 1 || v > most {
		b.fail(n, "a constant size from 1 to %d is wanted", most)
		return 0, false
	}
	return int(v), true
}

// pointer makes an argument something that leads to memory: a pointer, a number that is an
// address, or the address of an array or struct. An argument whose text lies in a
// tracepoint's record is one too.
func (b *body) pointer(n expr.Node, o operand, what string) (operand, bool) {
	place := o.place
	o = b.read(o)
	if !o.valid {
		return o, false
	}
	if o.place {
		elem := o.kind
		o = b.address(o)
		if elem.Kind == ktype.Array {
			o.elem = elem.Elem()
		}
		return o, true
	}
	if integral(o.expr.Type) && o.expr.Type.Size == 8 { // an address kept as unsigned long
		o.expr = plan.Expr{Op: plan.OpCast, Type: plan.Type{Kind: plan.Pointer, Size: 8, User: o.expr.Type.User}, Line: b.line, Args: []plan.Expr{o.expr}}
		return o, true
	}
	if o.expr.Type.Kind != plan.Pointer {
		f := b.fail(n, "%s wants a pointer, %s is %s", what, expr.Print(n), describe(o))
		if place {
			f.hint("its address is &%s", expr.Print(n))
		}
		return o, false
	}
	return o, true
}

// str is the text at a pointer: str(p) and str(p, SIZE) end at its NUL, str(p, LENGTH) and
// str(p, LENGTH, SIZE) after LENGTH bytes at the latest, which is no constant.
func (b *body) str(n *expr.Call) operand {
	capacity := defaultString
	o := b.infer(n.Args[0])
	array := o.place && o.kind.Kind == ktype.Array && o.kind.Len > 0
	if array {
		capacity = min(o.kind.Len, largestText)
	}
	length, sized, ok := b.textLength(n)
	if !ok {
		return operand{}
	}
	if array && length != nil { // all of it may be text
		capacity = min(o.kind.Len+1, largestText)
	}
	if sized > 0 {
		capacity = sized
	}
	if o.valid && !o.place && o.expr.Type.Kind == plan.String { // already a string: only its capacity changes
		if length != nil {
			return b.fail(n.Args[1], "%s is a string, which has its length", expr.Print(n.Args[0]))
		}
		if len(n.Args) == 2 {
			o.expr.Type.Size = capacity
		}
		return o
	}
	o, ok = b.pointer(n.Args[0], o, n.Func)
	if !ok {
		return operand{}
	}
	if n.Func == "ustr" {
		o.expr.Type.User = true
	}
	args := []plan.Expr{o.expr}
	if length != nil {
		args = append(args, *length)
	}
	return b.called("str", plan.Type{Kind: plan.String, Size: capacity}, args...)
}

// textLength takes the arguments of str behind the pointer: how long the text is, nil where
// its NUL says so, and the capacity of it, 0 where it is not given. A negative length is 0.
func (b *body) textLength(n *expr.Call) (length *plan.Expr, capacity int, ok bool) {
	if len(n.Args) == 1 {
		return nil, 0, true
	}
	if len(n.Args) == 3 {
		if capacity, ok = b.size(n.Args[2], largestText); !ok {
			return nil, 0, false
		}
	}
	o, ok := b.numeric(n.Args[1], n.Func)
	if !ok {
		return nil, 0, false
	}
	if _, constant := constantInt(o); constant && len(n.Args) == 2 {
		capacity, ok = b.size(n.Args[1], largestText)
		return nil, capacity, ok
	}
	e := o.expr
	if e.Type.Signed && !b.natural(e) {
		e = b.called("max", s64, b.convert(e, s64), constant(0, s64).expr).expr
	}
	e = b.convert(e, u64)
	return &e, capacity, true
}

// textual is inferValue that takes a char array for the string it holds.
func (b *body) textual(n expr.Node) operand {
	return b.text(b.inferValue(n))
}

// text turns a char array into the string it holds; other operands stay.
func (b *body) text(o operand) operand {
	if !o.valid || !o.place || o.kind.Kind != ktype.Array {
		return o
	}
	elem, length := o.kind.Elem(), o.kind.Len
	if elem.Kind != ktype.Int || elem.Size != 1 || length == 0 {
		return o
	}
	at := b.address(o)
	at.expr.Type.Elem, at.expr.Type.ElemSize = plan.Int, 1
	if elem.Name == "char" {
		return b.called("str", plan.Type{Kind: plan.String, Size: length}, at.expr)
	}
	return b.called("buf", plan.Type{Kind: plan.Bytes, Size: length}, at.expr)
}

func (b *body) buf(n *expr.Call) operand {
	size, ok := b.size(n.Args[1], largestText)
	o, okp := b.pointer(n.Args[0], b.infer(n.Args[0]), n.Func)
	if !ok || !okp {
		return operand{}
	}
	return b.called("buf", plan.Type{Kind: plan.Bytes, Size: size}, o.expr)
}

// ip is an address: in network order, 4 or 16 bytes, by value or by place.
func (b *body) ip(n *expr.Call) operand {
	t := plan.Type{Kind: plan.IP, Size: 16}
	o := b.infer(n.Args[0])
	if !o.valid {
		return o
	}
	wrong := func() operand {
		return b.fail(n.Args[0], "%s is %s, not an IP address", expr.Print(n.Args[0]), describe(o)).hint("ip takes a __be32, a struct in_addr or in6_addr, or 4 or 16 bytes")
	}
	if o.place && !probe.Scalar(o.kind) {
		k := o.kind
		bytes := k.Kind == ktype.Array && k.Elem().Kind == ktype.Int && (k.Size == 4 || k.Size == 16)
		if !bytes && !(k.Kind == ktype.Struct && (k.Name == "in_addr" || k.Name == "in6_addr")) {
			return wrong()
		}
		at := b.address(o)
		at.expr.Type.ElemSize = k.Size
		return b.called("ip", t, at.expr)
	}
	o = b.read(o)
	if o.expr.Type.Kind == plan.Pointer && o.elem.Kind == ktype.Struct && (o.elem.Name == "in_addr" || o.elem.Name == "in6_addr") {
		return b.called("ip", t, o.expr)
	}
	if o.expr.Op == plan.OpHost && o.expr.Type.Size == 4 {
		return b.called("ip", t, o.expr.Args[0])
	}
	return wrong()
}

// pathTypes are the structs that say where a file or a cgroup is, and what is read of them.
var pathTypes = map[string]string{"file": "path", "path": "path", "dentry": "path", "cgroup": "path of a cgroup", "kernfs_node": "path of a cgroup"}

// path is the path of a file.
func (b *body) path(n *expr.Call) operand {
	capacity := defaultString
	if len(n.Args) == 2 {
		var ok bool
		if capacity, ok = b.size(n.Args[1], largestPath); !ok {
			return operand{}
		}
		if capacity < leastPath {
			return b.fail(n.Args[1], "a path has room for %d bytes at least", leastPath)
		}
	}
	o := b.infer(n.Args[0])
	if !o.valid {
		return o
	}
	if o.place && o.kind.Kind == ktype.Struct && pathTypes[o.kind.Name] != "" {
		o = b.address(o)
	} else {
		o = b.read(o)
	}
	if !o.valid {
		return o
	}
	if o.expr.Type.Kind != plan.Pointer || o.expr.Type.User || pathTypes[o.elem.Name] == "" {
		f := b.fail(n.Args[0], "path wants a struct file *, path *, dentry * or cgroup *, %s is %s", expr.Print(n.Args[0]), describe(o))
		if o.expr.Type.Kind == plan.Pointer && o.elem.Kind == ktype.Void {
			return f.hint("path((struct file *) %s)", expr.Print(n.Args[0]))
		}
		return f
	}
	b.need(pathTypes[o.elem.Name])
	return b.called("path", plan.Type{Kind: plan.String, Size: capacity}, o.expr)
}

// socketTypes are the structs that start with a struct sock_common, so that a pointer
// to one is a pointer to it (include/net/sock.h, include/net/inet_sock.h and others).
var socketTypes = map[string]bool{
	"sock": true, "sock_common": true, "inet_sock": true, "inet_connection_sock": true, "tcp_sock": true, "udp_sock": true, "raw_sock": true,
	"request_sock": true, "inet_request_sock": true, "tcp_request_sock": true, "inet_timewait_sock": true, "tcp_timewait_sock": true,
}

func (b *body) socket(n *expr.Call) operand {
	o := b.inferValue(n.Args[0])
	if !o.valid {
		return o
	}
	if !o.place && o.expr.Type.Kind == plan.Pointer && o.elem.Name == "sk_buff" && n.Func == "flow" {
		b.need("flow of a packet")
		return b.called("flow", plan.Type{Kind: plan.Flow, Size: plan.FlowSize}, o.expr)
	}
	if o.place || o.expr.Type.Kind != plan.Pointer || !socketTypes[o.elem.Name] {
		f := b.fail(n.Args[0], "%s wants a struct sock *%s, %s is %s", n.Func, map[bool]string{true: " or sk_buff *"}[n.Func == "flow"], expr.Print(n.Args[0]), describe(o))
		switch {
		case !o.place && o.elem.Name == "socket":
			return f.hint("%s(%s.sk)", n.Func, expr.Print(n.Args[0]))
		case !o.place && o.expr.Type.Kind == plan.Pointer && o.elem.Kind == ktype.Void:
			return f.hint("%s((struct sock *) %s)", n.Func, expr.Print(n.Args[0]))
		}
		return f
	}
	sock, err := b.kernel.Named("struct", "sock")
	if err != nil {
		return b.fail(n, "%v", err)
	}
	e := o.expr
	if o.elem.Name != "sock" {
		e = plan.Expr{Op: plan.OpCast, Type: probe.PointerTo(sock), Line: b.line, Args: []plan.Expr{e}}
	}
	if n.Func == "owner" {
		b.owners = true
		return b.called("owner", plan.Type{Kind: plan.Owner, Size: plan.OwnerSize}, e)
	}
	b.need("flow")
	return b.called("flow", plan.Type{Kind: plan.Flow, Size: plan.FlowSize}, e)
}

// numeric infers an argument that has to be a number.
func (b *body) numeric(n expr.Node, what string) (operand, bool) {
	return b.numericOf(n, b.inferValue(n), what)
}

// numericOf makes sure that an argument is a number.
func (b *body) numericOf(n expr.Node, o operand, what string) (operand, bool) {
	if !o.valid {
		return o, false
	}
	if o.place || !integral(o.expr.Type) {
		b.fail(n, "%s wants a number, %s is %s", what, expr.Print(n), describe(o))
		return o, false
	}
	if o.counted() {
		b.fail(n, "%s is an aggregate: %s is not for those, + - * / %% min and max are", expr.Print(n), what)
		return o, false
	}
	return o, true
}

// swap is ntohs and ntohl. A member of type __be16 or __be32 is in host order already.
func (b *body) swap(n *expr.Call) operand {
	o, ok := b.numeric(n.Args[0], n.Func)
	if !ok {
		return operand{}
	}
	if o.expr.Op == plan.OpHost {
		return b.fail(n, "%s is in host order already: its type says __be%d", expr.Print(n.Args[0]), 8*o.expr.Type.Size).hint("leave %s away", n.Func)
	}
	t := plan.Type{Kind: plan.Int, Size: 2}
	if n.Func == "ntohl" {
		t.Size = 4
	}
	e := b.convert(o.expr, t)
	e.Type.BigEndian = true
	return value(hostOrder(e))
}

func (b *body) meaning(n *expr.Call) operand {
	o := b.inferValue(n.Args[0])
	if !o.valid {
		return o
	}
	t := plan.Type{Kind: plan.Int, Size: 8, Meaning: plan.Symbol}
	if n.Func == "syscall_name" {
		t = plan.Type{Kind: plan.Int, Size: 8, Signed: true, Meaning: plan.Syscall}
	}
	if o.place || !(integral(o.expr.Type) || n.Func == "ksym" && o.expr.Type.Kind == plan.Pointer) {
		return b.fail(n.Args[0], "%s wants a number, %s is %s", n.Func, expr.Print(n.Args[0]), describe(o))
	}
	return value(b.convert(o.expr, t))
}

// stringAndText infers the two strings of has_prefix and strncmp: the second one is a
// constant, so that the comparison has a fixed length.
func (b *body) stringAndText(n *expr.Call) (s, t operand, ok bool) {
	s, t = b.textual(n.Args[0]), b.infer(n.Args[1])
	if !s.valid || !t.valid {
		return s, t, false
	}
	if s.place || s.expr.Type.Kind != plan.String {
		f := b.fail(n.Args[0], "%s wants a string, %s is %s", n.Func, expr.Print(n.Args[0]), describe(s))
		if s.expr.Type.Kind == plan.Pointer {
			f.hint("str(%s) reads one", expr.Print(n.Args[0]))
		}
		return s, t, false
	}
	if t.expr.Op != plan.OpText && !(t.expr.Op == plan.OpParam && t.expr.Type.Kind == plan.String) {
		b.fail(n.Args[1], "%s wants a constant text or a string parameter", n.Func)
		return s, t, false
	}
	return s, t, true
}

func (b *body) prefix(n *expr.Call) operand {
	s, t, ok := b.stringAndText(n)
	if !ok {
		return operand{}
	}
	if t.expr.Op == plan.OpText && len(t.expr.Name) >= s.expr.Type.Size {
		return b.fail(n.Args[1], "%s holds %d bytes and can never start with this text of %d", expr.Print(n.Args[0]), s.expr.Type.Size-1, len(t.expr.Name))
	}
	return b.called("has_prefix", boolean, s.expr, t.expr)
}

func (b *body) strncmp(n *expr.Call) operand {
	s, t, ok := b.stringAndText(n)
	if !ok {
		return operand{}
	}
	size, ok := b.size(n.Args[2], int64(min(s.expr.Type.Size, t.expr.Type.Size)))
	if !ok {
		return operand{}
	}
	return b.called("strncmp", s32, s.expr, t.expr, constant(int64(size), u32).expr)
}

func (b *body) log2(n *expr.Call) operand {
	o, ok := b.numeric(n.Args[0], n.Func)
	if !ok {
		return operand{}
	}
	return b.called("log2", u32, b.convert(o.expr, u64))
}

func (b *body) abs(n *expr.Call) operand {
	o, ok := b.numeric(n.Args[0], n.Func)
	if !ok {
		return operand{}
	}
	from := promote(o.expr.Type)
	if !from.Signed {
		b.warn(n, "%s is never negative", expr.Print(n.Args[0]))
		return o
	}
	to := from
	to.Signed = false
	return b.called("abs", to, b.convert(o.expr, from))
}

// extreme is the smaller or larger of two numbers, or with one argument an aggregate.
func (b *body) extreme(n *expr.Call) operand {
	if len(n.Args) == 1 {
		return b.leastOrGreatest(n)
	}
	x, y := b.inferValue(n.Args[0]), b.inferValue(n.Args[1])
	if x.valid && y.valid && (x.counted() || y.counted()) {
		return b.overCells(&expr.Binary{At: n.At, Op: n.Func, OpAt: n.FuncAt, X: n.Args[0], Y: n.Args[1]}, x, y)
	}
	x, okx := b.numericOf(n.Args[0], x, n.Func)
	y, oky := b.numericOf(n.Args[1], y, n.Func)
	if !okx || !oky {
		return operand{}
	}
	t := b.either(n, &x, &y)
	t.Meaning = combine("+", x.expr.Type.Meaning, y.expr.Type.Meaning)
	return b.called(n.Func, t, b.convert(x.expr, t), b.convert(y.expr, t))
}

// exists is answered from the BTF that the spec is checked against, and again by CO-RE
// when the program is loaded.
func (b *body) exists(n *expr.Call) operand {
	o, lacking := b.tolerate(n.Args[0], b.infer)
	if lacking {
		return constant(0, boolean)
	}
	if !o.valid {
		return o
	}
	if isArgument(n.Args[0]) { // tolerated when it is lacking
		return constant(1, boolean)
	}
	if !o.place || len(o.path) == 0 {
		return b.fail(n.Args[0], "exists asks for a member of a kernel struct or an argument, %s is %s", expr.Print(n.Args[0]), describe(o)).hint("exists(args.p.__state)")
	}
	b.use(o)
	return value(plan.Expr{Op: plan.OpExists, Type: boolean, Line: b.line, Args: []plan.Expr{o.base}, Path: o.path})
}

// callOwn is a call of a function of the spec's own C.
func (b *body) callOwn(n *expr.Call, own ownFunction) operand {
	if len(n.Args) != len(own.params) {
		return b.fail(n, "%s takes %s, got %d", n.Func, arguments(len(own.params), len(own.params)), len(n.Args))
	}
	e := plan.Expr{Op: plan.OpC, Type: own.result, Line: b.line, Name: n.Func}
	for i, a := range n.Args {
		o := b.inferValue(a)
		if !o.valid {
			return o
		}
		want := own.params[i]
		if o.place || !(integral(o.expr.Type) || o.expr.Type.Kind == plan.Pointer) || (want.Kind == plan.Pointer) != (o.expr.Type.Kind == plan.Pointer) {
			return b.fail(a, "argument %d of %s is %s, got %s", i+1, n.Func, strings.TrimSpace(own.words[i]), describe(o))
		}
		if want.Kind != plan.Pointer {
			o.expr = b.convert(o.expr, want)
		}
		e.Args = append(e.Args, o.expr)
	}
	return value(e)
}
