// Package fit holds a compiled tracer against a kernel that it was not made for.
//
// CO-RE finds members where the kernel has them, and the code reads integers as wide as
// they are there. What it cannot find out is held here against the kernel's types, with
// the eyes that the checker has: which argument of a probe is which, what kind of value a
// member is, how large the elements of arrays are, what number a name stands for, and
// which members are absent. In go a plan and a kernel; out comes the plan as it holds
// there, or why it does not.
//
//	p, err := fit.To(plan, kernel)
//
// An alternative whose arguments differ is left out, as the checker would leave it out. A
// tracer of which anything else differs is refused: it would read something wrong.
package fit

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/ebgen/ebgen/spec/ktype"
	"github.com/ebgen/ebgen/spec/plan"
	"github.com/ebgen/ebgen/spec/probe"
)

// Misfit says why a tracer cannot run on a kernel.
type Misfit struct {
	Tracer, For string // name of the tracer, release that it was made for
	Kernel      string // release of the kernel that it does not fit
	Reasons     []string
}

func (e *Misfit) Error() string {
	return fmt.Sprintf("%s was compiled for Linux %s and does not fit Linux %s:\n  %s", e.Tracer, e.For, e.Kernel, strings.Join(e.Reasons, "\n  "))
}

// holding is one thing that is held against the kernel. It may change the plan, which is a
// copy, and gives reasons why the tracer cannot run.
type holding func(*plan.Plan, *ktype.Kernel) []string

var holdings = []holding{arch, loads, attachments, members, facts, constants, enums}

// To returns the plan as it holds on a kernel; the plan that is given stays as it is. An
// error is a *Misfit.
func To(p *plan.Plan, k *ktype.Kernel) (*plan.Plan, error) {
	adapted := *p
	var reasons []string
	for _, one := range holdings {
		reasons = append(reasons, one(&adapted, k)...)
	}
	if len(reasons) > 0 {
		return nil, &Misfit{Tracer: p.Name, For: p.Kernel, Kernel: k.Release(), Reasons: reasons}
	}
	adapted.Kernel = k.Release()
	return &adapted, nil
}

func arch(p *plan.Plan, k *ktype.Kernel) []string {
	if p.Arch == k.Arch() {
		return nil
	}
	return []string{fmt.Sprintf("it is for %s, the kernel is of %s", p.Arch, k.Arch())}
}

// loads asks for what direct loads take. Types from a file are those of a kernel that does
// not tell them itself, and calls no function of its own for a program.
func loads(p *plan.Plan, k *ktype.Kernel) []string {
	if p.Direct && !(k.Loads() && k.Running()) {
		return []string{"it loads kernel memory directly, which programs may since Linux 6.17, where the kernel tells its types"}
	}
	return nil
}

// attachments leaves out the alternatives whose arguments are other ones on this kernel.
func attachments(p *plan.Plan, k *ktype.Kernel) (reasons []string) {
	p.Probes = slices.Clone(p.Probes)
	for i := range p.Probes {
		one := &p.Probes[i]
		var fitting []plan.Attachment
		refused := slices.Clone(one.Refused)
		for _, a := range one.Alternatives {
			if why := attachment(p, &a, k); why != "" {
				refused = append(refused, why)
				if len(fitting) == 0 {
					one.Passed++
				}
				continue
			}
			fitting = append(fitting, a)
		}
		if len(fitting) == 0 && !one.Optional {
			reasons = append(reasons, refused...)
		}
		one.Alternatives, one.Refused = fitting, refused
	}
	return reasons
}

// attachment says why an alternative does not fit, or "".
func attachment(p *plan.Plan, a *plan.Attachment, k *ktype.Kernel) string {
	var why string
	for _, text := range spellings(a) {
		found, err := probe.Find(k, p.Arch, text)
		if err != nil {
			why = text + ": " + err.Error()
			continue
		}
		at := slices.IndexFunc(found, func(c probe.Candidate) bool { return c.Kind == a.Kind && c.Target == a.Target })
		if at < 0 {
			continue
		}
		if why = differs(p, a, found[at]); why == "" {
			return ""
		}
		why = text + ": " + why
	}
	return why
}

