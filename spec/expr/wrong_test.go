package expr

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// wrong are texts with the offending part between « and », and what is said of it.
var wrong = []struct{ text, message, hint string }{
	// precedence
	{`flags «&» O_CREAT == 0`, `"&" and "==" need parentheses: C would apply "==" first`, `(flags & O_CREAT) == 0`},
	{`0 == flags «&» O_CREAT`, `"&" and "==" need parentheses: C would apply "==" first`, `0 == (flags & O_CREAT)`},
	{`x && a «|» b != c && y`, `"|" and "!=" need parentheses: C would apply "!=" first`, `(a | b) != c`},
	{`a «&» b == c & d`, `"&" and "==" need parentheses: C would apply "==" first`, `(a & b) == (c & d)`},
	{`a «^» b in (1, 2)`, `"^" and "in" need parentheses: C would apply "in" first`, `(a ^ b) in (1, 2)`},
	{`f(a, b «&» c < 2)`, `"&" and "<" need parentheses: C would apply "<" first`, `(b & c) < 2`},
	{`a == 1 «|» b == 2`, `"|" and "==" need parentheses: C would apply "==" first`, `a == 1 || b == 2`},
	{`a == 1 & b == 2 «&» c == 3`, `"&" and "==" need parentheses: C would apply "==" first`, `a == 1 && b == 2 && c == 3`},
	{`a == 1 «^» b == 2`, `"^" and "==" need parentheses: C would apply "==" first`, `(a == 1) ^ (b == 2)`},
	{`a < b «<» c`, `"<" and "<" need parentheses: comparisons do not chain`, `a < b && b < c`},
	{`a < b <= c «<» d`, `"<" and "<=" need parentheses: comparisons do not chain`, `a < b && b <= c && c < d`},
	{`a == b «==» c`, `"==" and "==" need parentheses: comparisons do not chain`, `a == b && b == c`},
	{`a «==» b < c`, `"==" and "<" need parentheses: comparisons do not chain`, `a == (b < c)`},
	{`a < b «in» (c)`, `"in" and "<" need parentheses: comparisons do not chain`, `(a < b) in (c)`},
	{`«not» a == b`, `"not" and "==" need parentheses: "not" would negate only its operand`, `not (a == b)`},
	{`«!»a + b == c`, `"!" and "+" need parentheses: "!" would negate only its operand`, `!(a + b == c)`},
	{`x and «not» pid in (1, 2)`, `"not" and "in" need parentheses: "not" would negate only its operand`, `not (pid in (1, 2))`},
	{`«!»flags & 1`, `"!" and "&" need parentheses: "!" would negate only its operand`, `!(flags & 1)`},
	{`x in (1) «&» flags`, `"&" and "in" need parentheses: C would apply "in" first`, `(x in (1)) & flags`},
	{`a < b «??» c < d`, `"??" and "<" need parentheses: which is applied first is not plain`, `(a < b) ?? (c < d)`},
	{`n «??» 0 + 1`, `"??" and "+" need parentheses: which is applied first is not plain`, `(n ?? 0) + 1`},
	{`nsecs - m[k] «??» 0`, `"??" and "-" need parentheses: which is applied first is not plain`, `nsecs - (m[k] ?? 0)`},
	{`a && b «??» c`, `"??" and "&&" need parentheses: which is applied first is not plain`, `a && (b ?? c)`},
	{`a ?? b «??» c > 5`, `"??" and ">" need parentheses: which is applied first is not plain`, `(a ?? b ?? c) > 5`},

	// operators of others
	{`a «=» 3`, `"=" is an assignment, an expression only computes`, `compare with ==`},
	{`a «=»-1`, `"=" is an assignment, an expression only computes`, `compare with ==`},
	{`a «+=» 3`, `"+=" is an assignment, an expression only computes`, ``},
	{`a «<<=» 3`, `"<<=" is an assignment, an expression only computes`, ``},
	{`a«++»`, `"++" is an assignment, an expression only computes`, `add with + 1`},
	{`«--»a`, `"--" is an assignment, an expression only computes`, `subtract with - 1; between two minus signs stands a space`},
	{`a «===» b`, `"===" is not an operator`, `write ==`},
	{`a «!==» b`, `"!==" is not an operator`, `write !=`},
	{`a «<>» b`, `"<>" is not an operator`, `write !=`},
	{`a «=>» b`, `"=>" is not an operator`, `write >=`},
	{`a «&&&» b`, `"&&&" is not an operator`, `write &&`},
	{`a «?:» b`, `"?:" is not an operator`, `give a default with ??`},
	{`a«?.»b`, `"?." is not an operator`, `write . and give a default with ??`},
	{`a«..»b`, `".." is not an operator`, `a member follows one dot`},
	{`a «/*»p`, `"/*" opens a comment in C, an expression has none`, `to divide by what a pointer leads to, put a space after /`},
	{`a«;»`, `";" ends a statement, an expression has no end mark`, ``},
	{`«@»start[tid]`, `"@" is not part of a name`, `a state map is written without @`},
	{`a «#» b`, `"#" is not an operator`, `a comment is YAML's: a space, then #, outside of quotes`},

	// characters
	{`«ä»`, `character 'ä' has no meaning here`, ``},
	{`comm == «“»a”`, `character '“' has no meaning here`, `write "`},
	{`200«µ»s`, `character 'µ' has no meaning here`, `write u`},
	{"a «\x80»", `byte 0x80 is not UTF-8`, ``},
	{"\"a«\xff»\"", `byte 0xff is not UTF-8`, `write \377`},
	{`a «{»`, `character '{' has no meaning here`, ``},
	{`a + «\»`, `character '\\' has no meaning here`, ``},

	// literals
	{`«"abc»`, `quote " is never closed`, ``},
	{`«"abc\"»`, `quote " is never closed`, ``},
	{"a == «\"abc»\n\"", `quote " is never closed`, ``},
	{`«'»`, `quote ' is never closed`, ``},
	{`«''»`, `'' holds no character, want one`, ``},
	{`«'ab'»`, `'ab' holds 2 bytes, a character is one`, `use double quotes: "ab"`},
	{`a == «'eth0"'»`, `'eth0"' holds 5 bytes, a character is one`, `use double quotes: "eth0\""`},
	{`'«\q»'`, `escape \q is not one of C's for a byte: \n \t \\ \" \', \0 to \377, \x00 to \xff`, ``},
	{`"«\q»"`, `escape \q is not one of C's for a byte: \n \t \\ \" \', \0 to \377, \x00 to \xff`, ``},
	{`"a«\400»"`, `escape \400 is not one of C's for a byte: \n \t \\ \" \', \0 to \377, \x00 to \xff`, ``},
	{`"«\x100»"`, `escape \x100 is not one of C's for a byte: \n \t \\ \" \', \0 to \377, \x00 to \xff`, ``},
	{`"«\x»"`, `escape \x is not one of C's for a byte: \n \t \\ \" \', \0 to \377, \x00 to \xff`, ``},
	{`"«\ä»"`, `escape \ä is not one of C's for a byte: \n \t \\ \" \', \0 to \377, \x00 to \xff`, ``},
	{`«18446744073709551616»`, `"18446744073709551616" does not fit in 64 bits`, ``},
	{`«20_000_000TiB»`, `"20_000_000TiB" does not fit in 64 bits`, ``},
	{`«1.00000000000000000001s»`, `"1.00000000000000000001s" does not fit in 64 bits`, ``},
	{`«0.3ns»`, `"0.3ns" is finer than 1ns`, ``},
	{`«0.3KiB»`, `"0.3KiB" is finer than 1B`, ``},
	{`«1.5u»`, `"1.5u" is a fraction, which has no suffix but a unit`, ``},
	{`«0.1234567»`, `"0.1234567" is finer than a millionth`, ``},
	{`«9223372036854.775808»`, `"9223372036854.775808" does not fit in 64 bits as millionths`, ``},
	{`«18446744073709551616.5»`, `"18446744073709551616.5" does not fit in 64 bits`, ``},
	{`«01.5»`, `"01.5" is a fraction: want it without leading zeros`, ``},
	{`0.5«.»x`, `number 0.5 has no members`, ``},
	{`m«[»a, b`, `"[" is never closed`, ``},
	{`m[«]»`, `expected an operand after "[", found "]"`, ``},
	{`m[a,«]»`, `expected an operand after ",", found "]"`, ``},
	{`flow.daddr == «10.0.0.1»`, `"10.0.0.1" is not a number`, `an address is a string: "10.0.0.1"`},
	{`«08»`, `"08" starts with 0, hence is octal: want digits up to 7`, `write 8`},
	{`«010ms»`, `"010ms" has a unit: want it in decimal without leading zeros`, ``},
	{`«0x10KiB»`, `"0x10KiB" has a unit: want it in decimal without leading zeros`, ``},
	{`«0x»`, `"0x" has no digits`, ``},
	{`«1__0»`, `"1__0" has a stray _: one may stand between two digits`, ``},
	{`«1_»`, `"1_" has a stray _: one may stand between two digits`, ``},
	{`«0x_1»`, `"0x_1" has a stray _: one may stand between two digits`, ``},
	{`200«mss»`, suffixMessage("mss"), `did you mean ms?`},
	{`4«KB»`, suffixMessage("KB"), `did you mean KiB?`},
	{`10«M»`, suffixMessage("M"), `did you mean MiB?`},
	{`5«sec»`, suffixMessage("sec"), `did you mean s?`},
	{`4«Kib»`, suffixMessage("Kib"), `did you mean KiB?`},
	{`1«e9»`, suffixMessage("e9"), `write 1000000000`},
	{`1.5«e9»`, suffixMessage("e9"), ``},
	{`1«quux»`, suffixMessage("quux"), ``},
	{`0x1«.5»`, suffixMessage(".5"), ``},
	{`«$»`, `"$" is not a parameter: want $ and a name`, ``},
	{`«$1»`, `"$1" is not a parameter: want $ and a name`, ``},

	// structure
	{`«»`, `expression is empty`, ``},
	{`«  »`, `expression is empty`, ``},
	{`a «+»`, `"+" needs an operand after it`, ``},
	{`«==» 3`, `expected an operand, found "=="`, ``},
	{`a + «/» b`, `expected an operand after "+", found "/"`, ``},
	{`a in («)»`, `expected an operand after "(", found ")"`, ``},
	{`(«)»`, `expected an operand after "(", found ")"`, ``},
	{`«(»a + b`, `"(" is never closed`, ``},
	{`f«(»a, g(b)`, `"(" is never closed`, ``},
	{`a«[»b`, `"[" is never closed`, ``},
	{`(a + b«]»`, `expected ")", found "]"`, ``},
	{`a + b«)»`, `expected the end of the expression, found ")"`, ``},
	{`a«,» b`, `expected the end of the expression, found ","`, ``},
	{`m«[»a, b`, `"[" is never closed`, ``},
	{`m[«]»`, `expected an operand after "[", found "]"`, ``},
	{`f(a,«)»`, `expected an operand after ",", found ")"`, ``},
	{`a «b»`, `expected an operator between "a" and "b"`, ``},
	{`(a «1»)`, `expected an operator between "a" and "1"`, ``},
	{`"a" «"b"»`, `expected an operator between "a" and "b"`, ``},
	{`a «AND» b`, `expected an operator between "a" and "AND"`, `write and`},
	{`a «is» 3`, `expected an operator between "a" and "is"`, `compare with ==`},
	{`a «like» "b%"`, `expected an operator between "a" and "like"`, `has_prefix(x, "abc") compares the beginning of a text`},
	{`a «BETWEEN» 1 and 2`, `expected an operator between "a" and "BETWEEN"`, `x >= a and x <= b`},
	{`a «=~» "b"`, `"=~" is not an operator`, `has_prefix(x, "abc") compares the beginning of a text`},
	{`a «not» in (1, 2)`, `expected an operator between "a" and "not"`, `negate the whole, as not (x in (a, b))`},
	{`c «?» a`, `"?" has no ":" with the other value`, ``},
	{`c ? a «b»`, `expected an operator between "a" and "b"`, ``},
	{`c ? a«)»`, `expected ":" with the other value, found ")"`, ``},
	{`a «:» b`, `expected the end of the expression, found ":"`, ``},
	{`a «.» `, `expected a member's name after ".", found the end`, ``},
	{`a.«*»b`, `expected a member's name after ".", found "*"`, ``},
	{`a.«0x1»`, `"0x1" is not a member: want a name or a decimal number`, ``},
	{`5«.»x`, `number 5 has no members`, ``},
	{`a.b«(»c)`, `only a bare name can be called`, ``},
	{`f(x)«(»c)`, `only a bare name can be called`, ``},
	{`x in «y»`, `expected a list after "in", as (a, b), [a, b] or $param, found "y"`, ``},
	{`x in (1, 2) «+» 1`, `"+" cannot follow the list of "in"`, `compute with the answer in parentheses, as (x in (a, b))`},
	{`«struct» sock`, `expected an operand, found "struct"`, `a type stands in parentheses before what it converts, as (struct sock *) x`},
	{`«u32» x`, `expected an operand, found "u32"`, `a type stands in parentheses before what it converts, as (struct sock *) x`},
	{`a + «u32»(x)`, `expected an operand after "+", found "u32"`, `a type stands in parentheses before what it converts, as (struct sock *) x`},
	{`«(u32)»`, `cast to u32 needs an operand after it`, ``},
	{`a + «(struct sock *)»`, `cast to struct sock * needs an operand after it`, ``},
	{`(«const» foo) - x`, `expected an operand after "(", found "const"`, `a type stands in parentheses before what it converts, as (struct sock *) x`},
	{`(u32) «==» 3`, `expected an operand after ")", found "=="`, ``},
	{`(struct «*») x`, `expected a tag after "struct", found "*"`, ``},
	{`(char «__user» *) x`, `expected ")", found "__user"`, ``},
	{`(const struct «struct») x`, `expected a tag after "struct", found "struct"`, ``},
	{`sizeof «x»`, `expected "(" and a type after "sizeof", found "x"`, ``},
	{`sizeof(a«.»b)`, `expected ")", found "."`, ``},
	{`sizeof(«1»)`, `expected a type, found "1"`, ``},
}

