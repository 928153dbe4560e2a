package c

import (
	"testing"

	"github.com/ebgen/ebgen/spec/plan"
)

// TestLargeValues wants entries larger than an assignment can be.
func TestLargeValues(t *testing.T) {
	for name, make := range map[string]func() *plan.Plan{"state": state, "span": span, "nested": nested} {
		for _, size := range []int{256, 1000, 3000} {
			p := make()
			r := &p.Maps[0].Value
			r.Fields = append(r.Fields, plan.Field{Name: "text", Type: plan.Type{Kind: plan.String, Size: size}, Offset: r.Size, Bit: -1, Line: 40})
			r.Size += size
			for _, compiler := range compilers {
				compile(t, compiler, "x86", withLayout(p, printed(t, p)))
			}
			t.Logf("%s: %d bytes", name, r.Size)
		}
	}
}
