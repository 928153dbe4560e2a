package gen

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/ebgen/ebgen/spec/plan"
)

// Made is a plan and the kernel that it was made for.
type Made struct {
	Plan   *plan.Plan
	Kernel plan.Origin
	Exact  *plan.Exact // what the bundle is to know of that kernel, or nil
}

// BuildAll builds the plans that one spec became for several kernels, in their order.
// Plans that are the same but for the kernel's name share a bundle.
func BuildAll(ctx context.Context, plans []Made, specText []byte, o Options) ([]plan.Compiled, error) {
	var all []plan.Compiled
	seen := map[string]int{}
	for _, m := range plans {
		nameless := *m.Plan
		nameless.Kernel = ""
		key, err := json.Marshal(nameless)
		if err != nil {
			return nil, fmt.Errorf("encode plan: %w", err)
		}
		if i, ok := seen[string(key)]; ok {
			all[i].Kernels = append(all[i].Kernels, m.Kernel)
			all[i].Bundle.Knows(m.Exact)
			continue
		}
		b, err := Build(ctx, m.Plan, specText, o)
		if err != nil {
			return nil, err
		}
		b.Knows(m.Exact)
		seen[string(key)] = len(all)
		all = append(all, plan.Compiled{Bundle: b, Spec: specText, Kernels: []plan.Origin{m.Kernel}})
	}
	return all, nil
}
