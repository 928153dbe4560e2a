package sink

import (
	"strings"
	"unicode/utf8"

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
// so far, so that rows need not wait for each other. No line ends in blanks.
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
	line := len(dst)
	for i, c := range t.columns {
		start := len(dst)
		dst = t.pad(append(dst, heading(c)...), start, i)
	}
	return endLine(dst, line)
}

func (t *table) record(dst, rec []byte) []byte {
	line := len(dst)
	for i := range t.columns {
		start := len(dst)
		dst = t.pad(t.columns[i].Text(dst, rec), start, i)
	}
	return endLine(dst, line)
}

// width returns the display columns of a value of column i. Only texts from outside can
// hold wide or combining characters, and looking for them costs more than the rest.
func (t *table) width(value []byte, i int) int {
	if t.columns[i].Free {
		return displaywidth.Bytes(value)
	}
	return utf8.RuneCount(value)
}

// endLine ends the line that begins at start, without the blanks before its end.
func endLine(dst []byte, start int) []byte {
	for len(dst) > start && dst[len(dst)-1] == ' ' {
		dst = dst[:len(dst)-1]
	}
	return append(dst, '\n')
}

// blanks is what padding is cut from.
const blanks = "                                                                "

// pad aligns the value of column i, which begins at start, and adds the gap.
func (t *table) pad(dst []byte, start, i int) []byte {
	width := t.width(dst[start:], i)
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
	return append(dst, gap...)
}
