package spec

import (
	"regexp"
	"strings"
	"sync"

	"github.com/ebgen/ebgen/spec/source"
)

// scanner goes through the lines of a spec as its author sees them: a key, a colon
// and a value that ends where the line ends. Where YAML sees something else, a row of
// traps says so. It knows just enough of YAML to find the values, and leaves every
// decision about well-formed text to go-yaml.
type scanner struct {
	*reader
	pos   int // offset of the line to read next
	stack []frame
	seen  int           // values so far
	tabs  int           // lines indented by tabs
	kept  []source.Span // see keep; in file order
}

// frame is an open key or list item: what is indented deeper belongs to it.
type frame struct {
	indent int
	key    string // "" for a list item
}

// written is one value as it stands in the file, before YAML gives it a meaning.
type written struct {
	text    string      // of the value, as in the file
	span    source.Span // its place, without blanks and comment around it
	code    bool        // an expression or a type stands here
	flow    bool        // inside { } or [ ]
	extra   bool        // text follows the closing quote or bracket
	keyless bool        // braces without a key in them
	mapping bool        // a mapping may stand here, and no expression
}

// scan reports the traps in the text and takes them out of the shadow. It reports
// false when go-yaml should not see the text at all: too large or too far from YAML.
func (r *reader) scan() bool {
	s := scanner{reader: r}
	for s.pos < len(r.text) {
		s.line()
		if s.seen > maxValues {
			r.fail(source.Span{Start: s.pos, End: s.pos}, "", "more than %d values in one spec", maxValues)
			return false
		}
		if r.count >= maxDiagnostics {
			return false
		}
	}
	s.tidy()
	return true
}

// keep says that the text of span, in quotes or in a block, goes to go-yaml as it is.
func (s *scanner) keep(span source.Span) {
	if span.Start < span.End {
		s.kept = append(s.kept, span)
	}
}

// tidy makes the tabs of the rest of the shadow into spaces and takes out the blanks at
// the ends of its lines: go-yaml 1.19 gives the tab's place for the value after it, and
// moves the column of a value without quotes by the blanks behind it.
func (s *scanner) tidy() {
	trailing := 0 // blanks since the last visible character
	next := s.kept
	for i := 0; i <= len(s.text); i++ {
		for len(next) > 0 && next[0].Start < i { // a quoted text that was read twice
			next = next[1:]
		}
		if len(next) > 0 && i == next[0].Start {
			i, next, trailing = next[0].End-1, next[1:], 0
			continue
		}
		switch {
		case i == len(s.text) || s.text[i] == '\n':
			for j := i - trailing; j < i; j++ {
				s.shadow[j] = gone
			}
			trailing = 0
		case s.text[i] == '\t':
			s.shadow[i] = ' '
			trailing++
		case s.text[i] == ' ' || s.text[i] == '\r':
			trailing++
		default:
			trailing = 0
		}
	}
}

// line reads the line at pos: list dashes, a key, the value, and any further lines
// that the value has.
func (s *scanner) line() {
	start, end := s.pos, s.lineEnd(s.pos)
	s.pos = s.nextLine(start)
	pos := s.skipBlanks(start)
	text := s.text[start:end]
	if s.blankOrComment(pos) {
		return
	}
	if pos == start && (text == "---" || text == "..." || strings.HasPrefix(text, "--- ") || strings.HasPrefix(text, "%")) {
		s.stack = nil
		return
	}
	s.indentation(start, pos)
	for pos < end && s.text[pos] == '-' && s.isBlankAt(pos+1) {
		indent := pos - start
		s.leave(indent, true)
		s.stack = append(s.stack, frame{indent: indent})
		if pos = s.skipBlanks(pos + 1); s.text[min(pos, end-1)] == '-' && s.isBlankAt(pos+1) {
			break // a list in a list: no spec has one, see traps
		}
	}
	if s.blankOrComment(pos) {
		return
	}
	s.leave(pos-start, false)
	at := s.place()
	if !at.code && s.text[pos] == '?' && s.isBlankAt(pos+1) {
		return // a complex key: go-yaml reads it, document complains
	}
	if s.unspaced(pos, end, at) {
		return
	}
	key, after, ok := s.keyAt(pos, end, at)
	switch {
	case ok && at.code && !identifierPattern().MatchString(key):
		// An expression that holds a colon: the traps below know it.
	case ok && (key == "" || strings.IndexByte("!&*%@`:", s.text[pos]) >= 0):
		s.drop(source.Span{Start: pos, End: end}, "write: key: value", "a key begins with a letter")
		return
	case ok:
		s.stack = append(s.stack, frame{indent: pos - start, key: key})
		at = s.place()
		if pos = s.skipBlanks(after); s.blankOrComment(pos) {
			return
		}
	case s.bare(pos, at):
		s.drop(source.Span{Start: pos, End: end}, "write: key: value", "a key and its value are wanted here")
		return
	}
	s.value(pos, at)
}

