package decode

import (
	"math"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ebgen/ebgen/spec/plan"
)

const second = int64(time.Second)

// instant writes an instant of CLOCK_MONOTONIC as wall-clock time. One that is a float,
// the mean of several, is no value beyond the range of s64.
func instant(d *Decoder, c cell) form {
	if c.Kind == plan.Float {
		f := d.wallTime(func(rec []byte) (sec, ns int64) { return d.clock.wall(uint64(int64(c.float(rec)))) })
		f.unknown = func(rec []byte) bool { return !(math.Abs(c.float(rec)) < 1<<63) }
		return f
	}
	return d.wallTime(func(rec []byte) (sec, ns int64) { return d.clock.wall(c.integer(rec)) })
}

// Clock is a column that is not of the record: the wall-clock time *at when it is written.
func (d *Decoder) Clock(name string, at *time.Time) Column {
	f := d.wallTime(func([]byte) (sec, ns int64) { return at.Unix(), int64(at.Nanosecond()) })
	return f.column(name, plan.Type{Kind: plan.Int, Size: 8, Meaning: plan.Time}, nil)
}

// wallTime writes seconds since 1970 and the ns into that second: local and to the
// microsecond for people, RFC 3339 in UTC and to the nanosecond for programs, which then
// sorts as text too.
func (d *Decoder) wallTime(read func(rec []byte) (sec, ns int64)) form {
	local := stamp{layout: "15:04:05.", location: d.env.Location}
	utc := stamp{layout: "2006-01-02T15:04:05.", location: time.UTC}
	f := form{width: len("15:04:05.000000")}
	f.text = func(dst, rec []byte) []byte {
		sec, ns := read(rec)
		return appendDigits(local.append(dst, sec), ns/1000, 6)
	}
	f.raw = func(dst, rec []byte) []byte {
		sec, ns := read(rec)
		return append(appendDigits(utc.append(dst, sec), ns, 9), 'Z')
	}
	f.json = quoted(f.raw)
	return f
}

// stamp writes the whole seconds of a time. Records come in bunches, so the text of the
// last second is kept.
type stamp struct {
	layout   string
	location *time.Location
	second   int64
	text     []byte
}

func (s *stamp) append(dst []byte, sec int64) []byte {
	if sec != s.second || len(s.text) == 0 {
		s.second = sec
		s.text = time.Unix(sec, 0).In(s.location).AppendFormat(s.text[:0], s.layout)
	}
	return append(dst, s.text...)
}

// appendDigits writes v with leading zeros.
func appendDigits(dst []byte, v int64, digits int) []byte {
	start := len(dst)
	dst = append(dst, zeros[:digits]...)
	i := len(dst)
	for ; i-start >= 2; i -= 2 { // two by one division
		pair := v % 100
		v /= 100
		dst[i-2], dst[i-1] = byte('0'+pair/10), byte('0'+pair%10)
	}
	if i > start {
		dst[start] = byte('0' + v%10)
	}
	return dst
}

// zeros are as many as a u64 has digits.
const zeros = "00000000000000000000"

// clock turns CLOCK_MONOTONIC into wall-clock time and asks for their distance once for
// every second of CLOCK_MONOTONIC.
type clock struct {
	offset func() int64
	second uint64 // of CLOCK_MONOTONIC that ns was asked for, plus one
	ns     int64
}

// wall returns seconds since 1970 and the ns into that second.
func (c *clock) wall(mono uint64) (sec, ns int64) {
	if s := mono/uint64(second) + 1; s != c.second {
		c.second, c.ns = s, c.offset()
	}
	at := int64(mono) + c.ns
	if sec, ns = at/second, at%second; ns < 0 {
		sec, ns = sec-1, ns+second
	}
	return sec, ns
}

// WallClock returns a function for Env.Offset. It measures anew on every call and keeps
// the old answer unless the wall clock was set, or the machine slept, by more than step:
// both clocks are disciplined alike (timekeeping_adjust in kernel/time/timekeeping.c), so
// what differs by less is the error of the measurement, and distances between two times
// stay exact.
func WallClock() func() int64 {
	const step = int64(time.Millisecond)
	kept := measureOffset()
	return func() int64 {
		if now := measureOffset(); now < kept-step || now > kept+step {
			kept = now
		}
		return kept
	}
}

// measureOffset reads CLOCK_REALTIME between two reads of CLOCK_MONOTONIC and takes their
// middle, of several tries the one that was interrupted least.
func measureOffset() int64 {
	best, offset := int64(math.MaxInt64), int64(0)
	for range 5 {
		before, wall, after := readClock(monotonic), readClock(unix.CLOCK_REALTIME), readClock(monotonic)
		if took := after - before; took < best {
			best, offset = took, wall-before-took/2
		}
	}
	return offset
}

// monotonic is the clock of bpf_ktime_get_ns (bpf-helpers(7)).
const monotonic = unix.CLOCK_MONOTONIC

// readClock returns the ns of a clock. The two clocks read here exist on every Linux, so
// clock_gettime(2) does not fail.
func readClock(clock int32) int64 {
	var t unix.Timespec
	if err := unix.ClockGettime(clock, &t); err != nil {
		panic("clock_gettime: " + err.Error())
	}
	return t.Nano()
}
