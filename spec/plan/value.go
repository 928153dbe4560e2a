package plan

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Value is one value of a param, as the kernel side holds it: the bytes of its Type in
// this machine's byte order, and for a network the key of an LPM trie.
type Value []byte

// Parse parses what a flag or a default gives: one value, or for a list one or more
// parted by commas. Errors start with the text that is wrong.
func (p Param) Parse(enums []Enum, text string) ([]Value, error) {
	parts := []string{text}
	if p.List {
		parts = strings.Split(text, ",")
	}
	var values []Value
	for _, part := range parts {
		if p.List {
			part = strings.TrimSpace(part)
		}
		v, err := ParseValue(p.Type, enums, part)
		if err != nil {
			return nil, fmt.Errorf("%s %w", part, err)
		}
		values = append(values, v)
	}
	return values, nil
}

// ParseValue parses one value of type t as a flag or a spec gives it. Its errors
// continue "TEXT …": "70000 does not fit u16".
func ParseValue(t Type, enums []Enum, text string) (Value, error) {
	switch t.Kind {
	case Bool:
		return parseBool(text)
	case String:
		return parseString(t, text)
	case IP:
		a, err := netip.ParseAddr(text)
		if err != nil || a.Zone() != "" {
			return nil, errors.New("is not an IP address")
		}
		b := a.As16()
		return b[:], nil
	case Prefix:
		return parsePrefix(text)
	case Int, Enumer:
		if t.Enum > 0 && t.Enum <= len(enums) {
			return parseEnum(t, enums[t.Enum-1], text)
		}
		return parseInt(t, text)
	}
	return nil, fmt.Errorf("cannot be given: params have no values of kind %q", t.Kind)
}

func parseBool(text string) (Value, error) {
	switch text {
	case "true", "yes", "1":
		return Value{1}, nil
	case "false", "no", "0":
		return Value{0}, nil
	}
	return nil, errors.New("is neither true nor false")
}

// parseString keeps the bytes and fills up with NULs; the last byte stays one.
func parseString(t Type, text string) (Value, error) {
	if strings.IndexByte(text, 0) >= 0 {
		return nil, errors.New("holds a NUL byte")
	}
	if len(text) >= t.Size {
		return nil, fmt.Errorf("is longer than %d bytes", t.Size-1)
	}
	v := make(Value, t.Size)
	copy(v, text)
	return v, nil
}

// parsePrefix makes the key of an LPM trie: u32 length, then 16 address bytes; an IPv4
// network is the same network of mapped addresses (RFC 4291 2.5.5.2), 96 bits longer.
// An address alone is a network of one.
func parsePrefix(text string) (Value, error) {
	network, err := netip.ParsePrefix(text)
	if err != nil {
		a, err := netip.ParseAddr(text)
		if err != nil || a.Zone() != "" {
			return nil, errors.New("is not a network such as 10.0.0.0/8 or 2001:db8::/32")
		}
		network = netip.PrefixFrom(a, a.BitLen())
	}
	length := network.Bits()
	if network.Addr().Is4() {
		length += 96
	}
	address := network.Masked().Addr().As16()
	return append(binary.NativeEndian.AppendUint32(nil, uint32(length)), address[:]...), nil
}

// parseEnum takes a name as it is shown or as the kernel has it, names joined by | where values are bits, or a number.
func parseEnum(t Type, e Enum, text string) (Value, error) {
	names := []string{text}
	if e.Flags {
		names = strings.Split(text, "|")
	}
	known := slices.Concat(e.Values, e.Also)
	var sum int64
	for _, name := range names {
		i := slices.IndexFunc(known, func(v EnumValue) bool { return v.Name == strings.TrimSpace(name) })
		if i < 0 {
			if v, err := parseInt(t, text); err == nil {
				return v, nil
			}
			if len(e.Also) > 0 {
				return nil, fmt.Errorf("is no %s: %s; the kernel's names do too, such as %s", e.Name, someNames(e.Values), e.Also[0].Name)
			}
			return nil, fmt.Errorf("is no %s: %s", e.Name, someNames(e.Values))
		}
		sum |= known[i].Value
	}
	return encodeInt(t, uint64(sum)), nil
}

// someNames lists the names of an enum for a message, the first eight of a long one.
func someNames(values []EnumValue) string {
	var names []string
	for _, v := range values[:min(len(values), 8)] {
		names = append(names, v.Name)
	}
	if len(values) > len(names) {
		names = append(names, "…")
	}
	return strings.Join(names, " ")
}

// parseInt parses a number in the language's notation (decimal, hex, octal, `_` between
// digits), for durations and sizes with their units.
func parseInt(t Type, text string) (Value, error) {
	digits, negative := strings.CutPrefix(text, "-")
	n, err := parseDigits(digits)
	if errors.Is(err, strconv.ErrRange) {
		return nil, fmt.Errorf("does not fit %s", typeName(t))
	}
	if err == nil && n != 0 && t.Meaning == Duration {
		return nil, fmt.Errorf("has no unit: write %sms or %ss", text, text)
	}
	if err != nil {
		switch t.Meaning {
		case Duration:
			n, err = parseDuration(digits)
		case ByteSize:
			n, err = parseSize(digits)
		default:
			err = errors.New("is not a number")
		}
	}
	if err != nil {
		return nil, err
	}
	if !fits(t, n, negative) {
		return nil, fmt.Errorf("does not fit %s", typeName(t))
	}
	if negative {
		n = -n
	}
	return encodeInt(t, n), nil
}

