package ktype

import (
	"fmt"
	"iter"

	"github.com/cilium/ebpf/btf"
)

// Member is one member of a struct or union.
type Member struct {
	Name   string
	Type   Type
	Offset int // bits from the start of the outer struct, of which anonymous members are a part
	Bits   int // width of a bit field, 0 for none
}

// NoMember says that a struct has no member of a name.
type NoMember struct {
	Struct  string // as C spells it: "struct sock_common"
	Name    string
	Nearest []string // up to three members of the struct, or paths into the structs it embeds, each with its type: "skc_dport (__be16)"
}

func (e *NoMember) Error() string {
	return fmt.Sprintf("%s has no field %q", e.Struct, e.Name)
}

// Members lists the members of a struct or union in their order. Those of an anonymous
// struct or union stand in its place, as C names them; CO-RE finds them that way too.
// Other kinds, and structs that are only declared, have none.
func (t Type) Members() []Member {
	var list []Member
	left := mostStructs
	t.complete().collect(0, maxDepth, &left, &list)
	return list
}

// mostStructs bounds how many anonymous structs and unions one has: in a BTF that is no
// kernel's, one may have any number of itself.
const mostStructs = 4096

func (t Type) collect(offset, depth int, left *int, list *[]Member) {
	if *left--; depth == 0 || *left < 0 {
		return
	}
	for _, m := range members(t.raw) {
		at := offset + int(m.Offset)
		mt := t.kernel.typeOf(m.Type)
		if m.Name == "" && mt.Kind == Struct {
			mt.collect(at, depth-1, left, list)
			continue
		}
		if m.Name != "" { // an unnamed bit field is padding
			*list = append(*list, Member{Name: m.Name, Type: mt, Offset: at, Bits: int(m.BitfieldSize)})
		}
	}
}

func members(raw btf.Type) []btf.Member {
	switch b := raw.(type) {
	case *btf.Struct:
		return b.Members
	case *btf.Union:
		return b.Members
	}
	return nil
}

// complete finds the definition of a struct that is only declared where t was read:
// another source file, or the kernel below a module, may hold it. A tag with several
// definitions stays a declaration.
func (t Type) complete() Type {
	if t.kernel == nil || t.Name == "" || t.Kind != Struct || len(members(t.raw)) > 0 {
		return t
	}
	found, err := t.kernel.tagged(t.Name, t.Union)
	if err != nil {
		return t
	}
	found.Typedef = t.Typedef
	return found
}

// Has reports whether a struct or union has a path of members; "[]" is any element of an array.
func (t Type) Has(path []string) bool {
	for _, name := range path {
		if name == "[]" && t.Kind == Array {
			t = t.Elem()
			continue
		}
		m, err := t.Member(name)
		if err != nil {
			return false
		}
		t = m.Type
	}
	return true
}

// Member finds a member of a struct or union by name, those of anonymous members
// included. The error is a *NoMember when the struct has other members.
func (t Type) Member(name string) (Member, error) {
	if t.Kind != Struct {
		return Member{}, fmt.Errorf("%s has no fields: it is not a struct", t)
	}
	list := t.Members()
	if len(list) == 0 {
		return Member{}, fmt.Errorf("%s has no known fields: this kernel's BTF only declares it", t.tag())
	}
	for _, m := range list {
		if m.Name == name {
			return m, nil
		}
	}
	return Member{}, &NoMember{Struct: t.tag(), Name: name, Nearest: nearestMembers(list, name)}
}

// maxEmbedding bounds how deep a missing member is looked for in embedded structs:
// struct tcp_sock reaches skc_dport through four (inet_conn.icsk_inet.sk.__sk_common).
const maxEmbedding = 5

// nearestMembers lists what a wrong name may have meant: the path to a member of an
// embedded struct that has the very name, then members whose name is alike. Only when
// there is neither, members of embedded structs that are alike.
func nearestMembers(list []Member, name string) []string {
	direct, deep := newRanking(name, maxHints), newRanking(name, maxHints)
	types := map[string]Type{}
	var paths []string
	for path, m := range withEmbedded(list) {
		types[path] = m.Type
		switch {
		case m.Name == name:
			paths = append(paths, path)
		case m.Name == path:
			direct.offer(m.Name, path)
		default:
			deep.offer(m.Name, path)
		}
	}
	paths = append(paths, direct.names()...)
	if len(paths) == 0 {
		paths = deep.names()
	}
	var hints []string
	for _, path := range paths[:min(len(paths), maxHints)] {
		hints = append(hints, fmt.Sprintf("%s (%s)", path, types[path]))
	}
	return hints
}

// withEmbedded walks members and the members of the structs among them, each with its
// path, the least deep first.
func withEmbedded(list []Member) iter.Seq2[string, Member] {
	type member struct {
		path string
		Member
	}
	return func(yield func(string, Member) bool) {
		var level []member
		for _, m := range list {
			level = append(level, member{m.Name, m})
		}
		for range maxEmbedding {
			var next []member
			for _, outer := range level {
				if !yield(outer.path, outer.Member) {
					return
				}
				for _, inner := range outer.Type.Members() {
					next = append(next, member{outer.path + "." + inner.Name, inner})
				}
			}
			level = next
		}
	}
}
