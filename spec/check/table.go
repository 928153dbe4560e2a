package check

import (
	"slices"
	"strconv"

	"github.com/ebgen/ebgen/spec/plan"
)

// Sizes of a table that the spec says nothing of, in rows.
const (
	manyRows    = 10240
	fewRows     = 1024
	smallRow    = 1 << 10 // bytes up to which there are many
	largestCell = 128     // bytes of a value that each CPU has a copy of, in a table of many rows
	largestRow  = 32 << 10
)

// tableName names a table's map.
const tableName = "totals"

// layOutMaps gives the maps of state and span their types and places.
func (c *checker) layOutMaps() {
	for _, m := range c.maps {
		if m.idle() != 0 {
			continue
		}
		one := plan.Map{Name: m.name, Line: m.line, Use: m.use, OnFull: m.onFull, Depth: m.depth}
		var over int
		if one.Key, over = place(named(m.keys)); over >= 0 || one.Key.Size > largestMapKey {
			c.diags.Errorf(m.at.Span(), "a key of %s is larger than the %d bytes that a map takes", m.name, largestMapKey)
		}
		if one.Value, over = place(named(m.values)); over >= 0 || one.Value.Size > largestEntry {
			c.diags.Errorf(m.at.Span(), "an entry of %s is larger than %d bytes", m.name, largestEntry)
		}
		if m.depth > 0 && one.Value.Size > largestDeep {
			one.Depth = shallow
		}
		one.Type, one.OnFull = chooseType(m.typ, m.onFull, plan.LRUHash)
		one.Entries = m.size
		if one.Entries == 0 {
			one.Entries = manyEntries
			if one.Key.Size+one.Value.Size*max(1, one.Depth) > smallEntry {
				one.Entries = fewEntries
			}
		}
		c.fit(&one, m)
		c.plan.Maps = append(c.plan.Maps, one)
	}
	c.layOutStacks()
	if c.span != nil {
		c.plan.Span = &plan.Span{Map: c.span.index, Stages: c.span.stages[:len(c.span.stages)-1]}
	}
}

// chooseType decides what the spec leaves open. What the type says about a full map
// stands; else on_full decides between LRU and not.
func chooseType(t plan.MapType, full plan.OnFull, usual plan.MapType) (plan.MapType, plan.OnFull) {
	if t == "" {
		t = usual
		switch {
		case full == plan.Evict && !plan.MapTypes[t].LRU:
			t = "lru_" + t
		case full != plan.Evict && full != "" && plan.MapTypes[t].LRU:
			t = t[len("lru_"):]
		}
	}
	if full == "" {
		full = plan.Drop
		if plan.MapTypes[t].LRU {
			full = plan.Evict
		}
	}
	return t, full
}

// fit adapts the key to what the type of map wants, and bounds the whole.
func (c *checker) fit(one *plan.Map, m *entries) {
	switch {
	case plan.MapTypes[one.Type].Array:
		if len(one.Key.Fields) == 1 {
			one.Key.Fields[0].Type = u32
			one.Key.Size = 4
		}
	case one.Type == plan.LPMTrie && (len(one.Key.Fields) != 1 || one.Key.Fields[0].Type.Kind != plan.IP):
		c.diags.Errorf(m.at.Span(), "an lpm_trie is kept by an IP address, such as flow(args.sk).daddr")
	}
	if size := (one.Key.Size + one.Value.Size*max(1, one.Depth)) * one.Entries; size > largestMap {
		c.diags.Errorf(m.at.Span(), "map %s would take %d MiB, more than %d", m.name, size>>20, largestMap>>20).Hint = "a smaller max_entries"
	}
}

// named makes fields of what was learnt.
func named(list []*entryField) []plan.Field {
	fields := make([]plan.Field, len(list))
	for i, f := range list {
		fields[i] = plan.Field{Name: f.name, Type: f.typ, Bit: -1}
		if f.name == "" {
			fields[i].Name = "key"
			if i > 0 {
				fields[i].Name += strconv.Itoa(i + 1)
			}
		}
		if f.partial {
			fields[i].Bit = 0
		}
	}
	return fields
}

// keyField is the index in a table's key of a column.
func (c *checker) keyField(col int) int {
	n := 0
	for _, one := range c.columns[:col] {
		if !one.aggregate {
			n++
		}
	}
	return n
}

