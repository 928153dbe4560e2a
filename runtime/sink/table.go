package sink

import (
	"strings"

	"github.com/clipperhouse/displaywidth"

	"github.com/ebgen/ebgen/runtime/decode"
)

const (
	// gap stands between two columns: one blank would not tell the parts of a flow or an
	// owner from the next column.
	gap = "  "
	// maxWidth is how wide a column grows. A longer value shifts the rest of its own line
	// only; the longest regular ones, two IPv4 addresses with ports, need 45.
	maxWidth = 48
)

// table writes aligned columns under one header. A column is as wide as its widest value
// so far, so that rows need not wait for each other; the last one is not padded.
type table struct {
	columns []decode.Column
	widths  []int
}

func newTable(columns []decode.Column) encoder {
	t := &table{columns: columns}
	for _, c := range columns {
		t.widths = append(t.widths, max(c.Width, displaywidth.String(heading(c))))
	}
	return t
}

// heading is a column's name in capitals, which tells it from the values below.
func heading(c decode.Column) string {
	return strings.ToUpper(string(c.Title(nil)))
}

func (t *table) header(dst []byte) []byte {
	for i, c := range t.columns {
		start := len(dst)
		dst = t.pad(append(dst, heading(c)...), start, i)
	}
	return append(dst, '\n')
}

func (t *table) record(dst, rec []byte) []byte {
	for i := range t.columns {
		start := len(dst)
		dst = t.pad(t.columns[i].Text(dst, rec), start, i)
	}
	return append(dst, '\n')
}

// blanks is what padding is cut from.
const blanks = "                                                                "

// pad aligns the value of column i, which begins at start, and adds the gap.
func (t *table) pad(dst []byte, start, i int) []byte {
	last := i == len(t.columns)-1
	if last && !t.columns[i].Right {
		return dst
	}
	width := displaywidth.Bytes(dst[start:])
	if width > t.widths[i] && width <= maxWidth {
		t.widths[i] = width
	}
	missing := t.widths[i] - width
	for n := missing; n > 0; n -= len(blanks) {
		dst = append(dst, blanks[:min(n, len(blanks))]...)
	}
	if t.columns[i].Right && missing > 0 {
		copy(dst[start+missing:], dst[start:len(dst)-missing])
		for n := start; n < start+missing; n++ {
			dst[n] = ' '
		}
	}
	if last {
		return dst
	}
	return append(dst, gap...)
}
