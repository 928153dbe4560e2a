package check

import (
	"slices"
	"strconv"
	"strings"

	"github.com/ebgen/ebgen/spec/expr"
	"github.com/ebgen/ebgen/spec/ktype"
	"github.com/ebgen/ebgen/spec/plan"
	"github.com/ebgen/ebgen/spec/probe"
	"github.com/ebgen/ebgen/spec/source"
)

// name resolves a bare name. A field that stands before shadows a builtin, a builtin
// shadows a kernel constant.
func (b *body) name(n *expr.Ident) operand {
	if o, ok := b.fields[n.Name]; ok && (b.overRows() || !o.counted()) {
		if !b.counts(n, b.sizes[n.Name]) {
			return operand{}
		}
		b.warnContext(n, o.expr)
		return o
	}
	if o, ok := b.letName(n); ok {
		return o
	}
	if o, ok := b.ofSpan(n); ok {
		return o
	}
	if m := b.mapNamed(n.Name); m != nil {
		return b.fail(n, "%s is a map, not a value", n.Name).hint("%s[KEY] is one of its entries", n.Name)
	}
	switch n.Name {
	case "args":
		return b.fail(n, "args is the list of the probe's arguments, not a value").hint("args.NAME is one of them: %s", b.argumentNames())
	case "retval":
		return b.returned(n)
	case "kstack", "ustack":
		return b.stack(n, n.Name, plan.MaxDepth)
	case "true", "false":
		return constant(int64(strings.Index("false true", n.Name)/6), boolean)
	case "NULL":
		o := constant(0, u64)
		return o
	case "func":
		if name, known := b.candidate.Func(); known {
			return b.constantText(name)
		}
	case "probe":
		return b.constantText(b.probe.Name)
	case "cgroup_path":
		return b.cgroupPath(n)
	}
	if builtin, ok := plan.Builtins[n.Name]; ok {
		o := value(plan.Expr{Op: plan.OpBuiltin, Type: builtin.Type, Line: b.line, Name: n.Name})
		if builtin.Type.Kind == plan.Pointer {
			t, err := b.kernel.Named("struct", builtin.Type.Name)
			if err != nil {
				return b.fail(n, "%v", err)
			}
			o.elem = t
		}
		b.need(n.Name)
		b.warnContext(n, o.expr)
		return o
	}
	if c, ok := b.kernel.Constant(n.Name); ok {
		return b.named(n.Name, c)
	}
	if c, ok := ktype.Macro(b.arch, n.Name); ok {
		return b.named(n.Name, c)
	}
	if _, ok := plan.Functions[n.Name]; ok {
		return b.fail(n, "%s is a function", n.Name).hint("call it: %s", plan.Functions[n.Name].Usage)
	}
	if o, ok := b.total(n); ok {
		return o
	}
	if b.wrong[n.Name] {
		return operand{}
	}
	f := b.fail(n, "nothing is named %q here", n.Name)
	if hint := b.foreign(n.Name); hint != "" {
		return f.hint("%s", hint)
	}
	if b.candidate.Has(n.Name) {
		return f.hint("the probe's argument is args.%s", n.Name)
	}
	if near := b.nearestName(n.Name); len(near) > 0 {
		return f.hint("did you mean %s?", source.OrList(near))
	}
	return f
}

// cgroupPath is the path of the running task's cgroup.
func (b *body) cgroupPath(n *expr.Ident) operand {
	if _, err := b.kernel.Named("struct", "cgroup"); err != nil {
		return b.fail(n, "this kernel has no cgroups: %v", err)
	}
	of := expr.Node(&expr.Ident{At: n.At, Name: "curtask"})
	for _, name := range []string{"cgroups", "dfl_cgrp"} {
		of = &expr.Member{At: n.At, X: of, Name: name, NameAt: n.At}
	}
	return b.infer(&expr.Call{At: n.At, Func: "path", FuncAt: n.At, Args: []expr.Node{of}})
}

