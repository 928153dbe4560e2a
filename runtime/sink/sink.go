// Package sink writes records as text, and knows exactly how many of them arrived.
//
// In go raw records and the columns of package decode; out come lines of one of Formats.
// Records are collected and handed to the writer in one Write per batch.
//
//	s, err := sink.New("table", os.Stdout, decoder, sink.Options{})
//	for _, rec := range batch {
//		err = s.Write(rec)
//	}
//	err = s.Flush()
//
// The rows of a table come in reports instead: s.Report(at, rows), then s.Flush. A picture
// of them all is drawn at the end, by s.Compose(true) or s.Close.
package sink

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/ebgen/ebgen/runtime/decode"
	"github.com/ebgen/ebgen/spec/plan"
)

// Format is one output format.
type Format struct {
	plan.OutputFormat
	form
}

// form is how a format is made: by an encoder of records, or by a picture of all of them.
type form struct {
	encoder func(columns []decode.Column) encoder
	// report makes the encoder of reports that say in their own way when they were made;
	// nil for a format whose lines have a column for that.
	report func(columns []decode.Column, at *decode.Column) encoder
	// picture is for a format that is written at the end.
	picture func(s subject) picture
}

// forms has a row for each of plan.OutputFormats.
var forms = map[string]form{
	"table":      {encoder: newTable, report: newReport},
	"json":       {encoder: newJSON},
	"csv":        {encoder: newCSV},
	"folded":     {picture: newFolded},
	"flamegraph": {picture: newFlamegraph},
	"pprof":      {picture: newPprof},
	"heatmap":    {picture: newHeatmap},
	"none":       {encoder: newNone, report: func([]decode.Column, *decode.Column) encoder { return none{} }},
}

// Formats lists the output formats in the order in which help shows them; the first is
// the default.
var Formats = func() (all []Format) {
	for _, f := range plan.OutputFormats {
		all = append(all, Format{f, forms[f.Name]})
	}
	return all
}()

// Find returns the format of that name; "" is the default.
func Find(name string) (Format, error) {
	for i, f := range Formats {
		if f.Name == name || name == "" && i == 0 {
			return f, nil
		}
	}
	return Format{}, &FormatError{name}
}

// encoder turns records into text. Both methods append to dst and return it.
type encoder interface {
	header(dst []byte) []byte
	record(dst, rec []byte) []byte
}

// opener is an encoder that has something to write before the rows of a report, or to
// know of all of them. Like those of encoder its method appends to dst and returns it.
type opener interface {
	open(dst []byte, rows [][]byte) []byte
}

// picture is what becomes of all records or rows together.
type picture interface {
	// take takes one record, which may be reused at once. It is quick: names are looked up
	// in draw.
	take(rec []byte)
	// report says that the rows which follow are those of a report made at that time.
	report(at time.Time)
	// draw returns the whole output.
	draw() ([]byte, error)
}

// subject is what a picture is of.
type subject struct {
	decoder *decode.Decoder
	columns []decode.Column
	chosen  bool           // whether the user has chosen the columns
	at      *decode.Column // when the report was made, nil when there is only one
	now     func() time.Time
}

// Options is what can be chosen about the output. The zero value chooses nothing.
type Options struct {
	Columns []string // the columns to write, in order; empty for all
	Labels  []Label  // constant columns that stand before them

	// Interval says that there will be several reports of a table: each row then says when
	// its report was made, in a column TimeColumn before all others, or for people each
	// report does, in a line.
	Interval bool

	// Now is the clock of the run, by which a picture says when and for how long it was
	// traced; nil for this machine's.
	Now func() time.Time
}

// TimeColumn is the column that says when the report of a row was made.
const TimeColumn = "time"

// ErrTimeColumn is returned when a table has a column that TimeColumn would hide.
var ErrTimeColumn = errors.New("the reports of an interval have a column \"" + TimeColumn + "\" of their own: give the field of that name another")

// Label is a column that holds the same text in every record, such as the host's name
// where the outputs of several hosts come together.
type Label struct{ Name, Value string }

// FormatError is a request for a format that does not exist.
type FormatError struct{ Name string }

func (e *FormatError) Error() string {
	names := make([]string, len(Formats))
	for i, f := range Formats {
		names[i] = f.Name
	}
	return fmt.Sprintf("no output format %q; there are %s", e.Name, strings.Join(names, ", "))
}

// ErrClosed is returned for a record that is written after Close.
var ErrClosed = errors.New("sink is closed")

// Sink writes the records of one run. It belongs to one goroutine.
type Sink struct {
	decoder *decode.Decoder
	encoder encoder
	picture picture // or nil; then encoder is not
	drawn   bool
	slow    bool   // encoding may read files
	waiting []byte // records that are to be encoded; only if slow
	taken   uint64 // records that the picture has
	batch   batch
	at      time.Time // of the last report
	failed  error     // of the writer, or ErrClosed: nothing is written any more
}