// spellings are the probes that an attachment can be of: the record of a system call's
// tracepoint is also known from the call's own arguments.
func spellings(a *plan.Attachment) []string {
	own := string(a.Kind)
	if a.Target != "" {
		own += ":" + a.Target
	}
	if name, ok := strings.CutPrefix(a.Target, "syscalls:sys_enter_"); ok && a.Kind == plan.Tracepoint {
		return []string{"syscall:" + name, own}
	}
	if name, ok := strings.CutPrefix(a.Target, "syscalls:sys_exit_"); ok && a.Kind == plan.Tracepoint {
		return []string{"syscall:" + name + ":return", own}
	}
	return []string{own}
}

// differs says which argument that the programs read lies elsewhere or is something else.
func differs(p *plan.Plan, a *plan.Attachment, c probe.Candidate) string {
	if a.Object != c.Object {
		return "its objects lie elsewhere"
	}
	for _, name := range a.Lacks {
		if n, err := strconv.Atoi(name); c.Has(name) || err == nil && n < len(c.Params) {
			return fmt.Sprintf("it has an argument %q there, which was not known", name)
		}
	}
	for _, call := range a.Calls {
		for i, arg := range p.Bodies[call.Body].Args {
			have, ok := argument(c, arg.Name)
			switch {
			case !ok:
				return fmt.Sprintf("it has no argument %q", arg.Name)
			case have.Why != "" && have.Source.From == "":
				return fmt.Sprintf("argument %s cannot be read: %s", arg.Name, have.Why)
			case have.Source != call.Args[i]:
				return fmt.Sprintf("argument %s is passed in another place", arg.Name)
			case !same(arg.Type, have.Plan):
				return fmt.Sprintf("argument %s is %s, not %s", arg.Name, describe(have.Plan), describe(arg.Type))
			}
		}
	}
	return ""
}

func argument(c probe.Candidate, name string) (probe.Param, bool) {
	if name == "retval" && c.Retval != nil {
		return *c.Retval, true
	}
	if name == "caller" && c.Caller != nil {
		return *c.Caller, true
	}
	at := slices.IndexFunc(c.Params, func(p probe.Param) bool { return p.Name == name })
	if at < 0 {
		return probe.Param{}, false
	}
	return c.Params[at], true
}

// same reports whether a value of one type is read as one of the other. Names of enums do
// not matter, nor what a value is shown as.
func same(x, y plan.Type) bool {
	x.Meaning, x.Enum, y.Meaning, y.Enum = "", 0, "", 0
	if x.Kind == plan.Enumer || x.Elem == plan.Enumer {
		x.Name, y.Name = "", ""
	}
	return x == y
}

// members holds what is read of kernel structs against what the kernel has there. One
// that it lacks is CO-RE's to tell: the code may ask whether it is there.
func members(p *plan.Plan, k *ktype.Kernel) (reasons []string) {
	for i := range p.Structs {
		s := &p.Structs[i]
		keyword := keyword(s.Union)
		holder, err := k.Named(keyword, s.Name)
		if errors.Is(err, ktype.ErrNotFound) {
			continue
		}
		if err != nil {
			reasons = append(reasons, err.Error())
			continue
		}
		reasons = append(reasons, inside(s, holder, keyword+" "+s.Name)...)
	}
	return reasons
}

// keyword is what C calls a type with a tag.
func keyword(union bool) string {
	if union {
		return "union"
	}
	return "struct"
}

