package c

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"math/rand"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/ringbuf"

	"github.com/ebgen/ebgen/spec/plan"
)

// evaluate is what a pure expression over the arguments means: the arithmetic of C with
// wraparound, and BPF's answers where C has none.
func evaluate(e *plan.Expr, args map[string]uint64) int64 {
	arg := func(i int) int64 { return evaluate(&e.Args[i], args) }
	truth := func(b bool) int64 {
		if b {
			return 1
		}
		return 0
	}
	switch e.Op {
	case plan.OpConst:
		return as(e.Int, e.Type)
	case plan.OpArg:
		return as(int64(args[e.Name]), e.Type)
	case plan.OpCast:
		return as(arg(0), e.Type)
	case plan.OpHost:
		return as(swapped(arg(0), e.Type.Size), e.Type)
	case plan.OpUnary:
		switch e.Name {
		case "-":
			return as(-arg(0), e.Type)
		case "~":
			return as(^arg(0), e.Type)
		}
		return truth(arg(0) == 0)
	case plan.OpCond:
		if arg(0) != 0 {
			return as(arg(1), e.Type)
		}
		return as(arg(2), e.Type)
	case plan.OpIn:
		for i := range e.Args[1:] {
			if arg(0) == arg(1+i) {
				return 1
			}
		}
		return 0
	case plan.OpCall:
		switch e.Name {
		case "ntohs":
			return swapped(arg(0), 2)
		case "ntohl":
			return swapped(arg(0), 4)
		case "log2":
			return int64(max(bits.Len64(uint64(arg(0))), 1) - 1)
		case "abs":
			return as(max(arg(0), -arg(0)), e.Type)
		case "min", "max":
			x, y := arg(0), arg(1)
			if less(x, y, e.Type) == (e.Name == "min") {
				return x
			}
			return y
		}
	case plan.OpBinary:
		return binaryValue(e, arg, truth)
	}
	panic("no value for " + string(e.Op) + " " + e.Name)
}

func binaryValue(e *plan.Expr, arg func(int) int64, truth func(bool) int64) int64 {
	switch e.Name { // the right side of these may not be asked
	case "&&":
		return truth(arg(0) != 0 && arg(1) != 0)
	case "||":
		return truth(arg(0) != 0 || arg(1) != 0)
	}
	x, y, t := arg(0), arg(1), e.Args[0].Type
	mask := uint64(8*t.Size - 1)
	switch e.Name {
	case "+":
		x += y
	case "-":
		x -= y
	case "*":
		x *= y
	case "&":
		x &= y
	case "|":
		x |= y
	case "^":
		x ^= y
	case "<<":
		x <<= uint64(y) & mask
	case ">>":
		if t.Signed {
			x >>= uint64(y) & mask
		} else {
			x = int64(uint64(x) >> (uint64(y) & mask))
		}
	case "/", "%":
		x = divided(e.Name, x, y, t.Signed)
	case "==":
		return truth(x == y)
	case "!=":
		return truth(x != y)
	case "<":
		return truth(less(x, y, t))
	case ">":
		return truth(less(y, x, t))
	case "<=":
		return truth(!less(y, x, t))
	case ">=":
		return truth(!less(x, y, t))
	}
	return as(x, e.Type)
}

func divided(op string, x, y int64, signed bool) int64 {
	switch {
	case y == 0 && op == "/":
		return 0
	case y == 0:
		return x
	case signed && op == "/":
		return x / y // Go defines the smallest by -1 as it wraps
	case signed:
		return x % y
	case op == "/":
		return int64(uint64(x) / uint64(y))
	}
	return int64(uint64(x) % uint64(y))
}

func less(x, y int64, t plan.Type) bool {
	if t.Signed {
		return x < y
	}
	return uint64(x) < uint64(y)
}

func swapped(x int64, size int) int64 {
	return int64(bits.ReverseBytes64(uint64(x)) >> (64 - 8*size))
}

// as is x as a value of t, sign or zero extended.
func as(x int64, t plan.Type) int64 {
	if t.Kind == plan.Bool {
		return int64(min(uint64(x), 1))
	}
	shift := 64 - 8*t.Size
	if t.Signed {
		return x << shift >> shift
	}
	return int64(uint64(x) << shift >> shift)
}

