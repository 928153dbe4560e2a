// Package c prints the C of a tracer.
//
// In goes a checked plan; out comes one C file that needs clang and no header, compiles
// without a warning and reads as if written by hand. The file is a function of the plan
// alone: equal plans give equal bytes.
//
// Statements that serve a line of the spec stand under a #line of it, so that clang and
// the verifier complain about the spec; all else has its own line in NAME.bpf.c.
//
//	fields: {dport: args.sk.__sk_common.skc_dport}
//
// in line 3 of the spec becomes
//
//	#line 3 "opens.yaml"
//		err = READ_INT(skc_dport, sk, __sk_common.skc_dport);
//	#line 3 "opens.yaml"
//		e->dport = err ? 0 : be16_to_cpu(skc_dport);
//	#line 3 "opens.yaml"
//		absent |= missing(err, BIT(0));
package c

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/ebgen/ebgen/spec/plan"
)

// Print returns the C of p. It fails when p names something as the C names its own, or
// holds what no C is known for: both are for the checker to refuse.
func Print(p *plan.Plan) (text string, err error) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case failure:
			err = fmt.Errorf("print the C of %s: %w", p.File, r)
		default:
			panic(r)
		}
	}()
	return newPrinter(p).print(), nil
}

// printer is one run of Print.
type printer struct {
	plan   *plan.Plan
	params map[string]plan.Param
	names  map[string]bool // identifiers taken outside of functions
	used   map[string]bool // pieces and helpers
	tags   map[string]bool // kernel types named anywhere, "struct sock"
	notes  map[int]bool    // arguments of USDT probes that are taken, by number
	own    map[string]bool // tags of the structs of this tracer
	kernel kernel

	event  *layout   // of a record; nil when rows are counted in a map
	keys   []*layout // of plan.Maps; nil for a map of no key
	values []*layout // of plan.Maps

	scratches []string        // members of struct scratch beside the record
	scratched map[string]bool // names taken in it
}

// kernel is what the pieces have to know of the kernel that the plan was checked
// against.
type kernel struct {
	IPv6   bool // struct sock_common has IPv6 addresses (CONFIG_IPV6)
	Direct bool // see plan.Plan
}

// file is what the template tracer.c.tmpl prints.
type file struct {
	Spec          string
	Description   []string
	Here          string // gives the lines that follow to the generated file again
	Types         []string
	Helpers       []helper
	Structs       []string
	Constants     []plan.Constant
	Layouts       []*layout
	Tallies       []string
	Params        []string
	Counters      []counter
	Maps          []mapping
	Functions     []string
	Table         *tableParts
	Span          *spanParts
	States        []*stateParts
	Stack         *stackParts
	Stacks        *keptStacks
	Notes         []int
	Escape        string
	Bodies        []function
	OwnerPrograms []program
	Scratch       []string
}

type counter struct{ Name, Type, Remark string }

// mapping is one BPF map; an empty Key means that it has neither keys nor values.
type mapping struct {
	Name, Type, Key, Value, Flags, Remark string
	Entries                               int
}

// function is a body as C.
type function struct {
	Probes    string
	At        string
	Name      string
	Params    string
	Variables []string
	Code      []string
	Programs  []program
}

// here stands for the directive that names the next line of the generated file; what
// line that is is known when all is printed.
const here = "#line here"

func newPrinter(p *plan.Plan) *printer {
	out := &printer{
		plan: p, params: map[string]plan.Param{}, names: maps.Clone(reserved), used: map[string]bool{}, tags: map[string]bool{}, notes: map[int]bool{},
		own: map[string]bool{"event": true, "scratch": true, "tallies": true}, scratched: maps.Clone(plan.Keywords),
	}
	out.scratched["busy"], out.scratched["event"], out.scratched["key"] = true, true, true
	out.kernel.Direct = p.Direct
	for _, s := range p.Structs {
		out.kernel.IPv6 = out.kernel.IPv6 || s.Name == "sock_common" && slices.ContainsFunc(s.Members, func(m plan.Member) bool { return m.Name == "skc_v6_daddr" })
	}
	take := func(what, name string) {
		if name == "" || identifier(name) != name || out.names[name] {
			panic(fail("%s cannot be named %q: the C uses that name", what, name))
		}
		out.names[name] = true
	}
	for _, one := range p.Params {
		out.params[one.Name] = one
		take("a parameter", one.Name)
		take("a parameter", one.Name+"_given")
	}
	for _, one := range p.Constants {
		take("a constant", one.Name)
	}
	eachProgram(p, func(name string) { take("a program", name) })
	if p.C != nil {
		for _, word := range words(p.C.Text) {
			out.names[word] = true
		}
	}
	for i := range p.Maps {
		m := &p.Maps[i]
		if m.Use == plan.StackMap { // its names are the C's own
			out.own["stack"], out.own["space"] = true, true
			continue
		}
		take("a map", m.Name)
		if m.Use == plan.TableMap {
			take("a function", rowOf(m))
			take("a constant", m.Name+"_zero")
		}
		if m.Use == plan.StateMap {
			for _, name := range stateNames(m) {
				take("a function", name)
			}
		}
		if m.Use == plan.SpanMap {
			for _, name := range spanNames(m) {
				take("a function", name)
			}
			out.own[stackTag(m)] = true
		}
		out.own[keyTag(m)], out.own[valueTag(m)] = true, true
		if m.Double {
			take("a map", m.Idle())
		}
	}
	return out
}

