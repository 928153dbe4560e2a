package tool

import (
	"errors"
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
			return Running()
		}
		return ktype.Open(btf)
	}}
	if btf == "" {
		h.ID = kernelID()
	}
	return h
}

// Running opens the running kernel's types; where it does not tell them the error says which
// flag gives them.
func Running() (*ktype.Kernel, error) {
	k, err := ktype.Running()
	if errors.Is(err, ktype.ErrNoBTF) {
		return nil, fmt.Errorf("%w: give this kernel's types with --btf FILE", err)
	}
	return k, err
}

// kernelID is the id of the running kernel's types; without one nothing is known to be
// made for it.
func kernelID() string {
	id, _ := ktype.RunningID()
	return id
}
