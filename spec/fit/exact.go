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
	s := subset{kernel: k.Spec(), made: map[tag]btf.Type{}}
	for i := range p.Structs {
		s.wanted = append(s.wanted, &p.Structs[i])
	}
	b, err := btf.NewBuilder(nil, nil)
	if err != nil {
		return nil, err
	}
	for _, want := range s.wanted {
		t, err := s.named(tag{want.Name, want.Union})
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
	made   map[tag]btf.Type
}

// tag names a struct or union.
type tag struct {
	name  string
	union bool
}

// named copies a struct or union with a tag, once.
func (s *subset) named(name tag) (btf.Type, error) {
	if t, ok := s.made[name]; ok {
		return t, nil
	}
	from, err := s.find(name)
	if err != nil {
		return nil, err
	}
	t, err := s.copied(from, s.members(name))
	s.made[name] = t
	return t, err
}

// find looks up a struct or union as the kernel has it.
func (s *subset) find(name tag) (btf.Type, error) {
	if name.union {
		var u *btf.Union
		err := s.kernel.TypeByName(name.name, &u)
		return u, err
	}
	var t *btf.Struct
	err := s.kernel.TypeByName(name.name, &t)
	return t, err
}

func (s *subset) members(name tag) []plan.Member {
	for _, w := range s.wanted {
		if w.Name == name.name && w.Union == name.union {
			return w.Members
		}
	}
	return nil
}

// copied copies a struct or union with the members that are wanted; of no other type is
// there anything to copy.
func (s *subset) copied(t btf.Type, wanted []plan.Member) (btf.Type, error) {
	switch t := t.(type) {
	case *btf.Struct:
		members, err := s.pick(t.Members, wanted)
		return &btf.Struct{Name: t.Name, Size: t.Size, Members: members}, err
	case *btf.Union:
		members, err := s.pick(t.Members, wanted)
		return &btf.Union{Name: t.Name, Size: t.Size, Members: members}, err
	}
	return nil, nil
}

// pick copies the members that are wanted. One of an anonymous struct or union stays in
// it, since its offset is relative to that.
func (s *subset) pick(from []btf.Member, wanted []plan.Member) (picked []btf.Member, err error) {
	for _, m := range from {
		if m.Name == "" {
			inner, err := s.copied(btf.UnderlyingType(m.Type), wanted)
			if err != nil {
				return nil, err
			}
			if hasMembers(inner) {
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

func hasMembers(t btf.Type) bool {
	switch t := t.(type) {
	case *btf.Struct:
		return len(t.Members) > 0
	case *btf.Union:
		return len(t.Members) > 0
	}
	return false
}

// shape copies the type of a member; inline has its members when it has no tag.
func (s *subset) shape(t btf.Type, inline *plan.Struct) (btf.Type, error) {
	t = btf.UnderlyingType(t)
	switch t := t.(type) {
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
	case *btf.Struct, *btf.Union:
		if inline != nil {
			return s.copied(t, inline.Members)
		}
		_, union := t.(*btf.Union)
		return s.named(tag{t.TypeName(), union})
	}
	return t, nil
}
