package expr

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// isTestType knows three types that are neither C's nor every kernel's.
func isTestType(name string) bool {
	return name == "tcp_state" || name == "atomic_t" || name == "T"
}

// valid are texts and their trees, as dump writes them.
var valid = []struct{ text, tree string }{
	// names, members, elements, calls
	{`pid`, `pid`},
	{`  pid	`, `pid`},
	{"a\n+\r\nb", `(+ a b)`},
	{`$port`, `$port`},
	{`$net.addr`, `(. $net)addr`},
	{`args.sk`, `(. args)sk`},
	{`args.sk->sk_family`, `(-> (. args)sk)sk_family`},
	{`args . sk -> sk`, `(-> (. args)sk)sk`},
	{`args.0`, `(. args)0`},
	{`args.0.1.x`, `(. (. (. args)0)1)x`},
	{`a.type.map.func.go.range.select.chan`, `(. (. (. (. (. (. (. a)type)map)func)go)range)select)chan`},
	{`a.in.not.and.or`, `(. (. (. (. a)in)not)and)or`},
	{`a->in in (1)`, `(in (-> a)in 1)`},
	{`a.sizeof.struct.union.enum.int.u32`, `(. (. (. (. (. (. a)sizeof)struct)union)enum)int)u32`},
	{`moved[args.sk].at`, `(. ([] moved (. args)sk))at`},
	{`a[0][i + 1]`, `([] ([] a 0) (+ i 1))`},
	{`"abc"[0]`, `([] "abc" 0)`},
	{`count()`, `(count())`},
	{`str(args.filename)`, `(str() (. args)filename)`},
	{`lhist ( x, 0, 100 , 10 )`, `(lhist() x 0 100 10)`},
	{`owner(args.sk).comm`, `(. (owner() (. args)sk))comm`},
	{`if(a == 1, b, c ? d : e)`, `(if() (== a 1) b (?: c d e))`},
	{`f(g(x))[1]->y`, `(-> ([] (f() (g() x)) 1))y`},

	// literals
	{`0`, `0`}, {`00`, `0`}, {`1_000_000`, `1000000`}, {`0755`, `493`}, {`0x1F`, `31`}, {`0Xff_ff`, `65535`},
	{`10u`, `10`}, {`10UL`, `10`}, {`0xfull`, `15`}, {`10lu`, `10`}, {`017LL`, `15`}, {`0ul`, `0`},
	{`18446744073709551615`, `18446744073709551615`},
	{`0xffffffffffffffff`, `18446744073709551615`},
	{`01777777777777777777777`, `18446744073709551615`},
	{`200ms`, `200000000duration`}, {`1ns`, `1duration`}, {`3us`, `3000duration`}, {`2s`, `2000000000duration`},
	{`1m`, `60000000000duration`}, {`1h`, `3600000000000duration`}, {`1d`, `86400000000000duration`},
	{`1.5s`, `1500000000duration`}, {`0.000_001ms`, `1duration`}, {`2.50us`, `2500duration`}, {`0s`, `0duration`},
	{`18446744073.709551615s`, `18446744073709551615duration`},
	{`1.0000000000000000000000000s`, `1000000000duration`},
	{`4KiB`, `4096size`}, {`1.5KiB`, `1536size`}, {`7B`, `7size`}, {`0B`, `0size`}, {`1MiB`, `1048576size`},
	{`2GiB`, `2147483648size`}, {`1TiB`, `1099511627776size`},
	{`'a'`, `'61'`}, {`'\n'`, `'0a'`}, {`'\''`, `'27'`}, {`'"'`, `'22'`}, {`'\0'`, `'00'`}, {`'\377'`, `'ff'`}, {`'\xfe'`, `'fe'`},
	{`""`, `""`}, {`"eth0"`, `"eth0"`}, {`"it's"`, `"it's"`}, {`"\"\\\'\?"`, `"\"\\'?"`},
	{`"\a\b\f\n\r\t\v"`, `"\a\b\f\n\r\t\v"`}, {`"\0011\x41"`, `"\x011A"`}, {`"käse"`, `"käse"`},
	{`"a: b # c"`, `"a: b # c"`},

	// C's precedence and associativity, loosest against the next tighter
	{`a ? b : c ? d : e`, `(?: a b (?: c d e))`},
	{`a ? b ? c : d : e`, `(?: a (?: b c d) e)`},
	{`a ?? b ? c : d`, `(?: (?? a b) c d)`},
	{`a ?? b ?? c`, `(?? a (?? b c))`},
	{`a || b ? c : d`, `(?: (|| a b) c d)`},
	{`a || b && c || d`, `(|| (|| a (&& b c)) d)`},
	{`a && b | c`, `(&& a (| b c))`},
	{`a | b ^ c | d`, `(| (| a (^ b c)) d)`},
	{`a ^ b & c ^ d`, `(^ (^ a (& b c)) d)`},
	{`a & b << c & d`, `(& (& a (<< b c)) d)`},
	{`a == b + 1 && c != d`, `(&& (== a (+ b 1)) (!= c d))`},
	{`a < b << c`, `(< a (<< b c))`},
	{`a <= b && c >= d && e > f`, `(&& (&& (<= a b) (>= c d)) (> e f))`},
	{`1<<2+1`, `(<< 1 (+ 2 1))`},
	{`a << b >> c`, `(>> (<< a b) c)`},
	{`a - b + c`, `(+ (- a b) c)`},
	{`a + b * c - d`, `(- (+ a (* b c)) d)`},
	{`a / b % c * d`, `(* (% (/ a b) c) d)`},
	{`-a * ~b`, `(* (- a) (~ b))`},
	{`- -a`, `(- (- a))`}, {`!!a`, `(! (! a))`}, {`**pp`, `(* (* pp))`}, {`-+~!*&a`, `(- (+ (~ (! (* (& a))))))`},
	{`-a.b[c]`, `(- ([] (. a)b c))`},
	{`*p + 1`, `(+ (* p) 1)`}, {`&x->y`, `(& (-> x)y)`},
	{`a-1`, `(- a 1)`}, {`a - -1`, `(- a (- 1))`}, {`a*-b`, `(* a (- b))`}, {`a<-b`, `(< a (- b))`}, {`a&&!b`, `(&& a (! b))`},
	{`m[a, b.c].d`, `(. ([] m a (. b)c))d`}, {`m[a, b ? c : d, 1]`, `([] m a (?: b c d) 1)`}, {`m[a][b]`, `([] ([] m a) b)`},
	{`has(m[a, b])`, `(has() ([] m a b))`}, {`m[k].f ?? x`, `(?? (. ([] m k))f x)`},
	{`quantiles(x, 0.5, 0.99, 0.999)`, `(quantiles() x 500000e-6 990000e-6 999000e-6)`},
	{`0.0`, `0e-6`}, {`1.0`, `1000000e-6`}, {`12.345_678`, `12345678e-6`}, {`0.10000000`, `100000e-6`}, {`-0.5`, `(- 500000e-6)`},
	{`9223372036854.775807`, `9223372036854775807e-6`},
	{`100 * sum(hit) / count()`, `(/ (* 100 (sum() hit)) (count()))`},

	// words
	{`not a`, `(! a)`}, {`not a and b or c`, `(|| (&& (! a) b) c)`}, {`not not a`, `(! (! a))`},
	{`not (a == b)`, `(! (paren (== a b)))`}, {`not has(x)`, `(! (has() x))`},
	{`!a == !b`, `(== (! a) (! b))`}, {`!!a == b`, `(== (! (! a)) b)`}, {`!a || b == c`, `(|| (! a) (== b c))`},
	{`android`, `android`}, {`notes`, `notes`}, {`inode`, `inode`}, {`orig`, `orig`},

	// membership
	{`pid in $pids`, `(in pid $pids)`},
	{`pid in ($a)`, `(in pid $a)`},
	{`pid in (1, 2)`, `(in pid 1 2)`},
	{`pid in [1, $b, c ? d : e]`, `(in pid 1 $b (?: c d e))`},
	{`a + 1 in (1) && b`, `(&& (in (+ a 1) 1) b)`},
	{`a in (1) ? b : c`, `(?: (in a 1) b c)`},
	{`not (a in (1))`, `(! (paren (in a 1)))`},
	{`(a in (1)) + 1`, `(+ (paren (in a 1)) 1)`},

	// parentheses keep C's traps apart
	{`(flags & O_CREAT) == 0`, `(== (paren (& flags O_CREAT)) 0)`},
	{`flags & (O_CREAT == 0)`, `(& flags (paren (== O_CREAT 0)))`},
	{`(a < b) == (c < d)`, `(== (paren (< a b)) (paren (< c d)))`},
	{`(a ?? 0) + 1`, `(+ (paren (?? a 0)) 1)`},
	{`args.p.__state ?? args.p.state`, `(?? (. (. args)p)__state (. (. args)p)state)`},
	{`a ?? -b`, `(?? a (- b))`},

	// casts
	{`(u32) x`, `(cast "u32" 0 x)`},
	{`(u32)x`, `(cast "u32" 0 x)`},
	{`(u32) -x`, `(cast "u32" 0 (- x))`},
	{`(u32) (x)`, `(cast "u32" 0 (paren x))`},
	{`(u32) x + 1`, `(+ (cast "u32" 0 x) 1)`},
	{`-(u32) x`, `(- (cast "u32" 0 x))`},
	{`(u8) (u32) x`, `(cast "u8" 0 (cast "u32" 0 x))`},
	{`(unsigned long) x`, `(cast "unsigned long" 0 x)`},
	{`(long  unsigned int) x`, `(cast "long unsigned int" 0 x)`},
	{`(const char *) x`, `(cast "char" 1 x)`},
	{`(char const *const*) x`, `(cast "char" 2 x)`},
	{`(unsigned volatile char) x`, `(cast "unsigned char" 0 x)`},
	{`(struct inet_sock *)sk->x`, `(cast struct "inet_sock" 1 (-> sk)x)`},
	{`((struct inet_connection_sock *) args.sk).icsk_retransmits`,
		`(. (paren (cast struct "inet_connection_sock" 1 (. args)sk)))icsk_retransmits`},
	{`(union u **) x`, `(cast union "u" 2 x)`},
	{`(enum tcp_state) x`, `(cast enum "tcp_state" 0 x)`},
	{`(struct type *) x`, `(cast struct "type" 1 x)`},
	{`(tcp_state) args.sk.__sk_common.skc_state`, `(cast "tcp_state" 0 (. (. (. args)sk)__sk_common)skc_state)`},
	{`(foo) x`, `(cast "foo" 0 x)`}, {`(foo) 1`, `(cast "foo" 0 1)`}, {`(foo) $p`, `(cast "foo" 0 $p)`},
	{`(foo) 'c'`, `(cast "foo" 0 '63')`}, {`(foo) "s"`, `(cast "foo" 0 "s")`}, {`(foo) ~x`, `(cast "foo" 0 (~ x))`},
	{`(foo) !x`, `(cast "foo" 0 (! x))`}, {`(foo) (x)`, `(cast "foo" 0 (paren x))`},
	{`(foo) f(x)`, `(cast "foo" 0 (f() x))`}, {`(foo) sizeof(u32)`, `(cast "foo" 0 (sizeof "u32" 0))`},
	{`(foo const *const) -x`, `(cast "foo" 1 (- x))`}, {`(const foo) x`, `(cast "foo" 0 x)`}, {`(T const) -x`, `(cast "T" 0 (- x))`},
	{`(foo *) x`, `(cast "foo" 1 x)`}, {`(foo **) &x`, `(cast "foo" 2 (& x))`},
	{`(foo)`, `(paren foo)`}, {`(foo) + x`, `(+ (paren foo) x)`}, {`(foo) - x`, `(- (paren foo) x)`},
	{`(foo) * x`, `(* (paren foo) x)`}, {`(foo) & x`, `(& (paren foo) x)`}, {`(foo) in (1)`, `(in (paren foo) 1)`},
	{`(foo) == x`, `(== (paren foo) x)`}, {`(foo)[1]`, `([] (paren foo) 1)`}, {`(foo).x`, `(. (paren foo))x`},
	{`(T) -x`, `(cast "T" 0 (- x))`}, {`(T) + x`, `(cast "T" 0 (+ x))`}, {`(T) *x`, `(cast "T" 0 (* x))`},
	{`(T) &x`, `(cast "T" 0 (& x))`}, {`(T) == x`, `(== (paren T) x)`}, {`(T)`, `(paren T)`},
	{`(a * b)`, `(paren (* a b))`}, {`(a **b)`, `(paren (* a (* b)))`},
	{`sizeof(struct sock)`, `(sizeof struct "sock" 0)`}, {`sizeof (u64) * 2`, `(* (sizeof "u64" 0) 2)`},
	{`sizeof(foo *)`, `(sizeof "foo" 1)`},
	{strings.Repeat("(", maxLevels-1) + "x" + strings.Repeat(")", maxLevels-1),
		strings.Repeat("(paren ", maxLevels-1) + "x" + strings.Repeat(")", maxLevels-1)},
}

