package check

import (
	"slices"

	"github.com/ebgen/ebgen/spec"
	"github.com/ebgen/ebgen/spec/plan"
	"github.com/ebgen/ebgen/spec/source"
)

// reserve refuses names that the generated C cannot take.
func (c *checker) reserve() {
	refuse := func(at source.Span, what, name string) {
		why := "the generated C uses that word"
		switch {
		case plan.Reserved[name]:
		case name == c.plan.Name:
			why = "the spec has that name"
		case slices.ContainsFunc(c.doc.Params, func(p spec.Param) bool { return p.Name.Value == name }):
			why = "a parameter has that name"
		}
		c.diags.Errorf(at, "a %s cannot be named %q: %s", what, name, why).Hint = "another name, such as " + name + "_"
	}
	if plan.Reserved[c.plan.Name] {
		refuse(c.doc.Name.Span(), "spec", c.doc.Name.Value)
	}
	for _, p := range c.doc.Params {
		if plan.Reserved[p.Name.Value] || p.Name.Value == c.plan.Name {
			refuse(p.Name.Span(), "parameter", p.Name.Value)
		}
	}
	for name := range c.escape {
		if plan.Reserved[name] || name == c.plan.Name {
			refuse(c.doc.C.Span(), "function", name)
		}
	}
	field := func(f spec.Field) {
		if plan.Keywords[f.Name.Value] || f.Name.Value == "absent" {
			refuse(f.Name.Span(), "field", f.Name.Value)
		}
	}
	for _, col := range c.columns {
		field(col.Field)
	}
	for _, s := range c.sites {
		for _, d := range s.duties {
			for _, save := range d.saves {
				for _, f := range save.Values {
					field(f)
				}
			}
			if d.point != nil {
				for _, f := range d.point.keep {
					field(f)
				}
			}
		}
	}
	for _, m := range c.maps {
		taken := plan.Reserved[m.name] || m.name == c.plan.Name || slices.ContainsFunc(c.doc.Params, func(p spec.Param) bool { return p.Name.Value == m.name })
		if m.use == plan.StateMap && taken {
			refuse(m.at.Span(), "map", m.name)
		}
	}
}
