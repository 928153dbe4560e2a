package c

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/google/go-cmp/cmp"

	"github.com/ebgen/ebgen/spec/plan"
)

var update = flag.Bool("update", false, "rewrite testdata/*/want.c")

// compilers are those that the C has to please.
var compilers = []string{"clang", "clang-19"}

// compile compiles C as package clang does, and fails the test on any word of clang's.
func compile(t *testing.T, compiler, arch, text string) []byte {
	t.Helper()
	path, err := exec.LookPath(compiler)
	if err != nil {
		t.Skipf("%s is not installed: cannot compile the C", compiler)
	}
	cmd := exec.Command(path, "-target", "bpf", "-mcpu=v3", "-O2", "-g", "-std=gnu11", "-fwrapv", "-nostdinc", "-Wall", "-Wextra", "-Werror",
		"-D__TARGET_ARCH_"+arch, "-fdebug-compilation-dir=.", "-x", "c", "-c", "-", "-o", "-")
	var out, complaints bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(text), &out, &complaints
	if err := cmd.Run(); err != nil || complaints.Len() > 0 {
		t.Fatalf("%s for %s: %v\n%s\n%s", compiler, arch, err, complaints.String(), text)
	}
	return out.Bytes()
}

func printed(t *testing.T, p *plan.Plan) string {
	t.Helper()
	text, err := Print(p)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestGolden(t *testing.T) {
	for _, name := range slices.Sorted(maps.Keys(plans)) {
		t.Run(name, func(t *testing.T) {
			got := printed(t, plans[name]())
			file := filepath.Join("testdata", name, "want.c")
			if *update {
				if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(file, []byte(got), 0o666); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("C differs (-want +got), -update accepts it:\n%s", diff)
			}
			if again := printed(t, plans[name]()); again != got {
				t.Error("a second Print of the same plan differs")
			}
		})
	}
}

func TestCompiles(t *testing.T) {
	for _, name := range slices.Sorted(maps.Keys(plans)) {
		for _, compiler := range compilers {
			t.Run(name+"/"+compiler, func(t *testing.T) {
				p := plans[name]()
				text := withLayout(p, printed(t, p))
				for _, arch := range []string{"x86", "arm64"} {
					object := compile(t, compiler, arch, text)
					spec, err := ebpf.LoadCollectionSpecFromReader(bytes.NewReader(object))
					if err != nil {
						t.Fatal(err)
					}
					checkLines(t, p, spec, text)
					checkNames(t, p, spec)
				}
			})
		}
	}
}

// checkLines wants every instruction to belong to a line that exists, or to none: 0.
func checkLines(t *testing.T, p *plan.Plan, spec *ebpf.CollectionSpec, text string) {
	t.Helper()
	last := map[string]int{p.File: 40, p.Name + ".bpf.c": strings.Count(text, "\n")}
	for name, prog := range spec.Programs {
		for _, ins := range prog.Instructions {
			line, ok := ins.Source().(*btf.Line)
			if !ok {
				continue
			}
			if n := int(line.LineNumber()); n > last[filepath.Clean(line.FileName())] {
				t.Errorf("%s: an instruction belongs to %s:%d", name, line.FileName(), n)
			}
		}
	}
}

// withLayout adds to the C what the plan says of the record, for clang to compare.
func withLayout(p *plan.Plan, text string) string {
	var b strings.Builder
	b.WriteString(text)
	compare := func(tag string, r plan.Record) {
		for _, f := range r.Fields {
			fmt.Fprintf(&b, "_Static_assert(__builtin_offsetof(struct %s, %s) == %d && sizeof(((struct %s *)0)->%s) == %d, \"%s\");\n",
				tag, f.Name, f.Offset, tag, f.Name, f.Type.Size, f.Name)
		}
	}
	if p.Table == nil {
		compare("event", p.Record)
	}
	for i := range p.Maps {
		if p.Maps[i].Use == plan.StackMap { // compared in the C itself
			continue
		}
		if !plan.MapTypes[p.Maps[i].Type].Array { // an index has no struct
			compare(keyTag(&p.Maps[i]), p.Maps[i].Key)
		}
		compare(valueTag(&p.Maps[i]), p.Maps[i].Value)
	}
	return b.String()
}

// checkNames wants what the runtime looks up by name.
func checkNames(t *testing.T, p *plan.Plan, spec *ebpf.CollectionSpec) {
	t.Helper()
	eachProgram(p, func(name string) {
		if spec.Programs[name] == nil {
			t.Errorf("no program %s", name)
		}
	})
	names, variables := []string{"events"}, []string{"lost", "failed_reads"}
	if p.Table != nil {
		names, variables = nil, variables[1:]
	}
	for i := range p.Maps {
		names = append(names, p.Maps[i].Name)
		if p.Maps[i].Double {
			names, variables = append(names, p.Maps[i].Idle()), append(variables, "active")
		}
	}
	for _, name := range names {
		if spec.Maps[name] == nil {
			t.Errorf("no map %s", name)
		}
	}
	for _, one := range p.Params {
		variables = append(variables, one.Name+"_given")
		if one.List || one.Type.Kind == plan.Prefix {
			if spec.Maps[one.Name] == nil {
				t.Errorf("no map %s", one.Name)
			}
			continue
		}
		variables = append(variables, one.Name)
	}
	for _, name := range variables {
		if spec.Variables[name] == nil {
			t.Errorf("no variable %s", name)
		}
	}
}

// loadable reports why programs cannot be loaded here, or "".
func loadable() string {
	if os.Geteuid() != 0 {
		return "loading programs needs root"
	}
	if _, err := os.Stat("/sys/kernel/btf/vmlinux"); err != nil {
		return "this kernel has no BTF"
	}
	return ""
}

var cache = btf.NewCache()

// loadPrograms loads those programs of an object that any kernel takes: fentry programs
// need what not every kernel is built with.
func loadPrograms(t *testing.T, object []byte) *ebpf.Collection {
	t.Helper()
	if why := loadable(); why != "" {
		t.Skip(why)
	}
	kernel, err := cache.Kernel()
	if err != nil {
		t.Fatal(err)
	}
	spec, err := ebpf.LoadCollectionSpecFromReader(bytes.NewReader(object))
	if err != nil {
		t.Fatal(err)
	}
	maps.DeleteFunc(spec.Programs, func(_ string, p *ebpf.ProgramSpec) bool {
		return p.Type == ebpf.Tracing && p.AttachType != ebpf.AttachTraceIter
	})
	for _, m := range spec.Maps {
		if m.Type == ebpf.RingBuf && m.MaxEntries == 0 {
			m.MaxEntries = 4096
		}
	}
	c, err := ebpf.NewCollectionWithOptions(spec, ebpf.CollectionOptions{Programs: ebpf.ProgramOptions{KernelTypes: kernel, ExtraRelocationTargets: nil}})
	if err != nil {
		var rejected *ebpf.VerifierError
		if errors.As(err, &rejected) {
			t.Fatalf("%+v", rejected)
		}
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestLoads(t *testing.T) {
	for _, name := range slices.Sorted(maps.Keys(plans)) {
		for _, compiler := range compilers {
			t.Run(name+"/"+compiler, func(t *testing.T) {
				loadPrograms(t, compile(t, compiler, "x86", printed(t, plans[name]())))
			})
		}
	}
}
