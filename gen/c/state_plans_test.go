package c

import (
	"slices"

	"github.com/ebgen/ebgen/spec/plan"
)

var tTime = plan.Type{Kind: plan.Int, Size: 8, Meaning: plan.Time}

// laidOut places fields as the checker does, the widest first. Those named in partial may
// be absent.
func laidOut(partial string, fields ...column) plan.Record {
	r := plan.Record{Absent: -1}
	for i, c := range fields {
		f := plan.Field{Name: c.name, Type: c.expr.Type, Bit: -1, Line: 40 + i}
		for j, name := range wordsOf(partial) {
			if name == c.name {
				f.Bit, r.Absent, r.Size = j, 0, 8
			}
		}
		r.Fields = append(r.Fields, f)
	}
	for _, align := range []int{8, 4, 2, 1} {
		for i := range r.Fields {
			if f := &r.Fields[i]; f.Type.Align() == align {
				f.Offset = r.Size
				r.Size += f.Type.Size
			}
		}
	}
	r.Size = (r.Size + 7) &^ 7
	return r
}

func wordsOf(text string) []string { return word().FindAllString(text, -1) }

func typed(name string, t plan.Type) column { return column{name, plan.Expr{Type: t}} }

// stateMap is a map that the body's own steps save to.
func stateMap(name string, kind plan.MapType, entries int, key, value plan.Record) plan.Map {
	return plan.Map{Name: name, Line: 3, Use: plan.StateMap, Type: kind, Entries: entries, Key: key, Value: value, OnFull: plan.Drop}
}

// entry reads a field of an entry; has asks for it.
func entry(index int, field string, t plan.Type, key ...plan.Expr) plan.Expr {
	return plan.Expr{Op: plan.OpEntry, Type: t, Name: field, Int: int64(index), Args: key}
}

func has(index int, field string, key ...plan.Expr) plan.Expr {
	return plan.Expr{Op: plan.OpHas, Type: tBool, Name: field, Int: int64(index), Args: key}
}

func kept(field string, t plan.Type, may int64) plan.Expr {
	return plan.Expr{Op: plan.OpKept, Type: t, Name: field, Int: may}
}

func duration(since plan.Expr) plan.Expr { return op(tU64, "-", built("time"), since) }

// state follows a socket over two probes: the first one saves, by a key of two parts, the
// second one reads and deletes.
func state() *plan.Plan {
	sk, old := arg("sk", structPointer("sock")), arg("oldstate", tS32)
	family := castTo(tU32, load(sk, tU16, "__sk_common", "skc_family"))
	key := []plan.Expr{castTo(tU64, sk), family}
	p := tracer("state", plan.Body{Name: "reset", Line: 20, Args: []plan.Arg{{Name: "sk", Type: sk.Type}},
		Filters: []plan.Filter{{Expr: op(tBool, "<", duration(entry(0, "at", tTime, key...)), param("window", tU64)), Line: 21}},
		Deletes: []plan.Delete{{Map: 0, Key: key, Line: 28}},
	}, rawTracepoint("tcp_send_reset", "reset_rawtracepoint", 1),
		column{"before", entry(0, "before", tS32, key...)},
		column{"who", entry(0, "who", tComm, key...)},
		column{"age", duration(entry(0, "at", tTime, key...))},
		column{"turns", orElse(entry(1, "value", tU32, built("cpu")), number64(0, tU32))},
	)
	p.Params = []plan.Param{{Name: "window", Type: plan.Type{Kind: plan.Int, Size: 8, Meaning: plan.Duration}, Line: 2}}
	p.Structs = sockStructs
	p.Maps = []plan.Map{
		stateMap("moved", plan.LRUHash, 65536, laidOut("", typed("sk", tU64), typed("family", tU32)),
			laidOut("state flow", typed("at", tTime), typed("before", tS32), typed("who", tComm), typed("state", tU8), typed("flow", tFlow))),
		stateMap("turns", plan.PercpuArray, 1, laidOut("", typed("key", tU32)), laidOut("value", typed("value", tU32))),
	}
	p.Maps[1].Key.Size = 4
	first := plan.Body{Name: "moving", Line: 10, Args: []plan.Arg{{Name: "sk", Type: sk.Type}, {Name: "oldstate", Type: tS32}},
		Filters: []plan.Filter{{Expr: op(tBool, "&&", op(tBool, "!=", old, number64(1, tS32)), unop(tBool, "!", has(0, "", key...))), Line: 11}},
		Saves: []plan.Save{
			{Map: 0, Key: key, Line: 13, Values: []plan.Assign{
				{Field: 0, Expr: built("time"), Line: 14}, {Field: 1, Expr: old, Line: 15}, {Field: 2, Expr: built("comm"), Line: 16},
				{Field: 3, Expr: load(sk, tU8, "__sk_common", "skc_state"), Line: 17}}},
			{Map: 1, Key: []plan.Expr{number64(0, tU32)}, Line: 18, Values: []plan.Assign{
				{Field: 0, Expr: op(tU32, "+", orElse(entry(1, "value", tU32, number64(0, tU32)), number64(0, tU32)), number64(1, tU32)), Line: 18}}},
		}}
	p.Bodies = append(p.Bodies, first)
	probe := rawTracepoint("inet_sock_set_state", "moving_rawtracepoint", 2)[0]
	probe.Line = 10
	probe.Alternatives[0].Calls[0].Body = 1
	p.Probes = append(p.Probes, probe)
	return p
}

