package main

import (
	"bytes"
	"os"
	"testing"
)

// TestPage holds docs/catalogue.md to the catalogue.
func TestPage(t *testing.T) {
	var b bytes.Buffer
	if err := page(&b); err != nil {
		t.Fatal(err)
	}
	have, err := os.ReadFile("../../../docs/catalogue.md")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(have, b.Bytes()) {
		t.Error("docs/catalogue.md is not what the specs say: go generate ./specs")
	}
}

// TestCounts holds the counted originals to those that are installed.
func TestCounts(t *testing.T) {
	counts, version, err := readCounts()
	if err != nil {
		t.Fatal(err)
	}
	if here, err := installed(); err != nil || here != version {
		t.Skipf("bpfcc-tools %s are not here: %q, %v", version, here, err)
	}
	for file, n := range counts {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if got := code(text); got != n {
			t.Errorf("%s has %d lines of code, not %d", file, got, n)
		}
	}
}

// TestCode wants lines of code alone.
func TestCode(t *testing.T) {
	for text, want := range map[string]int{
		"# only\n\nname: x   # not only\n":               1,
		"#include <a.h>\n#define B 1\n#if C\n#endif\n":   4,
		"/* one\n * two\n */\nint a;\n// three\nb();\n":  2,
		"/* one */\nfields:\n  # two\n  a: b\n\t\n":      2,
		"#!/usr/bin/python3\n# ifs and buts\nimport a\n": 1,
	} {
		if got := code([]byte(text)); got != want {
			t.Errorf("%q has %d lines of code, want %d", text, got, want)
		}
	}
}
