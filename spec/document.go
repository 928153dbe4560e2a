// Package spec turns the YAML file of a tracer into a document in which every value
// still knows its place and its quoting.
//
// In goes a file's name and text; out come a Document and every complaint about the
// file's YAML, its keys and the shape of its values, in one run. Expressions, probes,
// types and sizes stay text: package check gives them a meaning and maps its own
// complaints back to the file with Scalar.At.
//
//	name: opens
//	probe: tracepoint:syscalls:sys_enter_openat
//	fields: {pid: pid, file: str(args.filename)}
//
// becomes a Document with one probe and two fields, in the file's order.
package spec

import (
	"fmt"
	"strings"

	"github.com/ebgen/ebgen/spec/source"
)

// Document is one spec as written. A value that the file does not give is the zero
// Scalar; a value that could not be read is left out. It is best effort: when the
// diagnostics hold an error the rest is still there to be checked.
type Document struct {
	File        *source.File
	Name        Scalar // a C identifier, in which hyphens may stand for _
	Description Scalar
	Params      []Param
	Maps        []Map
	Probes      []Probe  // empty when there is a span
	Span        Span     // its At is given when the spec has one, or stages
	Stages      []Stage  // in the order of time; in place of Span's Start and End
	Let         []Field  // names for expressions, each known to what stands after it
	Fields      []Field  // in column order; common to all probes, of a span the end's
	Filter      []Scalar // all must hold; common to all probes, of a span the end's
	Channel     Channel
	Output      Output
	Limits      Limits
	C           Scalar // the spec's own C
}

// Param is one parameter. Name is its key, a C identifier.
type Param struct {
	Name, Type, Help, Default Scalar
}

// Map is one state map. Name is its key, a C identifier.
type Map struct {
	Name, Type, Entries, OnFull Scalar
}

// Probe is one thing to trace and what is done there. The top level with `probe` is
// one, and so is every item of `probes`.
type Probe struct {
	At      Scalar   // what a complaint about it points at: the first target, or the key that should hold one
	Targets []Scalar // each a probe, or alternatives `a | b`
	Filter  []Scalar
	Fields  []Field // follow the common ones
	Silent  bool    // `fields: {}`: makes no records, whatever the common fields are
	Save    []Save
	Delete  []Scalar // each an entry, `moved[args.sk]`
}

// Save puts values into one entry of a state map: either Values, or the Value of an
// entry that has one without a name.
type Save struct {
	Entry  Scalar // `moved[args.sk]`
	Values []Field
	Value  Scalar
}

// Span follows something from a start to an end.
type Span struct {
	At    Scalar // the key
	Short Scalar // function:NAME, from its entry to its return; the rest is then empty

	Start, End, Cancel []Point
	Key                []Scalar // for all points that have none of their own: an expression for each part
	Keep               []Field
	Entries, OnFull    Scalar // of the span's map
}

// Point is one probe that starts, ends, cancels or marks a span.
type Point struct {
	Probe  Scalar
	Key    []Scalar
	Filter []Scalar
	Keep   []Field
}

// Stage is a named instant of a span. Name is its key, a C identifier.
type Stage struct {
	Name   Scalar
	Points []Point
}

// Field is one column, or one value that is saved or kept. Name is its key, a C identifier; one of Expr and Text is given,
// and neither when the diagnostics hold an error about it.
type Field struct {
	Name   Scalar
	Expr   Scalar
	Text   Scalar // a constant, from {text: connect}
	Format Scalar
	Help   Scalar
}

// Channel is how records leave the kernel.
type Channel struct {
	Type, Size           Scalar
	Map, Entries, OnFull Scalar // of a table: the type of its map, and its size
}

// Output is what is shown and how.
type Output struct {
	Format          Scalar
	Columns         []Scalar
	Interval, Clear Scalar
	Sort            []Scalar // columns, each with a - in front when the greatest comes first
	Top             Scalar
}

// Limits end or thin a run.
type Limits struct {
	Rate, Duration, Count Scalar
}

