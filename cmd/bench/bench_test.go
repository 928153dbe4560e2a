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
	table := newTable("Topic", "What.", tools, column{name: "ns", format: "%.0f", ratio: true}, column{name: "MB", format: "%.1f"})
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
	if m, ok := table.figure("x", column{name: "ns"}); !ok || m != 2.5 {
		t.Errorf("the median of 1 and 4 is %v, %v", m, ok)
	}
	if m, ok := table.figure("x", column{name: "ns", least: true}); !ok || m != 1 {
		t.Errorf("the least of 1 and 4 is %v, %v", m, ok)
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
		took, _ := loop(call, 37, 1000)
		done <- took
	}()
	if took := <-done; took < 32*time.Millisecond {
		t.Errorf("37 calls at 1000 a second took %v", took)
	}
}

// TestMapped reads the mappings of a tool with a ring buffer and a perf buffer.
func TestMapped(t *testing.T) {
	got := mapped(`00400000-00452000 r-xp 00000000 fe:01 123 /usr/bin/tool
Rss:                  16 kB
Anonymous:             0 kB
VmFlags: rd ex mr
7f0000000000-7f0000021000 rw-p 00000000 00:00 0
Rss:                   8 kB
Anonymous:             8 kB
7f0000100000-7f0000200000 r--s 00001000 00:0e 12 anon_inode:bpf-map
Rss:                1024 kB
Anonymous:             0 kB
7f0000300000-7f0000340000 rw-s 00000000 00:0e 12 anon_inode:[perf_event]
Rss:                 256 kB
Anonymous:             0 kB
`)
	if want := (memory{rss: 1304 << 10, own: 24 << 10}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// TestLines counts the lines of a pipe that are about the loop.
func TestLines(t *testing.T) {
	l, err := newLines()
	if err != nil {
		t.Fatal(err)
	}
	for range 101 {
		if _, err := l.write.WriteString("1 " + mark + "\n2 other\n"); err != nil {
			t.Fatal(err)
		}
	}
	l.write.Close()
	if n := <-l.printed; n != 101 {
		t.Errorf("%d lines, want 101", n)
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
	if err != nil || len(names) != 6 {
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
