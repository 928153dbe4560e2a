package probe

import (
	"fmt"

	"github.com/ebgen/ebgen/spec/ktype"
	"github.com/ebgen/ebgen/spec/plan"
)

// sampled is a probe that a counter or a clock fires, which passes no arguments.
func sampled(kind plan.AttachKind, target string) ([]Candidate, error) {
	if _, err := plan.ParseSampling(kind, target); err != nil {
		return nil, err
	}
	return []Candidate{{Kind: kind, Target: target}}, nil
}

func profile(_ *ktype.Kernel, _, target string) ([]Candidate, error) {
	return sampled(plan.Profile, target)
}

func interval(_ *ktype.Kernel, _, target string) ([]Candidate, error) {
	return sampled(plan.Interval, target)
}

func software(_ *ktype.Kernel, _, target string) ([]Candidate, error) {
	return sampled(plan.Software, target)
}

func hardware(_ *ktype.Kernel, _, target string) ([]Candidate, error) {
	return sampled(plan.Hardware, target)
}

func begin(*ktype.Kernel, string, string) ([]Candidate, error) {
	return []Candidate{{Kind: plan.Begin}}, nil
}

func end(*ktype.Kernel, string, string) ([]Candidate, error) {
	return []Candidate{{Kind: plan.End}}, nil
}

// iterator is called once for each object of a kind. What it passes are the members of
// struct bpf_iter__NAME in its order, a pointer or a number in 8 bytes each; the first is
// the iteration itself (struct bpf_iter_meta), the second the object, NULL when there is no other.
func iterator(k *ktype.Kernel, _, name string) ([]Candidate, error) {
	context, err := k.Named("struct", "bpf_iter__"+name)
	if err != nil {
		return nil, fmt.Errorf("this kernel has no iterator over %s", name)
	}
	c := Candidate{Kind: plan.Iterator, Target: name}
	const slotBits = 64
	for _, m := range context.Members() {
		if m.Name == "meta" {
			continue
		}
		slot := m.Offset / slotBits
		one := newParam(ktype.Param{Name: m.Name, Type: m.Type})
		if one.Why == "" {
			one.Source = plan.Source{From: plan.Slot, Index: slot}
		}
		if c.Object == 0 {
			c.Object = slot
		}
		c.Params = append(c.Params, one)
	}
	return []Candidate{c}, nil
}
