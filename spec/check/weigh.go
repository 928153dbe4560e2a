package check

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/ebgen/ebgen/spec/plan"
	"github.com/ebgen/ebgen/spec/source"
)

// portion is what one of the tracer's maps takes of the kernel's memory, and where the spec
// speaks of it.
type portion struct {
	name  string
	bytes int64
	at    source.Span
}

// weigh bounds what the kernel is to set aside for all maps and the channel together: a map
// may be as large as all of it, several may not.
func (c *checker) weigh() {
	if c.diags.Failed() {
		return
	}
	portions := []portion{{"the channel", int64(c.plan.Channel.Size), cmp.Or(c.doc.Channel.Size.Span(), c.doc.Channel.Type.Span(), c.doc.Name.Span())}}
	for i := range c.plan.Maps {
		m := &c.plan.Maps[i]
		portions = append(portions, portion{m.Name, m.Bytes(1), cmp.Or(c.placeOf(m), c.doc.Name.Span())})
	}
	total := int64(0)
	for _, s := range portions {
		total += s.bytes
	}
	if total <= plan.MostMemory {
		return
	}
	slices.SortStableFunc(portions, func(a, b portion) int { return cmp.Compare(b.bytes, a.bytes) })
	var parts []string
	for _, s := range portions[:min(len(portions), 4)] {
		if s.bytes>>20 > 0 {
			parts = append(parts, fmt.Sprintf("%s %d MiB", s.name, s.bytes>>20))
		}
	}
	d := c.diags.Errorf(portions[0].at, "the tracer would take %d MiB of the kernel's memory, more than %d", total>>20, plan.MostMemory>>20)
	d.Hint = "a smaller max_entries: " + strings.Join(parts, ", ")
}

// placeOf is where the spec says how large a map is, or else what it is for.
func (c *checker) placeOf(m *plan.Map) source.Span {
	if m.Use == plan.TableMap {
		return cmp.Or(c.doc.Channel.Entries.Span(), c.doc.Channel.Type.Span())
	}
	all := c.maps
	if m.Use == plan.StackMap && c.stackLimits != nil {
		all = append(slices.Clone(all), c.stackLimits)
	}
	for _, e := range all {
		switch {
		case e.name != m.Name:
		case e.doc != nil && e.doc.Entries.Given():
			return e.doc.Entries.Span()
		default:
			return e.at.Span()
		}
	}
	return source.Span{}
}
