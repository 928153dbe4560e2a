package expr

import (
	"fmt"
	"strings"
)

// maxLevels bounds how deep a tree may be. Generated C nests its brackets as the tree
// does, and clang stops at 256 of them (-fbracket-depth); hand-written expressions
// have about ten.
const maxLevels = 200

// maxBytes bounds an expression's length, hence the time and, until the tree is there
// to be measured, the stack that a hostile spec can take. A list of 2000 ports fits.
const maxBytes = 16 << 10

// cOrder is the order of C's binary operators (C11 6.5.5 to 6.5.14), loosest first. In
// is a relation. The default operator is where C#, JavaScript and PHP have it, just
// above ?:, but traps.go allows it no other neighbour, for Swift and Kotlin have it
// above the comparisons.
var cOrder = order(
	[]string{"??"},
	[]string{"||"},
	[]string{"&&"},
	[]string{"|"},
	[]string{"^"},
	[]string{"&"},
	[]string{"==", "!="},
	[]string{"<", "<=", ">", ">=", "in"},
	[]string{"<<", ">>"},
	[]string{"+", "-"},
	[]string{"*", "/", "%"},
)

// plainOrder is the order that authors have in mind who forget C's history: a
// comparison compares whole computations, as in Python, Go and Rust, a default belongs
// to the operand that may be missing, and "not" in front negates all up to the next
// "and", as in Python and SQL. It is read only for hints.
var plainOrder = order(
	[]string{"||"},
	[]string{"&&"},
	[]string{"!"},
	[]string{"==", "!=", "<", "<=", ">", ">=", "in"},
	[]string{"|"},
	[]string{"^"},
	[]string{"&"},
	[]string{"<<", ">>"},
	[]string{"+", "-"},
	[]string{"*", "/", "%"},
	[]string{"??"},
)

// Levels of what is not a binary operator. Those have 1 and up.
const (
	condLevel    = 0
	prefixLevel  = 20 // above every binary operator
	postfixLevel = 21
)

// order numbers the levels of a table from 1.
func order(rows ...[]string) map[string]int {
	levels := map[string]int{}
	for i, row := range rows {
		for _, op := range row {
			levels[op] = i + 1
		}
	}
	return levels
}

// Parse reads one expression. isType says whether a bare name is a type, which decides
// how C reads `(name) -x`; it may be nil. Either the node or the error is nil.
func Parse(text string, isType func(name string) bool) (Node, *Error) {
	p, err := newParser(text, isType)
	if err != nil {
		return nil, err
	}
	n := p.whole()
	if p.err != nil {
		return nil, p.err
	}
	if height(n) > maxLevels {
		return nil, &Error{At: cover(n, n), Message: fmt.Sprintf("expression is deeper than %d levels", maxLevels)}
	}
	if err := p.trap(n); err != nil {
		return nil, err
	}
	return n, nil
}

// parser walks over the tokens. The first error moves it to the end, so that every
// function may go on as if nothing had happened.
type parser struct {
	text   string
	tokens []token
	at     int // index of the next token
	isType func(string) bool
	order  map[string]int // cOrder or plainOrder
	err    *Error
}

func newParser(text string, isType func(string) bool) (*parser, *Error) {
	if len(text) > maxBytes {
		return nil, &Error{
			At:      At{maxBytes, len(text)},
			Message: fmt.Sprintf("expression has %d bytes, at most %d are read", len(text), maxBytes),
		}
	}
	if isType == nil {
		isType = func(string) bool { return false }
	}
	return &parser{text: text, tokens: lex(text), isType: isType, order: cOrder}, nil
}

func (p *parser) peek() token { return p.tokens[p.at] }

// next returns the next token and moves past it; it never moves past the end.
func (p *parser) next() token {
	t := p.peek()
	if t.kind != end {
		p.at++
	}
	return t
}

// accept moves past the next token if it is op.
func (p *parser) accept(op string) bool {
	ok := p.peek().is(op)
	if ok {
		p.next()
	}
	return ok
}

// fail keeps the first error, moves to the end and returns a node to go on with.
func (p *parser) fail(err *Error) Node {
	if p.err == nil {
		p.err = err
	}
	p.at = len(p.tokens) - 1
	return &Ident{}
}

// whole parses all tokens as one expression.
func (p *parser) whole() Node {
	if p.peek().kind == end {
		return p.fail(&Error{At: At{0, len(p.text)}, Message: "expression is empty"})
	}
	n := p.expr(condLevel)
	if p.peek().kind != end {
		p.unexpected("the end of the expression")
	}
	return n
}

