package check

import (
	"slices"

	"github.com/ebgen/ebgen/spec"
	"github.com/ebgen/ebgen/spec/expr"
	"github.com/ebgen/ebgen/spec/plan"
)

// declareNames checks the names that `let` gives to expressions. What an expression means
// depends on the probe, so it is inferred anew wherever its name stands.
func (c *checker) declareNames() {
	for _, l := range c.doc.Let {
		name := l.Name.Value
		_, builtin := plan.Builtins[name]
		switch {
		case builtin || name == "args" || name == "retval" || name == "duration":
			c.diags.Errorf(l.Name.Span(), "%q has a meaning of its own, and cannot be the name of something else", name)
		case slices.ContainsFunc(c.doc.Fields, func(f spec.Field) bool { return f.Name.Value == name }):
			c.diags.Errorf(l.Name.Span(), "%s is a field too", name).Hint = "a name that is shown needs no let"
		}
	}
}

// letName is what a name of `let` stands for. Names that stand after it in the spec are not
// known to its expression, so that none is made of itself.
func (b *body) letName(n *expr.Ident) (operand, bool) {
	known := b.doc.Let
	if b.letting > 0 {
		known = known[:b.letting-1]
	}
	i := slices.IndexFunc(known, func(f spec.Field) bool { return f.Name.Value == n.Name })
	if i < 0 {
		return operand{}, false
	}
	scalar, line, letting, counting, outer := b.scalar, b.line, b.letting, b.counting, b.outer
	defer func() { b.scalar, b.line, b.letting, b.counting, b.outer = scalar, line, letting, counting, outer }()
	b.letting, b.counting, b.outer = i+1, nil, nil
	l := known[i]
	if l.Text.Given() {
		b.scalar, b.line = l.Text, b.lineOf(l.Text)
		return b.constantText(l.Text.Value), true
	}
	mentioned := b.mentioned
	node, ok := b.enter(l.Expr)
	if !ok {
		b.mentioned = mentioned
		return operand{}, true
	}
	o := b.infer(node)
	for param, required := range mentioned {
		b.mentioned[param] = required
	}
	return o, true
}

// unusedNames warns of names that nothing mentions.
func (c *checker) unusedNames() {
	if c.diags.Failed() {
		return
	}
	used := map[string]bool{}
	look := func(n expr.Node) bool {
		if id, ok := n.(*expr.Ident); ok {
			used[id.Name] = true
		}
		return true
	}
	c.each(func(_ spec.Scalar, n expr.Node) { look(n) })
	for i := len(c.doc.Let) - 1; i >= 0; i-- {
		l := c.doc.Let[i]
		if !used[l.Name.Value] {
			c.diags.Warnf(l.Name.Span(), "%s is named and never used", l.Name.Value)
			continue
		}
		if n, err := c.parse(l.Expr); l.Expr.Given() && err == nil {
			expr.Walk(n, look)
		}
	}
}
