package gen

import (
	"errors"
	"fmt"
	"strings"

	"github.com/ebgen/ebgen/gen/clang"
	"github.com/ebgen/ebgen/spec/source"
)

// ErrBug is wrapped when what ebgen itself wrote does not compile or is not what the
// plan says: no change to the spec is asked for.
var ErrBug = errors.New("a bug in ebgen, not in the spec")

// Rejected is the error of a spec whose own C is not accepted.
type Rejected struct {
	// Diagnostics point into the spec. Their File has the spec's base name: put one with
	// the name the user typed in its place before printing.
	Diagnostics *source.Diagnostics
	Cause       error // the compiler's *clang.Error, or nil when it was not asked
}

// Error gives the first diagnostic on one line.
func (r *Rejected) Error() string {
	first := r.Diagnostics.All()[0]
	at := r.Diagnostics.File.Position(first.Span.Start)
	return fmt.Sprintf("%s:%d:%d: %s", r.Diagnostics.File.Name(), at.Line, at.Column, first.Message)
}

// Unwrap returns the compiler's error.
func (r *Rejected) Unwrap() error { return r.Cause }

// rejected makes an error of diagnostics, of which there is at least one.
func (b *build) rejected(cause error, list ...source.Diagnostic) error {
	d := &source.Diagnostics{File: b.file}
	for _, one := range list {
		d.Add(one)
	}
	return &Rejected{Diagnostics: d, Cause: cause}
}

// place returns the span from a column of a line, both from 1 and the column in bytes of
// the C, to the line's end. In the lines of the spec's own C the YAML's indentation is
// added; in any other line, and where the C is not in the file as it stands (a folded or
// quoted scalar), it is the whole line without its indentation.
func (b *build) place(line, column int) source.Span {
	text := b.file.Line(line)
	start := b.file.Offset(source.Position{Line: line, Column: 1})
	span := source.Span{Start: start + len(text) - len(strings.TrimLeft(text, " \t")), End: start + len(text)}
	if own, ok := b.escapeLine(line); ok && own != "" && strings.HasSuffix(text, own) {
		span.Start = min(start+len(text)-len(own)+column-1, span.End)
	}
	return span
}

// placeOfEscape returns the place of the spec's own C, or of the name if it has none.
func (b *build) placeOfEscape() source.Span {
	if b.plan.C == nil {
		return b.place(b.plan.Line, 1)
	}
	return b.place(b.plan.C.Line, 1)
}

// escapeLine returns what stands of the spec's own C on a line of the spec.
func (b *build) escapeLine(line int) (string, bool) {
	if b.plan.C == nil {
		return "", false
	}
	lines := strings.Split(strings.TrimSuffix(b.plan.C.Text, "\n"), "\n")
	i := line - b.plan.C.Line
	if i < 0 || i >= len(lines) {
		return "", false
	}
	return strings.TrimSuffix(lines[i], "\r"), true
}

// explain turns what clang refused into diagnostics about the spec's own C. A spec
// without any gets ErrBug: all that was compiled is ours. An error that is not about the
// C is returned as it is.
func (b *build) explain(err error) error {
	var refused *clang.Error
	if !errors.As(err, &refused) {
		return err
	}
	if b.plan.C == nil {
		return fmt.Errorf("the generated C does not compile, %w: %w", ErrBug, err)
	}
	var list []source.Diagnostic
	for _, c := range refused.Complaints {
		if c.IsError() {
			list = append(list, b.translate(c))
		} else if n := len(list); n > 0 {
			list[n-1].Notes = append(list[n-1].Notes, c.String())
		}
	}
	if len(list) == 0 {
		list = append(list, b.translate(clang.Complaint{Message: refused.Error()}))
	}
	return b.rejected(refused, list...)
}

// translate makes a diagnostic of one error of clang's: at its own line when that is in
// the spec, else at the spec's C, the only part that is not ours.
func (b *build) translate(c clang.Complaint) source.Diagnostic {
	if c.File != b.plan.File {
		return source.Diagnostic{
			Span:    b.placeOfEscape(),
			Message: "the generated C does not compile together with this C",
			Notes:   []string{c.String()},
		}
	}
	one := source.Diagnostic{Span: b.place(c.Line, c.Column), Message: c.Message}
	if _, own := b.escapeLine(c.Line); !own {
		one.Notes = append(one.Notes, "the C of this line is generated; if the spec's own C does not explain it, it is a bug in ebgen")
	}
	return one
}