// layOutTable makes the map of a table and the row that is made of an entry. fields are
// the columns as the kernel knows them: those with aggregates are void there.
func (c *checker) layOutTable(fields []plan.Field, bodies []*body) {
	var key []plan.Field
	for i, col := range c.columns {
		if !col.aggregate {
			key = append(key, fields[i])
		}
	}
	if len(key) == len(c.columns) {
		c.diags.Errorf(c.doc.Channel.Type.Span(), "nothing is counted: a table needs an aggregate").Hint = "fields: {…, events: count()}"
		return
	}
	m := plan.Map{Name: tableName, Line: c.plan.Line, Use: plan.TableMap, Double: c.interval() > 0}
	for c.mapNamed(m.Name) != nil {
		m.Name += "_"
	}
	var over int
	if m.Key, over = place(key); over >= 0 || m.Key.Size > largestMapKey {
		c.diags.Errorf(c.columns[0].Name.Span(), "the key, which is all fields without an aggregate, has %d bytes: a map takes %d", m.Key.Size, largestMapKey).Hint = "shorter strings: str(x, 64)"
		return
	}
	t := &plan.Table{Map: len(c.plan.Maps)}
	m.Value.Absent = -1
	var values []plan.Field
	least := false
	for _, one := range c.allCells {
		name := one.column.Name.Value
		if one.ordinal > 0 {
			name += "_" + strconv.Itoa(one.ordinal+1)
		}
		f := plan.Field{Name: name, Type: one.typ(), Bit: -1, Line: c.lineOf(one.column.Name)}
		made := plan.Cell{Kind: one.kind, Field: len(values), Seen: -1}
		switch one.kind {
		case plan.Count:
			f.Type = u64
		case plan.Least, plan.Greatest:
			made.Seen, least = len(values)+1, true
		case plan.Buckets:
			one.hist.Signed = one.signed
			f.Type = plan.Type{Kind: plan.Hist, Size: 8 * one.hist.Buckets(), Meaning: one.meaning, Hist: c.histogram(*one.hist)}
		}
		values = append(values, f)
		if made.Seen >= 0 {
			values = append(values, plan.Field{Name: name + "_seen", Type: u64, Bit: -1, Line: f.Line})
		}
		t.Cells = append(t.Cells, made)
	}
	c.reach(t, &m, bodies)
	if m.Value, over = place(values); over >= 0 || m.Value.Size > largestRow {
		c.diags.Errorf(c.columns[0].Name.Span(), "the aggregates of one row take %d bytes: a map takes %d", m.Value.Size, largestRow)
		return
	}
	c.chooseTable(&m, least)
	c.plan.Maps = append(c.plan.Maps, m)
	c.plan.Table = t
	c.layOutRow(t, &m, bodies)
}

// reach notes in which rows each cell is counted, where a body lacks fields of the key that
// another one has: its events are in rows of their own.
func (c *checker) reach(t *plan.Table, m *plan.Map, bodies []*body) {
	everywhere := make([]bool, len(t.Cells))
	for _, b := range bodies {
		if !b.duty.emits() {
			continue
		}
		var r plan.Reach
		for _, f := range m.Key.Fields {
			if f.Bit >= 0 {
				r.Set |= 1 << f.Bit
			}
		}
		for _, a := range b.assigns {
			if f := m.Key.Fields[c.keyField(a.Field)]; f.Bit >= 0 {
				r.Set &^= 1 << f.Bit
				if !a.Expr.Fallible() {
					r.Clear |= 1 << f.Bit
				}
			}
		}
		for _, u := range b.updates {
			cell := &t.Cells[u.Cell]
			if everywhere[u.Cell] = everywhere[u.Cell] || r.Set|r.Clear == 0; everywhere[u.Cell] {
				cell.Reach = nil
			} else if !slices.Contains(cell.Reach, r) {
				cell.Reach = append(cell.Reach, r)
			}
		}
	}
}

// chooseTable decides the type and size of a table's map. A value for each CPU costs no
// CPU another one's time; a large one, a histogram, is shared: its buckets are many, so
// that two CPUs seldom meet, and memory does not grow with their number. What finds no
// room is counted, so that the sums stay exact.
func (c *checker) chooseTable(m *plan.Map, least bool) {
	usual := plan.PercpuHash
	if m.Value.Size > largestCell && !least {
		usual = plan.Hash
	}
	given := plan.MapType(c.doc.Channel.Map.Value)
	shape := entries{name: m.Name, typ: given}
	shape.limit(c, c.doc.Channel.Entries, c.doc.Channel.OnFull)
	if given != "" && !slices.Contains([]plan.MapType{plan.Hash, plan.LRUHash, plan.PercpuHash, plan.LRUPercpuHash}, given) {
		c.diags.Errorf(c.doc.Channel.Map.Span(), "a table cannot be kept in a map of type %q", given).Hint = "one of hash, lru_hash, percpu_hash or lru_percpu_hash"
		return
	}
	if least && given != "" && !plan.MapTypes[given].PerCPU {
		c.diags.Errorf(c.doc.Channel.Map.Span(), "min and max want a map with a value for each CPU: BPF has no atomic minimum").Hint = "map: percpu_hash"
		return
	}
	m.Type, m.OnFull = chooseType(given, shape.onFull, usual)
	m.Entries = shape.size
	if m.Entries == 0 {
		m.Entries = manyRows
		if m.Value.Size > smallRow {
			m.Entries = fewRows
		}
	}
	if len(m.Key.Fields) == 0 { // one row
		m.Entries = 1
		if m.Type = plan.ArrayMap; usual == plan.PercpuHash && given == "" || plan.MapTypes[given].PerCPU {
			m.Type = plan.PercpuArray
		}
	}
	if size := (m.Key.Size + m.Value.Size) * m.Entries; size > largestMap {
		c.diags.Errorf(c.doc.Channel.Entries.Span(), "a table of %d MiB is wanted, at most %d can be", size>>20, largestMap>>20).Hint = "a smaller max_entries"
	}
}

