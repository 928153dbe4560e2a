package main

import (
	"bufio"
	"bytes"
	"testing"

	"github.com/ebgen/ebgen/spec/listing"
)

// A symbol's name is one line, whatever is in it.
func TestNamesOfProbes(t *testing.T) {
	var out bytes.Buffer
	w := bufio.NewWriter(&out)
	writeLine(w, listing.Probe{Name: "uprobe:x:a\n\x1b[31mb\u202e"})
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if want := "uprobe:x:a\\x0a\\x1b[31mb\\u202e\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}

func TestNoHTML(t *testing.T) {
	for text, want := range map[string]string{
		"a < b && c":                  "a &lt; b &amp;&amp; c",
		"<script>x</script>":          "&lt;script&gt;x&lt;/script&gt;",
		"the struct `a->b` <b>":       "the struct `a->b` &lt;b&gt;",
		"`a` <b> `c":                  "`a` &lt;b&gt; `c",
		"``<b>`":                      "``&lt;b&gt;`",
		"\\`<b>`":                     "\\`&lt;b&gt;`",
		"`a\n\n<b>`":                  "`a\n\n&lt;b&gt;`",
		"as it is, with `code`, 100%": "as it is, with `code`, 100%",
	} {
		if got := noHTML(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
