// Package draft writes the spec to start from: for a probe, a file that runs as it is.
//
// In go a probe and what the kernel says of it; out comes YAML with a field for each
// argument that says something, shown as what it means, a parameter and a filter.
//
//	text, err := draft.Write(source, draft.Options{Name: "reads", Probe: "function:vfs_read"})
//
// A table of types and names (meaning.go) says what arguments mean. The checker has the
// last word: a line that it refuses or warns of is left out, so what comes out passes it.
package draft

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/ebgen/ebgen/spec"
	"github.com/ebgen/ebgen/spec/check"
	"github.com/ebgen/ebgen/spec/ktype"
	"github.com/ebgen/ebgen/spec/listing"
	"github.com/ebgen/ebgen/spec/source"
)

// Options say what spec is wanted.
type Options struct {
	Name  string // of the spec
	Probe string // one probe, without alternatives
	Span  bool   // from its start to its return
	Count bool   // a table of how often, in place of a record each
	Hist  string // a table with the distribution of a field, an argument or an expression; "" for none
}

// line is one line of the draft that may be left out.
type line struct {
	text    string
	field   string // the name of the field that it makes, or ""
	expr    string // of a field
	kind    string // of a field: what it is of, to choose keys and parameters by
	param   bool   // the parameter or the filter that asks for it
	comment string // behind it
}

// draft is a spec in the making.
type draft struct {
	Options
	fields  []line
	param   []line   // the parameter, then its filter; empty for none
	refused []string // filters that the checker had something against
	skipped []string // arguments without a field
}

// Write returns the text of a spec that passes the checker.
func Write(s listing.Source, o Options) (string, error) {
	switch {
	case strings.Contains(o.Probe, "|"):
		return "", errors.New("a draft is of one probe: alternatives can be added later")
	case o.Count && o.Hist != "":
		return "", errors.New("a table of counts and one of a distribution are two drafts")
	}
	d, err := s.Describe(o.Probe)
	if err != nil {
		return "", err
	}
	if o.Span && d.Return == "" {
		return "", fmt.Errorf("%s has no return to end a span at: write span: {start: PROBE, end: PROBE, key: EXPR}", o.Probe)
	}
	if o.Span {
		if at, err := s.Describe(d.Return); err == nil {
			d.Retval = at.Retval
		}
	}
	one := &draft{Options: o}
	one.collect(d)
	one.shape()
	return one.settle(s)
}

// collect makes the fields of a probe.
func (d *draft) collect(of *listing.Description) {
	word, _, _ := strings.Cut(d.Probe, ":")
	if word != "iter" {
		d.add(line{field: "time", expr: "time", kind: "time"})
	}
	for _, builtin := range ownTask[word] {
		d.add(line{field: builtin, expr: builtin, kind: builtin})
	}
	if d.Span {
		d.add(line{field: "took", expr: "duration", kind: "duration", comment: "from the start to the return"})
	}
	for i, a := range of.Args {
		if a.Why != "" {
			d.skipped = append(d.skipped, fmt.Sprintf("args.%s  %s: %s", a.Name, a.Type, a.Why))
			continue
		}
		found := meanings("args."+a.Name, a, d.Probe)
		if word == "iter" && i > 0 && a.Type.Kind == ktype.Pointer {
			found = nil // the verifier wants a test that only the first object gets
		}
		if len(found) == 0 {
			d.skipped = append(d.skipped, "args."+a.Name+"  "+a.Type.Spell(""))
		}
		for _, f := range found {
			if word == "uprobe" && i == 0 {
				f.comment = "a register; str(" + f.expr + ") where it is a text"
			}
			d.add(f)
		}
	}
	if of.Retval != nil {
		for _, f := range returned(*of.Retval, d.Probe) {
			d.add(f)
		}
	}
}

// add adds a field under a name that no other has and that means nothing else.
func (d *draft) add(f line) {
	if strings.Contains(f.expr, "args.") && slices.Contains(taken, f.field) {
		f.field += "_arg"
	}
	base := f.field
	for n := 2; slices.ContainsFunc(d.fields, func(o line) bool { return o.field == f.field }); n++ {
		f.field = fmt.Sprintf("%s%d", base, n)
	}
	d.fields = append(d.fields, f)
}

