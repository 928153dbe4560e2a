package runtime

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/ebgen/ebgen/runtime/internal/object"
	"github.com/ebgen/ebgen/spec/ktype"
	"github.com/ebgen/ebgen/spec/plan"
)

// provoked is a program that the verifier rejects, and what is said about it.
type provoked struct {
	program string
	line    int    // of the spec
	cause   string // a part of it
	until   string // the release that takes it, "" for none
}

// corpus is, by file of testdata, every rejection that is provoked.
var corpus = map[string][]provoked{
	"rejected.c": {
		{"scalar_pointer", 7, "a number is used as a pointer", ""},
		{"null_lookup", 17, "compared with NULL", ""},
		{"unset", 27, "before it is set", ""},
		{"unbounded", 37, "no bound", ""},
		{"past_the_end", 47, "past the end", ""},
		{"endless", 57, "loop", ""},
		{"unreleased", 67, "neither submitted nor discarded", ""},
		{"no_argument", 77, "no such argument", ""},
		{"no_helper", 87, "does not offer the helper", ""},
		{"other_helper", 97, "does not offer the helper", ""},
		{"no_pointer", 107, "kind that it does not take", ""},
		{"read_only", 117, "may only read", ""},
		{"no_member", 127, "lacks a type or member", ""},
		{"deep_stack", 137, "512 bytes", ""},
		{"pointer_arithmetic", 157, "arithmetic", ""},
	},
	"rejected_memory.c": {
		{"null_record", 207, "compared with NULL", ""},
		{"past_the_record", 217, "past the end", ""},
		{"unbounded_in_record", 227, "no bound", ""},
		{"after_submit", 237, "a number is used as a pointer", ""},
		{"submitted_twice", 247, "no longer one", ""},
		{"null_to_helper", 257, "handed to a helper before it is compared with NULL", ""},
		{"unbounded_size", 267, "no bound", ""},
		{"negative_size", 277, "no bound", ""},
		{"zero_size", 287, "may be 0", ""},
		{"more_than_entry", 297, "past the end", ""},
		{"more_than_local", 307, "asked of a local variable", ""},
		{"unbounded_local", 317, "no bound", ""},
		{"short_key", 327, "asked of a local variable", ""},
		{"unset_key", 337, "never written", "6.1"}, // commit 6715df8d5d24 of 6.3, which 6.1 has too
		{"pointer_plus_unbounded", 347, "no bound", ""},
		{"negative_index", 357, "no bound", ""},
		{"write_argument", 367, "does not let it be written", ""},
		{"variable_argument", 377, "which argument", ""},
		{"write_task", 387, "may only read", ""},
		{"misaligned_atomic", 397, "not aligned", ""},
		{"atomic_on_argument", 407, "atomic operation", ""},
		{"two_pointers", 417, "arithmetic", ""},
		{"narrow_pointer", 427, "a number is used as a pointer", ""},
		{"number_to_percpu", 437, "kind that it does not take", ""},
	},
	"rejected_calls.c": {
		{"other_map", 507, "a map of a type", ""},
		{"unknown_size", 517, "has to be a constant", ""},
		{"number_as_key", 527, "kind that it does not take", ""},
		{"number_as_map", 537, "kind that it does not take", ""},
		{"unset_argument", 547, "before it is set", ""},
		{"no_result", 557, "without a value to return", ""},
		{"recursive", 0, "8 frames", ""},
		{"two_deep_stacks", 0, "512 bytes", "6.13"}, // a stack of its own for each function, commit 7d1cd70d4b16
		{"after_end", 627, "control flow", ""},
		{"read_map", 637, "may only read", ""},
	},
}

// earlier is what kernels before a release say of programs in other words than later ones.
var earlier = []provoked{
	{"recursive", 597, "loop", "6.12"}, // check_cfg takes a call for a jump back
	{"write_task", 383, "does not offer the helper", "5.11"},
	{"unknown_size", 517, "no bound", "5.15"},
}

// rejectedPlan is a tracer of one program.
func rejectedPlan(t testing.TB, file, program string) *plan.Bundle {
	return &plan.Bundle{
		Object: object.Load(t, "testdata/"+file),
		Plan: &plan.Plan{
			File:    "rejected.yaml",
			Probes:  []plan.Probe{{Name: "probe", Alternatives: []plan.Attachment{{Kind: plan.RawTracepoint, Target: "sys_enter", Program: program}}}},
			Channel: plan.Channel{Kind: plan.Ringbuf, Size: 4096},
		},
	}
}

