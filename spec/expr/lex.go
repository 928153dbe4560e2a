package expr

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// kind is the kind of a token.
type kind int

const (
	end kind = iota
	word
	literal // a number, character, string or parameter: its node is ready
	operator
	bad // its complaint is raised when the parser gets there, so the first mistake is told
)

// token is one word, literal or operator. Text is as written, but for the operators
// spelled as words, which are "&&", "||", "!" and "in".
type token struct {
	At
	kind kind
	text string
	node Node
	err  *Error
}

// is reports whether t is the operator or bracket op.
func (t token) is(op string) bool { return t.kind == operator && t.text == op }

// wordOperators are the operators that YAML lets through unquoted.
var wordOperators = map[string]string{"not": "!", "and": "&&", "or": "||", "in": "in"}

// longestOperator is the length of the longest operator, right or wrong.
const longestOperator = 3

var rightOperators = set(
	"??", "||", "&&", "==", "!=", "<=", ">=", "<<", ">>", "->",
	"|", "^", "&", "<", ">", "+", "-", "*", "/", "%", "~", "!",
	"?", ":", "(", ")", "[", "]", ",", ".",
)

// complaint is what is said about a wrong operator or character.
type complaint struct{ message, hint string }

const (
	assigns = "is an assignment, an expression only computes"
	foreign = "is not an operator"
	comment = "opens a comment in C, an expression has none"
)

// wrongOperators are what C, other languages and bpftrace write and we do not. They
// are tried together with the right ones, longest first.
var wrongOperators = map[string]complaint{
	"=":   {assigns, "compare with =="},
	"=!":  {foreign, "write !="},
	"=~":  {foreign, `has_prefix(x, "abc") compares the beginning of a text`},
	"=<":  {foreign, "write <="},
	"=>":  {foreign, "write >="},
	":=":  {assigns, "compare with =="},
	"+=":  {assigns, ""},
	"-=":  {assigns, ""},
	"*=":  {assigns, ""},
	"/=":  {assigns, ""},
	"%=":  {assigns, ""},
	"&=":  {assigns, ""},
	"|=":  {assigns, ""},
	"^=":  {assigns, ""},
	"<<=": {assigns, ""},
	">>=": {assigns, ""},
	"++":  {assigns, "add with + 1"},
	"--":  {assigns, "subtract with - 1; between two minus signs stands a space"},
	"===": {foreign, "write =="},
	"!==": {foreign, "write !="},
	"<>":  {foreign, "write !="},
	"&&&": {foreign, "write &&"},
	"|||": {foreign, "write ||"},
	">>>": {foreign, "write >>: it fills with zeros when its left operand is unsigned"},
	"?:":  {foreign, "give a default with ??"},
	"?.":  {foreign, "write . and give a default with ??"},
	"..":  {foreign, "a member follows one dot"},
	"...": {foreign, "a member follows one dot"},
	"//":  {comment, "divide with one /"},
	"/*":  {comment, "to divide by what a pointer leads to, put a space after /"},
	";":   {"ends a statement, an expression has no end mark", ""},
	"@":   {"is not part of a name", "a state map is written without @"},
	"#":   {"is not an operator", "a comment is YAML's: a space, then #, outside of quotes"},
}

// lookalikes are characters that word processors and chat windows put in place of
// what was typed.
var lookalikes = map[rune]string{
	'“': `"`, '”': `"`, '„': `"`, '‘': "'", '’': "'", '\u00a0': "a space",
	'–': "-", '—': "-", '−': "-", '×': "*", '÷': "/", '≤': "<=", '≥': ">=", '≠': "!=",
	'→': "->", '…': "...", 'µ': "u", 'μ': "u",
}

// lex cuts text into tokens; the last one is the only one of kind end. After a mistake
// comes nothing but the end.
func lex(text string) []token {
	l := lexer{text: text}
	for {
		for l.pos < len(text) && strings.IndexByte(" \t\r\n", text[l.pos]) >= 0 {
			l.pos++
		}
		t := l.next()
		l.tokens = append(l.tokens, t)
		if t.kind == bad {
			l.tokens = append(l.tokens, token{At: At{len(text), len(text)}})
		}
		if t.kind == bad || t.kind == end {
			return l.tokens
		}
	}
}

type lexer struct {
	text   string
	pos    int
	tokens []token
}

