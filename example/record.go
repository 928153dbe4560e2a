package example

import (
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"time"

	"github.com/ebgen/ebgen/runtime/recording"
	"github.com/ebgen/ebgen/spec/plan"
)

// ErrNoSpec is returned for a recording that does not have the text of its spec.
var ErrNoSpec = errors.New("the recording does not have the text of its spec: it is of a bundle or a built tracer, and ebgen run SPEC has it")

var errEnough = errors.New("enough")

// Record makes an example, for a file called name, of the first n records of a recording, or
// the first n entries of each report of a table. It has no rows yet.
func Record(name string, r *recording.Reader, n int) (*Example, error) {
	head := r.Head()
	if head.Spec == "" {
		return nil, ErrNoSpec
	}
	e := &Example{
		Name:   name,
		Kernel: Kernel{head.Host.Release, head.Plan.Arch, head.Started.UTC().Truncate(time.Second)},
		Spec:   strings.TrimRight(head.Spec, "\n") + "\n",
		rows:   map[string]string{},
	}
	// Rendering tells which names there are to be kept.
	tap := recording.NewTap(r.Env())
	all := *head.Plan
	all.Output.Top, all.Output.Columns = 0, nil
	f, err := newFeed(&all, tap.Env(), map[string]io.Writer{"json": io.Discard, "table": io.Discard})
	if err != nil {
		return nil, err
	}
	if head.Plan.Table != nil {
		err = e.takeReports(r, head.Plan, n, f)
	} else {
		err = e.takeRecords(r, head.Plan, n, f)
	}
	if err == nil {
		err = f.close()
	}
	if err != nil {
		return nil, err
	}
	if len(e.samples) == 0 {
		return nil, errors.New("nothing was recorded")
	}
	e.names = tap.Take().Apart()
	return Parse(name, e.Format()) // as it will be read
}

func (e *Example) takeRecords(r *recording.Reader, p *plan.Plan, n int, f *feed) error {
	for len(e.samples) < n {
		_, err := r.Records(func(rec []byte) error {
			e.samples = append(e.samples, sample{Record: valuesOf(&p.Record, rec)})
			if err := f.record(rec); err != nil {
				return err
			}
			if len(e.samples) == n {
				return errEnough
			}
			return nil
		})
		if errors.Is(err, io.EOF) || errors.Is(err, recording.ErrCut) || errors.Is(err, errEnough) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (e *Example) takeReports(r *recording.Reader, p *plan.Plan, n int, f *feed) error {
	m := &p.Maps[p.Table.Map]
	for {
		taken := 0
		at, err := r.Report(func(key, value []byte) error {
			if taken++; taken > n {
				return nil
			}
			e.samples = append(e.samples, sample{Key: valuesOf(&m.Key, key), Cells: valuesOf(&m.Value, value)})
			return f.entry(key, value)
		})
		if errors.Is(err, io.EOF) || errors.Is(err, recording.ErrCut) {
			return nil
		}
		if err != nil {
			return err
		}
		at = at.UTC()
		e.samples = append(e.samples, sample{Report: &at})
		if err := f.report(at); err != nil {
			return err
		}
	}
}

// valuesOf takes a record apart.
func valuesOf(r *plan.Record, rec []byte) *values {
	all := new(values)
	for i := range r.Fields {
		f := &r.Fields[i]
		if f.Bit >= 0 && r.Absent >= 0 && binary.NativeEndian.Uint64(rec[r.Absent:])>>f.Bit&1 == 1 {
			all.put(f.Name, nil)
			continue
		}
		all.put(f.Name, show(f.Type, rec[f.Offset:f.Offset+f.Type.Size]))
	}
	return all
}
