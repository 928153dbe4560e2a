package decode

import (
	"math"
	"strconv"
	"time"

	"github.com/ebgen/ebgen/spec/plan"
)

// duration writes ns for people as 1.234ms, cut and not rounded, so that it never says
// 1000.000ms; for programs as the number of ns.
func duration(_ *Decoder, c cell) form {
	return quantity(c, len("999.999ms"), "ns", appendDuration)
}

// byteSize writes bytes for people as 4.0KiB, cut and not rounded; for programs as the
// number of bytes.
func byteSize(_ *Decoder, c cell) form {
	return quantity(c, len("1023.9KiB"), "B", appendByteSize)
}

// quantity writes a number of unit for programs as it is, and for people by write, which
// gets it cut to whole units and without its sign.
func quantity(c cell, width int, unit string, write func(dst []byte, v uint64) []byte) form {
	f := form{width: width, right: true}
	if c.Kind == plan.Float {
		f.unknown = c.notFinite
		f = f.asNumber(c.appendFloat)
		f.text = func(dst, rec []byte) []byte {
			v := math.Trunc(c.float(rec))
			if math.Abs(v) >= 1<<64 {
				return append(c.appendFloat(dst, rec), unit...)
			}
			if v < 0 {
				dst, v = append(dst, '-'), -v
			}
			return write(dst, uint64(v))
		}
		return f
	}
	f = f.asNumber(c.appendDecimal)
	f.text = func(dst, rec []byte) []byte {
		v := c.integer(rec)
		if c.Signed && int64(v) < 0 {
			dst, v = append(dst, '-'), -v
		}
		return write(dst, v)
	}
	return f
}

// units are the units of a duration, smallest first. Nothing above the second: minutes
// and hours would not sort, nor would anyone subtract them at a glance.
var units = []struct {
	name string
	ns   uint64
}{
	{"us", uint64(time.Microsecond)},
	{"ms", uint64(time.Millisecond)},
	{"s", uint64(time.Second)},
}

func appendDuration(dst []byte, ns uint64) []byte {
	if ns < units[0].ns {
		return append(strconv.AppendUint(dst, ns, 10), "ns"...)
	}
	u := units[0]
	for _, larger := range units[1:] {
		if ns >= larger.ns {
			u = larger
		}
	}
	dst = append(strconv.AppendUint(dst, ns/u.ns, 10), '.')
	return append(appendDigits(dst, int64(ns%u.ns/(u.ns/1000)), 3), u.name...)
}

func appendByteSize(dst []byte, v uint64) []byte {
	if v < 1024 {
		return append(strconv.AppendUint(dst, v, 10), 'B')
	}
	power := 1
	for power < len(prefixes) && v>>(10*power) >= 1024 {
		power++
	}
	whole, rest := v>>(10*power), v&(1<<(10*power)-1)
	dst = append(strconv.AppendUint(dst, whole, 10), '.', '0'+byte(rest*10>>(10*power)))
	return append(dst, prefixes[power-1], 'i', 'B')
}

// prefixes are of 2^10, 2^20 and so on (IEC 80000-13).
const prefixes = "KMGTPE"
