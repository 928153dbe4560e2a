package golang

import (
	"slices"

	"github.com/ebgen/ebgen/spec/plan"
)

// features are the names behind `//ebgen:if` in the machinery that hold for a package.
type features map[string]bool

// kindFeatures names what each kind of attachment needs of the machinery.
var kindFeatures = map[plan.AttachKind][]string{
	plan.RawTracepoint: {"rawtracepoint"},
	plan.Tracepoint:    {"tracepoint", "perf"},
	plan.Kprobe:        {"kprobe", "anykprobe"},
	plan.Kretprobe:     {"kretprobe", "anykprobe"},
	plan.Fentry:        {"trampoline"},
	plan.Fexit:         {"trampoline"},
	plan.Iterator:      {"anyiterator"},
	plan.Profile:       {"sampled", "perf"},
	plan.Interval:      {"sampled", "perf"},
	plan.Software:      {"sampled", "perf"},
	plan.Hardware:      {"sampled", "perf"},
	plan.Begin:         {"ondemand"},
	plan.End:           {"ondemand"},
}

// featuresOf says what a plan needs. Types add theirs when they are printed.
func featuresOf(p *plan.Plan) features {
	has := features{}
	probes := slices.Clone(p.Probes)
	alone := true // nothing fires by itself
	for _, probe := range probes {
		for _, a := range carried(probe) {
			alone = alone && !a.Kind.Fires()
		}
	}
	if p.Owners != nil {
		has["owners"] = true
		probes = append(probes, p.Owners.Probes...)
		probes = append(probes, slices.Concat(p.Owners.Ways...)...)
	}
	for _, probe := range probes {
		for _, a := range carried(probe) {
			for _, name := range kindFeatures[a.Kind] {
				has[name] = true
			}
		}
	}
	has["members"] = len(Structs(p)) > 0
	has["arguments"] = slices.ContainsFunc(p.Probes, func(probe plan.Probe) bool {
		return slices.ContainsFunc(carried(probe), func(a plan.Attachment) bool { _, args := Arguments(p, a); return len(args) > 0 })
	})
	for i := range p.Bodies {
		walkBody(&p.Bodies[i], func(e *plan.Expr) {
			if e.Op == plan.OpBuiltin && e.Name == "elapsed" {
				has["elapsed"] = true
			}
		})
	}
	for i := range p.Maps {
		m := &p.Maps[i]
		has["tallies"] = has["tallies"] || len(m.Counters()) > 0
		has["left"] = has["left"] || leftCounted(m)
	}
	switch {
	case p.Table == nil:
		has["ring"], has["flag"] = true, true
		has["iteratorrecords"] = has["anyiterator"]
		has["iteratorsalone"] = has["anyiterator"] && alone
	case p.Maps[p.Table.Map].Double:
		has["double"], has["flag"], has["iteratortakes"] = true, true, has["anyiterator"]
	default:
		has["iteratorrows"] = has["anyiterator"]
	}
	if p.Table != nil {
		m := &p.Maps[p.Table.Map]
		has["table"] = true
		has["keyed"], has["onerow"] = len(m.Key.Fields) > 0, len(m.Key.Fields) == 0
		has["percpu"] = plan.MapTypes[m.Type].PerCPU
		has["lrutable"] = plan.MapTypes[m.Type].LRU && m.Double
	}
	return has
}

// leftCounted reports whether it is of interest how many entries a map holds at the end.
func leftCounted(m *plan.Map) bool {
	return m.Use == plan.SpanMap || plan.MapTypes[m.Type].LRU
}

// walkBody visits every expression of a body.
func walkBody(b *plan.Body, visit func(*plan.Expr)) {
	each := func(list []plan.Expr) {
		for i := range list {
			list[i].Walk(visit)
		}
	}
	assigns := func(list []plan.Assign) {
		for i := range list {
			list[i].Expr.Walk(visit)
		}
	}
	filters := func(list []plan.Filter) {
		for i := range list {
			list[i].Expr.Walk(visit)
		}
	}
	filters(b.Filters)
	assigns(b.Fields)
	for i := range b.Updates {
		for _, e := range []*plan.Expr{b.Updates[i].Value, b.Updates[i].When} {
			if e != nil {
				e.Walk(visit)
			}
		}
	}
	if b.Span != nil {
		filters(b.Span.When)
		each(b.Span.Key)
		assigns(b.Span.Values)
	}
	for i := range b.Saves {
		each(b.Saves[i].Key)
		assigns(b.Saves[i].Values)
	}
	for i := range b.Deletes {
		each(b.Deletes[i].Key)
	}
}
