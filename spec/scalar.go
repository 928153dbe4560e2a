package spec

import (
	"strings"
	"unicode/utf8"

	"github.com/ebgen/ebgen/spec/source"
)

// Kind says how a scalar is written. The zero value says that it is not.
type Kind int

const (
	Absent Kind = iota
	Plain
	SingleQuoted
	DoubleQuoted
	Literal // a block, `|`
	Folded  // a block, `>`
)

// String returns the kind as Document.String prints it.
func (k Kind) String() string {
	return [...]string{"absent", "plain", "single-quoted", "double-quoted", "literal", "folded"}[k]
}

// Scalar is one value of the file: its decoded text, how it was written and where.
// The zero value is a value that the file does not give.
type Scalar struct {
	Value string
	Kind  Kind
	span  source.Span // quotes and block header included
	at    []int       // at[i] is the file offset of Value[i]; nil when that is not known
}

// Given reports whether the file has this value.
func (s Scalar) Given() bool { return s.Kind != Absent }

// Span returns the place of the whole value in the file: quotes included, a block
// from its header to its last line.
func (s Scalar) Span() source.Span { return s.span }

// At turns a span of Value into a span of the file. Where value and file cannot be
// brought together it answers with the scalar's start, never with a wrong column.
func (s Scalar) At(sub source.Span) source.Span {
	if s.at == nil {
		return source.Span{Start: s.span.Start, End: s.span.Start}
	}
	start := min(max(sub.Start, 0), len(s.Value))
	end := min(max(sub.End, start), len(s.Value))
	return source.Span{Start: s.at[start], End: s.at[end]}
}

// newScalar makes the scalar that starts at start, quote or block header included,
// and whose decoded text is value.
func newScalar(text string, start int, kind Kind, value string) Scalar {
	a := aligner{text: text, value: value, pos: start}
	s := Scalar{Value: value, Kind: kind}
	var ok bool
	switch kind {
	case Literal, Folded:
		ok = a.block(kind == Folded)
	case SingleQuoted, DoubleQuoted:
		ok = a.quoted(kind == DoubleQuoted)
	default:
		ok = a.plain()
	}
	if !ok {
		line, _, _ := strings.Cut(text[start:], "\n")
		s.span = source.Span{Start: start, End: start + len(strings.TrimRight(line, " \t\r"))}
		return s
	}
	s.at = a.at
	s.span = source.Span{Start: start, End: a.pos}
	return s
}

// plainScalar makes the scalar that stands at span, read as YAML would read it if
// nothing in it had a meaning: a line break between words is a space.
func plainScalar(text string, span source.Span) Scalar {
	var value strings.Builder
	breaks := 0
	for i, line := range strings.Split(text[span.Start:span.End], "\n") {
		line = strings.Trim(line, " \t\r")
		switch {
		case i == 0:
		case line == "":
			breaks++
			continue
		case breaks > 0:
			value.WriteString(strings.Repeat("\n", breaks))
		default:
			value.WriteByte(' ')
		}
		breaks = 0
		value.WriteString(line)
	}
	return newScalar(text, span.Start, Plain, value.String())
}

// aligner walks the file's text and a decoded value together. After a walk that
// returned true, pos is the end of the scalar and len(at) is len(value)+1.
type aligner struct {
	text, value string
	pos         int
	at          []int
}

// take says that the next n bytes of the value are written as the next width bytes
// of the file. A character written as itself keeps its inner offsets.
func (a *aligner) take(n, width int) {
	for i := range n {
		if n == width {
			a.at = append(a.at, a.pos+i)
		} else {
			a.at = append(a.at, a.pos)
		}
	}
	a.pos += width
}

// rest is the part of the value that has no place yet.
func (a *aligner) rest() string { return a.value[len(a.at):] }

// copied takes one byte that stands for itself and reports whether it does.
func (a *aligner) copied() bool {
	if a.rest() == "" || a.pos >= len(a.text) || a.text[a.pos] != a.rest()[0] {
		return false
	}
	a.take(1, 1)
	return true
}

// folded takes the line breaks at pos, with the blanks around them: one is a space,
// n+1 are n newlines (YAML 1.2.2, 6.5). It reports false when there is no line break
// or when the value disagrees.
func (a *aligner) folded() bool {
	end := a.pos
	for end < len(a.text) && strings.IndexByte(" \t\r\n", a.text[end]) >= 0 {
		end++
	}
	breaks := strings.Count(a.text[a.pos:end], "\n")
	want := " "
	if breaks > 1 {
		want = strings.Repeat("\n", breaks-1)
	}
	if breaks == 0 || !strings.HasPrefix(a.rest(), want) {
		return false
	}
	for range len(want) {
		a.take(1, 0)
	}
	a.pos = end
	return true
}

func (a *aligner) plain() bool {
	for a.rest() != "" {
		if !a.folded() && !a.copied() {
			return false
		}
	}
	a.at = append(a.at, a.pos)
	return true
}

func (a *aligner) quoted(double bool) bool {
	quote := a.text[a.pos]
	a.pos++
	for a.pos < len(a.text) {
		switch {
		case double && a.text[a.pos] == '\\':
			if !a.escape() {
				return false
			}
		case !double && strings.HasPrefix(a.text[a.pos:], "''") && strings.HasPrefix(a.rest(), "'"):
			a.take(1, 2)
		case a.text[a.pos] == quote:
			a.at = append(a.at, a.pos)
			a.pos++
			return len(a.at) == len(a.value)+1
		case !a.folded() && !a.copied():
			return false
		}
	}
	return false
}

