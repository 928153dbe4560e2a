package spec

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/goccy/go-yaml/ast"

	"github.com/ebgen/ebgen/spec/source"
)

// traced reads what the spec traces: probe, probes or span. Start is where the spec
// begins, for what it lacks.
func (r *reader) traced(top section, start source.Span) {
	r.choose(top, start)
	d := r.doc
	if e, ok := top.entries["probe"]; ok {
		d.Probes = append(d.Probes, top.probe(e.key))
	}
	items := top.sections("probes")
	fields := top.mentions("fields") || top.has("probes") && len(items) == 0
	for _, item := range items {
		fields = fields || item.mentions("fields")
		d.Probes = append(d.Probes, item.probe(item.name))
	}
	if !fields {
		top.lacks("fields", start, "the spec")
	}
	if e, ok := top.entries["span"]; ok {
		d.Span = top.span(e)
	}
	if e, ok := top.entries["stages"]; ok {
		d.Stages = top.stages(e)
		if !d.Span.At.Given() {
			d.Span.At = e.key
		}
	}
}

// choose reports a spec that has none of the keys of which it wants one, or several,
// and the keys that belong to another one of them.
func (r *reader) choose(top section, start source.Span) {
	var names []string
	var found []entry
	mentioned := false
	for _, key := range keysOf(TopLevel) {
		if !key.Choice {
			continue
		}
		names = append(names, key.Name)
		mentioned = mentioned || top.mentions(key.Name)
		if e, ok := top.entries[key.Name]; ok {
			found = append(found, e)
		}
	}
	if e, ok := top.entries["stages"]; ok && !top.mentions("span") { // in place of it
		mentioned, found = true, append(found, e)
	}
	if !mentioned {
		first, _ := findKey(TopLevel, names[0])
		hint := fmt.Sprintf("add, for example: %s; or, in its place, %s", first.Example, listed(names[1:], "or"))
		r.fail(start, hint, "the spec has no %s", names[0])
	}
	slices.SortFunc(found, func(a, b entry) int { return cmp.Compare(a.key.Span().Start, b.key.Span().Start) })
	for i, e := range found {
		if i > 0 {
			r.fail(e.key.Span(), "keep one of "+listed(names, "and"), "%q cannot stand beside %q", e.key.Value, found[0].key.Value)
		}
	}
	if top.has("probe") || len(found) == 0 {
		return
	}
	for _, name := range []string{"save", "delete"} {
		e, ok := top.entries[name]
		switch {
		case ok && top.has("probes"):
			r.fail(e.key.Span(), "move it to an item of probes", "%q belongs to one probe, and the top level has several", name)
		case ok:
			r.fail(e.key.Span(), "a span keeps values with keep", "%q cannot stand beside %q", name, found[0].key.Value)
		}
	}
}

// sections returns the mappings in a key's list; each has the key as its name.
func (s section) sections(name string) []namedSection {
	e, ok := s.entries[name]
	if !ok {
		return nil
	}
	key, _ := findKey(s.level, name)
	sequence, ok := e.value.(*ast.SequenceNode)
	switch {
	case e.read != nil:
		s.fail(e.read.Span(), "write: "+key.Example, "%q wants %s, found one value", name, key.Form)
	case isEmpty(e.value):
		s.empty(e.key)
	case !ok && !s.reported(e.value):
		s.fail(s.tokenSpan(e.value), fmt.Sprintf("begin each with a dash: - %s: …", keysOf(key.Holds)[0].Name), "%q wants %s, found %s", name, key.Form, formOf(e.value))
	case ok:
		return s.each(s.items(sequence, e.key), e.key, key)
	}
	return nil
}

// each reads nodes, which a key's value consists of, as mappings that the key holds.
func (r *reader) each(nodes []ast.Node, name Scalar, key Key) []namedSection {
	var list []namedSection
	for _, node := range nodes {
		item := entry{key: name, value: node}
		if key.Short == "" && !isMapping(node) && !r.reported(node) {
			r.fail(r.tokenSpan(node), "write: "+key.Example, "%q wants a mapping in its list, found %s", name.Value, formOf(node))
			continue
		}
		inner, ok := r.inner(item, key.each())
		if ok {
			at := r.start(node)
			r.complete(inner, source.Span{Start: at, End: at}, fmt.Sprintf("this value of %q", name.Value))
		}
		list = append(list, namedSection{section: inner, name: name, ok: ok})
	}
	return list
}

