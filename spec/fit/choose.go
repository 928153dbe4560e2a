package fit

import (
	"errors"

	"github.com/ebgen/ebgen/spec/ktype"
	"github.com/ebgen/ebgen/spec/plan"
)

// ErrUnknown says that an archive holds no tracer of a name.
var ErrUnknown = errors.New("no such tracer")

// Host is the machine that a tracer is chosen for.
type Host struct {
	Arch   string                        // as GOARCH spells it
	ID     string                        // of the kernel's types, "" when it is not known
	Kernel func() (*ktype.Kernel, error) // its types; asked for when no tracer was made for just this kernel
}

// Choose takes from an archive the tracer of a name that was compiled for this host's
// kernel, or else the one that fits it with the probes that the spec would rather have, the
// first of several. When none does the error joins a *Misfit for
// each; with none of that name and architecture it is ErrUnknown.
func Choose(a *plan.Archive, name string, h Host) (*plan.Bundle, error) {
	var candidates []plan.Entry
	for _, e := range a.Entries() {
		if e.Name != name || e.Arch != h.Arch {
			continue
		}
		if e.MadeFor(h.Arch, h.ID) {
			return a.Bundle(e)
		}
		candidates = append(candidates, e)
	}
	if len(candidates) == 0 {
		return nil, ErrUnknown
	}
	kernel, err := h.Kernel()
	if err != nil {
		return nil, err
	}
	var failures []error
	var best *plan.Bundle
	for _, e := range candidates {
		b, err := a.Bundle(e)
		if err != nil {
			return nil, err
		}
		fitting, err := To(b.Plan, kernel)
		if err != nil {
			failures = append(failures, err)
			continue
		}
		if best == nil || passed(fitting) < passed(best.Plan) {
			best = &plan.Bundle{Plan: fitting, Source: b.Source, Object: b.Object}
		}
	}
	if best == nil {
		return nil, errors.Join(failures...)
	}
	return best, nil
}

// passed is how many probes the spec would rather have than those that a plan has: it was
// made for a kernel that lacks them, or they do not fit.
func passed(p *plan.Plan) (n int) {
	for _, one := range p.Probes {
		n += one.Passed
	}
	return n
}