// eachProgram visits the names of all programs of a plan.
func eachProgram(p *plan.Plan, visit func(name string)) {
	probes := p.Probes
	if p.Owners != nil {
		for _, way := range p.Owners.Ways {
			probes = append(slices.Clip(probes), way...)
		}
		probes = append(slices.Clip(probes), p.Owners.Probes...)
		defer visit(p.Owners.Sweep)
	}
	for _, probe := range probes {
		for _, a := range probe.Alternatives {
			visit(a.Program)
		}
	}
}

// print prints the parts and puts them into the template. The layouts come first, since
// the bodies fill their gaps, then the bodies: they say what else is used.
func (p *printer) print() string {
	f := file{Spec: comment(p.plan.File), Description: comments(p.plan.Description), Here: here, Constants: p.plan.Constants}
	stacks := p.keptStacks()
	f.Layouts, f.Tallies = p.layouts(), p.tallies()
	f.Bodies = p.functions()
	f.OwnerPrograms = p.ownerPrograms()
	f.Params = p.paramDeclarations()
	f.Maps, f.Counters = p.maps(), p.counters()
	f.Scratch = p.scratchMembers()
	if p.plan.C != nil {
		for _, word := range words(p.plan.C.Text) {
			if shared[word] {
				p.use(word)
			}
		}
		f.Escape = fmt.Sprintf("%s\n%s", p.at(p.plan.C.Line), strings.TrimRight(p.plan.C.Text, "\n"))
	}
	f.Structs = p.structs()
	f.Table, f.Span, f.Stack, f.States, f.Stacks = p.tableParts(), p.spanParts(), p.stackParts(), p.stateParts(), stacks
	f.Notes = sorted(p.notes)
	f.Types, f.Functions = p.rendered(typePieces), p.rendered(functionPieces)
	for _, h := range helpers {
		if p.used[h.Name] {
			f.Helpers = append(f.Helpers, h)
		}
	}
	var b bytes.Buffer
	if err := files().ExecuteTemplate(&b, "tracer.c.tmpl", f); err != nil {
		panic(err) // the template is embedded, and its data is one struct
	}
	return p.numbered(b.String())
}

// numbered fills in the number of the line after each mark.
func (p *printer) numbered(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if line == here {
			lines[i] = fmt.Sprintf("#line %d %s", i+2, quote(p.plan.Name+".bpf.c"))
		}
	}
	return strings.Join(lines, "\n")
}

// functions prints the bodies, each with the programs whose last missing body it is.
func (p *printer) functions() []function {
	var out []function
	var bodies []*body
	for i := range p.plan.Bodies {
		b := p.newBody(i)
		b.name = p.plan.Bodies[i].Name
		if identifier(b.name) != b.name || p.names[b.name] {
			b.name = unique(p.names, identifier(b.name)+"_body")
		}
		p.names[b.name] = true
		b.write()
		f := function{At: p.at(b.plan.Line), Name: b.name, Params: b.parameters(), Variables: b.variables, Code: p.code(b.list, 1)}
		bodies = append(bodies, b)
		var probes []string
		for _, probe := range p.plan.Probes {
			for _, a := range probe.Alternatives {
				last := -1
				for _, c := range a.Calls {
					last = max(last, c.Body)
					if c.Body == i {
						probes = append(probes, probe.Name)
					}
				}
				if last == i {
					f.Programs = append(f.Programs, p.attachment(a, bodies, probe.Line))
				}
			}
		}
		f.Probes = comment(strings.Join(slices.Compact(probes), ", "))
		out = append(out, f)
	}
	return out
}

