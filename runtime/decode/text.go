package decode

import (
	"bytes"
	"unicode/utf8"

	"github.com/ebgen/ebgen/spec/plain"
	"github.com/ebgen/ebgen/spec/plan"
)

// text writes a string up to its first NUL, and of one without a NUL, which was longer than
// what was read of it, all but the last byte and an ellipsis. Text and Raw escape what is
// not printable (appendText); JSON does so in its own way (appendJSONText).
func text(_ *Decoder, c cell) form {
	write := func(to func(dst, s []byte) []byte) Append {
		return func(dst, rec []byte) []byte {
			s := c.text(rec)
			if len(s) < c.Size || c.Meaning == plan.Text {
				return to(dst, s)
			}
			return append(to(dst, whole(s[:len(s)-1])), cut...)
		}
	}
	plain := write(appendText)
	return form{
		width: min(max(c.Size-1, 1), maxNameWidth), free: true,
		text: plain, raw: plain, json: quoted(write(appendJSONText)),
	}
}

// cut stands behind a text of which the rest was not read.
const cut = "…"

// whole leaves away the beginning of a character at the end of s.
func whole(s []byte) []byte {
	for i := len(s) - 1; i >= max(len(s)-utf8.UTFMax, 0); i-- {
		if utf8.RuneStart(s[i]) {
			if !utf8.FullRune(s[i:]) {
				return s[:i]
			}
			break
		}
	}
	return s
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

// appendText writes s on one line, so that a terminal shows it and obeys none of it.
func appendText(dst, s []byte) []byte { return plain.Append(dst, s) }

// appendJSONText writes s as the inside of a JSON string.
func appendJSONText(dst, s []byte) []byte { return plain.AppendJSON(dst, s) }

// hexBytes writes every byte as two hex digits, without a prefix: what xxd -r -p reads.
func hexBytes(_ *Decoder, c cell) form {
	return form{width: min(2*c.Size, maxNameWidth)}.asName(func(dst, rec []byte) []byte {
		for _, b := range c.bytes(rec) {
			dst = append(dst, hexDigits[b>>4], hexDigits[b&15])
		}
		return dst
	})
}