// bare reports whether the text at pos, which has no key, stands where only keys may.
func (s *scanner) bare(pos int, at place) bool {
	inList := len(s.stack) > 0 && s.stack[len(s.stack)-1].key == ""
	return (at.names && !at.code || at.entries || at.level == TopLevel) && !inList && strings.IndexByte("{[", s.text[pos]) < 0
}

// drop reports span, which no reader can make sense of, and takes it out.
func (s *scanner) drop(span source.Span, hint, message string) {
	s.fail(span, hint, "%s", message)
	s.lose(span)
	s.blank(span)
}

// leave closes the frames that a line indented by indent does not belong to. The
// dashes of a list may stand in the column of the key that holds it.
func (s *scanner) leave(indent int, dash bool) {
	for len(s.stack) > 0 {
		top := s.stack[len(s.stack)-1]
		if top.indent < indent || top.indent == indent && dash && top.key != "" {
			return
		}
		s.stack = s.stack[:len(s.stack)-1]
	}
}

// parent is the column that a value's further lines must be indented beyond.
func (s *scanner) parent() int {
	if len(s.stack) == 0 {
		return -1
	}
	return s.stack[len(s.stack)-1].indent
}

// indentation reports tabs between start and pos, once for the whole file, and makes
// each of them a space.
func (s *scanner) indentation(start, pos int) {
	tab := strings.IndexByte(s.text[start:pos], '\t')
	if tab < 0 {
		return
	}
	if s.tabs++; s.tabs == 1 {
		s.fail(source.Span{Start: start + tab, End: pos}, "indent with spaces, on every line", "a tab indents this line, which YAML does not allow")
	}
	for i := start; i < pos; i++ {
		s.shadow[i] = ' '
	}
	s.broken[s.file.Position(start).Line] = true // a syntax error on it is likely of the same making
}

// unspacedPattern is a key whose colon is not followed by a space.
var unspacedPattern = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^([A-Za-z_][A-Za-z0-9_]*):[^\s:]`) })

// unspaced reports and repairs `key:value` where a key must stand: YAML takes it for
// one word.
func (s *scanner) unspaced(pos, end int, at place) bool {
	colon := -1
	switch match := unspacedPattern().FindStringSubmatchIndex(s.text[pos:end]); {
	case at.entries && !isQuote(s.text[pos]):
		if colon = s.entryEnd(pos, end, false); colon < 0 || s.isBlankAt(colon+1) {
			return false
		}
		s.entry(pos, colon)
	case match == nil:
		return false
	default:
		colon = pos + match[3]
	}
	name := s.text[pos:colon]
	if _, known := findKey(at.level, name); !known && !at.names && !at.entries && at.level != TopLevel {
		return false
	}
	value := source.Span{Start: colon + 1, End: s.commentAt(colon+1, end)}
	s.fail(source.Span{Start: pos, End: value.End}, "write: "+name+": "+s.text[value.Start:value.End], "no space after the colon: YAML reads one word")
	s.stack = append(s.stack, frame{indent: pos - s.lineStart(pos), key: name})
	s.unspacedValues[pos] = plainScalar(s.text, value)
	s.blank(value)
	return true
}

// blockHeader is the header of a literal or folded block (YAML 1.2.2, 8.1.1).
var blockHeader = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[|>][-+0-9]{0,2}([ \t]+#.*)?$`) })

// value reads the value that begins at pos.
func (s *scanner) value(pos int, at place) {
	end := s.lineEnd(pos)
	switch c := s.text[pos]; {
	case blockHeader().MatchString(s.text[pos:end]):
		s.seen++
		s.block()
	case c == '"' || c == '\'':
		s.quoted(pos, at)
	case c == '{' || c == '[':
		s.brackets(pos, at)
	default:
		s.plain(pos, at)
	}
}

// leftover drops the lines that are indented as part of a value that has ended.
func (s *scanner) leftover() {
	message := "this line is indented as a part of the value above, which has ended"
	for s.parent() >= 0 && s.pos < len(s.text) && s.belongs(s.pos) {
		if first := s.skipBlanks(s.pos); !s.blankOrComment(first) {
			s.drop(source.Span{Start: first, End: s.lineEnd(first)}, "begin a key in the column of the key above", message)
		}
		s.pos = s.nextLine(s.pos)
	}
}

// belongs reports whether the line at pos is part of the value of the top frame:
// indented deeper, or empty.
func (s *scanner) belongs(pos int) bool {
	first := s.skipBlanks(pos)
	return s.isBlankAt(first) || first-pos > s.parent()
}