// layouts lays out the record, and the keys and values of the maps.
func (p *printer) layouts() []*layout {
	var out []*layout
	if p.plan.Channel.Kind != plan.MapChannel {
		p.event = p.layOut("One record", "event", p.plan.Record, false)
		out = append(out, p.event)
	}
	for i := range p.plan.Maps {
		m := &p.plan.Maps[i]
		if m.Use == plan.StackMap {
			p.keys, p.values = append(p.keys, nil), append(p.values, nil)
			continue
		}
		var key *layout
		if m.Key.Size > 0 && m.Type != plan.LPMTrie && !plan.MapTypes[m.Type].Array {
			key = p.layOut("A key of "+m.Name, keyTag(m), m.Key, false)
			out = append(out, key)
		}
		value := p.layOut("A value of "+m.Name, valueTag(m), m.Value, zeroed(m))
		p.keys, p.values = append(p.keys, key), append(p.values, value)
		out = append(out, value)
	}
	return out
}

func (p *printer) paramDeclarations() []string {
	var out []string
	for _, one := range p.plan.Params {
		if !one.List && one.Type.Kind != plan.Prefix {
			initial := " = 0"
			if !isNumber(one.Type) {
				initial = " = {}"
			}
			out = append(out, "const volatile "+p.declaration(one.Type, one.Name)+initial+";")
		}
		out = append(out, "const volatile u8 "+one.Name+"_given = 0;")
	}
	if p.used["bpf_ktime_get_ns"] && p.elapsed() {
		out = append(out, "const volatile u64 start_ns = 0;")
	}
	if p.plan.Limits.Rate > 0 {
		out = append(out, fmt.Sprintf("const volatile u64 records_per_second = %d;", p.plan.Limits.Rate))
	}
	return out
}

// elapsed reports whether the plan asks for the time since the start.
func (p *printer) elapsed() bool {
	found := false
	for i := range p.plan.Bodies {
		for _, e := range (&body{printer: p, plan: &p.plan.Bodies[i]}).expressions() {
			e.Walk(func(e *plan.Expr) { found = found || e.Op == plan.OpBuiltin && e.Name == "elapsed" })
		}
	}
	return found
}

func (p *printer) counters() []counter {
	var out []counter
	if p.plan.Channel.Kind != plan.MapChannel || p.used["lost"] {
		out = append(out, counter{"lost", "u64", "records that found no room"})
	}
	out = append(out, counter{"failed_reads", "u64", "values that could not be read"})
	if p.plan.Limits.Rate > 0 {
		out = append(out, counter{"limited", "u64", "records over the rate"})
	}
	if p.plan.Owners != nil {
		out = append(out, counter{"owners_full", "u64", "sockets that found no room in owners"})
	}
	if p.plan.Stacks != nil && p.plan.Stacks.User {
		out = append(out, counter{"spaces_lost", "u64", "processes whose stacks cannot be named: there was no room to tell of them"})
	}
	if t := p.plan.Table; t != nil && p.plan.Maps[t.Map].Double {
		m := &p.plan.Maps[t.Map]
		out = append(out, counter{"active", "volatile u32", fmt.Sprintf("which map counts: 0 for %s, 1 for %s", m.Name, m.Idle())})
	}
	if p.plan.Channel.Kind == plan.Ringbuf {
		out = append(out, counter{"idle", "volatile u32", "set while the reader sleeps"})
	}
	return out
}

