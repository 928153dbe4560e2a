// Package decode turns the bytes of a record into text and into Go values.
//
// In goes a plan's Record and, one after another, records of exactly its size in this
// machine's byte order; out comes each column as text for people (Text), as text for
// programs (Raw) and as a JSON value (JSON). Which of the three says what about each
// kind of value is docs/decisions/output-forms.md.
//
//	d, err := decode.New(p, decode.Env{})
//	for _, c := range d.Columns() {
//		line = c.Text(line, rec)
//	}
//
// What is shown comes from the kernel and from whoever can name a process or a file,
// so no byte of it reaches a terminal unescaped.
package decode

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ebgen/ebgen/runtime/stack"
	"github.com/ebgen/ebgen/spec/plan"
)

// ErrRecordSize is returned for a record that has not the size of the plan's.
var ErrRecordSize = errors.New("record of another size")

// Env is what the text of a value depends on beside the record. The zero value works.
type Env struct {
	// Offset gives the ns to add to CLOCK_MONOTONIC for ns since 1970. It is asked once
	// for each second that a time column shows. Nil means WallClock().
	Offset func() int64
	// Location is where Text shows times; nil means time.Local. Raw and JSON are in UTC.
	Location *time.Location
	// Symbol names a kernel address; module is "" for the kernel itself, name is "" when
	// the address cannot be named. Nil names none.
	Symbol func(addr uint64) (name, module string, offset uint64)
	// Syscall names a system call's number, "" when it has no name. Nil names none.
	Syscall func(number int64) string
	// Stacks gives the frames of a stack by its number, the innermost first; ok is false
	// when the stack was not kept. Nil knows none.
	Stacks func(id uint64) (frames []stack.Frame, ok bool)
}

// Decoder renders the records of one plan. Its columns share a few caches, so a
// Decoder and its columns belong to one goroutine.
type Decoder struct {
	plan    *plan.Plan
	env     Env
	clock   clock
	columns []Column
}

// New prepares a column for every field of p's record. A plan whose record cannot be
// decoded (fields that overlap or leave the record, types that no record holds) gives an
// error that names the field.
func New(p *plan.Plan, env Env) (*Decoder, error) {
	if err := checkLayout(p); err != nil {
		return nil, fmt.Errorf("record of %s: %w", p.Name, err)
	}
	if env.Offset == nil {
		env.Offset = WallClock()
	}
	if env.Location == nil {
		env.Location = time.Local
	}
	if env.Symbol == nil {
		env.Symbol = func(uint64) (string, string, uint64) { return "", "", 0 }
	}
	if env.Syscall == nil {
		env.Syscall = func(int64) string { return "" }
	}
	if env.Stacks == nil {
		env.Stacks = func(uint64) ([]stack.Frame, bool) { return nil, false }
	}
	d := &Decoder{plan: p, env: env, clock: clock{offset: env.Offset}}
	for i, f := range p.Record.Fields {
		c := d.column(f)
		c.Key, c.Sum = origin(p.Table, i)
		d.columns = append(d.columns, c)
	}
	return d, nil
}

// origin says of column i of a table whether it is a part of the key, and whether it is a
// count or a sum. A forged plan may have columns that name no cell: they are neither.
func origin(t *plan.Table, i int) (key, sum bool) {
	if t == nil || i >= len(t.Columns) {
		return false, false
	}
	c := t.Columns[i]
	if c.Expr == nil || c.Expr.Op != plan.OpCell || c.Expr.Int < 0 || c.Expr.Int >= int64(len(t.Cells)) {
		return c.Key >= 0, false
	}
	kind := t.Cells[c.Expr.Int].Kind
	return c.Key >= 0, kind == plan.Count || kind == plan.Sum
}

// Size is the size of a record in bytes.
func (d *Decoder) Size() int { return d.plan.Record.Size }

// IsTable reports whether records are the rows of a table, which come in reports, and not
// events.
func (d *Decoder) IsTable() bool { return d.plan.Table != nil }

// Name is the tracer's.
func (d *Decoder) Name() string { return d.plan.Name }

// Cumulative reports whether a report of a table says what was counted since the start,
// and not since the report before.
func (d *Decoder) Cumulative() bool { return d.plan.Output.Keep && d.plan.Output.Interval > 0 }

// Check returns ErrRecordSize, with both sizes, unless rec has the size of a record.
func (d *Decoder) Check(rec []byte) error {
	if len(rec) != d.plan.Record.Size {
		return fmt.Errorf("%w: %d bytes, want %d", ErrRecordSize, len(rec), d.plan.Record.Size)
	}
	return nil
}

// Columns returns one column per field, in the plan's order.
func (d *Decoder) Columns() []Column { return slices.Clone(d.columns) }

// ColumnError is a request for a column that a record does not have, or that was
// requested before.
type ColumnError struct {
	Name  string
	Twice bool
	Known []string
}

func (e *ColumnError) Error() string {
	if e.Twice {
		return fmt.Sprintf("column %q is asked for twice", e.Name)
	}
	return fmt.Sprintf("no column %q; there are %s", e.Name, strings.Join(e.Known, ", "))
}

// Select returns the named columns in the order of names, or all when there are none.
// A part of a composite is a column too: flow.dport. Errors are of type *ColumnError.
func (d *Decoder) Select(names []string) ([]Column, error) {
	if len(names) == 0 {
		return d.Columns(), nil
	}
	var selected []Column
	for i, name := range names {
		if slices.Contains(names[:i], name) {
			return nil, &ColumnError{Name: name, Twice: true}
		}
		c, ok := d.find(name)
		if !ok {
			return nil, &ColumnError{Name: name, Known: d.names()}
		}
		selected = append(selected, c)
	}
	return selected, nil
}

func (d *Decoder) find(name string) (Column, bool) {
	for _, c := range d.columns {
		if c.Name == name {
			return c, true
		}
		for _, part := range c.Parts {
			if part.Name == name {
				return part, true
			}
		}
	}
	return Column{}, false
}

func (d *Decoder) names() []string {
	var names []string
	for _, c := range d.columns {
		names = append(names, c.Name)
	}
	return names
}
