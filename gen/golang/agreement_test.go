package golang

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"maps"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/google/go-cmp/cmp"

	"github.com/ebgen/ebgen/gen/c"
	"github.com/ebgen/ebgen/gen/clang"
	"github.com/ebgen/ebgen/spec/plan"
)

// layout is where the fields of a struct lie, and the struct's size under "".
type layout map[string]int64

// planLayout is a record as the plan has it.
func planLayout(r *plan.Record) layout {
	l := layout{"": int64(r.Size)}
	if r.Absent >= 0 {
		l["absent"] = int64(r.Absent)
	}
	for _, f := range r.Fields {
		l[f.Name] = int64(f.Offset)
	}
	return l
}

// cLayout is a struct as clang has laid it out, without what pads it.
func cLayout(t *testing.T, object []byte, name string) layout {
	t.Helper()
	spec, err := ebpf.LoadCollectionSpecFromReader(bytes.NewReader(object))
	if err != nil {
		t.Fatal(err)
	}
	var s *btf.Struct
	if err := spec.Types.TypeByName(name, &s); err != nil {
		t.Fatalf("struct %s: %v", name, err)
	}
	l := layout{"": int64(s.Size)}
	for _, m := range s.Members {
		if !strings.HasPrefix(m.Name, "pad") {
			l[m.Name] = int64(m.Offset.Bytes())
		}
	}
	return l
}

// localTypes type-checks the files of a package as far as types need no other module.
func localTypes(t *testing.T, files []File) *types.Package {
	t.Helper()
	set := token.NewFileSet()
	var parsed []*ast.File
	for _, f := range files {
		if strings.HasSuffix(f.Name, ".go") && !strings.HasSuffix(f.Name, "_test.go") {
			one, err := parser.ParseFile(set, f.Name, f.Data, 0)
			if err != nil {
				t.Fatal(err)
			}
			parsed = append(parsed, one)
		}
	}
	config := types.Config{Error: func(error) {}, Importer: standard{importer.ForCompiler(set, "source", nil)}}
	p, _ := config.Check("generated", set, parsed, nil)
	return p
}

// standard imports package time alone: of all others no field of a record has its type.
type standard struct{ types.Importer }

func (s standard) Import(path string) (*types.Package, error) {
	if path != "time" {
		return nil, fmt.Errorf("%s is not needed", path)
	}
	return s.Importer.Import(path)
}

// goLayout is a struct as the Go compiler lays it out, its fields under the plan's names.
func goLayout(t *testing.T, p *types.Package, arch, name string, r *plan.Record) layout {
	t.Helper()
	s, ok := p.Scope().Lookup(name).Type().Underlying().(*types.Struct)
	if !ok {
		t.Fatalf("%s is no struct", name)
	}
	names := map[string]string{"Absent": "absent"}
	for _, f := range r.Fields {
		names[exported(f.Name)] = f.Name
	}
	sizes := types.SizesFor("gc", arch)
	var fields []*types.Var
	for f := range s.Fields() {
		fields = append(fields, f)
	}
	l := layout{"": sizes.Sizeof(s)}
	for i, at := range sizes.Offsetsof(fields) {
		if fields[i].Name() != "_" {
			l[names[fields[i].Name()]] = at
		}
	}
	return l
}

// withStructs compiles the C of a plan with a variable of each struct that is compared:
// BTF has only types of what is global.
func withStructs(t *testing.T, p *plan.Plan, text []byte, arch string) []byte {
	t.Helper()
	compiler, err := clang.Find()
	if err != nil {
		t.Skip(err)
	}
	source, err := c.Print(p)
	if err != nil {
		t.Fatal(err)
	}
	if p.Table == nil {
		source += "struct event agreement;\n"
	}
	job, err := compiler.Start(t.Context(), clang.Options{Arch: arch, Spec: p.File, Text: text})
	if err != nil {
		t.Fatal(err)
	}
	defer job.Close()
	object, err := job.Finish(source)
	if err != nil {
		t.Fatal(err)
	}
	return object
}

// TestAgreement holds the plan, clang and Go to the same numbers.
func TestAgreement(t *testing.T) {
	for _, name := range cases {
		text := readFile(t, "testdata", name, name+".yaml")
		p := checked(t, name+".yaml", text)
		for _, arch := range []string{"amd64", "arm64"} {
			object := withStructs(t, p, text, arch)
			files, err := Print(Package{Plan: p})
			if err != nil {
				t.Fatal(err)
			}
			local := localTypes(t, files)
			structs := map[string]string{"Event": "event"}
			records := map[string]*plan.Record{"Event": &p.Record}
			if p.Table != nil {
				m := &p.Maps[p.Table.Map]
				structs = map[string]string{"Key": m.Name + "_key", "Value": m.Name + "_value"}
				records = map[string]*plan.Record{"Key": &m.Key, "Value": &m.Value}
			}
			for goName, cName := range maps.All(structs) {
				want := planLayout(records[goName])
				if diff := cmp.Diff(want, cLayout(t, object, cName)); diff != "" {
					t.Errorf("%s, %s: -plan +C\n%s", name, cName, diff)
				}
				if diff := cmp.Diff(want, goLayout(t, local, arch, goName, records[goName])); diff != "" {
					t.Errorf("%s, %s: -plan +Go\n%s", name, goName, diff)
				}
			}
		}
	}
}
