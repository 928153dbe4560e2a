package expr

import (
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"strings"
	"unicode/utf8"
)

// unit is one suffix of a number that has a meaning.
type unit struct {
	name  string
	unit  Unit
	scale uint64 // ns or bytes
}

// units are Go's units of time (time.ParseDuration) with the day, in ns, and the
// binary multiples of the byte (IEC 80000-13).
var units = []unit{
	{"ns", Duration, 1},
	{"us", Duration, 1e3},
	{"ms", Duration, 1e6},
	{"s", Duration, 1e9},
	{"m", Duration, 60 * 1e9},
	{"h", Duration, 60 * 60 * 1e9},
	{"d", Duration, 24 * 60 * 60 * 1e9},
	{"B", Size, 1},
	{"KiB", Size, 1 << 10},
	{"MiB", Size, 1 << 20},
	{"GiB", Size, 1 << 30},
	{"TiB", Size, 1 << 40},
}

// smallest is the unit that a value counts.
var smallest = map[Unit]string{Duration: "ns", Size: "B"}

// misspelt leads from what people write, in lower case, to the unit they mean. A lower
// case m is minutes, so only a capital M gets here.
var misspelt = map[string]string{
	"nsec": "ns", "nsecs": "ns", "usec": "us", "usecs": "us", "msec": "ms", "msecs": "ms",
	"sec": "s", "secs": "s", "second": "s", "seconds": "s",
	"min": "m", "mins": "m", "minute": "m", "minutes": "m",
	"hr": "h", "hrs": "h", "hour": "h", "hours": "h", "day": "d", "days": "d",
	"b": "B", "byte": "B", "bytes": "B",
	"k": "KiB", "kb": "KiB", "m": "MiB", "mb": "MiB", "g": "GiB", "gb": "GiB", "t": "TiB", "tb": "TiB",
}

// integerSuffixes are C's (C11 6.4.4.1), in lower case. They change nothing here: every
// number has 64 bits until the checker gives it a type.
var integerSuffixes = set("u", "l", "ul", "lu", "ll", "ull", "llu")

// parseNumber reads a number or a fraction that starts with a digit and holds letters,
// digits, `_` and points.
func parseNumber(text string, at At) (Node, *Error) {
	fail := func(hint, format string, args ...any) (Node, *Error) {
		return nil, &Error{At: at, Message: fmt.Sprintf("%q ", text) + fmt.Sprintf(format, args...), Hint: hint}
	}
	base, digits, suffix := cutNumber(text)
	if strings.Count(digits, ".") > 1 {
		return fail(fmt.Sprintf("an address is a string: %q", text), "is not a number")
	}
	for _, part := range strings.FieldsFunc(digits, func(r rune) bool { return r == '.' }) {
		if strings.HasPrefix(part, "_") || strings.HasSuffix(part, "_") || strings.Contains(part, "__") {
			return fail("", "has a stray _: one may stand between two digits")
		}
	}
	if digits == "" {
		return fail("", "has no digits")
	}
	of, ok := unitOf(suffix)
	if !ok {
		at.Start = at.End - len(suffix)
		return nil, &Error{
			At:      at,
			Message: fmt.Sprintf("unknown suffix %q: want a unit (%s) or one of C's (u l ul ll ull)", suffix, unitNames()),
			Hint:    suffixHint(digits, suffix),
		}
	}
	whole, fraction, fractional := strings.Cut(strings.ReplaceAll(digits, "_", ""), ".")
	zeros := len(whole) > 1 && whole[0] == '0'
	switch {
	case of.unit != NoUnit && (base == 16 || zeros):
		return fail("", "has a unit: want it in decimal without leading zeros")
	case of.unit == NoUnit && fractional && suffix != "":
		return fail("", "is a fraction, which has no suffix but a unit")
	case of.unit == NoUnit && fractional && zeros:
		return fail("", "is a fraction: want it without leading zeros")
	}
	if base == 8 && strings.ContainsAny(whole, "89") {
		return fail("write "+strings.TrimLeft(whole, "0"), "starts with 0, hence is octal: want digits up to 7")
	}
	fraction = strings.TrimRight(fraction, "0")
	n, err := strconv.ParseUint(whole+fraction, base, 64)
	if err != nil || len(fraction) > 19 { // 10^19 is the largest power of ten in 64 bits
		return fail("", "does not fit in 64 bits")
	}
	if of.unit == NoUnit && fractional {
		if len(fraction) > millionthDigits {
			return fail("", "is finer than a millionth")
		}
		high, low := bits.Mul64(n, pow10(millionthDigits-len(fraction)))
		if high != 0 || low > math.MaxInt64 {
			return fail("", "does not fit in 64 bits as millionths")
		}
		return &Fraction{At: at, Text: text, Millionths: int64(low)}, nil
	}
	divisor := pow10(len(fraction))
	high, low := bits.Mul64(n, of.scale)
	if high >= divisor {
		return fail("", "does not fit in 64 bits")
	}
	value, rest := bits.Div64(high, low, divisor)
	if rest != 0 {
		return fail("", "is finer than 1%s", smallest[of.unit])
	}
	return &Number{At: at, Text: text, Value: value, Unit: of.unit}, nil
}