// New returns a sink of the named format that writes to w; "" is the first of Formats.
// The header, where a format has one, is written by the first Flush. Errors are of type
// *FormatError, *decode.ColumnError or *plan.NeedError, or ErrTimeColumn.
func New(format string, w io.Writer, d *decode.Decoder, o Options) (*Sink, error) {
	columns, err := d.Select(o.Columns)
	if err != nil {
		return nil, err
	}
	if columns, err = labelled(o.Labels, columns); err != nil {
		return nil, err
	}
	f, err := Find(format)
	if err != nil {
		return nil, err
	}
	shows := func(k plan.Kind) bool {
		return slices.ContainsFunc(columns, func(c decode.Column) bool { return c.Type.Kind == k })
	}
	// usym is kept as a stack, and is none.
	stacks := slices.ContainsFunc(columns, func(c decode.Column) bool { return c.Stack != nil })
	if err := f.Check(func(k plan.Kind) bool { return shows(k) && (k != plan.Stack || stacks) }, o.Interval, d.Cumulative()); err != nil {
		return nil, err
	}
	s := &Sink{decoder: d, batch: batch{w: w}, slow: shows(plan.Stack) && !d.IsTable()}
	var at *decode.Column
	if o.Interval && d.IsTable() {
		c := d.Clock(TimeColumn, &s.at)
		at = &c
	}
	if f.picture != nil {
		now := o.Now
		if now == nil {
			now = time.Now
		}
		s.picture = f.picture(subject{d, columns, len(o.Columns) > 0, at, now})
		return s, nil
	}
	if s.encoder, err = f.encode(d, columns, at); err != nil {
		return nil, err
	}
	s.batch.text = s.encoder.header(nil)
	return s, nil
}

// encode makes f's encoder for records, or for reports that say when they were made.
func (f Format) encode(d *decode.Decoder, columns []decode.Column, at *decode.Column) (encoder, error) {
	switch {
	case !d.IsTable():
		return f.encoder(columns), nil
	case f.report != nil:
		return f.report(columns, at), nil
	case at == nil:
		return f.encoder(columns), nil
	case slices.ContainsFunc(columns, func(c decode.Column) bool { return c.Name == TimeColumn }):
		return nil, ErrTimeColumn
	}
	return f.encoder(append([]decode.Column{*at}, columns...)), nil
}

// labelled puts labels before columns. Names must differ, or JSON would lose one.
func labelled(labels []Label, columns []decode.Column) ([]decode.Column, error) {
	var all []decode.Column
	seen := map[string]bool{}
	for _, c := range columns {
		seen[c.Name] = true
	}
	for _, l := range labels {
		if seen[l.Name] {
			return nil, &decode.ColumnError{Name: l.Name, Twice: true}
		}
		seen[l.Name] = true
		c := decode.Constant(l.Name, l.Value)
		c.Key = true
		all = append(all, c)
	}
	return append(all, columns...), nil
}

// Write takes one record; rec may be reused at once. The text waits for the next Flush,
// so that Write never waits for the writer: rec may lie in the kernel's buffer, and the
// caller knows when its batch ends. A record of another size gives decode.ErrRecordSize
// and is lost. After a failure of the writer every record is lost, and Write returns that
// failure, which errors.Is can look into (syscall.EPIPE, syscall.ENOSPC).
func (s *Sink) Write(rec []byte) error {
	err := s.failed
	if err == nil {
		err = s.decoder.Check(rec)
	}
	if err != nil {
		s.batch.lost++
		return err
	}
	switch {
	case s.picture != nil:
		s.taken++
		s.picture.take(rec)
	case s.slow:
		s.waiting = append(s.waiting, rec...)
	default:
		s.batch.add(s.encoder.record(s.batch.text, rec))
	}
	return nil
}

// Compose makes what the next Flush writes of the records that Write took. Where that may
// read files, as the names of a stack's frames do, it is not done by Write. At the end, of
// which last tells, a picture is drawn; then no record may follow.
func (s *Sink) Compose(last bool) error {
	for rec := range slices.Chunk(s.waiting, max(s.decoder.Size(), 1)) {
		if s.failed == nil {
			s.batch.add(s.encoder.record(s.batch.text, rec))
		} else {
			s.batch.lost++
		}
	}
	s.waiting = s.waiting[:0]
	if s.failed != nil {
		return s.failed
	}
	if s.picture == nil || !last || s.drawn {
		return nil
	}
	s.drawn = true
	text, err := s.picture.draw()
	if err != nil {
		s.failed = err
		s.batch.lost += s.taken
		return err
	}
	s.batch.whole(text, s.taken)
	return nil
}

// Report takes the rows of a table, each as Write takes a record, and when they were read
// or, for the end of an interval, when that was. They are written in their order; rows may
// be reused at once. A row of another size gives decode.ErrRecordSize, and then the whole
// report is lost: half of a table would look like a whole one.
func (s *Sink) Report(at time.Time, rows [][]byte) error {
	err := s.failed
	for _, row := range rows {
		if err == nil {
			err = s.decoder.Check(row)
		}
	}
	if err != nil {
		s.batch.lost += uint64(len(rows))
		return err
	}
	s.at = at
	if s.picture != nil {
		s.taken += uint64(len(rows))
		s.picture.report(at)
		for _, row := range rows {
			s.picture.take(row)
		}
		return nil
	}
	if o, ok := s.encoder.(opener); ok {
		s.batch.text = o.open(s.batch.text, rows)
	}
	for _, row := range rows {
		s.batch.add(s.encoder.record(s.batch.text, row))
	}
	return nil
}

// Flush hands all that was collected to the writer, in one Write. It composes what is
// still to be.
func (s *Sink) Flush() error {
	if err := s.Compose(false); err != nil {
		return err
	}
	s.failed = s.batch.flush()
	return s.failed
}

// Close flushes, a picture too. It leaves the writer open, which the sink does not own.
func (s *Sink) Close() error {
	err := s.Compose(true)
	if err == nil {
		err = s.Flush()
	}
	if err == nil {
		s.failed = ErrClosed
	}
	return err
}

// Delivered is the number of records or rows of which the writer accepted every byte.
func (s *Sink) Delivered() uint64 { return s.batch.delivered }

// Lost is the number of records that were taken and of which the writer refused at least
// one byte. Those that wait for a Flush are in neither number.
func (s *Sink) Lost() uint64 { return s.batch.lost }