// expr parses an expression whose operators have at least the given level.
func (p *parser) expr(level int) Node {
	x := p.unary()
	for {
		op := p.peek()
		if op.is("?") && level == condLevel {
			x = p.cond(x)
			continue
		}
		l, ok := p.order[op.text]
		if !ok || op.kind != operator || l < level {
			return x
		}
		if op.text == "in" {
			x = p.in(x)
			continue
		}
		p.next()
		y := p.expr(l + leans(op.text))
		x = &Binary{At: cover(x, y), Op: op.text, OpAt: op.At, X: x, Y: y}
	}
}

// leans is 1 when equal operators in a row group from the left, 0 from the right.
func leans(op string) int {
	if op == "??" {
		return 0
	}
	return 1
}

// cond parses what follows a condition. The middle is as if in parentheses, the last
// operand takes all it can (C11 6.5.15).
func (p *parser) cond(x Node) Node {
	question := p.next()
	then := p.expr(condLevel)
	if !p.accept(":") {
		if p.peek().kind == end {
			return p.fail(&Error{At: question.At, Message: `"?" has no ":" with the other value`})
		}
		p.unexpected(`":" with the other value`)
	}
	other := p.expr(condLevel)
	return &Cond{At: cover(x, other), If: x, Then: then, Else: other}
}

// in parses what follows an operand that is looked for in a list.
func (p *parser) in(x Node) Node {
	p.next()
	n := &In{X: x}
	switch open := p.peek(); {
	case open.is("("):
		n.List = p.list(")")
	case open.is("["):
		n.List = p.list("]")
	default:
		param, ok := open.node.(*Param)
		if !ok {
			p.unexpected("a list after \"in\", as (a, b), [a, b] or $param")
			return n
		}
		p.next()
		n.List = []Node{param}
	}
	n.At = At{x.Span().Start, p.tokens[p.at-1].End}
	if op := p.peek(); op.kind == operator && p.order[op.text] > p.order["in"] {
		return p.fail(&Error{
			At:      op.At,
			Message: fmt.Sprintf("%q cannot follow the list of \"in\"", op.text),
			Hint:    "compute with the answer in parentheses, as (x in (a, b))",
		})
	}
	return n
}

// list parses at least one expression between brackets; the opening one is next.
func (p *parser) list(closer string) []Node {
	open := p.next()
	nodes := []Node{p.expr(condLevel)}
	for p.accept(",") {
		nodes = append(nodes, p.expr(condLevel))
	}
	p.close(open, closer)
	return nodes
}

// close moves past the bracket that closes open and returns its end.
func (p *parser) close(open token, closer string) int {
	switch t := p.peek(); {
	case t.is(closer):
		return p.next().End
	case t.kind == end:
		p.fail(&Error{At: open.At, Message: fmt.Sprintf("%q is never closed", open.text)})
	default:
		p.unexpected(fmt.Sprintf("%q", closer))
	}
	return 0
}

// unary parses an operand with the operators and casts before it.
func (p *parser) unary() Node {
	t := p.peek()
	switch {
	case isPrefix(t):
		p.next()
		var x Node
		if level, loose := p.order["!"]; loose && t.is("!") && p.at == 1 {
			x = p.expr(level)
		} else {
			x = p.unary()
		}
		return &Unary{At: At{t.Start, x.Span().End}, Op: t.text, X: x}
	case t.is("(") && p.castAhead():
		p.next()
		name := p.typeName()
		p.close(t, ")")
		if p.peek().kind == end {
			return p.fail(&Error{At: At{t.Start, p.tokens[p.at-1].End}, Message: fmt.Sprintf("cast to %s needs an operand after it", name)})
		}
		x := p.unary()
		return &Cast{At: At{t.Start, x.Span().End}, Type: name, X: x}
	}
	return p.postfix(p.primary())
}

func isPrefix(t token) bool {
	return t.kind == operator && len(t.text) == 1 && strings.Contains("-+~!*&", t.text)
}

// postfix parses the steps after an operand.
func (p *parser) postfix(x Node) Node {
	for {
		switch t := p.peek(); {
		case t.is("."), t.is("->"):
			if isNumber(x) {
				return p.fail(&Error{At: t.At, Message: fmt.Sprintf("number %s has no members", Print(x))})
			}
			p.next()
			name := p.peek()
			if name.kind != word {
				return p.unexpected(fmt.Sprintf("a member's name after %q", t.text))
			}
			p.next()
			x = &Member{At: At{x.Span().Start, name.End}, X: x, Name: name.text, NameAt: name.At, Arrow: t.is("->")}
		case t.is("["):
			keys := p.list("]")
			x = &Index{At: At{x.Span().Start, p.tokens[p.at-1].End}, X: x, Keys: keys}
		case t.is("("):
			return p.fail(&Error{At: t.At, Message: "only a bare name can be called"})
		default:
			return x
		}
	}
}

