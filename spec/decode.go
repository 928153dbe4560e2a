package spec

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/goccy/go-yaml/ast"

	"github.com/ebgen/ebgen/spec/source"
)

// entry is one key of a mapping with what it holds.
type entry struct {
	key   Scalar
	value ast.Node
	read  *Scalar // the value, when scan has read it already
}

// section is one mapping of a known level: the entries whose keys are of that level.
type section struct {
	*reader
	level   Level
	entries map[string]entry
	meant   []string // keys of the level that unknown keys were likely meant to be
}

// document reads the whole tree.
func (r *reader) document(body ast.Node) {
	top, ok := r.section(body, TopLevel)
	if !ok {
		return
	}
	start := source.Span{Start: r.start(body), End: r.start(body)}
	r.complete(top, start, "the spec")
	d := r.doc
	if name := top.one("name"); name.Given() && (titlePattern().MatchString(name.Value) || r.identifier(name)) {
		d.Name = name
	}
	d.Description = top.one("description")
	for _, param := range top.named("params") {
		d.Params = append(d.Params, Param{
			Name: param.name, Type: param.one("type"), Help: param.one("help"), Default: param.one("default"),
		})
	}
	for _, m := range top.named("maps") {
		d.Maps = append(d.Maps, Map{Name: m.name, Type: m.one("type"), Entries: m.one("max_entries"), OnFull: m.one("on_full")})
	}
	r.traced(top, start)
	d.Let = top.fields("let")
	d.Fields = top.fields("fields")
	d.Filter = top.many("filter")
	channel := top.open("channel")
	d.Channel = Channel{
		Type: channel.one("type"), Size: channel.one("size"),
		Map: channel.one("map"), Entries: channel.one("max_entries"), OnFull: channel.one("on_full"),
	}
	output := top.open("output")
	d.Output = Output{
		Format: output.one("format"), Columns: output.many("columns"),
		Interval: output.one("interval"), Clear: output.one("clear"), Sort: output.many("sort"), Top: output.one("top"),
	}
	limits := top.open("limits")
	d.Limits = Limits{Rate: limits.one("rate"), Duration: limits.one("duration"), Count: limits.one("count")}
	d.C = top.one("c")
}

// fields returns the fields, or the saved values, that a key's mapping holds.
func (s section) fields(name string) []Field {
	return s.reader.fields(s.named(name))
}

func (r *reader) fields(list []namedSection) []Field {
	var fields []Field
	for _, field := range list {
		f := Field{
			Name: field.name, Expr: field.one("expr"), Text: field.one("text"), Format: field.one("format"), Help: field.one("help"),
		}
		expr, hasExpr := field.entries["expr"]
		text, hasText := field.entries["text"]
		switch {
		case f.Expr.Given() && f.Text.Given():
			second := expr.key.Span()
			if text.key.Span().Start > second.Start {
				second = text.key.Span()
			}
			r.fail(second, "keep one of them", "field %q has both expr and text", f.Name.Value)
			f.Text = Scalar{}
		case field.ok && !hasExpr && !hasText && !r.lost["expr"] && !r.lost["text"]:
			r.fail(f.Name.Span(), "add, for example: expr: pid", "field %q has no expr", f.Name.Value)
		}
		fields = append(fields, f)
	}
	return fields
}

// section reads node as a mapping of that level and reports keys it does not have.
func (r *reader) section(node ast.Node, level Level) (section, bool) {
	s := section{reader: r, level: level, entries: map[string]entry{}}
	entries, ok := r.mapping(node)
	if !ok && r.reported(node) {
		return s, false
	}
	if !ok {
		r.fail(r.tokenSpan(node), "write: key: value", "%s is a mapping, found %s", level, formOf(node))
		return s, false
	}
	for _, e := range entries {
		if _, known := findKey(level, e.key.Value); !known {
			message, hint, meant := unknownKey(level, e.key.Value)
			if e.read == nil && isEmpty(e.value) && strings.HasSuffix(strings.TrimRight(r.text[:e.key.Span().Start], " "), ",") {
				hint = "a comma ends a value in {}: quote the text before it when the comma is its own"
			}
			r.fail(e.key.Span(), hint, "%s", message)
			s.meant = append(s.meant, meant)
			continue
		}
		s.entries[e.key.Value] = e
	}
	return s, true
}

// complete reports the required keys that s lacks, at the place that should have them.
func (r *reader) complete(s section, at source.Span, who string) {
	for _, key := range keysOf(s.level) {
		if key.Required && !s.mentions(key.Name) {
			s.lacks(key.Name, at, who)
		}
	}
}

// lacks reports that s has no such key.
func (s section) lacks(name string, at source.Span, who string) {
	key, _ := findKey(s.level, name)
	s.fail(at, "add, for example: "+key.Example, "%s has no %s", who, name)
}

