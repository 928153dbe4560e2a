package clang

import (
	"strings"
	"testing"
)

// In the texts below § stands before the byte that is to be named at fault; a text
// without it is to be accepted.
var vetted = []struct{ text, message string }{
	{"", ""},
	{"static __always_inline u32 twice(u32 x)\n{\n\treturn 2 * x; /* # asm \" ' */\n}\n", ""},
	{"enum { LIMIT = 0x1e + 5 };\nfloat rate = 1.5e-3f + 0x1p+2f;\nstatic const char s[] = \"#include \\\" asm ( // /*\";\nchar c = '\"', d = '\\'', e = L'x';\n", ""},
	{"int a<:3:> = <% 1 %>;\n", ""},
	{"int x; // one \\\n asm two\nint y;\r\n", ""},
	{"int asm_count, my__asm__, élan, a$b; int basm;", ""},
	{"unsigned f(unsigned a, unsigned b) { return a % b / (a ? b : ~a) ?: 1; }", ""},
	{"char *q = \"what??\";", ""},

	{"§#include </etc/shadow>\n", "preprocessor"},
	{"int x;\n   §# include \"/etc/shadow\"\n", "preprocessor"},
	{"§%: include \"x\"\n", "preprocessor"},
	{"§%\\\n:include \"x\"\n", "preprocessor"},
	{"/* a */ §#line 1 \"/etc/passwd\"\n", "preprocessor"},
	{"// a \\\n b\n§#define X", "preprocessor"},
	{"§#pragma clang diagnostic ignored \"-Wall\"\n", "preprocessor"},
	{"§??=include \"x\"\n", "trigraphs"},
	{"// a §??/\n", "trigraphs"},
	{"void f(void) { §asm(\".incbin \\\"/etc/shadow\\\"\"); }", "assembly"},
	{"void f(void) { §__asm__ volatile (\"\"); }", "assembly"},
	{"void f(void) { §__a\\\nsm(\"\"); }", "assembly"},
	{"void f(void) { §__a\\  \t\n\\\r\nsm(\"\"); }", "assembly"},
	{"int x §__asm(\"y\");", "assembly"},
	{"int §\\u0061sm;", "backslash"},
	{"§_Pragma(\"once\")", "pragmas"},
	{"int x = §__has_include(<a>);", "files"},
	{"char *t = §__TIME__;", "time of compilation"},
	{"char *t = §R\"(\" asm )\";", "raw strings"},
	{"char *t = §u8R\"(x)\";", "raw strings"},
	{"int n = 1§'0; asm(\"\"); int m = 1'0;", "separators"},
	{"int n = 0x1e+1§'0;", "separators"},
	{"char *s = §\"abc;\n", "not closed"},
	{"char *s = \"abc§\\", "join"},
	{"char *s = \"\", t = §\"abc\\\"", "not closed"},
	{"char c = §'", "not closed"},
	{"int x; §/* asm", "not closed"},
	{"int x; §/*/", "not closed"},
	{"int x; // §\\", "join"},
	{"int x; // §\\ \t", "join"},
	{"int f(void) §{ return 1;", "} is wanted"},
	{"int f(void) { return 1; } §}", "nothing is open"},
	{"int f(void§] {}", "where ) is wanted"},
	{"int a<: 1 §}", "where ] is wanted"},
	{"int x;§\x00asm", "control"},
	{"// §\rasm(\"\");", "control"},
	{"int x;§\f", "control"},
	{"int x; // §\x1b[2J", "control"},
	{"int x; // §\xff", "UTF-8"},
	{"int x; /* §\u202e */", "direction"},
}

func TestVet(t *testing.T) {
	for _, test := range vetted {
		want := strings.Index(test.text, "§")
		text := strings.Replace(test.text, "§", "", 1)
		offset, message, ok := Vet(text)
		switch {
		case ok != (want < 0):
			t.Errorf("%q: accepted is %v (%s)", text, ok, message)
		case !ok && (offset != want || !strings.Contains(message, test.message)):
			t.Errorf("%q: %q at %d, want %q at %d", text, message, offset, test.message, want)
		}
	}
}

// TestVetAgreesWithClang compiles every accepted text: what is in order must not be
// refused later for how it is read.
func TestVetAgreesWithClang(t *testing.T) {
	compilers(t, func(t *testing.T, c *Compiler) {
		for _, test := range vetted {
			if strings.Contains(test.text, "§") || strings.Contains(test.text, "__always_inline") {
				continue
			}
			j, _ := start(t, c, Limits{})
			if _, err := j.Finish("typedef unsigned int u32;\n#pragma clang diagnostic ignored \"-Weverything\"\n" + test.text); err != nil {
				t.Errorf("%q: %v", test.text, err)
			}
		}
	})
}

// FuzzVet checks that an accepted text leaves the compiler as it found it, outside of
// comments and literals and with nothing open, so that it cannot swallow what follows.
func FuzzVet(f *testing.F) {
	for _, test := range vetted {
		f.Add(strings.Replace(test.text, "§", "", 1))
	}
	f.Fuzz(func(t *testing.T, text string) {
		offset, message, ok := Vet(text)
		if !ok {
			if offset < 0 || offset > len(text) || message == "" {
				t.Fatalf("%q: offset %d, message %q", text, offset, message)
			}
			return
		}
		if _, _, ok := Vet(text + "\nint x;\n" + text); !ok {
			t.Errorf("%q: accepted alone, not twice", text)
		}
		if offset, _, ok := Vet(text + "\n#"); ok || offset != len(text)+1 {
			t.Errorf("%q: hides a directive that follows it (%d, %v)", text, offset, ok)
		}
	})
}
