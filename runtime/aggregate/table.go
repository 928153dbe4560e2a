// Package aggregate makes the rows of a table of what the kernel has counted.
//
// In go a plan's Table and the entries of its map: a key and the values of each CPU, in
// this machine's byte order. Entries of one key are put together, also those of several
// intervals. Out come rows: the bytes of one plan.Record each, computed, sorted and cut
// as the plan says.
//
//	t, err := aggregate.New(p)
//	entries, err := aggregate.Open(m)
//	err = entries.Take(t.Add)
//	for _, row := range t.Rows() {
//		err = sink.Write(row)
//	}
//
// Keys and values lie one after the other in two slices and are found through a third:
// a hundred thousand of them are no objects of their own, and the next interval reuses
// their memory.
package aggregate

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/ebgen/ebgen/spec/plan"
)

// ErrEntrySize is returned for an entry that has not the sizes of the plan's.
var ErrEntrySize = errors.New("entry of another size")

// Table is the entries of one table, put together by key. It belongs to one goroutine.
type Table struct {
	record  *plan.Record
	key     *plan.Record
	words   int // u64s of a value
	cells   []cell
	columns []column
	order   []order
	top     int

	entries index
	values  []uint64 // words for each entry
	rows    []byte
	list    [][]byte
}

// New prepares the table of a plan. A plan out of a stored bundle is not trusted: one
// that reads or writes outside of what it lays out gives an error that names the column.
func New(p *plan.Plan) (*Table, error) {
	if p.Table == nil || p.Table.Map < 0 || p.Table.Map >= len(p.Maps) {
		return nil, fmt.Errorf("table of %s: the plan has none", p.Name)
	}
	m := &p.Maps[p.Table.Map]
	t := &Table{record: &p.Record, key: &m.Key, words: m.Value.Size / 8, top: p.Output.Top}
	if err := t.prepare(p, m); err != nil {
		return nil, fmt.Errorf("table of %s: %w", p.Name, err)
	}
	t.entries.size = m.Key.Size
	t.Reset()
	return t, nil
}

func (t *Table) prepare(p *plan.Plan, m *plan.Map) error {
	for _, r := range []*plan.Record{t.record, t.key, &m.Value} {
		if err := checkRecord(r); err != nil {
			return err
		}
	}
	for i := range p.Table.Cells {
		c, err := newCell(&p.Table.Cells[i], &m.Value)
		if err != nil {
			return fmt.Errorf("cell %d: %w", i, err)
		}
		t.cells = append(t.cells, c)
	}
	if len(p.Table.Columns) != len(t.record.Fields) {
		return fmt.Errorf("%d columns for %d fields", len(p.Table.Columns), len(t.record.Fields))
	}
	for i := range p.Table.Columns {
		c, err := t.newColumn(p, &p.Table.Columns[i], &t.record.Fields[i])
		if err != nil {
			return fmt.Errorf("column %s: %w", t.record.Fields[i].Name, err)
		}
		t.columns = append(t.columns, c)
	}
	return t.orderBy(p.Output.Sort)
}

// checkRecord makes sure that every field and the absent word lie inside a record.
func checkRecord(r *plan.Record) error {
	if r.Size < 0 || r.Size%8 != 0 || r.Absent < -1 || r.Absent+8 > r.Size && r.Absent != -1 {
		return fmt.Errorf("a record of %d bytes with the absent word at %d", r.Size, r.Absent)
	}
	for i := range r.Fields {
		f := &r.Fields[i]
		switch {
		case f.Offset < 0 || f.Type.Size < 1 || f.Type.Size > r.Size-f.Offset:
			return fmt.Errorf("field %s lies outside of its %d bytes", f.Name, r.Size)
		case f.Bit < -1 || f.Bit > 63 || f.Bit >= 0 && r.Absent == -1:
			return fmt.Errorf("field %s: there is no bit %d in the absent word", f.Name, f.Bit)
		}
	}
	return nil
}

// Add puts one entry to what the table has. values is the values of all CPUs, one after
// the other, or the one value of a map that is not per CPU. Both are copied. A key or
// values of another size give ErrEntrySize.
func (t *Table) Add(key, values []byte) error {
	if len(key) != t.entries.size || t.words == 0 || len(values) == 0 || len(values)%(8*t.words) != 0 {
		return fmt.Errorf("%w: key of %d bytes, want %d; values of %d, want a multiple of %d",
			ErrEntrySize, len(key), t.entries.size, len(values), 8*t.words)
	}
	at := t.place(key)
	into := t.values[at*t.words:][:t.words]
	for len(values) > 0 {
		for i := range t.cells {
			t.cells[i].merge(into, values)
		}
		values = values[8*t.words:]
	}
	return nil
}

// place returns the number of a key's entry, which it makes if there is none.
func (t *Table) place(key []byte) int {
	at, found := t.entries.find(key)
	if !found {
		t.values = slices.Grow(t.values, t.words)[:len(t.values)+t.words]
		clear(t.values[at*t.words:])
	}
	return at
}

// Len returns the number of entries, which may be more than there are rows.
func (t *Table) Len() int { return t.entries.n }

// Reset forgets all entries. A table without a key keeps its one row, of nothing.
func (t *Table) Reset() {
	t.entries.reset()
	t.values = t.values[:0]
	if t.key.Size == 0 {
		t.place(nil)
	}
}

// Rows returns the rows in their order, at most as many as the plan shows. They are
// valid until the next call of any method. Rows that are equal in every column of the
// order stand in the order of their keys' bytes, so that two tables of the same entries
// give the same rows.
func (t *Table) Rows() [][]byte {
	kept := t.sorted()
	t.list = slices.Grow(t.list[:0], len(kept))
	t.rows = slices.Grow(t.rows[:0], len(kept)*t.record.Size)[:len(kept)*t.record.Size]
	clear(t.rows)
	for i, at := range kept {
		row := t.rows[i*t.record.Size:][:t.record.Size:t.record.Size]
		t.fill(row, int(at))
		t.list = append(t.list, row)
	}
	return t.list
}

// fill makes the row of one entry.
func (t *Table) fill(row []byte, at int) {
	e := t.entry(at)
	var absent uint64
	for i := range t.columns {
		if !t.columns[i].write(row, e) {
			absent |= t.columns[i].absent
		}
	}
	if t.record.Absent >= 0 {
		binary.NativeEndian.PutUint64(row[t.record.Absent:], absent)
	}
}

// entry is what a column is made of.
type entry struct {
	key    []byte
	values []uint64
	absent uint64 // the key's absent word
}

func (t *Table) entry(at int) entry {
	e := entry{key: t.entries.key(at), values: t.values[at*t.words:][:t.words]}
	if t.key.Absent >= 0 {
		e.absent = binary.NativeEndian.Uint64(e.key[t.key.Absent:])
	}
	return e
}

// byKey orders two entries by the bytes of their keys, which differ.
func (t *Table) byKey(a, b int32) int {
	return bytes.Compare(t.entries.key(int(a)), t.entries.key(int(b)))
}

// Each calls f for each entry, with the values of all CPUs and all intervals put together:
// one value, as that of one CPU lies in the map, so that Add makes the same entry of it. Both
// are valid during the call only.
func (t *Table) Each(f func(key, value []byte) error) error {
	var value []byte
	for at := range t.entries.n {
		value = value[:0]
		for _, word := range t.entry(at).values {
			value = binary.NativeEndian.AppendUint64(value, word)
		}
		if err := f(t.entries.key(at), value); err != nil {
			return err
		}
	}
	return nil
}
