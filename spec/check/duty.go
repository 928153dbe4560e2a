package check

import (
	"slices"
	"strings"

	"github.com/ebgen/ebgen/spec"
	"github.com/ebgen/ebgen/spec/plan"
	"github.com/ebgen/ebgen/spec/source"
)

// duty is what the spec wants done where a probe fires. The short form with `probe:` is
// one duty, an item of `probes:` is one, and so is each point of a span.
type duty struct {
	filters []spec.Scalar
	fields  []spec.Field
	saves   []spec.Save
	deletes []spec.Scalar
	point   *point // of a span, or nil
}

// emits reports whether the duty makes records or rows.
func (d *duty) emits() bool { return len(d.fields) > 0 }

// site is one probe of the spec with all that is to be done there, in order. Duties at
// the same probe share one program.
type site struct {
	at     spec.Scalar   // the probe as it stands in the file
	list   []alternative // its alternatives, or those at whose return the site lies
	none   bool          // whether it may be left out where none of them serves
	name   string        // as the spec spells it, or as it would spell the return
	duties []*duty
}

// arrange collects the sites: what the document asks for, by probe.
func (c *checker) arrange() {
	if c.doc.Span.At.Given() || c.doc.Span.Short.Given() || len(c.doc.Span.Start)+len(c.doc.Stages) > 0 {
		c.arrangeSpan()
	}
	for i := range c.doc.Probes {
		p := &c.doc.Probes[i]
		fields := append(slices.Clip(c.doc.Fields), p.Fields...)
		if p.Silent {
			fields = nil
		}
		for _, target := range p.Targets {
			c.station(target, c.alternatives(target), target.Value, &duty{
				filters: append(slices.Clip(c.doc.Filter), p.Filter...),
				fields:  fields,
				saves:   p.Save,
				deletes: p.Delete,
			})
		}
	}
	c.unite()
}

// station adds a duty to the site of its probe.
func (c *checker) station(at spec.Scalar, list []alternative, name string, d *duty) {
	name = strings.Join(strings.Fields(name), " ")
	i := slices.IndexFunc(c.sites, func(s *site) bool { return s.name == name })
	if i < 0 {
		i = len(c.sites)
		_, none := cutNone(at)
		c.sites = append(c.sites, &site{at: at, list: list, none: none, name: name})
	}
	c.sites[i].duties = append(c.sites[i].duties, d)
}

// column is one column of the output: a field, by name the union of all duties'.
type column struct {
	spec.Field
	aggregate bool // a value of a table; every other column of a table is part of the key
	decided   bool // whether it is, is known
	outputs   []output
}

// unite lists the columns, in the order in which their names first stand in the file.
func (c *checker) unite() {
	for _, s := range c.sites {
		for _, d := range s.duties {
			seen := map[string]source.Span{}
			for _, f := range d.fields {
				name := f.Name.Value
				if first, ok := seen[name]; ok && first != f.Name.Span() {
					c.diags.Errorf(f.Name.Span(), "field %s stands among the fields of all probes already, in line %d", name, c.doc.File.Position(first.Start).Line)
				}
				seen[name] = f.Name.Span()
				if c.columnOf(name) < 0 {
					c.columns = append(c.columns, &column{Field: f})
				}
			}
		}
	}
	slices.SortStableFunc(c.columns, func(a, b *column) int { return a.Name.Span().Start - b.Name.Span().Start })
	if len(c.columns) == 0 && len(c.sites) > 0 && !c.diags.Failed() {
		c.diags.Errorf(c.sites[0].at.Span(), "nothing is shown: no probe has fields").Hint = "fields: {pid: pid, comm: comm}"
	}
}

func (c *checker) columnOf(name string) int {
	return slices.IndexFunc(c.columns, func(col *column) bool { return col.Name.Value == name })
}

// aggregates reports whether the spec counts in the kernel.
func (c *checker) aggregates() bool { return c.doc.Channel.Type.Value == string(plan.MapChannel) }
