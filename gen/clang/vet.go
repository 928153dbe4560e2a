package clang

import (
	"strings"
	"unicode/utf8"
)

// refusedWords are identifiers that reach past the C: to the assembler, to other files,
// to the clock.
var refusedWords = map[string]string{
	"asm":                "inline assembly is refused",
	"__asm":              "inline assembly is refused",
	"__asm__":            "inline assembly is refused",
	"_Pragma":            "pragmas are refused",
	"__pragma":           "pragmas are refused",
	"__has_include":      "a tracer's C may not ask for files",
	"__has_include_next": "a tracer's C may not ask for files",
	"__has_embed":        "a tracer's C may not ask for files",
	"__DATE__":           "the time of compilation would make every build another",
	"__TIME__":           "the time of compilation would make every build another",
	"__TIMESTAMP__":      "the time of compilation would make every build another",
}

// rawPrefixes open a raw string where a compiler knows them (C++11, later gnu C).
var rawPrefixes = map[string]bool{"R": true, "LR": true, "uR": true, "UR": true, "u8R": true}

// trigraphs are the third characters of C11 5.2.1.1.
const trigraphs = "=/'()!<>-"

// closers gives what closes each opening bracket, digraphs (C11 6.4.6) included.
var closers = map[string]string{"(": ")", "[": "]", "{": "}", "<:": "]", "<%": "}"}

// closing gives the bracket that a closing token is.
var closing = map[string]string{")": ")", "]": "]", "}": "}", ":>": "]", "%>": "}"}

// Vet reports whether text, the C that a spec brings along, may be compiled: it must be
// whole declarations in plain C, without preprocessor directives, assembly or anything
// that looks at the machine it is compiled on, so that a spec from a stranger can do
// nothing through its compiler. If not, offset is the byte at fault and message says why.
//
// It reads as clang does: lines are spliced first, then comments and literals are told
// from code. Where compilers disagree on how to read a text, the text is refused.
func Vet(text string) (offset int, message string, ok bool) {
	if offset, message := vetCharacters(text); message != "" {
		return offset, message, false
	}
	v := vetting{at: make([]int, 0, len(text)+1)}
	if offset, message := v.splice(text); message != "" {
		return offset, message, false
	}
	if i, message := v.tokens(); message != "" {
		return v.at[i], message, false
	}
	return 0, "", true
}

// vetCharacters refuses what readers and compilers see differently: control characters,
// a lone carriage return (a line end to clang only), text that is not UTF-8, trigraphs,
// and characters that change the direction of writing.
func vetCharacters(text string) (int, string) {
	for i, r := range text {
		switch {
		case r == '\r' && strings.HasPrefix(text[i+1:], "\n"), r == '\t', r == '\n':
		case r < ' ', r == 0x7f:
			return i, "control characters are refused"
		case r == utf8.RuneError && !strings.HasPrefix(text[i:], "\uFFFD"):
			return i, "this is not UTF-8"
		case r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069: // UAX #9, 2.1-2.4
			return i, "characters that change the direction of writing are refused"
		case r == '?' && len(text) > i+2 && text[i+1] == '?' && strings.IndexByte(trigraphs, text[i+2]) >= 0:
			return i, "trigraphs are refused"
		}
	}
	return 0, ""
}

// vetting is a text after C11's translation phase 2.
type vetting struct {
	code string // lines spliced
	at   []int  // of each byte of code, and of its end: the offset in the text
}

// splice joins lines that end in a backslash; blanks after it count as none, as in clang.
func (v *vetting) splice(text string) (int, string) {
	var code strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' {
			rest := strings.TrimLeft(text[i+1:], " \t\r")
			if rest == "" {
				return i, "a backslash at the end would join the C with what follows it"
			}
			if rest[0] == '\n' {
				i = len(text) - len(rest)
				continue
			}
		}
		code.WriteByte(text[i])
		v.at = append(v.at, i)
	}
	v.code = code.String()
	v.at = append(v.at, len(text))
	return 0, ""
}