// parseDigits takes decimal, 0x… and octal 0… numbers as C does, with `_` between digits.
func parseDigits(text string) (uint64, error) {
	if text == "" || text[0] == '_' || text[len(text)-1] == '_' || strings.Contains(text, "__") {
		return 0, strconv.ErrSyntax
	}
	return strconv.ParseUint(strings.ReplaceAll(text, "_", ""), 0, 64)
}

// fits reports whether the number with that magnitude and sign is a value of t.
func fits(t Type, magnitude uint64, negative bool) bool {
	width := 8 * t.Size
	if !t.Signed {
		return bits.Len64(magnitude) <= width && (!negative || magnitude == 0)
	}
	limit := uint64(1) << (width - 1)
	if negative {
		return magnitude <= limit
	}
	return magnitude < limit
}

func encodeInt(t Type, n uint64) Value {
	switch t.Size {
	case 1:
		return Value{byte(n)}
	case 2:
		return binary.NativeEndian.AppendUint16(nil, uint16(n))
	case 4:
		return binary.NativeEndian.AppendUint32(nil, uint32(n))
	}
	return binary.NativeEndian.AppendUint64(nil, n)
}

// Int is the number that a value of type t is.
func (v Value) Int(t Type) int64 {
	var n uint64
	switch t.Size {
	case 1:
		n = uint64(v[0])
	case 2:
		n = uint64(binary.NativeEndian.Uint16(v))
	case 4:
		n = uint64(binary.NativeEndian.Uint32(v))
	default:
		n = binary.NativeEndian.Uint64(v)
	}
	if unused := 64 - 8*t.Size; t.Signed {
		return int64(n<<unused) >> unused
	}
	return int64(n)
}

// parseDuration takes what Go's durations are, and days.
func parseDuration(text string) (uint64, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		const day = uint64(24 * time.Hour)
		n, err := strconv.ParseUint(days, 10, 64)
		if err == nil && n <= math.MaxInt64/day {
			return n * day, nil
		}
		return 0, errors.New("is not a duration such as 200ms or 1.5s")
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return 0, errors.New("is not a duration such as 200ms or 1.5s")
	}
	return uint64(d), nil
}

// sizeUnits are the language's; IEC 80000-13 has their names.
var sizeUnits = []struct {
	name  string
	shift int
}{{"KiB", 10}, {"MiB", 20}, {"GiB", 30}, {"TiB", 40}, {"B", 0}}

// foreignSizes are units as others write them, in capitals.
var foreignSizes = map[string]string{
	"K": "KiB", "KB": "KiB", "KIB": "KiB", "M": "MiB", "MB": "MiB", "MIB": "MiB",
	"G": "GiB", "GB": "GiB", "GIB": "GiB", "T": "TiB", "TB": "TiB", "TIB": "TiB",
}

func parseSize(text string) (uint64, error) {
	for _, unit := range sizeUnits {
		digits, ok := strings.CutSuffix(text, unit.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseUint(digits, 10, 64)
		if err != nil || bits.Len64(n)+unit.shift > 64 {
			break
		}
		return n << unit.shift, nil
	}
	unit := strings.TrimLeft(text, "0123456789")
	if right := foreignSizes[strings.ToUpper(unit)]; right != "" && right != unit && unit != text {
		return 0, fmt.Errorf("is not a size: write %s%s", strings.TrimSuffix(text, unit), right)
	}
	return 0, errors.New("is not a size such as 4096 or 4KiB")
}

// Word is the word that declares the param's type: u16, duration, [string(64)].
func (p Param) Word(enums []Enum) string {
	word := TypeWord(p.Type)
	if e := p.Type.Enum; e > 0 && e <= len(enums) {
		word = enums[e-1].Name
	}
	if p.List {
		return "[" + word + "]"
	}
	return word
}

// TypeWord is the word that declares a param's type, but for an enum, which has a name.
func TypeWord(t Type) string {
	switch {
	case t.Kind == String && t.Size != stringSize:
		return fmt.Sprintf("string(%d)", t.Size)
	case t.Kind == Prefix:
		return "cidr"
	case t.Meaning == Duration || t.Meaning == ByteSize:
		return string(t.Meaning)
	case t.Kind == Int:
		return typeName(t)
	}
	return string(t.Kind)
}

// stringSize is the size of a param of type string.
const stringSize = 64

// typeName is the language's name of a number's type: u16, s64.
func typeName(t Type) string {
	sign := "u"
	if t.Signed {
		sign = "s"
	}
	return sign + strconv.Itoa(8*t.Size)
}
