package main

import (
	"fmt"
	"maps"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// column is a figure of every tool: the median of its rounds, or the least where whatever
// else the machine does only adds to it. Ratio columns are told as multiples of the floor's
// too.
type column struct {
	name, format string
	ratio, least bool
}

// table is one topic: a row for each tool, of medians.
type table struct {
	title, what string
	tools       []tool
	columns     []column
	values      map[string][]float64 // tool and column → one value a round
}

func newTable(title, what string, tools []tool, columns ...column) *table {
	return &table{title, what, tools, columns, map[string][]float64{}}
}

func (t *table) add(tool tool, column string, v float64) {
	key := tool.name + "\x00" + column
	t.values[key] = append(t.values[key], v)
}

// figure of a tool's values, and whether it has any.
func (t *table) figure(tool string, c column) (float64, bool) {
	v := slices.Sorted(slices.Values(t.values[tool+"\x00"+c.name]))
	if len(v) == 0 {
		return 0, false
	}
	if c.least {
		return v[0], true
	}
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2, true
}

// spread is the least and the greatest of a tool's values.
func (t *table) spread(tool string, c column) string {
	v := t.values[tool+"\x00"+c.name]
	return fmt.Sprintf(c.format+" to "+c.format, slices.Min(v), slices.Max(v))
}

// markdown writes the table. Of a ratio column, the floor's is 1.00.
func (t *table) markdown(w *strings.Builder, failed map[string]string) {
	fmt.Fprintf(w, "\n## %s\n\n%s\n\n| |", t.title, t.what)
	rule := "| --- |"
	for _, c := range t.columns {
		fmt.Fprintf(w, " %s |", c.name)
		rule += " ---: |"
		if c.ratio {
			w.WriteString(" ratio | least to greatest |")
			rule += " ---: | ---: |"
		}
	}
	fmt.Fprintf(w, " command |\n%s --- |\n", rule)
	for _, tool := range t.tools {
		fmt.Fprintf(w, "| %s |", tool.name)
		for _, c := range t.columns {
			m, ok := t.figure(tool.name, c)
			of, _ := t.figure(floor, c)
			switch {
			case !ok && c.ratio:
				w.WriteString(" - | - | - |")
			case !ok:
				w.WriteString(" - |")
			case c.ratio:
				fmt.Fprintf(w, " "+c.format+" | %s | %s |", m, ratio(m, of), t.spread(tool.name, c))
			default:
				fmt.Fprintf(w, " "+c.format+" |", m)
			}
		}
		fmt.Fprintf(w, " `%s` |\n", tool.command)
	}
	for _, tool := range t.tools {
		if why := failed[tool.command]; why != "" {
			fmt.Fprintf(w, "\n%s did not run: %s\n", tool.name, why)
		}
	}
}

func ratio(v, of float64) string {
	if r := v / of; !math.IsNaN(r) && !math.IsInf(r, 0) {
		return fmt.Sprintf("%.2f", r)
	}
	return "-"
}

// sizes is what lies on disk, shared libraries apart.
func (*bench) sizes() ([]*table, error) {
	tools := []tool{
		{name: floor, command: "bin/floor/record"}, {name: built, command: "bin/floor/ebgen-record"},
		{name: "ebgen itself", command: "bin/ebgen"}, {name: bpftrace, command: "bpftrace"}, {name: libbpf + ": opensnoop", command: "opensnoop"},
	}
	t := newTable("On disk", "The executable alone, MB. What is linked dynamically needs its libraries too; ebgen's are static.", tools, column{name: "MB", format: "%.2f"})
	for _, tool := range tools {
		path, err := exec.LookPath(tool.command)
		if err != nil {
			return nil, err
		}
		if path, err = filepath.EvalSymlinks(path); err != nil {
			return nil, err
		}
		stat, err := os.Stat(path)
		if err != nil {
			return nil, err
		}
		t.add(tool, "MB", float64(stat.Size())/1e6)
	}
	return []*table{t}, nil
}

// page is docs/benchmarks.md.
func (b *bench) page(tables []*table, before, after string) string {
	w := new(strings.Builder)
	fmt.Fprintf(w, `# Benchmarks

`+"`make bench`"+` measures ebgen beside its peers and beside C written by hand
([bench/floor](../bench/floor), [bench/specs](../bench/specs), [bench/peers](../bench/peers)), and writes this page.

Every tool watches the tracepoint of readahead(2), called in a loop on CPU %d for no file; tools run on
CPU %d where CPU time or loss is measured. They take turns, up to %d rounds (starts %d), and a figure is the
median of them unless a table says otherwise; ratios are to the row %q. Resident memory is RSS, and "own" what of
it is not shared with the kernel: maps and buffers apart, of which a ring's data is mapped, and counted,
twice. The machine's load was %s before and %s after: with other work, trust a ratio before a time.

| | |
| --- | --- |
`, workCPU, tracerCPU, b.rounds, 2*b.rounds+1, floor, before, after)
	versions := versions()
	for _, name := range slices.Sorted(maps.Keys(versions)) {
		fmt.Fprintf(w, "| %s | %s |\n", name, versions[name])
	}
	for _, t := range tables {
		t.markdown(w, b.failed)
	}
	return w.String()
}

// load is the machine's load of the last minute.
func load() string {
	text, _ := os.ReadFile("/proc/loadavg")
	first, _, _ := strings.Cut(string(text), " ")
	return first
}

// versions of what was measured, and on what.
func versions() map[string]string {
	v := map[string]string{"Go": runtime.Version(), "CPU": fmt.Sprintf("%d of %s", runtime.NumCPU(), processor())}
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		v["Linux"] = unix.ByteSliceToString(u.Release[:])
	}
	for _, pkg := range []string{"bpftrace", "libbpf-tools", "bpfcc-tools", "libbpf-dev", "clang"} {
		if out, err := exec.Command("dpkg-query", "-W", "-f", "${Version}", pkg).Output(); err == nil {
			v[pkg] = string(out)
		}
	}
	if out, err := exec.Command("git", "describe", "--always", "--dirty").Output(); err == nil {
		v["ebgen"] = strings.TrimSpace(string(out))
	}
	return v
}

// processor is the first one's name in /proc/cpuinfo, on x86.
func processor() string {
	text, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}
