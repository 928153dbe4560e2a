package spec

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	yamlparser "github.com/goccy/go-yaml/parser"

	"github.com/ebgen/ebgen/spec/source"
)

const (
	// maxBytes and maxValues bound a spec: the longest that we know of has a few
	// hundred lines, and go-yaml 1.19 takes 11 s for 40000 keys of one mapping.
	maxBytes  = 1 << 20
	maxValues = 4096
	// maxDiagnostics is more than anyone reads of one run.
	maxDiagnostics = 100
	// maxSyntaxErrors is how often the text is read again after a syntax error, with
	// the line of the error left out.
	maxSyntaxErrors = 16
)

// Parse reads one spec. The name is what diagnostics print. The document holds
// whatever could be read; it is complete when the diagnostics hold no error.
func Parse(name string, text []byte) (*Document, *source.Diagnostics) {
	file := source.NewFile(name, string(text))
	r := &reader{
		file:           file,
		text:           file.Text(),
		shadow:         bytes.Clone(text),
		read:           map[int]Scalar{},
		unspacedValues: map[int]Scalar{},
		lost:           map[string]bool{},
		broken:         map[int]bool{},
		diags:          &source.Diagnostics{File: file},
		doc:            &Document{File: file},
	}
	if r.readable() && r.scan() {
		if body := r.yaml(); body != nil {
			r.document(body)
		}
	}
	return r.doc, r.diags
}

// reader is one run of Parse: the text is checked (readable), its lines are searched
// for what YAML would take for something else (scan), go-yaml reads what remains
// (yaml), and its tree becomes the document (document).
type reader struct {
	file *source.File
	text string
	// shadow is the text as go-yaml gets it. Whatever would stop it is overwritten in
	// place, so that lines and columns stay those of the file: see cover.
	shadow         []byte
	read           map[int]Scalar  // values overwritten in shadow, by their offset
	unspacedValues map[int]Scalar  // of `key:value`, by the offset of the key
	lost           map[string]bool // keys that stand on lines we could not read
	broken         map[int]bool    // lines that have their complaint
	count          int             // complaints so far
	diags          *source.Diagnostics
	doc            *Document
}

// fail adds an error. go-yaml is not asked for another one about the same line.
func (r *reader) fail(span source.Span, hint, format string, args ...any) {
	r.broken[r.file.Position(span.Start).Line] = true
	r.add(source.Diagnostic{Span: span, Hint: hint, Message: fmt.Sprintf(format, args...)})
}

func (r *reader) add(one source.Diagnostic) {
	r.count++
	switch {
	case r.count < maxDiagnostics:
		r.diags.Add(one)
	case r.count == maxDiagnostics:
		one.Notes = append(one.Notes, "there is more; only the first complaints are shown")
		r.diags.Add(one)
	}
}

// readable reports whether the text is one that YAML can hold: UTF-8 of a bearable
// size, without control characters.
func (r *reader) readable() bool {
	if len(r.text) > maxBytes {
		r.fail(source.Span{}, "", "the file has %d bytes, more than the %d of the longest spec allowed", len(r.text), maxBytes)
		return false
	}
	if strings.HasPrefix(r.text, "\ufeff") {
		r.fail(source.Span{End: len("\ufeff")}, "save the file as UTF-8 without BOM", "the file begins with a byte order mark")
		return false
	}
	for i, c := range r.text {
		_, size := utf8.DecodeRuneInString(r.text[i:])
		span := source.Span{Start: i, End: i + size}
		switch {
		case c == utf8.RuneError && size == 1:
			r.fail(span, "save the file as UTF-8", "byte 0x%02x is not UTF-8", r.text[i])
			return false
		case c == '\r' && !strings.HasPrefix(r.text[i:], "\r\n"):
			r.fail(span, "end lines with a line feed", "carriage return without a line feed")
			return false
		case c < ' ' && c != '\t' && c != '\n' && c != '\r', c == 0x7f, c >= 0x80 && c < 0xa0, c == '\u2028', c == '\u2029':
			r.fail(span, "", "control character U+%04X", c) // YAML 1.2.2, 5.1
			return false
		}
	}
	return true
}