var (
	tS8       = plan.Type{Kind: plan.Int, Size: 1, Signed: true}
	tS16      = plan.Type{Kind: plan.Int, Size: 2, Signed: true}
	numbers   = []plan.Type{tS32, tU32, tS64, tU64}
	all       = append([]plan.Type{tU8, tS8, tU16, tS16, tBool}, numbers...)
	a, b      = arg("a", tU64), arg("b", tU64)
	interests = []uint64{0, 1, 2, 7, 31, 32, 33, 63, 64, 255, 256, 0x7fff, 0x8000, math.MaxInt32, 1 << 31, math.MaxUint32, 1 << 32,
		math.MaxInt64, 1 << 63, math.MaxUint64 - 1, math.MaxUint64, 0x0123456789abcdef}
)

// agreements are the expressions that both sides evaluate.
func agreements() []plan.Expr {
	var list []plan.Expr
	for _, t := range numbers {
		x, y := castTo(t, a), castTo(t, b)
		for _, o := range []string{"+", "-", "*", "/", "%", "&", "|", "^", "<<", ">>"} {
			list = append(list, op(t, o, x, y))
		}
		for _, o := range []string{"<", ">", "<=", ">=", "==", "!="} {
			list = append(list, op(tBool, o, x, y))
		}
		for _, n := range []int64{0, 1, -1, 3, -7, 10, math.MinInt32} {
			list = append(list, op(t, "/", x, number64(as(n, t), t)), op(t, "%", x, number64(as(n, t), t)), op(t, "+", x, number64(as(n, t), t)),
				op(tBool, "<", x, number64(as(n, t), t)))
		}
		list = append(list, unop(t, "-", x), unop(t, "~", x), unop(tBool, "!", x), unop(t, "-", unop(t, "-", x)),
			calling("min", t, x, y), calling("max", t, x, y), cond(op(tBool, "<", x, y), x, number64(5, t)),
			plan.Expr{Op: plan.OpIn, Type: tBool, Args: []plan.Expr{x, number64(as(-1, t), t), number64(7, t)}})
	}
	for _, from := range all {
		for _, to := range all {
			list = append(list, castTo(to, castTo(from, a)))
		}
	}
	for _, size := range []int{2, 4, 8} {
		be, n := plan.Type{Kind: plan.Int, Size: size, BigEndian: true}, plan.Type{Kind: plan.Int, Size: size}
		list = append(list, plan.Expr{Op: plan.OpHost, Type: n, Args: []plan.Expr{castTo(be, a)}})
	}
	list = append(list,
		calling("ntohs", tU16, castTo(tU16, a)), calling("ntohl", tU32, castTo(tU32, a)),
		calling("log2", tU32, a), calling("abs", tU64, castTo(tS64, a)), calling("abs", tU32, castTo(tS32, a)),
		castTo(tS64, op(tS32, "+", castTo(tS32, a), number64(1, tS32))),
		op(tBool, ">", op(tS32, "+", castTo(tS32, a), number64(1, tS32)), castTo(tS32, a)),
		op(tS32, "<<", castTo(tS32, castTo(tU16, a)), castTo(tS32, castTo(tU8, b))),
		op(tS32, "<<", number64(math.MaxInt32, tS32), number64(8, tU32)), op(tS32, "<<", number64(-1, tS32), number64(3, tU32)),
		op(tBool, "&&", op(tBool, "<", a, b), op(tBool, "!=", a, number64(0, tU64))),
		op(tBool, "||", op(tBool, "&&", a, b), unop(tBool, "!", b)),
	)
	return list
}

// randomExprs makes n expressions, the same ones each time.
func randomExprs(n int) []plan.Expr {
	var list []plan.Expr
	r := rand.New(rand.NewSource(1))
	for range n {
		list = append(list, randomExpr(r, 3, all[r.Intn(len(all))]))
	}
	return list
}

// randomExpr makes an expression of type t as the checker would: operands of the
// operator's type, by casts.
func randomExpr(r *rand.Rand, depth int, t plan.Type) plan.Expr {
	if depth == 0 {
		if r.Intn(3) == 0 {
			return number64(as(int64(interests[r.Intn(len(interests))]), t), t)
		}
		return castTo(t, []plan.Expr{a, b}[r.Intn(2)])
	}
	wide := numbers[r.Intn(len(numbers))]
	sub := func(t plan.Type) plan.Expr { return randomExpr(r, depth-1, t) }
	var e plan.Expr
	switch r.Intn(6) {
	case 0, 1:
		e = op(wide, []string{"+", "-", "*", "/", "%", "&", "|", "^"}[r.Intn(8)], sub(wide), sub(wide))
	case 2:
		e = op(wide, []string{"<<", ">>"}[r.Intn(2)], sub(wide), sub(numbers[r.Intn(len(numbers))]))
	case 3:
		e = op(tBool, []string{"<", ">", "<=", ">=", "==", "!=", "&&", "||"}[r.Intn(8)], sub(wide), sub(wide))
	case 4:
		e = unop(wide, []string{"-", "~"}[r.Intn(2)], sub(wide))
	default:
		e = cond(op(tBool, "<", sub(wide), sub(wide)), sub(wide), sub(wide))
	}
	if e.Type == t {
		return e
	}
	return castTo(t, e)
}

