package c

import (
	"fmt"
	"strings"
)

// statement is one statement of C under its own #line: text, `to = text`, or `if (text)`
// with a body.
type statement struct {
	line   int
	text   string
	to     string // an lvalue, or ""
	unless string // an error variable: 0 is stored when that is set
	term   string // the variable that collects the error which text gives, or ""

	body, otherwise []statement // of an if; body is empty for all others
}

// at is the directive that gives what follows to a line of the spec.
func (p *printer) at(line int) string { return fmt.Sprintf("#line %d %s", line, quote(p.plan.File)) }

// code prints statements, each behind its #line.
func (p *printer) code(list []statement, depth int) []string {
	indent := strings.Repeat("\t", depth)
	var out []string
	for _, s := range list {
		switch {
		case strings.HasSuffix(s.text, ":"): // a label
			out = append(out, s.text)
			continue
		case len(s.body) == 0:
			out = append(out, p.at(s.line), indent+s.whole()+";")
			continue
		}
		out = append(out, p.at(s.line))
		if simple(s.body) && len(s.otherwise) == 0 {
			out = append(out, indent+"if ("+s.text+")")
			out = append(out, p.code(s.body, depth+1)...)
			continue
		}
		out = append(out, indent+"if ("+s.text+") {")
		out = append(out, p.code(s.body, depth+1)...)
		if len(s.otherwise) > 0 {
			out = append(out, indent+"} else {")
			out = append(out, p.code(s.otherwise, depth+1)...)
		}
		out = append(out, indent+"}")
	}
	return out
}

// simple reports whether a body needs no braces.
func simple(list []statement) bool { return len(list) == 1 && len(list[0].body) == 0 }

// settle turns the terms of one error variable into statements: the first assigns, all
// others add to it. Where the first is not sure to be run the variable starts as 0.
func settle(list []statement, name string, line int) []statement {
	first := true
	var walk func(list []statement, nested bool)
	walk = func(list []statement, nested bool) {
		for i := range list {
			s := &list[i]
			if s.term == name {
				operator := " |= "
				if first && !nested {
					operator = " = "
				}
				s.text, s.term, first = name+operator+s.text, "", first && nested
			}
			walk(s.body, true)
			walk(s.otherwise, true)
		}
	}
	nested := func() bool {
		for _, s := range list {
			if s.term == name {
				return false
			}
			if countTerms(s.body, name)+countTerms(s.otherwise, name) > 0 {
				return true
			}
		}
		return false
	}()
	if nested {
		first = false
		walk(list, true)
		return append([]statement{{line: line, text: name + " = 0"}}, list...)
	}
	walk(list, false)
	return list
}

func countTerms(list []statement, name string) int {
	n := 0
	for _, s := range list {
		if s.term == name {
			n++
		}
		n += countTerms(s.body, name) + countTerms(s.otherwise, name)
	}
	return n
}

// whole is the text of a statement that is no if.
func (s statement) whole() string {
	switch {
	case s.to == "":
		return s.text
	case s.unless == "":
		return s.to + " = " + s.text
	}
	return s.to + " = " + s.unless + " ? 0 : " + s.text
}