// yaml returns the body of the one document in the shadow, or nil. A syntax error is
// reported, its line taken out, and the rest read again.
func (r *reader) yaml() ast.Node {
	for range maxSyntaxErrors {
		file, err := parseYAML(r.shadowText())
		if err == nil {
			return r.body(file)
		}
		line := r.syntaxError(err)
		if !r.dropLine(line) {
			break
		}
	}
	return nil
}

// parseYAML calls go-yaml and turns a panic of its own into an error: the text comes
// from users.
func parseYAML(text []byte) (file *ast.File, err error) {
	defer func() {
		if p := recover(); p != nil {
			file, err = nil, fmt.Errorf("go-yaml cannot read this: %v", p)
		}
	}()
	// Duplicate keys are ours to report: go-yaml stops at the first.
	return yamlparser.ParseBytes(text, 0, yamlparser.AllowDuplicateMapKey())
}

// body returns the only document's body and complains about any other document.
func (r *reader) body(file *ast.File) ast.Node {
	var body ast.Node
	for _, doc := range file.Docs {
		switch doc.Body.(type) {
		case nil:
			continue
		case *ast.DirectiveNode:
			r.fail(r.tokenSpan(doc.Body), "", "a YAML directive has no place in a spec")
			continue
		}
		if body != nil {
			r.fail(r.tokenSpan(doc.Body), "put it into a file of its own", "a second document begins here; a file holds one spec")
			break
		}
		body = doc.Body
	}
	if body == nil && r.count == 0 {
		r.fail(source.Span{}, "ebgen new writes one to start from", "the file holds no spec")
	}
	return body
}

// syntaxMessages says in our words what go-yaml 1.19 complains about. Its position is
// right in all of these.
var syntaxMessages = []struct{ theirs, ours, hint string }{
	{"mapping value is not allowed in this context", `": " inside a value`, "quote the value; or is the next line indented too deep?"},
	{"could not find end character of double-quoted text", `this " has no closing "`, ""},
	{"could not find end character of single-quoted text", `this ' has no closing '`, ""},
	{"',' or '}' must be specified", `a { is not closed, or a comma is missing`, "quote values that hold { } [ ] or a comma"},
	{"',' or ']' must be specified", `a [ is not closed, or a comma is missing`, "quote values that hold { } [ ] or a comma"},
	{"could not find '[' character corresponding to ']'", "] without [", "quote the value"},
	{"could not find '{' character corresponding to '}'", "} without {", "quote the value"},
	{"value is not allowed in this context. map key-value is pre-defined", "this cannot follow the value before it", "quote the whole value"},
	{"value is not allowed in this context", "this line's indentation fits no line above it", "keys of one mapping begin in the same column"},
	{"non-map value is specified", "a key and its value are wanted here", "write: key: value"},
	{"value cannot be placed after document separator", "a value cannot stand on the line of ---", ""},
}

// syntaxError reports what go-yaml could not read, unless the line has its complaint
// already, and returns the line.
func (r *reader) syntaxError(err error) int {
	var syntax yaml.Error
	if !errors.As(err, &syntax) || syntax.GetToken() == nil {
		r.fail(source.Span{}, "", "%v", err)
		return 0
	}
	message, hint := syntax.GetMessage(), ""
	for _, row := range syntaxMessages {
		if strings.HasPrefix(message, row.theirs) {
			message, hint = row.ours, row.hint
			break
		}
	}
	at := syntax.GetToken().Position
	start := r.offset(at)
	line := r.file.Position(start).Line
	if !r.broken[line] {
		text, _, _ := strings.Cut(r.text[start:], "\n")
		text = strings.TrimRight(text, " \t\r")
		r.fail(source.Span{Start: start, End: start + len(text)}, hint, "%s", message)
	}
	return line
}
