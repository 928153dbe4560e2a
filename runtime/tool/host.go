package tool

import (
	"fmt"
	goruntime "runtime"

	"github.com/ebgen/ebgen/spec/fit"
	"github.com/ebgen/ebgen/spec/ktype"
)

// Host is this machine, for which a tracer is chosen: its kernel's types are those of the
// file btf, unless that is "". They are not read before somebody asks.
func Host(btf string) fit.Host {
	h := fit.Host{Arch: goruntime.GOARCH, Kernel: func() (*ktype.Kernel, error) {
		if btf == "" {
			k, err := ktype.Running()
			if err != nil {
				return nil, fmt.Errorf("%w: give this kernel's types with --btf FILE", err)
			}
			return k, nil
		}
		return ktype.Open(btf)
	}}
	if btf == "" {
		h.ID = kernelID()
	}
	return h
}

// kernelID is the id of the running kernel's types; without one nothing is known to be
// made for it.
func kernelID() string {
	id, _ := ktype.RunningID()
	return id
}
