package decode

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// text writes a string up to its first NUL. Text and Raw escape what is not printable
// (appendText); JSON does so in its own way (appendJSONText).
func text(_ *Decoder, c cell) form {
	write := func(to func(dst, s []byte) []byte) Append {
		return func(dst, rec []byte) []byte { return to(dst, c.text(rec)) }
	}
	plain := write(appendText)
	return form{
		width: min(max(c.Size-1, 1), maxNameWidth), free: true,
		text: plain, raw: plain, json: quoted(write(appendJSONText)),
	}
}

// text returns the bytes before the first NUL, or all when there is none.
func (c *cell) text(rec []byte) []byte {
	b := c.bytes(rec)
	if end := bytes.IndexByte(b, 0); end >= 0 {
		return b[:end]
	}
	return b
}

const hexDigits = "0123456789abcdef"

// appendText writes s so that a terminal shows it and obeys none of it: what
// strconv.IsPrint refuses (control characters, the marks that reverse the reading
// direction, white space other than the blank) becomes \x1b or \u202e, and a byte that
// is not UTF-8 becomes \xff. A backslash stays as it is, so that paths can be copied;
// where that is ambiguous, JSON tells.
func appendText(dst, s []byte) []byte { return textEscaping.append(dst, s) }

// appendJSONText writes s as the inside of a JSON string (RFC 8259 section 7). What a
// terminal might obey is escaped too, without loss. JSON has no bytes, so a byte that is
// not UTF-8 becomes the four characters \xff.
func appendJSONText(dst, s []byte) []byte { return jsonEscaping.append(dst, s) }

// escaping is what a form does to a string: which bytes it copies, and what it makes of
// a character or byte that it does not.
type escaping struct {
	plain     [256]bool
	character func(dst []byte, r rune) []byte
	invalid   string // before the two hex digits of a byte that is not UTF-8
}

var (
	textEscaping = escaping{plainExcept(""), escapeText, `\x`}
	jsonEscaping = escaping{plainExcept(`"\`), escapeJSON, `\\x`}
)

// plainExcept marks the printable ASCII characters but those in special.
func plainExcept(special string) (plain [256]bool) {
	for b := ' '; b <= '~'; b++ {
		plain[b] = strings.IndexByte(special, byte(b)) < 0
	}
	return plain
}

func escapeText(dst []byte, r rune) []byte {
	switch {
	case r < utf8.RuneSelf:
		return append(dst, '\\', 'x', hexDigits[r>>4], hexDigits[r&15])
	case r > 0xffff:
		return appendHexDigits(append(dst, `\U`...), uint32(r), 8)
	}
	return appendHexDigits(append(dst, `\u`...), uint32(r), 4)
}

func escapeJSON(dst []byte, r rune) []byte {
	switch {
	case r == '"' || r == '\\':
		return append(dst, '\\', byte(r))
	case r > 0xffff:
		high, low := utf16.EncodeRune(r)
		return escapeJSON(escapeJSON(dst, high), low)
	}
	return appendHexDigits(append(dst, `\u`...), uint32(r), 4)
}

// append copies s, escaped.
func (e *escaping) append(dst, s []byte) []byte {
	for len(s) > 0 {
		n := 0
		for n < len(s) && e.plain[s[n]] {
			n++
		}
		if dst, s = append(dst, s[:n]...), s[n:]; len(s) == 0 {
			break
		}
		r, size := utf8.DecodeRune(s)
		switch {
		case r == utf8.RuneError && size == 1:
			dst = append(append(dst, e.invalid...), hexDigits[s[0]>>4], hexDigits[s[0]&15])
		case r >= utf8.RuneSelf && strconv.IsPrint(r):
			dst = append(dst, s[:size]...)
		default:
			dst = e.character(dst, r)
		}
		s = s[size:]
	}
	return dst
}

func appendHexDigits(dst []byte, v uint32, digits int) []byte {
	for shift := 4 * (digits - 1); shift >= 0; shift -= 4 {
		dst = append(dst, hexDigits[v>>shift&15])
	}
	return dst
}

// hexBytes writes every byte as two hex digits, without a prefix: what xxd -r -p reads.
func hexBytes(_ *Decoder, c cell) form {
	return form{width: min(2*c.Size, maxNameWidth)}.asName(func(dst, rec []byte) []byte {
		for _, b := range c.bytes(rec) {
			dst = append(dst, hexDigits[b>>4], hexDigits[b&15])
		}
		return dst
	})
}
