package golang

import (
	"encoding/json"
	"flag"
	"go/format"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/ebgen/ebgen/gen"
	"github.com/ebgen/ebgen/gen/clang"
	"github.com/ebgen/ebgen/spec"
	"github.com/ebgen/ebgen/spec/check"
	"github.com/ebgen/ebgen/spec/ktype"
	"github.com/ebgen/ebgen/spec/plan"
)

var update = flag.Bool("update", false, "rewrite the plans and packages that tests compare with")

// cases are the folders of testdata: a ring buffer, a map, a span.
var cases = []string{"opens", "seeks", "took"}

// checked makes the plan of a spec, for the running kernel.
func checked(t *testing.T, name string, text []byte) *plan.Plan {
	t.Helper()
	kernel, err := ktype.Running()
	if err != nil {
		t.Skip(err)
	}
	doc, diags := spec.Parse(name, text)
	p, diags := check.Check(doc, diags, kernel, check.Options{Arch: "amd64"})
	if p == nil {
		var b strings.Builder
		_ = diags.Print(&b)
		t.Fatal(b.String())
	}
	return p
}

func readFile(t *testing.T, elements ...string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(elements...))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// storedPlan is the plan that a case has in testdata, so that its package needs no kernel.
func storedPlan(t *testing.T, name string) *plan.Plan {
	t.Helper()
	path := filepath.Join("testdata", name, "plan.json")
	if *update {
		p := checked(t, name+".yaml", readFile(t, "testdata", name, name+".yaml"))
		data, err := json.MarshalIndent(p, "", "\t")
		if err != nil {
			t.Fatal(err)
		}
		write(t, path, append(data, '\n'))
	}
	p := new(plan.Plan)
	if err := json.Unmarshal(readFile(t, path), p); err != nil {
		t.Fatal(err)
	}
	return p
}

// TestGolden compares the Go of each case with testdata/CASE/want.txtar.
func TestGolden(t *testing.T) {
	for _, name := range cases {
		t.Run(name, func(t *testing.T) {
			p := storedPlan(t, name)
			in := Package{Plan: p, Objects: map[string][]byte{"amd64": nil, "arm64": nil}, Generate: "ebgen gen " + p.File + " -o . --arch amd64,arm64"}
			files, err := Print(in)
			if err != nil {
				t.Fatal(err)
			}
			got := new(txtar.Archive)
			for _, f := range files {
				if strings.HasSuffix(f.Name, ".go") {
					got.Files = append(got.Files, txtar.File{Name: f.Name, Data: f.Data})
				}
			}
			path := filepath.Join("testdata", name, "want.txtar")
			if *update {
				write(t, path, txtar.Format(got))
			}
			if diff := cmp.Diff(string(readFile(t, path)), string(txtar.Format(got))); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
			again, err := Print(in)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(files, again); diff != "" {
				t.Errorf("a second package differs: %s", diff)
			}
		})
	}
}

// module is a Go module of its own with what generated packages import, in the versions
// of this one.
func module(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	text := string(readFile(t, "..", "..", "go.mod"))
	text = regexp.MustCompile(`(?m)^module .*$`).ReplaceAllString(text, "module example.com/generated")
	text = regexp.MustCompile(`(?m)^tool .*$`).ReplaceAllString(text, "")
	write(t, filepath.Join(dir, "go.mod"), []byte(text))
	write(t, filepath.Join(dir, "go.sum"), readFile(t, "..", "..", "go.sum"))
	return dir
}

// writePackage writes a package into a module. Without an object it still compiles.
func writePackage(t *testing.T, dir string, in Package) {
	t.Helper()
	files, err := Print(in)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		write(t, filepath.Join(dir, in.Plan.Name, f.Name), f.Data)
		if !strings.HasSuffix(f.Name, ".go") {
			continue
		}
		if formatted, err := format.Source(f.Data); err != nil || string(formatted) != string(f.Data) {
			t.Errorf("%s/%s is not formatted (%v)", in.Plan.Name, f.Name, err)
		}
	}
}

