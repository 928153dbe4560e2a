package ktype

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cilium/ebpf/btf"
)

// Types that are made of themselves are in no kernel's BTF, and may be in that of --btf.
func TestTypesOfThemselves(t *testing.T) {
	pointer := new(btf.Pointer)
	pointer.Target = pointer
	array := &btf.Array{Index: &btf.Int{Name: "int", Size: 4}, Nelems: 2}
	array.Type = array
	function := &btf.FuncProto{Return: new(btf.Void)}
	call := &btf.Pointer{Target: function}
	nested := &btf.Struct{Size: 8}
	for range 8 {
		function.Params = append(function.Params, btf.FuncParam{Type: call})
		nested.Members = append(nested.Members, btf.Member{Type: nested})
	}
	odd := &btf.Struct{Name: "odd", Size: 8}
	for name, kind := range map[string]btf.Type{"pointer": pointer, "array": array, "call": call, "": nested} {
		odd.Members = append(odd.Members, btf.Member{Name: name, Type: kind})
	}
	b, err := btf.NewBuilder([]btf.Type{odd}, nil)
	if err != nil {
		t.Fatal(err)
	}
	stored, err := b.Marshal(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "odd.btf")
	if err := os.WriteFile(path, stored, 0o600); err != nil {
		t.Fatal(err)
	}
	k, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	s, err := k.Named("struct", "odd")
	if err != nil {
		t.Fatal(err)
	}
	if got := len(s.Members()); got != 3 {
		t.Errorf("%d members, want 3", got)
	}
	for _, row := range s.Layout() {
		if len(row.Text) > 1<<16 {
			t.Errorf("%d bytes: %.64s", len(row.Text), row.Text)
		}
	}
	if _, err := s.Member("pionter"); err == nil || !strings.Contains(err.Error(), "pionter") {
		t.Errorf("got %v", err)
	}
}
