package expr

import "slices"

// Walk calls visit on n and on every node below it, parents first, left to right.
// What lies below a node is left out when visit returns false for it.
func Walk(n Node, visit func(Node) bool) {
	if !visit(n) {
		return
	}
	for _, child := range children(n) {
		Walk(child, visit)
	}
}

// children returns the nodes right below n, left to right.
func children(n Node) []Node {
	switch n := n.(type) {
	case *Member:
		return []Node{n.X}
	case *Index:
		return append([]Node{n.X}, n.Keys...)
	case *Call:
		return n.Args
	case *Unary:
		return []Node{n.X}
	case *Binary:
		return []Node{n.X, n.Y}
	case *Cond:
		return []Node{n.If, n.Then, n.Else}
	case *In:
		return append([]Node{n.X}, n.List...)
	case *Cast:
		return []Node{n.X}
	case *Paren:
		return []Node{n.X}
	}
	return nil
}

// Equal reports whether a and b are the same tree but for places and spelling: a.b
// equals a->b, 16 equals 0x10, and parentheses only say what the tree says already.
func Equal(a, b Node) bool {
	a, b = bare(a), bare(b)
	return sameHead(a, b) && slices.EqualFunc(children(a), children(b), Equal)
}

// bare returns n without the parentheses around it.
func bare(n Node) Node {
	for {
		p, ok := n.(*Paren)
		if !ok {
			return n
		}
		n = p.X
	}
}

// sameHead reports whether a and b are of one kind and differ at most below.
func sameHead(a, b Node) bool {
	switch a := a.(type) {
	case *Ident:
		b, ok := b.(*Ident)
		return ok && a.Name == b.Name
	case *Param:
		b, ok := b.(*Param)
		return ok && a.Name == b.Name
	case *Number:
		b, ok := b.(*Number)
		return ok && a.Value == b.Value && a.Unit == b.Unit
	case *Fraction:
		b, ok := b.(*Fraction)
		return ok && a.Millionths == b.Millionths
	case *Char:
		b, ok := b.(*Char)
		return ok && a.Value == b.Value
	case *Text:
		b, ok := b.(*Text)
		return ok && a.Value == b.Value
	case *Member:
		b, ok := b.(*Member)
		return ok && a.Name == b.Name
	case *Index:
		_, ok := b.(*Index)
		return ok
	case *Call:
		b, ok := b.(*Call)
		return ok && a.Func == b.Func
	case *Unary:
		b, ok := b.(*Unary)
		return ok && a.Op == b.Op
	case *Binary:
		b, ok := b.(*Binary)
		return ok && a.Op == b.Op
	case *Cond:
		_, ok := b.(*Cond)
		return ok
	case *In:
		_, ok := b.(*In)
		return ok
	case *Cast:
		b, ok := b.(*Cast)
		return ok && sameType(a.Type, b.Type)
	case *Sizeof:
		b, ok := b.(*Sizeof)
		return ok && sameType(a.Type, b.Type)
	}
	return false
}

func sameType(a, b TypeName) bool {
	a.At, b.At = At{}, At{}
	return a == b
}
