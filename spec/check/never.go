package check

import (
	"github.com/ebgen/ebgen/spec/expr"
	"github.com/ebgen/ebgen/spec/ktype"
	"github.com/ebgen/ebgen/spec/plan"
)

// tooLong refuses a comparison of a string with a text that has no room in it. x is y's
// other side; xNode and yNode are where they stand.
func (b *body) tooLong(xNode, yNode expr.Node, x, y operand) bool {
	size := x.expr.Type.Size
	if !constantText(y) || constantText(x) || x.place || x.expr.Type.Kind != plan.String || len(y.expr.Name) < size {
		return false
	}
	f := b.fail(yNode, "%s holds %d bytes and can never be this text of %d", expr.Print(xNode), size-1, len(y.expr.Name))
	if call, ok := xNode.(*expr.Call); ok && call.Func == "str" {
		shorter := expr.Print(call.Args[0])
		if x.expr.Op == plan.OpCall && len(x.expr.Args) == 2 {
			shorter += ", " + expr.Print(call.Args[1])
		}
		f.hint("str(%s, %d)", shorter, len(y.expr.Name)+1)
	}
	return true
}

// hardlyMeant warns of comparisons of numbers that hold always or never, or that are in
// another unit than they seem to be.
func (b *body) hardlyMeant(n *expr.Binary, x, y operand) {
	mirrored := map[string]string{"<": ">", ">": "<", "<=": ">=", ">=": "<=", "==": "==", "!=": "!="}
	b.belowZero(n, n.X, n.Op, x, y)
	b.belowZero(n, n.Y, mirrored[n.Op], y, x)
	b.bareDuration(n.Y, x, y)
	b.bareDuration(n.X, y, x)
	b.positiveErrno(n.X, n.Y)
	b.positiveErrno(n.Y, n.X)
}

// belowZero warns of an unsigned number that is asked whether it is negative. Where a plan
// is for several candidates another one may be signed, and so it is no mistake.
func (b *body) belowZero(n *expr.Binary, xNode expr.Node, op string, x, y operand) {
	zero, ok := constantInt(y)
	if !ok || zero != 0 || x.place || !integral(x.expr.Type) || x.expr.Type.Signed || x.expr.Type.Kind == plan.Bool || x.expr.Op == plan.OpConst {
		return
	}
	never := map[string]string{"<": "never", ">=": "always"}[op]
	if never == "" {
		return
	}
	d := b.warn(n, "%s is %s, so this %s holds", expr.Print(xNode), describe(x), never)
	switch {
	case b.candidate.Kind.UserSpace():
		d.Hint = "a register has no sign: (s32) " + expr.Print(xNode) + " is it as an int, (s64) as a long"
	case x.expr.Type.Size == 8:
		d.Hint = "(s64) " + expr.Print(xNode) + " is it as a signed number"
	}
}

// leastDuration is the number from which on a duration without a unit is taken for meant:
// ns that are fewer are hardly measured by anyone.
const leastDuration = 1000

// bareDuration warns of a duration beside a small number without a unit.
func (b *body) bareDuration(n expr.Node, x, y operand) {
	number, ok := n.(*expr.Number)
	if !ok || number.Unit != expr.NoUnit || number.Value == 0 || number.Value > leastDuration || x.place || x.expr.Type.Meaning != plan.Duration {
		return
	}
	b.warn(n, "a duration is in ns, so that this is %d ns", number.Value).Hint = expr.Print(n) + "us, " + expr.Print(n) + "ms or " + expr.Print(n) + "s"
}

// positiveErrno warns of a result of the kernel beside an error's positive number.
func (b *body) positiveErrno(result, n expr.Node) {
	id, ok := n.(*expr.Ident)
	if !ok || b.candidate.Kind.UserSpace() || b.fields[id.Name].valid {
		return
	}
	of, ok := ktype.Macro(b.arch, id.Name)
	if !ok || of.Enum == nil || of.Enum.Name != "errno" {
		return
	}
	r, ok := result.(*expr.Ident)
	if !ok || r.Name != "retval" || b.fields["retval"].valid {
		return
	}
	b.warn(n, "the kernel returns errors as negative numbers").Hint = "-" + id.Name
}