// has reports whether the key is there.
func (s section) has(name string) bool {
	_, found := s.entries[name]
	return found
}

// mentions reports whether the key is there or has a complaint in its stead.
func (s section) mentions(name string) bool {
	return s.has(name) || s.lost[name] || slices.Contains(s.meant, name)
}

// mapping returns the entries of a mapping in file order, each key once. It reports
// false when node is none.
func (r *reader) mapping(node ast.Node) ([]entry, bool) {
	var values []*ast.MappingValueNode
	switch n := node.(type) {
	case *ast.MappingNode:
		values = n.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{n}
	default:
		return nil, false
	}
	var entries []entry
	for _, v := range values {
		switch v.Key.(type) {
		case *ast.MergeKeyNode:
			r.fail(r.tokenSpan(v.Key), "write the keys out", "a spec has no merge keys (<<)")
			continue
		case *ast.MappingKeyNode:
			r.fail(r.tokenSpan(v.Key), "write: key: value", "a spec has no complex keys (?)")
			continue
		}
		key, ok := r.scalarOf(v.Key)
		if !ok {
			r.fail(r.tokenSpan(v.Key), "", "a key is a word, found %s", formOf(v.Key))
			continue
		}
		if !key.Given() { // it has its complaint
			continue
		}
		if i := slices.IndexFunc(entries, func(e entry) bool { return e.key.Value == key.Value }); i >= 0 {
			first := r.file.Position(entries[i].key.Span().Start).Line
			r.fail(key.Span(), "", "key %q stands twice, first in line %d", key.Value, first)
			continue
		}
		e := entry{key: key, value: v.Value}
		if s, ok := r.unspacedValues[key.Span().Start]; ok {
			e.read = &s
		}
		entries = append(entries, e)
	}
	return entries, true
}

// one returns the value of a key that wants one, or the zero Scalar.
func (s section) one(name string) Scalar {
	e, ok := s.entries[name]
	if !ok {
		return Scalar{}
	}
	key, _ := findKey(s.level, name)
	return s.reader.one(e, key)
}

// one returns the value of one entry.
func (r *reader) one(e entry, key Key) Scalar {
	if e.read != nil {
		return *e.read
	}
	return r.scalar(e.value, key, e.key)
}

// many returns the values of a key that may have several.
func (s section) many(name string) []Scalar {
	e, ok := s.entries[name]
	if !ok {
		return nil
	}
	key, _ := findKey(s.level, name)
	sequence, ok := e.value.(*ast.SequenceNode)
	if !ok || e.read != nil {
		if one := s.one(name); one.Given() {
			return []Scalar{one}
		}
		return nil
	}
	item := key
	item.Form = key.Each
	var list []Scalar
	for _, node := range s.items(sequence, e.key) {
		if one := s.scalar(node, item, e.key); one.Given() {
			list = append(list, one)
		}
	}
	return list
}

// items returns the items of a key's list that have a value.
func (r *reader) items(sequence *ast.SequenceNode, key Scalar) []ast.Node {
	if len(sequence.Values) == 0 {
		r.empty(key)
	}
	var list []ast.Node
	for i, node := range sequence.Values {
		if isEmpty(node) && i < len(sequence.Entries) {
			dash := r.offset(sequence.Entries[i].Start.Position)
			r.fail(source.Span{Start: dash, End: dash + 1}, "", "%q has an item without a value", key.Value)
			continue
		}
		list = append(list, node)
	}
	return list
}

// open returns the mapping that a key holds; one value stands for its Short key.
func (s section) open(name string) section {
	key, _ := findKey(s.level, name)
	if e, ok := s.entries[name]; ok {
		inner, _ := s.inner(e, key)
		return inner
	}
	return section{reader: s.reader, level: key.Holds}
}

// inner reads what e holds as a mapping of the level that key holds. It reports false
// after a complaint about the whole.
func (r *reader) inner(e entry, key Key) (section, bool) {
	s := section{reader: r, level: key.Holds, entries: map[string]entry{}}
	if e.read == nil && isMapping(e.value) {
		return r.section(e.value, key.Holds)
	}
	one := r.one(e, key)
	if !one.Given() {
		return s, false
	}
	if key.Short == "" {
		hint := "write: " + key.Example
		for _, required := range keysOf(key.Holds) {
			if required.Required {
				hint = fmt.Sprintf("write: %s: {%s: %s}", e.key.Value, required.Name, one.Value)
			}
		}
		r.fail(one.Span(), hint, "%q wants a mapping, found one value", e.key.Value)
		return s, false
	}
	short, _ := findKey(key.Holds, key.Short)
	one, ok := r.allowed(one, short)
	if !ok {
		return s, false
	}
	s.entries[key.Short] = entry{key: e.key, value: e.value, read: &one}
	return s, true
}

// namedSection is a section under a name of the author's.
type namedSection struct {
	section
	name Scalar
	ok   bool // false after a complaint about the whole
}