// millionthDigits is the number of decimals that a Fraction counts.
const millionthDigits = 6

// pow10 is 10 to the power of n, which is at most 19.
func pow10(n int) uint64 {
	power := uint64(1)
	for range n {
		power *= 10
	}
	return power
}

// isNumber reports whether n is a number literal: a point after it could be its own.
func isNumber(n Node) bool {
	switch n.(type) {
	case *Number, *Fraction:
		return true
	}
	return false
}

// cutNumber cuts a number into its digits, without 0x, and its suffix. A leading 0 and
// no point make it octal, as in C.
func cutNumber(text string) (base int, digits, suffix string) {
	class := func(c byte) bool { return isDigit(c) || c == '_' || c == '.' }
	base = 10
	switch {
	case strings.HasPrefix(text, "0x"), strings.HasPrefix(text, "0X"):
		base, text = 16, text[2:]
		class = func(c byte) bool { return isHexDigit(c) || c == '_' }
	case text[0] == '0':
		base = 8
	}
	n := span(text, class)
	digits, suffix = text[:n], text[n:]
	if digits == "0" || strings.Contains(digits, ".") {
		base = 10
	}
	return base, digits, suffix
}

// unitOf returns the unit that suffix means; C's suffixes and none mean 1.
func unitOf(suffix string) (unit, bool) {
	if suffix == "" || integerSuffixes[strings.ToLower(suffix)] {
		return unit{scale: 1}, true
	}
	for _, u := range units {
		if u.name == suffix {
			return u, true
		}
	}
	return unit{}, false
}

func unitNames() string {
	names := make([]string, len(units))
	for i, u := range units {
		names[i] = u.name
	}
	return strings.Join(names, " ")
}

// suffixHint guesses what was meant by an unknown suffix.
func suffixHint(digits, suffix string) string {
	lower := strings.ToLower(suffix)
	if name, ok := misspelt[lower]; ok {
		return "did you mean " + name + "?"
	}
	// bpftrace has 1e9; beyond 10^19 there is no 64-bit spelling to offer.
	if zeros, err := strconv.Atoi(lower[1:]); lower[0] == 'e' && err == nil && zeros <= 19 && !strings.Contains(digits, ".") {
		return "write " + digits + strings.Repeat("0", zeros)
	}
	for _, u := range units {
		if oneApart(lower, strings.ToLower(u.name)) {
			return "did you mean " + u.name + "?"
		}
	}
	return ""
}

// oneApart reports whether a and b differ by at most one letter: changed, added or
// left out. Units are too short for a looser comparison to be right.
func oneApart(a, b string) bool {
	same := 0
	for same < len(a) && same < len(b) && a[same] == b[same] {
		same++
	}
	a, b = a[same:], b[same:]
	rest := func(s string) string { return s[min(1, len(s)):] }
	return rest(a) == rest(b) || a == rest(b) || rest(a) == b
}

