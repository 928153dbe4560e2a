package check

import (
	"github.com/ebgen/ebgen/spec/plan"
	"github.com/ebgen/ebgen/spec/source"
)

// reserve refuses names that the generated C cannot take.
func (c *checker) reserve() {
	refuse := func(at source.Span, what, name string) {
		c.diags.Errorf(at, "a %s cannot be named %q: the generated C uses that word", what, name).Hint = "another name, such as " + name + "_"
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
	for _, f := range c.doc.Fields {
		if plan.Keywords[f.Name.Value] || f.Name.Value == "absent" {
			refuse(f.Name.Span(), "field", f.Name.Value)
		}
	}
}
