package check

import (
	"cmp"
	"slices"
	"strings"

	"github.com/ebgen/ebgen/spec"
	"github.com/ebgen/ebgen/spec/expr"
	"github.com/ebgen/ebgen/spec/ktype"
	"github.com/ebgen/ebgen/spec/plan"
	"github.com/ebgen/ebgen/spec/probe"
	"github.com/ebgen/ebgen/spec/source"
)

// lints look at a spec that holds for what its author hardly meant. Each warns only where
// that is likely; the catalogue is free of warnings. What is of a single expression, such
// as pid in a probe that fires in softirq, is said where the expression is checked.
var lints = []func(*checker){
	(*checker).neverDeleted,
	(*checker).keyedByTime,
	(*checker).neverShown,
	(*checker).dearFilterFirst,
	(*checker).hiddenNames,
	(*checker).tracepointInstead,
	(*checker).threadsOfSwitches,
	(*checker).onlySaves,
	(*checker).missingHere,
}

// lint looks, when the options ask for it, at a spec that is right.
func (c *checker) lint() {
	if !c.options.Lint || c.diags.Failed() {
		return
	}
	for _, one := range lints {
		one(c)
	}
}

// each calls visit for every node of every expression of the spec's probes.
func (c *checker) each(visit func(s spec.Scalar, n expr.Node)) {
	seen := map[source.Span]bool{}
	look := func(s spec.Scalar) {
		if !s.Given() || seen[s.Span()] {
			return
		}
		seen[s.Span()] = true
		if n, err := c.parse(s); err == nil {
			expr.Walk(n, func(n expr.Node) bool {
				visit(s, n)
				return true
			})
		}
	}
	for _, site := range c.sites {
		for _, d := range site.duties {
			for _, f := range d.fields {
				look(f.Expr)
			}
			for _, s := range append(slices.Clip(d.filters), d.deletes...) {
				look(s)
			}
			for _, save := range d.saves {
				look(save.Entry)
				look(save.Value)
				for _, f := range save.Values {
					look(f.Expr)
				}
			}
			if p := d.point; p != nil {
				for _, s := range p.key {
					look(s)
				}
				for _, f := range p.keep {
					look(f.Expr)
				}
				for _, s := range p.when {
					look(s)
				}
			}
		}
	}
}

// neverDeleted warns of a hash whose entries stay: once it is full, what comes anew is
// refused for the rest of the run. A spec that says how many there are, or what happens then,
// means it.
func (c *checker) neverDeleted() {
	deleted := map[string]bool{}
	for _, site := range c.sites {
		for _, d := range site.duties {
			for _, s := range d.deletes {
				if name, _, ok := strings.Cut(s.Value, "["); ok {
					deleted[strings.TrimSpace(name)] = true
				}
			}
		}
	}
	for _, m := range c.maps {
		if m.use != plan.StateMap || m.doc == nil || !m.saved || deleted[m.name] || m.doc.OnFull.Given() || m.doc.Entries.Given() || !slices.Contains([]plan.MapType{plan.Hash, plan.PercpuHash}, m.typ) {
			continue
		}
		d := c.diags.Warnf(m.doc.Type.Span(), "entries of %s are saved and never deleted: once it is full, those that come anew are refused", m.name)
		d.Hint = "delete: " + m.name + "[KEY] where what it is kept for ends, or type: lru_" + string(m.typ)
	}
}

// everChanging are the builtins that are another number at every event.
var everChanging = []string{"nsecs", "time", "elapsed", "rand"}

// keyedByTime warns of a table that has a row for every event.
func (c *checker) keyedByTime() {
	if !c.aggregates() {
		return
	}
	for i, col := range c.columns {
		if col.aggregate || !col.Expr.Given() {
			continue
		}
		n, err := c.parse(col.Expr)
		id, ok := n.(*expr.Ident)
		if err != nil || !ok || !slices.Contains(everChanging, id.Name) {
			continue
		}
		if j := c.columnOf(id.Name); j < 0 || j >= i { // else it is that field
			d := c.diags.Warnf(col.Expr.Span(), "%s is another one at every event, and every event then makes a row of its own", id.Name)
			if id.Name != "rand" {
				d.Hint = id.Name + " / 1s is a row for each second"
			}
		}
	}
}

