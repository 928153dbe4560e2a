package check

import (
	"fmt"

	"github.com/ebgen/ebgen/spec/ktype"
	"github.com/ebgen/ebgen/spec/plan"
	"github.com/ebgen/ebgen/spec/source"
)

// operand is an expression on its way into the plan. It is one of three things: a
// value (expr), a place in kernel memory that nobody has read yet (base, path), or
// nothing, after a mistake that is already reported (valid is false).
type operand struct {
	valid bool
	expr  plan.Expr   // of a value
	elem  ktype.Type  // of a pointer value: the type it leads to
	enum  *ktype.Enum // names for the values of an integer, or nil

	place bool
	base  plan.Expr   // pointer that the place is reached from
	root  ktype.Type  // what base leads to
	path  []plan.Step // embedded members from there
	kind  ktype.Type  // type of what lies at the place

	complaint *source.Diagnostic // of a mistake just reported, for its hint
}

// hint adds a hint to the mistake that made o invalid; an empty one adds nothing.
func (o operand) hint(format string, args ...any) operand {
	if o.complaint != nil {
		o.complaint.Hint = fmt.Sprintf(format, args...)
	}
	return operand{}
}

func value(e plan.Expr) operand { return operand{valid: true, expr: e} }

func constant(v int64, t plan.Type) operand {
	return value(plan.Expr{Op: plan.OpConst, Type: t, Int: v})
}

// hintList adds the hint that one of the names was meant, when there is any.
func (o operand) hintList(names []string) operand {
	if len(names) == 0 {
		return operand{}
	}
	return o.hint("did you mean %s?", orList(names))
}

// scalar reports whether a place of this type can be read as one value.
func scalar(t ktype.Type) bool {
	switch t.Kind {
	case ktype.Int, ktype.Bool, ktype.Enumer, ktype.Pointer:
		return true
	}
	return false
}

// read turns a place that holds a scalar into its value, in host byte order; every
// other operand is returned as it is.
func (b *body) read(o operand) operand {
	if !o.valid || !o.place || !scalar(o.kind) {
		return o
	}
	b.use(o)
	load := plan.Expr{Op: plan.OpLoad, Type: planType(o.kind), Line: b.line, Args: []plan.Expr{o.base}, Path: o.path}
	out := value(load)
	if o.kind.Kind == ktype.Pointer {
		out.elem = o.kind.Elem()
	}
	if o.kind.Kind == ktype.Enumer {
		out.enum = b.kernel.EnumOf(o.kind)
	}
	if load.Type.BigEndian {
		out.expr = hostOrder(load)
	}
	return out
}

// hostOrder wraps a big-endian value so that it reads as this machine's.
func hostOrder(e plan.Expr) plan.Expr {
	t := e.Type
	t.BigEndian = false
	return plan.Expr{Op: plan.OpHost, Type: t, Line: e.Line, Args: []plan.Expr{e}}
}

// address returns a pointer value to a place.
func (b *body) address(o operand) operand {
	b.use(o)
	t := pointerTo(o.kind)
	if len(o.path) == 0 {
		e := o.base
		e.Type = t
		return operand{valid: true, expr: plan.Expr{Op: plan.OpCast, Type: t, Line: b.line, Args: []plan.Expr{o.base}}, elem: o.kind}
	}
	return operand{valid: true, expr: plan.Expr{Op: plan.OpAddress, Type: t, Line: b.line, Args: []plan.Expr{o.base}, Path: o.path}, elem: o.kind}
}

// planType is the plan's view of a kernel type.
func planType(t ktype.Type) plan.Type {
	switch t.Kind {
	case ktype.Int:
		return plan.Type{Kind: plan.Int, Size: t.Size, Signed: t.Signed, BigEndian: t.BigEndian}
	case ktype.Bool:
		return plan.Type{Kind: plan.Bool, Size: 1}
	case ktype.Enumer:
		return plan.Type{Kind: plan.Enumer, Size: t.Size, Signed: t.Signed, Name: t.Name}
	case ktype.Pointer:
		p := pointerTo(t.Elem())
		p.User = t.User
		return p
	case ktype.Array:
		p := pointerTo(t.Elem())
		p.Kind, p.Size, p.Len = plan.Array, t.Size, t.Len
		return p
	case ktype.Struct:
		return plan.Type{Kind: plan.Aggregate, Size: t.Size, Name: t.Name, Union: t.Union}
	}
	return plan.Type{}
}

// pointerTo is the type of a pointer to elem, eight bytes on every machine that BPF
// programs of 64-bit kernels see.
func pointerTo(elem ktype.Type) plan.Type {
	p := planType(elem)
	t := plan.Type{Kind: plan.Pointer, Size: 8, Elem: p.Kind, ElemSize: elem.Size, ElemSigned: p.Signed, User: false}
	if p.Kind == plan.Aggregate || p.Kind == plan.Enumer {
		t.Name, t.Union = p.Name, p.Union
	}
	if p.Kind == plan.Pointer || p.Kind == plan.Void {
		t.Elem, t.ElemSize = p.Kind, 8
		if p.Kind == plan.Void {
			t.ElemSize = 0
		}
	}
	return t
}
