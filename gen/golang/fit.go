package golang

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/dave/jennifer/jen"

	"github.com/ebgen/ebgen/spec/plan"
)

// What a package takes for granted of the kernel it compares itself, in the short form that
// the machinery knows (fit.go there). It is what package fit holds against a kernel, but
// for the numbers of constants, for which all types would have to be searched, and for the
// records of tracepoints that are no system calls.

// Struct is what is taken for granted of a struct or union of the kernel.
type Struct struct {
	Tag     string
	Size    int         // bytes, 0 where it does not matter
	Members [][2]string // paths, and their shapes
}

// lacking is the shape of a member that the kernel did not have.
const lacking = "-"

// Structs lists the structs and unions of the kernel that a plan speaks of.
func Structs(p *plan.Plan) []Struct {
	var list []Struct
	of := func(tag string) *Struct {
		at := slices.IndexFunc(list, func(s Struct) bool { return s.Tag == tag })
		if at < 0 {
			at = len(list)
			list = append(list, Struct{Tag: tag})
		}
		return &list[at]
	}
	for i := range p.Structs {
		s := of(p.Structs[i].Name)
		s.Members = append(s.Members, members(p.Structs[i].Members, "")...)
	}
	for _, f := range p.Facts {
		s := of(f.Struct)
		s.Size = cmp.Or(s.Size, f.Size)
		if f.Lacks != "" {
			s.Members = append(s.Members, [2]string{strings.ReplaceAll(f.Lacks, "."+plan.AnyElement, ""), lacking})
		}
	}
	return list
}

// members lists what is read of a struct: paths and shapes.
func members(list []plan.Member, path string) (out [][2]string) {
	for i := range list {
		m := &list[i]
		if m.Inline != nil {
			out = append(out, members(m.Inline.Members, path+m.Name+".")...)
			continue
		}
		out = append(out, [2]string{path + m.Name, shape(m.Type)})
	}
	return out
}

// shape is a type of the kernel in the short form of the machinery.
func shape(t plan.Type) string {
	keyword := "struct "
	if t.Union {
		keyword = "union "
	}
	switch t.Kind {
	case plan.Int, plan.Enumer, plan.Bool:
		if t.Signed {
			return fmt.Sprintf("s%d", 8*t.Size)
		}
		return fmt.Sprintf("u%d", 8*t.Size)
	case plan.Pointer:
		if t.Elem == plan.Aggregate {
			return "*" + t.Name
		}
		return "*"
	case plan.Aggregate:
		return keyword + t.Name
	case plan.Array:
		return fmt.Sprintf("[%d]", t.Size)
	}
	return ""
}

// Argument is one that a program takes, by its place among those of a function.
type Argument struct {
	Index       int
	Name, Shape string
}

// Arguments lists those that the programs of an alternative take, and the function of the
// kernel that has them; that of a tracepoint has one of its own ahead of them.
func Arguments(p *plan.Plan, a plan.Attachment) (function string, list []Argument) {
	first := 0
	switch a.Kind {
	case plan.RawTracepoint:
		function, first = "__traceiter_"+a.Target, 1
	case plan.Kprobe, plan.Fentry, plan.Fexit:
		function = a.Target
	default:
		return "", nil
	}
	for _, call := range a.Calls {
		for i, arg := range p.Bodies[call.Body].Args {
			from := call.Args[i]
			if from.From != plan.Slot && from.From != plan.Register {
				continue
			}
			one := Argument{from.Index + first, arg.Name, shape(arg.Type)}
			if _, err := strconv.Atoi(arg.Name); err == nil {
				one.Name = "" // the kernel tells no names
			}
			if !slices.Contains(list, one) {
				list = append(list, one)
			}
		}
	}
	return function, list
}

// arguments is what an alternative says of them.
func (g *printer) arguments(a plan.Attachment) []jen.Code {
	function, list := Arguments(g.Plan, a)
	if len(list) == 0 {
		return []jen.Code{jen.Lit(""), jen.Nil()}
	}
	return []jen.Code{jen.Lit(function), jen.Index().Id("argument").ValuesFunc(func(v *jen.Group) {
		for _, one := range list {
			v.Values(jen.Lit(one.Index), jen.Lit(one.Name), jen.Lit(one.Shape))
		}
	})}
}
