package decode

import (
	"math"
	"strconv"
)

// float writes a number for people with two decimals, so that the points of a column
// stand under each other; for programs with as many digits as it takes to read the same
// binary64 back. What is not a number, or infinite, is no value: JSON has none for it
// (RFC 8259 section 6).
func float(_ *Decoder, c cell) form {
	f := form{width: len("1234.56"), right: true, unknown: c.notFinite}.asNumber(c.appendFloat)
	f.text = func(dst, rec []byte) []byte {
		if v := c.float(rec); math.Abs(v) < mostDigits {
			return strconv.AppendFloat(dst, v, 'f', 2, 64)
		}
		return c.appendFloat(dst, rec)
	}
	return f
}

// mostDigits is where numbers begin to be written with an exponent, and leastDigits where
// they end to be: as JavaScript does (Number::toString, ECMA-262), whose readers read them.
const (
	mostDigits  = 1e21
	leastDigits = 1e-6
)

func (c *cell) appendFloat(dst, rec []byte) []byte {
	v := c.float(rec)
	if size := math.Abs(v); size != 0 && (size < leastDigits || size >= mostDigits) {
		return strconv.AppendFloat(dst, v, 'e', -1, 64)
	}
	return strconv.AppendFloat(dst, v, 'f', -1, 64)
}

func (c *cell) float(rec []byte) float64 { return math.Float64frombits(load(rec[c.at:], c.Size)) }

func (c *cell) notFinite(rec []byte) bool {
	v := c.float(rec)
	return math.IsNaN(v) || math.IsInf(v, 0)
}
