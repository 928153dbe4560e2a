package golang

import (
	"strings"
	"testing"

	"github.com/ebgen/ebgen/spec/plan"
)

// TestKeep leaves regions out, and takes the slashes from what stands behind else.
func TestKeep(t *testing.T) {
	const text = "a\n\t//ebgen:if x\n\tb\n\t//ebgen:if y\n\tc\n\t//ebgen:end\n\t//ebgen:else\n\t//\td\n\t//ebgen:end\ne\n"
	for _, test := range []struct {
		has  features
		want string
	}{
		{features{}, "a d e"},
		{features{"y": true}, "a d e"},
		{features{"x": true}, "a b e"},
		{features{"x": true, "y": true}, "a b c e"},
	} {
		got, err := test.has.keep(text)
		if err != nil || strings.Join(strings.Fields(got), " ") != test.want {
			t.Errorf("%v: %q, %v, want %s", test.has, got, err, test.want)
		}
	}
	for _, wrong := range []string{"//ebgen:if x\n", "//ebgen:end\n", "//ebgen:elif x\n"} {
		if _, err := (features{}).keep(wrong); err == nil {
			t.Errorf("%q is taken", wrong)
		}
	}
}

// TestRegions wants every region of the machinery to depend on something that is known,
// and to end in the file that it begins in.
func TestRegions(t *testing.T) {
	known := map[string]bool{}
	for _, name := range append(valueFeatures, "ring", "flag", "tallies", "left", "owners", "elapsed", "iteratorrecords", "iteratorsalone", "iteratortakes",
		"iteratorrows", "double", "keyed", "onerow", "percpu", "lrutable", "singles", "lists", "texts", "durations", "addresses", "networks",
		"fit", "members", "arguments") {
		known[name] = true
	}
	for _, list := range kindFeatures {
		for _, name := range list {
			known[name] = true
		}
	}
	for _, one := range machineryNeeds {
		text := string(mustRead(one.file))
		if _, err := (features{}).keep(text); err != nil {
			t.Errorf("%s: %v", one.file, err)
		}
		for line := range strings.Lines(text) {
			if name, ok := strings.CutPrefix(strings.TrimSpace(line), "//ebgen:if "); ok && !known[name] {
				t.Errorf("%s: nothing sets %s", one.file, name)
			}
		}
	}
}

// TestNames makes Go names of others.
func TestNames(t *testing.T) {
	for name, want := range map[string]string{
		"pid": "PID", "skc_dport": "SkcDport", "took_p50": "TookP50", "CLOSE_WAIT": "CloseWait", "4way": "X4way", "v_1_2": "V1_2", "tcp_state": "TCPState",
	} {
		if got := exported(name); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
	n := newNames("Event")
	for _, want := range []string{"Event2", "Event3", "type2"} {
		base := strings.TrimRight(want, "0123456789")
		if got := n.give(base); got != want {
			t.Errorf("%s is %s, want %s", base, got, want)
		}
	}
	for name, want := range map[string]string{"opens": "opens", "kernel": "kernel_spec", "a_test": "a_test_spec", "b_arm64": "b_arm64_spec", "linux": "linux"} {
		if got := fileName(name); got != want {
			t.Errorf("the files of %s begin with %s, want %s", name, got, want)
		}
	}
}

// TestRefused wants the place in the spec, what it is and why.
func TestRefused(t *testing.T) {
	stack := plan.Plan{Name: "s", File: "s.yaml", Record: plan.Record{Absent: -1, Fields: []plan.Field{{Name: "where", Type: plan.Type{Kind: plan.Stack}, Line: 7}}}}
	perf := plan.Plan{Name: "s", File: "s.yaml", Line: 1, Channel: plan.Channel{Kind: plan.Perfbuf}}
	for want, p := range map[string]*plan.Plan{"s.yaml:7: field where: a stack is": &stack, "s.yaml:1: channel perfbuf: ": &perf} {
		if _, err := Print(Package{Plan: p}); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %v, want %s…", err, want)
		}
	}
	if _, err := Print(Package{Plan: &plan.Plan{Name: "a-b"}}); err == nil {
		t.Error("a-b is the name of a package")
	}
}
