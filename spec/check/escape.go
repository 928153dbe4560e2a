package check

import (
	"regexp"
	"strings"
	"sync"

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
