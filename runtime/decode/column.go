package decode

import (
	"encoding/binary"
	"maps"
	"math"

	"github.com/ebgen/ebgen/spec/plan"
)

// Column is one column of every record: how it is called and how it is written.
type Column struct {
	Name   string
	Type   plan.Type
	Width  int      // display columns that most values need: a table's first guess
	Right  bool     // a number, so that digits of one weight stand under each other
	Free   bool     // a text from outside: it may need quotes, and a width taken by display columns
	Parts  []Column // of a composite value: what a flat format shows in its place
	Text   Append   // for people; "?" when absent
	Raw    Append   // for programs, without quotes; nothing when absent
	JSON   Append   // one JSON value, always of one JSON type; null when absent
	Absent func(rec []byte) bool

	// Histogram is what a sink draws of a column of kind Hist, whose Text, Raw and JSON
	// hold all buckets on one line; else nil.
	Histogram *Histogram
	// Number is the value of an integer, whatever it means; else nil. One beyond an int64 is
	// its greatest.
	Number func(rec []byte) int64
	// Stack is what a sink shows of a column of kind Stack, whose Text, Raw and JSON hold
	// all frames on one line; else nil.
	Stack *Stack
	// Key says that the column is a part of a table's key; Sum that it counts events or sums
	// up what they bring, so that the values of several rows may be added.
	Key, Sum bool
}

// Append writes one column of rec to the end of dst and returns the longer slice. It
// does not keep rec, which must have exactly the size of a record (Decoder.Check).
type Append func(dst, rec []byte) []byte

// form is how the values at one cell are written, before absence is thought of.
type form struct {
	width           int
	right, free     bool
	text, raw, json Append
	parts           []Column              // named within the value
	unknown         func(rec []byte) bool // the value itself says that it is none; nil if never
	histogram       *Histogram
	stack           *Stack
}

// maker builds the form of one kind and meaning for one cell.
type maker func(d *Decoder, c cell) form

// meanings are the ways in which an integer can be written that is not plain.
var meanings = map[plan.Meaning]maker{
	plan.Hex:      hexadecimal,
	plan.Time:     instant,
	plan.Duration: duration,
	plan.ByteSize: byteSize,
	plan.Port:     decimal,
	plan.Errno:    errno,
	plan.Symbol:   kernelSymbol,
	plan.Syscall:  syscallName,
	plan.Signal:   signal,
	plan.Mode:     mode,
	plan.Device:   device,
}

// forms is the table of all that can be shown: by kind, then by meaning.
var forms = map[plan.Kind]map[plan.Meaning]maker{
	plan.Int:     plainAs(decimal),
	plan.Enumer:  plainAs(named),
	plan.Pointer: {plan.Plain: hexadecimal, plan.Hex: hexadecimal, plan.Symbol: kernelSymbol},
	plan.Bool:    {plan.Plain: boolean},
	plan.String:  {plan.Plain: text, plan.Text: text, plan.Hex: hexBytes},
	plan.Bytes:   {plan.Plain: hexBytes, plan.Text: text, plan.Hex: hexBytes},
	plan.IP:      {plan.Plain: address},
	plan.Flow:    {plan.Plain: flow},
	plan.Owner:   {plan.Plain: owner},
	plan.Float:   {plan.Plain: float, plan.Duration: duration, plan.ByteSize: byteSize, plan.Time: instant},
	plan.Hist:    histograms(),
	plan.Stack:   {plan.Plain: stackFrames, plan.Symbol: userSymbol},
}

// plainAs adds to the meanings what a value without one is.
func plainAs(m maker) map[plan.Meaning]maker {
	all := maps.Clone(meanings)
	all[plan.Plain] = m
	return all
}

// column builds the column of a field whose type checkType has accepted.
func (d *Decoder) column(f plan.Field) Column {
	form := forms[f.Type.Kind][f.Type.Meaning](d, cell{f.Type, f.Offset})
	absent := form.unknown
	if f.Bit >= 0 {
		bit := d.absentBit(f.Bit)
		if absent = anyOf(bit, form.unknown); form.stack != nil {
			form.stack.absent = bit
		}
	}
	c := form.column(f.Name, f.Type, absent)
	if f.Type.Kind == plan.Int {
		c.Number = (&cell{f.Type, f.Offset}).clamped
	}
	for _, part := range form.parts {
		part.Name = f.Name + "." + part.Name
		c.Parts = append(c.Parts, part.orAbsent(absent))
	}
	return c
}

