package decode

import (
	"strconv"

	"github.com/ebgen/ebgen/spec/plan"
)

// decimalWidth is how wide a number's column starts, by the number's size: all digits of
// 8 and 16 bits, and 7 for larger ones, as many as a pid has (PID_MAX_LIMIT is 4194304,
// include/linux/threads.h). Most numbers are small, and a table widens as it goes.
var decimalWidth = map[int]int{1: 3, 2: 5, 4: 7, 8: 7}

// decimal writes a number in all three forms as its digits.
func decimal(_ *Decoder, c cell) form {
	return form{width: decimalWidth[c.Size], right: true}.asNumber(c.appendDecimal)
}

// named writes a value by the names of its enum, or as its digits if that is not known.
func named(d *Decoder, c cell) form {
	if c.Enum == 0 {
		return decimal(d, c)
	}
	e := &d.plan.Enums[c.Enum-1]
	switch {
	case e.First:
		return first(e, c)
	case e.Flags:
		return flags(e, c)
	}
	return enum(e, c)
}

// hexadecimal writes a number as 0x and its digits. In JSON that is a string: an address
// has more bits than the readers' double can hold.
func hexadecimal(_ *Decoder, c cell) form {
	width := min(len("0x")+2*c.Size, len("0xffffffff"))
	if c.Kind == plan.Pointer {
		width = len("0xffffffffffffffff") // of the kernel, nearly always
	}
	return form{width: width, right: true}.asName(c.appendHex)
}

func (c *cell) appendDecimal(dst, rec []byte) []byte {
	return appendInteger(dst, c.integer(rec), c.Signed)
}

func (c *cell) appendHex(dst, rec []byte) []byte { return appendHex(dst, load(rec[c.at:], c.Size)) }

// appendInteger writes v, which stands for a negative number if signed and its top bit is set.
func appendInteger(dst []byte, v uint64, signed bool) []byte {
	if signed {
		return strconv.AppendInt(dst, int64(v), 10)
	}
	return strconv.AppendUint(dst, v, 10)
}

func appendHex(dst []byte, v uint64) []byte {
	return strconv.AppendUint(append(dst, "0x"...), v, 16)
}

// asNumber completes f with a JSON number, the same text in all three forms.
func (f form) asNumber(write Append) form {
	f.text, f.raw, f.json = write, write, write
	return f
}

// asName completes f with a JSON string, else the same text in all three forms.
func (f form) asName(write Append) form {
	f.text, f.raw, f.json = write, write, quoted(write)
	return f
}

// boolean writes true or false. Any byte but 0 is true, as in C.
func boolean(_ *Decoder, c cell) form {
	return form{width: len("false")}.asNumber(func(dst, rec []byte) []byte {
		return strconv.AppendBool(dst, rec[c.at] != 0)
	})
}
