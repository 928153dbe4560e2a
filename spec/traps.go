package spec

import (
	"fmt"
	"regexp"
	"strings"
	"sync"

	"github.com/ebgen/ebgen/spec/source"
)

// trap is text that YAML does not read as its author meant it.
type trap struct {
	caught  func(w written) bool
	message string
	hint    func(w written) string
}

// traps lists what YAML 1.2.2 makes of text that is common in C, BPF and prose. The
// first row that catches a value speaks for it. Some of these stop go-yaml, some are
// read in silence: a leading `!` swallows the next line's key.
var traps = []trap{
	{func(w written) bool { return w.extra && isQuote(w.text[0]) },
		"YAML ends the value at its closing quote, and text follows", quoteHint},
	{func(w written) bool { return w.extra },
		"YAML ends the value at its closing bracket, and text follows", quoteHint},
	{func(w written) bool { return w.keyless },
		"YAML takes braces for a mapping", quoteHint},
	{begins("!"), "YAML takes a leading ! for a tag, and may swallow the next line with it", notHint},
	{begins("*"), "YAML takes a leading * for an alias", tagHint},
	{begins("&"), "YAML takes a leading & for an anchor", tagHint},
	{begins("%", "@", "`"), "YAML keeps a leading %, @ or ` for itself", quoteHint},
	{begins(",", "]", "}"), "in YAML no value begins with a comma or a closing bracket", quoteHint},
	{begins(">", "|"), "YAML takes a leading > or | for a block of text", quoteHint},
	{begins("- ", "-\t"), "YAML takes a leading - before a space for a list item", quoteHint},
	{begins("? ", "?\t"), "YAML takes a leading ? before a space for a key", quoteHint},
	{func(w written) bool { return w.text == "-" || w.text == "?" }, "YAML takes a lone - or ? for its own", quoteHint},
	{func(w written) bool { return w.mapping && colon.matches(w) },
		"a mapping without braces begins on the line below its key", braceHint},
	{ternary.matches, `YAML takes ": " for the end of a key`, ifHint},
	{colon.matches, `YAML takes ": " for the end of a key`, quoteHint},
	{func(w written) bool { return w.flow && strings.ContainsAny(w.outside(), "[]{}") },
		"inside { } or [ ] YAML takes brackets for its own", quoteHint},
	{func(w written) bool { return w.flow && strings.Contains(w.outside(), ",") },
		"inside { } or [ ] YAML ends a value at a comma", quoteHint},
}

// pattern is a trap that a regular expression describes.
type pattern func() *regexp.Regexp

func (p pattern) matches(w written) bool { return p().MatchString(w.text) }

var (
	colon   = pattern(sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`:([ \t\r\n]|$)`) }))
	ternary = pattern(sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?s)\?.*:([ \t\r\n]|$)`) }))
	// oneTernary is a ternary that if(c, a, b) can replace word for word.
	oneTernary = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^([^?:\n]+?) *\? *([^?:\n]+?) *: +([^?:\n]+)$`) })
)

// begins catches a value that begins with one of the prefixes.
func begins(prefixes ...string) func(written) bool {
	return func(w written) bool {
		for _, prefix := range prefixes {
			if strings.HasPrefix(w.text, prefix) {
				return true
			}
		}
		return false
	}
}

// outside returns the text without the square brackets of code and all that they hold.
// YAML has no meaning at all for `moved[a, b].at` inside { } or [ ], so nobody can be
// surprised when it is read as it is written; f(a, b) it would read as two values.
func (w written) outside() string {
	if !w.code || !balanced(w.text) {
		return w.text
	}
	var rest strings.Builder
	depth := 0
	for i := 0; i < len(w.text); i++ {
		start := i
		switch c := w.text[i]; {
		case isQuote(c):
			for i++; w.text[i] != c; i++ {
				if w.text[i] == '\\' {
					i++
				}
			}
		case c == '[':
			depth++
		}
		if depth == 0 {
			rest.WriteString(w.text[start : i+1])
		}
		if w.text[i] == ']' && start == i && depth > 0 {
			depth--
		}
	}
	return rest.String()
}

func isQuote(c byte) bool { return c == '"' || c == '\'' }

// quoteHint gives the value in quotes.
func quoteHint(w written) string {
	if strings.Contains(w.text, "\n") {
		return "quote the whole value"
	}
	return "quote it: " + quote(w.text)
}

// braceHint gives the value in braces.
func braceHint(w written) string {
	if strings.Contains(w.text, "\n") {
		return ""
	}
	return "write: {" + w.text + "}"
}

// tagHint is quoteHint for what is YAML's own outside of code.
func tagHint(w written) string {
	if w.code {
		return quoteHint(w)
	}
	return quoteHint(w) + "; a spec has no tags, anchors or aliases"
}

// notHint is tagHint with the word that needs no quotes.
func notHint(w written) string {
	if !w.code || strings.Contains(w.text, "\n") {
		return tagHint(w)
	}
	return quoteHint(w) + ", or write: not " + strings.TrimLeft(w.text, "! ")
}

// ifHint is quoteHint with the function that needs no quotes.
func ifHint(w written) string {
	match := oneTernary().FindStringSubmatch(w.text)
	if !w.code || match == nil {
		return quoteHint(w)
	}
	return fmt.Sprintf("%s, or write: if(%s, %s, %s)", quoteHint(w), match[1], match[2], match[3])
}

// quote returns text as a YAML scalar in quotes, with as few escapes as can be.
func quote(text string) string {
	if !strings.ContainsAny(text, `"\`) {
		return `"` + text + `"`
	}
	return "'" + strings.ReplaceAll(text, "'", "''") + "'"
}

// danglingOperator is the end of an expression that goes on.
var danglingOperator = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`([-+*/%&|^<>=!~?:,.(\[]|\b(and|or|not|in))$`) })

// operand is a comment that may be a part of the expression before it: text follows
// the # directly, and no ruler does.
var operand = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^#([^ \t#!=*~-]|[-*!~=][^-*=])`) })

// comment warns of a comment behind code, on the line that ends at lineEnd, that may
// have been meant as part of it.
func (s *scanner) comment(w written, lineEnd int) {
	text := s.text[w.span.Start:w.span.End]
	behind := strings.TrimLeft(s.text[w.span.End:lineEnd], " \t")
	if !w.code || behind == "" || isQuote(text[0]) {
		return
	}
	why := ""
	switch {
	case danglingOperator().MatchString(text):
		why = "and the expression stops at an operator"
	case !balanced(text):
		why = "and a bracket or quote stays open"
	case operand().MatchString(behind):
		why = "so this is not part of the expression"
	default:
		return
	}
	s.add(source.Diagnostic{
		Severity: source.Warning,
		Span:     source.Span{Start: lineEnd - len(behind), End: lineEnd},
		Message:  "a # after a space begins a comment, " + why,
		Hint:     "quote the expression if the # belongs to it, or put a space after the #",
	})
}

// balanced reports whether every bracket and quote in an expression is closed.
func balanced(text string) bool {
	var open []byte
	for i := 0; i < len(text); i++ {
		switch c := text[i]; c {
		case '(', '[', '{':
			open = append(open, c)
		case ')', ']', '}':
			if len(open) == 0 {
				return false
			}
			open = open[:len(open)-1]
		case '"', '\'':
			for i++; i < len(text) && text[i] != c; i++ {
				if text[i] == '\\' {
					i++
				}
			}
			if i >= len(text) {
				return false
			}
		}
	}
	return len(open) == 0
}
