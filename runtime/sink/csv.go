package sink

import (
	"bytes"

	"github.com/ebgen/ebgen/runtime/decode"
)

// csv writes RFC 4180 with a header. A composite value has a column for each part; an
// absent value is empty and an empty text is "". Lines end in LF alone, as the tools of
// this machine write them. A text may begin with "=", which spreadsheets run as a
// formula: data is not altered for their sake (docs/decisions/output-forms.md).
type csv struct {
	columns []decode.Column
}

func newCSV(columns []decode.Column) encoder {
	c := new(csv)
	for _, column := range columns {
		if len(column.Parts) > 0 {
			c.columns = append(c.columns, column.Parts...)
		} else {
			c.columns = append(c.columns, column)
		}
	}
	return c
}

func (c *csv) header(dst []byte) []byte {
	for i := range c.columns {
		if i > 0 {
			dst = append(dst, ',')
		}
		start := len(dst)
		dst = quote(c.columns[i].Title(dst), start)
	}
	return append(dst, '\n')
}

func (c *csv) record(dst, rec []byte) []byte {
	for i := range c.columns {
		if i > 0 {
			dst = append(dst, ',')
		}
		column := &c.columns[i]
		start := len(dst)
		dst = column.Raw(dst, rec)
		switch {
		case !column.Free:
		case len(dst) > start:
			dst = quote(dst, start)
		case column.Absent == nil || !column.Absent(rec):
			dst = append(dst, `""`...)
		}
	}
	return append(dst, '\n')
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
