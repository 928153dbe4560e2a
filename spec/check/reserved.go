package check

import "slices"

// reservedWords are C's keywords and the names that the generated C gives to things of
// its own: a spec or a parameter of that name would not compile, or mean another thing.
var reservedWords = []string{
	"auto", "break", "case", "char", "const", "continue", "default", "do", "double", "else", "enum", "extern", "float", "for", "goto", "if", "inline",
	"int", "long", "register", "restrict", "return", "short", "signed", "sizeof", "static", "struct", "switch", "typedef", "union", "unsigned", "void",
	"volatile", "while", "asm", "typeof", "bool", "true", "false", "NULL", "main", "ctx",
	"u8", "u16", "u32", "u64", "s8", "s16", "s32", "s64",
	"event", "events", "lost", "failed_reads", "limited", "idle", "start_ns", "scratch", "owners", "owners_full", "license",
}

// reserve refuses names that the generated C cannot take.
func (c *checker) reserve() {
	if s := c.doc.Name; slices.Contains(reservedWords, c.plan.Name) {
		c.diags.Errorf(s.Span(), "a spec cannot be named %q: the generated C uses that word", s.Value)
	}
	for _, p := range c.doc.Params {
		if slices.Contains(reservedWords, p.Name.Value) || p.Name.Value == c.plan.Name {
			c.diags.Errorf(p.Name.Span(), "a parameter cannot be named %q: the generated C uses that word", p.Name.Value)
		}
	}
	for name := range c.escape {
		if slices.Contains(reservedWords, name) || name == c.plan.Name {
			c.diags.Errorf(c.doc.C.Span(), "a function cannot be named %q: the generated C uses that word", name)
		}
	}
	for _, f := range c.doc.Fields {
		if slices.Contains(reservedWords[:slices.Index(reservedWords, "event")], f.Name.Value) || f.Name.Value == "absent" {
			c.diags.Errorf(f.Name.Span(), "a field cannot be named %q: the generated C uses that word", f.Name.Value)
		}
	}
}
