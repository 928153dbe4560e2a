package source

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/clipperhouse/displaywidth"

	"github.com/ebgen/ebgen/spec/plain"
)

// Severity says whether a diagnostic stops the run. The zero value is Error.
type Severity int

const (
	Error Severity = iota
	Warning
)

// Diagnostic is one complaint about one place. It stays data until Print.
type Diagnostic struct {
	Severity Severity
	Span     Span     // byte offsets into the file's text
	Message  string   // lower case, no full stop: the thing, what was found, what is wanted
	Hint     string   // one line, only when likely right; "" for none
	Notes    []string // further lines, such as the tail of a compiler's or verifier's log
	Untold   bool     // the kernel's types do not tell what was asked: the spec may be right
}

// Diagnostics collects complaints about one file. The zero value with File set is
// ready to use; it is not safe for concurrent use.
type Diagnostics struct {
	File *File
	list []Diagnostic
}

// Errorf adds an error at span.
func (d *Diagnostics) Errorf(span Span, format string, args ...any) *Diagnostic {
	return d.Add(Diagnostic{Span: span, Message: fmt.Sprintf(format, args...)})
}

// Warnf adds a warning at span.
func (d *Diagnostics) Warnf(span Span, format string, args ...any) *Diagnostic {
	return d.Add(Diagnostic{Severity: Warning, Span: span, Message: fmt.Sprintf(format, args...)})
}

// Add adds one diagnostic unless the same message already stands at the same place,
// and returns the one that is kept so that a hint can be set on it.
func (d *Diagnostics) Add(one Diagnostic) *Diagnostic {
	for i := range d.list {
		if d.list[i].Span == one.Span && d.list[i].Message == one.Message {
			return &d.list[i]
		}
	}
	d.list = append(d.list, one)
	return &d.list[len(d.list)-1]
}

// All returns the diagnostics in file order; those of one place keep the order in
// which they were added.
func (d *Diagnostics) All() []Diagnostic {
	sorted := slices.Clone(d.list)
	slices.SortStableFunc(sorted, func(a, b Diagnostic) int { return a.Span.Start - b.Span.Start })
	return sorted
}

// Failed reports whether any diagnostic is an error.
func (d *Diagnostics) Failed() bool {
	return slices.ContainsFunc(d.list, func(one Diagnostic) bool { return one.Severity == Error })
}

// Print writes every diagnostic in file order, each as file:line:col, message,
// excerpt with carets, hint and notes.
func (d *Diagnostics) Print(w io.Writer) error {
	for _, one := range d.All() {
		if _, err := io.WriteString(w, one.Format(d.File)); err != nil {
			return err
		}
	}
	return nil
}

// Format renders one diagnostic against the file it points into, with a final
// newline. Carets cover the span's part of its first line, at least one column.
func (one Diagnostic) Format(f *File) string {
	var b strings.Builder
	at := f.Position(one.Span.Start)
	fmt.Fprintf(&b, "%s:%d:%d: ", plain.Text(f.Name()), at.Line, at.Column)
	if one.Severity == Warning {
		b.WriteString("warning: ")
	}
	b.WriteString(printable(one.Message))
	b.WriteByte('\n')
	if line := f.Line(at.Line); strings.TrimSpace(line) != "" {
		start := f.Offset(Position{Line: at.Line, Column: 1})
		from := min(max(one.Span.Start-start, 0), len(line))
		to := min(max(one.Span.End-start, from), len(line))
		fmt.Fprintf(&b, "%5d | %s\n", at.Line, printable(line))
		fmt.Fprintf(&b, "      | %s%s\n", blank(line[:from]), strings.Repeat("^", max(1, displaywidth.String(printable(line[from:to])))))
	}
	if one.Hint != "" {
		fmt.Fprintf(&b, "hint: %s\n", printable(one.Hint))
	}
	for _, note := range one.Notes {
		fmt.Fprintf(&b, "note: %s\n", printable(note))
	}
	return b.String()
}

// blank returns white space as wide as s, with tabs kept so that the caret lines up
// whatever the terminal's tab stops are.
func blank(s string) string {
	var b strings.Builder
	for _, r := range printable(s) {
		if r == '\t' {
			b.WriteByte('\t')
			continue
		}
		b.WriteString(strings.Repeat(" ", displaywidth.Rune(r)))
	}
	return b.String()
}

// printable replaces what is not printable by one character each, so that a spec cannot send
// escape sequences to the terminal through its own error message, or turn a line around.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r != '\t' && !strconv.IsPrint(r) {
			return utf8.RuneError
		}
		return r
	}, s)
}
