package check

import (
	"slices"
	"strconv"
	"strings"

	"github.com/ebgen/ebgen/spec"
	"github.com/ebgen/ebgen/spec/expr"
	"github.com/ebgen/ebgen/spec/plan"
)

// quantileBits makes the buckets behind quantiles(): 16 to a power of two, so that the
// middle of a bucket is at most 1/32 of a value away from it (plan.Histogram).
const quantileBits = 4

// mostBuckets bounds lhist: a row of them is read at every report.
const mostBuckets = 1024

// cell is one aggregate of one column. What all probes count in it is one number.
type cell struct {
	column  *column
	ordinal int // among the aggregates of its column
	kind    plan.CellKind
	hist    *plan.Histogram // of Buckets
	signed  bool            // of all others but a count
	meaning plan.Meaning
}

// float is the type of a quotient of aggregates.
var float = plan.Type{Kind: plan.Float, Size: 8}

// sum types of cells.
func (c *cell) typ() plan.Type {
	t := u64
	t.Signed, t.Meaning = c.signed, c.meaning
	return t
}

// counted reports whether a value is made of aggregates, hence in user space.
func (o operand) counted() bool {
	found := false
	o.expr.Walk(func(e *plan.Expr) { found = found || e.Op == plan.OpCell || e.Op == plan.OpQuantile })
	return o.valid && !o.place && found
}

// newCell is the next aggregate of the column being checked. It reports false, with a
// complaint, where there can be none.
func (b *body) newCell(n *expr.Call, kind plan.CellKind) (*cell, bool) {
	switch {
	case b.inside:
		b.fail(n.FuncAt, "%s is an aggregate inside of another one", n.Func)
		return nil, false
	case b.counting == nil && !b.aggregates():
		b.fail(n.FuncAt, "%s is an aggregate: it counts in a map, and the channel is %s", n.Func, b.channelName()).hint("channel: map")
		return nil, false
	case b.counting == nil:
		b.fail(n.FuncAt, "%s is an aggregate: it belongs to fields", n.Func)
		return nil, false
	}
	ordinal := b.cells
	b.cells++
	i := slices.IndexFunc(b.allCells, func(c *cell) bool { return c.column == b.counting && c.ordinal == ordinal })
	if i < 0 {
		b.learned = true
		c := &cell{column: b.counting, ordinal: ordinal, kind: kind}
		b.allCells = append(b.allCells, c)
		return c, true
	}
	c := b.allCells[i]
	if c.kind != kind {
		b.fail(n.FuncAt, "column %s is %s here and another aggregate elsewhere", b.counting.Name.Value, n.Func)
		return nil, false
	}
	return c, true
}

func (c *checker) channelName() string {
	if name := c.doc.Channel.Type.Value; name != "" {
		return name
	}
	return string(plan.Ringbuf)
}

// taken infers what an aggregate is of, and the condition that may follow it.
func (b *body) taken(n *expr.Call, of expr.Node, rest []expr.Node) (x operand, when *plan.Expr, ok bool) {
	b.inside = true
	defer func() { b.inside = false }()
	ok = true
	if of != nil {
		x, ok = b.numeric(of, n.Func)
	}
	if len(rest) > 0 {
		o := b.inferValue(rest[0])
		e, holds := b.condition(rest[0], o)
		if !holds {
			return x, nil, false
		}
		when = &e
	}
	return x, when, ok
}

// update has a body put x into a cell, in the cell's type.
func (b *body) update(c *cell, x operand, when *plan.Expr) operand {
	u := plan.Update{Cell: slices.Index(b.allCells, c), When: when, Line: b.line}
	if c.kind != plan.Count {
		if x.expr.Op == plan.OpConst && x.expr.Int >= 0 {
			x.expr.Type.Signed = c.signed
		}
		if signed := x.expr.Type.Signed; signed && !c.signed {
			c.signed, b.learned = true, true
		}
		e := b.convert(x.expr, c.typ())
		u.Value = &e
		// The least errno is an errno; a sum of them, or a bound between two, is not.
		one := c.kind == plan.Least || c.kind == plan.Greatest
		if m := x.expr.Type.Meaning; c.meaning != m && (one || m == plan.Duration || m == plan.ByteSize) {
			c.meaning, b.learned = m, true
		}
	}
	b.updates = append(b.updates, u)
	return b.cellValue(c)
}

