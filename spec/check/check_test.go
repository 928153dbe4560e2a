package check

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/ebgen/ebgen/spec"
	"github.com/ebgen/ebgen/spec/ktype"
	"github.com/ebgen/ebgen/spec/plan"
	"github.com/ebgen/ebgen/spec/source"
)

var update = flag.Bool("update", false, "write what is found into testdata")

var running = sync.OnceValues(ktype.Running)

// kernel is the running kernel's types, read once.
func kernel(t testing.TB) *ktype.Kernel {
	t.Helper()
	k, err := running()
	if err != nil {
		t.Skipf("no types to check against: %v", err)
	}
	return k
}

func checkText(t testing.TB, name, text string) (*plan.Plan, *source.Diagnostics) {
	t.Helper()
	doc, diags := spec.Parse(name, []byte(text))
	return Check(doc, diags, kernel(t), Options{Arch: "amd64", Lint: strings.HasPrefix(name, "testdata/lint/")})
}

// marker is a comment below an offending line: carets under what is wrong, then the
// message, then perhaps "; hint: …". "#< message" marks the first column.
var marker = regexp.MustCompile(`^#(<|[ \t]*(\^+)) (.*)$`)

// expectations reads the markers of a wrong spec as "line:column-width message".
func expectations(text string) []string {
	var want []string
	line := 0
	for i, l := range strings.Split(text, "\n") {
		m := marker.FindStringSubmatchIndex(l)
		if m == nil {
			line = i + 1
			continue
		}
		column, width := 1, 0
		if m[4] >= 0 {
			column, width = m[4]+1, m[5]-m[4]
		}
		want = append(want, fmt.Sprintf("%d:%d-%d %s", line, column, width, l[m[6]:m[7]]))
	}
	return want
}

// TestWrong checks every spec of testdata/wrong, and those of testdata/lint that are right
// but for what they mean: exactly the diagnostics marked, at their places, in file order.
func TestWrong(t *testing.T) {
	for _, path := range append(paths(t, "testdata/wrong/*.yaml"), paths(t, "testdata/lint/*.yaml")...) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			text := readText(t, path)
			_, diags := checkText(t, path, text)
			got := reports(t, text, diags)
			if *update {
				if err := os.WriteFile(path, []byte(mark(text, got)), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			want := expectations(text)
			for i := range max(len(got), len(want)) {
				g, w := "nothing", "nothing"
				if i < len(got) {
					g = got[i]
				}
				if i < len(want) {
					w = want[i]
				}
				if g != w {
					t.Errorf("diagnostic %d\n got %s\nwant %s", i+1, g, w)
				}
			}
		})
	}
}

// reports lists diagnostics as expectations does, the kernel's release left out.
func reports(t testing.TB, text string, diags *source.Diagnostics) []string {
	var list []string
	for _, d := range diags.All() {
		at := diags.File.Position(d.Span.Start)
		width := len([]rune(text[d.Span.Start:d.Span.End]))
		if at.Column == 1 {
			width = 0
		}
		one := d.Message
		if d.Severity == source.Warning {
			one = "warning: " + one
		}
		if d.Hint != "" {
			one += "; hint: " + d.Hint
		}
		one = strings.ReplaceAll(one, kernel(t).Release(), "RELEASE")
		list = append(list, fmt.Sprintf("%d:%d-%d %s", at.Line, at.Column, width, one))
	}
	return list
}

// mark writes the markers of reports into a spec, in the place of those it has. Markers
// take lines of their own, so that the lines of the reports are moved along.
func mark(text string, reports []string) string {
	var out []string
	for i, l := range strings.Split(text, "\n") {
		if marker.MatchString(l) {
			continue
		}
		out = append(out, l)
		for _, r := range reports {
			var line, column, width int
			place, message, _ := strings.Cut(r, " ")
			if _, err := fmt.Sscanf(place, "%d:%d-%d", &line, &column, &width); err != nil || line != i+1 {
				continue
			}
			if column == 1 {
				out = append(out, "#< "+message)
			} else {
				out = append(out, "#"+strings.Repeat(" ", column-2)+strings.Repeat("^", width)+" "+message)
			}
		}
	}
	return strings.Join(out, "\n")
}

func paths(t *testing.T, pattern string) []string {
	t.Helper()
	list, err := filepath.Glob(pattern)
	if err != nil || len(list) == 0 {
		t.Fatalf("%s: no files (%v)", pattern, err)
	}
	return list
}

func readText(t testing.TB, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// A short spec cannot make an expression of any length: names stand for expressions of names
// that stand for expressions.
func TestLongExpressions(t *testing.T) {
	double := func(key, first string, n int) string {
		text := key + ":\n  f0: " + first + "\n"
		for i := 1; i <= n; i++ {
			text += fmt.Sprintf("  f%d: f%d + f%d\n", i, i-1, i-1)
		}
		return text
	}
	wide := double("fields", "pid", 10)
	for i := range 20 {
		wide += fmt.Sprintf("  g%d: f10 + 1\n", i)
	}
	const counted = "channel: map\n"
	for _, test := range []struct{ name, text, want string }{
		{"fields", double("fields", "pid", 60), "15:14: with what its names stand for, this expression has more than 4096 parts"},
		{"fields of aggregates", double("fields", "count()", 60) + counted, "15:14: with what its names stand for, this expression has more than 4096 parts"},
		{"let", double("let", "pid", 60) + "fields: {a: f60}\n", "6:12: with what its names stand for, this expression has more than 4096 parts"},
		{"defaults", "fields:\n  a: " + strings.Repeat("(args.fd ?? ", 60) + "1" + strings.Repeat(")", 60) + "\n", ""},
		{"many fields", wide, "with what their names stand for, the expressions of rawtracepoint:sched_process_exit have more than 65536 parts"},
		{"no more than that", double("fields", "pid", 10), ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, diags := checkText(t, "x.yaml", "name: x\nprobe: rawtracepoint:sched_process_exit\n"+test.text)
			got := ""
			for _, d := range diags.All() {
				if d.Severity == source.Error && got == "" {
					at := diags.File.Position(d.Span.Start)
					got = fmt.Sprintf("%d:%d: %s", at.Line, at.Column, d.Message)
				}
			}
			if !strings.Contains(got, test.want) || (got == "") != (test.want == "") {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// Each alternative costs a look through the kernel's types, so there are not any number.
func TestManyAlternatives(t *testing.T) {
	many := func(n int, separator string) string {
		return strings.TrimSuffix(strings.Repeat("syscall:close"+separator, n), separator)
	}
	for text, want := range map[string]string{
		many(64, " | "):              "",
		many(65, " | "):              "2:1032: that are more than 64 alternatives of a probe",
		many(5000, " | "):            "2:1032: that are more than 64 alternatives of a probe",
		"[" + many(1025, ", ") + "]": "2:15369: that are more than 1024 probes and alternatives",
		"[" + many(40, " | ") + ", " + many(900, ", ") + "]": "",
	} {
		_, diags := checkText(t, "x.yaml", "name: x\nprobe: "+text+"\nfields: {a: args.fd}\n")
		var got []string
		for _, d := range diags.All() {
			at := diags.File.Position(d.Span.Start)
			got = append(got, fmt.Sprintf("%d:%d: %s", at.Line, at.Column, d.Message))
		}
		if strings.Join(got, "\n") != want {
			t.Errorf("%.40s… of %d bytes: got %q, want %q", text, len(text), got, want)
		}
	}
}
