package machinery

import (
	"fmt"
	"math"
	"math/bits"
	"net/netip"
	"os"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

//ebgen:if ip

// IP is an address in network order; IPv4 is ::ffff:a.b.c.d (RFC 4291 2.5.5.2).
type IP [16]byte

// Addr returns the address, an IPv4 one as such.
func (ip IP) Addr() netip.Addr { return netip.AddrFrom16(ip).Unmap() }

// String is the address in dots or, for IPv6, as RFC 5952 has it.
func (ip IP) String() string { return ip.Addr().String() }

//ebgen:end
//ebgen:if flow

// Flow is the two ends of a connection, 40 bytes as the kernel side writes them.
type Flow struct {
	Saddr IP      // local address
	Daddr IP      // remote address
	Sport uint16  // local port, host order
	Dport uint16  // remote port, host order
	_     [4]byte // zero
}

// Local returns the local end.
func (f Flow) Local() netip.AddrPort { return netip.AddrPortFrom(f.Saddr.Addr(), f.Sport) }

// Remote returns the remote end.
func (f Flow) Remote() netip.AddrPort { return netip.AddrPortFrom(f.Daddr.Addr(), f.Dport) }

// String is both ends, the local one first.
func (f Flow) String() string { return f.Local().String() + " → " + f.Remote().String() }

//ebgen:end
//ebgen:if instant

// Instant is a time in ns of CLOCK_MONOTONIC, as bpf_ktime_get_ns gives it: two of them
// are as far apart as they happened, whatever is done to the wall clock.
type Instant uint64

// Sub returns the time from u to i.
func (i Instant) Sub(u Instant) time.Duration { return time.Duration(i - u) }

// Time returns the wall-clock time, by the distance that both clocks have at the call. It
// is off by what the wall clock was set, or the machine slept, since the instant.
func (i Instant) Time() time.Time { return time.Unix(0, int64(i)+wallOffset()) }

// String is Time in RFC 3339.
func (i Instant) String() string { return i.Time().Format(time.RFC3339Nano) }

// wallKept is the last distance between the clocks, in ns. What differs by less than
// wallStep is the error of the measurement, since both clocks are disciplined alike.
var wallKept atomic.Int64

const wallStep = int64(time.Millisecond)

func wallOffset() int64 {
	now := clockNow(unix.CLOCK_REALTIME) - clockNow(unix.CLOCK_MONOTONIC)
	if kept := wallKept.Load(); now >= kept-wallStep && now <= kept+wallStep {
		return kept
	}
	wallKept.Store(now)
	return now
}

// clockNow reads a clock that every Linux has.
func clockNow(clock int32) int64 {
	var t unix.Timespec
	if err := unix.ClockGettime(clock, &t); err != nil {
		panic(os.NewSyscallError("clock_gettime", err))
	}
	return t.Nano()
}

//ebgen:end
//ebgen:if result

// Result is what a function of the kernel returned: an error when it is a negative errno,
// else a number.
type Result int64

// Err returns the error, nil for none.
func (r Result) Err() error {
	const most = 4095 // MAX_ERRNO, include/linux/err.h
	if r >= 0 || r < -most {
		return nil
	}
	return syscall.Errno(-r)
}

// String is -ENOENT for an error, else the number.
func (r Result) String() string {
	if err := r.Err(); err != nil {
		if name := unix.ErrnoName(syscall.Errno(-r)); name != "" {
			return "-" + name
		}
	}
	return strconv.FormatInt(int64(r), 10)
}

//ebgen:end
//ebgen:if histogram

// Bucket is the values from Low to High, both included, and how many were counted. Of a
// bucket that nothing bounds at an end, that end is the least or greatest of all values.
type Bucket[T uint64 | int64] struct {
	Low, High         T
	OpenLow, OpenHigh bool
	Count             uint64
}

// histogramShape says which values a bucket counts. Without step a histogram is
// logarithmic: values below 2^bits have a bucket each, and each power of two above is cut
// into 2^bits equal steps; one of signed values has a first bucket for those below 0. A
// linear one has a bucket for what is below low, one for each step up to high, and one for
// high and above.
type histogramShape struct {
	bits            int
	low, high, step int64
	signed          bool
}

// bucket returns the bounds of bucket i of n, which of signed values are their bits.
func (h histogramShape) bucket(i, n int) Bucket[uint64] {
	least, most, negatives := uint64(0), uint64(math.MaxUint64), 0
	if h.signed {
		least, most, negatives = 1<<63, math.MaxInt64, 1
	}
	switch {
	case h.step != 0 && i == 0:
		return Bucket[uint64]{Low: least, High: uint64(h.low) - 1, OpenLow: true}
	case h.step != 0 && i == n-1:
		return Bucket[uint64]{Low: uint64(h.high), High: most, OpenHigh: true}
	case h.step != 0:
		low := uint64(h.low) + uint64(i-1)*uint64(h.step)
		return Bucket[uint64]{Low: low, High: low + min(uint64(h.step), uint64(h.high)-low) - 1}
	case i < negatives:
		return Bucket[uint64]{Low: least, High: math.MaxUint64, OpenLow: true}
	}
	i -= negatives
	if i < 1<<h.bits {
		return Bucket[uint64]{Low: uint64(i), High: uint64(i)}
	}
	shift := i>>h.bits - 1
	low := uint64(1<<h.bits+i&(1<<h.bits-1)) << shift
	return Bucket[uint64]{Low: low, High: low + 1<<shift - 1}
}

// buckets returns those that have counted something, the lowest first.
func buckets[T uint64 | int64](h histogramShape, counts []uint64) []Bucket[T] {
	var list []Bucket[T]
	for i, n := range counts {
		if n > 0 {
			b := h.bucket(i, len(counts))
			list = append(list, Bucket[T]{T(b.Low), T(b.High), b.OpenLow, b.OpenHigh, n})
		}
	}
	return list
}

// quantile returns the middle of the bucket in which the value lies that millionths of the
// counted values are not above; there is none in a histogram of nothing, nor in a bucket
// that is open at an end.
func quantile[T uint64 | int64](h histogramShape, counts []uint64, millionths uint64) (T, bool) {
	i := rank(counts, millionths)
	if i < 0 {
		return 0, false
	}
	b := h.bucket(i, len(counts))
	return T(b.Low + (b.High-b.Low)/2), !b.OpenLow && !b.OpenHigh
}

// millionths returns a share of all, 0 to 1, as rank takes it.
func millionths(share float64) uint64 { return uint64(max(share, 0)*1_000_000 + 0.5) }

// rank returns the bucket of a quantile, -1 when nothing was counted.
func rank(counts []uint64, millionths uint64) int {
	var total uint64
	for _, n := range counts {
		total += n
	}
	if total == 0 {
		return -1
	}
	// The rank, from 1, is total*millionths/1e6 rounded up, of a product that may need 128 bits.
	const million = 1_000_000
	high, low := bits.Mul64(total, min(millionths, million))
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

// sumBuckets adds what another CPU, or map, has counted.
func sumBuckets(into, from []uint64) {
	for i, n := range from {
		into[i] += n
	}
}

//ebgen:end
//ebgen:if flagnames

// flagNames joins the names of the bits that are set by "|"; names of several bits come
// first, and what has no name follows in hex.
func flagNames(v uint64, names []flagName) string {
	text := ""
	for _, n := range names {
		if n.bits != 0 && v&n.bits == n.bits {
			text += n.name + "|"
			v &^= n.bits
		}
	}
	switch {
	case v != 0 || text == "":
		return text + fmt.Sprintf("%#x", v)
	default:
		return text[:len(text)-1]
	}
}

type flagName struct {
	bits uint64
	name string
}

//ebgen:end
//ebgen:if text

// textOf is the bytes to the first NUL.
func textOf(b []byte) string {
	for i, c := range b {
		if c == 0 {
			return string(b[:i])
		}
	}
	return string(b)
}

//ebgen:end
//ebgen:if finite

// finite reports whether x is a number: a mean of nothing is none.
func finite(x float64) bool { return !math.IsInf(x, 0) && !math.IsNaN(x) }

//ebgen:end
//ebgen:if truth

// truth is 1 for true, as in C.
func truth(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

//ebgen:end