// shape makes a table of the fields, where one is asked for, and chooses the parameter.
func (d *draft) shape() {
	if d.Count || d.Hist != "" {
		d.table()
	}
	d.choose()
	for i := range d.fields {
		f := &d.fields[i]
		if f.text == "" {
			f.text = f.field + ": " + f.value()
		}
	}
}

// value is a field as YAML has it; the table of meanings gives a format behind a bar.
func (l *line) value() string {
	expr, format, ok := strings.Cut(l.expr, " | ")
	switch {
	case ok && strings.ContainsAny(expr, ",{}[]"):
		return "{expr: " + quote(expr) + ", format: " + format + "}"
	case ok:
		return "{expr: " + expr + ", format: " + format + "}"
	}
	return expr
}

// aggregate is the kind of the field that a table is made for.
const aggregate = "aggregate"

// mostKeys is how many columns of a table tell its rows apart, in a draft.
const mostKeys = 3

// table keeps the fields that make good keys, and adds the aggregate.
func (d *draft) table() {
	var keys []line
	value := line{field: "events", expr: "count()", kind: aggregate, comment: "how often"}
	if d.Hist != "" {
		expr, format := d.measured()
		value = line{field: "distribution", expr: "hist(" + expr + ")", kind: aggregate, comment: "how " + d.Hist + " is distributed"}
		if format != "" {
			value.expr += " | " + format
		}
	}
	for _, f := range d.fields {
		if slices.Contains(keyKinds, f.kind) && len(keys) < mostKeys && f.field != d.Hist {
			keys = append(keys, f)
		}
	}
	d.fields = append(keys, value)
}

// measured is the expression whose distribution is asked for, and its format.
func (d *draft) measured() (expr, format string) {
	for _, f := range d.fields {
		if f.field == d.Hist || f.expr == d.Hist || f.expr == "args."+d.Hist {
			expr, format, _ = strings.Cut(f.expr, " | ")
			return expr, format
		}
	}
	if d.Hist == "duration" {
		return "duration", ""
	}
	return d.Hist, ""
}

// choose finds the parameter that thins the records out, one that the checker has nothing
// against: by time taken, by flow, by process, by a number among the fields, by CPU.
func (d *draft) choose() {
	word, _, _ := strings.Cut(d.Probe, ":")
	table := d.Count || d.Hist != ""
	d.param = nil
	if d.Span {
		d.ask("over: {type: duration, help: only what took longer}", "duration > $over")
	}
	for _, f := range d.fields {
		if f.kind == "flow" && !table {
			d.ask("port: {type: u16, help: only flows with this remote port}", f.field+".dport == $port")
		}
	}
	if slices.Contains(ownTask[word], "pid") {
		d.ask(`pids: {type: "[u32]", help: only these processes}`, "pid in $pids")
	}
	for _, f := range d.fields {
		expr, _, _ := strings.Cut(f.expr, " | ")
		switch {
		case table && f.kind != aggregate:
		case f.kind == "pid" && strings.HasPrefix(expr, "args."):
			d.ask(`pids: {type: "[u32]", help: only these processes}`, expr+" in $pids")
		case f.kind == "number" && strings.HasPrefix(expr, "args.") && word == "iter":
			d.ask("only: {type: u64, help: only with this "+f.field+"}", expr+" == $only")
		}
	}
	if word != "iter" {
		d.ask(`cpus: {type: "[u32]", help: only on these CPUs}`, "cpu in $cpus")
	}
}

// ask takes a parameter and the filter that asks for it, unless there is one by now.
func (d *draft) ask(param, filter string) {
	if len(d.param) > 0 || slices.Contains(d.refused, filter) {
		return
	}
	name, _, _ := strings.Cut(param, ":")
	d.param = []line{
		{text: param, param: true},
		{text: "filter: " + filter, param: true, comment: "not there at all unless --" + name + " is given"},
	}
}

