package spec

import (
	"strings"
	"testing"

	"github.com/ebgen/ebgen/spec/source"
)

// shapes are ways to write an expression that holds the word needle. The rest of the
// spec stands around it, so that drift in positions before it would show.
var shapes = []struct {
	name, field string // what follows "fields:\n"
	kind        Kind
	value       string
}{
	{"plain", "  f: a.needle == 3\n", Plain, "a.needle == 3"},
	{"plain at the end", "  f: a + needle", Plain, "a + needle"},
	{"plain with comment", "  f: a.needle == 3  # needle\n", Plain, "a.needle == 3"},
	{"plain on the next line", "  f:\n    a.needle\n", Plain, "a.needle"},
	{"plain over lines", "  f: a == 1 &&\n    b == 2 &&\n      needle == 3\n", Plain, "a == 1 && b == 2 && needle == 3"},
	{"plain over an empty line", "  f: a +\n\n    needle\n", Plain, "a +\nneedle"},
	{"plain after a tab", "  f:\ta.needle\n", Plain, "a.needle"},
	{"plain after many blanks", "  f:   \t  a.needle\n", Plain, "a.needle"},
	{"plain after letters outside ASCII", "  f: é + ünd + needle\n", Plain, "é + ünd + needle"},
	{"plain before blanks", "  f: a + needle   \n  g: x  \n", Plain, "a + needle"},
	{"plain over lines before blanks", "  f: a   \n   \n    needle \t\n", Plain, "a\nneedle"},
	{"plain with tabs inside", "  f: not\ta +\tneedle\n", Plain, "not\ta +\tneedle"},
	{"plain over lines that begin like a list", "  f: a\n    - b\n    - needle\n", Plain, "a - b - needle"},
	{"key before a tab", "  f\t:\tneedle\n", Plain, "needle"},
	{"flow with blanks and tabs", "  {e:\tb ,\t f :  a\t+ needle\t \n ,g: c \n}\n", Plain, "a\t+ needle"},
	{"caught before blanks", "  f: !needle  \n", Plain, "!needle"},
	{"single", "  f: 'a == \"needle\"'\n", SingleQuoted, `a == "needle"`},
	{"single with doubled quotes", "  f: '''a'' == needle'\n", SingleQuoted, "'a' == needle"},
	{"single over lines", "  f: 'a +\n    b +\n\n    needle'\n", SingleQuoted, "a + b +\nneedle"},
	{"double", "  f: \"a == needle\"  # needle\n", DoubleQuoted, "a == needle"},
	{"double with escapes", `  f: "\"a\" \\ \x41 \u00e9 \t + needle"` + "\n", DoubleQuoted, "\"a\" \\ A é \t + needle"},
	{"double over lines", "  f: \"a +\n    b + needle\"\n", DoubleQuoted, "a + b + needle"},
	{"double with continuation", "  f: \"a + \\\n    b + needle\"\n", DoubleQuoted, "a + b + needle"},
	{"literal", "  f: |\n    a == 1 &&\n      b +\n    needle == 3\n", Literal, "a == 1 &&\n  b +\nneedle == 3\n"},
	{"literal stripped", "  f: |-\n    a\n    needle\n", Literal, "a\nneedle"},
	{"literal kept", "  f: |+\n    a\n    needle\n\n\n", Literal, "a\nneedle\n\n\n"},
	{"literal with its indentation", "  f: |1\n     a\n    needle\n", Literal, "  a\n needle\n"},
	{"literal with an empty line", "  f: |  # needle\n    a\n\n    needle\n", Literal, "a\n\nneedle\n"},
	{"literal with an empty first line", "  f: |\n\n    needle\n", Literal, "\nneedle\n"},
	{"literal at the end", "  f: |\n    needle", Literal, "needle"},
	{"folded", "  f: >\n    a +\n    b +\n    needle\n", Folded, "a + b + needle\n"},
	{"folded stripped", "  f: >-\n    a +\n    needle\n", Folded, "a + needle"},
	{"folded with an empty line", "  f: >-\n    a +\n\n    needle\n", Folded, "a +\nneedle"},
	{"folded with deeper lines", "  f: >-\n    a +\n      b +\n    needle\n", Folded, "a +\n  b +\nneedle"},
	{"flow", "  {e: b, f: a.needle == 3, g: c}\n", Plain, "a.needle == 3"},
	{"flow over lines", "  {e: b, # needle\n  f: a.needle ==\n    3,\n  g: c}\n", Plain, "a.needle == 3"},
	{"flow over lines from the key's line", "  e: {help: x\n    y, expr: a +\n    needle }\n  f: needle\n", Plain, "needle"},
	{"flow index", "  {e: m[a, b].x, f: m[c, d].y + needle, g: x in [1, 2]}\n", Plain, "m[c, d].y + needle"},
	{"flow inside an index", "  {e: b, f: m[\"]\", needle].y}\n", Plain, "m[\"]\", needle].y"},
	{"flow index with letters outside ASCII", "  {e: b, f: m[\"é\", ü] + needle }\n", Plain, "m[\"é\", ü] + needle"},
	{"flow index over lines", "  {e: b, f: m[a] +\n    needle[c], g: d}\n", Plain, "m[a] + needle[c]"},
	{"flow quoted", "  {e: 'b', f: \"min(a, needle)\"}\n", DoubleQuoted, "min(a, needle)"},
	{"mapping", "  f:\n    help: x\n    expr: a.needle\n", Plain, "a.needle"},
	{"flow mapping", "  f: {help: x, expr: a.needle, format: y}\n", Plain, "a.needle"},
	{"caught as a tag", "  f: !a.needle\n", Plain, "!a.needle"},
	{"caught over lines", "  f: *a ?\n    b :\n    needle\n", Plain, "*a ? b : needle"},
}