// parseText reads a string literal, quotes included.
func parseText(text string, at At) (*Text, *Error) {
	value, err := unescape(text[1:len(text)-1], at.Start+1)
	if err != nil {
		return nil, err
	}
	return &Text{At: at, Value: value}, nil
}

// parseChar reads a character literal, quotes included.
func parseChar(text string, at At) (*Char, *Error) {
	value, err := unescape(text[1:len(text)-1], at.Start+1)
	switch {
	case err != nil:
		return nil, err
	case value == "":
		return nil, &Error{At: at, Message: "'' holds no character, want one"}
	case len(value) > 1:
		return nil, &Error{
			At:      at,
			Message: fmt.Sprintf("%s holds %d bytes, a character is one", text, len(value)),
			Hint:    "use double quotes: " + quote(value, '"'),
		}
	}
	return &Char{At: at, Value: value[0]}, nil
}

// escapes are C's (C11 6.4.4.4), by the letter after the backslash; octal and \x are
// numbers.
var escapes = map[byte]byte{
	'\'': '\'', '"': '"', '?': '?', '\\': '\\',
	'a': '\a', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t', 'v': '\v',
}

// unescape decodes the inside of a literal; start is its place in the expression.
// Outside of escapes it must be UTF-8.
func unescape(s string, start int) (string, *Error) {
	var b strings.Builder
	for i := 0; i < len(s); {
		if s[i] != '\\' {
			r, n := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && n == 1 {
				return "", &Error{
					At:      At{start + i, start + i + 1},
					Message: fmt.Sprintf("byte 0x%02x is not UTF-8", s[i]),
					Hint:    fmt.Sprintf(`write \%03o`, s[i]),
				}
			}
			b.WriteString(s[i : i+n])
			i += n
			continue
		}
		// A literal never ends in a lone backslash: it would have escaped the quote.
		n, base, digits := 2, 0, ""
		switch c := s[i+1]; {
		case c == 'x':
			digits, base = s[i+2:i+2+span(s[i+2:], isHexDigit)], 16 // as many as there are, as in C
			n += len(digits)
		case isOctalDigit(c):
			digits, base = s[i+1:i+1+span(s[i+1:min(i+4, len(s))], isOctalDigit)], 8 // three at most, as in C
			n = 1 + len(digits)
		}
		value, known := escapes[s[i+1]]
		if base != 0 {
			wide, err := strconv.ParseUint(digits, base, 8)
			value, known = byte(wide), err == nil
		}
		if !known {
			_, size := utf8.DecodeRuneInString(s[i+1:])
			n = max(n, 1+size)
			return "", &Error{
				At:      At{start + i, start + i + n},
				Message: fmt.Sprintf(`escape %s is not one of C's for a byte: \n \t \\ \" \', \0 to \377, \x00 to \xff`, s[i:i+n]),
			}
		}
		b.WriteByte(value)
		i += n
	}
	return b.String(), nil
}

func isHexDigit(c byte) bool {
	return isDigit(c) || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func isOctalDigit(c byte) bool { return '0' <= c && c <= '7' }

// quote writes s as a literal between quotes q, so that unescape gives s again. What
// does not print is written in octal, three digits each, since C's \x has no end.
func quote(s string, q byte) string {
	short := map[byte]string{'\n': `\n`, '\t': `\t`, '\r': `\r`, '\\': `\\`, q: `\` + string(q)}
	var b strings.Builder
	b.WriteByte(q)
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch esc, ok := short[s[i]]; {
		case ok:
			b.WriteString(esc)
		case strconv.IsPrint(r) && (r != utf8.RuneError || n > 1):
			b.WriteString(s[i : i+n])
		default:
			for _, c := range []byte(s[i : i+n]) {
				fmt.Fprintf(&b, `\%03o`, c)
			}
		}
		i += n
	}
	b.WriteByte(q)
	return b.String()
}