// settle prints the draft and leaves out what the checker has something against, until
// it has nothing.
func (d *draft) settle(s listing.Source) (string, error) {
	for {
		text, lines := d.print()
		doc, diags := spec.Parse(d.Name+".yaml", []byte(text))
		_, diags = check.Check(doc, diags, s.Kernel, check.Options{Arch: s.Arch})
		complaints := diags.All()
		if len(complaints) == 0 {
			return text, nil
		}
		if !d.leaveOut(complaints, diags.File, lines) {
			return "", &Refused{Probe: d.Probe, Diagnostics: diags}
		}
	}
}

// Refused says what the checker has against a draft whatever is left out of it: the name,
// the probe, or the expression that was asked for.
type Refused struct {
	Probe       string
	Diagnostics *source.Diagnostics
}

func (e *Refused) Error() string {
	first := e.Diagnostics.All()[0]
	if first.Hint != "" {
		return first.Message + "\nhint: " + first.Hint
	}
	return first.Message
}

// leaveOut takes out the lines that are complained about, and reports whether one was.
func (d *draft) leaveOut(complaints []source.Diagnostic, file *source.File, lines map[int]*line) bool {
	wrong, askedFor := map[string]bool{}, false
	for _, c := range complaints {
		l := lines[file.Position(c.Span.Start).Line]
		switch {
		case l == nil || l.kind == aggregate:
		case l.param:
			askedFor = true
		default:
			wrong[l.field] = true
		}
	}
	before := len(d.fields)
	if len(wrong) < before {
		d.fields = slices.DeleteFunc(d.fields, func(f line) bool { return wrong[f.field] })
	}
	if askedFor {
		d.refused = append(d.refused, strings.TrimPrefix(d.param[1].text, "filter: "))
	}
	d.choose() // of the fields that are left
	return askedFor || len(d.fields) < before
}

// plain is what YAML takes for text wherever a value stands.
var plain = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^[A-Za-z0-9_./(][^#{}\[\],&*!|>'"%@:]*(:[^ #{}\[\],&*!|>'"%@:][^#{}\[\],&*!|>'"%@:]*)*$`)
})

// quote quotes a value of one line where YAML would take it for something else.
func quote(text string) string {
	if plain().MatchString(text) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", "''") + "'"
}

// print writes the spec, and says which of its lines can be left out.
func (d *draft) print() (string, map[int]*line) {
	var b strings.Builder
	lines := map[int]*line{}
	at := 0
	put := func(indent string, l *line) {
		at++
		lines[at] = l
		text := indent + l.text
		if l.comment != "" {
			text = fmt.Sprintf("%-40s  # %s", text, l.comment)
		}
		b.WriteString(text + "\n")
	}
	say := func(format string, args ...any) {
		at++
		fmt.Fprintf(&b, format+"\n", args...)
	}
	say("name: %s", d.Name)
	say("description: %s", quote(d.description()))
	if len(d.param) > 0 {
		say("params:")
		put("  ", &d.param[0])
	}
	key := "probe"
	if d.Span {
		key = "span"
	}
	say("%s: %s", key, quote(d.Probe))
	if len(d.param) > 0 {
		put("", &d.param[1])
	}
	say("fields:")
	for i := range d.fields {
		put("  ", &d.fields[i])
	}
	if d.Count {
		say("channel: map")
		say("output: {sort: -events, top: 20}")
	} else if d.Hist != "" {
		say("channel: map")
	}
	if len(d.skipped) > 0 && !d.Count && d.Hist == "" {
		say("# What else there is (ebgen types shows the members of a struct):")
		for _, text := range d.skipped {
			say("#   %s", text)
		}
	}
	return b.String(), lines
}

// description says in words what the draft shows.
func (d *draft) description() string {
	what := "Each " + d.Probe + " with its arguments."
	switch {
	case d.Hist != "":
		what = "How " + d.Hist + " of " + d.Probe + " is distributed."
	case d.Count:
		what = "How often there is " + d.Probe + "."
	case d.Span:
		what = "How long each " + d.Probe + " takes."
	}
	return what
}