// TestAt finds the word needle in the decoded value, and through At in the file, for
// every shape with both kinds of line end and with the spec's other keys around it.
func TestAt(t *testing.T) {
	for _, shape := range shapes {
		for _, end := range []string{"\n", "\r\n"} {
			name := shape.name
			if end == "\r\n" {
				name += " with CRLF"
			}
			t.Run(name, func(t *testing.T) {
				text := "# é needle-less ünicode\nname: t # x\ndescription: >\n  two\n\n  lines\nprobe: kprobe:x\nfields:\n" + shape.field
				text = strings.ReplaceAll(strings.ReplaceAll(text, "needle-less", ""), "\n", end)
				doc, diags := Parse("t.yaml", []byte(text))
				if diags.Failed() && !strings.HasPrefix(shape.name, "caught") {
					t.Fatalf("%+v", diags.All())
				}
				f := fieldNamed(t, doc, "f").Expr
				if f.Kind != shape.kind || f.Value != shape.value {
					t.Fatalf("got %s %q, want %s %q", f.Kind, f.Value, shape.kind, shape.value)
				}
				in := strings.Index(f.Value, "needle")
				got := f.At(source.Span{Start: in, End: in + len("needle")})
				if found := text[got.Start:got.End]; found != "needle" {
					t.Errorf("At points at %q", text[got.Start:min(got.Start+10, len(text))])
				}
				if got.Start < f.Span().Start || got.End > f.Span().End {
					t.Errorf("At gives %v, outside of the value %v", got, f.Span())
				}
			})
		}
	}
}

func fieldNamed(t *testing.T, doc *Document, name string) Field {
	t.Helper()
	for _, f := range doc.Fields {
		if f.Name.Value == name {
			return f
		}
	}
	t.Fatalf("no field %s in:\n%s", name, doc)
	return Field{}
}

// TestAtEveryByte checks the whole alignment of values where each byte stands for itself.
func TestAtEveryByte(t *testing.T) {
	text := "name: t\nprobe: kprobe:x\nfields:\n  f: \"a \\\"b\\\" cé\n    d\"\n"
	doc, diags := Parse("t.yaml", []byte(text))
	if diags.Failed() {
		t.Fatalf("%+v", diags.All())
	}
	f := doc.Fields[0].Expr
	var got []string
	for i := range f.Value {
		at := f.At(source.Span{Start: i, End: i + 1})
		got = append(got, text[at.Start:at.End])
	}
	want := []string{"a", " ", `\"`, "b", `\"`, " ", "c", "\xc3", "\n    ", "d"}
	if strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// TestAtOutside shows that a span beyond the value is cut, and that a scalar without
// alignment answers with its start.
func TestAtOutside(t *testing.T) {
	s := newScalar("a: word # x", 3, Plain, "word")
	for _, test := range []struct {
		name    string
		scalar  Scalar
		in, out source.Span
	}{
		{"inside", s, source.Span{Start: 1, End: 3}, source.Span{Start: 4, End: 6}},
		{"at the end", s, source.Span{Start: 4, End: 4}, source.Span{Start: 7, End: 7}},
		{"beyond", s, source.Span{Start: 2, End: 99}, source.Span{Start: 5, End: 7}},
		{"before", s, source.Span{Start: -5, End: 1}, source.Span{Start: 3, End: 4}},
		{"disagreeing", newScalar("a: word # x", 3, Plain, "wort"), source.Span{Start: 1, End: 3}, source.Span{Start: 3, End: 3}},
		{"absent", Scalar{}, source.Span{Start: 1, End: 3}, source.Span{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := test.scalar.At(test.in); got != test.out {
				t.Errorf("got %v, want %v", got, test.out)
			}
		})
	}
}
