package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ebgen/ebgen/spec"
	"github.com/ebgen/ebgen/spec/check"
	"github.com/ebgen/ebgen/spec/ktype"
)

// TestMarkdown writes a table of three tools, of which one failed.
func TestMarkdown(t *testing.T) {
	tools := []tool{{name: floor, command: "c"}, {name: ebgen, command: "e run"}, {name: bcc, command: "b"}}
	table := newTable("Topic", "What.", tools, column{"ns", "%.0f", true}, column{"MB", "%.1f", false})
	for _, v := range []float64{40, 20, 30} {
		table.add(tools[0], "ns", v)
		table.add(tools[1], "ns", v/2)
	}
	table.add(tools[1], "MB", 12.34)
	w := new(strings.Builder)
	table.markdown(w, map[string]string{"b": "no headers"})
	want := `
## Topic

What.

| | ns | ratio | least to greatest | MB | command |
| --- | ---: | ---: | ---: | ---: | --- |
| C and libbpf | 30 | 1.00 | 20 to 40 | - | ` + "`c`" + ` |
| ebgen run, cached | 15 | 0.50 | 10 to 20 | 12.3 | ` + "`e run`" + ` |
| BCC, Python | - | - | - | - | ` + "`b`" + ` |

BCC, Python did not run: no headers
`
	if w.String() != want {
		t.Errorf("got %s\nwant %s", w, want)
	}
}

func TestMedianOfTwo(t *testing.T) {
	table := newTable("", "", nil)
	table.add(tool{name: "x"}, "ns", 1)
	table.add(tool{name: "x"}, "ns", 4)
	if m, ok := table.median("x", "ns"); !ok || m != 2.5 {
		t.Errorf("the median of 1 and 4 is %v, %v", m, ok)
	}
}

// TestRatioOfNothing wants no number where the floor has none.
func TestRatioOfNothing(t *testing.T) {
	for _, v := range []float64{0, 3} {
		if got := ratio(v, 0); got != "-" {
			t.Errorf("ratio(%v, 0) = %s", v, got)
		}
	}
}

// TestLoopKeepsRate: 37 calls at 1000 a second last as long as the last group's start.
func TestLoopKeepsRate(t *testing.T) {
	done := make(chan time.Duration)
	go func() { // the thread is renamed and pinned, and ends with the goroutine
		took, _ := loop(37, 1000)
		done <- took
	}()
	if took := <-done; took < 32*time.Millisecond {
		t.Errorf("37 calls at 1000 a second took %v", took)
	}
}

// TestCause wants the line that tells why BCC cannot compile, else the last one.
func TestCause(t *testing.T) {
	for text, want := range map[string]string{
		"Unable to find kernel headers.\nException: Failed\n": "Unable to find kernel headers.",
		"one\ntwo\n": "two",
	} {
		if got := cause(text); got != want {
			t.Errorf("cause(%q) = %q, want %q", text, got, want)
		}
	}
}

// TestSpecs checks what ebgen is measured with, and that each job of a trio has its files.
func TestSpecs(t *testing.T) {
	k, err := ktype.Running()
	if err != nil {
		t.Skipf("no types to check against: %v", err)
	}
	names, err := filepath.Glob("../../bench/specs/*.yaml")
	if err != nil || len(names) != 5 {
		t.Fatalf("%d specs, %v", len(names), err)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		doc, diags := spec.Parse(name, text)
		if _, diags = check.Check(doc, diags, k, check.Options{Arch: "amd64"}); len(diags.All()) > 0 {
			_ = diags.Print(os.Stderr)
			t.Errorf("%s is not right", name)
		}
		job := strings.TrimSuffix(filepath.Base(name), ".yaml")
		if _, err := os.Stat("../../bench/peers/" + job + ".bt"); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat("../../bench/floor/" + job + ".bpf.c"); err != nil {
			t.Error(err)
		}
	}
}