func TestAgreement(t *testing.T) {
	for _, group := range []struct {
		name string
		list []plan.Expr
		most int // columns of one program: the verifier walks all branches of all of them
	}{{"each", agreements(), 60}, {"random", randomExprs(100), 8}} {
		for start := 0; start < len(group.list); start += group.most {
			for _, compiler := range compilers {
				t.Run(fmt.Sprintf("%s/%s/%d", group.name, compiler, start), func(t *testing.T) {
					agree(t, compiler, group.list[start:min(start+group.most, len(group.list))])
				})
			}
		}
	}
}

func agree(t *testing.T, compiler string, list []plan.Expr) {
	var columns []column
	for i, e := range list {
		columns = append(columns, column{fmt.Sprintf("x%d", i), e})
	}
	p := tracer("agreement", plan.Body{Name: "agreement", Line: 2, Args: []plan.Arg{{Name: "a", Type: tU64}, {Name: "b", Type: tU64}}},
		[]plan.Probe{{Name: "rawtracepoint:sys_enter", Line: 2, Alternatives: []plan.Attachment{
			{Kind: plan.RawTracepoint, Target: "sys_enter", Program: "agreement_rawtracepoint", Calls: []plan.Call{{Args: []plan.Source{{From: plan.Slot}, {From: plan.Slot, Index: 1}}}}},
		}}}, columns...)
	text := printed(t, p)
	runner := newRunner(t, compile(t, compiler, "x86", text), "agreement_rawtracepoint")
	for _, x := range interests {
		for _, y := range interests {
			record := runner.run(t, x, y)
			for i := range list {
				f := p.Record.Fields[i]
				got, want := decoded(record, f), evaluate(&list[i], map[string]uint64{"a": x, "b": y})
				if got != want {
					_, from, _ := strings.Cut(text, fmt.Sprintf("#line %d ", f.Line))
					from, _, _ = strings.Cut(from, fmt.Sprintf("#line %d ", f.Line+1))
					t.Fatalf("a = %#x, b = %#x: field %s is %#x, wanted %#x:\n%s", x, y, f.Name, got, want, from)
				}
			}
		}
	}
}

// decoded is a number of a record.
func decoded(record []byte, f plan.Field) int64 {
	var bytes [8]byte
	copy(bytes[:], record[f.Offset:f.Offset+f.Type.Size])
	return as(int64(binary.LittleEndian.Uint64(bytes[:])), f.Type)
}

// runner runs one raw tracepoint program by hand and reads what it writes, if it does.
type runner struct {
	*ebpf.Collection
	program *ebpf.Program
	reader  *ringbuf.Reader
}

func newRunner(t *testing.T, object []byte, program string) *runner {
	t.Helper()
	c := loadPrograms(t, object)
	if c.Maps["events"] == nil {
		return &runner{c, c.Programs[program], nil}
	}
	reader, err := ringbuf.NewReader(c.Maps["events"])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { reader.Close() })
	return &runner{c, c.Programs[program], reader}
}

// fire runs the program with the given arguments.
func (r *runner) fire(t *testing.T, args ...uint64) {
	t.Helper()
	var context bytes.Buffer
	for _, one := range args {
		binary.Write(&context, binary.LittleEndian, one)
	}
	if _, err := r.program.Run(&ebpf.RunOptions{Context: context.Bytes()}); err != nil {
		t.Fatal(err)
	}
}

// run fires and returns the record that this makes.
func (r *runner) run(t *testing.T, args ...uint64) []byte {
	t.Helper()
	r.fire(t, args...)
	record, ok := r.read(t)
	if !ok {
		t.Fatal("the program made no record")
	}
	return record
}

// read takes a record that is there already: the program has ended, so none is on its way.
func (r *runner) read(t *testing.T) ([]byte, bool) {
	t.Helper()
	r.reader.SetDeadline(time.Now())
	record, err := r.reader.Read()
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil, false
	}
	if err != nil {
		t.Fatal(err)
	}
	return record.RawSample, true
}

// counter reads one of the program's counters.
func (r *runner) counter(t *testing.T, name string) uint64 {
	t.Helper()
	var n uint64
	if err := r.Variables[name].Get(&n); err != nil {
		t.Fatal(err)
	}
	return n
}