// next cuts the token that starts at l.pos and moves past it.
func (l *lexer) next() token {
	start := l.pos
	if start == len(l.text) {
		return token{At: At{start, start}}
	}
	switch c := l.text[start]; {
	case l.afterDot() && isWordByte(c):
		return l.member()
	case isDigit(c):
		return l.number()
	case isWordByte(c):
		t := l.take(word, span(l.text[start:], isWordByte))
		if op, ok := wordOperators[t.text]; ok {
			t.kind, t.text = operator, op
		}
		return t
	case c == '$':
		return l.param()
	case c == '"' || c == '\'':
		return l.quoted(c)
	}
	for n := min(longestOperator, len(l.text)-start); n > 0; n-- {
		op := l.text[start : start+n]
		if rightOperators[op] {
			return l.take(operator, n)
		}
		if wrong, ok := wrongOperators[op]; ok {
			return l.bad(At{start, start + n}, wrong.hint, "%q %s", op, wrong.message)
		}
	}
	return l.stranger()
}

// take cuts n bytes as a token of kind k.
func (l *lexer) take(k kind, n int) token {
	at := At{l.pos, l.pos + n}
	l.pos += n
	return token{At: at, kind: k, text: l.text[at.Start:at.End]}
}

// bad is the token for a mistake at at.
func (l *lexer) bad(at At, hint, format string, args ...any) token {
	return token{At: at, kind: bad, err: &Error{At: at, Message: fmt.Sprintf(format, args...), Hint: hint}}
}

// of turns a literal's node or complaint into its token.
func (l *lexer) of(t token, n Node, err *Error) token {
	if err != nil {
		return token{At: err.At, kind: bad, err: err}
	}
	t.node = n
	return t
}

// afterDot reports whether a member's name must come next. There every word is a name
// and a number is only digits: args.0.1 is two steps and no fraction.
func (l *lexer) afterDot() bool {
	if len(l.tokens) == 0 {
		return false
	}
	last := l.tokens[len(l.tokens)-1]
	return last.is(".") || last.is("->")
}

func (l *lexer) member() token {
	t := l.take(word, span(l.text[l.pos:], isWordByte))
	if isDigit(t.text[0]) && span(t.text, isDigit) < len(t.text) {
		return l.bad(t.At, "", "%q is not a member: want a name or a decimal number", t.text)
	}
	return t
}

// number cuts a number with its suffix, and with a point that has a digit behind it.
func (l *lexer) number() token {
	rest, n := l.text[l.pos:], 0
	for n < len(rest) && (isWordByte(rest[n]) || rest[n] == '.' && n+1 < len(rest) && isDigit(rest[n+1])) {
		n++
	}
	t := l.take(literal, n)
	node, err := parseNumber(t.text, t.At)
	return l.of(t, node, err)
}

func (l *lexer) param() token {
	n := span(l.text[l.pos+1:], isWordByte)
	t := l.take(literal, 1+n)
	if n == 0 || isDigit(t.text[1]) {
		return l.bad(t.At, "", "%q is not a parameter: want $ and a name", t.text)
	}
	t.node = &Param{At: t.At, Name: t.text[1:]}
	return t
}

// quoted cuts a string or a character, up to its closing quote.
func (l *lexer) quoted(quote byte) token {
	rest := l.text[l.pos:]
	n := 1
	for n < len(rest) && rest[n] != quote && rest[n] != '\n' {
		if rest[n] == '\\' && n+1 < len(rest) && rest[n+1] != '\n' {
			n++
		}
		n++
	}
	if n == len(rest) || rest[n] == '\n' {
		return l.bad(At{l.pos, l.pos + n}, "", "quote %c is never closed", quote)
	}
	t := l.take(literal, n+1)
	if quote == '"' {
		node, err := parseText(t.text, t.At)
		return l.of(t, node, err)
	}
	node, err := parseChar(t.text, t.At)
	return l.of(t, node, err)
}

// stranger complains about a character that starts nothing.
func (l *lexer) stranger() token {
	r, n := utf8.DecodeRuneInString(l.text[l.pos:])
	at := At{l.pos, l.pos + n}
	if r == utf8.RuneError && n == 1 {
		return l.bad(at, "", "byte 0x%02x is not UTF-8", l.text[l.pos])
	}
	hint := ""
	if plain, ok := lookalikes[r]; ok {
		hint = "write " + plain
	}
	return l.bad(at, hint, "character %q has no meaning here", r)
}

// span returns how many leading bytes of s are in the class.
func span(s string, class func(byte) bool) int {
	n := 0
	for n < len(s) && class(s[n]) {
		n++
	}
	return n
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isWordByte(c byte) bool {
	return c == '_' || isDigit(c) || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// set makes a set of words.
func set(words ...string) map[string]bool {
	s := make(map[string]bool, len(words))
	for _, w := range words {
		s[w] = true
	}
	return s
}