// probe reads the keys that the top level and an item of probes have in common. The
// top level's fields and filter are the document's.
func (s section) probe(at Scalar) Probe {
	p := Probe{At: at, Targets: s.many("probe"), Save: s.saves(), Delete: s.many("delete")}
	if len(p.Targets) > 0 {
		p.At = p.Targets[0]
	}
	if s.level == ProbeLevel {
		p.Filter = s.many("filter")
		if e, ok := s.entries["fields"]; ok && e.read == nil && isEmptyMapping(e.value) {
			p.Silent = true
		} else {
			p.Fields = s.fields("fields")
		}
	}
	return p
}

// saves returns what a probe saves, in file order.
func (s section) saves() []Save {
	e, ok := s.entries["save"]
	if !ok {
		return nil
	}
	key, _ := findKey(s.level, "save")
	var list []Save
	for _, one := range s.held(e, key) {
		save := Save{Entry: one.key}
		if one.read == nil && isMapping(one.value) {
			inner := key
			inner.Each, inner.Form = ScalarForm|MappingForm, MappingForm
			save.Values = s.reader.fields(s.reader.named(one, inner))
		} else {
			save.Value = s.reader.one(one, key.each())
		}
		list = append(list, save)
	}
	return list
}

// span reads span in its short form or as a mapping.
func (s section) span(e entry) Span {
	span := Span{At: e.key}
	if _, list := e.value.(*ast.SequenceNode); list && e.read == nil {
		s.fail(s.tokenSpan(e.value), "span: function:vfs_* is each function of a pattern; span: {start: PROBE, end: PROBE} takes lists", "%q wants one function, or a start and an end, found a list", "span")
		return span
	}
	if e.read != nil || !isMapping(e.value) {
		span.Short = s.one("span")
		if span.Short.Given() && s.has("stages") {
			s.fail(span.Short.Span(), "write: span: {key: …}", "stages follow a key, not one function")
		}
		return span
	}
	inner, ok := s.section(e.value, SpanLevel)
	for _, name := range []string{"start", "end"} {
		point, there := inner.entries[name]
		switch {
		case there && s.has("stages"):
			s.fail(point.key.Span(), "the first stage is the start, the last one the end", "%q cannot stand beside stages", name)
		case ok && !inner.mentions(name) && !s.mentions("stages"):
			inner.lacks(name, e.key.Span(), "the span")
		}
	}
	span.Start, span.End, span.Cancel = inner.points("start"), inner.points("end"), inner.points("cancel")
	span.Key, span.Keep = inner.many("key"), inner.fields("keep")
	span.Entries, span.OnFull = inner.one("max_entries"), inner.one("on_full")
	return span
}

// stages reads the named points of a span.
func (s section) stages(e entry) []Stage {
	key, _ := findKey(TopLevel, "stages")
	entries := s.held(e, key)
	if len(entries) == 1 {
		s.fail(entries[0].key.Span(), "", "one stage is no span: it has a start and an end at least")
	}
	var stages []Stage
	keyed := len(entries) > 0 // every point says what it follows
	for _, one := range entries {
		if s.identifier(one.key) {
			points := s.reader.points(one, key)
			stages = append(stages, Stage{Name: one.key, Points: points})
			keyed = keyed && !slices.ContainsFunc(points, func(p Point) bool { return len(p.Key) == 0 })
		}
	}
	if !keyed && !s.mentions("span") {
		s.fail(e.key.Span(), "add, for example: span: {key: args.rq}", "stages need a span beside them, which says what they follow")
	}
	return stages
}

// points reads a key that holds probes of a span.
func (s section) points(name string) []Point {
	e, ok := s.entries[name]
	if !ok {
		return nil
	}
	key, _ := findKey(s.level, name)
	return s.reader.points(e, key)
}

// points reads one probe, a list of them, or mappings in place of either.
func (r *reader) points(e entry, key Key) []Point {
	if e.read != nil {
		return []Point{{Probe: *e.read}}
	}
	nodes := []ast.Node{e.value}
	if sequence, ok := e.value.(*ast.SequenceNode); ok {
		nodes = r.items(sequence, e.key)
	}
	key.Each = ScalarForm | MappingForm
	var points []Point
	for _, one := range r.each(nodes, e.key, key) {
		p := Point{Key: one.many("key"), Filter: one.many("filter"), Keep: one.fields("keep")}
		for _, p.Probe = range one.many("probe") {
			points = append(points, p)
		}
	}
	return points
}
