package decode

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/ebgen/ebgen/spec/plan"
)

// every is a plan with one field of each of the cases, each with an absent bit as long as
// there are bits, and one record of it.
func every() (*plan.Plan, []byte) {
	p := &plan.Plan{Name: "every", Enums: testEnums, Histograms: testHistograms}
	rec := make([]byte, 8)
	for i, c := range cases {
		bit := -1
		if i < 64 {
			bit = i
		}
		p.Record.Fields = append(p.Record.Fields, plan.Field{Name: fmt.Sprintf("f%d", i), Type: c.typ, Offset: len(rec), Bit: bit})
		rec = append(rec, c.bytes...)
	}
	p.Record.Size = len(rec)
	return p, rec
}

// FuzzRecord decodes arbitrary bytes: no form panics, JSON is valid, and nothing leaves
// that ends a line or that a terminal obeys.
func FuzzRecord(f *testing.F) {
	p, rec := every()
	f.Add(rec)
	f.Add(bytes.Repeat([]byte{0xff}, len(rec)))
	f.Add(append(make([]byte, 8), bytes.Repeat([]byte{0x1b, 0xc2, 0x9b, '"', '\n', '\\'}, len(rec)/6)...))
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := New(p, testEnv())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.Decode(data); (err == nil) != (len(data) == len(rec)) {
			t.Fatalf("%d bytes: %v", len(data), err)
		}
		rec := make([]byte, len(rec))
		copy(rec, data)
		for _, c := range d.Columns() {
			object := Object([]Column{c})(nil, rec)
			if !json.Valid(object) {
				t.Errorf("%s: invalid JSON %s", c.Name, object)
			}
			for _, c := range append([]Column{c}, c.Parts...) {
				texts := [][]byte{c.Text(nil, rec), c.Raw(nil, rec), c.JSON(nil, rec)}
				if h := c.Histogram; h != nil {
					for first, end := h.Range(rec); first < end; first++ {
						texts = append(texts, h.End(h.Start(nil, first), first), h.High(h.Low(nil, first), first))
					}
				}
				for _, text := range texts {
					if !utf8.Valid(text) || bytes.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
						t.Errorf("%s: %q is not for a terminal", c.Name, text)
					}
				}
			}
		}
	})
}

// FuzzPlan takes arbitrary plans, as a damaged or forged bundle would hold them: each is
// refused, or decodes.
func FuzzPlan(f *testing.F) {
	p, _ := every()
	p.Record.Fields = p.Record.Fields[:30]
	seed, err := json.Marshal(p)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Add([]byte(`{"Name":"x","Record":{"Size":8,"Absent":0,"Fields":[{"Name":"\u001b\"","Type":{"Kind":"int","Size":8},"Offset":9223372036854775807,"Bit":1}]}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		p := new(plan.Plan)
		if json.Unmarshal(data, p) != nil {
			return
		}
		d, err := New(p, testEnv())
		if err != nil || d.Size() > 1<<20 {
			return
		}
		rec := bytes.Repeat([]byte{1}, d.Size())
		if object := Object(d.Columns())(nil, rec); !json.Valid(object) {
			t.Errorf("invalid JSON %s", object)
		}
		if _, err := d.Decode(rec); err != nil {
			t.Error(err)
		}
	})
}
