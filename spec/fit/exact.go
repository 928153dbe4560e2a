package fit

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf/btf"

	"github.com/ebgen/ebgen/spec/ktype"
	"github.com/ebgen/ebgen/spec/plan"
)

// kernelFunctions are the kernel functions that the C of a plan may call.
var kernelFunctions = []string{"bpf_rdonly_cast"}

// Exact is what a tracer needs to know of the kernel that its plan was made for: the few
// types that it reads, as that kernel has them, and the numbers of the functions it calls.
// With it a start there reads no BTF of five megabytes. A plan that reads types of kernel
// modules has none: the result is then nil.
func Exact(p *plan.Plan, k *ktype.Kernel) (*plan.Exact, error) {
	e := &plan.Exact{Kernel: k.ID(), Functions: map[string]uint32{}}
	for _, name := range kernelFunctions {
		var f *btf.Func
		if err := k.Spec().TypeByName(name, &f); err != nil {
			continue // the plan does not call what the kernel lacks
		}
		id, err := k.Spec().TypeID(f)
		if err != nil {
			return nil, fmt.Errorf("number of %s: %w", name, err)
		}
		e.Functions[name] = uint32(id)
	}
	s := subset{kernel: k.Spec(), made: map[string]*btf.Struct{}, unions: map[string]*btf.Union{}}
	for i := range p.Structs {
		s.wanted = append(s.wanted, &p.Structs[i])
	}
	b, err := btf.NewBuilder(nil, nil)
	if err != nil {
		return nil, err
	}
	for _, want := range s.wanted {
		t, err := s.named(want.Name, want.Union)
		if errors.Is(err, btf.ErrNotFound) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		if _, err := b.Add(t); err != nil {
			return nil, fmt.Errorf("types of %s: %w", p.Name, err)
		}
	}
	if e.Types, err = b.Marshal(nil, nil); err != nil {
		return nil, fmt.Errorf("types of %s: %w", p.Name, err)
	}
	return e, nil
}

// subset copies of a kernel's types what the structs of a plan name: each struct has its
// size, and of its members those that are wanted, at their offsets. Relocations see kinds,
// sizes, signs and offsets; what a pointer leads to does not matter to them.
type subset struct {
	kernel *btf.Spec
	wanted []*plan.Struct
	made   map[string]*btf.Struct
	unions map[string]*btf.Union
}

func (s *subset) members(tag string, union bool) []plan.Member {
	for _, w := range s.wanted {
		if w.Name == tag && w.Union == union {
			return w.Members
		}
	}
	return nil
}

// named copies a struct or union with a tag, once.
func (s *subset) named(tag string, union bool) (btf.Type, error) {
	if union {
		if u, ok := s.unions[tag]; ok {
			return u, nil
		}
		var from *btf.Union
		if err := s.kernel.TypeByName(tag, &from); err != nil {
			return nil, err
		}
		u := &btf.Union{Name: tag, Size: from.Size}
		s.unions[tag] = u
		var err error
		u.Members, err = s.pick(from.Members, s.members(tag, true))
		return u, err
	}
	if t, ok := s.made[tag]; ok {
		return t, nil
	}
	var from *btf.Struct
	if err := s.kernel.TypeByName(tag, &from); err != nil {
		return nil, err
	}
	t := &btf.Struct{Name: tag, Size: from.Size}
	s.made[tag] = t
	var err error
	t.Members, err = s.pick(from.Members, s.members(tag, false))
	return t, err
}

// pick copies the members that are wanted; one of an anonymous struct or union stays in
// it, since its offset is relative to that.
func (s *subset) pick(from []btf.Member, wanted []plan.Member) (picked []btf.Member, err error) {
	for _, m := range from {
		if m.Name == "" {
			inner, err := s.anonymous(m.Type, wanted)
			if err != nil {
				return nil, err
			}
			if inner != nil {
				picked = append(picked, btf.Member{Type: inner, Offset: m.Offset})
			}
			continue
		}
		for i := range wanted {
			if wanted[i].Name != m.Name {
				continue
			}
			t, err := s.shape(m.Type, wanted[i].Inline)
			if err != nil {
				return nil, err
			}
			picked = append(picked, btf.Member{Name: m.Name, Type: t, Offset: m.Offset, BitfieldSize: m.BitfieldSize})
		}
	}
	return picked, nil
}

// anonymous copies a struct or union without a tag, nil when nothing of it is wanted.
func (s *subset) anonymous(t btf.Type, wanted []plan.Member) (btf.Type, error) {
	switch t := btf.UnderlyingType(t).(type) {
	case *btf.Struct:
		members, err := s.pick(t.Members, wanted)
		if err != nil || len(members) == 0 {
			return nil, err
		}
		return &btf.Struct{Size: t.Size, Members: members}, nil
	case *btf.Union:
		members, err := s.pick(t.Members, wanted)
		if err != nil || len(members) == 0 {
			return nil, err
		}
		return &btf.Union{Size: t.Size, Members: members}, nil
	}
	return nil, nil
}

// shape copies the type of a member; inline has its members when it has no tag.
func (s *subset) shape(t btf.Type, inline *plan.Struct) (btf.Type, error) {
	switch t := btf.UnderlyingType(t).(type) {
	case *btf.Pointer:
		return &btf.Pointer{Target: &btf.Void{}}, nil
	case *btf.Enum:
		return &btf.Enum{Name: t.Name, Size: t.Size, Signed: t.Signed}, nil
	case *btf.Array:
		elem, err := s.shape(t.Type, inline)
		if err != nil {
			return nil, err
		}
		return &btf.Array{Index: &btf.Int{Name: "unsigned int", Size: 4}, Type: elem, Nelems: t.Nelems}, nil
	case *btf.Struct:
		if inline != nil {
			members, err := s.pick(t.Members, inline.Members)
			return &btf.Struct{Size: t.Size, Members: members}, err
		}
		return s.named(t.Name, false)
	case *btf.Union:
		if inline != nil {
			members, err := s.pick(t.Members, inline.Members)
			return &btf.Union{Size: t.Size, Members: members}, err
		}
		return s.named(t.Name, true)
	default:
		return t, nil
	}
}
