// Package source holds the text of a spec and everything that points into it.
//
// In goes a file's name and bytes; out come positions, spans and diagnostics that
// a person can act on. A position counts lines and columns from 1, columns in
// characters; a caret counts display width. Nothing in here knows YAML.
//
//	specs/tcpretrans.yaml:12:30: struct sock_common has no field "skc_dprt"
//	   12 |   dport: args.sk.__sk_common.skc_dprt
//	      |                              ^^^^^^^^
//	hint: did you mean skc_dport (__be16)?
package source

import (
	"sort"
	"strings"
	"unicode/utf8"
)

// File is the text of one spec, indexed by line. The zero value is an empty file
// without a name. A File is immutable and safe for concurrent use.
type File struct {
	name  string
	text  string
	lines []int // byte offset of the first character of each line
}

// NewFile indexes text under the name that diagnostics print. Lines end at LF; a CR
// before it belongs to the line end.
func NewFile(name, text string) *File {
	f := &File{name: name, text: text, lines: []int{0}}
	for i := 0; i < len(text); i++ {
		if text[i] == '\n' {
			f.lines = append(f.lines, i+1)
		}
	}
	return f
}

// Name returns the name given to NewFile, as it is to be printed.
func (f *File) Name() string { return f.name }

// Text returns the whole text, bytes unchanged.
func (f *File) Text() string { return f.text }

// Lines returns how many lines the file has; an empty file has one.
func (f *File) Lines() int { return len(f.lines) }

// Line returns the text of line n (from 1) without its line end, or "" when the
// file has no such line.
func (f *File) Line(n int) string {
	if n < 1 || n > len(f.lines) {
		return ""
	}
	end := len(f.text)
	if n < len(f.lines) {
		end = f.lines[n] - 1
	}
	return strings.TrimSuffix(f.text[f.lines[n-1]:end], "\r")
}

// Position turns a byte offset into a line and column, both from 1, the column in
// characters. An offset past the end gives the position just after the last character.
func (f *File) Position(offset int) Position {
	offset = max(0, min(offset, len(f.text)))
	line := sort.SearchInts(f.lines, offset+1)
	return Position{Line: line, Column: utf8.RuneCountInString(f.text[f.lines[line-1]:offset]) + 1}
}

// Offset is the inverse of Position. A column past the line's end gives the line's
// end, a line past the file's end the file's end.
func (f *File) Offset(p Position) int {
	if p.Line < 1 {
		return 0
	}
	if p.Line > len(f.lines) {
		return len(f.text)
	}
	offset := f.lines[p.Line-1]
	rest := f.Line(p.Line)
	for range p.Column - 1 {
		_, size := utf8.DecodeRuneInString(rest)
		if size == 0 {
			break
		}
		rest, offset = rest[size:], offset+size
	}
	return offset
}

// Position is a place in a file: line and column from 1, the column in characters.
// The zero value means unknown.
type Position struct {
	Line, Column int
}

// Span is a half-open range of byte offsets into one text: a File's, or the decoded
// text of one scalar before it is mapped to its file.
type Span struct {
	Start, End int
}

// Cover returns the smallest span that holds both s and o.
func (s Span) Cover(o Span) Span {
	return Span{Start: min(s.Start, o.Start), End: max(s.End, o.End)}
}