// histogram gives a histogram a place in the plan.
func (c *checker) histogram(h plan.Histogram) int {
	i := slices.Index(c.plan.Histograms, h)
	if i < 0 {
		i = len(c.plan.Histograms)
		c.plan.Histograms = append(c.plan.Histograms, h)
	}
	return i + 1
}

// layOutRow makes the record of a row.
func (c *checker) layOutRow(t *plan.Table, m *plan.Map, bodies []*body) {
	var fields []plan.Field
	next := 0
	for _, col := range c.columns {
		line := c.lineOf(col.Name)
		if !col.aggregate {
			f := m.Key.Fields[next]
			f.Line = line
			fields = append(fields, f)
			t.Columns = append(t.Columns, plan.Column{Key: next})
			next++
			continue
		}
		for _, o := range col.outputs {
			e := c.bounded(o.expr, bodies)
			e.Walk(func(e *plan.Expr) {
				if e.Op == plan.OpCell { // its histogram has a place by now
					e.Type.Hist = m.Value.Fields[t.Cells[e.Int].Field].Type.Hist
				}
			})
			f := plan.Field{Name: col.Name.Value + o.suffix, Type: e.Type, Bit: -1, Line: line}
			if uncertain(t, &e) {
				f.Bit = 0
			}
			if forms, every := t.Reach(&e); !every && len(forms) == 0 {
				c.diags.Warnf(col.Name.Span(), "%s never has a value: what it is made of is counted under keys of other parts, hence in other rows", f.Name)
			}
			fields = append(fields, f)
			t.Columns = append(t.Columns, plan.Column{Key: -1, Expr: &e})
		}
	}
	if n := bits(fields); n > maxAbsent {
		c.diags.Errorf(c.columns[0].Name.Span(), "%d columns may have no value, a row can tell of %d whether they have one", n, maxAbsent)
		return
	}
	for i, f := range fields {
		if j := slices.IndexFunc(fields[:i], func(o plan.Field) bool { return o.Name == f.Name }); j >= 0 {
			c.diags.Errorf(c.columns[0].Name.Span(), "two columns are named %q", f.Name)
		}
	}
	var over int
	if c.plan.Record, over = place(fields); over >= 0 {
		c.diags.Errorf(c.columns[0].Name.Span(), "a row is larger than %d bytes with column %s", maxRecord, fields[over].Name)
	}
}

// bounded holds each quantile in e between the least and the greatest of the same values,
// where the row has them: the middle of a bucket may lie beyond.
func (c *checker) bounded(e plan.Expr, bodies []*body) plan.Expr {
	e.Args = slices.Clone(e.Args)
	for i := range e.Args {
		e.Args[i] = c.bounded(e.Args[i], bodies)
	}
	if e.Op != plan.OpQuantile {
		return e
	}
	fed := feed(bodies, int(e.Args[0].Int))
	for _, bound := range []struct {
		kind plan.CellKind
		by   string
	}{{plan.Greatest, "min"}, {plan.Least, "max"}} {
		for i, one := range c.allCells {
			if one.kind == bound.kind && one.signed == e.Type.Signed && slices.Equal(feed(bodies, i), fed) {
				limit := plan.Expr{Op: plan.OpCell, Type: e.Type, Line: e.Line, Int: int64(i)}
				e = plan.Expr{Op: plan.OpBinary, Type: e.Type, Line: e.Line, Name: bound.by, Args: []plan.Expr{e, limit}}
				break
			}
		}
	}
	return e
}

// feed lists what is put into a cell, by body and condition.
func feed(bodies []*body, cell int) []string {
	var list []string
	for i, b := range bodies {
		for _, u := range b.updates {
			if u.Cell != cell || u.Value == nil {
				continue
			}
			one := strconv.Itoa(i) + " " + u.Value.String()
			if u.When != nil {
				one += " if " + u.When.String()
			}
			list = append(list, one)
		}
	}
	return list
}

// uncertain reports whether a column may have no value: a quotient, a quantile, the least
// or greatest of nothing, what is not counted in every row.
func uncertain(t *plan.Table, e *plan.Expr) bool {
	found := false
	e.Walk(func(e *plan.Expr) {
		switch e.Op {
		case plan.OpQuantile:
			found = true
		case plan.OpBinary:
			found = found || e.Name == "/" || e.Name == "%" || e.Type.Kind == plan.Float
		case plan.OpCell:
			found = found || t.Cells[e.Int].Seen >= 0 || t.Cells[e.Int].Reach != nil
		}
	})
	return found
}
