package spec

import (
	"strings"

	"github.com/ebgen/ebgen/spec/source"
)

// maxDepth bounds brackets inside brackets: the language needs three, and go-yaml 1.19
// takes minutes for a megabyte of opening ones.
const maxDepth = 16

// flowScanner finds the values inside one { } or [ ].
type flowScanner struct {
	*scanner
	values []written
	items  int  // entries so far, of all depths
	keys   int  // those with a key
	deep   bool // brackets nest deeper than maxDepth
}

// brackets reads a mapping or list in brackets, over as many lines as it has.
func (s *scanner) brackets(pos int, at place) {
	f := flowScanner{scanner: s}
	kept := len(s.kept)
	after := f.collection(pos, at, 0)
	s.seen += f.items
	if after < 0 {
		s.kept = s.kept[:kept]
		span := source.Span{Start: pos, End: s.commentAt(pos, s.lineEnd(pos))}
		message := "this %c is not closed, or the brackets in it do not match"
		if f.deep {
			message = "too many brackets inside this %c"
		}
		s.fail(source.Span{Start: pos, End: pos + 1}, "", message, s.text[pos])
		s.lose(span)
		s.replace(span, Scalar{})
		return
	}
	s.pos = s.nextLine(after - 1)
	w := written{span: source.Span{Start: pos, End: after}, code: at.code}
	switch {
	case !s.blankOrComment(after):
		w.extra = true
		w.span.End = s.commentAt(after-1, s.lineEnd(after))
	case at.code && s.text[pos] == '{' && f.keys == 0 && strings.Trim(s.text[pos:after], "{} \t") != "":
		w.keyless = true
	default:
		for _, value := range f.values {
			s.judge(value)
		}
		s.leftover()
		return
	}
	s.judge(w)
	s.leftover()
}

// collection reads from the opening bracket at pos and returns the offset after the
// closing one, or -1 when there is none.
func (f *flowScanner) collection(pos int, at place, depth int) int {
	closing := byte(']')
	if f.text[pos] == '{' {
		closing = '}'
	}
	pos = f.space(pos + 1)
	for pos < len(f.text) {
		c := f.text[pos]
		switch {
		case c == closing:
			return pos + 1
		case c == '}' || c == ']':
			return -1
		case c == ',':
			pos = f.space(pos + 1)
			continue
		}
		if f.items++; f.items > maxValues {
			return -1
		}
		item := at
		if closing == '}' {
			if key, after, ok := f.key(pos, at); ok {
				f.keys++
				item, pos = at.child(key), f.space(after)
				if pos >= len(f.text) || strings.IndexByte(",}]", f.text[pos]) >= 0 {
					continue
				}
			}
		}
		if pos = f.item(pos, item, depth); pos < 0 {
			return -1
		}
		pos = f.space(pos)
	}
	return -1
}

// space returns the offset of the next character at or after pos that is neither
// white space nor in a comment.
func (f *flowScanner) space(pos int) int {
	for pos < len(f.text) {
		switch {
		case f.text[pos] == '#' && f.isBlankAt(pos-1):
			pos = f.nextLine(pos)
		case f.isBlankAt(pos):
			pos++
		default:
			return pos
		}
	}
	return pos
}

// skipSpace is space without the comments.
func (f *flowScanner) skipSpace(pos int) int {
	for pos < len(f.text) && f.isBlankAt(pos) {
		pos++
	}
	return pos
}

// key returns the key of a mapping's entry at pos, and the offset after its colon.
func (f *flowScanner) key(pos int, at place) (string, int, bool) {
	end := f.lineEnd(pos)
	from := pos
	if q := f.text[pos]; q == '"' || q == '\'' {
		closing := f.closingQuote(pos, end)
		if closing < 0 {
			return "", 0, false
		}
		colon := f.skipBlanks(closing + 1)
		f.keep(source.Span{Start: from, End: closing + 1})
		return f.text[pos+1 : closing], colon + 1, colon < end && f.text[colon] == ':'
	}
	if at.entries {
		return f.entryKey(pos, end, true)
	}
	for ; pos < end && strings.IndexByte(",{}[]", f.text[pos]) < 0; pos++ {
		if f.text[pos] != ':' {
			continue
		}
		name := strings.TrimRight(f.text[from:pos], " \t")
		if pos+1 < end && strings.IndexByte(" \t,{}[]", f.text[pos+1]) < 0 {
			if !identifierPattern().MatchString(name) || at.level == "" {
				continue
			}
			f.fail(source.Span{Start: from, End: pos + 2}, "write: "+name+": …", "no space after the colon: YAML reads one word")
		}
		return name, pos + 1, true
	}
	return "", 0, false
}

// item reads one value and returns the offset after it, or -1 when a bracket or quote
// in it is not closed.
func (f *flowScanner) item(pos int, at place, depth int) int {
	w := written{span: source.Span{Start: pos}, code: at.code, flow: true}
	after := pos
	switch c := f.text[pos]; c {
	case '{', '[':
		if depth == maxDepth {
			f.deep = true
			return -1
		}
		if after = f.collection(pos, at, depth+1); after < 0 {
			return -1
		}
	case '"', '\'':
		closing := f.closingQuote(pos, len(f.text))
		if closing < 0 {
			return -1
		}
		after = closing + 1
		f.keep(source.Span{Start: pos, End: after})
	default:
		w.span.End = f.plainEnd(pos)
		for next := f.skipSpace(w.span.End); next > w.span.End && next < len(f.text) && strings.IndexByte(",}]#", f.text[next]) < 0; {
			w.span.End = f.plainEnd(next)
			next = f.skipSpace(w.span.End)
		}
		f.values = append(f.values, w)
		return w.span.End
	}
	if next := f.space(after); next < len(f.text) && strings.IndexByte(",}]", f.text[next]) < 0 {
		w.extra = true
		w.span.End = f.plainEnd(after)
		f.values = append(f.values, w)
		return w.span.End
	}
	return after
}

// plainEnd returns where the author of a value without quotes, read from pos, would
// say that it ends: at a comma or bracket that none of its own brackets and quotes
// holds. It is where YAML says so when these do not match on the line.
func (f *flowScanner) plainEnd(pos int) int {
	depth := 0
	end := f.lineEnd(pos)
	i := pos
scan:
	for ; i < end; i++ {
		switch c := f.text[i]; {
		case c == '#' && f.isBlankAt(i-1):
			break scan
		case (c == '"' || c == '\'') && (i == pos || !isWord(f.text[i-1])):
			if closing := f.closingQuote(i, end); closing >= 0 {
				i = closing
			}
		case c == '(' || c == '[' || c == '{':
			depth++
		case depth == 0 && (c == ',' || c == ']' || c == '}'):
			break scan
		case depth > 0 && (c == ')' || c == ']' || c == '}'):
			depth--
		}
	}
	if depth > 0 {
		i = pos + 1
		for i < end && strings.IndexByte(",]}", f.text[i]) < 0 {
			i++
		}
	}
	return max(pos+1, pos+len(strings.TrimRight(f.text[pos:i], " \t")))
}

// isWord reports whether c can be part of a word.
func isWord(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}