// several makes a plan of bodies at sys_enter, whose arguments are key and value. The first
// one fills the columns.
func several(name string, maps []plan.Map, columns []column, bodies ...plan.Body) *plan.Plan {
	p := tracer(name, bodies[0], nil, columns...)
	p.Maps = maps
	p.Bodies = append(p.Bodies, bodies[1:]...)
	for i := range p.Bodies {
		b := &p.Bodies[i]
		call := plan.Call{Body: i}
		for _, a := range b.Args {
			call.Args = append(call.Args, plan.Source{From: plan.Slot, Index: slices.Index(sysEnter, a.Name)})
		}
		probe := rawTracepoint("sys_enter", b.Name+"_rawtracepoint", 0)[0]
		probe.Line = b.Line
		probe.Alternatives[0].Calls[0] = call
		p.Probes = append(p.Probes, probe)
	}
	return p
}

// sysEnter are the arguments of sys_enter, as the plans of this file call them.
var sysEnter = []string{"key", "value"}

// takes are arguments of sys_enter.
func takes(names ...string) []plan.Arg {
	var list []plan.Arg
	for _, name := range names {
		list = append(list, plan.Arg{Name: name, Type: tU64})
	}
	return list
}

// spanning makes a plan of the points of a span.
func spanning(name string, m plan.Map, stages []string, columns []column, points ...plan.Body) *plan.Plan {
	p := several(name, []plan.Map{m}, columns, points...)
	p.Span = &plan.Span{Map: 0, Stages: stages}
	return p
}

func step(action plan.SpanAction, line int, values ...plan.Assign) *plan.SpanStep {
	return &plan.SpanStep{Action: action, Key: []plan.Expr{arg("key", tU64)}, Values: values, Line: line}
}

// span has three stages, something kept at the first one, and a way out.
func span() *plan.Plan {
	m := plan.Map{Name: "span", Line: 2, Use: plan.SpanMap, Type: plan.LRUHash, Entries: 1024, OnFull: plan.Evict,
		Key:   laidOut("", typed("key", tU64)),
		Value: laidOut("queued issued who value", typed("queued", tTime), typed("issued", tTime), typed("who", tComm), typed("value", tU64))}
	value, queued, issued := arg("value", tU64), kept("queued", tTime, 1), kept("issued", tTime, 1)
	return spanning("span", m, []string{"queued", "issued"},
		[]column{{"waited", op(tU64, "-", issued, queued)}, {"took", duration(orElse(queued, kept("issued", tTime, 0)))}, {"who", kept("who", tComm, 1)}, {"value", kept("value", tU64, 1)}},
		plan.Body{Name: "done", Line: 2, Args: takes("key", "value"), Span: step(plan.CloseSpan, 2), Filters: []plan.Filter{{Expr: op(tBool, "!=", value, number64(13, tU64)), Line: 9}}},
		plan.Body{Name: "issuing", Line: 20, Args: takes("key"), Span: step(plan.MarkSpan, 20, plan.Assign{Field: 1, Expr: built("time"), Line: 20})},
		plan.Body{Name: "queueing", Line: 24, Args: takes("key", "value"), Span: step(plan.OpenSpan, 24, plan.Assign{Field: 0, Expr: built("time"), Line: 24},
			plan.Assign{Field: 2, Expr: built("comm"), Line: 25}, plan.Assign{Field: 3, Expr: value, Line: 26})},
		plan.Body{Name: "cancelling", Line: 30, Args: takes("key"), Span: step(plan.CancelSpan, 30)},
	)
}

// nested follows calls of a function in a thread.
func nested() *plan.Plan {
	m := plan.Map{Name: "span", Line: 2, Use: plan.SpanMap, Type: plan.LRUHash, Entries: 16384, OnFull: plan.Evict, Depth: 8,
		Key: laidOut("", typed("key", tU64)), Value: laidOut("", typed("start", tTime), typed("args_value", tU64))}
	return spanning("nested", m, []string{"start"},
		[]column{{"took", duration(kept("start", tTime, 0))}, {"asked", kept("args_value", tU64, 0)}, {"got", arg("value", tU64)}},
		plan.Body{Name: "returning", Line: 2, Args: takes("key", "value"), Span: step(plan.CloseSpan, 2)},
		plan.Body{Name: "entering", Line: 2, Args: takes("key", "value"), Span: step(plan.OpenSpan, 2, plan.Assign{Field: 0, Expr: built("time"), Line: 2}, plan.Assign{Field: 1, Expr: arg("value", tU64), Line: 2})},
	)
}
