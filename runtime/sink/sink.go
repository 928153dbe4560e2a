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
package sink

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/ebgen/ebgen/runtime/decode"
)

// Format is one output format.
type Format struct {
	Name    string
	Help    string
	encoder func(columns []decode.Column) encoder
}

// Formats lists the output formats in the order in which help shows them; the first is
// the default.
var Formats = []Format{
	{"table", "aligned columns, for reading", newTable},
	{"json", "one JSON object a line, for jq and log pipelines", newJSON},
	{"csv", "comma-separated values with a header (RFC 4180)", newCSV},
}

// encoder turns records into text. Both methods append to dst and return it.
type encoder interface {
	header(dst []byte) []byte
	record(dst, rec []byte) []byte
}

// Options is what can be chosen about the output. The zero value chooses nothing.
type Options struct {
	Columns []string // the columns to write, in order; empty for all
	Labels  []Label  // constant columns that stand before them
}

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
	batch   batch
	failed  error // of the writer, or ErrClosed: nothing is written any more
}

// New returns a sink of the named format that writes to w; "" is the first of Formats.
// The header, where a format has one, is written by the first Flush. Errors are of type
// *FormatError or *decode.ColumnError.
func New(format string, w io.Writer, d *decode.Decoder, o Options) (*Sink, error) {
	columns, err := d.Select(o.Columns)
	if err != nil {
		return nil, err
	}
	if columns, err = labelled(o.Labels, columns); err != nil {
		return nil, err
	}
	for i, f := range Formats {
		if f.Name == format || format == "" && i == 0 {
			s := &Sink{decoder: d, encoder: f.encoder(columns), batch: batch{w: w}}
			s.batch.text = s.encoder.header(nil)
			return s, nil
		}
	}
	return nil, &FormatError{format}
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
		all = append(all, decode.Constant(l.Name, l.Value))
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
	s.batch.add(s.encoder.record(s.batch.text, rec))
	return nil
}

// Flush hands all that was collected to the writer, in one Write.
func (s *Sink) Flush() error {
	if s.failed != nil {
		return s.failed
	}
	s.failed = s.batch.flush()
	return s.failed
}

// Close flushes. It leaves the writer open, which the sink does not own.
func (s *Sink) Close() error {
	err := s.Flush()
	if err == nil {
		s.failed = ErrClosed
	}
	return err
}

// Delivered is the number of records of which the writer accepted every byte.
func (s *Sink) Delivered() uint64 { return s.batch.delivered }

// Lost is the number of records that were taken and of which the writer refused at least
// one byte. Those that wait for a Flush are in neither number.
func (s *Sink) Lost() uint64 { return s.batch.lost }