// cellValue is a cell as expressions over aggregates see it.
func (b *body) cellValue(c *cell) operand {
	t := c.typ()
	if c.kind == plan.Count {
		t = u64
	}
	if c.kind == plan.Buckets {
		c.hist.Signed = c.signed
		t = plan.Type{Kind: plan.Hist, Size: 8 * c.hist.Buckets(), Meaning: c.meaning}
	}
	return value(plan.Expr{Op: plan.OpCell, Type: t, Line: b.line, Int: int64(slices.Index(b.allCells, c))})
}

func (b *body) count(n *expr.Call) operand {
	c, ok := b.newCell(n, plan.Count)
	if !ok {
		return operand{}
	}
	_, when, ok := b.taken(n, nil, n.Args)
	if !ok {
		return operand{}
	}
	return b.update(c, operand{}, when)
}

func (b *body) sum(n *expr.Call) operand {
	c, ok := b.newCell(n, plan.Sum)
	if !ok {
		return operand{}
	}
	x, when, ok := b.taken(n, n.Args[0], n.Args[1:])
	if !ok {
		return operand{}
	}
	return b.update(c, x, when)
}

func (b *body) leastOrGreatest(n *expr.Call) operand {
	c, ok := b.newCell(n, plan.CellKind(n.Func))
	if !ok {
		return operand{}
	}
	x, _, ok := b.taken(n, n.Args[0], nil)
	if !ok {
		return operand{}
	}
	return b.update(c, x, nil)
}

// avg is a sum and a count, divided when a row is made.
func (b *body) avg(n *expr.Call) operand {
	total, ok := b.newCell(n, plan.Sum)
	if !ok {
		return operand{}
	}
	events, _ := b.newCell(n, plan.Count)
	x, when, ok := b.taken(n, n.Args[0], n.Args[1:])
	if !ok || events == nil {
		return operand{}
	}
	t := float
	sum := b.update(total, x, when)
	t.Meaning = total.meaning
	if m := x.expr.Type.Meaning; t.Meaning == plan.Plain && m == plan.Time {
		t.Meaning = m
	}
	return value(plan.Expr{Op: plan.OpBinary, Type: t, Line: b.line, Name: "/", Args: []plan.Expr{
		b.convert(sum.expr, t), b.convert(b.update(events, operand{}, when).expr, float),
	}})
}

func (b *body) hist(n *expr.Call) operand { return b.buckets(n, &plan.Histogram{}, n.Args[1:]) }

// buckets counts x in a histogram.
func (b *body) buckets(n *expr.Call, h *plan.Histogram, rest []expr.Node) operand {
	c, ok := b.newCell(n, plan.Buckets)
	if !ok {
		return operand{}
	}
	x, when, ok := b.taken(n, n.Args[0], rest)
	if !ok {
		return operand{}
	}
	if c.hist != nil {
		h.Signed = c.hist.Signed
		if *c.hist != *h {
			return b.fail(n, "column %s has other buckets elsewhere", b.counting.Name.Value)
		}
	}
	if c.hist == nil {
		c.hist = h
	}
	return b.update(c, x, when)
}

