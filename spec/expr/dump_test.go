package expr

import (
	"fmt"
	"strings"
)

// dump writes a tree as an S-expression, every node with its kind: what the tables of
// valid expressions compare with.
func dump(n Node) string {
	switch n := n.(type) {
	case *Ident:
		return n.Name
	case *Param:
		return "$" + n.Name
	case *Number:
		return fmt.Sprint(n.Value, n.Unit)
	case *Fraction:
		return fmt.Sprint(n.Millionths, "e-6")
	case *Char:
		return fmt.Sprintf("'%02x'", n.Value)
	case *Text:
		return fmt.Sprintf("%q", n.Value)
	case *Member:
		if n.Arrow {
			return form("->", n.X) + n.Name
		}
		return form(".", n.X) + n.Name
	case *Index:
		return form("[]", append([]Node{n.X}, n.Keys...)...)
	case *Call:
		return form(n.Func+"()", n.Args...)
	case *Unary:
		return form(n.Op, n.X)
	case *Binary:
		return form(n.Op, n.X, n.Y)
	case *Cond:
		return form("?:", n.If, n.Then, n.Else)
	case *In:
		return form("in", append([]Node{n.X}, n.List...)...)
	case *Cast:
		return form("cast "+typeDump(n.Type), n.X)
	case *Sizeof:
		return form("sizeof " + typeDump(n.Type))
	case *Paren:
		return form("paren", n.X)
	}
	return fmt.Sprintf("unknown node %T", n)
}

func form(head string, nodes ...Node) string {
	parts := []string{head}
	for _, n := range nodes {
		parts = append(parts, dump(n))
	}
	return "(" + strings.Join(parts, " ") + ")"
}

func typeDump(t TypeName) string {
	return strings.Join(strings.Fields(fmt.Sprintf("%s %q %d", t.Keyword, t.Name, t.Stars)), " ")
}
