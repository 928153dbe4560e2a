package check

import (
	"cmp"
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

// point is a place in the life of a span, as the spec gives it.
type point struct {
	action plan.SpanAction
	stage  string        // the instant that it notes; "" for cancel
	key    []spec.Scalar // of each part; none for the running thread
	when   []spec.Scalar // conditions of its own
	keep   []spec.Field
}

// spanState is what the checker knows of the spec's span.
type spanState struct {
	*entries
	stages     []string // in order, the end last
	slots      map[slot]string
	short      bool // from the entry to the return of one function: args are the entry's
	byCall     bool // the calls of a thread are told apart by the stack pointers of their callers
	entry      []probe.Candidate
	args       []probe.Param // of a short span: the entry's arguments that the end reads
	absentArgs []string      // of a short span: those that the end would read if the entry had them
}

// startStage is the stage that `start:` notes; endStage is the end's.
const (
	startStage = "start"
	endStage   = "end"
)

// spanName names the span's map, and what counts for it.
const spanName = "span"

// Depths of a span that follows one function in one thread: how often the function may
// be in progress in it. Recursion through a stacked file system or a nested page fault is
// two or three deep; a large value is held less often, since all of it is set aside.
const (
	deep         = 8
	shallow      = 4
	largestDeep  = 64 // bytes of a value that is kept `deep` times
	argumentMark = "args_"
)

// arrangeSpan makes duties of the points of a span. Where one event ends one span and
// starts another one, the end comes first. So it does in the order in which probes are
// attached, and it comes last when they are taken off: what starts in between has an end.
func (c *checker) arrangeSpan() {
	c.span = &spanState{entries: &entries{name: spanName, use: plan.SpanMap, line: c.lineOf(c.doc.Span.At), at: c.doc.Span.At, keys: []*entryField{{}}}}
	c.maps = append(c.maps, c.span.entries)
	c.span.limit(c, c.doc.Span.Entries, c.doc.Span.OnFull)
	if c.doc.Span.Short.Given() {
		c.arrangeShort(c.doc.Span.Short)
		c.nameSlots()
		return
	}
	type placed struct {
		spec.Point
		point
	}
	var all []placed
	add := func(list []spec.Point, action plan.SpanAction, stage string) {
		for _, p := range list {
			one := placed{p, point{action: action, stage: stage, key: p.Key, when: p.Filter}}
			if len(p.Key) == 0 {
				one.key = c.doc.Span.Key
			}
			if action == plan.OpenSpan || action == plan.MarkSpan {
				one.keep = p.Keep
				if action == plan.OpenSpan && len(p.Keep) == 0 {
					one.keep = c.doc.Span.Keep
				}
			}
			all = append(all, one)
		}
	}
	if len(c.doc.Stages) > 0 {
		for i, s := range c.doc.Stages {
			action := plan.MarkSpan
			switch i {
			case 0:
				action = plan.OpenSpan
			case len(c.doc.Stages) - 1:
				action = plan.CloseSpan
			}
			c.span.stages = append(c.span.stages, s.Name.Value)
			add(s.Points, action, s.Name.Value)
		}
	} else {
		c.span.stages = []string{startStage, endStage}
		add(c.doc.Span.Start, plan.OpenSpan, startStage)
		add(c.doc.Span.End, plan.CloseSpan, endStage)
	}
	add(c.doc.Span.Cancel, plan.CancelSpan, "")
	for _, p := range all {
		for len(c.span.keys) < len(p.key) {
			c.span.keys = append(c.span.keys, &entryField{})
		}
	}
	order := map[plan.SpanAction]int{plan.CloseSpan: 0, plan.CancelSpan: 1, plan.MarkSpan: 2, plan.OpenSpan: 3}
	slices.SortStableFunc(all, func(a, b placed) int { return cmp.Compare(order[a.action], order[b.action]) })
	for _, p := range all {
		d := &duty{point: &p.point}
		if p.action == plan.CloseSpan {
			d.filters, d.fields = c.doc.Filter, c.doc.Fields
		}
		c.station(p.Probe, c.alternatives(p.Probe), p.Probe.Value, d)
	}
	c.nameSlots()
}

// arrangeShort makes the two duties of a span from the entry to the return of a function.
func (c *checker) arrangeShort(s spec.Scalar) {
	c.span.short, c.span.stages = true, []string{startStage, endStage}
	entry := c.alternatives(s)
	if _, none := cutNone(s); none {
		c.diags.Errorf(s.Span(), "without its probe there is no span").Hint = "none is for one of several probes"
	}
	var back []alternative
	name := ""
	for _, a := range entry {
		found, err := c.resolve(s, a)
		if err != nil || len(found) == 0 {
			continue // said when the entry is tried
		}
		if found[0].ReturnProbe == "" {
			why := "has no return that could end a span"
			if params := found[0].Params; len(params) > 0 && params[0].Source.From == plan.GoRegister {
				why = "is a function of Go, whose return cannot be probed: Go moves its stacks"
			}
			c.diags.Errorf(s.At(a.span), "%s %s", a.text, why).Hint = "write span: {start: PROBE, end: PROBE, key: EXPRESSION}"
			continue
		}
		c.span.entry = append(c.span.entry, found...)
		back = append(back, alternative{found[0].ReturnProbe, a.span})
		if name != "" {
			name += " | "
		}
		name += found[0].ReturnProbe
		switch {
		case found[0].Caller != nil:
			c.span.byCall = true
		case found[0].Kind == plan.Fentry || found[0].Kind == plan.Kprobe:
			c.span.depth = deep
		}
	}
	if c.span.byCall {
		c.span.keys, c.span.depth = append(c.span.keys, &entryField{}), 0
	}
	// The return is attached before the entry and taken off after it, so that no call is
	// left open in between.
	if len(back) > 0 {
		c.station(s, back, name, &duty{point: &point{action: plan.CloseSpan, stage: endStage}, filters: c.doc.Filter, fields: c.doc.Fields})
	}
	c.station(s, entry, s.Value, &duty{point: &point{action: plan.OpenSpan, stage: startStage, keep: c.doc.Span.Keep}})
}

// step checks what a body does to the span, apart from what it keeps.
func (b *body) step() {
	p := b.duty.point
	if p == nil {
		return
	}
	b.span = &plan.SpanStep{Action: p.action, Line: b.probe.Line}
	for _, s := range p.when {
		if f, ok := b.conditionOf(s); ok {
			b.span.When = append(b.span.When, f)
		}
	}
	if len(p.key) > 0 {
		b.span.Key = b.keys(b.checker.span.entries, p.key)
	} else {
		b.span.Key = b.threadKey()
	}
	b.opened = p.action == plan.CloseSpan
}

// threadKey is the running thread, the key of a span that gives none. The idle threads of
// all CPUs have the number 0; ~cpu tells them apart, and is no thread's number
// (PID_MAX_LIMIT is 2^22, include/linux/threads.h).
func (b *body) threadKey() []plan.Expr {
	builtin := func(name string) plan.Expr {
		return plan.Expr{Op: plan.OpBuiltin, Type: plan.Builtins[name].Type, Line: b.probe.Line, Name: name}
	}
	tid, none := builtin("tid"), constant(0, u32).expr
	busy := plan.Expr{Op: plan.OpBinary, Type: boolean, Line: b.probe.Line, Name: "!=", Args: []plan.Expr{tid, none}}
	idle := plan.Expr{Op: plan.OpUnary, Type: u32, Line: b.probe.Line, Name: "~", Args: []plan.Expr{builtin("cpu")}}
	own := plan.Expr{Op: plan.OpCond, Type: tid.Type, Line: b.probe.Line, Args: []plan.Expr{busy, tid, idle}}
	s := b.checker.span
	if len(s.keys) > 1 && !s.byCall {
		b.diags.Errorf(b.scalar.Span(), "the span has %s elsewhere, here it has none, which is the running thread", keyCount(len(s.keys)))
		return nil
	}
	key := []plan.Expr{b.key(s.entries, 0, value(own))}
	if s.byCall {
		caller := constant(0, u64) // of a function of the kernel, beside one of user space
		if b.candidate.Caller != nil {
			caller = b.pass(*b.candidate.Caller)
		}
		key = append(key, b.key(s.entries, 1, caller))
	}
	return key
}

// keep checks what a body that opens or marks a span notes in it.
func (b *body) keep() {
	p, s := b.duty.point, b.checker.span
	if p == nil || p.action != plan.OpenSpan && p.action != plan.MarkSpan {
		return
	}
	s.writers++
	now := value(plan.Expr{Op: plan.OpBuiltin, Type: plan.Builtins["time"].Type, Line: b.span.Line, Name: "time"})
	b.span.Values = append(b.span.Values, b.assign(s.entries, p.stage, now, b.span.Line))
	for _, f := range p.keep {
		if slices.Contains(s.stages, f.Name.Value) {
			b.diags.Errorf(f.Name.Span(), "%q is an instant of the span, and cannot be kept", f.Name.Value)
			continue
		}
		if o, ok := b.keptValue(f); ok {
			b.span.Values = append(b.span.Values, b.assign(s.entries, s.slots[slot{p.stage, f.Name.Value}], o, b.line))
		}
	}
	for _, a := range s.args {
		i := slices.IndexFunc(b.candidate.Params, func(p probe.Param) bool { return p.Name == a.Name })
		switch {
		case i < 0 && b.candidate.NoArgs != "":
			b.refuse(whole(b.scalar), "", "%s: %s", b.candidate, b.candidate.NoArgs)
		case i < 0:
			b.refuse(whole(b.scalar), "", "%s has no argument %q", b.candidate, a.Name)
		case b.candidate.Params[i].Source.From == "" || b.candidate.Params[i].Barred != "":
			why := cmp.Or(b.candidate.Params[i].Why, b.candidate.Params[i].Barred)
			b.refuse(whole(b.scalar), "", "%s: argument %s cannot be read: %s", b.candidate, a.Name, why)
		default:
			b.span.Values = append(b.span.Values, b.assign(s.entries, argumentMark+a.Name, b.pass(b.candidate.Params[i]), b.span.Line))
		}
	}
	b.absentArgs = append(b.absentArgs, s.absentArgs...)
	slices.SortStableFunc(b.span.Values, func(x, y plan.Assign) int { return cmp.Compare(x.Field, y.Field) })
}

// entryArgument is args.NAME at the end of a short span: what the entry was given.
func (b *body) entryArgument(n *expr.Member) operand {
	s := b.checker.span
	for _, c := range s.entry {
		for i, p := range c.Params {
			if p.Name != n.Name && strconv.Itoa(i) != n.Name || p.Source.From == "" {
				continue
			}
			if !slices.ContainsFunc(s.args, func(a probe.Param) bool { return a.Name == p.Name }) {
				s.args = append(s.args, p)
				b.learned = true
			}
			return b.kept(n, argumentMark+p.Name)
		}
	}
	if b.tolerant > 0 {
		if !slices.Contains(s.absentArgs, n.Name) {
			s.absentArgs = append(s.absentArgs, n.Name)
			b.learned = true
		}
		b.withoutArgument(n.Name)
		return operand{}
	}
	var names []string
	for _, c := range s.entry[:min(1, len(s.entry))] {
		names = c.Names()
	}
	f := b.fail(n.NameAt, "%s has no argument %q", b.checker.span.entry[0], n.Name)
	if near := ktype.Nearest(n.Name, names); len(near) > 0 {
		return f.hint("did you mean %s?", source.OrList(near))
	}
	return f.hint("its arguments are %s", source.OrList(names))
}

// ofSpan is what a bare name means in the body that ends a span: an instant of it, or how
// long it took.
func (b *body) ofSpan(n *expr.Ident) (operand, bool) {
	s := b.checker.span
	if s == nil {
		return operand{}, false
	}
	stage := slices.Index(s.stages, n.Name)
	if s.stages[len(s.stages)-1] == endStage && stage == len(s.stages)-1 {
		stage = -1 // `end` is a word of the file, not of expressions
	}
	if stage < 0 && n.Name != "duration" {
		return operand{}, false
	}
	if !b.opened {
		return b.fail(n, "%s is known where the span ends, not here", n.Name), true
	}
	now := value(plan.Expr{Op: plan.OpBuiltin, Type: plan.Builtins["time"].Type, Line: b.line, Name: "time"})
	switch {
	case n.Name != "duration" && stage < len(s.stages)-1:
		return b.kept(n, n.Name), true
	case n.Name != "duration":
		return now, true
	}
	// A span that was opened by a stage in between begins there.
	first := b.kept(n, s.stages[len(s.stages)-2])
	for i := len(s.stages) - 3; i >= 0 && first.valid; i-- {
		earlier := b.kept(n, s.stages[i])
		if !earlier.valid {
			return operand{}, true
		}
		first.expr = plan.Expr{Op: plan.OpDefault, Type: first.expr.Type, Line: b.line, Args: []plan.Expr{earlier.expr, first.expr}}
	}
	if !first.valid {
		return operand{}, true
	}
	if first.expr.Op == plan.OpDefault { // one of them opened it
		last := &first.expr
		for last.Op == plan.OpDefault {
			last = &last.Args[1]
		}
		last.Int = 0
	}
	t := u64
	t.Meaning = plan.Duration
	return value(plan.Expr{Op: plan.OpBinary, Type: t, Line: b.line, Name: "-", Args: []plan.Expr{b.convert(now.expr, t), b.convert(first.expr, t)}}), true
}

// notes reports whether a name is that of an instant before the span's end.
func (s *spanState) notes(name string) bool {
	return s != nil && slices.Contains(s.stages[:len(s.stages)-1], name)
}

// keeps are the names of what the points of a stage keep.
func (c *checker) keeps(stage string) (names []string) {
	for _, site := range c.sites {
		for _, d := range site.duties {
			if d.point == nil || d.point.stage != stage {
				continue
			}
			for _, f := range d.point.keep {
				names = append(names, f.Name.Value)
			}
		}
	}
	return names
}

// slot is what a stage keeps under a name.
type slot struct{ stage, name string }

// nameSlots gives what each stage keeps a field of its own in the span's map. The name alone
// serves where no other stage keeps it; an argument of the entry has a marked one.
func (c *checker) nameSlots() {
	c.span.slots = map[slot]string{}
	used, keepers := map[string]bool{}, map[string]int{}
	for _, stage := range c.span.stages {
		used[stage] = true
		for _, name := range slices.Compact(slices.Sorted(slices.Values(c.keeps(stage)))) {
			keepers[name]++
		}
	}
	for _, alone := range []bool{true, false} {
		for _, stage := range c.span.stages {
			for _, name := range c.keeps(stage) {
				one := slot{stage, name}
				if plain := keepers[name] == 1 && !used[name] && !strings.HasPrefix(name, argumentMark); plain == alone && c.span.slots[one] == "" {
					if alone {
						c.span.slots[one] = unique(used, name)
					} else {
						c.span.slots[one] = unique(used, stage+"_"+name)
					}
				}
			}
		}
	}
}

// started is STAGE.NAME: what a point of that stage kept.
func (b *body) started(n *expr.Member, stage string) operand {
	if !b.opened {
		return b.fail(n, "%s.%s is known where the span ends, not here", stage, n.Name)
	}
	names := b.keeps(stage)
	if slices.Contains(names, n.Name) {
		return b.kept(n, b.checker.span.slots[slot{stage, n.Name}])
	}
	what := "the span"
	if len(b.doc.Stages) > 0 {
		what = "stage " + stage
	}
	f := b.fail(n.NameAt, "%s keeps no %q", what, n.Name)
	if near := ktype.Nearest(n.Name, names); len(near) > 0 {
		return f.hint("did you mean %s?", source.OrList(near))
	}
	return f.hint("keep it there: {probe: PROBE, keep: {%s: EXPRESSION}}", n.Name)
}

// kept reads one field of the span that the body has closed.
func (b *body) kept(n spanner, name string) operand {
	f := b.checker.span.field(name)
	if f == nil {
		b.pending = true
		return operand{}
	}
	e := plan.Expr{Op: plan.OpKept, Type: f.typ, Line: b.line, Name: name}
	if f.partial {
		e.Int = 1
	}
	return f.operand(b, e)
}
