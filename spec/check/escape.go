package check

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/ebgen/ebgen/spec/ktype"
	"github.com/ebgen/ebgen/spec/plan"
)

// ownFunction is a function of the spec's own C, as its prototype declares it.
type ownFunction struct {
	result plan.Type
	params []plan.Type
	words  []string // the parameters as written
}

// prototype finds function definitions at the start of a line: the result, the name
// and the parameters, all integers or untyped pointers.
var prototype = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?m)^(?:static\s+)?(?:inline\s+|__always_inline\s+|__attribute__\(\([a-z_]+\)\)\s+)*(u8|u16|u32|u64|s8|s16|s32|s64|int|bool|unsigned int|long|unsigned long)\s+([A-Za-z_][A-Za-z0-9_]*)\s*\(([^()]*)\)\s*\{`)
})

var cTypes = map[string]plan.Type{
	"u8": {Kind: plan.Int, Size: 1}, "u16": {Kind: plan.Int, Size: 2}, "u32": u32, "u64": u64,
	"s8": {Kind: plan.Int, Size: 1, Signed: true}, "s16": {Kind: plan.Int, Size: 2, Signed: true}, "s32": s32, "s64": s64,
	"int": s32, "bool": boolean, "unsigned int": u32, "long": s64, "unsigned long": u64,
	"const void *": {Kind: plan.Pointer, Size: 8}, "void *": {Kind: plan.Pointer, Size: 8},
}

var lastWord = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^(.*?)\s*\b([A-Za-z_][A-Za-z0-9_]*)$`) })

// readEscape notes the functions of the spec's own C that expressions may call.
func (c *checker) readEscape() {
	c.escape = map[string]ownFunction{}
	s := c.doc.C
	if !s.Given() {
		return
	}
	c.plan.C = &plan.Escape{Text: strings.TrimRight(s.Value, "\n") + "\n", Line: c.doc.File.Position(s.At(span{}.Span()).Start).Line}
	for _, at := range prototype().FindAllStringSubmatchIndex(s.Value, -1) {
		part := func(i int) string { return s.Value[at[2*i]:at[2*i+1]] }
		own := ownFunction{result: cTypes[part(1)]}
		bad := ""
		if list := strings.TrimSpace(part(3)); list != "" && list != "void" {
			for _, word := range strings.Split(list, ",") {
				m := lastWord().FindStringSubmatch(strings.TrimSpace(word))
				if m == nil {
					bad = word
					break
				}
				t, ok := cTypes[strings.Join(strings.Fields(strings.ReplaceAll(m[1], "*", " * ")), " ")]
				if !ok {
					bad = word
					break
				}
				own.params, own.words = append(own.params, t), append(own.words, word)
			}
		}
		if bad != "" {
			c.diags.Warnf(s.At(span{Start: at[4], End: at[5]}.Span()), "%s cannot be called by expressions: %q is neither an integer nor a void pointer", part(2), strings.TrimSpace(bad))
			continue
		}
		c.escape[part(2)] = own
	}
	if len(c.escape) == 0 {
		c.diags.Warnf(s.Span(), "c: defines no function that expressions can call").Hint = "static u64 NAME(u64 x) { return x; }"
	}
}

// What is looked for in the spec's own C: words in capitals, and what is before and behind
// each; the bodies of enums; comments, texts and characters, in which nothing is looked for.
var (
	capitals = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(\w+\s+|[.>]\s*)?\b([A-Z_][A-Z0-9_]*[A-Z][A-Z0-9_]*)\b(\s*\()?`)
	})
	enumBody = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\benum\b[^{};]*\{([^}]*)\}`) })
	noCode   = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?s)/\*.*?\*/|//[^\n]*|"(\\.|[^"\\])*"|'(\\.|[^'\\])*'`)
	})
)

// beforeValue are the words of C that a constant may stand behind; behind another word a
// name is declared.
var beforeValue = []string{"return", "case", "else", "do"}

// ownConstants adds the kernel's constants that the spec's own C names and does not declare
// itself.
func (c *checker) ownConstants(constants map[string]int64) {
	if c.plan.C == nil {
		return
	}
	text := noCode().ReplaceAllString(c.plan.C.Text, " ")
	declared := map[string]bool{}
	for _, body := range enumBody().FindAllStringSubmatch(text, -1) {
		for _, one := range strings.Split(body[1], ",") {
			name, _, _ := strings.Cut(one, "=")
			declared[strings.TrimSpace(name)] = true
		}
	}
	for _, p := range c.params {
		declared[p.Name], declared[p.Name+"_given"] = true, true
	}
	for _, m := range c.maps {
		declared[m.name] = true
	}
	named := map[string]bool{}
	for _, m := range capitals().FindAllStringSubmatch(text, -1) {
		before, name := strings.TrimSpace(m[1]), m[2]
		switch {
		case m[3] != "", before == ".", before == ">": // a call, a member
		case before != "" && !slices.Contains(beforeValue, before):
			declared[name] = true
		default:
			named[name] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(named)) {
		if declared[name] || plan.Reserved[name] {
			continue
		}
		found, ok := c.kernel.Constant(name)
		if !ok {
			found, ok = ktype.Macro(c.arch, name)
		}
		if ok {
			constants[name] = found.Value
		}
	}
}