func inside(s *plan.Struct, holder ktype.Type, path string) (reasons []string) {
	for i := range s.Members {
		m := &s.Members[i]
		have, err := holder.Member(m.Name)
		if err != nil {
			continue
		}
		if m.Inline != nil {
			elem := have.Type
			for elem.Kind == ktype.Array {
				elem = elem.Elem()
			}
			reasons = append(reasons, inside(m.Inline, elem, path+"."+m.Name)...)
			continue
		}
		if found := probe.PlanType(have.Type); !readable(m, found) {
			reasons = append(reasons, fmt.Sprintf("%s.%s is %s there, not %s", path, m.Name, describe(found), describe(m.Type)))
		}
	}
	return reasons
}

// readable reports whether code that was made for a member reads one of the type found
// right. Integers are read as wide as they are, into a value of the width that is known:
// a narrower one fits, a wider one may not.
func readable(m *plan.Member, found plan.Type) bool {
	want := m.Type
	integer := func(t plan.Type) bool { return t.Kind == plan.Int || t.Kind == plan.Enumer || t.Kind == plan.Bool }
	switch {
	case want.Kind == plan.Void:
		return true
	case want.Kind == plan.Aggregate && found.Kind == plan.Aggregate: // its own members are held against the kernel's
		return want.Name == found.Name && want.Union == found.Union
	case integer(want) && integer(found):
		return found.Size <= want.Size && found.BigEndian == want.BigEndian && (found.Signed == want.Signed || found.Size < want.Size && !found.Signed)
	case want.Kind == plan.Pointer && found.Kind == plan.Pointer:
		return want.Name == "" || want.Name == found.Name && want.Union == found.Union
	}
	return same(want, found)
}

// facts holds the plan's facts against the kernel.
func facts(p *plan.Plan, k *ktype.Kernel) (reasons []string) {
	for _, f := range p.Facts {
		keyword := keyword(f.Union)
		t, err := k.Named(keyword, f.Struct)
		switch {
		case err != nil && f.Lacks == "":
			reasons = append(reasons, err.Error())
		case f.Size != 0 && err == nil && t.Size != f.Size:
			reasons = append(reasons, fmt.Sprintf("%s %s has %d bytes there, not %d", keyword, f.Struct, t.Size, f.Size))
		case f.Lacks != "" && err == nil && t.Has(strings.Split(f.Lacks, ".")):
			reasons = append(reasons, fmt.Sprintf("%s %s has %s there, which was not known", keyword, f.Struct, f.Lacks))
		}
	}
	return reasons
}

// constants holds the numbers that names stand for against the kernel's.
func constants(p *plan.Plan, k *ktype.Kernel) (reasons []string) {
	for _, c := range p.Constants {
		have, ok := k.Constant(c.Name)
		if !ok {
			have, ok = ktype.Macro(p.Arch, c.Name)
		}
		switch {
		case !ok:
			reasons = append(reasons, c.Name+" is not known there")
		case have.Value != c.Value:
			reasons = append(reasons, fmt.Sprintf("%s is %d there, not %d", c.Name, have.Value, c.Value))
		}
	}
	return reasons
}

// enums names values as this kernel does.
func enums(p *plan.Plan, k *ktype.Kernel) []string {
	p.Enums = slices.Clone(p.Enums)
	for i := range p.Enums {
		e, ok := k.Enum(p.Enums[i].Name)
		if !ok {
			continue
		}
		one := probe.PlanEnum(e)
		one.Name = p.Enums[i].Name
		p.Enums[i] = one
	}
	return nil
}

// describe is a type for a message.
func describe(t plan.Type) string {
	switch t.Kind {
	case plan.Int:
		sign := "u"
		if t.Signed {
			sign = "s"
		}
		order := ""
		if t.BigEndian {
			order = " in network order"
		}
		return fmt.Sprintf("%s%d%s", sign, 8*t.Size, order)
	case plan.Pointer:
		if t.Name != "" {
			return "a pointer to " + t.Name
		}
		return "a pointer"
	case plan.Array:
		return fmt.Sprintf("an array of %d bytes", t.Size)
	case plan.Void:
		return "of a type that is not known"
	}
	return fmt.Sprintf("%s of %d bytes", t.Kind, t.Size)
}
