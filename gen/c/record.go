package c

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ebgen/ebgen/spec/plan"
)

// send makes a record and gives it to the channel.
func (b *body) send() {
	perfbuf := b.printer.plan.Channel.Kind == plan.Perfbuf
	if perfbuf {
		b.at("e = &s->event")
	} else {
		b.at("e = " + b.use("bpf_ringbuf_reserve") + "(&events, sizeof(*e), 0)")
		b.when("!e", b.noRoom()...)
	}
	b.record()
	if perfbuf {
		b.when(b.use("bpf_perf_event_output")+"(ctx, &events, BPF_F_CURRENT_CPU, e, sizeof(*e))", b.lose())
	} else {
		b.at(b.use("bpf_ringbuf_submit") + "(e, idle ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP)")
	}
}

// heads declares the variables that are no value of the spec's.
func (b *body) heads() []string {
	var out []string
	if b.holds {
		out = append(out, "struct scratch *s")
	}
	switch {
	case b.noting:
	case !b.plan.Emits && b.keepsAbsent:
		return append(out, "u64 absent")
	case !b.plan.Emits:
		return out
	case b.printer.plan.Table == nil:
		out = append(out, "struct event *e")
	default:
		out = append(out, b.rowVariables()...)
	}
	switch {
	case b.target != nil && b.target.Absent >= 0:
		out = append(out, "u64 absent = "+b.alwaysAbsent())
	case b.keepsAbsent:
		out = append(out, "u64 absent")
	}
	return out
}

// alwaysAbsent are the bits of the columns that this body does not have.
func (b *body) alwaysAbsent() string {
	var bits []string
	for i, f := range b.target.Fields {
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

// record fills every byte of the target: a record, or the key of a row.
func (b *body) record() {
	b.inFields = true
	for i := range b.plan.Fields {
		b.field(&b.plan.Fields[i])
	}
	b.line = b.plan.Line
	for i, f := range b.target.Fields {
		if !b.fills(i) {
			b.clear(b.into+b.target.names[i], f.Type)
		}
	}
	for _, pad := range b.target.pads {
		b.zero(b.into+pad, 1)
	}
	switch {
	case b.target.Absent < 0:
	case b.target.word == "present":
		b.emit(fmt.Sprintf("%spresent = ~absent & %#xULL", b.into, b.target.bits()))
	default:
		b.emit(b.into + "absent = absent")
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
	f := b.target.Fields[a.Field]
	b.err, b.line, b.terms = "err", a.Line, map[string]int{}
	b.expression++
	to := b.into + b.target.names[a.Field]
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

// largeTexts reports whether an expression looks into a text that is too large for the stack:
// those that are stored as they are go to where they are stored. A path is too large itself.
func (b *body) largeTexts() bool {
	found := false
	for _, e := range b.expressions() {
		e.Walk(func(e *plan.Expr) {
			for _, x := range e.Args {
				text := isText(x.Type) && x.Op != plan.OpText && x.Op != plan.OpParam
				found = found || text && !isText(e.Type) && x.Type.Size > large
			}
			found = found || e.Op == plan.OpCall && e.Name == "path"
		})
	}
	return found
}

func isText(t plan.Type) bool { return t.Kind == plan.String || t.Kind == plan.Bytes }

// decides reports whether an expression chooses between values, so that a failure on the
// way may leave one that means nothing.
func decides(e *plan.Expr) bool {
	for e.Op == plan.OpCast {
		e = &e.Args[0]
	}
	return e.Op == plan.OpCond || e.Op == plan.OpBinary && (e.Name == "&&" || e.Name == "||")
}
