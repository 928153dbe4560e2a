package example

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/ebgen/ebgen/spec"
	"github.com/ebgen/ebgen/spec/plan"
	"github.com/ebgen/ebgen/spec/source"
)

// matcher finds for what the plan of today delivers what the recording has of it, and
// complains where it has nothing.
type matcher struct {
	doc       *spec.Document // of today
	then, now *traced
	diags     *source.Diagnostics
	spec      string   // the text that was recorded
	again     string   // the hint: what makes a new recording
	given     []string // for each field of now.given the recorded one whose values it takes, "" for none
	cells     []string // for each field of now.cells
}

// match fills given and cells.
func (m *matcher) match() {
	m.given = make([]string, len(m.now.given.Fields))
	for i := range m.now.given.Fields {
		name, ok := m.same(i)
		if !ok {
			m.missing(i)
		}
		m.given[i] = name
	}
	if m.now.cells != nil {
		m.matchCells()
	}
	m.compareConditions()
}

// same finds the recorded column that the kernel computes as column i: the one of that name,
// else another, such as one that was renamed.
func (m *matcher) same(i int) (name string, ok bool) {
	want := m.now.column(i)
	var found []string
	for j := range m.then.given.Fields {
		if m.then.column(j) == want {
			found = append(found, m.then.given.Fields[j].Name)
		}
	}
	if name = m.now.given.Fields[i].Name; slices.Contains(found, name) {
		return name, true
	}
	if len(found) > 0 {
		return found[0], true
	}
	return "", false
}

func (m *matcher) missing(i int) {
	name := m.now.given.Fields[i].Name
	at := m.fieldSpan(name, m.now.given.Fields[i].Line)
	j := m.then.given.Field(name)
	if j < 0 {
		m.diags.Errorf(at, "column %s was not there when the samples were recorded, and what the kernel gives for it is not known", name).Hint = m.again
		return
	}
	m.diags.Errorf(at, "column %s is computed otherwise than when the samples were recorded, by `%s`: what the kernel gives for it now is not known", name, m.lineThen(m.then.given.Fields[j].Line)).Hint = m.again
}

// lineThen is a line of the spec that was recorded.
func (m *matcher) lineThen(n int) string {
	lines := strings.Split(m.spec, "\n")
	if n < 1 || n > len(lines) {
		return ""
	}
	return strings.TrimSpace(lines[n-1])
}

// matchCells finds what is counted, wherever a column shows it now.
func (m *matcher) matchCells() {
	m.cells = make([]string, len(m.now.cells.Fields))
	then := m.then.plan.Table
	for i := range m.now.plan.Table.Cells {
		c := &m.now.plan.Table.Cells[i]
		j := m.sameCell(m.now.cell(i))
		if j < 0 {
			at := m.cellSpan(i)
			m.diags.Errorf(at, "what is counted here was not when the samples were recorded").Hint = m.again
			continue
		}
		m.cells[c.Field] = m.then.cells.Fields[then.Cells[j].Field].Name
		if c.Seen >= 0 {
			m.cells[c.Seen] = m.then.cells.Fields[then.Cells[j].Seen].Name
		}
	}
}

// sameCell is the recorded cell that counts so, -1 for none.
func (m *matcher) sameCell(want string) int {
	if m.then.cells != nil {
		for j := range m.then.plan.Table.Cells {
			if m.then.cell(j) == want {
				return j
			}
		}
	}
	return -1
}

// cellSpan is the first column that shows a cell.
func (m *matcher) cellSpan(cell int) source.Span {
	for i, c := range m.now.plan.Table.Columns {
		shows := false
		if c.Expr != nil {
			c.Expr.Walk(func(e *plan.Expr) { shows = shows || e.Op == plan.OpCell && e.Int == int64(cell) })
		}
		if shows {
			f := m.now.plan.Record.Fields[i]
			return m.fieldSpan(f.Name, f.Line)
		}
	}
	return m.lineSpan(m.now.plan.Line)
}

// compareConditions warns where other events would be delivered than were: which, only the
// kernel knows.
func (m *matcher) compareConditions() {
	then := m.then.conditions()
	for _, c := range m.now.conditions() {
		i := slices.IndexFunc(then, func(t condition) bool { return t.what == c.what && t.text == c.text })
		if i < 0 {
			m.diags.Warnf(m.lineSpan(c.line), "this %s is not that of the recorded run: whether the samples would still be delivered, the kernel alone can tell", c.what).Hint = m.again
			continue
		}
		then = slices.Delete(then, i, i+1)
	}
	for _, c := range then {
		m.diags.Warnf(m.lineSpan(m.now.plan.Line), "the recorded run had another %s, `%s`: what more would be delivered without it, the kernel alone can tell", c.what, m.lineThen(c.line)).Hint = m.again
	}
}

// fieldSpan is the name of a column in the spec, or its line.
func (m *matcher) fieldSpan(name string, line int) source.Span {
	fields := slices.Clone(m.doc.Fields)
	for _, p := range m.doc.Probes {
		fields = append(fields, p.Fields...)
	}
	for _, f := range fields {
		if f.Name.Value == name {
			return f.Name.Span()
		}
	}
	return m.lineSpan(line)
}

// lineSpan is a line of the spec without its indentation.
func (m *matcher) lineSpan(n int) source.Span {
	text := m.doc.File.Line(n)
	start := m.doc.File.Offset(source.Position{Line: n, Column: 1})
	return source.Span{Start: start + len(text) - len(strings.TrimLeft(text, " \t")), End: start + len(text)}
}

// fill lays out the values of one sample as a record of today. Errors name the column.
func fill(r *plan.Record, sources []string, v *values) ([]byte, error) {
	b := make([]byte, r.Size)
	var absent uint64
	for i := range r.Fields {
		f := &r.Fields[i]
		if sources[i] == "" {
			continue // it has a complaint, or is the mark of a cell that has none
		}
		value, ok := v.by[sources[i]]
		if !ok {
			return nil, fmt.Errorf("a sample has no %s", sources[i])
		}
		if value == nil {
			if f.Bit < 0 {
				return nil, fmt.Errorf("a sample has no value for %s, which always has one", sources[i])
			}
			absent |= 1 << f.Bit
			continue
		}
		laid, err := layOut(f.Type, value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name, err)
		}
		copy(b[f.Offset:], laid)
	}
	if r.Absent >= 0 {
		binary.NativeEndian.PutUint64(b[r.Absent:], absent)
	}
	return b, nil
}