// String lists the values that the file gives, one a line, in the order of this
// package's types, each with its place, its style and its text.
func (d *Document) String() string {
	p := printer{file: d.File}
	p.scalar("name", d.Name)
	p.scalar("description", d.Description)
	for _, param := range d.Params {
		p.scalar("param", param.Name)
		p.scalar("  type", param.Type)
		p.scalar("  help", param.Help)
		p.scalar("  default", param.Default)
	}
	for _, m := range d.Maps {
		p.scalar("map", m.Name)
		p.scalar("  type", m.Type)
		p.scalar("  max_entries", m.Entries)
		p.scalar("  on_full", m.OnFull)
	}
	for _, probe := range d.Probes {
		p.probe(probe)
	}
	p.span(d.Span)
	for _, stage := range d.Stages {
		p.scalar("stage", stage.Name)
		p.points("  point", stage.Points)
	}
	p.fields("let", d.Let)
	p.fields("field", d.Fields)
	p.list("filter", d.Filter)
	p.scalar("channel type", d.Channel.Type)
	p.scalar("channel size", d.Channel.Size)
	p.scalar("channel map", d.Channel.Map)
	p.scalar("channel max_entries", d.Channel.Entries)
	p.scalar("channel on_full", d.Channel.OnFull)
	p.scalar("output format", d.Output.Format)
	p.list("output column", d.Output.Columns)
	p.scalar("output interval", d.Output.Interval)
	p.scalar("output clear", d.Output.Clear)
	p.list("output sort", d.Output.Sort)
	p.scalar("output top", d.Output.Top)
	p.scalar("limits rate", d.Limits.Rate)
	p.scalar("limits duration", d.Limits.Duration)
	p.scalar("limits count", d.Limits.Count)
	p.scalar("c", d.C)
	return p.String()
}

// printer collects the lines of Document.String.
type printer struct {
	strings.Builder
	file *source.File
}

func (p *printer) scalar(label string, s Scalar) {
	if !s.Given() {
		return
	}
	at := p.file.Position(s.Span().Start)
	fmt.Fprintf(p, "%s %d:%d %s %q\n", label, at.Line, at.Column, s.Kind, s.Value)
}

func (p *printer) list(label string, list []Scalar) {
	for _, s := range list {
		p.scalar(label, s)
	}
}

// fields prints fields under a label, which begins with their indentation.
func (p *printer) fields(label string, fields []Field) {
	indent := label[:leading(label)]
	for _, f := range fields {
		p.scalar(label, f.Name)
		p.scalar(indent+"  expr", f.Expr)
		p.scalar(indent+"  text", f.Text)
		p.scalar(indent+"  format", f.Format)
		p.scalar(indent+"  help", f.Help)
	}
}

// probe prints a probe's targets in lines of their own, the further ones as "and".
func (p *printer) probe(probe Probe) {
	label := "probe"
	for _, target := range probe.Targets {
		p.scalar(label, target)
		label = "  and"
	}
	p.list("  filter", probe.Filter)
	p.fields("  field", probe.Fields)
	if probe.Silent {
		fmt.Fprintln(p, "  no fields")
	}
	for _, save := range probe.Save {
		p.scalar("  save", save.Entry)
		p.fields("    value", save.Values)
		p.scalar("    value", save.Value)
	}
	p.list("  delete", probe.Delete)
}

func (p *printer) span(s Span) {
	p.scalar("span", s.At)
	p.scalar("  of", s.Short)
	p.points("  start", s.Start)
	p.points("  end", s.End)
	p.points("  cancel", s.Cancel)
	p.list("  key", s.Key)
	p.fields("  keep", s.Keep)
	p.scalar("  max_entries", s.Entries)
	p.scalar("  on_full", s.OnFull)
}

func (p *printer) points(label string, points []Point) {
	for _, point := range points {
		p.scalar(label, point.Probe)
		p.list("    key", point.Key)
		p.list("    filter", point.Filter)
		p.fields("    keep", point.Keep)
	}
}
