package main

import (
	"fmt"
	goruntime "runtime"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/ebgen/ebgen/spec"
	"github.com/ebgen/ebgen/spec/check"
	"github.com/ebgen/ebgen/spec/ktype"
)

// TestFlagsAreReserved gives a parameter the name of each flag that run has: the spec is
// refused where it stands, and not when somebody runs it. One called pid is the flag.
func TestFlagsAreReserved(t *testing.T) {
	k, err := ktype.Running()
	if err != nil {
		t.Skipf("no types of this kernel: %v", err)
	}
	set := pflag.NewFlagSet("run", pflag.ContinueOnError)
	o := new(runOptions)
	o.Flags(set)
	o.flags(set)
	set.VisitAll(func(f *pflag.Flag) {
		if f.Name == "pid" {
			return
		}
		name := strings.ReplaceAll(f.Name, "-", "_")
		text := fmt.Sprintf("name: test\nparams: {%s: {type: u32}}\nprobe: rawtracepoint:sched_process_exit\nfields: {pid: pid}\n", name)
		doc, diags := spec.Parse("test.yaml", []byte(text))
		_, diags = check.Check(doc, diags, k, check.Options{Arch: goruntime.GOARCH})
		var out strings.Builder
		if err := diags.Print(&out); err != nil {
			t.Fatal(err)
		}
		if want := fmt.Sprintf("test.yaml:2:10: a parameter cannot be named %q", name); !strings.HasPrefix(out.String(), want) {
			t.Errorf("--%s: %q, want %s", f.Name, out.String(), want)
		}
	})
}
