package golang

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ebgen/ebgen/spec/plan"
)

// Refused is a spec that no package of this shape can carry.
type Refused struct {
	File string
	Line int
	What string // of the spec: "field stack"
	Why  string
}

// Error is "FILE:LINE: WHAT: WHY".
func (e *Refused) Error() string {
	return fmt.Sprintf("%s:%d: %s: %s", e.File, e.Line, e.What, e.Why)
}

// whyNot says of what a package cannot carry why it cannot.
const (
	whyStack   = "a stack is a number until its frames have names: a generated package has no symbolizer; use ebgen run"
	whyUser    = "a generated package does not search programs for functions and USDT probes, nor the kernel by a pattern; use ebgen run"
	whyPerfbuf = "a generated package reads ring buffers only; use channel: ringbuf, or ebgen run"
	whyFloat   = "a quantile that is computed with as a float is known to ebgen run only"
)

// Carries returns a *Refused for the first thing in the plan that a package cannot carry.
func Carries(p *plan.Plan) error {
	refused := func(line int, what, why string) error {
		return &Refused{File: p.File, Line: line, What: what, Why: why}
	}
	if p.Channel.Kind == plan.Perfbuf {
		return refused(p.Line, "channel perfbuf", whyPerfbuf)
	}
	for _, r := range records(p) {
		for _, f := range r.Fields {
			if f.Type.Kind == plan.Stack {
				return refused(f.Line, "field "+f.Name, whyStack)
			}
		}
	}
	if p.Stacks != nil {
		return refused(p.Line, "stacks", whyStack)
	}
	for _, probe := range p.Probes {
		if len(carried(probe)) == 0 && len(probe.Alternatives) > 0 {
			return refused(probe.Line, "probe "+probe.Name, whyUser)
		}
	}
	if p.Table == nil {
		return nil
	}
	for i, c := range p.Table.Columns {
		if c.Expr == nil {
			continue
		}
		why := ""
		c.Expr.Walk(func(e *plan.Expr) {
			if e.Op == plan.OpQuantile && e.Type.Kind == plan.Float {
				why = whyFloat
			}
		})
		if f := p.Record.Fields[i]; why != "" {
			return refused(f.Line, "field "+f.Name, why)
		}
	}
	return nil
}

// records lists the layouts of which a package has types.
func records(p *plan.Plan) []*plan.Record {
	list := []*plan.Record{&p.Record}
	if p.Table != nil {
		m := &p.Maps[p.Table.Map]
		list = append(list, &m.Key, &m.Value)
	}
	return list
}

// carried returns the alternatives of a probe that a package can attach.
func carried(p plan.Probe) []plan.Attachment {
	return slices.DeleteFunc(slices.Clone(p.Alternatives), func(a plan.Attachment) bool { return a.Kind.UserSpace() || strings.Contains(a.Target, "*") })
}
