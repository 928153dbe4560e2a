package expr

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
)

// Print writes a tree in canonical spacing, as text that parses back to an Equal tree
// (with an isType that knows the types of its casts). Parentheses are those of Paren
// nodes and those without which Parse would read, or accept, something else.
func Print(n Node) string {
	var b strings.Builder
	write(&b, n)
	return b.String()
}

// write writes one node and all below it.
func write(b *strings.Builder, n Node) {
	switch n := n.(type) {
	case *Ident:
		b.WriteString(n.Name)
	case *Param:
		b.WriteString("$" + n.Name)
	case *Number:
		b.WriteString(numberText(n))
	case *Fraction:
		b.WriteString(fractionText(n))
	case *Char:
		b.WriteString(quote(string([]byte{n.Value}), '\''))
	case *Text:
		b.WriteString(quote(n.Value, '"'))
	case *Member:
		writeIn(b, n.X, isNumber(n.X) || levelOf(n.X) < postfixLevel)
		if n.Arrow {
			b.WriteString("->" + n.Name)
		} else {
			b.WriteString("." + n.Name)
		}
	case *Index:
		writeIn(b, n.X, levelOf(n.X) < postfixLevel)
		writeList(b, "[", n.Keys, "]")
	case *Call:
		b.WriteString(n.Func)
		writeList(b, "(", n.Args, ")")
	case *Unary:
		b.WriteString(n.Op)
		// Two signs would read as one operator: - -x, & &x, + +x.
		if x, ok := n.X.(*Unary); ok && x.Op == n.Op && strings.Contains("-+&", n.Op) {
			b.WriteByte(' ')
		}
		writeIn(b, n.X, levelOf(n.X) < prefixLevel)
	case *Binary:
		level, leans := cOrder[n.Op], leans(n.Op)
		writeIn(b, n.X, levelOf(n.X) < level+1-leans || trapOf(n, n.X, n.Y) != noTrap)
		b.WriteString(" " + n.Op + " ")
		writeIn(b, n.Y, levelOf(n.Y) < level+leans || trapOf(n, n.Y, n.X) != noTrap)
	case *In:
		writeIn(b, n.X, levelOf(n.X) < cOrder["in"] || trapOf(n, n.X, nil) != noTrap)
		b.WriteString(" in ")
		if len(n.List) == 1 {
			if param, ok := n.List[0].(*Param); ok {
				write(b, param)
				return
			}
		}
		writeList(b, "(", n.List, ")")
	case *Cond:
		writeIn(b, n.If, levelOf(n.If) == condLevel)
		b.WriteString(" ? ")
		write(b, n.Then)
		b.WriteString(" : ")
		write(b, n.Else)
	case *Cast:
		b.WriteString("(" + n.Type.String() + ") ")
		writeIn(b, n.X, levelOf(n.X) < prefixLevel)
	case *Sizeof:
		b.WriteString("sizeof(" + n.Type.String() + ")")
	case *Paren:
		writeIn(b, n.X, true)
	}
}

// writeIn writes a node, in parentheses if so asked.
func writeIn(b *strings.Builder, n Node, parens bool) {
	if !parens {
		write(b, n)
		return
	}
	writeList(b, "(", []Node{n}, ")")
}

func writeList(b *strings.Builder, open string, list []Node, closer string) {
	b.WriteString(open)
	for i, n := range list {
		if i > 0 {
			b.WriteString(", ")
		}
		write(b, n)
	}
	b.WriteString(closer)
}

// levelOf says how tightly a node holds together: the level of its loosest operator.
func levelOf(n Node) int {
	switch n := n.(type) {
	case *Binary:
		return cOrder[n.Op]
	case *In:
		return cOrder["in"]
	case *Cond:
		return condLevel
	case *Unary, *Cast:
		return prefixLevel
	}
	return postfixLevel
}

// numberText is a number as written; one that nobody wrote is decimal, in its smallest unit.
func numberText(n *Number) string {
	if n.Text != "" {
		return n.Text
	}
	return strconv.FormatUint(n.Value, 10) + smallest[n.Unit]
}

// fractionText is a fraction as written; one that nobody wrote has as many decimals as
// it needs, and one at least.
func fractionText(n *Fraction) string {
	if n.Text != "" {
		return n.Text
	}
	decimals := strings.TrimRight(fmt.Sprintf("%06d", n.Millionths%1e6), "0")
	return fmt.Sprintf("%d.%s", n.Millionths/1e6, cmp.Or(decimals, "0"))
}
