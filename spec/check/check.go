// Package check turns a document into a plan: names are resolved, types inferred,
// mistakes collected.
//
// In go a spec.Document and the types of one kernel; out come the plan and every
// complaint, each at its place in the file. Nothing is run and nothing is attached.
//
//	fields: {dport: args.sk.__sk_common.skc_dport}
//
// becomes a read of a __be16 through the probe's argument sk, turned into host order,
// in a field of two bytes; with "skc_dprt" it becomes a diagnostic that names struct
// sock_common and offers skc_dport.
package check

import (
	"encoding/json"
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ebgen/ebgen/spec"
	"github.com/ebgen/ebgen/spec/expr"
	"github.com/ebgen/ebgen/spec/ktype"
	"github.com/ebgen/ebgen/spec/plan"
	"github.com/ebgen/ebgen/spec/source"
)

// Options are what the plan depends on besides spec and kernel.
type Options struct {
	Arch string // "amd64" or "arm64": which registers a kprobe reads
}

// checker holds what all probes of one spec share.
type checker struct {
	doc         *spec.Document
	kernel      *ktype.Kernel
	arch        string
	diags       *source.Diagnostics
	plan        *plan.Plan
	params      []plan.Param
	misdeclared map[string]bool // params without a type: what is made of them is not complained about
	escape      map[string]ownFunction
	parsed      map[source.Span]parsed
	enums       map[*ktype.Enum]int
}

type parsed struct {
	node expr.Node
	err  *expr.Error
}

// passes are the steps of a check, in order. Each leaves its part in the plan or its
// complaints in the diagnostics.
var passes = []func(*checker){
	(*checker).describe,
	(*checker).declare,
	(*checker).readEscape,
	(*checker).trace,
	(*checker).send,
	(*checker).limit,
	(*checker).reserve,
}

// Check makes the plan of a document for one kernel. The diagnostics of doc's parsing
// are taken along, so that all complaints come out together and in file order. The
// plan is nil when any of them is an error.
func Check(doc *spec.Document, found *source.Diagnostics, kernel *ktype.Kernel, o Options) (*plan.Plan, *source.Diagnostics) {
	c := &checker{doc: doc, kernel: kernel, arch: o.Arch, diags: found,
		plan: new(plan.Plan), parsed: map[source.Span]parsed{}, enums: map[*ktype.Enum]int{}, misdeclared: map[string]bool{}}
	for _, pass := range passes {
		pass(c)
	}
	if c.diags.Failed() {
		return nil, c.diags
	}
	return c.plan, c.diags
}

func (c *checker) describe() {
	c.plan.Version = plan.Version
	c.plan.Name = strings.ReplaceAll(c.doc.Name.Value, "-", "_")
	c.plan.Description = strings.TrimSpace(c.doc.Description.Value)
	c.plan.File = filepath.Base(c.doc.File.Name())
	c.plan.Line = max(1, c.doc.File.Position(c.doc.Name.Span().Start).Line)
	c.plan.Kernel = c.kernel.Release()
	c.plan.Record.Absent = -1
}

// parse parses a scalar's expression once, however many bodies it is checked in.
func (c *checker) parse(s spec.Scalar) (expr.Node, *expr.Error) {
	p, ok := c.parsed[s.Span()]
	if !ok {
		p.node, p.err = expr.Parse(s.Value, func(name string) bool {
			if c.kernel.IsTypedef(name) {
				return true
			}
			_, ok := c.display(name)
			return ok
		})
		c.parsed[s.Span()] = p
	}
	return p.node, p.err
}

// display finds the names that a display cast, a format or a param's type asks for: the
// kernel's own enum, an alias of one, or a family of macros.
func (c *checker) display(name string) (*ktype.Enum, bool) {
	if e, ok := c.kernel.Enum(name); ok {
		return e, true
	}
	return ktype.Family(c.arch, name)
}

// enum gives the names of an enum a place in the plan.
func (c *checker) enum(e *ktype.Enum) int {
	if i, ok := c.enums[e]; ok {
		return i
	}
	one := plan.Enum{Name: e.Name, Flags: e.Flags}
	for _, v := range e.Values {
		one.Values = append(one.Values, plan.EnumValue{Name: v.Name, Value: v.Value})
	}
	for i, have := range c.plan.Enums {
		if have.Name == one.Name && slices.Equal(have.Values, one.Values) {
			c.enums[e] = i + 1
			return i + 1
		}
	}
	c.plan.Enums = append(c.plan.Enums, one)
	c.enums[e] = len(c.plan.Enums)
	return len(c.plan.Enums)
}

