package source

import (
	"strings"
	"testing"
)

func TestPositions(t *testing.T) {
	f := NewFile("x.yaml", "a: ä\r\n\tb: 世界\n\nend")
	for _, one := range []struct {
		at   string // the text that starts there
		want Position
	}{{"a:", Position{1, 1}}, {"ä", Position{1, 4}}, {"b:", Position{2, 2}}, {"界", Position{2, 6}}, {"end", Position{4, 1}}} {
		offset := strings.Index(f.Text(), one.at)
		if got := f.Position(offset); got != one.want {
			t.Errorf("Position of %q is %v, want %v", one.at, got, one.want)
		}
		if got := f.Offset(one.want); got != offset {
			t.Errorf("Offset of %v is %d, want %d", one.want, got, offset)
		}
	}
	if got := f.Position(1000); got != (Position{4, 4}) {
		t.Errorf("past the end: %v", got)
	}
	if f.Line(1) != "a: ä" || f.Line(3) != "" || f.Line(9) != "" || f.Lines() != 4 {
		t.Errorf("lines: %q %q %d", f.Line(1), f.Line(3), f.Lines())
	}
}

func TestFormat(t *testing.T) {
	f := NewFile("specs/x.yaml", "name: x\nfields:\n  世: args.sk.foo\n\ty: \x1b[31m\n")
	d := Diagnostics{File: f}
	d.Errorf(span(f, "foo"), "struct sock has no field %q", "foo").Hint = "did you mean bar?"
	d.Warnf(span(f, "\x1b[31m"), "odd").Notes = []string{"a \x1b note"}
	d.Errorf(span(f, "name"), "first")
	d.Errorf(span(f, "name"), "first")
	var b strings.Builder
	if err := d.Print(&b); err != nil {
		t.Fatal(err)
	}
	want := `specs/x.yaml:1:1: first
    1 | name: x
      | ^^^^
specs/x.yaml:3:14: struct sock has no field "foo"
    3 |   世: args.sk.foo
      |               ^^^
hint: did you mean bar?
specs/x.yaml:4:5: warning: odd
    4 | 	y: �[31m
      | 	   ^^^^^
note: a � note
`
	if got := b.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if !d.Failed() || len(d.All()) != 3 {
		t.Errorf("Failed %v, %d diagnostics, want true and 3", d.Failed(), len(d.All()))
	}
}

func span(f *File, part string) Span {
	at := strings.Index(f.Text(), part)
	return Span{at, at + len(part)}
}