// on is what a release says of a program; the cause is "" when it takes it.
func (p provoked) on(release string) provoked {
	before := func(other string) bool { return ktype.CompareReleases(release, other) < 0 }
	i := slices.IndexFunc(earlier, func(e provoked) bool { return e.program == p.program && before(e.until) })
	switch {
	case i >= 0:
		return earlier[i]
	case p.until != "" && !before(p.until):
		return provoked{program: p.program}
	}
	return p
}

// The kernel itself rejects each program; line, cause and what helps are read from its log.
// EBGEN_REJECTED=FILE keeps the logs, as testdata/rejected has them.
func TestVerifierRejects(t *testing.T) {
	needRoot(t)
	release, err := ktype.RunningRelease()
	if err != nil {
		t.Fatal(err)
	}
	release, _, _ = strings.Cut(release, "-")
	logs := &txtar.Archive{Comment: []byte("Linux " + release + "\n")}
	for file, programs := range corpus {
		for _, want := range programs {
			t.Run(want.program, func(t *testing.T) {
				_, err := trace(t, rejectedPlan(t, file, want.program), Options{Sink: new(list), vetted: true}, func() {})
				want := want.on(release)
				if err == nil && want.cause == "" {
					return
				}
				var e *VerifierError
				if !errors.As(err, &e) {
					t.Fatalf("the error is %v", err)
				}
				logs.Files = append(logs.Files, txtar.File{Name: want.program, Data: []byte(strings.Join(e.Log[max(0, len(e.Log)-logLines):], "\n") + "\n")})
				explained(t, e, want.cause)
				if e.Line != want.line || e.File != "rejected.yaml" || e.Program != want.program {
					t.Errorf("%s:%d of %s, want line %d\nlog:\n%s", e.File, e.Line, e.Program, want.line, strings.Join(e.Log, "\n"))
				}
			})
		}
	}
	if path := os.Getenv("EBGEN_REJECTED"); path != "" {
		slices.SortFunc(logs.Files, func(x, y txtar.File) int { return strings.Compare(x.Name, y.Name) })
		if err := os.WriteFile(path, txtar.Format(logs), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// logLines is how much of each log is kept.
const logLines = 40

// explained makes sure that a rejection has its cause, and what helps.
func explained(t *testing.T, e *VerifierError, cause string) {
	t.Helper()
	if cause == "" || !strings.Contains(e.Cause, cause) || e.Fix == "" {
		t.Errorf("cause %q, fix %q, want %q\nlog:\n%s", e.Cause, e.Fix, cause, strings.Join(e.Log, "\n"))
	}
}

// What kernels of the matrix have said is understood without them.
func TestRejectionsOfKernels(t *testing.T) {
	paths, err := filepath.Glob("testdata/rejected/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no logs are kept: %v", err)
	}
	for _, path := range paths {
		logs, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		release := strings.TrimSpace(strings.TrimPrefix(string(logs.Comment), "Linux "))
		said := map[string][]string{}
		for _, f := range logs.Files {
			said[f.Name] = strings.Split(strings.TrimSuffix(string(f.Data), "\n"), "\n")
		}
		for _, programs := range corpus {
			for _, want := range programs {
				want = want.on(release)
				log, ok := said[want.program]
				if delete(said, want.program); ok != (want.cause != "") {
					t.Errorf("%s: %s: a log is kept: %v; the cause to find is %q", path, want.program, ok, want.cause)
				}
				if !ok {
					continue
				}
				t.Run(filepath.Base(path)+"/"+want.program, func(t *testing.T) {
					e := readVerifierLog(log, "rejected.yaml")
					explained(t, e, want.cause)
					// Logs name lines since Linux 6.10. One that leads to a poisoned instruction
					// or to no instruction has its line from the program.
					named := strings.Contains(strings.Join(log, "\n"), "@ rejected.yaml:"+strconv.Itoa(want.line))
					if named && !poisoned.matches(e.Verdict) && e.Line != want.line {
						t.Errorf("line %d, want %d\nlog:\n%s", e.Line, want.line, strings.Join(log, "\n"))
					}
				})
			}
		}
		for name := range said {
			t.Errorf("%s: %s is not in the corpus", path, name)
		}
	}
}
