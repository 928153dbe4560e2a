package expr

import "strings"

// tagWords stand before the tag of a type; qualifiers say nothing to a reader of
// memory and are dropped.
var (
	tagWords   = set("struct", "union", "enum")
	qualifiers = set("const", "volatile")
)

// arithmeticWords are C's words for arithmetic types (C11 6.7.2); several make one type.
var arithmeticWords = set(
	"void", "char", "short", "int", "long", "signed", "unsigned", "float", "double",
	"bool", "_Bool",
)

// kernelTypes are the integers that every kernel has, by name (include/linux/types.h,
// include/uapi/linux/types.h, Linux 6.18).
var kernelTypes = set(
	"u8", "u16", "u32", "u64", "s8", "s16", "s32", "s64",
	"__u8", "__u16", "__u32", "__u64", "__s8", "__s16", "__s32", "__s64",
	"__be16", "__be32", "__be64", "__le16", "__le32", "__le64", "__sum16", "__wsum",
	"uint8_t", "uint16_t", "uint32_t", "uint64_t", "int8_t", "int16_t", "int32_t", "int64_t",
	"size_t", "ssize_t", "loff_t", "off_t", "ptrdiff_t", "uintptr_t", "intptr_t", "phys_addr_t",
	"pid_t", "uid_t", "gid_t", "mode_t", "umode_t", "dev_t", "ino_t", "sector_t", "gfp_t",
)

// isTypeWord reports whether a word starts a type in every kernel; no value has such a
// name.
func isTypeWord(name string) bool {
	return tagWords[name] || qualifiers[name] || arithmeticWords[name] || kernelTypes[name]
}

// ParseType reads one type as C writes it in a cast, without the parentheses: "u32",
// "unsigned long", "struct sock *".
func ParseType(text string) (TypeName, *Error) {
	p, err := newParser(text, nil)
	if err != nil {
		return TypeName{}, err
	}
	if p.peek().kind == end {
		return TypeName{}, &Error{At: At{0, len(text)}, Message: "type is empty"}
	}
	t := p.typeName()
	if p.peek().kind != end {
		p.unexpected("the end of the type")
	}
	if p.err != nil {
		return TypeName{}, p.err
	}
	return t, nil
}

// String writes the type as C does.
func (t TypeName) String() string {
	s := t.Name
	if t.Keyword != "" {
		s = t.Keyword + " " + t.Name
	}
	if t.Stars > 0 {
		s += " " + strings.Repeat("*", t.Stars)
	}
	return s
}

// typeName parses a type; its place is all that was written of it.
func (p *parser) typeName() TypeName {
	start := p.at
	p.skipQualifiers()
	t := TypeName{}
	if tagWords[p.peek().text] {
		t.Keyword = p.next().text
	}
	switch name := p.peek(); {
	case name.kind != word || tagWords[name.text]:
		if t.Keyword != "" {
			p.unexpected("a tag after \"" + t.Keyword + "\"")
		} else {
			p.unexpected("a type")
		}
		return t
	case t.Keyword == "" && arithmeticWords[name.text]:
		t.Name = p.arithmeticWords()
	default:
		t.Name = p.next().text
	}
	for p.skipQualifiers(); p.accept("*"); p.skipQualifiers() {
		t.Stars++
	}
	t.At = At{p.tokens[start].Start, p.tokens[p.at-1].End}
	return t
}

func (p *parser) skipQualifiers() {
	for qualifiers[p.peek().text] {
		p.next()
	}
}

// arithmeticWords joins the words of an arithmetic type as they are written; which
// combinations are types is for the reader of types to say.
func (p *parser) arithmeticWords() string {
	words := []string{p.next().text}
	for p.skipQualifiers(); arithmeticWords[p.peek().text]; p.skipQualifiers() {
		words = append(words, p.next().text)
	}
	return strings.Join(words, " ")
}

// castAhead reports whether the "(" that is next opens a cast. A word that is always a
// type and a name with stars say so themselves. After any other name the token behind
// ")" decides: if it can only start an operand, two operands would touch, so the first
// is a type. If it could also be a binary operator, C asks what the name is, and so do
// we: (name) -x.
func (p *parser) castAhead() bool {
	i := p.at + 1
	for qualifiers[p.tokens[i].text] {
		i++
	}
	name := p.tokens[i]
	if name.kind != word {
		return false
	}
	if isTypeWord(name.text) {
		return true
	}
	stars := 0
	for i++; p.tokens[i].is("*") || qualifiers[p.tokens[i].text]; i++ {
		if p.tokens[i].is("*") {
			stars++
		}
	}
	if !p.tokens[i].is(")") {
		return false
	}
	after := p.tokens[i+1]
	return stars > 0 || startsOperand(after) || isPrefix(after) && p.isType(name.text)
}

// sizeof parses sizeof(TYPE).
func (p *parser) sizeof() Node {
	start := p.next().Start
	open := p.peek()
	if !p.accept("(") {
		return p.unexpected(`"(" and a type after "sizeof"`)
	}
	name := p.typeName()
	return &Sizeof{At: At{start, p.close(open, ")")}, Type: name}
}
