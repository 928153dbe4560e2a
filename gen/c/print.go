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
	kernel kernel

	columns map[string]bool // names taken in struct event
	fields  []string        // C names of the record's fields
	pads    []string        // C names of its gaps

	scratches []string // members of struct scratch beside the record
}

// kernel is what the pieces have to know of the kernel that the plan was checked
// against.
type kernel struct {
	IPv6 bool // struct sock_common has IPv6 addresses (CONFIG_IPV6)
}

// file is what the template tracer.c.tmpl prints.
type file struct {
	Spec        string
	Description []string
	Here        string // gives the lines that follow to the generated file again
	Types       []string
	Helpers     []helper
	Structs     []string
	Constants   []plan.Constant
	Record      struct {
		Size    int
		Members []recordMember
	}
	Params        []string
	Counters      []counter
	Maps          []mapping
	Functions     []string
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
		plan: p, params: map[string]plan.Param{}, names: maps.Clone(reserved), used: map[string]bool{}, tags: map[string]bool{},
		columns: maps.Clone(plan.Keywords),
	}
	out.columns["absent"] = true
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
	for _, f := range p.Record.Fields {
		out.fields = append(out.fields, out.memberName(f.Name))
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

// print prints the parts and puts them into the template. The record comes first, since
// the bodies fill its gaps, then the bodies: they say what else is used.
func (p *printer) print() string {
	f := file{Spec: comment(p.plan.File), Description: comments(p.plan.Description), Here: here, Constants: p.plan.Constants}
	f.Record.Size, f.Record.Members = p.plan.Record.Size, p.recordMembers()
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
	f.Types, f.Functions = p.rendered(typePieces), p.rendered(functionPieces)
	for _, h := range helpers {
		if p.used[h.Name] {
			f.Helpers = append(f.Helpers, h)
		}
	}
	var b bytes.Buffer
	if err := files.ExecuteTemplate(&b, "tracer.c.tmpl", f); err != nil {
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

// functions prints the bodies, each with the programs that call it.
func (p *printer) functions() []function {
	var out []function
	for i := range p.plan.Bodies {
		b := p.newBody(i)
		b.name = p.plan.Bodies[i].Name
		if identifier(b.name) != b.name || p.names[b.name] {
			b.name = unique(p.names, identifier(b.name)+"_body")
		}
		p.names[b.name] = true
		b.write()
		f := function{At: p.at(b.plan.Line), Name: b.name, Params: b.parameters(), Variables: b.variables, Code: p.code(b.list, 1)}
		var probes []string
		for _, probe := range p.plan.Probes {
			for _, a := range probe.Alternatives {
				if a.Body == i {
					probes = append(probes, probe.Name)
					f.Programs = append(f.Programs, p.attachment(a, b, probe.Line))
				}
			}
		}
		f.Probes = comment(strings.Join(slices.Compact(probes), ", "))
		out = append(out, f)
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
	for _, b := range p.plan.Bodies {
		look := func(e *plan.Expr) { found = found || e.Op == plan.OpBuiltin && e.Name == "elapsed" }
		for i := range b.Filters {
			b.Filters[i].Expr.Walk(look)
		}
		for i := range b.Fields {
			b.Fields[i].Expr.Walk(look)
		}
	}
	return found
}

func (p *printer) counters() []counter {
	out := []counter{
		{"lost", "u64", "records that found no room"},
		{"failed_reads", "u64", "values that could not be read"},
	}
	if p.plan.Limits.Rate > 0 {
		out = append(out, counter{"limited", "u64", "records over the rate"})
	}
	if p.plan.Owners != nil {
		out = append(out, counter{"owners_full", "u64", "sockets that found no room in owners"})
	}
	if p.plan.Channel.Kind != plan.Perfbuf {
		out = append(out, counter{"idle", "volatile u32", "set while the reader sleeps"})
	}
	return out
}

// maps lists the tracer's maps. Those of params are made as large as the values given.
func (p *printer) maps() []mapping {
	var out []mapping
	if p.plan.Channel.Kind == plan.Perfbuf {
		out = append(out, mapping{Name: "events", Type: "PERF_EVENT_ARRAY", Key: "u32", Value: "u32"})
	} else {
		out = append(out, mapping{Name: "events", Type: "RINGBUF", Entries: p.plan.Channel.Size})
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
	if p.plan.Owners != nil {
		out = append(out, mapping{Name: "owners", Type: "HASH", Entries: p.plan.Owners.Entries, Key: "u64", Value: "struct " + p.use("owner_entry"), Remark: "By the address of a struct sock."})
	}
	if p.plan.Limits.Rate > 0 {
		out = append(out, mapping{Name: "seconds", Type: "LRU_HASH", Entries: 1024, Key: "u64", Value: "u64", Remark: "Records of each second of CLOCK_MONOTONIC; old seconds fall out."})
	}
	if p.hasScratch() {
		out = append(out, mapping{Name: "scratch", Type: "PERCPU_ARRAY", Entries: len(p.plan.Bodies), Key: "u32", Value: "struct scratch", Remark: "One for each body."})
	}
	return out
}

func (p *printer) hasScratch() bool {
	return p.plan.Channel.Kind == plan.Perfbuf || len(p.scratches) > 0
}

// scratch gives a name in struct scratch to what is too large for the stack.
func (p *printer) scratch(name string, t plan.Type) string {
	name = unique(p.columns, identifier(name))
	p.scratches = append(p.scratches, p.declaration(t, name))
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
	for _, one := range p.scratches {
		out = append(out, one+";")
	}
	return out
}

// memberName makes a name of struct event that nothing else has.
func (p *printer) memberName(name string) string { return unique(p.columns, identifier(name)) }

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
