package spec

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/ebgen/ebgen/spec/source"
)

var update = flag.Bool("update", false, "rewrite the .want files of testdata")

// TestGolden reads NAME.yaml of every archive in testdata and compares the document
// and the printed diagnostics with NAME.want.
func TestGolden(t *testing.T) {
	archives, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatalf("no archives in testdata: %v", err)
	}
	for _, path := range archives {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) { golden(t, path) })
	}
}

func golden(t *testing.T, path string) {
	archive, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(archive.Files); i += 2 {
		in, want := archive.Files[i], &archive.Files[i+1]
		name := strings.TrimSuffix(in.Name, ".yaml")
		if want.Name != name+".want" {
			t.Fatalf("%s is followed by %s, not by %s.want", in.Name, want.Name, name)
		}
		t.Run(name, func(t *testing.T) {
			got := report(t, in.Name, in.Data)
			if *update {
				want.Data = []byte(got)
			} else if got != string(want.Data) {
				t.Errorf("got:\n%s\nwant:\n%s", got, want.Data)
			}
		})
	}
	if *update {
		if err := os.WriteFile(path, txtar.Format(archive), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// report is what a .want file holds: the diagnostics as printed, and the document.
func report(t *testing.T, name string, text []byte) string {
	t.Helper()
	doc, diags := Parse(name, text)
	var b strings.Builder
	if err := diags.Print(&b); err != nil {
		t.Fatal(err)
	}
	b.WriteString(doc.String())
	return b.String()
}

// TestReadable has the texts that no YAML reader should see.
func TestReadable(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"UTF-16", "\xff\xfen\x00", "t.yaml:1:1: byte 0xff is not UTF-8"},
		{"Latin-1", "name: t\ndescription: caf\xe9\n", "t.yaml:2:17: byte 0xe9 is not UTF-8"},
		{"NUL", "name: t\n#\x00\n", "t.yaml:2:2: control character U+0000"},
		{"escape sequence", "name: \x1b[31m\n", "t.yaml:1:7: control character U+001B"},
		{"line separator", "name: a\u2028b\n", "t.yaml:1:8: control character U+2028"},
		{"byte order mark", "\ufeffname: t\n", "t.yaml:1:1: the file begins with a byte order mark"},
		{"lone carriage return", "name: t\rprobe: x\n", "t.yaml:1:8: carriage return without a line feed"},
		{"too long", strings.Repeat("#", maxBytes+1), "t.yaml:1:1: the file has 1048577 bytes, more than the 1048576 of the longest spec allowed"},
		{"too many values", strings.Repeat("- a\n", maxValues+1), "t.yaml:4098:1: more than 4096 values in one spec"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, diags := Parse("t.yaml", []byte(test.text))
			all := diags.All()
			if len(all) != 1 {
				t.Fatalf("got %d diagnostics, want 1: %+v", len(all), all)
			}
			if got, _, _ := strings.Cut(all[0].Format(diags.File), "\n"); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

// TestHostile has texts that are slow for a careless reader: go-yaml alone takes
// minutes for a megabyte of the first two. They must end, with a complaint and
// without a crash.
func TestHostile(t *testing.T) {
	const size = maxBytes / 8
	for name, text := range map[string]string{
		"brackets":       "a: " + strings.Repeat("[", size-10),
		"dashes":         "a:\n " + strings.Repeat("- ", size/2-10),
		"bracket lines":  strings.Repeat("a: [\n", size/5-1),
		"tags":           strings.Repeat("!\n", size/2-1),
		"question marks": strings.Repeat("? ", size/2-1),
		"keys":           strings.Repeat("a: b\n", size/5-1),
		"deep keys":      deepKeys(500),
		"quotes":         strings.Repeat("a: \"\n", size/5-1),
		"flow quotes":    "a: {" + strings.Repeat("b: '', ", size/8),
		"entries":        "save: {" + strings.Repeat("m[a]: b,", size/8),
		"open entries":   "save: {" + strings.Repeat("m[", size/2),
		"block entries":  "save:\n" + strings.Repeat("  m[a,: b\n", size/10),
		"indexes":        "filter: [" + strings.Repeat("m[a] ", size/5),
		"anchors":        "a: &a [x]\nb: &b [*a, *a]\nc: [*b, *b]\n",
		"long value":     "a: " + strings.Repeat("x\n  ", size/5),
	} {
		t.Run(name, func(t *testing.T) {
			if _, diags := Parse("t.yaml", []byte(text)); !diags.Failed() {
				t.Error("no complaint")
			}
		})
	}
}

func deepKeys(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	return b.String()
}

// FuzzParse holds Parse to its promises for any text: an answer, places inside the
// file, and for plain and literal text the very bytes of the file.
func FuzzParse(f *testing.F) {
	archives, _ := filepath.Glob("testdata/*.txtar")
	for _, path := range archives {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range archive.Files {
			if strings.HasSuffix(file.Name, ".yaml") {
				f.Add(file.Data)
			}
		}
	}
	for _, shape := range shapes {
		f.Add([]byte(shape.field[2:]))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if !bytes.HasPrefix(text, []byte("name:")) { // a value of a spec
			text = append([]byte("name: t\nprobe: x\nfields:\n  f: a\n  "), text...)
		}
		doc, diags := Parse("t.yaml", text)
		for _, one := range diags.All() {
			if one.Span.Start < 0 || one.Span.Start > one.Span.End || one.Span.End > len(text) {
				t.Errorf("%q at %v, outside of the %d bytes of the file", one.Message, one.Span, len(text))
			}
			if one.Message == "" || strings.Contains(one.Message, "go-yaml") && !bytes.Contains(text, []byte("go-yaml")) {
				t.Errorf("message %q", one.Message)
			}
		}
		if !diags.Failed() && (!doc.Name.Given() || len(doc.Probes) == 0 && !doc.Span.At.Given() || len(fieldsOf(doc)) == 0) {
			t.Errorf("no complaint about an incomplete document:\n%s", doc)
		}
		for _, s := range scalars(doc) {
			checkPlaces(t, text, s)
			if s.at == nil && s.Given() && !diags.Failed() {
				t.Errorf("no alignment for %s %q", s.Kind, s.Value)
			}
		}
	})
}

// fieldsOf returns the columns of a document.
func fieldsOf(d *Document) []Field {
	fields := slices.Clone(d.Fields)
	for _, p := range d.Probes {
		fields = append(fields, p.Fields...)
	}
	return fields
}

// scalars returns every scalar of a document.
func scalars(d *Document) []Scalar {
	list := []Scalar{
		d.Name, d.Description, d.C, d.Limits.Rate, d.Limits.Duration, d.Limits.Count,
		d.Channel.Type, d.Channel.Size, d.Channel.Map, d.Channel.Entries, d.Channel.OnFull,
		d.Output.Format, d.Output.Interval, d.Output.Clear, d.Output.Top,
		d.Span.At, d.Span.Short, d.Span.Entries, d.Span.OnFull,
	}
	list = append(list, d.Span.Key...)
	for _, p := range d.Params {
		list = append(list, p.Name, p.Type, p.Help, p.Default)
	}
	for _, m := range d.Maps {
		list = append(list, m.Name, m.Type, m.Entries, m.OnFull)
	}
	fields := slices.Concat(fieldsOf(d), d.Span.Keep)
	points := slices.Concat(d.Span.Start, d.Span.End, d.Span.Cancel)
	for _, s := range d.Stages {
		list, points = append(list, s.Name), append(points, s.Points...)
	}
	for _, p := range points {
		list, fields = slices.Concat(list, []Scalar{p.Probe}, p.Key, p.Filter), append(fields, p.Keep...)
	}
	for _, p := range d.Probes {
		list = slices.Concat(list, []Scalar{p.At}, p.Targets, p.Filter, p.Delete)
		for _, s := range p.Save {
			list, fields = append(list, s.Entry, s.Value), append(fields, s.Values...)
		}
	}
	for _, f := range fields {
		list = append(list, f.Name, f.Expr, f.Text, f.Format, f.Help)
	}
	return slices.Concat(list, d.Filter, d.Output.Columns, d.Output.Sort)
}

func checkPlaces(t *testing.T, text []byte, s Scalar) {
	if s.Span().Start < 0 || s.Span().Start > s.Span().End || s.Span().End > len(text) {
		t.Errorf("%q stands at %v, outside of the %d bytes of the file", s.Value, s.Span(), len(text))
	}
	for i := range len(s.Value) {
		at := s.At(source.Span{Start: i, End: i + 1})
		if at.Start < s.Span().Start || at.Start > at.End || at.End > len(text) {
			t.Errorf("byte %d of %q at %v, outside of %v", i, s.Value, at, s.Span())
		}
		if s.at == nil || s.Kind == DoubleQuoted || strings.IndexByte(" \t\n", s.Value[i]) >= 0 {
			continue
		}
		if text[at.Start] != s.Value[i] {
			t.Errorf("byte %d of %q points at %q", i, s.Value, text[at.Start])
		}
	}
}
