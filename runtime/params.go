package runtime

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/bits"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ebgen/ebgen/spec/plan"
)

// Params are the values of a tracer's params, by the param's name. A param that is not
// in it has no value: the filters that use it are off.
type Params map[string][]Value

// Value is one value of a param, as the kernel side holds it: the bytes of its
// plan.Type in this machine's byte order, and for a network the key of an LPM trie.
type Value []byte

// ParamError is a value that does not fit its param.
type ParamError struct {
	Param string // its name; the flag is Flag(Param)
	Text  string // as given
	Why   string // continues the text: "does not fit u16"
}

// Error is `--port: 70000 does not fit u16`.
func (e *ParamError) Error() string {
	text := e.Text
	if text == "" {
		text = "''"
	}
	return fmt.Sprintf("%s: %s %s", Flag(e.Param), text, e.Why)
}

// Flag returns the command-line flag of a param: the name with dashes.
func Flag(param string) string { return "--" + strings.ReplaceAll(param, "_", "-") }

// ParseParams turns texts, as flags give them, into values; the texts of one param are
// its flag's occurrences. Params without a text take their default. A list takes
// several texts and several values in one text, parted by commas; of any other param
// the last text counts. The error joins one *ParamError for each text that is wrong.
func ParseParams(p *plan.Plan, texts map[string][]string) (Params, error) {
	values := make(Params)
	var wrong []error
	known := make(map[string]bool)
	for i := range p.Params {
		param := &p.Params[i]
		known[param.Name] = true
		given := texts[param.Name]
		if len(given) == 0 && param.Given {
			given = []string{param.Default}
		}
		if len(given) == 0 {
			continue
		}
		parts := given[len(given)-1:]
		if param.List {
			parts = nil
			for _, text := range given {
				parts = append(parts, strings.Split(text, ",")...)
			}
		}
		for _, text := range parts {
			if param.List {
				text = strings.TrimSpace(text)
			}
			v, err := parseValue(p, param.Type, text)
			if err != nil {
				wrong = append(wrong, &ParamError{Param: param.Name, Text: text, Why: err.Error()})
				continue
			}
			if !slices.ContainsFunc(values[param.Name], func(o Value) bool { return string(o) == string(v) }) {
				values[param.Name] = append(values[param.Name], v)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		if !known[name] {
			wrong = append(wrong, &ParamError{Param: name, Text: strings.Join(texts[name], ","), Why: "is for a param that the tracer does not have"})
		}
	}
	return values, errors.Join(wrong...)
}

// parseValue parses one value of type t. Its errors continue "TEXT …".
func parseValue(p *plan.Plan, t plan.Type, text string) (Value, error) {
	switch t.Kind {
	case plan.Bool:
		return parseBool(text)
	case plan.String:
		return parseString(t, text)
	case plan.IP:
		a, err := netip.ParseAddr(text)
		if err != nil || a.Zone() != "" {
			return nil, errors.New("is not an IP address")
		}
		b := a.As16()
		return b[:], nil
	case plan.Prefix:
		return parsePrefix(text)
	case plan.Int, plan.Enumer:
		if t.Enum > 0 && t.Enum <= len(p.Enums) {
			return parseEnum(t, p.Enums[t.Enum-1], text)
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
func parseString(t plan.Type, text string) (Value, error) {
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

// parseEnum takes a name, names joined by | where values are bits, or a number.
func parseEnum(t plan.Type, e plan.Enum, text string) (Value, error) {
	names := []string{text}
	if e.Flags {
		names = strings.Split(text, "|")
	}
	var sum int64
	for _, name := range names {
		i := slices.IndexFunc(e.Values, func(v plan.EnumValue) bool { return v.Name == strings.TrimSpace(name) })
		if i < 0 {
			if v, err := parseInt(t, text); err == nil {
				return v, nil
			}
			return nil, fmt.Errorf("is no %s: %s", e.Name, someNames(e.Values))
		}
		sum |= e.Values[i].Value
	}
	return encodeInt(t, uint64(sum)), nil
}

// someNames lists the names of an enum for a message, the first eight of a long one.
func someNames(values []plan.EnumValue) string {
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
func parseInt(t plan.Type, text string) (Value, error) {
	digits, negative := strings.CutPrefix(text, "-")
	n, err := parseDigits(digits)
	if errors.Is(err, strconv.ErrRange) {
		return nil, fmt.Errorf("does not fit %s", typeName(t))
	}
	if err != nil {
		switch t.Meaning {
		case plan.Duration:
			n, err = parseDuration(digits)
		case plan.ByteSize:
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
func fits(t plan.Type, magnitude uint64, negative bool) bool {
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

func encodeInt(t plan.Type, n uint64) Value {
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
	return 0, errors.New("is not a size such as 4096 or 4KiB")
}

// typeName is the language's name of a number's type: u16, s64.
func typeName(t plan.Type) string {
	sign := "u"
	if t.Signed {
		sign = "s"
	}
	return sign + strconv.Itoa(8*t.Size)
}
