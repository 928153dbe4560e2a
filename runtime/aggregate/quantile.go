package aggregate

import (
	"errors"
	"fmt"
	"math"
	"math/bits"

	"github.com/ebgen/ebgen/spec/plan"
)

// million is the share of all: quantiles are given in millionths.
const million = 1_000_000

// quantile answers the q quantile of a histogram: the least value v such that at least q
// of the counted values are not above v. Of the bucket in which v is, the answer is the
// middle, rounded down for an integer: v itself when v is below 2^(Bits+1), for such
// buckets hold one value, else at most 2^-(Bits+1) of v away. (A bucket above holds
// 2^k values from at least 2^(k+Bits) on, and its middle is at most 2^(k-1) from each
// of them.) In a linear histogram it is at most half a step away. A bucket that is
// open at one end has no middle, and a histogram of nothing no quantile: no value.
func (t *Table) quantile(p *plan.Plan, e *plan.Expr) (term, error) {
	of := &e.Args[0]
	if of.Op != plan.OpCell || of.Int < 0 || of.Int >= int64(len(t.cells)) || t.cells[of.Int].kind != plan.Buckets {
		return nil, errors.New("a quantile is one of a histogram")
	}
	if e.Int < 0 || e.Int > million {
		return nil, fmt.Errorf("there is no quantile of %d millionths", e.Int)
	}
	c, share := t.cells[of.Int], uint64(e.Int)
	h, err := histogram(p, c)
	if err != nil {
		return nil, err
	}
	s := shapeOf(e.Type)
	return func(values []uint64) (uint64, bool) {
		i := rank(values[c.at:][:c.n], share)
		if i < 0 {
			return 0, false
		}
		b := h.Bucket(i)
		if b.OpenLow || b.OpenHigh {
			return 0, false
		}
		if s.float {
			return middle(b, h.Signed), true
		}
		return s.wrap(b.Low + (b.High-b.Low)/2), true
	}, nil
}

// mostBits bounds Histogram.Bits, far above what fits a map's value.
const mostBits = 16

// histogram finds the buckets of a cell.
func histogram(p *plan.Plan, c cell) (*plan.Histogram, error) {
	if c.hist < 1 || c.hist > len(p.Histograms) {
		return nil, fmt.Errorf("there is no histogram %d", c.hist)
	}
	h := &p.Histograms[c.hist-1]
	if h.Linear && h.Step < 1 || h.Bits < 0 || h.Bits > mostBits || h.Buckets() != c.n {
		return nil, fmt.Errorf("histogram %d does not have the %d buckets of its cell", c.hist, c.n)
	}
	return h, nil
}

// middle returns the middle of a bucket as the bits of a float.
func middle(b plan.Bucket, signed bool) uint64 {
	low := float64(b.Low)
	if signed {
		low = float64(int64(b.Low))
	}
	return math.Float64bits(low + float64(b.High-b.Low)/2)
}

// rank returns the bucket in which the value lies that share millionths of the counted
// values are not above, -1 when nothing was counted. A share of 0 is the least value.
func rank(counts []uint64, share uint64) int {
	var total uint64
	for _, n := range counts {
		total += n
	}
	if total == 0 {
		return -1
	}
	// The rank, from 1, is total*share/million rounded up, of a product that may need
	// 128 bits.
	high, low := bits.Mul64(total, share)
	low, carry := bits.Add64(low, million-1, 0)
	wanted, _ := bits.Div64(high+carry, low, million)
	wanted = max(wanted, 1)
	for i, n := range counts {
		if n >= wanted {
			return i
		}
		wanted -= n
	}
	return -1
}
