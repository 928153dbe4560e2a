package example

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/diff"

	"github.com/ebgen/ebgen/runtime/aggregate"
	"github.com/ebgen/ebgen/runtime/decode"
	"github.com/ebgen/ebgen/runtime/recording"
	"github.com/ebgen/ebgen/runtime/sink"
	"github.com/ebgen/ebgen/spec"
	"github.com/ebgen/ebgen/spec/check"
	"github.com/ebgen/ebgen/spec/ktype"
	"github.com/ebgen/ebgen/spec/plan"
	"github.com/ebgen/ebgen/spec/source"
)

// Result is what became of an example.
type Result struct {
	Samples int
	Diags   *source.Diagnostics // in the spec of today: what the samples do not have, what they cannot tell
	Diff    string              // of the rows, expected and found; "" where they are the same
	rows    map[string]string
}

// Failed reports whether the spec no longer gives what the example expects of it.
func (r *Result) Failed() bool { return r.Diff != "" || r.Diags.Failed() }

// Test lays the samples out as the plan of a spec has them, which was checked against a
// kernel's types, renders them, and compares the rows. An error says what is wrong with the
// example itself.
func (e *Example) Test(doc *spec.Document, now *plan.Plan, k *ktype.Kernel) (*Result, error) {
	result := &Result{Diags: &source.Diagnostics{File: doc.File}, rows: map[string]string{}}
	old, diags := spec.Parse(e.Name, []byte(e.Spec))
	then, diags := check.Check(old, diags, k, check.Options{Arch: k.Arch()})
	if then == nil {
		return nil, fmt.Errorf("%s: the spec that was recorded does not hold on Linux %s: %s", e.Name, k.Release(), diags.All()[0].Message)
	}
	m := &matcher{doc: doc, then: newTraced(then), now: newTraced(now), diags: result.Diags, spec: e.Spec,
		again: fmt.Sprintf("record again: ebgen run %[1]s --record FILE, ebgen test %[1]s --add FILE", doc.File.Name())}
	if (then.Table == nil) != (now.Table == nil) {
		result.Diags.Errorf(m.lineSpan(now.Line), "the samples are of %s, and this is a spec of %s", kindOf(then), kindOf(now)).Hint = m.again
		return result, nil
	}
	m.match()
	if result.Diags.Failed() {
		return result, nil
	}
	if err := e.render(m, now, result); err != nil {
		return nil, fmt.Errorf("%s: %w", e.Name, err)
	}
	for _, format := range slices.Sorted(maps.Keys(result.rows)) {
		if want, got := e.rows[format], result.rows[format]; want != got {
			_, changes, _ := strings.Cut(string(diff.Diff(format+" expected", []byte(want), format+" found", []byte(got))), "\n")
			result.Diff += changes
		}
	}
	return result, nil
}

func kindOf(p *plan.Plan) string {
	if p.Table != nil {
		return "a table"
	}
	return "records"
}

// Update takes the rows of a result for those that are expected.
func (e *Example) Update(r *Result) error {
	e.rows = r.rows
	again, err := Parse(e.Name, e.Format())
	if err != nil || !maps.Equal(again.rows, e.rows) {
		return errors.Join(fmt.Errorf("%s: the rows cannot be written down: one of them looks like the head of a section", e.Name), err)
	}
	return nil
}

// render makes the rows of a result.
func (e *Example) render(m *matcher, p *plan.Plan, result *Result) error {
	names := recording.NewNames()
	for i := range e.names {
		names.Learn(&e.names[i])
	}
	out := map[string]io.Writer{}
	texts := map[string]*bytes.Buffer{}
	for _, format := range Formats {
		texts[format] = new(bytes.Buffer)
		out[format] = texts[format]
	}
	f, err := newFeed(p, names.Env(), out)
	if err != nil {
		return err
	}
	if err := e.feed(m, f, result); err != nil {
		return err
	}
	if err := f.close(); err != nil {
		return err
	}
	for format, text := range texts {
		result.rows[format] = text.String()
	}
	if n := names.Unknown(); n > 0 {
		result.Diags.Warnf(m.lineSpan(p.Line), "the samples have no names for what is shown by name now, and numbers take their place").Hint = m.again
	}
	return nil
}

// feed lays out the samples, one after the other.
func (e *Example) feed(m *matcher, f *feed, result *Result) error {
	for i, s := range e.samples {
		var err error
		switch {
		case s.Record != nil && m.now.cells == nil:
			result.Samples++
			var rec []byte
			if rec, err = fill(m.now.given, m.given, s.Record); err == nil {
				err = f.record(rec)
			}
		case s.Key != nil && s.Cells != nil && m.now.cells != nil:
			result.Samples++
			var key, value []byte
			if key, err = fill(m.now.given, m.given, s.Key); err == nil {
				if value, err = fill(m.now.cells, m.cells, s.Cells); err == nil {
					err = f.entry(key, value)
				}
			}
		case s.Report != nil && m.now.cells != nil:
			err = f.report(*s.Report)
		default:
			err = fmt.Errorf("it is no sample of %s", kindOf(m.now.plan))
		}
		if err != nil {
			return fmt.Errorf("sample %d: %w", i+1, err)
		}
	}
	return nil
}

// feed renders records, or entries, in several formats.
type feed struct {
	plan    *plan.Plan
	sinks   []*sink.Sink
	table   *aggregate.Table // nil for records
	counted bool             // entries since the last report
	at      time.Time        // of that
}

func newFeed(p *plan.Plan, env decode.Env, out map[string]io.Writer) (*feed, error) {
	f := &feed{plan: p}
	env.Location = time.UTC // the rows are the same everywhere
	for _, format := range slices.Sorted(maps.Keys(out)) {
		d, err := decode.New(p, env)
		if err != nil {
			return nil, err
		}
		s, err := sink.New(format, out[format], d, sink.Options{Columns: p.Output.Columns, Interval: p.Output.Interval > 0})
		if err != nil {
			return nil, err
		}
		f.sinks = append(f.sinks, s)
	}
	if p.Table == nil {
		return f, nil
	}
	var err error
	f.table, err = aggregate.New(p)
	return f, err
}

func (f *feed) record(rec []byte) error {
	for _, s := range f.sinks {
		if err := s.Write(rec); err != nil {
			return err
		}
	}
	return nil
}

func (f *feed) entry(key, value []byte) error {
	f.counted = true
	return f.table.Add(key, value)
}

// report ends a report; of a spec that makes one at the end, the last of them is all.
func (f *feed) report(at time.Time) error {
	f.at = at
	if f.plan.Output.Interval == 0 {
		f.counted = true
		return nil
	}
	return f.emit()
}

func (f *feed) emit() error {
	f.counted = false
	for _, s := range f.sinks {
		if err := s.Report(f.at.UTC(), f.table.Rows()); err != nil {
			return err
		}
	}
	if !f.plan.Output.Keep {
		f.table.Reset()
	}
	return nil
}

func (f *feed) close() error {
	if f.counted {
		if err := f.emit(); err != nil {
			return err
		}
	}
	for _, s := range f.sinks {
		if err := s.Close(); err != nil {
			return err
		}
	}
	return nil
}
