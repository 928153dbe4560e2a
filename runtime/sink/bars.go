package sink

import (
	"math/bits"
	"strconv"

	"github.com/clipperhouse/displaywidth"

	"github.com/ebgen/ebgen/runtime/decode"
)

const (
	// barWidth is the length of the longest bar: with bounds and counts of usual size a
	// line has 80 columns.
	barWidth = 40
	// indent sets a histogram off from the line that says what it is of.
	indent = "        "
	// countHeading stands over the counts, which are at least as wide.
	countHeading = "count"
)

// blocks writes a row that has histograms as a line of its other columns, by name and
// value, and below it its stacks and the bars of each histogram.
type blocks struct {
	columns    []decode.Column // those that are neither histograms nor stacks
	stacks     stacks
	histograms []decode.Column
	opening    opening
	follow     bool // the report has a block already
}

func (b *blocks) header(dst []byte) []byte { return dst }

func (b *blocks) open(dst []byte, rows [][]byte) []byte {
	b.follow = false
	return b.opening.write(dst, rows)
}

func (b *blocks) record(dst, rec []byte) []byte {
	if b.follow {
		dst = append(dst, '\n')
	}
	b.follow = true
	for i, c := range b.columns {
		if i > 0 {
			dst = append(dst, gap...)
		}
		dst = c.Text(append(c.Title(dst), ' '), rec)
	}
	if len(b.columns) > 0 {
		dst = append(dst, '\n')
	}
	dst = b.stacks.record(dst, rec)
	for _, c := range b.histograms {
		dst = bars(dst, c, rec)
	}
	return dst
}

// bars draws the buckets from the first that is not empty to the last:
//
//	lat                 count  distribution
//	[1.024us, 2.048us)     12 |@@@@                                    |
func bars(dst []byte, c decode.Column, rec []byte) []byte {
	h := c.Histogram
	first, end := h.Range(rec)
	dst = append(dst, indent...)
	line := len(dst)
	dst = c.Title(dst)
	if first == end {
		dst = append(dst, gap...)
		if c.Absent != nil && c.Absent(rec) {
			return append(c.Text(dst, rec), '\n')
		}
		return append(dst, nothing+"\n"...)
	}

	// The halves of a name are measured by writing them behind dst.
	starts, ends, most := 0, 0, uint64(0)
	for i := first; i < end; i++ {
		starts = max(starts, len(h.Start(dst, i))-len(dst))
		ends = max(ends, len(h.End(dst, i))-len(dst))
		most = max(most, h.Count(rec, i))
	}
	names := starts
	if ends > 0 {
		names += len(" ") + ends
	}
	title := displaywidth.Bytes(dst[line:])
	names = max(names, title)
	counts := max(len(countHeading), digits(most))

	dst = appendBlanks(dst, names-title+len(gap)+counts-len(countHeading))
	dst = append(dst, countHeading+"  distribution\n"...)
	for i := first; i < end; i++ {
		dst = append(dst, indent...)
		line := len(dst)
		dst = h.Start(dst, i)
		dst = appendBlanks(dst, line+starts+len(" ")-len(dst))
		dst = h.End(dst, i)
		n := h.Count(rec, i)
		dst = appendBlanks(dst, line+names+len(gap)+counts-digits(n)-len(dst))
		dst = bar(append(strconv.AppendUint(dst, n, 10), ' '), n, most)
	}
	return dst
}

// bar appends n as a share of most, cut to whole signs, and ends the line.
func bar(dst []byte, n, most uint64) []byte {
	high, low := bits.Mul64(n, barWidth)
	length, _ := bits.Div64(high, low, most)
	dst = append(dst, '|')
	for range length {
		dst = append(dst, '@')
	}
	return append(appendBlanks(dst, barWidth-int(length)), "|\n"...)
}

// digits is the number of decimal digits of v.
func digits(v uint64) int {
	n := 1
	for ; v >= 10; v /= 10 {
		n++
	}
	return n
}
