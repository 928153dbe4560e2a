package gen

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"

	"github.com/ebgen/ebgen/gen/clang"
)

// loaded prints all that a loader reads of an object: programs with the lines of the spec
// and the relocations, maps, variables.
func loaded(t *testing.T, object []byte) string {
	t.Helper()
	spec, err := ebpf.LoadCollectionSpecFromReader(bytes.NewReader(object))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(spec.Programs)) {
		p := spec.Programs[name]
		fmt.Fprintf(&out, "program %s %s %v %v %q %s\n", name, p.SectionName, p.Type, p.AttachType, p.AttachTo, p.License)
		for i := range p.Instructions {
			ins := &p.Instructions[i]
			fmt.Fprintf(&out, "%v %q %q %v %v\n", *ins, ins.Symbol(), ins.Reference(), ins.Source(), btf.CORERelocationMetadata(ins))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(spec.Maps)) {
		m := spec.Maps[name]
		fmt.Fprintf(&out, "map %s %v %d %d %d %d %v %v %v\n", name, m.Type, m.KeySize, m.ValueSize, m.MaxEntries, m.Flags, m.Key, m.Value, m.Contents)
	}
	for _, name := range slices.Sorted(maps.Keys(spec.Variables)) {
		v := spec.Variables[name]
		fmt.Fprintf(&out, "variable %s %s %d %d %v %v\n", name, v.SectionName, v.Offset, v.Size(), v.Type, v.Value)
	}
	return out.String()
}

// TestStrip compiles what package c prints for its own tests, and wants the loader to see
// no difference, in less than half.
func TestStrip(t *testing.T) {
	compiler, err := clang.Find()
	if err != nil {
		t.Skip(err)
	}
	files, err := filepath.Glob("c/testdata/*/want.c")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		job, err := compiler.Start(t.Context(), clang.Options{Arch: "amd64", Spec: "t.yaml"})
		if err != nil {
			t.Fatal(err)
		}
		object, err := job.Finish(string(text))
		job.Close()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		stripped, err := withoutDebugging(object)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if before, after := loaded(t, object), loaded(t, stripped); before != after {
			t.Errorf("%s: the loader reads\n%s\nnow\n%s", name, before, after)
		}
		if 2*len(stripped) > len(object) {
			t.Errorf("%s: %d bytes are left of %d", name, len(stripped), len(object))
		}
		again, err := withoutDebugging(stripped)
		if err != nil || !bytes.Equal(again, stripped) {
			t.Errorf("%s: stripped twice it is another, %v", name, err)
		}
		for n := 0; n < len(object); n += 61 {
			_, _ = withoutDebugging(object[:n]) // does not panic
		}
	}
}

// TestStripRefuses wants an error for what clang does not make.
func TestStripRefuses(t *testing.T) {
	native, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range [][]byte{nil, []byte("\x7fELF"), native} {
		if _, err := withoutDebugging(text); !errors.Is(err, errNoObject) {
			t.Errorf("%d bytes: %v", len(text), err)
		}
	}
}
