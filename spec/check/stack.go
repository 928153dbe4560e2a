package check

import (
	"github.com/ebgen/ebgen/spec"
	"github.com/ebgen/ebgen/spec/expr"
	"github.com/ebgen/ebgen/spec/plan"
)

// stackMap is what `maps:` calls the map that stacks are kept in.
const stackMap = "stacks"

// stackless are the probes at which the task that runs is the tracer itself.
var stackless = map[plan.AttachKind]bool{plan.Iterator: true, plan.Begin: true, plan.End: true}

// stack is kstack or ustack, with so many frames at most, or what is kept as one.
func (b *body) stack(n expr.Node, name string, depth int) operand {
	if kind := b.candidate.Kind; stackless[kind] {
		return b.fail(n, "%s has no %s: what runs there is the tracer itself", b.spelling, name)
	}
	user := name != "kstack"
	if user {
		b.need("ustack")
	}
	if b.stacks == nil {
		b.stacks = &plan.Stacks{}
	}
	b.stacks.Depth = max(b.stacks.Depth, depth)
	b.stacks.User = b.stacks.User || user
	return value(plan.Expr{Op: plan.OpStack, Type: plan.Type{Kind: plan.Stack, Size: plan.StackSize, User: user}, Line: b.line, Int: int64(depth)})
}

// stackOf is kstack(FRAMES) or ustack(FRAMES).
func (b *body) stackOf(n *expr.Call) operand {
	depth, ok := b.size(n.Args[0], plan.MaxDepth)
	if !ok {
		return operand{}
	}
	return b.stack(n, n.Func, depth)
}

// usym is usym(ADDRESS): a stack of the running process that has one frame, the address.
// So it is kept with the process that it belongs to, and can be named when that has ended.
func (b *body) usym(n *expr.Call) operand {
	o := b.inferValue(n.Args[0])
	if !o.valid {
		return o
	}
	if o.place || !integral(o.expr.Type) && o.expr.Type.Kind != plan.Pointer {
		return b.fail(n.Args[0], "%s wants an address, %s is %s", n.Func, expr.Print(n.Args[0]), describe(o))
	}
	taken := b.stack(n, n.Func, 1)
	if taken.valid {
		taken.expr.Type.Meaning = plan.Symbol
		taken.expr.Args = []plan.Expr{b.convert(o.expr, plan.Type{Kind: plan.Int, Size: 8})}
	}
	return taken
}

// declareStacks reads how large the map of stacks is to be.
func (c *checker) declareStacks(d *spec.Map) {
	c.stackLimits = &entries{name: stackMap, at: d.Name, doc: d, typ: plan.Hash}
	if d.Type.Given() {
		c.diags.Errorf(d.Type.Span(), "the map of stacks has a type of its own").Hint = "leave it away, or give the map another name"
	}
	c.stackLimits.limit(c, d.Entries, d.OnFull)
}

// layOutStacks adds the map of stacks to the plan, when an expression takes any.
func (c *checker) layOutStacks() {
	m := c.stackLimits
	if c.stacks == nil {
		if m != nil {
			c.diags.Warnf(m.at.Span(), "no stack is taken").Hint = "kstack or ustack takes one"
		}
		return
	}
	one := plan.Map{Name: stackMap, Line: c.plan.Line, Use: plan.StackMap, Type: plan.Hash, Entries: plan.StackEntries,
		Key: plan.Record{Size: plan.StackSize, Absent: -1}, Value: plan.Record{Size: c.stacks.ValueSize(), Absent: -1}, OnFull: plan.Drop}
	if m != nil {
		one.Line = c.lineOf(m.at)
		if m.size > 0 {
			one.Entries = m.size
		}
		if m.onFull != "" {
			one.OnFull = m.onFull
		}
	}
	c.stacks.Map = len(c.plan.Maps)
	c.plan.Maps = append(c.plan.Maps, one)
	c.plan.Stacks = c.stacks
}