// named is a kernel constant, kept by name so that the C reads as the spec does.
func (b *body) named(name string, c ktype.Constant) operand {
	t := s32
	switch {
	case c.Value > 1<<32-1 || c.Value < -1<<31:
		t = s64
	case c.Value > 1<<31-1:
		t = u32
	}
	o := constant(c.Value, t)
	o.expr.Line = b.line
	if !plan.Reserved[name] { // else a number does: the C has AF_INET of its own
		b.constants[name], o.expr.Name = c.Value, name
	}
	return o
}

func (b *body) constantText(text string) operand {
	return value(plan.Expr{Op: plan.OpText, Type: plan.Type{Kind: plan.String, Size: len(text) + 1}, Line: b.line, Name: text})
}

// nearestName suggests names close to a wrong one: fields, builtins, functions and the
// kernel's constants.
func (b *body) nearestName(wrong string) []string {
	var known []string
	for name := range b.fields {
		known = append(known, name)
	}
	for _, l := range b.doc.Let {
		known = append(known, l.Name.Value)
	}
	for name := range plan.Builtins {
		known = append(known, name)
	}
	for _, m := range b.maps {
		known = append(known, m.name)
	}
	if near := ktype.Nearest(wrong, known); len(near) > 0 {
		return near
	}
	near := b.kernel.NearestConstants(wrong)
	if strings.ToLower(wrong) == wrong { // is hardly meant for one, unless it is one but for that
		near = slices.DeleteFunc(near, func(name string) bool { return !strings.EqualFold(name, wrong) })
	}
	return near
}

// argument is args.NAME, or args.N counted from 0.
func (b *body) argument(n *expr.Member) operand {
	for i, p := range b.candidate.Params {
		if p.Name == n.Name || strconv.Itoa(i) == n.Name {
			switch {
			case p.Barred != "":
				return b.refuse(n.NameAt, "", "%s: argument %s cannot be read: %s", b.candidate, n.Name, p.Barred)
			case p.Source.From != "":
				return b.pass(p)
			case b.tolerant > 0:
				b.lacking = true
				return operand{}
			}
			return b.fail(n.NameAt, "argument %s cannot be read: %s", n.Name, p.Why)
		}
	}
	if b.tolerant > 0 && (b.shared || b.candidate.NoArgs == "") { // another kernel's, or another alternative's
		b.withoutArgument(n.Name)
		return operand{}
	}
	if b.candidate.NoArgs != "" {
		return b.refuse(n.NameAt, b.argumentElsewhere(n.Name), "%s: %s", b.candidate, b.candidate.NoArgs)
	}
	hint := "its arguments are " + b.argumentNames()
	if near := ktype.Nearest(n.Name, b.candidate.Names()); len(near) > 0 {
		hint = "did you mean " + source.OrList(near) + "?"
	}
	if len(b.candidate.Params) == 0 {
		hint = ""
	}
	if b.shared {
		return b.refuse(n.NameAt, hint, "%s has no argument %q", b.spelling, n.Name)
	}
	return b.fail(n.NameAt, "%s has no argument %q", b.spelling, n.Name).hint("%s", hint)
}

// argumentElsewhere says how a probe at a return comes by an argument of the call.
func (b *body) argumentElsewhere(name string) string {
	if b.checker.span != nil {
		return "keep it where the span starts, keep: {" + name + ": args." + name + "}, and read start." + name
	}
	of := strings.TrimSuffix(b.spelling, ":return")
	for back, entry := range map[string]string{"kretprobe:": "function:", "uretprobe:": "uprobe:"} {
		if rest, ok := strings.CutPrefix(of, back); ok {
			of = entry + rest
		}
	}
	return "span: " + of + ", in place of probe, has the arguments at the return, and the time between"
}

// withoutArgument notes that what is inferred names an argument that the probe does not
// have on this kernel, so that the plan is made for kernels without it.
func (b *body) withoutArgument(name string) {
	b.lacking = true
	if !slices.Contains(b.absentArgs, name) {
		b.absentArgs = append(b.absentArgs, name)
	}
}