func (b *body) lhist(n *expr.Call) operand {
	var limits [3]int64
	for i, what := range []string{"the low end", "the high end", "the step"} {
		v, ok := constantInt(b.inferValue(n.Args[i+1]))
		if !ok {
			return b.fail(n.Args[i+1], "%s of a histogram is a constant", what)
		}
		limits[i] = v
	}
	h := &plan.Histogram{Linear: true, Low: limits[0], High: limits[1], Step: limits[2]}
	switch {
	case h.Step < 1:
		return b.fail(n.Args[3], "a step is at least 1")
	case h.High <= h.Low:
		return b.fail(n.Args[2], "the high end %d is not above the low end %d", h.High, h.Low)
	case (uint64(h.High)-uint64(h.Low))/uint64(h.Step) > mostBuckets:
		return b.fail(n.Args[3], "that are more than %d buckets", mostBuckets).hint("a larger step, or hist(x)")
	}
	return b.buckets(n, h, n.Args[4:])
}

// quantiles is several columns, made of one histogram. A last argument that is no number is
// a condition.
func (b *body) quantiles(n *expr.Call) operand {
	shares, when := n.Args[1:], []expr.Node(nil)
	if last := len(shares) - 1; last > 0 && !literal(shares[last]) {
		shares, when = shares[:last], shares[last:]
	}
	var list []quantile
	for _, arg := range shares {
		q, ok := share(arg)
		if !ok {
			return b.fail(arg, "a share such as 0.5 or 0.99 is wanted, found %s", expr.Print(arg)).hint("quantiles(x, 0.5, 0.99)")
		}
		list = append(list, q)
	}
	o := b.buckets(n, &plan.Histogram{Bits: quantileBits}, when)
	if !o.valid {
		return o
	}
	c := b.allCells[o.expr.Int]
	b.expanded = nil
	for _, q := range list {
		b.expanded = append(b.expanded, output{"_" + q.name, plan.Expr{Op: plan.OpQuantile, Type: c.typ(), Line: b.line, Int: q.millionths, Args: []plan.Expr{o.expr}}})
	}
	return value(b.expanded[0].expr)
}

// literal reports whether n is a number as it is written.
func literal(n expr.Node) bool {
	switch n.(type) {
	case *expr.Fraction, *expr.Number:
		return true
	}
	return false
}

// quantile is a share of the events.
type quantile struct {
	name       string // p50, p99_9
	millionths int64
}

// share reads a constant from 0 to 1.
func share(n expr.Node) (quantile, bool) {
	var q quantile
	switch n := n.(type) {
	case *expr.Fraction:
		q.millionths = n.Millionths
	case *expr.Number:
		q.millionths = int64(min(n.Value, 2)) * 1e6
	}
	if q.millionths < 1 || q.millionths > 1e6 {
		return q, false
	}
	percent := strings.TrimRight(strings.TrimRight(strconv.FormatFloat(float64(q.millionths)/1e4, 'f', 4, 64), "0"), ".")
	q.name = "p" + strings.ReplaceAll(percent, ".", "_")
	return q, true
}

// output is one column that a field with aggregates makes.
type output struct {
	suffix string // behind the field's name
	expr   plan.Expr
}

// overCells is arithmetic over aggregates, done once for a row: with 64 bits, or where
// anything is divided with floating point.
func (b *body) overCells(n *expr.Binary, x, y operand) operand {
	for _, side := range []struct {
		node expr.Node
		o    operand
	}{{n.X, x}, {n.Y, y}} {
		switch o := side.o; {
		case o.counted() && o.expr.Type.Kind == plan.Hist:
			return b.fail(side.node, "%s is a histogram, which has no arithmetic", expr.Print(side.node))
		case o.counted() && b.expanded != nil:
			return b.fail(side.node, "%s is several columns, which have no arithmetic", expr.Print(side.node))
		case !o.counted() && (o.place || o.expr.Op != plan.OpConst):
			return b.fail(side.node, "%s is known in the kernel, for each event; beside an aggregate only aggregates and constants can stand", expr.Print(side.node))
		}
	}
	switch fraction := x.expr.Type.Kind == plan.Float || y.expr.Type.Kind == plan.Float; {
	case !slices.Contains([]string{"+", "-", "*", "/", "%", "min", "max"}, n.Op):
		return b.fail(n.OpAt, "%s is not for aggregates: + - * / %% min and max are", n.Op)
	case n.Op == "%" && fraction:
		return b.fail(n.OpAt, "%% is of whole numbers: a mean and a quotient are none")
	}
	t := plan.Type{Kind: plan.Int, Size: 8, Signed: x.expr.Type.Signed && x.expr.Op != plan.OpConst || y.expr.Type.Signed && y.expr.Op != plan.OpConst || n.Op == "-"}
	if n.Op == "/" || x.expr.Type.Kind == plan.Float || y.expr.Type.Kind == plan.Float {
		t = float
	}
	op := n.Op
	if op == "min" || op == "max" {
		op = "+"
	}
	t.Meaning = combine(op, x.expr.Type.Meaning, y.expr.Type.Meaning)
	return value(plan.Expr{Op: plan.OpBinary, Type: t, Line: b.line, Name: n.Op, Args: []plan.Expr{b.convert(x.expr, t), b.convert(y.expr, t)}})
}