// escapes gives the value of YAML's one-letter escapes (YAML 1.2.2, 5.7).
var escapes = map[byte]string{
	'0': "\x00", 'a': "\a", 'b': "\b", 't': "\t", '\t': "\t", 'n': "\n", 'v': "\v", 'f': "\f", 'r': "\r", 'e': "\x1b",
	' ': " ", '"': `"`, '/': "/", '\\': `\`, 'N': "\u0085", '_': "\u00a0", 'L': "\u2028", 'P': "\u2029",
}

// hexEscapes gives the number of digits of an escape that names a character.
var hexEscapes = map[byte]int{'x': 2, 'u': 4, 'U': 8}

// badEscape returns the place of the first escape in the double-quoted text at pos that
// lacks hexadecimal digits: go-yaml 1.19 takes whatever follows for digits.
func badEscape(text string, pos int) (source.Span, bool) {
	for i := pos + 1; i+1 < len(text) && text[i] != '"'; i++ {
		if text[i] != '\\' {
			continue
		}
		i++
		digits := hexEscapes[text[i]]
		for _, c := range []byte(text[i+1 : min(i+1+digits, len(text))]) {
			if strings.IndexByte("0123456789abcdefABCDEF", c) < 0 {
				return source.Span{Start: i - 1, End: i + 1}, true
			}
		}
		i += digits
	}
	return source.Span{}, false
}

// escape takes one escape sequence of a double-quoted scalar.
func (a *aligner) escape() bool {
	after := a.text[a.pos+1:]
	if line, rest, ok := strings.Cut(after, "\n"); ok && strings.Trim(line, " \t\r") == "" {
		a.pos = len(a.text) - len(strings.TrimLeft(rest, " \t\r\n"))
		return true
	}
	if after == "" {
		return false
	}
	if digits, ok := hexEscapes[after[0]]; ok {
		_, n := utf8.DecodeRuneInString(a.rest())
		if n == 0 || len(after) <= digits {
			return false
		}
		a.take(n, 2+digits)
		return true
	}
	decoded, ok := escapes[after[0]]
	if !ok || !strings.HasPrefix(a.rest(), decoded) {
		return false
	}
	a.take(len(decoded), 2)
	return true
}

// block takes a literal or folded block, header first. The indentation is what the
// file's first line with text has more than the value's.
func (a *aligner) block(folded bool) bool {
	header := strings.IndexByte(a.text[a.pos:], '\n')
	if header < 0 {
		a.at = append(a.at, len(a.text))
		a.pos = len(strings.TrimRight(a.text, " \t\r"))
		return a.value == ""
	}
	end := a.pos + len(strings.TrimRight(a.text[a.pos:a.pos+header], " \t\r"))
	a.pos += header + 1
	indent := leading(firstText(a.text[a.pos:])) - leading(firstText(a.value))
	if indent < 0 {
		return false
	}
	for a.rest() != "" {
		blanks := min(indent, leading(a.text[a.pos:]))
		a.pos += blanks
		for a.pos < len(a.text) && a.text[a.pos] != '\n' && !strings.HasPrefix(a.text[a.pos:], "\r\n") {
			if !a.copied() {
				// Blanks on an otherwise empty line may be left out of the value.
				if a.text[a.pos] != ' ' {
					return false
				}
				a.pos++
				continue
			}
			end = a.pos
		}
		if !a.lineBreak(folded) {
			return false
		}
	}
	a.at = append(a.at, min(a.pos, len(a.text)))
	a.pos = end
	return true
}

// lineBreak takes the end of a block's line, and in a folded block the empty lines
// after it. The last line break of the value may be the end of the file.
func (a *aligner) lineBreak(folded bool) bool {
	breaks := 0
	next := a.pos
	for {
		line, _, found := strings.Cut(a.text[next:], "\n")
		if !found || strings.Trim(line, " \r") != "" {
			break
		}
		next += len(line) + 1
		breaks++
		if !folded {
			break
		}
	}
	have := len(a.rest()) - len(strings.TrimLeft(a.rest(), "\n"))
	switch {
	case a.rest() == "":
		return true
	case breaks == 0: // end of the file
		a.take(have, 0)
		return a.rest() == ""
	case folded && breaks == 1 && have == 0:
		if !strings.HasPrefix(a.rest(), " ") {
			return false
		}
		a.take(1, 0)
	case folded && have == len(a.rest()): // the end of the value: clipped or kept
		a.take(have, 0)
	case folded && have != breaks && have != breaks-1:
		return false
	case folded:
		a.take(have, 0)
	case have == 0:
		return false
	default:
		a.take(1, 0)
	}
	a.pos = next
	return true
}

// firstText returns text from its first line that is not blank.
func firstText(text string) string {
	for text != "" {
		line, rest, _ := strings.Cut(text, "\n")
		if strings.Trim(line, " \r") != "" {
			return text
		}
		text = rest
	}
	return ""
}

// leading counts the spaces at the start of text.
func leading(text string) int { return len(text) - len(strings.TrimLeft(text, " ")) }
