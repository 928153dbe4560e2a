package c

import (
	"strings"
	"testing"

	"github.com/ebgen/ebgen/spec/plan"
)

func TestQuote(t *testing.T) {
	for in, want := range map[string]string{
		"":         `""`,
		"open":     `"open"`,
		`a"b\c`:    `"a\"b\\c"`,
		"a\n\x011": `"a\012\0011"`,
		"??/":      `"?\?/"`,
		"é":        `"\303\251"`,
	} {
		if got := quote(in); got != want {
			t.Errorf("quote(%q) = %s, wanted %s", in, got, want)
		}
	}
}

func TestComment(t *testing.T) {
	for in, want := range map[string]string{
		"plain":         "plain",
		"ends */ here":  "ends * / here",
		"opens /* here": "opens / * here",
		"splice \\":     "splice",
		"two\nlines":    "two lines",
	} {
		if got := comment(in); got != want {
			t.Errorf("comment(%q) = %q, wanted %q", in, got, want)
		}
	}
}

// hostile is text that ends what it stands in, if anything lets it.
const hostile = "x */ \" ; \\ ??/ \n#error /* // \x00\x1b é"

func FuzzText(f *testing.F) {
	f.Add(hostile)
	f.Add("*//*")
	f.Add("/*/")
	f.Fuzz(func(t *testing.T, s string) {
		if c := comment(s); strings.Contains(c, "*/") || strings.Contains(c, "/*") || strings.ContainsAny(c, "\n\r") || strings.HasSuffix(c, `\`) {
			t.Errorf("comment(%q) = %q", s, c)
		}
		if q := quote(s); strings.ContainsAny(q, "\n\r") || len(words(q)) > 0 {
			t.Errorf("quote(%q) = %s", s, q)
		}
	})
}

// TestHostile wants text of a spec to stay text wherever the C holds it.
func TestHostile(t *testing.T) {
	p := opens()
	p.File, p.Description = hostile+".yaml", hostile+"\n"+hostile
	p.Probes[0].Name = hostile
	p.Bodies[0].Filters[0].Expr.Args[1] = text(hostile)
	for _, compiler := range compilers {
		t.Run(compiler, func(t *testing.T) { compile(t, compiler, "x86", printed(t, p)) })
	}
}

func TestRefused(t *testing.T) {
	for name, spoil := range map[string]func(*plan.Plan){
		`a parameter cannot be named "lost"`: func(p *plan.Plan) { p.Params = []plan.Param{{Name: "lost", Type: tU32}} },
		`a parameter cannot be named "u32"`:  func(p *plan.Plan) { p.Params = []plan.Param{{Name: "u32", Type: tU32}} },
		`a parameter cannot be named "smallest_given"`: func(p *plan.Plan) {
			p.Params = []plan.Param{{Name: "smallest", Type: tU32}, {Name: "smallest_given", Type: tU32}}
		},
		`a constant cannot be named "idle"`:  func(p *plan.Plan) { p.Constants = []plan.Constant{{Name: "idle"}} },
		`a program cannot be named "events"`: func(p *plan.Plan) { p.Probes[0].Alternatives[0].Program = "events" },
		`"nonsense" is no number`:            func(p *plan.Plan) { p.Bodies[0].Fields[0].Expr.Op = "nonsense" },
		`a program of kind "lsm" is unknown`: func(p *plan.Plan) { p.Probes[0].Alternatives[0].Kind = "lsm" },
	} {
		p := smallest()
		spoil(p)
		if _, err := Print(p); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("the error is %v, wanted one that says %s", err, name)
		}
	}
}

// TestNames wants names of the spec that C or ebgen use otherwise to be given way to.
func TestNames(t *testing.T) {
	task := arg("count_one", structPointer("task_struct"))
	p := tracer("names", plan.Body{Name: "names", Line: 2, Args: []plan.Arg{{Name: "count_one", Type: task.Type}, {Name: "0", Type: tU64}}},
		rawTracepoint("sys_enter", "names", 2),
		column{"int", load(task, tU64, "tgid")}, column{"pad", arg("0", tU64)}, column{"absent", built("pid")})
	p.Structs = []plan.Struct{{Name: "event", Members: []plan.Member{{Name: "tgid", Type: tU64}}}, taskStruct}
	got := printed(t, p)
	for _, want := range []string{"int names_body(const struct task_struct *count_one2, u64 arg0)", "u64 int2;", "u64 pad;", "u8 pad2[4];", "u32 absent2;", "struct event___kernel {"} {
		if !strings.Contains(got, want) {
			t.Errorf("the C lacks %s:\n%s", want, got)
		}
	}
	compile(t, "clang", "x86", got)
}