// computable reports whether e can be computed for a row, in user space.
func computable(e plan.Expr) bool {
	only := true
	e.Walk(func(e *plan.Expr) {
		only = only && slices.Contains([]plan.Op{plan.OpCell, plan.OpQuantile, plan.OpConst, plan.OpCast, plan.OpUnary, plan.OpBinary}, e.Op)
	})
	return only
}

// overRows reports whether an expression may speak of what the row holds: a column may,
// but not inside of an aggregate, which is of one event.
func (b *body) overRows() bool { return b.counting != nil && !b.inside }

// total is a column of aggregates by its name: one of this probe or of any other, since
// all of them count into one row.
func (b *body) total(n *expr.Ident) (operand, bool) {
	for _, col := range b.columns {
		for _, out := range col.outputs {
			switch {
			case col.Name.Value+out.suffix != n.Name:
			case !b.overRows():
				return b.fail(n, "%s is made of aggregates: it is known when a row is made, not here", n.Name), true
			case col == b.counting:
				return b.fail(n, "%s cannot be made of itself", n.Name), true
			case !b.counts(n, b.sizes[n.Name]):
				return operand{}, true
			default:
				return value(out.expr), true
			}
		}
	}
	return operand{}, false
}

// sameUse reports whether a column is used as elsewhere: as part of the key or as a value.
func (b *body) sameUse(f spec.Field, col *column, counted bool) bool {
	if !col.decided {
		col.decided, col.aggregate = true, counted
	}
	if col.aggregate == counted {
		return true
	}
	b.diags.Errorf(f.Name.Span(), "column %s is an aggregate in one probe and part of the key in another", f.Name.Value)
	return false
}

// compute notes how a column is made of aggregates. All probes must make it so.
func (b *body) compute(f spec.Field, col *column, o operand) {
	outputs := []output{{"", o.expr}}
	if b.expanded != nil {
		outputs = b.expanded
		for i := range outputs {
			outputs[i].expr.Type.Meaning = o.expr.Type.Meaning
		}
	}
	b.expanded = nil
	for _, one := range outputs {
		if !computable(one.expr) {
			b.fail(whole(b.scalar), "aggregates are for + - * / %% min and max alone, with each other and with constants")
			return
		}
		b.fields[f.Name.Value+one.suffix], b.sizes[f.Name.Value+one.suffix] = value(one.expr), b.parts
	}
	text := func(list []output) string {
		var s strings.Builder
		for _, one := range list {
			s.WriteString(one.suffix + " " + one.expr.String() + ";")
		}
		return s.String()
	}
	switch {
	case col.outputs == nil || b.learning:
		b.learned = b.learned || col.outputs == nil
		col.outputs = outputs
	case text(col.outputs) != text(outputs):
		b.diags.Errorf(f.Name.Span(), "column %s is made otherwise in another probe", f.Name.Value)
	}
}
