package plan

import (
	"math"
	"math/bits"
)

// Buckets returns the number of buckets, from 1.
func (h *Histogram) Buckets() int {
	if h.Linear { // rounded up so that the widest range does not wrap
		return int((uint64(h.High)-uint64(h.Low)-1)/uint64(h.Step)) + 3
	}
	return h.negatives() + (64-h.negatives()-h.Bits+1)<<h.Bits
}

// negatives is the number of buckets for what is below 0; it is that of sign bits too.
func (h *Histogram) negatives() int {
	if h.Signed {
		return 1
	}
	return 0
}

// Index returns the bucket that counts v, which is an s64 when h is signed and a u64
// otherwise. The C of a tracer computes the same.
func (h *Histogram) Index(v uint64) int {
	switch {
	case h.Linear && h.below(v, h.Low):
		return 0
	case h.Linear && !h.below(v, h.High):
		return h.Buckets() - 1
	case h.Linear:
		return int((v-uint64(h.Low))/uint64(h.Step)) + 1
	case h.Signed && int64(v) < 0:
		return 0
	case v < 1<<h.Bits:
		return h.negatives() + int(v)
	}
	shift := bits.Len64(v) - 1 - h.Bits
	return h.negatives() + (shift+1)<<h.Bits + int(v>>shift)&(1<<h.Bits-1)
}

func (h *Histogram) below(v uint64, limit int64) bool {
	if h.Signed {
		return int64(v) < limit
	}
	return limit > 0 && v < uint64(limit)
}

// Bucket is the values from Low to High, both included. In a histogram of u64 they are
// the numbers' bits; Open says that nothing bounds it at that end.
type Bucket struct {
	Low, High         uint64
	OpenLow, OpenHigh bool
}

// Bucket returns what bucket i counts.
func (h *Histogram) Bucket(i int) Bucket {
	least, most := uint64(0), uint64(math.MaxUint64)
	if h.Signed {
		least, most = 1<<63, math.MaxInt64
	}
	switch {
	case h.Linear && i == 0:
		return Bucket{Low: least, High: uint64(h.Low) - 1, OpenLow: true}
	case h.Linear && i == h.Buckets()-1:
		return Bucket{Low: uint64(h.High), High: most, OpenHigh: true}
	case h.Linear:
		low := uint64(h.Low) + uint64(i-1)*uint64(h.Step)
		if uint64(h.High)-low < uint64(h.Step) {
			return Bucket{Low: low, High: uint64(h.High) - 1}
		}
		return Bucket{Low: low, High: low + uint64(h.Step) - 1}
	case i < h.negatives():
		return Bucket{Low: least, High: math.MaxUint64, OpenLow: true}
	}
	i -= h.negatives()
	if i < 1<<h.Bits {
		return Bucket{Low: uint64(i), High: uint64(i)}
	}
	shift := i>>h.Bits - 1
	low := uint64(1<<h.Bits+i&(1<<h.Bits-1)) << shift
	return Bucket{Low: low, High: low + 1<<shift - 1}
}
