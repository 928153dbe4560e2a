package spec

import (
	"strings"

	"github.com/ebgen/ebgen/spec/source"
)

// The scanner's words about a line: where it ends, where its comment begins, whether
// it has a key. All offsets are of the file.

// lineEnd returns the offset just after the visible end of the line that holds pos.
func (s *scanner) lineEnd(pos int) int {
	line, _, _ := strings.Cut(s.text[pos:], "\n")
	return pos + len(strings.TrimRight(line, " \t\r"))
}

// lineStart returns the offset of the line that holds pos.
func (s *scanner) lineStart(pos int) int { return strings.LastIndexByte(s.text[:pos], '\n') + 1 }

// nextLine returns the offset of the line after the one that holds pos.
func (s *scanner) nextLine(pos int) int {
	if i := strings.IndexByte(s.text[pos:], '\n'); i >= 0 {
		return pos + i + 1
	}
	return len(s.text)
}

// skipBlanks returns the offset of the first character at or after pos that is
// neither a space nor a tab.
func (s *scanner) skipBlanks(pos int) int {
	return pos + len(s.text[pos:]) - len(strings.TrimLeft(s.text[pos:], " \t"))
}

// isBlankAt reports whether pos is at white space or at the end.
func (s *scanner) isBlankAt(pos int) bool {
	return pos >= len(s.text) || strings.IndexByte(" \t\r\n", s.text[pos]) >= 0
}

// blankOrComment reports whether nothing, or only a comment, stands between pos and
// the end of its line.
func (s *scanner) blankOrComment(pos int) bool {
	pos = s.skipBlanks(pos)
	return s.isBlankAt(pos) || s.text[pos] == '#'
}

// key returns the key that begins at pos, if there is one, and the offset after its
// colon. A key ends at a colon before a blank.
func (s *scanner) key(pos, end int) (string, int, bool) {
	from := pos
	if q := s.text[pos]; q == '"' || q == '\'' {
		closing := s.closingQuote(pos, end)
		if closing < 0 {
			return "", 0, false
		}
		if colon := s.skipBlanks(closing + 1); colon < end && s.text[colon] == ':' && s.isBlankAt(colon+1) {
			s.keep(source.Span{Start: pos, End: closing + 1})
			return s.text[pos+1 : closing], colon + 1, true
		}
		return "", 0, false
	}
	for ; pos < end; pos++ {
		switch {
		case s.text[pos] == ':' && s.isBlankAt(pos+1):
			return strings.TrimRight(s.text[from:pos], " \t"), pos + 1, true
		case s.text[pos] == '#' && s.isBlankAt(pos-1), pos == from && strings.IndexByte("{[>|", s.text[pos]) >= 0:
			return "", 0, false
		}
	}
	return "", 0, false
}

// keyAt is key, or entryKey where entries stand.
func (s *scanner) keyAt(pos, end int, at place) (string, int, bool) {
	if at.entries && !isQuote(s.text[pos]) {
		return s.entryKey(pos, end, false)
	}
	return s.key(pos, end)
}

// entryKey is key where the key is an entry of a state map, `moved[args.sk, cpu]`. Its
// brackets and quotes may hold anything. YAML allows no such key inside { }, where it
// may also stand without a value; so go-yaml gets plain words in its stead.
func (s *scanner) entryKey(pos, end int, flow bool) (string, int, bool) {
	at := s.entryEnd(pos, end, flow)
	if at < 0 {
		return "", 0, false
	}
	name := s.entry(pos, at)
	if s.text[at] != ':' {
		return name, at, true
	}
	if s.unspacedAt(at) {
		s.fail(source.Span{Start: pos, End: at + 1}, "write: "+name+": …", "no space after the colon: YAML reads one word")
	}
	return name, at + 1, true
}

// entryEnd returns the offset of what ends the entry that begins at pos: a colon outside
// of its brackets and quotes, and in flow also a comma or a closing brace. It is -1 when
// there is none. After a bracket a colon needs no space to be meant as one.
func (s *scanner) entryEnd(pos, end int, flow bool) int {
	if strings.IndexByte("{}[],:", s.text[pos]) >= 0 {
		return -1
	}
	depth := 0
	for i := pos; i < end; i++ {
		switch c := s.text[i]; {
		case isQuote(c):
			if i = s.closingQuote(i, end); i < 0 {
				return -1
			}
		case c == '#' && s.isBlankAt(i-1):
			return -1
		case strings.IndexByte("([{", c) >= 0:
			depth++
		case depth > 0 && strings.IndexByte(")]}", c) >= 0:
			depth--
		case depth > 0:
		case c == ':' && (!s.unspacedAt(i) || s.text[i-1] == ']'), flow && (c == ',' || c == '}'):
			return i
		case flow && c == ']':
			return -1
		}
	}
	return -1
}

// unspacedAt reports whether the colon at pos is one inside a word for YAML.
func (s *scanner) unspacedAt(pos int) bool {
	return !s.isBlankAt(pos+1) && strings.IndexByte("{}[],", s.text[pos+1]) < 0
}

// entry takes the text from start to end, without blanks at its end, for a key.
func (s *scanner) entry(start, end int) string {
	span := source.Span{Start: start, End: start + len(strings.TrimRight(s.text[start:end], " \t"))}
	s.replace(span, plainScalar(s.text, span))
	return s.text[span.Start:span.End]
}

// closingQuote returns the offset of the quote that closes the one at pos, or -1 when
// there is none before end.
func (s *scanner) closingQuote(pos, end int) int {
	quote := s.text[pos]
	for i := pos + 1; i < end; i++ {
		switch {
		case quote == '"' && s.text[i] == '\\', quote == '\'' && strings.HasPrefix(s.text[i:end], "''"):
			i++
		case s.text[i] == quote:
			return i
		}
	}
	return -1
}

// commentAt returns where the value that begins at pos ends on its line: before the
// blanks before a comment, or at end. Quotes do not hide a `#` from YAML in a value
// that does not begin with one.
func (s *scanner) commentAt(pos, end int) int {
	for i := pos + 1; i < end; i++ {
		if s.text[i] == '#' && s.isBlankAt(i-1) {
			return pos + len(strings.TrimRight(s.text[pos:i], " \t"))
		}
	}
	return end
}
