package sink

import (
	"bytes"
	"strconv"

	"github.com/ebgen/ebgen/runtime/decode"
)

// csv writes RFC 4180 with a header. A composite value has a column for each part; an
// absent value is empty and an empty text is "". Lines end in LF alone, as the tools of
// this machine write them. A text may begin with "=", which spreadsheets run as a
// formula: data is not altered for their sake (docs/decisions/output-forms.md).
//
// A histogram has three columns, and a record as many lines as its histograms have buckets
// that are not empty: each repeats the other columns and gives one bucket's bounds and
// count, its open ends and the cells of other histograms empty. Without such a bucket
// there is one line all the same.
type csv struct {
	columns    []decode.Column
	histograms []int // indices into columns
}

func newCSV(columns []decode.Column) encoder {
	c := new(csv)
	for _, column := range columns {
		if len(column.Parts) > 0 {
			c.columns = append(c.columns, column.Parts...)
			continue
		}
		if column.Histogram != nil {
			c.histograms = append(c.histograms, len(c.columns))
		}
		c.columns = append(c.columns, column)
	}
	return c
}

// bucketCells are what the three columns of a histogram are called, after its own name.
var bucketCells = []string{".low", ".high", ".count"}

func (c *csv) header(dst []byte) []byte {
	start := len(dst)
	for i := range c.columns {
		if c.columns[i].Histogram == nil {
			dst = title(dst, c.columns[i], "")
			continue
		}
		for _, cell := range bucketCells {
			dst = title(dst, c.columns[i], cell)
		}
	}
	return endRow(dst, start)
}

func title(dst []byte, c decode.Column, cell string) []byte {
	start := len(dst)
	dst = append(c.Title(dst), cell...)
	return append(quote(dst, start), ',')
}

func (c *csv) record(dst, rec []byte) []byte {
	before := len(dst)
	for _, i := range c.histograms {
		h := c.columns[i].Histogram
		first, end := h.Range(rec)
		for bucket := first; bucket < end; bucket++ {
			if h.Count(rec, bucket) > 0 {
				dst = c.line(dst, rec, i, bucket)
			}
		}
	}
	if len(dst) == before {
		dst = c.line(dst, rec, -1, 0)
	}
	return dst
}

// line writes the columns of rec, of the histograms one bucket of column shown.
func (c *csv) line(dst, rec []byte, shown, bucket int) []byte {
	start := len(dst)
	for i := range c.columns {
		column := &c.columns[i]
		switch h := column.Histogram; {
		case i == shown:
			dst = append(h.Low(dst, bucket), ',')
			dst = append(h.High(dst, bucket), ',')
			dst = strconv.AppendUint(dst, h.Count(rec, bucket), 10)
		case h != nil:
			dst = append(dst, ",,"...)
		default:
			dst = cell(dst, rec, column)
		}
		dst = append(dst, ',')
	}
	return endRow(dst, start)
}

// endRow ends the line that begins at start, without the comma before its end.
func endRow(dst []byte, start int) []byte {
	if len(dst) > start {
		dst = dst[:len(dst)-1]
	}
	return append(dst, '\n')
}

// cell writes one value. An empty text is "", which nothing is not.
func cell(dst, rec []byte, column *decode.Column) []byte {
	start := len(dst)
	dst = column.Raw(dst, rec)
	switch {
	case !column.Free:
	case len(dst) > start:
		dst = quote(dst, start)
	case column.Absent == nil || !column.Absent(rec):
		dst = append(dst, `""`...)
	}
	return dst
}

// quote puts quotes around the field that begins at start if it needs them.
func quote(dst []byte, start int) []byte {
	field := dst[start:]
	if bytes.IndexByte(field, ',') < 0 && bytes.IndexByte(field, '"') < 0 {
		return dst
	}
	quotes := bytes.Count(field, []byte{'"'})
	end := len(dst)
	for range quotes + 2 {
		dst = append(dst, '"')
	}
	// From the end, so that the field can be moved within dst.
	to := len(dst) - 2
	for from := end - 1; from >= start; from-- {
		dst[to] = dst[from]
		to--
		if dst[from] == '"' {
			dst[to] = '"'
			to--
		}
	}
	dst[start] = '"'
	return dst
}
