package gen

import (
	"errors"
	"os"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/ebgen/ebgen/gen/clang"
	"github.com/ebgen/ebgen/spec/plan"
	"github.com/ebgen/ebgen/spec/source"
)

// Around the spec's own C, which begins at line 6, stands what package c would print.
const (
	specHead = "name: t\nprobe: rawtracepoint:sys_enter\nfields:\n  x: own(args.id)\nc: |\n"
	codeHead = `#line 1 "t.bpf.c"
typedef unsigned int u32;
typedef unsigned long long u64;
#define SEC(name) __attribute__((section(name), used))
static void *(*bpf_map_lookup_elem)(void *map, const void *key) __attribute__((unused)) = (void *) 1;
extern void *bpf_rdonly_cast(const void *obj, u32 id) __attribute__((section(".ksyms")));
volatile u64 sink;
#line 6 "t.yaml"
`
	codeTail = `#line 2 "t.yaml"
SEC("raw_tp/sys_enter")
int t_sys_enter(u64 *ctx)
{
#line 4 "t.yaml"
	sink = own(ctx[1]);
#line 2 "t.yaml"
	return 0;
}
char LICENSE[] SEC("license") = "Dual BSD/GPL";
`
)

// compileOwn builds a plan whose C is own (lines 6 and on of its spec), from the second
// pass on, with a text that stands for what package c prints.
func compileOwn(t *testing.T, own string) error {
	t.Helper()
	if _, err := clang.Find(); err != nil {
		t.Skip(err)
	}
	b := &build{ctx: t.Context(), plan: ownPlan(own), source: codeHead + own + codeTail}
	b.file = source.NewFile("t.yaml", specHead+"  "+strings.ReplaceAll(strings.TrimSuffix(own, "\n"), "\n", "\n  ")+"\n")
	if err := b.compile(); err != nil {
		return err
	}
	return b.vetObject()
}

func ownPlan(own string) *plan.Plan {
	return &plan.Plan{
		Version: plan.Version,
		Name:    "t",
		File:    "t.yaml",
		Line:    1,
		Probes: []plan.Probe{{Name: "rawtracepoint:sys_enter", Line: 2, Alternatives: []plan.Attachment{
			{Kind: plan.RawTracepoint, Target: "sys_enter", Program: "t_sys_enter"},
		}}},
		C: &plan.Escape{Text: own, Line: 6},
	}
}

