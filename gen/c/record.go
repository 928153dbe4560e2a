package c

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ebgen/ebgen/spec/plan"
)

// write prints the whole function: filters first, then the record, reserved last and
// given away on every path.
func (b *body) write() {
	early := b.largeTexts()
	scratch := early || b.printer.plan.Channel.Kind == plan.Perfbuf
	at := func(text string) {
		b.list = append(b.list, statement{line: b.plan.Line, text: text})
	}
	leave := func(condition, how string) {
		b.list = append(b.list, statement{line: b.plan.Line, text: condition, body: []statement{{line: b.plan.Line, text: how}}})
	}
	take := func() {
		index := b.local("scratch index", "index", u32)
		at(fmt.Sprintf("%s = %d", index, b.index))
		at(fmt.Sprintf("s = %s(&scratch, &%s)", b.use("bpf_map_lookup_elem"), index))
		leave("!s || s->busy", "goto lost")
		at("s->busy = 1")
		b.leave = "goto out"
	}
	if early {
		take()
	}
	for i := range b.plan.Filters {
		b.filter(&b.plan.Filters[i])
	}
	if b.printer.plan.Limits.Rate > 0 {
		leave(b.use("over_rate")+"()", b.leave)
	}
	perfbuf := b.printer.plan.Channel.Kind == plan.Perfbuf
	switch {
	case perfbuf && !early:
		take()
		fallthrough
	case perfbuf:
		at("e = &s->event")
	default:
		at("e = " + b.use("bpf_ringbuf_reserve") + "(&events, sizeof(*e), 0)")
		leave("!e", pick(early, "goto full", "goto lost"))
	}
	b.record()
	if perfbuf {
		leave(b.use("bpf_perf_event_output")+"(ctx, &events, BPF_F_CURRENT_CPU, e, sizeof(*e))", b.use("count_one")+"(&lost)")
	} else {
		at(b.use("bpf_ringbuf_submit") + "(e, idle ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP)")
	}
	count := b.use("count_one") + "(&lost)"
	if scratch {
		if early && !perfbuf {
			at("goto out")
			at("full:")
			at(count)
		}
		if early { // what was taken after the filters has no other way here
			at("out:")
		}
		at("s->busy = 0")
	}
	at("return 0")
	at("lost:")
	at(count)
	at("return 0")
	b.variables = append(b.heads(scratch), b.variables...)
}

// heads declares the variables that every body has.
func (b *body) heads(scratch bool) []string {
	var out []string
	if scratch {
		out = append(out, "struct scratch *s")
	}
	out = append(out, "struct event *e")
	if b.printer.plan.Record.Absent >= 0 {
		out = append(out, "u64 absent = "+b.alwaysAbsent())
	}
	return out
}

// alwaysAbsent are the bits of the columns that this body does not have.
func (b *body) alwaysAbsent() string {
	var bits []string
	for i, f := range b.printer.plan.Record.Fields {
		if f.Bit >= 0 && !b.fills(i) {
			bits = append(bits, fmt.Sprintf("BIT(%d)", f.Bit))
		}
	}
	if len(bits) == 0 {
		return "0"
	}
	return strings.Join(bits, " | ")
}

func (b *body) fills(field int) bool {
	return slices.ContainsFunc(b.plan.Fields, func(a plan.Assign) bool { return a.Field == field })
}

// record fills every byte of the record.
func (b *body) record() {
	r := b.printer.plan.Record
	b.inFields = true
	for i := range b.plan.Fields {
		b.field(&b.plan.Fields[i])
	}
	b.line = b.plan.Line
	for i, f := range r.Fields {
		if !b.fills(i) {
			b.clear("e->"+b.fields[i], f.Type)
		}
	}
	for _, pad := range b.pads {
		b.zero("e->"+pad, 1)
	}
	if r.Absent >= 0 {
		b.emit("e->absent = absent")
	}
}

func (b *body) clear(to string, t plan.Type) {
	if isNumber(t) {
		b.emit(to + " = 0")
		return
	}
	b.zero(to, t.Size)
}

// field fills one column. What cannot be read leaves zeros and its bit in absent.
func (b *body) field(a *plan.Assign) {
	f := b.printer.plan.Record.Fields[a.Field]
	b.err, b.line, b.terms = "err", a.Line, map[string]int{}
	b.expression++
	to := "e->" + b.fields[a.Field]
	start := len(b.list)
	if short := a.Expr.Type.Size < f.Type.Size; short && !isNumber(f.Type) {
		b.zero(to, f.Type.Size)
	}
	b.store(to, &a.Expr)
	list := slices.Clone(b.list[start:])
	b.list = b.list[:start]
	b.line = a.Line
	verdict := func(err string) string {
		if f.Bit < 0 {
			return fmt.Sprintf("%s(%s)", b.use("failed"), err)
		}
		return fmt.Sprintf("absent |= %s(%s, BIT(%d))", b.use("missing"), err, f.Bit)
	}
	terms := countTerms(list, b.err)
	only := slices.IndexFunc(list, func(s statement) bool { return s.term == b.err })
	switch last := len(list) - 1; {
	case terms == 0:
		b.list = append(b.list, list...)
	case terms == 1 && only == last && !decides(&a.Expr):
		list[last].text, list[last].term = verdict(list[last].text), ""
		b.list = append(b.list, list...)
	case terms == 1 && only >= 0 && identifier(list[only].text) == list[only].text && !decides(&a.Expr):
		kept := list[only].text
		for i := range list {
			if list[i].unless == b.err {
				list[i].unless = kept
			}
			if list[i].text == b.err && len(list[i].body) > 0 {
				list[i].text = kept
			}
		}
		b.list = append(append(b.list, list[:only]...), list[only+1:]...)
		b.emit(verdict(kept))
	default:
		if decides(&a.Expr) {
			list = append(list, statement{line: a.Line, text: b.err, body: b.collect(func() { b.clear(to, f.Type) })})
		}
		b.declareErr()
		b.list = append(b.list, settle(list, b.err, a.Line)...)
		b.emit(verdict(b.err))
	}
}

// largeTexts reports whether the filters look at a text that is too large for the stack.
func (b *body) largeTexts() bool {
	found := false
	for i := range b.plan.Filters {
		b.plan.Filters[i].Expr.Walk(func(e *plan.Expr) {
			text := e.Type.Kind == plan.String || e.Type.Kind == plan.Bytes
			found = found || text && e.Op != plan.OpText && e.Op != plan.OpParam && e.Type.Size > large
		})
	}
	return found
}

// decides reports whether an expression chooses between values, so that a failure on the
// way may leave one that means nothing.
func decides(e *plan.Expr) bool {
	for e.Op == plan.OpCast {
		e = &e.Args[0]
	}
	return e.Op == plan.OpCond || e.Op == plan.OpBinary && (e.Name == "&&" || e.Name == "||")
}
