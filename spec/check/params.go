package check

import (
	"sort"
	"strconv"
	"strings"

	"github.com/ebgen/ebgen/spec"
	"github.com/ebgen/ebgen/spec/ktype"
	"github.com/ebgen/ebgen/spec/plan"
	"github.com/ebgen/ebgen/spec/source"
)

// paramTypes are the words that a param's type is declared with, besides string(N)
// and the name of an enum; `[word]` is a list of them.
var paramTypes = map[string]plan.Type{
	"u8": {Kind: plan.Int, Size: 1}, "u16": {Kind: plan.Int, Size: 2}, "u32": {Kind: plan.Int, Size: 4}, "u64": {Kind: plan.Int, Size: 8},
	"s8": {Kind: plan.Int, Size: 1, Signed: true}, "s16": {Kind: plan.Int, Size: 2, Signed: true},
	"s32": {Kind: plan.Int, Size: 4, Signed: true}, "s64": {Kind: plan.Int, Size: 8, Signed: true},
	"bool":     {Kind: plan.Bool, Size: 1},
	"duration": {Kind: plan.Int, Size: 8, Meaning: plan.Duration},
	"size":     {Kind: plan.Int, Size: 8, Meaning: plan.ByteSize},
	"string":   {Kind: plan.String, Size: 64},
	"ip":       {Kind: plan.IP, Size: 16},
	"cidr":     {Kind: plan.Prefix, Size: 20},
}

// largestParam bounds string(N), which the generated C compares byte by byte.
const largestParam = 256

// declare types the params and their defaults.
func (c *checker) declare() {
	for _, p := range c.doc.Params {
		t, list, ok := c.paramType(p)
		if !ok {
			c.misdeclared[p.Name.Value] = true
			continue
		}
		if reservedFlags[p.Name.Value] {
			c.diags.Errorf(p.Name.Span(), "a parameter cannot be named %q: ebgen run has a flag of that name", p.Name.Value)
		}
		one := plan.Param{Name: p.Name.Value, Type: t, List: list, Default: p.Default.Value, Given: p.Default.Given(),
			Help: p.Help.Value, Line: c.lineOf(p.Name)}
		if one.Given {
			if _, err := one.Parse(c.plan.Enums, one.Default); err != nil {
				c.diags.Errorf(p.Default.Span(), "the default %v", err)
			}
		}
		c.params = append(c.params, one)
	}
}

// reservedFlags are the flags that every tracer has; --pid is also the flag of a
// parameter called pid.
var reservedFlags = map[string]bool{"output": true, "columns": true, "duration": true, "count": true, "help": true, "verbose": true, "btf": true, "demo": true, "ring_size": true,
	"interval": true, "clear": true, "sort": true, "top": true, "record": true}

func (c *checker) paramType(p spec.Param) (t plan.Type, list, ok bool) {
	word := strings.TrimSpace(p.Type.Value)
	if inner, found := strings.CutPrefix(word, "["); found && strings.HasSuffix(inner, "]") {
		word, list = strings.TrimSpace(strings.TrimSuffix(inner, "]")), true
	}
	if t, ok = paramTypes[word]; ok {
		return t, list, true
	}
	if inner, found := strings.CutPrefix(word, "string("); found {
		n, err := strconv.Atoi(strings.TrimSuffix(inner, ")"))
		if err == nil && n >= 2 && n <= largestParam && strings.HasSuffix(inner, ")") {
			return plan.Type{Kind: plan.String, Size: n}, list, true
		}
		c.diags.Errorf(p.Type.Span(), "string(N) holds N bytes with its NUL, from 2 to %d", largestParam)
		return t, list, false
	}
	if e, found := c.display(strings.TrimPrefix(word, "enum ")); found {
		return plan.Type{Kind: plan.Enumer, Size: 8, Signed: true, Enum: c.enum(e)}, list, true
	}
	if !p.Type.Given() {
		return t, list, false // the document has said so
	}
	var known []string
	for name := range paramTypes {
		known = append(known, name)
	}
	sort.Strings(known)
	d := c.diags.Errorf(p.Type.Span(), "no type of parameter is named %q", word)
	if near := ktype.Nearest(word, known); len(near) > 0 {
		d.Hint = "did you mean " + source.OrList(near) + "?"
	} else {
		d.Hint = "one of " + source.OrList(known) + ", an enum of the kernel, or a list such as \"[u32]\""
	}
	return t, list, false
}
