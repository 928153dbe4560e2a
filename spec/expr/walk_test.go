package expr

import (
	"slices"
	"testing"
)

func TestWalk(t *testing.T) {
	n, err := Parse(`f(a.x, b[1, 0.5]) ? (u32) -c in (d, $e) : (g ?? "h")`, nil)
	if err != nil {
		t.Fatal(err)
	}
	var all, names []string
	Walk(n, func(n Node) bool {
		all = append(all, dump(n))
		return true
	})
	want := []string{
		dump(n),
		`(f() (. a)x ([] b 1 500000e-6))`, `(. a)x`, `a`, `([] b 1 500000e-6)`, `b`, `1`, `500000e-6`,
		`(in (cast "u32" 0 (- c)) d $e)`, `(cast "u32" 0 (- c))`, `(- c)`, `c`, `d`, `$e`,
		`(paren (?? g "h"))`, `(?? g "h")`, `g`, `"h"`,
	}
	if !slices.Equal(all, want) {
		t.Errorf("got %q\nwant %q", all, want)
	}
	Walk(n, func(n Node) bool {
		if ident, ok := n.(*Ident); ok {
			names = append(names, ident.Name)
		}
		_, call := n.(*Call)
		return !call
	})
	if want := []string{"c", "d", "g"}; !slices.Equal(names, want) {
		t.Errorf("outside of calls: got %q, want %q", names, want)
	}
}

func TestEqual(t *testing.T) {
	for _, c := range []struct {
		a, b  string
		equal bool
	}{
		{"args.sk", "args -> sk", true},
		{"0x10 + a", "((16)+a)", true},
		{"1s", "1000ms", true},
		{"not a", "!a", true},
		{"x in (1, 2)", "x in [1, 2]", true},
		{"(const struct s *) x", "(struct s*) x", true},
		{"1s", "1000000000", false},
		{"a", "b", false},
		{"a", "$a", false},
		{"a", "a()", false},
		{"a.b", "a.c", false},
		{"a[1]", "a[2]", false},
		{"f(a)", "f(a, b)", false},
		{"a[1]", "a[1, 1]", false},
		{"a[1, 2]", "a [1,(2)]", true},
		{"0.5", "0.500", true},
		{"0.5", "0.05", false},
		{"1.0", "1", false},
		{"f(a)", "g(a)", false},
		{"-a", "~a", false},
		{"a - b", "b - a", false},
		{"a - b", "a + b", false},
		{"a ? b : c", "a ? c : b", false},
		{"x in (1)", "x in (1, 1)", false},
		{"(u32) x", "(u64) x", false},
		{"(s *) x", "(s **) x", false},
		{"sizeof(struct s)", "sizeof(union s)", false},
		{"'a'", "'b'", false},
		{`"a"`, `"b"`, false},
		{`"a"`, `'a'`, false},
	} {
		a, errA := Parse(c.a, nil)
		b, errB := Parse(c.b, nil)
		if errA != nil || errB != nil {
			t.Errorf("%s, %s: %v, %v", c.a, c.b, errA, errB)
			continue
		}
		if Equal(a, b) != c.equal || Equal(b, a) != c.equal || !Equal(a, a) || !Equal(b, b) {
			t.Errorf("Equal(%s, %s) is %v", c.a, c.b, !c.equal)
		}
	}
}