// maps lists the tracer's maps. Those of params are made as large as the values given.
func (p *printer) maps() []mapping {
	var out []mapping
	switch p.plan.Channel.Kind {
	case plan.Perfbuf:
		out = append(out, mapping{Name: "events", Type: "PERF_EVENT_ARRAY", Key: "u32", Value: "u32"})
	case plan.Ringbuf:
		out = append(out, mapping{Name: "events", Type: "RINGBUF", Entries: p.plan.Channel.Size})
	}
	for i := range p.plan.Maps {
		m := &p.plan.Maps[i]
		one := mapping{Name: m.Name, Type: strings.ToUpper(string(m.Type)), Entries: m.Entries, Key: p.keyType(i), Value: p.valueType(i)}
		if m.Type == plan.LPMTrie {
			one.Flags = "BPF_F_NO_PREALLOC"
		}
		out = append(out, one)
		if m.Double {
			one.Name = m.Idle()
			out = append(out, one)
		}
	}
	for _, one := range p.plan.Params {
		switch {
		case one.Type.Kind == plan.Prefix:
			out = append(out, mapping{Name: one.Name, Type: "LPM_TRIE", Entries: 1, Key: "struct " + p.use("ip_prefix"), Value: "u8", Flags: "BPF_F_NO_PREALLOC"})
		case one.List:
			key := strings.TrimSuffix(p.declaration(one.Type, ""), " ")
			if one.Type.Kind == plan.String {
				key = fmt.Sprintf("char[%d]", one.Type.Size)
			}
			out = append(out, mapping{Name: one.Name, Type: "HASH", Entries: 1, Key: key, Value: "u8"})
		}
	}
	out = append(out, p.stackMaps()...)
	if p.used["function_name"] {
		out = append(out, mapping{Name: "functions", Type: "HASH", Entries: functionsHit, Key: "u32", Value: "char[64]", Flags: "BPF_F_NO_PREALLOC", Remark: "Names of the functions that probes of several ones were set at."})
	}
	if p.plan.Owners != nil {
		out = append(out, mapping{Name: "owners", Type: "HASH", Entries: p.plan.Owners.Entries, Key: "u64", Value: "struct " + p.use("owner_entry"), Remark: "By the address of a struct sock."})
	}
	if p.plan.Limits.Rate > 0 {
		out = append(out, mapping{Name: "seconds", Type: "LRU_HASH", Entries: 1024, Key: "u64", Value: "u64", Remark: "Records of each second of CLOCK_MONOTONIC; old seconds fall out."})
	}
	if len(p.tallies()) > 0 {
		out = append(out, mapping{Name: "tallies", Type: "PERCPU_ARRAY", Entries: 1, Key: "u32", Value: "struct tallies"})
	}
	if p.hasScratch() {
		out = append(out, mapping{Name: "scratch", Type: "PERCPU_ARRAY", Entries: len(p.plan.Bodies), Key: "u32", Value: "struct scratch", Remark: "One for each body."})
	}
	return out
}

// functionsHit is how many functions the probes of a tracer can be set at.
const functionsHit = 65536

// tallies lists the counters of all maps.
func (p *printer) tallies() []string {
	var out []string
	for i := range p.plan.Maps {
		out = append(out, p.plan.Maps[i].Counters()...)
	}
	return out
}

func (p *printer) hasScratch() bool {
	return p.plan.Channel.Kind == plan.Perfbuf || p.keyInScratch() || len(p.scratches) > 0
}

// scratch gives a name in struct scratch to what is too large for the stack.
func (p *printer) scratch(name string, t plan.Type) string {
	name = unique(p.scratched, identifier(name))
	p.scratches = append(p.scratches, p.declaration(t, name))
	return name
}

// scratchStruct is scratch for a struct of ours.
func (p *printer) scratchStruct(name, tag string) string {
	name = unique(p.scratched, name)
	p.scratches = append(p.scratches, "struct "+tag+" "+name)
	return name
}

func (p *printer) scratchMembers() []string {
	if !p.hasScratch() {
		return nil
	}
	out := []string{"volatile u32 busy;\t/* a program that interrupts its own kind on this CPU gives up */"}
	if p.plan.Channel.Kind == plan.Perfbuf {
		out = append(out, "struct event event __attribute__((aligned(8)));")
	}
	if p.keyInScratch() {
		_, key := p.tableMap()
		out = append(out, "struct "+key.Tag+" key;")
	}
	for _, one := range p.scratches {
		out = append(out, one+";")
	}
	return out
}

// identifier makes a C identifier of any name.
func identifier(name string) string {
	var b strings.Builder
	for _, r := range name {
		if r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			b.WriteRune(r)
		} else {
			b.WriteByte('_')
		}
	}
	if name == "" || name[0] >= '0' && name[0] <= '9' {
		return "arg" + b.String()
	}
	return b.String()
}

// unique returns name, numbered from 2 where it is taken, and takes it.
func unique(taken map[string]bool, name string) string {
	one := name
	for i := 2; taken[one]; i++ {
		one = name + strconv.Itoa(i)
	}
	taken[one] = true
	return one
}

func sorted[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }

func sortBy[T any](list []T, key func(T) int) {
	slices.SortStableFunc(list, func(a, b T) int { return cmp.Compare(key(a), key(b)) })
}
