package runtime

import (
	"fmt"

	"github.com/cilium/ebpf"

	"github.com/ebgen/ebgen/spec/plan"
)

// setParams puts the values into an object that is not yet loaded. A single value is a
// constant of the param's name, several values and networks are the entries of a map of
// that name; NAME_given says whether there is any. The verifier takes the constants as
// they stand and drops what a param that is not given switches off, and so may have
// clang: what the object does not have is passed over.
func setParams(spec *ebpf.CollectionSpec, p *plan.Plan, params Params) error {
	for i := range p.Params {
		param := &p.Params[i]
		values := params[param.Name]
		if v := spec.Variables[param.Name+"_given"]; v != nil {
			var given [1]byte
			if len(values) > 0 {
				given[0] = 1
			}
			if err := v.Set(given[:]); err != nil {
				return fmt.Errorf("set param %s: %w", param.Name, err)
			}
		}
		if param.List || param.Type.Kind == plan.Prefix {
			if m := spec.Maps[param.Name]; m != nil {
				fill(m, values)
			}
			continue
		}
		if v := spec.Variables[param.Name]; v != nil && len(values) > 0 {
			if err := v.Set([]byte(values[0])); err != nil {
				return fmt.Errorf("set param %s: %w", param.Name, err)
			}
		}
	}
	return nil
}

// fill makes a map as large as its values need and puts them in; a map has at least one
// entry's room. Each key's value is 1.
func fill(m *ebpf.MapSpec, values []plan.Value) {
	m.MaxEntries = uint32(max(1, len(values)))
	m.Contents = nil
	for _, v := range values {
		m.Contents = append(m.Contents, ebpf.MapKV{Key: []byte(v), Value: uint8(1)})
	}
}