func TestObject(t *testing.T) {
	for _, test := range []struct{ name, own, want string }{
		{"plain", "static u64 own(u64 x) { return x + 1; }\n", ""},
		{"helper that observes", "static u64 (*now)(void) = (void *) 5;\nstatic u64 own(u64 x) { return x + now(); }\n", ""},
		{"function of its own", "static __attribute__((noinline)) u64 more(u64 x) { return x * sink; }\nstatic u64 own(u64 x) { return more(x); }\n", ""},
		{"known kfunc", "struct s { int i; };\nstatic u64 own(u64 x) { return (u64) bpf_rdonly_cast((void *) x, __builtin_btf_type_id(*(struct s *) 0, 0)); }\n", ""},

		{
			"writes to a process", "static long (*poke)(void *, const void *, u32) = (void *) 36;\nstatic u64 own(u64 x)\n{\n\treturn poke((void *) x, &x, 8);\n}\n",
			"t.yaml:9:11: calls the helper bpf_probe_write_user: a tracer may only observe",
		},
		{
			"writes in a function that is called", "static long (*poke)(void *, const void *, u32) = (void *) 36;\nstatic __attribute__((noinline)) u64 more(u64 x) { return poke((void *) x, &x, 8); }\nstatic u64 own(u64 x) { return more(x); }\n",
			"t.yaml:7:61: calls the helper bpf_probe_write_user: a tracer may only observe",
		},
		{
			"kills", "static long (*kill)(u32) = (void *) 109;\nstatic u64 own(u64 x) { return kill(x); }\n",
			"t.yaml:7:34: calls the helper bpf_send_signal: a tracer may only observe",
		},
		{
			"loops by a helper", "static long (*loop)(u32, void *, void *, u64) = (void *) 181;\nstatic long round(u32 i, void *x) { sink += i + !x; return 0; }\nstatic u64 own(u64 x) { return loop(1 << 23, round, &x, 0); }\n",
			"t.yaml:8:34: takes the address of the function round, which nothing may call back",
		},
		{
			"a function that is not static", "__attribute__((noinline)) u64 more(u64 x) { return x * sink; }\nstatic u64 own(u64 x) { return more(x); }\n",
			"t.yaml:6:58: function more is not static: the verifier would not count how often it runs",
		},
		{
			"a helper nobody knows", "static long (*odd)(void) = (void *) 4242;\nstatic u64 own(u64 x) { return x + odd(); }\n",
			"t.yaml:7:38: calls the helper number 4242: a tracer may only observe",
		},
		{
			"a kfunc", "extern void bpf_task_release(void *) __attribute__((section(\".ksyms\")));\nstatic u64 own(u64 x) { bpf_task_release((void *) x); return 0; }\n",
			"t.yaml:7:27: calls the kernel function bpf_task_release: a tracer may only observe",
		},
		{
			"a program of its own", "static u64 own(u64 x) { return x; }\nSEC(\"lsm/file_open\") int deny(void *ctx) { return ctx ? -1 : 0; }\n",
			"t.yaml:6:3: program deny (section lsm/file_open) is in the object and not in the plan",
		},
		{
			"a map of programs", "struct { int (*type)[3]; int (*key_size)[4]; int (*value_size)[4]; int (*max_entries)[1]; } jumps SEC(\".maps\");\nstatic u64 own(u64 x) { return (u64) bpf_map_lookup_elem(&jumps, &x); }\n",
			"t.yaml:6:3: map jumps is a ProgramArray, which holds more than a tracer's data",
		},
		{
			"a pinned map", "struct { int (*type)[1]; int (*key_size)[4]; int (*value_size)[4]; int (*max_entries)[1]; int (*pinning)[1]; } kept SEC(\".maps\");\nstatic u64 own(u64 x) { return (u64) bpf_map_lookup_elem(&kept, &x); }\n",
			"t.yaml:6:3: map kept is pinned, which would outlive the tracer",
		},
		{
			"a huge map", "struct { int (*type)[1]; int (*key_size)[4]; int (*value_size)[4]; int (*max_entries)[1 << 28]; } huge SEC(\".maps\");\nstatic u64 own(u64 x) { return (u64) bpf_map_lookup_elem(&huge, &x); }\n",
			"t.yaml:6:3: map huge is of 18432 MiB, more than 1152",
		},
		{
			"a function that is missing", "u64 missing(u64 x);\nstatic u64 own(u64 x) { return missing(x); }\n",
			"t.yaml:7:34: calls missing, which is nowhere defined",
		},

		{
			"an unknown name", "static u64 own(u64 x)\n{\n\treturn x + y;\n}\n",
			"t.yaml:8:15: use of undeclared identifier 'y'",
		},
		{
			"a field uses it wrongly", "static u64 own(u64 x, u64 y) { return x + y; }\n",
			"t.yaml:4:3: too few arguments to function call",
		},
		{
			"a name of ours", "static u64 t_sys_enter(u64 x) { return x; }\nstatic u64 own(u64 x) { return t_sys_enter(x); }\n",
			"t.yaml:3:1: conflicting types for 't_sys_enter'",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := compileOwn(t, test.own)
			if test.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			var rejected *Rejected
			if !errors.As(err, &rejected) {
				t.Fatalf("got %v, want a *Rejected", err)
			}
			if !strings.HasPrefix(err.Error(), test.want) {
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
		})
	}
}

// pidPlan is what the checker makes of pidSpec.
func pidPlan() *plan.Plan {
	pid := plan.Builtins["pid"].Type
	return &plan.Plan{
		Version: plan.Version,
		Name:    "t",
		File:    "t.yaml",
		Line:    1,
		Record:  plan.Record{Size: 8, Absent: -1, Fields: []plan.Field{{Name: "pid", Type: pid, Bit: -1, Line: 4}}},
		Bodies: []plan.Body{{
			Name: "t_0", Line: 2, Emits: true,
			Fields: []plan.Assign{{Expr: plan.Expr{Op: plan.OpBuiltin, Name: "pid", Type: pid, Line: 4}, Line: 4}},
		}},
		Probes: []plan.Probe{{Name: "rawtracepoint:sys_enter", Line: 2, Alternatives: []plan.Attachment{
			{Kind: plan.RawTracepoint, Target: "sys_enter", Program: "t_sys_enter", Calls: []plan.Call{{}}},
		}}},
		Channel: plan.Channel{Kind: plan.Ringbuf, Size: 256 << 10},
	}
}

const pidSpec = "name: t\nprobe: rawtracepoint:sys_enter\nfields:\n  pid: pid\n"

