package sink

import (
	"strings"
	"unicode/utf8"

	"github.com/clipperhouse/displaywidth"

	"github.com/ebgen/ebgen/runtime/decode"
	"github.com/ebgen/ebgen/spec/plan"
)

const (
	// gap stands between two columns: one blank would not tell the parts of a flow or an
	// owner from the next column.
	gap = "  " // of blanks
	// maxWidth is how wide a column grows. A longer value shifts the rest of its own line
	// only; the longest regular ones, two IPv4 addresses with ports, need 45.
	maxWidth = 48
)

// table writes aligned columns under one header. A column is as wide as its widest value
// so far, so that rows need not wait for each other. No line ends in blanks. Stacks stand
// below the line of their record, and a blank line after them.
type table struct {
	columns  []decode.Column // those that are no stacks
	stacks   stacks
	headings []string
	widths   []int
	ascii    []bool // columns whose values have a byte for each character
	follow   bool   // a record stands above
}

func newTable(columns []decode.Column) encoder {
	t := tableOf(columns)
	for i, c := range t.columns {
		t.widths[i] = max(t.widths[i], c.Width)
	}
	return &t
}

// tableOf is a table as wide as its header.
func tableOf(columns []decode.Column) table {
	var t table
	t.columns, t.stacks = splitStacks(columns)
	for _, c := range t.columns {
		// Capitals tell a name from the values below.
		heading := strings.ToUpper(string(c.Title(nil)))
		t.headings = append(t.headings, heading)
		t.widths = append(t.widths, displaywidth.String(heading))
		t.ascii = append(t.ascii, c.Type.Kind == plan.Int && (c.Type.Meaning == plan.Plain || c.Type.Meaning == plan.Port || c.Type.Meaning == plan.Time))
	}
	return t
}

func (t *table) header(dst []byte) []byte {
	t.follow = false
	if len(t.columns) == 0 {
		return dst
	}
	line := len(dst)
	for i, heading := range t.headings {
		start := len(dst)
		dst = t.pad(append(dst, heading...), start, displaywidth.String(heading), i)
	}
	return endLine(dst, line)
}

func (t *table) record(dst, rec []byte) []byte {
	if len(t.stacks) == 0 {
		return t.line(dst, rec)
	}
	if t.follow {
		dst = append(dst, '\n')
	}
	t.follow = true
	if len(t.columns) > 0 {
		dst = t.line(dst, rec)
	}
	return t.stacks.record(dst, rec)
}

// line writes the columns that are no stacks.
func (t *table) line(dst, rec []byte) []byte {
	line := len(dst)
	for i := range t.columns {
		start := len(dst)
		dst = t.columns[i].Text(dst, rec)
		dst = t.pad(dst, start, t.width(dst[start:], i), i)
	}
	return endLine(dst, line)
}

// width returns the display columns of a value of column i. Only texts from outside can
// hold wide or combining characters, and looking for them costs more than the rest.
func (t *table) width(value []byte, i int) int {
	if t.ascii[i] {
		return len(value)
	}
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

// appendBlanks appends n blanks, none for a negative n.
func appendBlanks(dst []byte, n int) []byte {
	for ; n > 0; n -= len(blanks) {
		dst = append(dst, blanks[:min(n, len(blanks))]...)
	}
	return dst
}

// pad aligns the value of column i, which begins at start and is that wide, and adds the
// gap.
func (t *table) pad(dst []byte, start, width, i int) []byte {
	if width > t.widths[i] && width <= maxWidth {
		t.widths[i] = width
	}
	missing := max(t.widths[i]-width, 0)
	end := len(dst)
	dst = appendBlanks(dst, missing+len(gap))
	if t.columns[i].Right && missing > 0 {
		copy(dst[start+missing:], dst[start:end])
		appendBlanks(dst[:start], missing) // within dst
	}
	return dst
}