func suffixMessage(suffix string) string {
	return `unknown suffix "` + suffix + `": want a unit (ns us ms s m h d B KiB MiB GiB TiB) or one of C's (u l ul ll ull)`
}

// unmark takes the marks out of a text and returns where they were.
func unmark(marked string) (text string, at At) {
	before, rest, _ := strings.Cut(marked, "«")
	inside, after, _ := strings.Cut(rest, "»")
	return before + inside + after, At{len(before), len(before) + len(inside)}
}

func TestParseWrong(t *testing.T) {
	for _, c := range wrong {
		text, at := unmark(c.text)
		n, err := Parse(text, isTestType)
		if err == nil {
			t.Errorf("%s: got %s, want an error", c.text, dump(n))
			continue
		}
		if n != nil {
			t.Errorf("%s: got a tree beside the error", c.text)
		}
		if err.At != at {
			t.Errorf("%s: error is at %v, want %v", c.text, err.At, at)
		}
		if err.Message != c.message || err.Hint != c.hint {
			t.Errorf("%s:\n got %s\n  hint %q\nwant %s\n  hint %q", c.text, err.Message, err.Hint, c.message, c.hint)
		}
		checkError(t, text, err)
	}
}

// checkError checks what must hold for every error.
func checkError(t *testing.T, text string, err *Error) {
	t.Helper()
	if err.Start < 0 || err.Start >= err.End && text != "" || err.End > len(text) {
		t.Errorf("%q: error is at %v", text, err.At)
	}
	first, _ := utf8.DecodeRuneInString(err.Message)
	if err.Message == "" || unicode.IsUpper(first) || strings.HasSuffix(err.Message, ".") || err.Error() != err.Message {
		t.Errorf("%q: message %q", text, err.Message)
	}
	if strings.Contains(err.Hint, "\n") {
		t.Errorf("%q: hint of several lines: %q", text, err.Hint)
	}
	// Such a hint is a replacement. Its parentheses at most double the levels, which are
	// no more than the text has bytes.
	if strings.Contains(err.Message, "need parentheses") && len(text) < maxLevels/2 {
		if _, wrong := Parse(err.Hint, isTestType); wrong != nil {
			t.Errorf("%q: hint %q: %v", text, err.Hint, wrong)
		}
	}
}

