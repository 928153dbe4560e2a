// Package plain writes text from outside so that a terminal shows it and obeys none of it.
//
// In goes what a spec, a bundle, a binary, a path or the kernel says; out comes the same
// text, in which all that strconv.IsPrint refuses is written as an escape: control
// characters, the marks that reverse the reading direction, white space other than the
// blank, bytes that are not UTF-8.
//
//	plain.Text("a\x1b[2Jb")   // a\x1b[2Jb, seven of these characters visible
//	plain.Writer(os.Stderr)   // keeps line ends and tabs
package plain

import (
	"io"
	"strconv"
	"strings"
	"sync"
	"unicode/utf16"
	"unicode/utf8"
)

const hexDigits = "0123456789abcdef"

// Text is Append for strings.
func Text(s string) string { return string(Append(nil, []byte(s))) }

// Append writes s on one line: what is not printable becomes \x1b or \u202e, and a byte that
// is not UTF-8 becomes \xff. A backslash stays as it is, so that paths can be copied; where
// that is ambiguous, JSON tells.
func Append(dst, s []byte) []byte { return textEscaping.append(dst, s) }

// AppendLines is Append and keeps line ends and tabs.
func AppendLines(dst, s []byte) []byte { return linesEscaping.append(dst, s) }

// Lines is AppendLines for strings.
func Lines(s string) string { return string(AppendLines(nil, []byte(s))) }

// AppendJSON writes s as the inside of a JSON string (RFC 8259 section 7). What a
// terminal might obey is escaped too, without loss. JSON has no bytes, so a byte that is
// not UTF-8 becomes the four characters \xff.
func AppendJSON(dst, s []byte) []byte { return jsonEscaping.append(dst, s) }

// AppendDocument passes on JSON as an encoder wrote it, with what is not printable in its
// strings escaped.
func AppendDocument(dst, json []byte) []byte { return documentEscaping.append(dst, json) }

// escaping is what a form does to a string: which bytes it copies, and what it makes of
// a character or byte that it does not.
type escaping struct {
	plain     [256]bool
	character func(dst []byte, r rune) []byte
	invalid   string // before the two hex digits of a byte that is not UTF-8
}

var (
	textEscaping  = escaping{plainBut("", ""), escapeText, `\x`}
	linesEscaping = escaping{plainBut("\n\t", ""), escapeText, `\x`}
	jsonEscaping  = escaping{plainBut("", `"\`), escapeJSON, `\\x`}

	documentEscaping = escaping{plainBut("\n\t", ""), escapeJSON, `\\x`}
)

// plainBut marks the printable ASCII characters, and those in with, but not those in without.
func plainBut(with, without string) (plain [256]bool) {
	for b := range utf8.RuneSelf {
		printable := b >= ' ' && b <= '~' || strings.IndexByte(with, byte(b)) >= 0
		plain[b] = printable && strings.IndexByte(without, byte(b)) < 0
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

// Writer passes on what AppendLines makes of what is written. Several goroutines may write
// whole characters.
func Writer(w io.Writer) io.Writer { return &writer{w: w} }

type writer struct {
	lock sync.Mutex
	w    io.Writer
	rest []byte // the beginning of a character whose other bytes have not come yet
	out  []byte
}

func (w *writer) Write(p []byte) (int, error) {
	w.lock.Lock()
	defer w.lock.Unlock()
	text := append(w.rest, p...)
	end := len(text)
	for i := max(0, end-utf8.UTFMax+1); i < end; i++ {
		if utf8.RuneStart(text[i]) && !utf8.FullRune(text[i:]) {
			end = i
		}
	}
	w.out = AppendLines(w.out[:0], text[:end])
	w.rest = append(w.rest[:0], text[end:]...)
	if _, err := w.w.Write(w.out); err != nil {
		return 0, err
	}
	return len(p), nil
}