func TestBuild(t *testing.T) {
	compiler, err := clang.Find()
	if err != nil {
		t.Skip(err)
	}
	job, err := compiler.Start(t.Context(), clang.Options{Arch: runtime.GOARCH, Spec: "t.yaml", Text: []byte(pidSpec)})
	if err != nil {
		t.Fatal(err)
	}
	var bundles [2]*plan.Bundle
	for i, o := range []Options{{}, {Job: job}} {
		if bundles[i], err = Build(t.Context(), pidPlan(), []byte(pidSpec), o); err != nil {
			t.Fatal(err)
		}
	}
	if !reflect.DeepEqual(bundles[0], bundles[1]) {
		t.Error("a job started beforehand gives another bundle")
	}
	if b := bundles[0]; b.Source == "" || !strings.Contains(string(b.Object), "  pid: pid") {
		t.Error("the bundle lacks its C, or its object the lines of the spec")
	}
}

// TestBuildEndsTheJob fails before the compiler is asked: it must not be left waiting.
func TestBuildEndsTheJob(t *testing.T) {
	compiler, err := clang.Find()
	if err != nil {
		t.Skip(err)
	}
	t.Setenv("TMPDIR", t.TempDir())
	job, err := compiler.Start(t.Context(), clang.Options{Arch: runtime.GOARCH, Spec: "t.yaml"})
	if err != nil {
		t.Fatal(err)
	}
	p := pidPlan()
	p.C = &plan.Escape{Text: "#pragma once\n", Line: 6}
	var rejected *Rejected
	if _, err := Build(t.Context(), p, []byte(specHead+"  #pragma once\n"), Options{Job: job}); !errors.As(err, &rejected) {
		t.Errorf("got %v, want a *Rejected", err)
	}
	if left, err := os.ReadDir(os.Getenv("TMPDIR")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestObjectOfAnotherPlan checks what only a fault of ours, or a tampered object, brings.
func TestObjectOfAnotherPlan(t *testing.T) {
	const own = "static u64 own(u64 x) { return x; }\n"
	compiler, err := clang.Find()
	if err != nil {
		t.Skip(err)
	}
	for _, test := range []struct {
		name, from, to string // of the C
		want           string
	}{
		{"another licence", "Dual BSD/GPL", "Proprietary", `the licence is "Proprietary"`},
		{"another kind", "raw_tp/sys_enter", "fmod_ret/sys_enter", "is a Tracing (ModifyReturn), a rawtracepoint is a RawTracepoint (None)"},
		{"a writable kind", "raw_tp/sys_enter", "raw_tp.w/sys_enter", "is a RawTracepointWritable"},
		{"another name", "t_sys_enter", "t_else", "program t_else (section raw_tp/sys_enter) is in the object and not in the plan"},
		{"a forbidden helper", "return 0;\n}\nchar", "return ((long (*)(u32)) 109)(9);\n}\nchar", "calls the helper bpf_send_signal"},
		{"no C at all", "LICENSE[]", "!", "does not compile"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := ownPlan(own)
			p.C = nil
			b := &build{
				ctx: t.Context(), plan: p, options: Options{Compiler: compiler}, file: source.NewFile("t.yaml", specHead),
				source: strings.Replace(codeHead+own+codeTail, test.from, test.to, 1),
			}
			err := b.compile()
			if err == nil {
				err = b.vetObject()
			}
			if !errors.Is(err, ErrBug) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want ErrBug with %q", err, test.want)
			}
		})
	}
}

func TestVetEscape(t *testing.T) {
	for _, test := range []struct {
		name, scalar string // the spec from its sixth line on
		text         string // the C it holds
		want         string
	}{
		{"block", "  int x;\n  #include <a>\n", "int x;\n#include <a>\n", "t.yaml:7:3: preprocessor"},
		{"deep in a line", "    /* é */ asm(\"\");\n", "/* é */ asm(\"\");\n", "t.yaml:6:13: inline assembly"},
		{"quoted", "  \"int x;\\n  asm();\"\n", "int x;\n  asm();", "t.yaml:7:1: inline assembly"},
		{"none", "  int x;\n", "int x;\n", ""},
	} {
		b := &build{plan: ownPlan(test.text), file: source.NewFile("t.yaml", specHead+test.scalar)}
		err := b.vetEscape()
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.HasPrefix(err.Error(), test.want)) {
			t.Errorf("%s: got %v, want %q", test.name, err, test.want)
		}
	}
}