// run runs a program in a folder; what it prints is in the error's message.
func run(t *testing.T, dir string, env []string, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// gofmt wants -s to change nothing in a folder.
func gofmt(t *testing.T, dir string) {
	t.Helper()
	root := strings.TrimSpace(run(t, dir, nil, "go", "env", "GOROOT"))
	if out := run(t, dir, nil, filepath.Join(root, "bin", "gofmt"), "-s", "-l", "."); out != "" {
		t.Errorf("gofmt -s would change:\n%s", out)
	}
}

// compiled makes a bundle of a plan, or skips the test where there is no clang.
func compiled(t *testing.T, p *plan.Plan, text []byte, arch string) *plan.Bundle {
	t.Helper()
	if _, err := clang.Find(); err != nil {
		t.Skip(err)
	}
	b, err := gen.Build(t.Context(), p, text, gen.Options{Arch: arch})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestLint compiles, vets and checks the three cases, on a copy without the header that
// makes linters look away, for both architectures.
func TestLint(t *testing.T) {
	dir := module(t)
	for _, name := range cases {
		writePackage(t, dir, Package{Plan: storedPlan(t, name), Objects: map[string][]byte{"amd64": nil, "arm64": nil}})
	}
	gofmt(t, dir)
	for _, arch := range []string{"amd64", "arm64"} {
		run(t, dir, []string{"GOARCH=" + arch}, "go", "build", "./...")
	}
	run(t, dir, nil, "go", "vet", "./...")
	copied, err := filepath.Glob(filepath.Join(dir, "*", "*.go"))
	if err != nil || len(copied) == 0 {
		t.Fatal(err)
	}
	for _, path := range copied {
		_, rest, ok := strings.Cut(string(readFile(t, path)), "DO NOT EDIT.\n")
		if !ok {
			t.Errorf("%s does not say that it is generated", path)
		}
		write(t, path, []byte(rest))
	}
	staticcheck := filepath.Join(t.TempDir(), "staticcheck")
	run(t, ".", nil, "go", "build", "-o", staticcheck, "honnef.co/go/tools/cmd/staticcheck")
	run(t, dir, nil, staticcheck, "./...")
}

// TestTrace runs the tests of generated packages, as root in the kernel: their own, and
// those of testdata/CASE/exact.go, which count exact events.
func TestTrace(t *testing.T) {
	dir := module(t)
	for _, name := range cases {
		text := readFile(t, "testdata", name, name+".yaml")
		p := checked(t, name+".yaml", text)
		b := compiled(t, p, text, runtime.GOARCH)
		writePackage(t, dir, Package{Plan: p, Source: b.Source, Objects: map[string][]byte{runtime.GOARCH: b.Object}})
		if os.Geteuid() == 0 {
			write(t, filepath.Join(dir, name, "exact_test.go"), readFile(t, "testdata", name, "exact.go"))
		}
	}
	out := run(t, dir, nil, "go", "test", "-count=1", "-v", "-run=.", "-bench=UnmarshalBinary", "-benchmem", "-benchtime=1000x", "./...")
	t.Log(out)
	if want := 2; strings.Count(out, " 0 allocs/op") != want {
		t.Errorf("want %d decoders without an allocation", want)
	}
	if os.Geteuid() != 0 {
		t.Skip("tracing needs root: the packages were decoded only")
	}
	if n := strings.Count(out, "--- PASS: TestExact"); n != len(cases) {
		t.Errorf("%d of %d packages were counted exactly", n, len(cases))
	}
	if n := strings.Count(out, "--- PASS: TestTrace"); n != len(cases) {
		t.Errorf("%d of %d packages have traced", n, len(cases))
	}
}

// TestFirstName wants a state by the letter of the first of its bits, and constants by the
// kernel's names.
func TestFirstName(t *testing.T) {
	p := checked(t, "states.yaml", []byte("name: states\nprobe: rawtracepoint:sched_switch\nfields: {state: args.prev.__state}\n"))
	files, err := Print(Package{Plan: p, Objects: map[string][]byte{"amd64": nil, "arm64": nil}, Generate: "ebgen gen states.yaml -o ."})
	if err != nil {
		t.Fatal(err)
	}
	names := ""
	for _, f := range files {
		if f.Name == "names.go" {
			names = string(f.Data)
		}
	}
	for _, want := range []string{"TaskStateTaskUninterruptible ", "case v&0x402 == 0x402:\n\t\treturn \"I\"", "case v&0x2 == 0x2:\n\t\treturn \"D\"", "\t}\n\treturn \"R\"\n"} {
		if !strings.Contains(names, want) {
			t.Errorf("names.go has no %q:\n%s", want, names)
		}
	}
}