func TestParse(t *testing.T) {
	for _, c := range valid {
		n, err := Parse(c.text, isTestType)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		if got := dump(n); got != c.tree {
			t.Errorf("%s:\n got %s\nwant %s", c.text, got, c.tree)
		}
		checkTree(t, c.text, n, isTestType)
	}
}

func TestParseWithoutTypes(t *testing.T) {
	n, err := Parse("(T) -x", nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := dump(n), "(- (paren T) x)"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// checkTree checks what must hold for every tree that Parse gives: each node's place
// is exactly its text, and the tree prints to text of an equal tree.
func checkTree(t *testing.T, text string, n Node, isType func(string) bool) {
	t.Helper()
	Walk(n, func(n Node) bool {
		at := n.Span()
		if at.Start < 0 || at.End > len(text) || at.Start >= at.End {
			t.Errorf("%q: %s is at %v", text, dump(n), at)
			return false
		}
		own := text[at.Start:at.End]
		if again, err := Parse(own, isType); err != nil || dump(again) != dump(n) {
			t.Errorf("%q: %s is at %v, which is %q", text, dump(n), at, own)
		}
		part := func(at At, want string) {
			if got := text[at.Start:at.End]; got != want && wordOperators[got] != want {
				t.Errorf("%q: %q is at %v, which is %q", text, want, at, got)
			}
		}
		switch n := n.(type) {
		case *Member:
			part(n.NameAt, n.Name)
		case *Call:
			part(n.FuncAt, n.Func)
		case *Binary:
			part(n.OpAt, n.Op)
		case *Cast:
			checkType(t, text, n.Type)
		case *Sizeof:
			checkType(t, text, n.Type)
		}
		return true
	})
	printed := Print(n)
	if len(printed) > maxBytes {
		return // spaces made it too long to be read again
	}
	again, err := Parse(printed, isType)
	switch {
	case err != nil:
		t.Errorf("%q prints as %q: %v", text, printed, err)
	case dumpSpelled(again) != dumpSpelled(n) || !Equal(again, n):
		t.Errorf("%q prints as %q: got %s, want %s", text, printed, dump(again), dump(n))
	case Print(again) != printed:
		t.Errorf("%q prints as %q, then as %q", text, printed, Print(again))
	}
}

// dumpSpelled is dump with the numbers' spelling, which Print keeps.
func dumpSpelled(n Node) string {
	s := dump(n)
	Walk(n, func(n Node) bool {
		if number, ok := n.(*Number); ok {
			s += " " + number.Text
		}
		return true
	})
	return s
}

func checkType(t *testing.T, text string, name TypeName) {
	t.Helper()
	own := text[name.Start:name.End]
	again, err := ParseType(own)
	if err != nil || !sameType(again, name) || strings.TrimSpace(own) != own {
		t.Errorf("%q: type %s is at %v, which is %q", text, name, name.At, own)
	}
}

func TestParseType(t *testing.T) {
	for _, c := range []struct{ text, want, dump string }{
		{"u32", "u32", `"u32" 0`},
		{" struct  sock* ", "struct sock *", `struct "sock" 1`},
		{"unsigned  long", "unsigned long", `"unsigned long" 0`},
		{"const struct sock * const", "struct sock *", `struct "sock" 1`},
		{"enum tcp_state", "enum tcp_state", `enum "tcp_state" 0`},
		{"union bpf_attr", "union bpf_attr", `union "bpf_attr" 0`},
		{"void **", "void **", `"void" 2`},
		{"tcp_state", "tcp_state", `"tcp_state" 0`},
	} {
		got, err := ParseType(c.text)
		if err != nil {
			t.Errorf("%q: %v", c.text, err)
			continue
		}
		if got.String() != c.want || typeDump(got) != c.dump {
			t.Errorf("%q: got %q (%s), want %q (%s)", c.text, got, typeDump(got), c.want, c.dump)
		}
		checkType(t, c.text, got)
	}
}

// TestAgreesWithC asks a C compiler whether it reads random expressions as their trees
// say. Shifts are left to the table: random ones would be undefined.
func TestAgreesWithC(t *testing.T) {
	cc, err := exec.LookPath("cc")
	if err != nil {
		t.Skip("no C compiler named cc: precedence is not compared with C's")
	}
	random := rand.New(rand.NewPCG(11, 65)) // any seed; fixed, so that a failure repeats
	pick := func(from ...string) string { return from[random.IntN(len(from))] }
	var asserts strings.Builder
	for compared := 0; compared < 400; {
		text := pick("", "-", "~", "!") + "3ll"
		for range 2 + random.IntN(7) {
			op := pick("||", "&&", "|", "^", "&", "==", "!=", "<", "<=", ">", ">=", "+", "-", "*", "/", "%", "?")
			sign := pick("", "", "-", "~")
			operand := fmt.Sprintf("%s%dll", sign, 1+random.IntN(9)) // never 0, so / and % are defined
			if op == "?" {
				operand = fmt.Sprintf("%dll : %s", random.IntN(9), operand)
			}
			text += " " + op + " " + operand
		}
		n, err := Parse(text, nil)
		if err != nil {
			continue // one of the traps, which C does not see
		}
		fmt.Fprintf(&asserts, "_Static_assert((%s) == %s, %q);\n", text, explicit(n), text)
		compared++
	}
	file := filepath.Join(t.TempDir(), "agree.c")
	if err := os.WriteFile(file, []byte(asserts.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(cc, "-w", "-fsyntax-only", file).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// explicit writes a tree with parentheses around every operation.
func explicit(n Node) string {
	switch n := n.(type) {
	case *Unary:
		return "(" + n.Op + explicit(n.X) + ")"
	case *Binary:
		return "(" + explicit(n.X) + n.Op + explicit(n.Y) + ")"
	case *Cond:
		return "(" + explicit(n.If) + "?" + explicit(n.Then) + ":" + explicit(n.Else) + ")"
	}
	return Print(n)
}
