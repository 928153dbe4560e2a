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
	"cmp"
	"encoding/json"
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/ebgen/ebgen/spec"
	"github.com/ebgen/ebgen/spec/expr"
	"github.com/ebgen/ebgen/spec/ktype"
	"github.com/ebgen/ebgen/spec/plan"
	"github.com/ebgen/ebgen/spec/probe"
	"github.com/ebgen/ebgen/spec/source"
)

// Options are what the plan depends on besides spec and kernel.
type Options struct {
	Arch     string            // "amd64" or "arm64": which registers a kprobe reads
	Values   map[string]string // of the params that probes speak of, where the default is not wanted
	Interval int64             // ns between two reports of a table, in place of what the spec says; 0 for that
	Lint     bool              // warn of what is right but hardly meant (lint.go)
}

// checker holds what all probes of one spec share.
type checker struct {
	doc         *spec.Document
	kernel      *ktype.Kernel
	arch        string
	options     Options
	diags       *source.Diagnostics
	plan        *plan.Plan
	params      []plan.Param
	misdeclared map[string]bool // params without a type: what is made of them is not complained about
	escape      map[string]ownFunction
	parsed      map[source.Span]parsed
	enums       map[*ktype.Enum]int
	sizes       map[string]int // of fields: the parts of their expressions

	sites       []*site
	spellings   int // probes and alternatives
	columns     []*column
	maps        []*entries   // state and span, in the order of plan.Maps
	span        *spanState   // or nil
	stacks      *plan.Stacks // what expressions take, or nil
	stackLimits *entries     // what the spec says of their map, or nil
	allCells    []*cell      // in the order of plan.Table.Cells
	learning    bool         // types of maps are being inferred; nothing is said
	learned     bool         // something new was, in this round
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
	(*checker).fixTargets,
	(*checker).readEscape,
	(*checker).declareNames,
	(*checker).declareMaps,
	(*checker).arrange,
	(*checker).learn,
	(*checker).trace,
	(*checker).send,
	(*checker).limit,
	(*checker).weigh,
	(*checker).reserve,
	(*checker).unusedNames,
	(*checker).lint,
}

// Check makes the plan of a document for one kernel. The diagnostics of doc's parsing
// are taken along, so that all complaints come out together and in file order. The
// plan is nil when any of them is an error.
func Check(doc *spec.Document, found *source.Diagnostics, kernel *ktype.Kernel, o Options) (*plan.Plan, *source.Diagnostics) {
	c := &checker{doc: doc, kernel: kernel, arch: o.Arch, options: o, diags: found,
		plan: new(plan.Plan), parsed: map[source.Span]parsed{}, sizes: map[string]int{}, enums: map[*ktype.Enum]int{}, misdeclared: map[string]bool{}}
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
	c.plan.Line = max(1, c.lineOf(c.doc.Name))
	c.plan.Arch, c.plan.Kernel = c.arch, c.kernel.Release()
	c.plan.Direct = c.kernel.Loads()
	c.plan.Record.Absent = -1
}

// lineOf is the line of the spec in which a value begins.
func (c *checker) lineOf(s spec.Scalar) int { return c.doc.File.Position(s.Span().Start).Line }

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
	e, ok := c.kernel.Enum(name)
	if same, isFamily := ktype.Family(c.kernel.Arch(), name); ok && !(isFamily && e == same) {
		return e, true
	}
	return ktype.Family(c.arch, name) // of the machine to trace, whichever kernel's types are read
}

