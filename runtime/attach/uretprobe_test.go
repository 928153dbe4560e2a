package attach

import (
	"strings"
	"testing"

	"github.com/ebgen/ebgen/spec/binary"
)

func TestCalled(t *testing.T) {
	functions := func(names string) []binary.Function {
		var all []binary.Function
		for name := range strings.FieldsSeq(names) {
			all = append(all, binary.Function{Name: name})
		}
		return all
	}
	for _, test := range []struct {
		names        string
		ret, pattern bool
		want         string
	}{
		{"main", true, false, "main"},
		{"setjmp", false, false, "setjmp"},
		{"setjmp", true, false, "! setjmp cannot have a return probe: it keeps its return address"},
		{"_start", true, false, "! _start cannot have a return probe: it is not called"},
		{"_dl_runtime_resolve_xsavec", true, false, "! _dl_runtime_resolve_xsavec cannot"},
		{"main.cold", false, false, "main.cold"},
		{"main.cold", true, false, "! main.cold cannot have a return probe: it is a part of a function"},
		{"main main.cold main.cold.3 main.colder sigsetjmp", false, true, "main main.colder sigsetjmp"},
		{"main main.cold sigsetjmp send", true, true, "main send"},
		{"main.cold sigsetjmp", true, true, "! no function that matches can have a probe: of the last, it keeps"},
	} {
		kept, err := called(functions(test.names), test.ret, test.pattern)
		var names []string
		for _, f := range kept {
			names = append(names, f.Name)
		}
		got := strings.Join(names, " ")
		if err != nil {
			got = "! " + err.Error()
		}
		if err == nil && got != test.want || err != nil && !strings.HasPrefix(got, test.want) {
			t.Errorf("%s: %s, want %s", test.names, got, test.want)
		}
	}
}