// named returns the sections that a key's mapping holds, in file order. Names that C
// could not have are reported and left out.
func (s section) named(name string) []namedSection {
	e, ok := s.entries[name]
	if !ok {
		return nil
	}
	key, _ := findKey(s.level, name)
	return s.reader.named(e, key)
}

// named returns the sections under the names that one entry's mapping holds.
func (r *reader) named(e entry, key Key) []namedSection {
	var list []namedSection
	for _, one := range r.held(e, key) {
		if !r.identifier(one.key) {
			continue
		}
		inner, ok := r.inner(one, key.each())
		if ok {
			r.complete(inner, one.key.Span(), fmt.Sprintf("%q", one.key.Value))
		}
		list = append(list, namedSection{section: inner, name: one.key, ok: ok})
	}
	return list
}

// held returns the entries of the mapping that e holds under keys of the author's, and
// complains when it holds none.
func (r *reader) held(e entry, key Key) []entry {
	if e.read != nil {
		r.fail(e.read.Span(), "write: "+key.Example, "%q wants %s, found one value", e.key.Value, key.Form)
		return nil
	}
	entries, ok := r.mapping(e.value)
	switch {
	case isEmpty(e.value), isEmptyMapping(e.value):
		r.empty(e.key)
	case !ok && !r.reported(e.value):
		r.fail(r.tokenSpan(e.value), "write: "+key.Example, "%q wants %s, found %s", e.key.Value, key.Form, formOf(e.value))
	}
	return entries
}

// identifierPattern is what a name may be: it becomes a word of C, of Go and of the
// command line. C compilers keep at least 63 characters of a name apart (C11 5.2.4.1).
var (
	identifierPattern = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,63}$`) })
	titlePattern      = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]{0,63}$`) }) // a spec's own name: C writes its hyphens as _
	notIdentifier     = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`[^A-Za-z0-9_]+`) })
)

// identifier reports whether s is a name, and complains when it is not.
func (r *reader) identifier(s Scalar) bool {
	if identifierPattern().MatchString(s.Value) {
		return true
	}
	hint := ""
	fixed := notIdentifier().ReplaceAllString(s.Value, "_")
	if identifierPattern().MatchString(fixed) && strings.Trim(fixed, "_") != "" {
		hint = "write: " + fixed
	}
	r.fail(s.Span(), hint, "%q is no name: a name has 1 to 64 letters, digits and _, and no digit first", s.Value)
	return false
}

// empty reports a key without a value.
func (r *reader) empty(key Scalar) {
	hint := ""
	rest, _, _ := strings.Cut(r.text[key.Span().End:], "\n")
	if strings.Contains(rest, "#") {
		hint = "a # after a space begins a comment; quote the value when it is meant as text"
	}
	r.fail(key.Span(), hint, "%q has no value", key.Value)
}

// scalar reads node as one value of a key. Code in brackets that YAML took for its own
// is reported and returned as text, so that the checker can go on.
func (r *reader) scalar(node ast.Node, key Key, at Scalar) Scalar {
	s, ok := r.scalarOf(node)
	switch {
	case ok && !s.Given(): // it has its complaint
		return s
	case ok && strings.TrimSpace(s.Value) == "" && !(key.Empty && (s.Kind == SingleQuoted || s.Kind == DoubleQuoted)):
		r.fail(s.Span(), "", "%q has no value", at.Value)
		return Scalar{}
	case ok:
		s, _ = r.allowed(s, key)
		return s
	case isEmpty(node):
		r.empty(at)
		return Scalar{}
	}
	span, hint := r.tokenSpan(node), ""
	if flow, ok := r.flowSpan(node); ok {
		span = flow
		if key.Code {
			hint = "quote it: " + quote(r.text[flow.Start:flow.End])
			s = plainScalar(r.text, flow)
		}
	}
	r.fail(span, hint, "%q wants %s, found %s", at.Value, key.Form, formOf(node))
	return s
}

// allowed is s when it is one of the values that key allows. It complains of another one, and
// gives the one that was meant, so that nothing is said of what would follow from the mistake,
// or none.
func (r *reader) allowed(s Scalar, key Key) (Scalar, bool) {
	if key.Values == nil || slices.Contains(key.Values, s.Value) {
		return s, true
	}
	if slices.Contains(later[key.Level], s.Value) {
		r.fail(s.Span(), "", "this ebgen does not have %s %q yet", key.Level, s.Value)
		return Scalar{}, false
	}
	hint, near := fmt.Sprintf("it is one of: %s", strings.Join(key.Values, ", ")), nearest(s.Value, key.Values)
	if near != "" {
		hint = fmt.Sprintf("did you mean %s?", near)
	}
	r.fail(s.Span(), hint, "%s has no %s %q", key.Level, key.Name, s.Value)
	if near == "" {
		return Scalar{}, false
	}
	s.Value = near
	return s, true
}