// neverShown warns of fields that the output does not name and that nothing else reads.
func (c *checker) neverShown() {
	if len(c.doc.Output.Columns) == 0 {
		return
	}
	used := map[string]bool{}
	for _, s := range c.doc.Output.Columns {
		used[s.Value] = true
	}
	for _, s := range c.doc.Output.Sort {
		used[strings.TrimSpace(strings.TrimPrefix(s.Value, "-"))] = true
	}
	c.each(func(_ spec.Scalar, n expr.Node) {
		if id, ok := n.(*expr.Ident); ok {
			used[id.Name] = true
		}
	})
	for _, col := range c.columns {
		name := col.Name.Value
		shown := used[name] || slices.ContainsFunc(col.outputs, func(o output) bool { return used[name+o.suffix] })
		if !shown {
			c.diags.Warnf(col.Name.Span(), "%s is not among the columns of the output, and nothing else reads it", name).Hint = "add it to columns, or leave it out"
		}
	}
}

// dear are the functions that read memory of a size that is not known, or look a value up.
var dear = []string{"str", "ustr", "buf", "path", "owner"}

// dearFilterFirst warns of a filter that reads text at every event, though one that costs
// nothing stands behind it and would have ended most.
func (c *checker) dearFilterFirst() {
	for _, site := range c.sites {
		for _, d := range site.duties {
			for i, s := range d.filters {
				n, err := c.parse(s)
				if err != nil || !c.isDear(d, n) {
					continue
				}
				for _, later := range d.filters[i+1:] {
					if cheap, err := c.parse(later); err == nil && isCheap(d, cheap) {
						c.diags.Warnf(s.Span(), "this reads text at every event, before %s is asked, which costs nothing", expr.Print(cheap)).Hint = "put " + expr.Print(cheap) + " first"
						break
					}
				}
			}
		}
	}
}

// isDear reports whether an expression, or a field that it names, calls a dear function.
func (c *checker) isDear(d *duty, n expr.Node) (found bool) {
	expr.Walk(n, func(n expr.Node) bool {
		switch n := n.(type) {
		case *expr.Call:
			found = found || slices.Contains(dear, n.Func)
		case *expr.Ident:
			if f := d.field(n.Name); f != nil && f.Expr.Given() {
				if of, err := c.parse(f.Expr); err == nil && !expr.Equal(of, n) {
					expr.Walk(of, func(n expr.Node) bool {
						call, ok := n.(*expr.Call)
						found = found || ok && slices.Contains(dear, call.Func)
						return true
					})
				}
			}
		}
		return true
	})
	return found
}

// isCheap reports whether an expression is of numbers that are at hand: of the running
// task, of params and of constants.
func isCheap(d *duty, n expr.Node) bool {
	cheap := true
	expr.Walk(n, func(n expr.Node) bool {
		switch n := n.(type) {
		case *expr.Ident:
			f := d.field(n.Name)
			_, builtin := plan.Builtins[n.Name]
			cheap = cheap && (f == nil || f.Expr.Value == n.Name) && (builtin || n.Name == strings.ToUpper(n.Name)) && n.Name != "kstack" && n.Name != "ustack"
		case *expr.Call, *expr.Member, *expr.Index:
			cheap = false
		}
		return true
	})
	return cheap
}

func (d *duty) field(name string) *spec.Field {
	i := slices.IndexFunc(d.fields, func(f spec.Field) bool { return f.Name.Value == name })
	if i < 0 {
		return nil
	}
	return &d.fields[i]
}

