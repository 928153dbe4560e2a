// Package example holds a spec against samples that a run of it has recorded.
//
// In goes a recording; out comes an Example: a small text of what the kernel delivered, by
// column and not by byte, and of what was shown of it. It stands beside the spec. Later the
// samples are laid out and rendered by the plan of the spec as it is by then, and compared.
//
//	e, err := example.Record("opens.example", r, 5) // of a *recording.Reader
//	err = os.WriteFile("opens.example", e.Format(), 0o644)
//
//	e, err := example.Parse("opens.example", text)
//	result, err := e.Test(source.NewFile("opens.yaml", spec), plan, kernel)
//
// docs/decisions/examples.md says what that can tell, and what it cannot.
package example

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ebgen/ebgen/runtime/recording"
)

// Extension ends the names of examples: NAME.example, or NAME.CASE.example, beside NAME.yaml.
const Extension = ".example"

// Example is samples of a run and what is shown of them.
type Example struct {
	Name string // of its file
	Kernel
	Spec    string // the text of the spec that was run
	samples []sample
	names   []recording.Facts // one fact each
	rows    map[string]string // by format
}

// Kernel says on what the samples were recorded.
type Kernel struct {
	Release  string    `json:"kernel"`
	Arch     string    `json:"arch"`
	Recorded time.Time `json:"recorded"`
}

// Formats are the output formats whose rows an example has: what people read, and what
// programs do.
var Formats = []string{"table", "json"}

// sections of the text, before those of Formats.
const (
	kernelSection  = "kernel"
	specSection    = "spec"
	samplesSection = "samples"
	namesSection   = "names"
)

// comment stands above all.
const comment = "Samples of a run, and what is shown of them; `ebgen test --update` writes the rows again.\n"

// ErrExample wraps what is wrong with the text of an example.
var ErrExample = errors.New("it is no example")

// Parse reads the text of an example.
func Parse(name string, text []byte) (*Example, error) {
	e := &Example{Name: name, rows: map[string]string{}}
	sections := map[string]string{}
	for _, s := range sectionsOf(string(text)) {
		if _, twice := sections[s.name]; twice {
			return nil, fmt.Errorf("%s: %w: two sections are called %q", name, ErrExample, s.name)
		}
		sections[s.name] = s.text
		if slices.Contains(Formats, s.name) {
			e.rows[s.name] = s.text
		}
	}
	for _, want := range []string{kernelSection, specSection, samplesSection} {
		if strings.TrimSpace(sections[want]) == "" {
			return nil, fmt.Errorf("%s: %w: there is no section %q", name, ErrExample, want)
		}
	}
	e.Spec = sections[specSection]
	wrong := func(section string, line int, err error) error {
		return fmt.Errorf("%s: %w: line %d of %s: %w", name, ErrExample, line, section, err)
	}
	if err := strict([]byte(sections[kernelSection]), &e.Kernel); err != nil {
		return nil, wrong(kernelSection, 1, err)
	}
	n := 0
	for line := range strings.Lines(sections[samplesSection]) {
		n++
		var s sample
		if err := strict([]byte(line), &s); err != nil {
			return nil, wrong(samplesSection, n, err)
		}
		e.samples = append(e.samples, s)
	}
	n = 0
	for line := range strings.Lines(sections[namesSection]) {
		n++
		var f recording.Facts
		if err := strict([]byte(line), &f); err != nil {
			return nil, wrong(namesSection, n, err)
		}
		e.names = append(e.names, f)
	}
	return e, nil
}

// strict reads one JSON value that has no unknown keys, its numbers as they are written.
func strict(text []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if d.More() {
		return errors.New("something follows")
	}
	return nil
}

// Format is the text of an example, one line for each sample, name and row.
func (e *Example) Format() []byte {
	out := bytes.NewBufferString(comment)
	begin := func(section string) { fmt.Fprintf(out, "-- %s --\n", section) }
	begin(kernelSection)
	out.Write(line(e.Kernel))
	begin(specSection)
	out.WriteString(e.Spec)
	begin(samplesSection)
	for _, s := range e.samples {
		out.Write(line(s))
	}
	if len(e.names) > 0 {
		begin(namesSection)
	}
	for _, f := range e.names {
		out.Write(line(f))
	}
	for _, format := range Formats {
		if rows, ok := e.rows[format]; ok {
			begin(format)
			out.WriteString(rows)
		}
	}
	return out.Bytes()
}

// line is a value as JSON on one line. What is put into an example can be written as JSON.
func line(v any) []byte {
	var b bytes.Buffer
	out := json.NewEncoder(&b)
	out.SetEscapeHTML(false)
	if err := out.Encode(v); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// sample is one record, one entry of a table, or the report of the entries before it.
type sample struct {
	Record *values    `json:"record,omitempty"`
	Key    *values    `json:"key,omitempty"`
	Cells  *values    `json:"cells,omitempty"`
	Report *time.Time `json:"report,omitempty"`
}

// values are those of a record's fields by name, nil for one that has none.
type values struct {
	names []string // in the record's order
	by    map[string]any
}

func (v *values) put(name string, value any) {
	if v.by == nil {
		v.by = map[string]any{}
	}
	v.names = append(v.names, name)
	v.by[name] = value
}

// MarshalJSON keeps the order.
func (v *values) MarshalJSON() ([]byte, error) {
	text := []byte{'{'}
	for i, name := range v.names {
		if i > 0 {
			text = append(text, ',')
		}
		text = append(text, bytes.TrimSpace(line(name))...)
		text = append(append(text, ':'), bytes.TrimSpace(line(v.by[name]))...)
	}
	return append(text, '}'), nil
}

// UnmarshalJSON keeps the order.
func (v *values) UnmarshalJSON(text []byte) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return errors.Join(errors.New("an object of columns is wanted"), err)
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}
		var value any
		if err := d.Decode(&value); err != nil {
			return err
		}
		if _, twice := v.by[name.(string)]; twice {
			return fmt.Errorf("%q stands there twice", name)
		}
		v.put(name.(string), value)
	}
	return nil
}
