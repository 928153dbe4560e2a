package check

import (
	"cmp"
	"maps"
	"slices"

	"github.com/ebgen/ebgen/spec/ktype"
	"github.com/ebgen/ebgen/spec/plan"
	"github.com/ebgen/ebgen/spec/probe"
)

// layouts collects what the C names of kernel structs: of each struct, the members
// that some expression goes through.
type layouts struct {
	known map[string]*layout // by "struct tag" or "union tag"
	order []string
}

type layout struct {
	kind    ktype.Type
	members map[string]*layoutMember
}

type layoutMember struct {
	member ktype.Member
	inline *layout // of a member whose type has no tag
}

func newLayouts() *layouts { return &layouts{known: map[string]*layout{}} }

func (l *layouts) of(t ktype.Type) *layout {
	key := "struct " + t.Name
	if t.Union {
		key = "union " + t.Name
	}
	one, ok := l.known[key]
	if !ok {
		one = &layout{kind: t, members: map[string]*layoutMember{}}
		l.known[key] = one
		l.order = append(l.order, key)
	}
	return one
}

// add notes the members on one path through embedded structs.
func (l *layouts) add(root ktype.Type, path []plan.Step) error {
	at, kind := l.of(root), root
	for _, step := range path {
		if step.Name == "" {
			kind = kind.Elem()
		} else {
			m, err := kind.Member(step.Name)
			if err != nil {
				return err
			}
			held, ok := at.members[step.Name]
			if !ok {
				held = &layoutMember{member: m}
				at.members[step.Name] = held
			}
			kind = m.Type
			if elem := innermost(kind); elem.Kind == ktype.Struct && elem.Name == "" && held.inline == nil {
				held.inline = &layout{kind: elem, members: map[string]*layoutMember{}}
			}
			if held.inline != nil {
				at = held.inline
			}
		}
		if elem := innermost(kind); elem.Kind == ktype.Struct && elem.Name != "" {
			at = l.of(elem)
		}
	}
	return nil
}

// innermost is what an array of arrays holds in the end.
func innermost(t ktype.Type) ktype.Type {
	for t.Kind == ktype.Array {
		t = t.Elem()
	}
	return t
}

// declarations lists the structs so that each stands before the first that embeds it;
// otherwise they are sorted by tag.
func (l *layouts) declarations() []plan.Struct {
	var list []plan.Struct
	done := map[string]bool{}
	var visit func(key string)
	visit = func(key string) {
		if done[key] {
			return
		}
		done[key] = true
		s := l.known[key].declaration(l, visit)
		s.Name, s.Union = l.known[key].kind.Name, l.known[key].kind.Union
		list = append(list, s)
	}
	for _, key := range slices.Sorted(maps.Keys(l.known)) {
		visit(key)
	}
	return list
}

func (one *layout) declaration(l *layouts, visit func(string)) plan.Struct {
	s := plan.Struct{Union: one.kind.Union}
	held := slices.Collect(maps.Values(one.members))
	slices.SortFunc(held, func(a, b *layoutMember) int {
		return cmp.Or(cmp.Compare(a.member.Offset, b.member.Offset), cmp.Compare(a.member.Name, b.member.Name))
	})
	for _, h := range held {
		m := plan.Member{Name: h.member.Name, Type: probe.PlanType(h.member.Type), Bits: h.member.Bits}
		if h.inline != nil {
			in := h.inline.declaration(l, visit)
			m.Inline = &in
		} else if elem := innermost(h.member.Type); elem.Kind == ktype.Struct {
			key := "struct " + elem.Name
			if elem.Union {
				key = "union " + elem.Name
			}
			l.of(elem)
			visit(key)
		}
		s.Members = append(s.Members, m)
	}
	return s
}
