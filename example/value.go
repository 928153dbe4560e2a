package example

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"unicode/utf8"

	"github.com/ebgen/ebgen/spec/plan"
)

// hexKey is the one key of an object that stands for bytes which no other form gives.
const hexKey = "hex"

// show is the value that lies in b, as JSON has it: integers as numbers, texts as strings,
// addresses as text, composites as objects of their parts, histograms as objects of the counts
// that are not 0, by bucket. What would not come back as the same bytes is an object of
// hexadecimal digits.
func show(t plan.Type, b []byte) any {
	shown := plain(t, b)
	if shown != nil {
		// Through JSON, as it will come back.
		var back any
		d := json.NewDecoder(bytes.NewReader(line(shown)))
		d.UseNumber()
		if d.Decode(&back) == nil {
			if again, err := layOut(t, back); err == nil && bytes.Equal(again, b) {
				return shown
			}
		}
	}
	return map[string]any{hexKey: hex.EncodeToString(b)}
}

// plain is show where that loses nothing; nil where a kind has no form of its own.
func plain(t plan.Type, b []byte) any {
	switch t.Kind {
	case plan.Int, plan.Enumer, plan.Bool, plan.Pointer, plan.Stack:
		v := plan.Word(b)
		if t.Signed {
			shift := 64 - 8*len(b)
			return json.Number(strconv.FormatInt(int64(v<<shift)>>shift, 10))
		}
		return json.Number(strconv.FormatUint(v, 10))
	case plan.String:
		text, _, _ := bytes.Cut(b, []byte{0})
		if utf8.Valid(text) {
			return string(text)
		}
	case plan.IP:
		return netip.AddrFrom16([16]byte(b)).Unmap().String()
	case plan.Hist:
		counts := new(values)
		for i := 0; 8*i < len(b); i++ {
			if n := plan.Word(b[8*i : 8*i+8]); n > 0 {
				counts.put(strconv.Itoa(i), json.Number(strconv.FormatUint(n, 10)))
			}
		}
		return counts
	}
	parts := t.Kind.Parts()
	if parts == nil {
		return nil
	}
	all := new(values)
	for _, p := range parts {
		all.put(p.Name, show(p.Type, b[p.Offset:p.Offset+p.Type.Size]))
	}
	return all
}

// text is a value as a complaint shows it.
func text(v any) []byte { return bytes.TrimSpace(line(v)) }

// layOut is the bytes of a value that show has given, or a person has written, as a type of
// the spec has them. The type may be another than that of the recording: a value that fits
// it is taken.
func layOut(t plan.Type, v any) ([]byte, error) {
	if object, ok := v.(map[string]any); ok {
		if digits, ok := object[hexKey].(string); ok && len(object) == 1 {
			return fromHex(t, digits)
		}
		if t.Kind == plan.Hist {
			return fromCounts(t, object)
		}
		return fromParts(t, object)
	}
	switch t.Kind {
	case plan.Int, plan.Enumer, plan.Bool, plan.Pointer, plan.Stack:
		n, ok := v.(json.Number)
		if !ok {
			return nil, fmt.Errorf("%s is no number", text(v))
		}
		return fromNumber(t, n.String())
	case plan.String:
		s, ok := v.(string)
		if !ok {
			return nil, fmt.Errorf("%s is no text", text(v))
		}
		if len(s) > t.Size {
			return nil, fmt.Errorf("%q has more than %d bytes", s, t.Size)
		}
		return append([]byte(s), make([]byte, t.Size-len(s))...), nil
	case plan.IP:
		s, _ := v.(string)
		address, err := netip.ParseAddr(s)
		if err != nil {
			return nil, fmt.Errorf("%s is no IP address", text(v))
		}
		b := address.As16()
		return b[:], nil
	}
	return nil, fmt.Errorf("%s is no value of %s", text(v), t)
}

func fromHex(t plan.Type, digits string) ([]byte, error) {
	b, err := hex.DecodeString(digits)
	if err != nil {
		return nil, err
	}
	if len(b) != t.Size {
		return nil, fmt.Errorf("%d bytes are there, and the column has %d", len(b), t.Size)
	}
	return b, nil
}

func fromCounts(t plan.Type, object map[string]any) ([]byte, error) {
	b := make([]byte, t.Size)
	for bucket, v := range object {
		i, err := strconv.Atoi(bucket)
		n, _ := v.(json.Number)
		count, wrong := strconv.ParseUint(n.String(), 10, 64)
		if err != nil || wrong != nil || i < 0 || 8*i >= t.Size {
			return nil, fmt.Errorf("%s: %s is no count of one of %d buckets", bucket, text(v), t.Size/8)
		}
		binary.NativeEndian.PutUint64(b[8*i:], count)
	}
	return b, nil
}

func fromParts(t plan.Type, object map[string]any) ([]byte, error) {
	parts := t.Kind.Parts()
	if parts == nil || len(object) != len(parts) {
		return nil, fmt.Errorf("%s is no value of %s", text(object), t)
	}
	b := make([]byte, t.Size)
	for _, p := range parts {
		v, ok := object[p.Name]
		if !ok {
			return nil, fmt.Errorf("there is no %s", p.Name)
		}
		part, err := layOut(p.Type, v)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.Name, err)
		}
		copy(b[p.Offset:], part)
	}
	return b, nil
}

var errTooLarge = errors.New("is too large")

// fromNumber takes a number of either sign into as many bytes as t has: what was recorded as
// -2 may be read as the u32 that has the same bits.
func fromNumber(t plan.Type, text string) ([]byte, error) {
	var bits uint64
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && n < 0 {
		if shift := 64 - 8*t.Size; n<<shift>>shift != n {
			return nil, fmt.Errorf("%s %w for %d bytes", text, errTooLarge, t.Size)
		}
		bits = uint64(n)
	} else {
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%s is no integer", text)
		}
		if t.Size < 8 && n>>(8*t.Size) != 0 {
			return nil, fmt.Errorf("%s %w for %d bytes", text, errTooLarge, t.Size)
		}
		bits = n
	}
	b := binary.NativeEndian.AppendUint64(nil, bits)
	if binary.NativeEndian.Uint16([]byte{1, 0}) == 1 {
		return b[:t.Size], nil
	}
	return b[8-t.Size:], nil
}