func (b *body) argumentNames() string {
	names := b.candidate.Names()
	for i, name := range names {
		if m := numberedArgument.FindStringSubmatch(name); m != nil {
			names[i] = "args." + m[1]
		}
	}
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// returned is retval, in probes that fire at a return.
func (b *body) returned(n *expr.Ident) operand {
	if b.candidate.Retval == nil && b.tolerant > 0 {
		b.lacking = true
		return operand{}
	}
	if b.candidate.Retval == nil {
		f := b.fail(n, "%s has no return value", b.spelling)
		if at := b.candidate.ReturnProbe; at != "" {
			return f.hint("%s fires at the return", at)
		}
		return f
	}
	return b.pass(*b.candidate.Retval)
}

// pass makes a probe's argument a parameter of the body.
func (b *body) pass(p probe.Param) operand {
	known := false
	for _, a := range b.args {
		known = known || a.Name == p.Name
	}
	if !known {
		b.args = append(b.args, p)
	}
	t := p.Plan
	raw := t
	raw.BigEndian = false
	e := plan.Expr{Op: plan.OpArg, Type: t, Line: b.line, Name: p.Name}
	o := value(e)
	switch {
	case p.Source.From == plan.Dynamic:
	case p.Source.From == plan.Within:
		return operand{valid: true, place: true, root: p.Kind, base: e, kind: p.Kind}
	case p.Kind.Kind == ktype.Pointer:
		o.elem = p.Kind.Elem()
	case p.Kind.Kind == ktype.Enumer:
		o.enum = b.kernel.EnumOf(p.Kind)
	case t.BigEndian:
		o.expr = hostOrder(e)
	}
	o.enum = b.meant(o.enum, string(b.candidate.Kind)+":"+b.candidate.Target+"."+p.Name)
	return o
}

// param is $name as a value.
func (b *body) param(n *expr.Param) operand {
	p, ok := b.findParam(n)
	if !ok {
		return operand{}
	}
	if p.List || p.Type.Kind == plan.Prefix {
		return b.fail(n, "$%s is %s", p.Name, map[bool]string{true: "a list", false: "a network"}[p.List]).hint("ask with in: x in $%s", p.Name)
	}
	if fixedNumber(&p) && p.Given {
		return b.fixed(&p)
	}
	return operand{valid: true, expr: plan.Expr{Op: plan.OpParam, Type: p.Type, Line: b.line, Name: p.Name}}
}

// fixed is the value of a param that is a part of a probe.
func (b *body) fixed(p *plan.Param) operand {
	values, err := p.Parse(nil, p.Default)
	if err != nil {
		return operand{} // the declaration has said so
	}
	return constant(values[0].Int(p.Type), p.Type)
}

// findParam finds the declaration of $name and notes that the expression depends on it.
func (b *body) findParam(n *expr.Param) (plan.Param, bool) {
	var names []string
	for _, p := range b.params {
		if p.Name == n.Name {
			b.mentioned[p.Name] = !p.Given
			return p, true
		}
		names = append(names, "$"+p.Name)
	}
	if b.misdeclared[n.Name] {
		return plan.Param{}, false
	}
	f := b.fail(n, "no parameter is named %q", n.Name)
	if near := ktype.Nearest("$"+n.Name, names); len(near) > 0 {
		f.hint("did you mean %s?", source.OrList(near))
	} else {
		f.hint("declare it: params: {%s: {type: u32}}", n.Name)
	}
	return plan.Param{}, false
}

// warnContext warns that a value of the running task says nothing about the event in a
// probe that fires in softirq or a timer.
func (b *body) warnContext(n expr.Node, e plan.Expr) {
	if e.Op != plan.OpBuiltin || !plan.Builtins[e.Name].Context || !interrupts(b.candidate.Target) {
		return
	}
	d := b.warn(n, "%s is of the task that happens to run: %s often fires in softirq, on behalf of another process", e.Name, b.candidate.Target)
	for _, p := range b.candidate.Params {
		if p.Kind.Kind == ktype.Pointer && p.Kind.Elem().Name == "sock" {
			part := map[string]string{"pid": ".pid", "comm": ".comm"}[e.Name]
			d.Hint = "owner(args." + p.Name + ")" + part + " is the process that opened the socket"
		}
	}
}
