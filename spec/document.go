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
	Probes      []Scalar // each a probe, or alternatives `a | b`
	Fields      []Field  // in column order
	Filter      []Scalar // all must hold
	Channel     Channel
	Output      Output
	Limits      Limits
	C           Scalar // the spec's own C
}

// Param is one parameter. Name is its key, a C identifier.
type Param struct {
	Name, Type, Help, Default Scalar
}

// Field is one column. Name is its key, a C identifier; one of Expr and Text is given,
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
	Type, Size Scalar
}

// Output is what is shown and how.
type Output struct {
	Format  Scalar
	Columns []Scalar
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
	p.list("probe", d.Probes)
	for _, field := range d.Fields {
		p.scalar("field", field.Name)
		p.scalar("  expr", field.Expr)
		p.scalar("  text", field.Text)
		p.scalar("  format", field.Format)
		p.scalar("  help", field.Help)
	}
	p.list("filter", d.Filter)
	p.scalar("channel type", d.Channel.Type)
	p.scalar("channel size", d.Channel.Size)
	p.scalar("output format", d.Output.Format)
	p.list("output column", d.Output.Columns)
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