func (f form) column(name string, t plan.Type, absent func([]byte) bool) Column {
	c := Column{Name: name, Type: t, Width: f.width, Right: f.right, Free: f.free, Text: f.text, Raw: f.raw, JSON: f.json, Stack: f.stack}
	if f.histogram != nil {
		c.Histogram = f.histogram
		c.Histogram.absent = absent
	}
	return c.orAbsent(absent)
}

// orAbsent writes the marks of an absent value where absent says so; nil says never.
func (c Column) orAbsent(absent func(rec []byte) bool) Column {
	if absent == nil {
		return c
	}
	or := func(mark string, write Append) Append {
		return func(dst, rec []byte) []byte {
			if absent(rec) {
				return append(dst, mark...)
			}
			return write(dst, rec)
		}
	}
	c.Text, c.Raw, c.JSON, c.Absent = or("?", c.Text), or("", c.Raw), or("null", c.JSON), absent
	return c
}

// Title appends the column's name, with nothing in it that a terminal might obey.
func (c Column) Title(dst []byte) []byte { return appendText(dst, []byte(c.Name)) }

// Constant is a column that holds value in every record.
func Constant(name, value string) Column {
	text := appendText(nil, []byte(value))
	json := append(appendJSONText([]byte{'"'}, []byte(value)), '"')
	always := func(constant []byte) Append {
		return func(dst, _ []byte) []byte { return append(dst, constant...) }
	}
	return Column{
		Name: name, Type: plan.Type{Kind: plan.String, Size: len(value) + 1},
		Width: len(text), Free: true, Text: always(text), Raw: always(text), JSON: always(json),
	}
}

// Object is the JSON object that has the columns' names as keys, in their order.
func Object(columns []Column) Append {
	keys := make([][]byte, len(columns))
	for i, c := range columns {
		keys[i] = append(appendJSONText([]byte(`,"`), []byte(c.Name)), `":`...)
	}
	if len(keys) == 0 {
		return func(dst, _ []byte) []byte { return append(dst, "{}"...) }
	}
	keys[0][0] = '{'
	return func(dst, rec []byte) []byte {
		for i := range columns {
			dst = columns[i].JSON(append(dst, keys[i]...), rec)
		}
		return append(dst, '}')
	}
}

// absentBit asks one bit of the record's absent word.
func (d *Decoder) absentBit(bit int) func(rec []byte) bool {
	at, mask := d.plan.Record.Absent, uint64(1)<<bit
	return func(rec []byte) bool { return binary.NativeEndian.Uint64(rec[at:])&mask != 0 }
}

func anyOf(a, b func(rec []byte) bool) func(rec []byte) bool {
	if b == nil {
		return a
	}
	return func(rec []byte) bool { return a(rec) || b(rec) }
}

// cell is a value's place in the record. Its methods take it by address: it is large, and
// they run for each value.
type cell struct {
	plan.Type
	at int // offset in bytes
}

// bytes returns the value as it lies in rec.
func (c *cell) bytes(rec []byte) []byte { return rec[c.at : c.at+c.Size] }

// integer returns the number in rec, widened to 64 bits: with its sign when the type
// has one, else with zeros.
func (c *cell) integer(rec []byte) uint64 {
	v := load(rec[c.at:], c.Size)
	if c.Signed {
		return signExtend(v, c.Size)
	}
	return v
}

// clamped returns the number in rec, or the greatest int64 for what is beyond it.
func (c *cell) clamped(rec []byte) int64 {
	v := c.integer(rec)
	if !c.Signed {
		v = min(v, math.MaxInt64)
	}
	return int64(v)
}

// signed returns the number in rec with the sign of its top bit, whatever the type says:
// what the kernel keeps in a u32 may well be a negative errno.
func (c *cell) signed(rec []byte) int64 {
	return int64(signExtend(load(rec[c.at:], c.Size), c.Size))
}

func load(b []byte, size int) uint64 {
	switch size {
	case 1:
		return uint64(b[0])
	case 2:
		return uint64(binary.NativeEndian.Uint16(b))
	case 4:
		return uint64(binary.NativeEndian.Uint32(b))
	}
	return binary.NativeEndian.Uint64(b)
}

func signExtend(v uint64, size int) uint64 {
	shift := 64 - 8*size
	return uint64(int64(v<<shift) >> shift)
}

// quoted is the JSON string of what write appends, which needs no escapes.
func quoted(write Append) Append {
	return func(dst, rec []byte) []byte { return append(write(append(dst, '"'), rec), '"') }
}
