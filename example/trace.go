package example

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ebgen/ebgen/spec/plan"
)

// traced says of a plan how the kernel computes what is delivered: two specs for which it is
// the same deliver the same, whatever they call it and however they show it.
type traced struct {
	plan  *plan.Plan
	given *plan.Record // what is delivered by column: a record, or a table's key
	cells *plan.Record // what is counted, nil for records
}

func newTraced(p *plan.Plan) *traced {
	t := &traced{plan: p, given: &p.Record}
	if p.Table != nil {
		m := &p.Maps[p.Table.Map]
		t.given, t.cells = &m.Key, &m.Value
	}
	return t
}

// column says how field i of what is given is computed: an expression for each body that
// fills it, sorted.
func (t *traced) column(i int) string {
	return t.sources(func(b *plan.Body) []plan.Assign { return b.Fields }, i)
}

// sources is how the assignments to one field compute it.
func (t *traced) sources(of func(*plan.Body) []plan.Assign, field int) string {
	var all []string
	for i := range t.plan.Bodies {
		for _, a := range of(&t.plan.Bodies[i]) {
			if a.Field == field {
				all = append(all, t.expr(&a.Expr, true))
			}
		}
	}
	return joined(all)
}

func joined(all []string) string {
	slices.Sort(all)
	return strings.Join(slices.Compact(all), " or ")
}

// cell says how cell i is counted.
func (t *traced) cell(i int) string {
	c := &t.plan.Table.Cells[i]
	var all []string
	for b := range t.plan.Bodies {
		for _, u := range t.plan.Bodies[b].Updates {
			if u.Cell != i {
				continue
			}
			text := ""
			if u.Value != nil {
				text = t.expr(u.Value, true)
			}
			if u.When != nil {
				text += " when " + t.expr(u.When, true)
			}
			all = append(all, text)
		}
	}
	text := fmt.Sprintf("%s(%s)", c.Kind, joined(all))
	if f := t.cells.Fields[c.Field]; f.Type.Hist > 0 {
		text += fmt.Sprintf(" in %+v", t.plan.Histograms[f.Type.Hist-1])
	}
	return text
}

// expr is an expression as the kernel computes it: without what types mean, which only
// rendering asks for. What it takes from a span or a map is followed once to where that was
// put there.
func (t *traced) expr(e *plan.Expr, follow bool) string {
	bare := meaningless(e)
	for bare.Op == plan.OpCast && bare.Type == bare.Args[0].Type {
		bare = bare.Args[0]
	}
	text := bare.String()
	if !follow {
		return text
	}
	bare.Walk(func(x *plan.Expr) {
		switch {
		case x.Op == plan.OpKept && t.plan.Span != nil:
			m := &t.plan.Maps[t.plan.Span.Map]
			text += fmt.Sprintf(" where %s is %s", x.Name, t.put(m.Value.Field(x.Name), func(b *plan.Body) []plan.Assign {
				if b.Span == nil {
					return nil
				}
				return b.Span.Values
			}))
		case x.Op == plan.OpEntry && x.Int >= 0 && x.Int < int64(len(t.plan.Maps)):
			m := &t.plan.Maps[x.Int]
			text += fmt.Sprintf(" where %s.%s is %s", m.Name, x.Name, t.put(m.Value.Field(x.Name), func(b *plan.Body) (all []plan.Assign) {
				for _, s := range b.Saves {
					if int64(s.Map) == x.Int {
						all = append(all, s.Values...)
					}
				}
				return all
			}))
		}
	})
	return text
}

// put is how a field is computed that a span or a map keeps.
func (t *traced) put(field int, of func(*plan.Body) []plan.Assign) string {
	var all []string
	for i := range t.plan.Bodies {
		for _, a := range of(&t.plan.Bodies[i]) {
			if a.Field == field {
				all = append(all, t.expr(&a.Expr, false))
			}
		}
	}
	return joined(all)
}

// meaningless is a copy of an expression in which an integer is an integer.
func meaningless(e *plan.Expr) plan.Expr {
	bare := *e
	bare.Type = plan.Type{Kind: e.Type.Kind, Size: e.Type.Size, Signed: e.Type.Signed, BigEndian: e.Type.BigEndian, Name: e.Type.Name, Elem: e.Type.Elem, User: e.Type.User, Len: e.Type.Len}
	if bare.Type.Kind == plan.Enumer {
		bare.Type.Kind, bare.Type.Name = plan.Int, ""
	}
	bare.Args = nil
	for i := range e.Args {
		bare.Args = append(bare.Args, meaningless(&e.Args[i]))
	}
	return bare
}

// condition is something that decides which events are delivered, and when.
type condition struct {
	what string // as a complaint names it: probe, filter, …
	text string
	line int // in the spec
}

// conditions lists what decides which events are delivered, or with what in the maps.
func (t *traced) conditions() (all []condition) {
	add := func(what string, line int, format string, args ...any) {
		all = append(all, condition{what, fmt.Sprintf(format, args...), line})
	}
	list := func(exprs []plan.Expr) string {
		var texts []string
		for i := range exprs {
			texts = append(texts, t.expr(&exprs[i], false))
		}
		return strings.Join(texts, ", ")
	}
	filter := func(f *plan.Filter, what string) {
		add(what, f.Line, "%s if %s", t.expr(&f.Expr, true), strings.Join(f.Params, ", "))
	}
	for i := range t.plan.Probes {
		// What a kernel of these types attaches, of all that would do.
		if p := &t.plan.Probes[i]; len(p.Alternatives) > 0 {
			add("probe", p.Line, "%s:%s", p.Alternatives[0].Kind, p.Alternatives[0].Target)
		}
	}
	for i := range t.plan.Bodies {
		b := &t.plan.Bodies[i]
		for i := range b.Filters {
			filter(&b.Filters[i], "filter")
		}
		if s := b.Span; s != nil {
			add("span", s.Line, "%s by %s", s.Action, list(s.Key))
			for i := range s.When {
				filter(&s.When[i], "filter")
			}
		}
		for _, s := range b.Saves {
			add("entry that is saved", s.Line, "%s by %s", t.plan.Maps[s.Map].Name, list(s.Key))
		}
		for _, d := range b.Deletes {
			add("entry that is deleted", d.Line, "%s by %s", t.plan.Maps[d.Map].Name, list(d.Key))
		}
	}
	if t.plan.C != nil {
		add("C of its own", t.plan.C.Line, "%s", t.plan.C.Text)
	}
	return all
}
