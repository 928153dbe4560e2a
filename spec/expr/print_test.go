package expr

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestPrint(t *testing.T) {
	ident := func(name string) Node { return &Ident{Name: name} }
	binary := func(op string, x, y Node) Node { return &Binary{Op: op, X: x, Y: y} }
	a, b, c := ident("a"), ident("b"), ident("c")
	for _, test := range []struct {
		tree Node
		want string
	}{
		{binary("*", binary("+", a, b), c), "(a + b) * c"},
		{binary("-", a, binary("-", b, c)), "a - (b - c)"},
		{binary("-", binary("-", a, b), c), "a - b - c"},
		{binary("??", a, binary("??", b, c)), "a ?? b ?? c"},
		{binary("??", binary("??", a, b), c), "(a ?? b) ?? c"},
		{binary("==", binary("&", a, b), c), "(a & b) == c"},
		{binary("&", a, binary("==", b, c)), "a & (b == c)"},
		{binary("??", a, binary("+", b, c)), "a ?? (b + c)"},
		{binary("<", binary("<", a, b), c), "(a < b) < c"},
		{binary("==", &Unary{Op: "!", X: a}, b), "(!a) == b"},
		{&Unary{Op: "!", X: binary("==", a, b)}, "!(a == b)"},
		{&Unary{Op: "-", X: &Unary{Op: "-", X: a}}, "- -a"},
		{&Member{X: &Unary{Op: "*", X: a}, Name: "b"}, "(*a).b"},
		{&Member{X: &Cast{Type: TypeName{Keyword: "struct", Name: "s", Stars: 1}, X: a}, Name: "b", Arrow: true}, "((struct s *) a)->b"},
		{&Cast{Type: TypeName{Name: "u32"}, X: binary("+", a, b)}, "(u32) (a + b)"},
		{&Member{X: &Number{Value: 5}, Name: "0"}, "(5).0"},
		{&Cond{If: &Cond{If: a, Then: b, Else: c}, Then: a, Else: &Cond{If: a, Then: b, Else: c}}, "(a ? b : c) ? a : a ? b : c"},
		{&In{X: binary("==", a, b), List: []Node{&Param{Name: "p"}}}, "(a == b) in $p"},
		{&In{X: a, List: []Node{b, c}}, "a in (b, c)"},
		{&Member{X: &Fraction{Millionths: 5e5}, Name: "0"}, "(0.5).0"},
		{&Index{X: a, Keys: []Node{b, c}}, "a[b, c]"},
		{&Fraction{Millionths: 0}, "0.0"},
		{&Fraction{Millionths: 1}, "0.000001"},
		{&Fraction{Millionths: 12_990_000}, "12.99"},
		{&Fraction{Millionths: math.MaxInt64}, "9223372036854.775807"},
		{&Number{Value: 200, Unit: Duration}, "200ns"},
		{&Text{Value: "a\"\\\n\x01\x7f\xffé\u202e"}, `"a\"\\\n\001\177\377é\342\200\256"`},
		{&Char{Value: '\''}, `'\''`},
		{&Char{Value: 0xe4}, `'\344'`},
	} {
		if got := Print(test.tree); got != test.want {
			t.Errorf("%s: got %s, want %s", dump(test.tree), got, test.want)
		}
	}
}

// TestPrintCanonical prints what was written otherwise.
func TestPrintCanonical(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{`a==b&&not c`, `a == b && !c`},
		{`x in [1,2]`, `x in (1, 2)`},
		{`x in ($p)`, `x in $p`},
		{`f( a,b ) [ 0x1F ]`, `f(a, b)[0x1F]`},
		{`a  ->  b . c`, `a->b.c`},
		{`(const  struct sock*)x`, `(struct sock *) x`},
		{`a?b:c`, `a ? b : c`},
		{`( a )`, `(a)`},
		{`'\x41' == "\x41"`, `'A' == "A"`},
		{`m [ a,b ]`, `m[a, b]`},
		{`0.50`, `0.50`},
		{`1_000ms`, `1_000ms`},
	} {
		n, err := Parse(c.text, nil)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		if got := Print(n); got != c.want {
			t.Errorf("%s: got %s, want %s", c.text, got, c.want)
		}
	}
}

// TestPrintRandom prints trees that nobody wrote, without Paren nodes: the text must
// lead back to the same tree.
func TestPrintRandom(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2)) // any seed; fixed, so that a failure repeats
	for range 5_000 {
		n := randomTree(random, 5)
		text := Print(n)
		again, err := Parse(text, isTestType)
		switch {
		case err != nil:
			t.Fatalf("%s prints as %s: %v", dump(n), text, err)
		case !Equal(n, again):
			t.Fatalf("%s prints as %s, which is %s", dump(n), text, dump(again))
		case Print(again) != text:
			t.Fatalf("%s prints as %s", text, Print(again))
		}
	}
}

func randomTree(random *rand.Rand, levels int) Node {
	pick := func(from ...string) string { return from[random.IntN(len(from))] }
	below := func() Node { return randomTree(random, levels-1) }
	kinds := 14
	if levels == 0 {
		kinds = 6
	}
	switch random.IntN(kinds) {
	case 0:
		return &Ident{Name: pick("a", "args", "T", "u33")}
	case 1:
		return &Param{Name: pick("p", "in")}
	case 2:
		return &Number{Value: random.Uint64(), Unit: Unit(pick("", "duration", "size"))}
	case 3:
		return &Char{Value: byte(random.IntN(256))}
	case 4:
		return &Fraction{Millionths: random.Int64() >> random.IntN(64)}
	case 5:
		return &Text{Value: pick("", "a\x01b", "\"", "\\", "é", "\xff")}
	case 6:
		return &Member{X: below(), Name: pick("x", "0", "in", "struct"), Arrow: random.IntN(2) == 0}
	case 7:
		return &Index{X: below(), Keys: []Node{below(), below()}[:1+random.IntN(2)]}
	case 8:
		return &Call{Func: pick("f", "if"), Args: []Node{below(), below()}[:random.IntN(3)]}
	case 9:
		return &Unary{Op: pick("-", "+", "~", "!", "*", "&"), X: below()}
	case 10:
		return &Cond{If: below(), Then: below(), Else: below()}
	case 11:
		return &In{X: below(), List: []Node{below(), below()}[:1+random.IntN(2)]}
	case 12:
		return &Cast{Type: TypeName{Keyword: pick("", "struct", "enum"), Name: pick("T", "atomic_t"), Stars: random.IntN(3)}, X: below()}
	}
	return &Binary{Op: pick("??", "||", "&&", "|", "^", "&", "==", "!=", "<", "<=", ">", ">=", "<<", ">>", "+", "-", "*", "/", "%"), X: below(), Y: below()}
}