// hiddenNames warns of names that cannot be meant any longer since the spec gives them to
// something of its own: a builtin by a map, a function of the language by the spec's C, a
// constant of the kernel by a field.
func (c *checker) hiddenNames() {
	for _, m := range c.maps {
		if _, ok := plan.Builtins[m.name]; ok && m.use == plan.StateMap {
			at := m.at.Span()
			at.End = at.Start + len(m.name)
			c.diags.Warnf(at, "map %s hides the builtin of this name: it cannot be read any longer", m.name)
		}
	}
	c.each(func(s spec.Scalar, n expr.Node) {
		if call, ok := n.(*expr.Call); ok {
			_, own := c.escape[call.Func]
			if _, known := functions[call.Func]; own && known {
				c.diags.Warnf(s.At(call.FuncAt.Span()), "%s is the function of c: here, and not the language's", call.Func).Hint = "give the function another name"
			}
			return
		}
		id, ok := n.(*expr.Ident)
		if !ok || c.columnOf(id.Name) < 0 {
			return
		}
		if col := c.columns[c.columnOf(id.Name)]; c.remade(col, s) {
			c.diags.Warnf(s.At(id.Span()), "%s is the field here, %s, and not the builtin", id.Name, strings.Join(strings.Fields(col.Expr.Value), " ")).Hint = "give the field another name"
		}
		if id.Name != strings.ToUpper(id.Name) {
			return
		}
		if _, ok := c.kernel.Constant(id.Name); !ok {
			if _, ok = ktype.Macro(c.arch, id.Name); !ok {
				return
			}
		}
		c.diags.Warnf(s.At(id.Span()), "%s is the field here, and not the kernel's constant", id.Name).Hint = "give the field another name"
	})
}

// missingHere warns of functions of programs that this machine does not have, when it is
// asked about the kernel that runs: the tracer may be for another machine.
func (c *checker) missingHere() {
	if !c.kernel.Running() {
		return
	}
	said := map[source.Span]bool{}
	for _, site := range c.sites {
		var why error
		for _, a := range site.list {
			err := probe.Missing(a.text)
			if err == nil { // one that is there, or not of a program
				why = nil
				break
			}
			why = cmp.Or(why, err)
		}
		if at := site.at.Span(); why != nil && !site.none && !said[at] {
			said[at] = true
			c.diags.Warnf(at, "this machine cannot attach it: %v", why)
		}
	}
}

// onlySaves warns of a probe that only keeps state for another one, and shows the common
// fields all the same.
func (c *checker) onlySaves() {
	own := slices.ContainsFunc(c.doc.Probes, func(p spec.Probe) bool { return len(p.Fields) > 0 })
	if !own || len(c.doc.Fields) == 0 {
		return
	}
	for _, p := range c.doc.Probes {
		if len(p.Fields) == 0 && !p.Silent && len(p.Save)+len(p.Delete) > 0 {
			c.diags.Warnf(p.At.Span(), "this probe has no fields of its own, and makes records of the common ones").Hint = "fields: {} for a probe that only saves"
		}
	}
}

// remade reports whether a column has the name of a builtin and is something else made of
// it, such as duration: duration / 1000, so that what reads it at another place may have
// meant either.
func (c *checker) remade(col *column, at spec.Scalar) bool {
	name := col.Name.Value
	_, builtin := plan.Builtins[name]
	if !builtin && name != "retval" && !(name == "duration" && c.span != nil) || col.aggregate || !col.Expr.Given() || at.Span().Start <= col.Expr.Span().Start {
		return false
	}
	n, err := c.parse(col.Expr)
	if err != nil {
		return false
	}
	found := false
	expr.Walk(n, func(n expr.Node) bool {
		id, ok := n.(*expr.Ident)
		found = found || ok && id.Name == name
		return true
	})
	_, alone := n.(*expr.Ident)
	return found && !alone || name == "duration" && !found
}
