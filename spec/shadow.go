package spec

import (
	"bytes"
	"regexp"
	"sync"

	"github.com/ebgen/ebgen/spec/source"
)

// gone marks a byte of the shadow that go-yaml does not get. The text has none of its
// own: readable refuses it.
const gone = 0

// cover overwrites every visible character in span by one 'x': go-yaml then sees a
// plain word of the same width in the same place.
func (r *reader) cover(span source.Span) { r.overwrite(span, 'x') }

// blank overwrites every visible character in span by a space.
func (r *reader) blank(span source.Span) { r.overwrite(span, ' ') }

func (r *reader) overwrite(span source.Span, with byte) {
	for i, c := range r.text[span.Start:span.End] {
		if c == ' ' || c == '\n' || c == '\r' {
			continue
		}
		for j := range len(string(c)) {
			r.shadow[span.Start+i+j] = gone
		}
		r.shadow[span.Start+i] = with
	}
}

// shadowText is what go-yaml gets: the shadow without its line ends' carriage
// returns, which no scalar keeps and which shift nothing.
func (r *reader) shadowText() []byte {
	return bytes.ReplaceAll(bytes.ReplaceAll(r.shadow, []byte{gone}, nil), []byte("\r\n"), []byte("\n"))
}

// keyLike is a word before a colon.
var keyLike = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`([A-Za-z_][A-Za-z0-9_]*)[ \t]*:`) })

// dropLine takes a line out of the shadow and notes the keys on it, so that nobody
// calls them missing. It reports false when there is nothing left to take.
func (r *reader) dropLine(line int) bool {
	start := r.file.Offset(source.Position{Line: line, Column: 1})
	span := source.Span{Start: start, End: start + len(r.file.Line(line))}
	if line < 1 || len(bytes.TrimSpace(r.shadow[span.Start:span.End])) == 0 {
		return false
	}
	r.lose(span)
	r.blank(span)
	return true
}

// lose notes the keys in span as lost.
func (r *reader) lose(span source.Span) {
	for _, match := range keyLike().FindAllStringSubmatch(r.text[span.Start:span.End], -1) {
		r.lost[match[1]] = true
	}
}