// trace resolves the probes, checks filters and fields against each candidate, and
// puts what is left into the plan.
func (c *checker) trace() {
	var bodies []*body
	for _, s := range c.doc.Probes {
		p := plan.Probe{Name: strings.Join(strings.Fields(s.Value), " "), Line: c.doc.File.Position(s.Span().Start).Line}
		before := c.diags.Failed()
		first := len(bodies)
		list := alternatives(s)
		var refusals []refusal
		for _, a := range list {
			found, refused := c.try(&p, s, a, len(list) > 1)
			bodies, refusals = append(bodies, found...), append(refusals, refused...)
		}
		if len(bodies) == first && len(refusals) > 0 && !(c.diags.Failed() && !before) && !c.silent(s) {
			d := refusals[0].Diagnostic
			var missing *ktype.NotFound
			if errors.As(refusals[0].err, &missing) {
				if near := missing.Nearest(); len(near) > 0 {
					d.Hint = "did you mean " + orList(near) + "?"
				}
			}
			for _, other := range refusals[1:] {
				if other.Message != d.Message {
					d.Notes = append(d.Notes, other.Message)
				}
			}
			c.diags.Add(d)
		}
		for _, b := range bodies[first:] {
			b.attachTo = len(c.plan.Probes)
		}
		c.plan.Probes = append(c.plan.Probes, p)
	}
	if len(bodies) == 0 {
		c.checkWithoutProbe()
	}
	if c.diags.Failed() {
		return
	}
	c.layOut(bodies)
	c.emit(bodies)
}

// silent reports whether a probe's spelling has been complained about already.
func (c *checker) silent(s spec.Scalar) bool {
	return slices.ContainsFunc(c.diags.All(), func(d source.Diagnostic) bool {
		return d.Severity == source.Error && d.Span.Start >= s.Span().Start && d.Span.End <= s.Span().End
	})
}

// refusal is why an alternative cannot serve: what is said when none can.
type refusal struct {
	source.Diagnostic
	err error // of finding its target, or nil
}

// try checks the spec against each candidate of one alternative. A candidate that
// cannot serve, though another may, is refused with a reason.
func (c *checker) try(p *plan.Probe, s spec.Scalar, a alternative, shared bool) (bodies []*body, refusals []refusal) {
	found, err := c.resolve(s, a)
	if err != nil {
		refusals = append(refusals, refusal{source.Diagnostic{Span: s.At(a.span), Message: a.text + ": " + err.Error()}, err})
	}
	for _, one := range found {
		b := &body{checker: c, probe: p, spelling: a.text, candidate: one, shared: shared, constants: map[string]int64{}}
		b.check()
		if b.refusal != nil {
			refusals = append(refusals, refusal{Diagnostic: *b.refusal})
			continue
		}
		bodies = append(bodies, b)
	}
	for _, r := range refusals {
		p.Refused = append(p.Refused, r.Message)
	}
	return bodies, refusals
}

// checkWithoutProbe parses what it can when no probe is there to check against, so
// that mistakes of grammar come out in the same run.
func (c *checker) checkWithoutProbe() {
	b := &body{checker: c}
	for _, f := range c.doc.Fields {
		if f.Expr.Given() {
			b.enter(f.Expr)
		}
	}
	for _, s := range c.doc.Filter {
		b.enter(s)
	}
}

// emit turns checked bodies into the plan's. Candidates whose bodies came out the same
// share one.
func (c *checker) emit(bodies []*body) {
	structs := newLayouts()
	constants := map[string]int64{}
	seen := map[string]int{}
	used := map[string]bool{}
	owners := false
	for _, b := range bodies {
		one := plan.Body{Line: c.plan.Probes[b.attachTo].Line, Filters: b.filters, Fields: b.assigns}
		att := plan.Attachment{Kind: b.candidate.kind, Target: b.candidate.target}
		for _, a := range b.args {
			one.Args = append(one.Args, plan.Arg{Name: a.name, Type: a.plan})
			att.Args = append(att.Args, a.source)
			if t := a.kind; t.Kind == ktype.Pointer && t.Elem().Kind == ktype.Struct && t.Elem().Name != "" {
				structs.of(t.Elem())
			}
		}
		key, err := json.Marshal(one)
		if err != nil {
			panic(err)
		}
		i, ok := seen[string(key)]
		if !ok {
			i = len(c.plan.Bodies)
			seen[string(key)] = i
			one.Name = unique(used, c.plan.Name)
			c.plan.Bodies = append(c.plan.Bodies, one)
		}
		att.Body = i
		att.Program = unique(used, c.plan.Name+"_"+string(att.Kind))
		probe := &c.plan.Probes[b.attachTo]
		probe.Alternatives = append(probe.Alternatives, att)
		for _, r := range b.reads {
			c.add(structs, r.root, r.path)
		}
		for _, name := range b.needs {
			c.addNeeds(structs, name)
		}
		maps.Copy(constants, b.constants)
		owners = owners || b.owners
	}
	if owners {
		c.addOwners(structs)
	}
	c.plan.Structs = structs.declarations()
	for _, name := range slices.Sorted(maps.Keys(constants)) {
		c.plan.Constants = append(c.plan.Constants, plan.Constant{Name: name, Value: constants[name]})
	}
	c.plan.Params = c.params
}

func (c *checker) add(l *layouts, root ktype.Type, path []plan.Step) {
	if err := l.add(root, path); err != nil {
		panic(err) // the expression went through these members a moment ago
	}
}

// unique makes a C identifier that nothing else has: a number only breaks a tie.
func unique(used map[string]bool, name string) string {
	one := name
	for i := 2; used[one]; i++ {
		one = name + "_" + decimal(i)
	}
	used[one] = true
	return one
}
