package fit

import (
	"fmt"

	"github.com/ebgen/ebgen/spec/plan"
)

// Columns lists the columns of which two plans of one spec, made for two kernels, have
// other types: `flags is u32, u64 on Linux 6.18`. What reads the output of both meets both.
func Columns(here, there *plan.Plan) (differ []string) {
	for _, f := range here.Record.Fields {
		i := there.Record.Field(f.Name)
		if i < 0 {
			continue
		}
		have, want := describe(f.Type), describe(there.Record.Fields[i].Type)
		if have != want {
			differ = append(differ, fmt.Sprintf("column %s is %s, on Linux %s it is %s", f.Name, have, there.Kernel, want))
		}
	}
	return differ
}