// block skips the lines of a block, whose text is nobody's business.
func (s *scanner) block() {
	start := s.pos
	defer func() { s.keep(source.Span{Start: start, End: s.pos}) }()
	for s.pos < len(s.text) && s.belongs(s.pos) {
		first := s.skipBlanks(s.pos)
		if spaces := leading(s.text[s.pos:]); spaces <= s.parent() && s.pos+spaces < first && !s.isBlankAt(first) {
			s.indentation(s.pos, first)
		}
		s.pos = s.nextLine(s.pos)
	}
}

// quoted reads a value in quotes, over as many lines as belong to it.
func (s *scanner) quoted(pos int, at place) {
	closing := -1
	for {
		if closing = s.closingQuote(pos, s.pos); closing >= 0 || s.pos >= len(s.text) || !s.belongs(s.pos) {
			break
		}
		s.pos = s.nextLine(s.pos)
	}
	if closing < 0 {
		s.pos = s.nextLine(pos)
		span := source.Span{Start: pos, End: s.lineEnd(pos)}
		s.fail(span, "", "this %c has no closing %c", s.text[pos], s.text[pos])
		s.replace(span, Scalar{})
		return
	}
	w := written{span: source.Span{Start: pos, End: closing + 1}, code: at.code}
	s.keep(w.span)
	if !s.blankOrComment(closing + 1) {
		w.extra = true
		w.span.End = s.commentAt(closing, s.lineEnd(closing))
	}
	s.judge(w)
	s.leftover()
}

// keyLine is a line of a block mapping.
var keyLine = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^[ \t]*([A-Za-z_][A-Za-z0-9_]*)[ \t]*:([ \t\r\n]|$)`)
})

// plain reads a value without quotes, over as many lines as belong to it.
func (s *scanner) plain(pos int, at place) {
	w := written{span: source.Span{Start: pos}, code: at.code, mapping: !at.code && at.level != ""}
	lineEnd := s.lineEnd(pos) // of the last line that belongs to the value
	w.span.End = s.commentAt(pos, lineEnd)
	commented, cut, deeper := w.span.End < lineEnd, false, false
	for s.pos < len(s.text) && s.belongs(s.pos) {
		first := s.skipBlanks(s.pos)
		next := s.lineEnd(s.pos)
		line := source.Span{Start: first, End: next}
		match := keyLine().FindStringSubmatch(s.text[s.pos:])
		switch {
		case s.blankOrComment(first):
			commented = commented || !s.isBlankAt(first)
		case deeper:
			s.lose(line)
			s.blank(line)
		case match != nil && !strings.Contains(s.text[w.span.Start:w.span.End], "?"):
			deeper = true
			s.fail(source.Span{Start: first, End: first + len(match[1])}, "begin it in the column of the key above; or that key should have no value",
				"key %q is indented deeper than the key above, which has its value already", match[1])
			s.lose(line)
			s.blank(line)
		case commented:
			cut = true
			s.fail(line, "quote the whole value, or drop the comment", "the comment above ended the value; this line no longer belongs to it")
			s.blank(line)
		default:
			lineEnd = next
			w.span.End = s.commentAt(first, next)
			commented = w.span.End < next
		}
		s.indentation(s.pos, first)
		s.pos = s.nextLine(s.pos)
	}
	if !cut {
		s.comment(w, lineEnd)
	}
	s.judge(w)
}

// replace has go-yaml see plain words on the first line of span, and the reader the
// scalar.
func (s *scanner) replace(span source.Span, scalar Scalar) {
	s.read[span.Start] = scalar
	first := min(span.End, s.lineEnd(span.Start))
	s.cover(source.Span{Start: span.Start, End: first})
	s.blank(source.Span{Start: first, End: span.End})
}

// judge applies the table of traps to one value. Code that is caught stays in the
// document, since the checker may find more mistakes in it; anything else that is
// caught counts as not given. A value without quotes is ours to read, caught or not:
// go-yaml 1.19 loses tabs in it, decodes numbers, gives a wrong column when a further
// line of it begins with `-`, and refuses a further line inside { } on the key's line.
func (s *scanner) judge(w written) {
	s.seen++
	w.text = s.text[w.span.Start:w.span.End]
	if isQuote(w.text[0]) && !w.extra {
		return
	}
	scalar := plainScalar(s.text, w.span)
	for _, trap := range traps {
		if trap.caught(w) {
			s.fail(w.span, trap.hint(w), "%s", trap.message)
			if !w.code {
				scalar = Scalar{}
			}
			break
		}
	}
	s.replace(w.span, scalar)
}
