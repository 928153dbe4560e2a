package sink

import "github.com/ebgen/ebgen/runtime/decode"

// nothing stands in the place of a report without rows.
const nothing = "nothing was counted"

// report writes a table's rows under a header of their own, aligned over all of them. A
// column is never narrower than in the report before, so that the eye finds it again.
type report struct {
	table
	opening opening
}

// opening is what stands before the rows of a report for people.
type opening struct {
	at     *decode.Column // when the report was made; nil when there is only one
	follow bool           // a report was written before
}

// write appends a blank line after the report before, the time, and the remark that there
// are no rows.
func (o *opening) write(dst []byte, rows [][]byte) []byte {
	if o.follow {
		dst = append(dst, '\n')
	}
	o.follow = true
	if o.at != nil {
		dst = o.at.Text(dst, nil)
		if len(rows) == 0 {
			dst = append(dst, gap...)
		} else {
			dst = append(dst, '\n')
		}
	}
	if len(rows) == 0 {
		dst = append(dst, nothing+"\n"...)
	}
	return dst
}

// newReport takes the table of columns, or blocks of bars when one is a histogram.
func newReport(columns []decode.Column, at *decode.Column) encoder {
	var plain, histograms []decode.Column
	for _, c := range columns {
		if c.Histogram != nil {
			histograms = append(histograms, c)
		} else {
			plain = append(plain, c)
		}
	}
	if len(histograms) > 0 {
		plain, below := splitStacks(plain)
		return &blocks{columns: plain, stacks: below, histograms: histograms, opening: opening{at: at}}
	}
	return &report{table: tableOf(columns), opening: opening{at: at}}
}

// header is nothing: every report has one.
func (r *report) header(dst []byte) []byte { return dst }

// open makes the columns as wide as their widest value, outliers excepted (maxWidth).
func (r *report) open(dst []byte, rows [][]byte) []byte {
	end := len(dst)
	for _, row := range rows {
		for i := range r.columns {
			dst = r.columns[i].Text(dst[:end], row)
			if width := r.width(dst[end:], i); width > r.widths[i] && width <= maxWidth {
				r.widths[i] = width
			}
		}
	}
	dst = r.opening.write(dst[:end], rows)
	if len(rows) == 0 {
		return dst
	}
	return r.table.header(dst)
}
