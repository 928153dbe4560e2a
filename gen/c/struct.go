package c

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/ebgen/ebgen/spec/plan"
)

// structs declares what is read of the kernel's types: enums first, then structs that
// only pointers name, then the structs with their members.
func (p *printer) structs() []string {
	var enums, bodies []string
	seen := map[string]bool{}
	var visit func(members []plan.Member)
	visit = func(members []plan.Member) {
		for _, m := range members {
			if m.Inline != nil {
				visit(m.Inline.Members)
			}
			if m.Type.Kind == plan.Enumer && m.Type.Name != "" && !seen[m.Type.Name] {
				seen[m.Type.Name] = true
				enums = append(enums, fmt.Sprintf("enum %s { %s___ };", m.Type.Name, m.Type.Name))
			}
		}
	}
	defined := map[string]bool{}
	for _, s := range p.plan.Structs {
		visit(s.Members)
		head := p.tag(s.Name, s.Union)
		defined[head] = true
		bodies = append(bodies, head+" "+p.members(s, 1)+" CORE;\n")
	}
	var forward []string
	for _, head := range sorted(p.tags) {
		if !defined[head] {
			forward = append(forward, head+";")
		}
	}
	for _, some := range []*[]string{&enums, &forward} {
		if len(*some) > 0 {
			(*some)[len(*some)-1] += "\n"
		}
	}
	all := append(append(enums, forward...), bodies...)
	if len(all) > 0 {
		all[len(all)-1] = strings.TrimSuffix(all[len(all)-1], "\n")
	}
	return all
}

func (p *printer) members(s plan.Struct, depth int) string {
	var b strings.Builder
	indent := strings.Repeat("\t", depth)
	b.WriteString("{\n")
	for _, m := range s.Members {
		b.WriteString(indent + p.member(s, m, depth) + ";\n")
	}
	b.WriteString(indent[1:] + "}")
	return b.String()
}

// member declares one member. Its kind is the kernel's, or CO-RE would not take it for
// the same (bpf_core_fields_are_compat, tools/lib/bpf/relo_core.c); its size is not,
// since READ_INT adapts to that.
func (p *printer) member(s plan.Struct, m plan.Member, depth int) string {
	t := m.Type
	switch {
	case m.Inline != nil:
		keyword := "struct "
		if m.Inline.Union {
			keyword = "union "
		}
		return keyword + p.members(*m.Inline, depth+1) + " " + m.Name
	case m.Bits > 0:
		return p.typeOf(t).declare(m.Name) + ":" + strconv.Itoa(m.Bits)
	case t.Kind == plan.Enumer && t.Name != "":
		return "enum " + t.Name + " " + m.Name
	case t.Kind == plan.Enumer:
		return fmt.Sprintf("enum { %s_%s___ } %s", s.Name, m.Name, m.Name)
	case t.Kind == plan.Aggregate:
		return p.tag(t.Name, t.Union) + " " + m.Name
	case t.Kind == plan.Array:
		return p.element(t).declare(fmt.Sprintf("%s[%d]", m.Name, t.Len))
	}
	return p.declaration(t, m.Name)
}

// element is the type of an array's elements.
func (p *printer) element(t plan.Type) ctype {
	switch t.Elem {
	case plan.Aggregate:
		return ctype{name: p.tag(t.Name, t.Union)}
	case plan.Pointer:
		return ctype{name: "void *"}
	case plan.Enumer:
		return integer(t.ElemSize, t.ElemSigned)
	case plan.Bool:
		return ctype{"bool", 1, false}
	case plan.Int:
		if t.ElemSize == 1 && t.ElemSigned {
			return ctype{"char", 1, true}
		}
		return integer(t.ElemSize, t.ElemSigned)
	}
	panic(fail("an array of kind %q is not read", t.Elem))
}
