package expr

import (
	"fmt"
	"slices"
	"strings"
)

// trap is a mistake of precedence: operators that stand side by side without
// parentheses although authors disagree with C, or with each other, on what they mean.
// The tree has what C reads; the hint what was most likely meant.
type trap int

const (
	noTrap      trap = iota
	bitTrap          // flags & O_CREAT == 0: C compares first, B's heritage
	defaultTrap      // n ?? 0 + 1: no two languages agree on all neighbours
	chainTrap        // a < b < c: C compares the answer of a < b
	notTrap          // not a == b: C negates a, as ! does
)

// messages complain about the two operators that touch: the outer, then the inner.
var messages = map[trap]string{
	bitTrap:     "%[1]q and %[2]q need parentheses: C would apply %[2]q first",
	defaultTrap: "%[1]q and %[2]q need parentheses: which is applied first is not plain",
	chainTrap:   "%[1]q and %[2]q need parentheses: comparisons do not chain",
	notTrap:     "%[2]q and %[1]q need parentheses: %[2]q would negate only its operand",
}

// trapOf says which trap child is in as a bare operand of parent, beside other.
func trapOf(parent, child, other Node) trap {
	outer, inner := infix(parent), infix(child)
	switch {
	case outer == "", outer == "&&", outer == "||":
		return noTrap
	case isBitwise(outer) && isComparison(inner):
		return bitTrap
	case outer == "??" && inner != "" && inner != "??":
		return defaultTrap
	case isComparison(outer) && isComparison(inner):
		return chainTrap
	case child == operands(parent)[0] && isNot(child) && !isNot(other) && !isNot(child.(*Unary).X):
		return notTrap // but !a == !b and !!a == b, which compare truths, are as they look
	}
	return noTrap
}

// trap returns the complaint about the first trap in the tree, or nil.
func (p *parser) trap(n Node) *Error {
	if op := infix(n); op != "" && op != "&&" && op != "||" {
		if kind, parent, child := firstTrap(n); kind != noTrap {
			at, inner, hint := p.operatorAt(parent), infix(child), p.meant(kind, n, parent)
			if kind == notTrap {
				at = p.tokenAt(child.Span().Start).At
				inner = p.text[at.Start:at.End]
				// YAML takes a bare ! in front for a tag, so the word stays a word.
				if rest, ok := strings.CutPrefix(hint, "!"); ok && inner == "not" {
					hint = "not " + rest
				}
			}
			return &Error{At: at, Message: fmt.Sprintf(messages[kind], infix(parent), inner), Hint: hint}
		}
	}
	for _, child := range children(n) {
		if err := p.trap(child); err != nil {
			return err
		}
	}
	return nil
}

// firstTrap looks for a trap among operators that no parentheses separate.
func firstTrap(n Node) (kind trap, parent, child Node) {
	both := operands(n)
	for i, x := range both {
		other := both[len(both)-1-i]
		if len(both) == 1 {
			other = nil
		}
		if kind := trapOf(n, x, other); kind != noTrap {
			return kind, n, x
		}
	}
	for _, x := range both {
		if kind, parent, child := firstTrap(x); kind != noTrap {
			return kind, parent, child
		}
	}
	return noTrap, nil, nil
}

// meant writes what the author of the operators in n most likely meant; parent is the
// one of them that is trapped.
func (p *parser) meant(kind trap, n, parent Node) string {
	switch kind {
	case chainTrap:
		return Print(unchain(parent))
	case bitTrap:
		if both := doubled(parent, infix(parent)); both != nil {
			return Print(both)
		}
	}
	text := p.text[n.Span().Start:n.Span().End]
	q := &parser{text: text, tokens: lex(text), isType: p.isType, order: plainOrder}
	plain := q.whole()
	chained := false
	Walk(plain, func(n Node) bool {
		for _, x := range operands(n) {
			chained = chained || isComparison(infix(n)) && isComparison(infix(x))
		}
		return true
	})
	if q.err != nil || chained {
		return Print(n) // the plain order makes no sense of it, so C's reading stands
	}
	return Print(plain)
}

// unchain turns a < b < c into a < b && b < c. Comparisons of different levels, such
// as a < b == c, stay.
func unchain(n Node) Node {
	outer, ok := n.(*Binary)
	if !ok {
		return n
	}
	inner, ok := outer.X.(*Binary)
	if !ok || cOrder[inner.Op] != cOrder[outer.Op] {
		return n
	}
	return &Binary{Op: "&&", X: unchain(inner), Y: &Binary{Op: outer.Op, X: inner.Y, Y: outer.Y}}
}

// doubled turns a == 1 | b == 2 into a == 1 || b == 2. It gives nil when something
// else than comparisons is joined, or by ^, which has no double.
func doubled(n Node, op string) Node {
	b, ok := n.(*Binary)
	switch {
	case isComparison(infix(n)):
		return n
	case !ok || b.Op != op || op == "^":
		return nil
	}
	x, y := doubled(b.X, op), doubled(b.Y, op)
	if x == nil || y == nil {
		return nil
	}
	return &Binary{Op: op + op, X: x, Y: y}
}

// operatorAt is the place of an infix operator.
func (p *parser) operatorAt(n Node) At {
	if b, ok := n.(*Binary); ok {
		return b.OpAt
	}
	return p.tokenAt(n.(*In).X.Span().End).At
}

// tokenAt returns the first token that starts at offset or behind it.
func (p *parser) tokenAt(offset int) token {
	return p.tokens[slices.IndexFunc(p.tokens, func(t token) bool { return t.Start >= offset })]
}

// infix returns the operator between the operands of n, or "".
func infix(n Node) string {
	switch n := n.(type) {
	case *Binary:
		return n.Op
	case *In:
		return "in"
	}
	return ""
}

// operands returns the operands that no bracket separates from an infix operator.
func operands(n Node) []Node {
	switch n := n.(type) {
	case *Binary:
		return []Node{n.X, n.Y}
	case *In:
		return []Node{n.X}
	}
	return nil
}

func isBitwise(op string) bool { return op == "&" || op == "^" || op == "|" }

func isComparison(op string) bool {
	return cOrder[op] == cOrder["=="] || cOrder[op] == cOrder["in"]
}

func isNot(n Node) bool {
	u, ok := n.(*Unary)
	return ok && u.Op == "!"
}
