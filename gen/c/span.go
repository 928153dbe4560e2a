package c

import (
	"fmt"
	"slices"

	"github.com/ebgen/ebgen/spec/plan"
)

// spanParts is what the piece "span" prints: what the bodies do to the map of a span.
type spanParts struct {
	Name, Key, Value                         string // the map, tags of its structs
	Depth                                    int    // of a stack of calls; 0 for one start
	Refused, Inserted, Deleted               string // counters; those of an LRU map are "" in another one
	Unmatched, Restarted, Cancelled, TooDeep string
	Opens, Closes, Cancels                   bool
	Large                                    bool // the value; see tooLargeToAssign
	Small                                    bool // of Depth: an entry may lie on the stack of the program
}

// smallSpan is half of the stack of a BPF program (MAX_BPF_STACK, include/linux/filter.h):
// what is read for the span has the other half.
const smallSpan = 256

// spanParts describes the plan's span, or gives nil.
func (p *printer) spanParts() *spanParts {
	if p.plan.Span == nil {
		return nil
	}
	m := p.spanMap()
	out := &spanParts{Name: m.Name, Key: keyTag(m), Value: valueTag(m), Depth: m.Depth, Refused: m.Refused(),
		Unmatched: m.Unmatched(), Restarted: m.Restarted(), Cancelled: m.Cancelled(), TooDeep: m.TooDeep()}
	if plan.MapTypes[m.Type].LRU {
		out.Inserted, out.Deleted = m.Inserted(), m.Deleted()
	}
	for i := range p.plan.Bodies {
		s := p.plan.Bodies[i].Span
		if s == nil {
			continue
		}
		out.Opens = out.Opens || s.Action == plan.OpenSpan || s.Action == plan.MarkSpan
		out.Closes = out.Closes || s.Action == plan.CloseSpan
		out.Cancels = out.Cancels || s.Action == plan.CancelSpan
	}
	out.Small = m.Key.Size+m.Value.Size+m.ValueSize() <= smallSpan
	if out.Large = tooLargeToAssign(m); out.Large {
		p.use("bpf_probe_read_kernel")
	}
	p.use("TALLY")
	p.use("bpf_map_lookup_elem")
	p.use("bpf_map_delete_elem")
	if out.Closes && m.Depth == 0 {
		p.use("ENOENT")
	}
	if out.Opens {
		p.use("bpf_map_update_elem")
		if m.Depth == 0 {
			p.use("EEXIST")
		}
	}
	return out
}

// stackParts is the struct of a span's calls in one thread.
type stackParts struct {
	Tag, Value string
	Depth      int
}

// stackParts describes the stack of the plan's span, or gives nil.
func (p *printer) stackParts() *stackParts {
	if p.plan.Span == nil || p.spanMap().Depth == 0 {
		return nil
	}
	m := p.spanMap()
	return &stackParts{stackTag(m), valueTag(m), m.Depth}
}

func (p *printer) spanMap() *plan.Map { return &p.plan.Maps[p.plan.Span.Map] }

// stackTag names the struct of a span's calls in one thread.
func stackTag(m *plan.Map) string { return m.Name + "_stack" }

// spanNames are the names outside of functions that a span's map makes.
func spanNames(m *plan.Map) []string {
	return []string{m.Name + "_open", m.Name + "_close", m.Name + "_cancel", m.Name + "_zero"}
}

// beginStep asks the conditions of the body's step and, where the body ends a span, takes
// the span. It comes before anything else.
func (b *body) beginStep() {
	s := b.plan.Span
	if s == nil {
		return
	}
	for i := range s.When {
		b.filter(&s.When[i])
	}
	if s.Action != plan.CloseSpan {
		return
	}
	m := b.spanMap()
	b.spanKey()
	kept := "kept"
	if m.Value.Size > largeKey {
		if !b.holds {
			b.takeScratch("goto lost")
			b.early, b.leave = true, "goto out"
		}
		kept = "s->" + b.scratchStruct("kept", valueTag(m))
	} else {
		b.variables = append(b.variables, "struct "+valueTag(m)+" kept")
	}
	b.keptIn = kept + "."
	b.when(fmt.Sprintf("!%s_close(&%s_key, &%s)", m.Name, m.Name, kept), b.leave)
}

// endStep opens, marks or cancels a span.
func (b *body) endStep() {
	s := b.plan.Span
	if s == nil || s.Action == plan.CloseSpan {
		return
	}
	m := b.spanMap()
	b.spanKey()
	if s.Action == plan.CancelSpan {
		b.at(fmt.Sprintf("%s_cancel(&%s_key)", m.Name, m.Name))
		return
	}
	own := *b.plan
	own.Fields = s.Values
	b.plan, b.target, b.noting = &own, b.values[b.printer.plan.Span.Map], true
	value := "begun"
	if m.Value.Size > largeKey {
		if !b.holds {
			b.takeScratch(b.use("TALLY")+"("+m.Refused()+")", b.leave)
			b.early = true
		}
		value = "s->" + b.scratchStruct("begun", valueTag(m))
	} else {
		b.variables = append(b.variables, "struct "+valueTag(m)+" begun")
	}
	b.into = value + "."
	b.record()
	open := func() { b.at(fmt.Sprintf("%s_open(&%s_key, &%s)", m.Name, m.Name, value)) }
	if s.Action == plan.OpenSpan {
		open()
		return
	}
	b.variables = append(b.variables, "struct "+valueTag(m)+" *open")
	b.line = b.plan.Line
	b.at(fmt.Sprintf("open = %s(&%s, &%s_key)", b.use("bpf_map_lookup_elem"), m.Name, m.Name))
	b.branch("open", func() { b.merge(b.printer.plan.Span.Map, s.Values, "open", value) }, open)
}

// spanKey fills the key of the span. An event whose key cannot be read is none of the
// span's.
func (b *body) spanKey() {
	s, m := b.plan.Span, b.spanMap()
	layout := b.keys[b.printer.plan.Span.Map]
	name := m.Name + "_key"
	b.variables = append(b.variables, "struct "+layout.Tag+" "+name)
	b.err, b.terms = "err", map[string]int{}
	b.expression++
	start := len(b.list)
	for i := range s.Key {
		b.line = s.Line
		b.store(name+"."+layout.names[i], &s.Key[i])
	}
	for _, pad := range layout.pads {
		b.zero(name+"."+pad, 1)
	}
	list := slices.Clone(b.list[start:])
	b.list = b.list[:start]
	if countTerms(list, b.err) == 0 {
		b.list = append(b.list, list...)
		return
	}
	b.declareErr()
	b.list = append(b.list, settle(list, b.err, s.Line)...)
	b.when(b.use("failed")+"(err)", b.leave)
}

// kept is a number that the span kept.
func (b *body) kept(e *plan.Expr) value {
	v := primary(b.keptPlace(e), b.typeOf(e.Type))
	v.word = true // zero where it is absent
	return v
}

// keptPlace is where a field of the span that has ended lies. One that may be absent is
// asked whether it is.
func (b *body) keptPlace(e *plan.Expr) string {
	i := b.printer.plan.Span.Map
	field := b.printer.plan.Maps[i].Value.Field(e.Name)
	if field < 0 {
		panic(fail("line %d: the span keeps no %q", b.line, e.Name))
	}
	if bit := b.values[i].Fields[field].Bit; e.Int != 0 && bit >= 0 {
		b.mayFail(fmt.Sprintf("%sabsent & BIT(%d) ? %s : 0", b.keptIn, bit, b.use("NO_VALUE")))
	}
	return b.keptIn + b.values[i].names[field]
}
