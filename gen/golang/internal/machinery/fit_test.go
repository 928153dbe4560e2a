package machinery

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cilium/ebpf/btf"

	"github.com/ebgen/ebgen/gen/golang"
	"github.com/ebgen/ebgen/spec"
	"github.com/ebgen/ebgen/spec/check"
	"github.com/ebgen/ebgen/spec/ktype"
)

// TestReadable wants what package fit wants of a member.
func TestReadable(t *testing.T) {
	for _, c := range []struct {
		want, found string
		ok          bool
	}{
		{"u32", "u32", true}, {"u32", "u16", true}, {"u32", "u64", false}, {"u32", "s32", false}, {"s64", "u32", true}, {"s64", "s32", true}, {"u64", "s32", false},
		{"s32", "*", false}, {"*", "*sock", true}, {"*sock", "*", false}, {"*sock", "*sk_buff", false}, {"[16]", "[64]", false}, {"[16]", "[16]", true},
		{"struct list_head", "struct hlist_head", false}, {"", "union x", true}, {"u64", "[8]", false},
	} {
		if got := readable(c.want, c.found); got != c.ok {
			t.Errorf("a value taken for %q that is %q: %v, want %v", c.want, c.found, got, c.ok)
		}
	}
}

// TestKernelFits holds the catalogue against the kernel that it was checked for, and then
// after each thing that is taken for granted was another one.
func TestKernelFits(t *testing.T) {
	kernel, err := ktype.Running()
	if err != nil {
		t.Skip(err)
	}
	tracer := &Tracer{cache: btf.NewCache()}
	members, args := 0, 0
	before := kernelStructs
	defer func() { kernelStructs = before }()
	err = filepath.WalkDir("../../../../specs", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".yaml") {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		doc, diags := spec.Parse(d.Name(), text)
		p, _ := check.Check(doc, diags, kernel, check.Options{Arch: "amd64"})
		if p == nil {
			return nil
		}
		for _, s := range golang.Structs(p) {
			kernelStructs = []kernelStruct{{s.Tag, s.Size, s.Members}}
			if err := tracer.fits(); err != nil {
				t.Errorf("%s: %v", path, err)
			}
			for _, m := range s.Members {
				if m[1] == "" || m[1] == lacking {
					continue
				}
				members++
				kernelStructs = []kernelStruct{{s.Tag, s.Size, [][2]string{{m[0], "[3]"}}}}
				if err := tracer.fits(); err == nil {
					t.Errorf("%s: %s.%s is taken for an array of three bytes, and nobody minds", path, s.Tag, m[0])
				}
			}
		}
		for _, probe := range p.Probes {
			for _, a := range probe.Alternatives {
				function, list := golang.Arguments(p, a)
				for _, one := range list {
					args++
					alternative := alternative{name: a.Target, function: function, arguments: []argument{{one.Index, one.Name, one.Shape}}}
					if err := tracer.passes(&alternative); err != nil {
						t.Errorf("%s: %v", path, err)
					}
					alternative.arguments[0].index += 17
					if err := tracer.passes(&alternative); err == nil && known(t, tracer, function) {
						t.Errorf("%s: %s has 17 arguments more, and nobody minds", path, function)
					}
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if members < 100 || args < 30 {
		t.Errorf("%d members and %d arguments only", members, args)
	}
}

// known reports whether the kernel tells the arguments of a function.
func known(t *testing.T, tracer *Tracer, function string) bool {
	t.Helper()
	types, err := tracer.cache.Kernel()
	if err != nil {
		t.Skip(err)
	}
	_, err = types.AnyTypesByName(function)
	return err == nil
}
