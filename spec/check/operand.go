package check

import (
	"fmt"

	"github.com/ebgen/ebgen/spec/ktype"
	"github.com/ebgen/ebgen/spec/plan"
	"github.com/ebgen/ebgen/spec/probe"
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
	return o.hint("did you mean %s?", source.OrList(names))
}

// read turns a place that holds a scalar into its value, in host byte order; every
// other operand is returned as it is.
func (b *body) read(o operand) operand {
	if !o.valid || !o.place || !probe.Scalar(o.kind) {
		return o
	}
	b.use(o)
	load := plan.Expr{Op: plan.OpLoad, Type: probe.PlanType(o.kind), Line: b.line, Args: []plan.Expr{o.base}, Path: o.path}
	if o.base.Type.User && load.Type.Size == 8 { // what a process points at is its own
		load.Type.User = o.kind.Kind == ktype.Pointer || o.kind.Kind == ktype.Int
	}
	out := value(load)
	if o.kind.Kind == ktype.Pointer {
		out.elem = o.kind.Elem()
	}
	if o.kind.Kind == ktype.Enumer {
		out.enum = b.kernel.EnumOf(o.kind)
	}
	if len(o.path) == 1 {
		out.enum = b.meant(out.enum, "struct "+o.root.Name+"."+o.path[0].Name)
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
	t := probe.PointerTo(o.kind)
	t.User = o.base.Type.User
	if len(o.path) == 0 {
		e := o.base
		e.Type = t
		return operand{valid: true, expr: plan.Expr{Op: plan.OpCast, Type: t, Line: b.line, Args: []plan.Expr{o.base}}, elem: o.kind}
	}
	return operand{valid: true, expr: plan.Expr{Op: plan.OpAddress, Type: t, Line: b.line, Args: []plan.Expr{o.base}, Path: o.path}, elem: o.kind}
}
