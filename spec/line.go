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
