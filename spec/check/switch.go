package check

import (
	"slices"
	"strings"

	"github.com/ebgen/ebgen/spec"
	"github.com/ebgen/ebgen/spec/expr"
	"github.com/ebgen/ebgen/spec/plan"
)

// switchKeys says how a span at sched_switch is kept by the thread that it is of.
const switchKeys = "key: args.prev.pid where a thread leaves the CPU, args.next.pid where it comes"

// wakeups are tracepoints at which the running thread wakes another one.
var wakeups = []string{"sched_waking", "sched_wakeup", "sched_wakeup_new"}

// fires reports whether one of a site's alternatives is one of the tracepoints.
func (s *site) fires(tracepoints ...string) bool {
	return slices.ContainsFunc(s.list, func(a alternative) bool {
		return slices.Contains(tracepoints, a.text[strings.LastIndexByte(a.text, ':')+1:])
	})
}

// threadsOfSwitches warns of spans of the scheduler that are kept by the running thread, or
// that ask for it where they end. At sched_switch the running thread is the one that leaves
// the CPU, at a wakeup it is the one that wakes (include/trace/events/sched.h, 6.18).
func (c *checker) threadsOfSwitches() {
	keyless := map[plan.SpanAction]*site{}
	scheduler := 0
	for _, s := range c.sites {
		for _, d := range s.duties {
			if d.point == nil {
				continue
			}
			if s.fires("sched_switch") || s.fires(wakeups...) {
				scheduler++
			}
			if len(d.point.key) == 0 && s.fires("sched_switch") {
				keyless[d.point.action] = s
			}
			if d.point.action == plan.CloseSpan && s.fires("sched_switch") {
				c.threadAtEnd(s, d)
			}
		}
	}
	if end := keyless[plan.CloseSpan]; end != nil && keyless[plan.OpenSpan] != nil {
		c.diags.Warnf(end.at.Span(), "the span starts and ends at sched_switch without a key: at its end the running thread is still the one that leaves the CPU").Hint = switchKeys
	}
	for _, s := range c.sites {
		for _, d := range s.duties {
			if d.point != nil && len(d.point.key) == 0 && scheduler > 1 && s.fires(wakeups...) {
				c.diags.Warnf(s.at.Span(), "this point of the span has no key, and the running thread is the one that wakes here, not the one that is woken").Hint = "key: args.p.pid, or args.pid of tracepoint:sched"
			}
		}
	}
}

// threadAtEnd warns of what the end of a span says of the running thread, when the span is
// of the one that comes.
func (c *checker) threadAtEnd(s *site, d *duty) {
	if !slices.ContainsFunc(d.point.key, func(s spec.Scalar) bool { return strings.Contains(s.Value, "args.next") }) {
		return
	}
	raw := map[string]string{"comm": "str(args.next.comm)", "pid": "args.next.tgid", "tid": "args.next.pid", "curtask": "args.next"}
	if !strings.HasPrefix(s.name, "raw") {
		raw = map[string]string{"comm": "args.next_comm", "tid": "args.next_pid"}
	}
	look := func(at spec.Scalar, known []spec.Field) {
		n, err := c.parse(at)
		if !at.Given() || err != nil {
			return
		}
		expr.Walk(n, func(n expr.Node) bool {
			id, ok := n.(*expr.Ident)
			if !ok || !plan.Builtins[id.Name].Context && id.Name != "kstack" || slices.ContainsFunc(known, func(f spec.Field) bool { return f.Name.Value == id.Name }) {
				return true
			}
			w := c.diags.Warnf(at.At(id.Span()), "%s is of the thread that leaves the CPU, and the span is of the one that comes", id.Name)
			switch instead := raw[id.Name]; {
			case instead != "":
				w.Hint = instead
			case strings.HasSuffix(id.Name, "stack"):
				w.Hint = "keep it where the thread leaves: keep: {stack: " + id.Name + "}"
			}
			return true
		})
	}
	for i, f := range d.fields {
		look(f.Expr, d.fields[:i])
	}
	for _, f := range d.filters {
		look(f, d.fields)
	}
	for _, f := range d.point.when {
		look(f, nil)
	}
}