func TestParseTypeWrong(t *testing.T) {
	for _, c := range []struct{ text, message string }{
		{`«»`, `type is empty`},
		{`«*»`, `expected a type, found "*"`},
		{`«struct»`, `expected a tag after "struct", found the end`},
		{`char«[»16]`, `expected the end of the type, found "["`},
		{`struct sock «x»`, `expected an operator between "sock" and "x"`},
		{`int «foo»`, `expected the end of the type, found "foo"`},
		{`«ä»`, `character 'ä' has no meaning here`},
		{`«const»`, `expected a type, found the end`},
	} {
		text, at := unmark(c.text)
		got, err := ParseType(text)
		if err == nil {
			t.Errorf("%s: got %s, want an error", c.text, got)
			continue
		}
		if err.At != at || err.Message != c.message {
			t.Errorf("%s:\n got %v %s\nwant %v %s", c.text, err.At, err.Message, at, c.message)
		}
	}
}

func TestLimits(t *testing.T) {
	deep := "expression is deeper than 200 levels"
	for _, c := range []struct{ name, text, message string }{
		{"parentheses", strings.Repeat("(", maxLevels) + "x" + strings.Repeat(")", maxLevels), deep},
		{"prefixes", strings.Repeat("!", maxLevels) + "x", deep},
		{"casts", strings.Repeat("(u8)", maxLevels) + "x", deep},
		{"members", "x" + strings.Repeat(".x", maxLevels), deep},
		{"a row that leans left", "x" + strings.Repeat("+x", maxLevels), deep},
		{"a row that leans right", "x" + strings.Repeat("??x", maxLevels), deep},
		{"conditions", strings.Repeat("x?x:", maxLevels) + "x", deep},
		{"elements", strings.Repeat("x[", maxLevels) + "x" + strings.Repeat("]", maxLevels), deep},
		{"open parentheses", strings.Repeat("(", maxBytes), `"(" needs an operand after it`},
		{"length", strings.Repeat(" ", maxBytes) + "x", "expression has 16385 bytes, at most 16384 are read"},
	} {
		n, err := Parse(c.text, nil)
		if err == nil {
			t.Errorf("%s: got %s", c.name, dump(n))
			continue
		}
		if err.Message != c.message {
			t.Errorf("%s: got %s, want %s", c.name, err.Message, c.message)
		}
		checkError(t, c.text, err)
	}
	if _, err := ParseType(strings.Repeat(" ", maxBytes) + "x"); err == nil {
		t.Error("a type of any length is read")
	}
	if _, err := Parse("x"+strings.Repeat("+x", maxLevels-1), nil); err != nil {
		t.Errorf("a row of %d levels: %v", maxLevels, err)
	}
}
