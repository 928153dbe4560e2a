package spec

import (
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"

	"github.com/ebgen/ebgen/spec/source"
)

// What a node of go-yaml's tree is and where it stands in the file.

// offset turns go-yaml's position, the only one of its numbers that is right, into a
// file offset. After `key:` and a tab it points at the tab.
func (r *reader) offset(at *token.Position) int {
	offset := r.file.Offset(source.Position{Line: at.Line, Column: max(at.Column, 1)})
	for offset < len(r.text) && (r.text[offset] == ' ' || r.text[offset] == '\t') {
		offset++
	}
	return offset
}

// start returns the file offset at which a node begins.
func (r *reader) start(node ast.Node) int {
	switch n := node.(type) {
	case *ast.MappingNode:
		if !n.IsFlowStyle && len(n.Values) > 0 {
			return r.start(n.Values[0])
		}
	case *ast.MappingValueNode:
		return r.start(n.Key)
	}
	return r.offset(node.GetToken().Position)
}

// tokenSpan returns the place of a node's first word, for a complaint about the whole.
func (r *reader) tokenSpan(node ast.Node) source.Span {
	start := r.start(node)
	end := start
	for end < len(r.text) && r.text[end] != '\n' && r.text[end] != '\r' && r.text[end] != ' ' {
		end++
	}
	return source.Span{Start: start, End: end}
}

// reported reports whether node stands for text that has its complaint.
func (r *reader) reported(node ast.Node) bool {
	s, ok := r.scalarOf(node)
	return ok && !s.Given()
}

// scalarOf returns the scalar that node is. What YAML would decode (0x10, ~, true) is
// taken as written: it means what expressions say it means.
func (r *reader) scalarOf(node ast.Node) (Scalar, bool) {
	if node == nil || isEmpty(node) {
		return Scalar{}, false
	}
	start := r.start(node)
	if s, ok := r.read[start]; ok {
		return s, true
	}
	kind, value := Plain, node.GetToken().Value
	switch n := node.(type) {
	case *ast.StringNode:
		value = n.Value
		switch n.Token.Type {
		case token.SingleQuoteType:
			kind = SingleQuoted
		case token.DoubleQuoteType:
			kind = DoubleQuoted
			if at, bad := badEscape(r.text, start); bad {
				digits := hexEscapes[r.text[at.End-1]]
				r.fail(at, "", "this escape wants %d hexadecimal digits", digits)
				r.read[start] = Scalar{}
				return Scalar{}, true
			}
		}
	case *ast.LiteralNode:
		kind, value = Literal, n.Value.Value
		if n.Start.Type == token.FoldedType {
			kind = Folded
		}
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.NullNode, *ast.InfinityNode, *ast.NanNode:
	default:
		return Scalar{}, false
	}
	return newScalar(r.text, start, kind, value), true
}

// flowSpan returns the place of a mapping or list in brackets that stands on one line.
func (r *reader) flowSpan(node ast.Node) (source.Span, bool) {
	var end *token.Token
	switch n := node.(type) {
	case *ast.MappingNode:
		if n.IsFlowStyle {
			end = n.End
		}
	case *ast.SequenceNode:
		if n.IsFlowStyle {
			end = n.End
		}
	}
	if end == nil {
		return source.Span{}, false
	}
	span := source.Span{Start: r.start(node), End: r.offset(end.Position) + 1}
	return span, span.Start < span.End && span.End <= len(r.text) && !strings.Contains(r.text[span.Start:span.End], "\n")
}

func isMapping(node ast.Node) bool {
	switch node.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return true
	}
	return false
}

// isEmpty reports whether a key has nothing after its colon.
func isEmpty(node ast.Node) bool {
	null, ok := node.(*ast.NullNode)
	return node == nil || ok && null.Token.Type == token.ImplicitNullType
}

// isEmptyMapping reports whether a node is a mapping in braces with nothing in them.
func isEmptyMapping(node ast.Node) bool {
	mapping, ok := node.(*ast.MappingNode)
	return ok && len(mapping.Values) == 0
}

// formOf names what a node is, as a message says it.
func formOf(node ast.Node) string {
	switch node.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return "a mapping"
	case *ast.SequenceNode:
		return "a list"
	case *ast.TagNode:
		return "a tag (!)"
	case *ast.AnchorNode:
		return "an anchor (&)"
	case *ast.AliasNode:
		return "an alias (*)"
	}
	return "one value"
}
