// Package expr is the grammar of expressions: text becomes a tree, a tree becomes text.
//
// In goes the decoded text of one YAML scalar; out comes a Node whose spans are byte
// offsets into that text, or one Error. Nothing is resolved here: whether a name is a
// builtin, a constant or a field is the checker's business.
//
//	Parse("args.sk->skc_state == TCP_CLOSE_WAIT && $port != 0")
//
// The operators, their precedence and their associativity are C's (C11 6.5), with
// `??` (default) and `in` added; see the table in parse.go. Where that order surprises
// (flags & X == 0) parentheses are asked for; see traps.go.
package expr

import "github.com/ebgen/ebgen/spec/source"

// Node is one node of an expression tree: *Ident, *Param, *Number, *Fraction, *Char,
// *Text, *Member, *Index, *Call, *Unary, *Binary, *Cond, *In, *Cast, *Sizeof or *Paren.
type Node interface {
	// Span is the node's place in the expression's text, parentheses of a Paren included.
	Span() source.Span
}

// At is the place of a node; every node embeds it.
type At struct{ Start, End int }

// Span returns the place as a span.
func (a At) Span() source.Span { return source.Span{Start: a.Start, End: a.End} }

// Ident is a bare name: a builtin, a field, a constant, a state map, "args".
type Ident struct {
	At
	Name string
}

// Param is $NAME, a parameter; Name is without the dollar sign.
type Param struct {
	At
	Name string
}

// Unit says what a number literal's suffix made of it.
type Unit string

const (
	NoUnit   Unit = ""
	Duration Unit = "duration" // Value is in ns: ns us ms s m h d
	Size     Unit = "size"     // Value is in bytes: B KiB MiB GiB TiB
)

// Number is an integer literal: decimal, hex, octal (0755), with `_` between digits,
// C's suffixes (u l ul ll ull, any case) or a unit. With a unit it is decimal and may
// have a fraction that the unit makes whole (1.5s). Text is as written.
type Number struct {
	At
	Text  string
	Value uint64
	Unit  Unit
}

// Fraction is a decimal fraction without a unit, 0.99: Millionths of one, since it has at
// most six decimals. Where one may stand, as in quantiles(x, 0.99), is the checker's
// business. Text is as written.
type Fraction struct {
	At
	Text       string
	Millionths int64
}

// Char is a character literal of one byte, with C's escapes.
type Char struct {
	At
	Value byte
}

// Text is a string literal in double quotes, decoded.
type Text struct {
	At
	Value string
}

// Member is X.Name; X->Name means the same and sets Arrow only for the printer. A
// numeric name (args.0) is allowed.
type Member struct {
	At
	X      Node
	Name   string
	NameAt At
	Arrow  bool
}

// Index is X[Keys…]: an element, by one key, or an entry of a state map, by one or more.
type Index struct {
	At
	X    Node
	Keys []Node
}

// Call is Func(Args…); only a bare name can be called.
type Call struct {
	At
	Func   string
	FuncAt At
	Args   []Node
}

// Unary is an operator before its operand: "-" "+" "~" "!" "*" "&". The word `not` is "!".
type Unary struct {
	At
	Op string
	X  Node
}

// Binary is X Op Y: C's * / % + - << >> < <= > >= == != & ^ | && || and "??". The words
// `and` and `or` are "&&" and "||".
type Binary struct {
	At
	Op   string
	OpAt At
	X, Y Node
}

// Cond is If ? Then : Else.
type Cond struct {
	At
	If, Then, Else Node
}

// In is X in LIST: LIST is (a, b, …) or [a, b, …], or a single param.
type In struct {
	At
	X    Node
	List []Node
}

// Cast is (Type) X.
type Cast struct {
	At
	Type TypeName
	X    Node
}

// Sizeof is sizeof(Type).
type Sizeof struct {
	At
	Type TypeName
}

// Paren is (X), kept so that C's precedence traps can be told from intent.
type Paren struct {
	At
	X Node
}

// TypeName is a type as C writes it in a cast: `struct sock *`, `u32`, `unsigned long`,
// `tcp_state`. The words const and volatile are read and dropped.
type TypeName struct {
	At
	Keyword string // "struct", "union", "enum" or ""
	Name    string // words joined by one space
	Stars   int    // pointer levels
}

// Error is the one complaint about an expression.
type Error struct {
	At
	Message string
	Hint    string // "" for none
}

func (e *Error) Error() string { return e.Message }
