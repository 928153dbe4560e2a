package c

import "github.com/ebgen/ebgen/spec/plan"

// aggregate is a column that is counted in the kernel.
type aggregate struct {
	name      string
	kind      plan.CellKind
	value     *plan.Expr
	when      *plan.Expr
	histogram plan.Histogram
}

func ptr(e plan.Expr) *plan.Expr { return &e }

// counted makes the record of a plan the key of a table. All its bodies count the same,
// each aggregate on its own line, from line 30 on.
func counted(p *plan.Plan, kind plan.MapType, entries int, list ...aggregate) *plan.Plan {
	m := plan.Map{Name: p.Name + "_rows", Line: p.Line, Use: plan.TableMap, Type: kind, Entries: entries, Key: p.Record, OnFull: plan.Drop}
	m.Value.Absent = -1
	add := func(name string, t plan.Type, line int) int {
		m.Value.Fields = append(m.Value.Fields, plan.Field{Name: name, Type: t, Offset: m.Value.Size, Bit: -1, Line: line})
		m.Value.Size += t.Size
		return len(m.Value.Fields) - 1
	}
	p.Table = &plan.Table{Map: len(p.Maps)}
	for i, a := range list {
		line := 30 + i
		t, cell := tU64, plan.Cell{Kind: a.kind, Seen: -1}
		switch a.kind {
		case plan.Buckets:
			p.Histograms = append(p.Histograms, a.histogram)
			t = plan.Type{Kind: plan.Hist, Size: 8 * a.histogram.Buckets(), Hist: len(p.Histograms)}
		case plan.Sum, plan.Least, plan.Greatest:
			t = a.value.Type
		}
		cell.Field = add(a.name, t, line)
		if a.kind == plan.Least || a.kind == plan.Greatest {
			cell.Seen = add(a.name+"_seen", tU64, line)
		}
		p.Table.Cells = append(p.Table.Cells, cell)
		for j := range p.Bodies {
			p.Bodies[j].Updates = append(p.Bodies[j].Updates, plan.Update{Cell: i, Value: a.value, When: a.when, Line: line})
		}
	}
	p.Maps = append(p.Maps, m)
	p.Channel = plan.Channel{Kind: plan.MapChannel}
	return p
}

// table counts by a key that one of its two bodies has only in part, in two maps by turns.
func table() *plan.Plan {
	fd, count := arg("fd", tU32), castTo(tU64, arg("count", tU64))
	file := plan.Arg{Name: "file", Type: structPointer("file")}
	body := plan.Body{Name: "reading", Line: 2, Args: []plan.Arg{{Name: "fd", Type: tU32}, {Name: "count", Type: tU64}, file}}
	pos := load(arg("file", file.Type), tS64, "f_pos")
	p := tracer("table", body, rawTracepoint("sys_enter", "reading_rawtracepoint", 3),
		column{"comm", built("comm")}, column{"pid", built("pid")}, column{"mode", load(arg("file", file.Type), tU32, "f_mode")}, column{"fd", fd})
	p.Structs = []plan.Struct{{Name: "file", Members: []plan.Member{{Name: "f_mode", Type: tU32}, {Name: "f_pos", Type: tS64}}}}
	large := op(tBool, ">", count, number64(4096, tU64))
	counted(p, plan.PercpuHash, 10240,
		aggregate{name: "calls", kind: plan.Count},
		aggregate{name: "bytes", kind: plan.Sum, value: &count},
		aggregate{name: "large", kind: plan.Count, when: &large},
		aggregate{name: "large_bytes", kind: plan.Sum, value: &count, when: &large},
		aggregate{name: "ahead", kind: plan.Count, when: ptr(op(tBool, ">", pos, number64(0, tS64)))},
		aggregate{name: "at", kind: plan.Sum, value: &pos},
		aggregate{name: "least", kind: plan.Least, value: &pos},
		aggregate{name: "most", kind: plan.Greatest, value: &count},
		aggregate{name: "doubled", kind: plan.Sum, value: ptr(op(tU64, "*", count, number64(2, tU64)))},
		aggregate{name: "doubles", kind: plan.Buckets, value: ptr(op(tU64, "*", count, number64(2, tU64)))},
	)
	p.Maps[0].Double = true
	p.Maps[0].Key.Fields[0].Bit, p.Maps[0].Key.Fields[3].Bit = 1, 2
	second := p.Bodies[0]
	second.Name, second.Line, second.Args = "closing", 20, nil
	second.Fields, second.Updates = second.Fields[1:2], second.Updates[:1]
	p.Bodies = append(p.Bodies, second)
	one := rawTracepoint("sys_exit", "closing_rawtracepoint", 0)[0]
	one.Alternatives[0].Calls[0].Body = 1
	p.Probes = append(p.Probes, one)
	return p
}

// histograms has one row, with a histogram of each kind.
func histograms() *plan.Plan {
	p := tracer("histograms", plan.Body{Name: "histograms", Line: 2, Args: []plan.Arg{{Name: "a", Type: tU64}}}, rawTracepoint("sys_enter", "histograms_rawtracepoint", 1))
	a, signed := arg("a", tU64), castTo(tS64, arg("a", tU64))
	return counted(p, plan.PercpuArray, 1,
		aggregate{name: "log", kind: plan.Buckets, value: &a},
		aggregate{name: "log_signed", kind: plan.Buckets, value: &signed, histogram: plan.Histogram{Signed: true}},
		aggregate{name: "fine", kind: plan.Buckets, value: &a, histogram: plan.Histogram{Bits: 3}},
		aggregate{name: "fine_signed", kind: plan.Buckets, value: &signed, histogram: plan.Histogram{Bits: 4, Signed: true}},
		aggregate{name: "linear", kind: plan.Buckets, value: &a, histogram: plan.Histogram{Linear: true, Low: 0, High: 100, Step: 7}},
		aggregate{name: "linear_signed", kind: plan.Buckets, value: &signed, histogram: plan.Histogram{Linear: true, Low: -50, High: 50, Step: 10, Signed: true}},
		aggregate{name: "linear_below", kind: plan.Buckets, value: &a, histogram: plan.Histogram{Linear: true, Low: -5, High: 20, Step: 4}},
		aggregate{name: "finest", kind: plan.Buckets, value: &a, histogram: plan.Histogram{Bits: 5}},
	)
}