// tokens walks the tokens and returns the index of the first one that is refused, and
// why.
func (v *vetting) tokens() (int, string) {
	type bracket struct {
		at     int
		closer string
	}
	var open []bracket
	code := v.code
	for i := 0; i < len(code); {
		c, mark := code[i], mark(code[i:])
		switch {
		case mark == "//":
			i += lengthUntil(code[i:], "\n")
		case mark == "/*":
			end := strings.Index(code[i+2:], "*/")
			if end < 0 {
				return i, "this comment is not closed"
			}
			i += 2 + end + 2
		case c == '"' || c == '\'':
			n := literal(code[i:])
			if n == 0 {
				return i, "this literal is not closed on its line"
			}
			i += n
		case isDigit(c) || c == '.' && i+1 < len(code) && isDigit(code[i+1]):
			i += number(code[i:])
			if i < len(code) && code[i] == '\'' {
				return i, "separators in numbers are refused: not every clang knows them"
			}
		case isLetter(c):
			word := code[i : i+identifier(code[i:])]
			if why := refusedWords[word]; why != "" {
				return i, why
			}
			if i+len(word) < len(code) && code[i+len(word)] == '"' && rawPrefixes[word] {
				return i, "raw strings are refused: not every clang knows them"
			}
			i += len(word)
		case mark == "#" || mark == "%:":
			return i, "preprocessor directives are refused: write an enum for a constant, a function for a macro"
		case mark == `\`:
			return i, "a backslash outside a literal is refused"
		case closers[mark] != "":
			open = append(open, bracket{i, closers[mark]})
			i += len(mark)
		case closing[mark] != "":
			if len(open) == 0 {
				return i, "nothing is open that this " + mark + " could close"
			}
			if want := open[len(open)-1].closer; want != closing[mark] {
				return i, "found " + mark + " where " + want + " is wanted"
			}
			open = open[:len(open)-1]
			i += len(mark)
		default:
			i++
		}
	}
	if len(open) > 0 {
		last := open[len(open)-1]
		return last.at, "nothing closes this: " + last.closer + " is wanted"
	}
	return 0, ""
}

// pairs are the marks of two characters that mean something else than their first one.
var pairs = map[string]bool{"//": true, "/*": true, "<:": true, ":>": true, "<%": true, "%>": true, "%:": true}

// mark returns the mark that s begins with.
func mark(s string) string {
	if len(s) > 1 && pairs[s[:2]] {
		return s[:2]
	}
	return s[:1]
}

// lengthUntil returns the length of s up to the first stop, or of all of it.
func lengthUntil(s, stop string) int {
	if n := strings.Index(s, stop); n >= 0 {
		return n
	}
	return len(s)
}

// literal returns the length of the string or character that s begins with, its quotes
// included, or 0 when it is not closed.
func literal(s string) int {
	for i := 1; i < len(s) && s[i] != '\n'; i++ {
		switch s[i] {
		case '\\':
			i++
		case s[0]:
			return i + 1
		}
	}
	return 0
}

// number returns the length of the preprocessing number (C11 6.4.8) s begins with.
func number(s string) int {
	i := 1
	for i < len(s) {
		switch {
		case strings.IndexByte("eEpP", s[i]) >= 0 && i+1 < len(s) && (s[i+1] == '+' || s[i+1] == '-'):
			i += 2
		case isLetter(s[i]) || isDigit(s[i]) || s[i] == '.':
			i++
		default:
			return i
		}
	}
	return i
}

// identifier returns the length of the identifier s begins with.
func identifier(s string) int {
	i := 1
	for i < len(s) && (isLetter(s[i]) || isDigit(s[i])) {
		i++
	}
	return i
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// isLetter reports whether c can stand in an identifier as clang reads it: with $ and
// with bytes of UTF-8.
func isLetter(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c == '$' || c >= utf8.RuneSelf
}