// enum gives the names of an enum a place in the plan.
func (c *checker) enum(e *ktype.Enum) int {
	if i, ok := c.enums[e]; ok {
		return i
	}
	one := probe.PlanEnum(e)
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

// maxRounds bounds how often bodies are checked to learn types: each round types at least
// one map more than the one before.
const maxRounds = 8

// learn infers the types of maps: all bodies are checked, as often as that brings out
// anything new, and nothing is said about them. A read may stand before the save that
// gives it its type.
func (c *checker) learn() {
	c.undeclared()
	if len(c.maps) == 0 && !c.aggregates() {
		return
	}
	for i, m := range c.maps {
		m.index = i
	}
	said := c.diags
	c.learning = true
	for range maxRounds {
		c.learned = false
		for _, m := range c.maps {
			m.writers = 0
			for _, f := range m.values {
				f.partial, f.writers = false, 0
			}
		}
		c.diags = &source.Diagnostics{File: said.File}
		for _, s := range c.sites {
			for _, a := range s.list {
				found, _ := c.resolve(s.at, a)
				for _, one := range found {
					c.attempt(&plan.Probe{Name: s.name, Line: c.lineOf(s.at)}, s, a, one)
				}
			}
		}
		for _, m := range c.maps {
			for _, f := range m.values {
				kind := plan.MapTypes[m.typ]
				f.partial = f.partial || f.writers < m.writers || kind.Array || kind.PerCPU
			}
		}
		if !c.learned {
			break
		}
	}
	c.diags, c.learning = said, false
}

// trace resolves the probes, checks what is to be done at each against each candidate,
// and puts what is left into the plan.
func (c *checker) trace() {
	var all []*attempt
	for _, s := range c.sites {
		p := plan.Probe{Name: s.name, Line: c.lineOf(s.at), Optional: s.none}
		c.plan.Probes = append(c.plan.Probes, p)
	}
	var left []refusal // of probes that need not be there
	for i, s := range c.sites {
		p := &c.plan.Probes[i]
		before := c.diags.Failed()
		var refusals []refusal
		served := false
		for _, a := range s.list {
			found, refused := c.try(p, s, i, a)
			for _, r := range refused {
				if r.first && !served {
					p.Passed++
				}
			}
			all, refusals = append(all, found...), append(refusals, refused...)
			served = served || len(found) > 0
		}
		if served || len(refusals) == 0 || c.diags.Failed() && !before || c.silent(s.at) {
			continue
		}
		if s.none {
			left = append(left, refusals...)
		} else {
			c.unserved(refusals)
		}
	}
	if len(left) > 0 && !c.diags.Failed() && !slices.ContainsFunc(all, (*attempt).shows) {
		c.unserved(left)
	}
	if len(all) == 0 {
		c.checkWithoutProbe()
	}
	if c.diags.Failed() {
		return
	}
	var bodies []*body
	for _, a := range all {
		bodies = append(bodies, a.bodies...)
	}
	if c.layOut(bodies); c.diags.Failed() {
		return
	}
	c.emit(all)
}

// unserved complains about a probe of which no alternative serves.
func (c *checker) unserved(refusals []refusal) {
	d := refusals[0].Diagnostic
	var missing *ktype.NotFound
	if errors.As(refusals[0].err, &missing) {
		if near := missing.Nearest(); len(near) > 0 {
			d.Hint = "did you mean " + source.OrList(near) + "?"
		}
	}
	for _, other := range refusals[1:] {
		if other.Message != d.Message {
			d.Notes = append(d.Notes, other.Message)
		}
	}
	d.Untold = slices.ContainsFunc(refusals, func(r refusal) bool { return errors.Is(r.err, ktype.ErrUntold) })
	c.diags.Add(d)
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
	err   error // of finding its target, or nil
	first bool  // whether no candidate of its spelling that would be taken before it serves
}

// attempt is one candidate with the bodies of all duties at its site.
type attempt struct {
	site      int // index into Plan.Probes
	candidate probe.Candidate
	bodies    []*body
}

// shows reports whether the candidate makes what is shown.
func (a *attempt) shows() bool {
	return slices.ContainsFunc(a.bodies, func(b *body) bool { return len(b.duty.fields) > 0 })
}

// try checks a site's duties against each candidate of one alternative. A candidate that
// cannot serve, though another may, is refused with a reason.
func (c *checker) try(p *plan.Probe, s *site, index int, a alternative) (all []*attempt, refusals []refusal) {
	found, err := c.resolve(s.at, a)
	if err != nil {
		refusals = append(refusals, refusal{source.Diagnostic{Span: s.at.At(a.span), Message: a.text + ": " + err.Error()}, err, true})
	}
	for _, one := range found {
		made, refused := c.attempt(p, s, a, one)
		if refused != nil {
			refusals = append(refusals, refusal{Diagnostic: *refused, first: len(all) == 0})
			continue
		}
		made.site = index
		all = append(all, made)
	}
	for _, r := range refusals {
		p.Refused = append(p.Refused, r.Message)
	}
	return all, refusals
}

// attempt checks all duties of a site against one candidate.
func (c *checker) attempt(p *plan.Probe, s *site, a alternative, one probe.Candidate) (*attempt, *source.Diagnostic) {
	if one.Barred != "" {
		return nil, &source.Diagnostic{Span: s.at.At(a.span), Message: one.String() + ": " + one.Barred}
	}
	made := &attempt{candidate: one}
	for _, d := range s.duties {
		b := &body{checker: c, probe: p, spelling: a.text, candidate: one, shared: len(s.list) > 1, duty: d,
			constants: map[string]int64{}, scalar: s.at, line: p.Line}
		b.check()
		if b.refusal != nil {
			return nil, b.refusal
		}
		made.bodies = append(made.bodies, b)
	}
	return made, nil
}

// checkWithoutProbe parses what it can when no probe is there to check against, so
// that mistakes of grammar come out in the same run.
func (c *checker) checkWithoutProbe() {
	b := &body{checker: c}
	for _, s := range c.sites {
		for _, d := range s.duties {
			for _, f := range d.fields {
				if f.Expr.Given() {
					b.enter(f.Expr)
				}
			}
			for _, s := range d.filters {
				b.enter(s)
			}
		}
	}
}

// emit turns checked bodies into the plan's. Those that came out the same are one.
func (c *checker) emit(all []*attempt) {
	structs := newLayouts()
	constants, facts := map[string]int64{}, map[plan.Fact]bool{}
	seen := map[string]int{}
	used := map[string]bool{}
	for _, m := range c.plan.Maps {
		used[m.Name] = true
	}
	owners := false
	for _, made := range all {
		att := plan.Attachment{Kind: made.candidate.Kind, Target: made.candidate.Target, Object: made.candidate.Object}
		for _, b := range made.bodies {
			one := b.planned()
			var call plan.Call
			for _, a := range b.args {
				one.Args = append(one.Args, plan.Arg{Name: a.Name, Type: a.Plan})
				call.Args = append(call.Args, a.Source)
				if t := a.Kind; t.Kind == ktype.Pointer && t.Elem().Kind == ktype.Struct && t.Elem().Name != "" {
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
			call.Body = i
			att.Calls = append(att.Calls, call)
			for _, r := range b.reads {
				c.add(structs, r.root, r.path)
			}
			for _, name := range b.needs {
				c.addNeeds(structs, name)
			}
			for _, name := range b.absentArgs {
				if !slices.Contains(att.Lacks, name) {
					att.Lacks = append(att.Lacks, name)
				}
			}
			maps.Copy(constants, b.constants)
			maps.Copy(facts, b.facts)
			owners = owners || b.owners
		}
		att.Program = unique(used, c.plan.Name+"_"+string(made.candidate.Kind))
		probe := &c.plan.Probes[made.site]
		probe.Alternatives = append(probe.Alternatives, att)
	}
	if owners {
		c.addOwners(structs)
	}
	c.plan.Structs = structs.declarations()
	c.ownConstants(constants)
	for _, name := range slices.Sorted(maps.Keys(constants)) {
		c.plan.Constants = append(c.plan.Constants, plan.Constant{Name: name, Value: constants[name]})
	}
	c.plan.Facts = slices.SortedFunc(maps.Keys(facts), func(x, y plan.Fact) int {
		return cmp.Or(strings.Compare(x.Struct, y.Struct), strings.Compare(x.Lacks, y.Lacks), cmp.Compare(x.Size, y.Size))
	})
	c.plan.Params = c.params
}

// planned is the body as the plan has it, without name and arguments.
func (b *body) planned() plan.Body {
	one := plan.Body{Line: b.probe.Line, Again: b.candidate.Kind == plan.Iterator, Filters: b.filters, Emits: b.duty.emits(), Fields: b.assigns, Updates: b.updates,
		Span: b.span, Saves: b.saved, Deletes: b.deleted}
	if b.plan.Table != nil {
		one.Fields = nil
		for _, a := range b.assigns {
			a.Field = b.keyField(a.Field)
			one.Fields = append(one.Fields, a)
		}
	}
	return one
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
		one = name + "_" + strconv.Itoa(i)
	}
	used[one] = true
	return one
}
