package decode

import (
	"math"
	"strconv"

	"github.com/ebgen/ebgen/spec/plan"
)

// Histogram is a column's histogram, for those who draw it: which buckets there are, and
// how many values each of them has in a record. It does not keep records.
type Histogram struct {
	plan   *plan.Histogram
	cell   cell
	write  func(dst []byte, v uint64) []byte // a bound without its sign, for people
	absent func(rec []byte) bool             // nil for never
}

// histogram writes the buckets that are not empty as a JSON array, in all three forms:
// each with the least and the greatest value that it counts, null where it is open, and
// how many it has counted. Numbers, since a program wants to compare and add them,
// whatever they are of.
func histogram(d *Decoder, c cell) form {
	h := &Histogram{plan: &d.plan.Histograms[c.Hist-1], cell: c}
	switch {
	case c.Meaning == plan.Duration && !h.plan.Linear:
		h.write = appendDuration
	case bounds[c.Meaning] != nil:
		h.write = bounds[c.Meaning]
	default:
		h.write = appendNumber
	}
	return form{width: len("[]"), histogram: h}.asNumber(h.append)
}

// histograms are histograms of all that integers can be.
func histograms() map[plan.Meaning]maker {
	all := plainAs(histogram)
	for m := range all {
		all[m] = histogram
	}
	return all
}

// bounds are the ways to write a bound that are not its digits. All are exact, since two
// buckets of a linear histogram may differ in the last digit. The durations of a
// logarithmic one are cut instead (appendDuration): there the next bound is far, and
// 1.048ms says enough of 1.048576ms.
var bounds = map[plan.Meaning]func(dst []byte, v uint64) []byte{
	plan.Duration: appendExactDuration,
	plan.ByteSize: appendExactSize,
	plan.Hex:      appendHex,
}

func appendNumber(dst []byte, v uint64) []byte { return strconv.AppendUint(dst, v, 10) }

// appendExactDuration writes ns as 1.5ms, with the decimals that it takes and no more.
func appendExactDuration(dst []byte, ns uint64) []byte {
	for i := len(units) - 1; i >= 0; i-- {
		u := units[i]
		if ns < u.ns {
			continue
		}
		dst = strconv.AppendUint(dst, ns/u.ns, 10)
		if rest := ns % u.ns; rest > 0 {
			dst = appendDigits(append(dst, '.'), int64(rest), 3*(i+1))
			for dst[len(dst)-1] == '0' {
				dst = dst[:len(dst)-1]
			}
		}
		return append(dst, u.name...)
	}
	return append(strconv.AppendUint(dst, ns, 10), "ns"...)
}

// appendExactSize writes bytes in the largest unit of which they are a whole number.
func appendExactSize(dst []byte, v uint64) []byte {
	power := 0
	for v >= 1024 && v%1024 == 0 && power < len(prefixes) {
		v >>= 10
		power++
	}
	dst = strconv.AppendUint(dst, v, 10)
	if power > 0 {
		dst = append(dst, prefixes[power-1], 'i')
	}
	return append(dst, 'B')
}

// Count is the number of values in bucket i.
func (h *Histogram) Count(rec []byte, i int) uint64 { return load(rec[h.cell.at+8*i:], 8) }

// Range returns the first bucket that is not empty and the one after the last. They are
// equal when all are empty, or when rec has no value for the column.
func (h *Histogram) Range(rec []byte) (first, end int) {
	if h.absent != nil && h.absent(rec) {
		return 0, 0
	}
	end = h.cell.Size / 8
	for end > 0 && h.Count(rec, end-1) == 0 {
		end--
	}
	for first < end && h.Count(rec, first) == 0 {
		first++
	}
	return first, end
}

// Low appends the least value of bucket i as a number, or nothing when the bucket is open.
func (h *Histogram) Low(dst []byte, i int) []byte {
	if b := h.plan.Bucket(i); !b.OpenLow {
		return appendInteger(dst, b.Low, h.plan.Signed)
	}
	return dst
}

// High appends the greatest value of bucket i as a number, or nothing when it is open.
func (h *Histogram) High(dst []byte, i int) []byte {
	if b := h.plan.Bucket(i); !b.OpenHigh {
		return appendInteger(dst, b.High, h.plan.Signed)
	}
	return dst
}

// Start appends the first half of bucket i's name, as people write intervals: "[4KiB," or
// "(...,", or the whole name of a bucket of one value, "[1]".
func (h *Histogram) Start(dst []byte, i int) []byte {
	b := h.plan.Bucket(i)
	switch {
	case b.OpenLow:
		return append(dst, "(...,"...)
	case b.Low == b.High:
		return append(h.bound(append(dst, '['), b.Low), ']')
	}
	return append(h.bound(append(dst, '['), b.Low), ',')
}

// End appends the second half, "8KiB)" or "...)", or nothing.
func (h *Histogram) End(dst []byte, i int) []byte {
	most := uint64(math.MaxUint64)
	if h.plan.Signed {
		most = math.MaxInt64
	}
	b := h.plan.Bucket(i)
	switch {
	case b.OpenHigh, !b.OpenLow && b.High == most && b.Low != most:
		return append(dst, "...)"...)
	case !b.OpenLow && b.Low == b.High:
		return dst
	}
	return append(h.bound(dst, b.High+1), ')')
}

func (h *Histogram) bound(dst []byte, v uint64) []byte {
	if h.plan.Signed && int64(v) < 0 {
		dst, v = append(dst, '-'), -v
	}
	return h.write(dst, v)
}

// append writes the buckets that are not empty as JSON.
func (h *Histogram) append(dst, rec []byte) []byte {
	dst = append(dst, '[')
	first, end := h.Range(rec)
	for i := first; i < end; i++ {
		n := h.Count(rec, i)
		if n == 0 {
			continue
		}
		if i > first {
			dst = append(dst, ',')
		}
		dst = orNull(append(dst, `{"low":`...), h.Low, i)
		dst = orNull(append(dst, `,"high":`...), h.High, i)
		dst = append(appendNumber(append(dst, `,"count":`...), n), '}')
	}
	return append(dst, ']')
}

func orNull(dst []byte, write func(dst []byte, i int) []byte, i int) []byte {
	start := len(dst)
	if dst = write(dst, i); len(dst) == start {
		dst = append(dst, "null"...)
	}
	return dst
}