// primary parses a name, a call, a literal or an expression in parentheses.
func (p *parser) primary() Node {
	t := p.peek()
	switch {
	case t.kind == literal:
		return p.next().node
	case t.kind == word && t.text == "sizeof":
		return p.sizeof()
	case t.kind == word && !isTypeWord(t.text):
		p.next()
		if !p.peek().is("(") {
			return &Ident{At: t.At, Name: t.text}
		}
		return p.call(t)
	case t.is("("):
		p.next()
		x := p.expr(condLevel)
		return &Paren{At: At{t.Start, p.close(t, ")")}, X: x}
	}
	return p.noOperand(t)
}

// call parses the arguments of a call; name is behind, "(" is next.
func (p *parser) call(name token) Node {
	n := &Call{Func: name.text, FuncAt: name.At}
	if p.tokens[p.at+1].is(")") {
		p.next()
		p.next()
	} else {
		n.Args = p.list(")")
	}
	n.At = At{name.Start, p.tokens[p.at-1].End}
	return n
}

// noOperand complains that t stands where an operand must.
func (p *parser) noOperand(t token) Node {
	after := ""
	if p.at > 0 {
		last := p.tokens[p.at-1]
		if t.kind == end {
			return p.fail(&Error{At: last.At, Message: fmt.Sprintf("%s needs an operand after it", p.found(last))})
		}
		after = " after " + p.found(last)
	}
	n := p.unexpected("an operand" + after)
	if t.kind == word {
		p.err.Hint = "a type stands in parentheses before what it converts, as (struct sock *) x"
	}
	return n
}

// unexpected complains about the next token where another was wanted.
func (p *parser) unexpected(want string) Node {
	t := p.peek()
	if t.kind == bad {
		return p.fail(t.err)
	}
	err := &Error{At: t.At, Message: fmt.Sprintf("expected %s, found %s", want, p.found(t))}
	if t.kind == end && p.at > 0 {
		err.At = p.tokens[p.at-1].At // there is nothing to see at the end itself
	}
	// What can only start an operand stands after a whole one: the operator is missing,
	// whatever else might have come.
	if p.at > 0 && endsOperand(p.tokens[p.at-1]) && (startsOperand(t) || t.is("!")) {
		err.Message = fmt.Sprintf("expected an operator between %s and %s", p.found(p.tokens[p.at-1]), p.found(t))
		op, isWord := wordOperators[strings.ToLower(t.text)]
		before := p.tokens[p.at-1]
		of, known := unitOf(t.text)
		plain, isNumber := before.node.(*Number)
		switch {
		case isNumber && plain.Unit == NoUnit && known && of.unit != NoUnit:
			err.Hint = "write " + before.text + t.text
		case t.is("!") && p.tokens[p.at+1].is("in"):
			err.Hint = "negate the whole, as not (x in (a, b))"
		case isWord && op != "!":
			err.Hint = "write " + strings.ToLower(t.text)
		case foreignOperators[strings.ToLower(t.text)] != "":
			err.Hint = foreignOperators[strings.ToLower(t.text)]
		}
	}
	return p.fail(err)
}

// foreignOperators are words of SQL that stand between operands, and what is written here.
var foreignOperators = map[string]string{
	"is":      "compare with ==",
	"like":    `has_prefix(x, "abc") compares the beginning of a text`,
	"between": "x >= a and x <= b",
}

// found is how a token is called in a message.
func (p *parser) found(t token) string {
	text := p.text[t.Start:t.End]
	switch t.node.(type) {
	case *Text, *Char:
		return text
	}
	if t.kind == end {
		return "the end"
	}
	return fmt.Sprintf("%q", text)
}

// startsOperand reports whether t can only start an operand. A "(" after ")" can: a
// call needs a bare name before it.
func startsOperand(t token) bool {
	return t.kind == word || t.kind == literal || t.is("(") || t.is("!") || t.is("~")
}

// endsOperand reports whether t can be the last token of an operand.
func endsOperand(t token) bool {
	return t.kind == word && !isTypeWord(t.text) && t.text != "sizeof" || t.kind == literal || t.is(")") || t.is("]")
}

// cover is the place from x to y.
func cover(x, y Node) At { return At{x.Span().Start, y.Span().End} }

// height is the number of levels of a tree.
func height(n Node) int {
	tallest := 0
	for _, child := range children(n) {
		tallest = max(tallest, height(child))
	}
	return tallest + 1
}
