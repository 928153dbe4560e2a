package check

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ebgen/ebgen/spec"
	"github.com/ebgen/ebgen/spec/expr"
	"github.com/ebgen/ebgen/spec/ktype"
	"github.com/ebgen/ebgen/spec/plan"
	"github.com/ebgen/ebgen/spec/probe"
	"github.com/ebgen/ebgen/spec/source"
)

// body is the check of the spec's filters and fields against one candidate of one
// probe. Its diagnostics go to the checker; all else is dropped when the candidate is
// refused.
type body struct {
	*checker
	probe     *plan.Probe
	spelling  string // of the alternative: function:tcp_sendmsg
	candidate probe.Candidate
	shared    bool // other alternatives stand beside this one

	scalar spec.Scalar // the expression being checked
	line   int         // its line in the spec

	duty     *duty
	fields   map[string]operand // by name, those that stand before
	wrong    map[string]bool    // fields of which something was said: what is made of them stays silent
	args     []probe.Param      // those used, in order of first use
	filters  []plan.Filter
	assigns  []plan.Assign // Field is an index into the checker's columns
	names    []*ktype.Enum // of the values of each assign, or nil
	span     *plan.SpanStep
	saved    []plan.Save
	deleted  []plan.Delete
	updates  []plan.Update
	counting *column  // the column whose aggregates are being checked, or nil
	inside   bool     // what an aggregate is of
	cells    int      // aggregates of that column so far
	opened   bool     // the span's end: what it kept can be read
	expanded []output // the columns of quantiles(), when that is what was inferred last
	letting  int      // 1 + the index of the name whose expression is inferred, or 0
	parts    int      // of the expression so far, with what its names stand for
	allParts int      // of all expressions so far
	pending  bool     // while learning: something was read whose type is not known yet

	mentioned map[string]bool // params of the expression: true when it needs the flag
	constants map[string]int64
	facts     map[plan.Fact]bool // see plan.Fact
	reads     []read
	needs     []string // functions and builtins used, for what their C reads
	owners    bool

	tolerant   int                // inside ?? or exists: a member that the kernel lacks is no mistake
	certain    bool               // of what stands around ??, the left side is taken
	lacking    bool               // such a member was met
	absentArgs []string           // arguments that ?? found to be other kernels' only
	outer      *expr.Cast         // the cast around what is being checked
	refusal    *source.Diagnostic // why this candidate cannot serve, as it is said when none can
}

// read is a member that the C will name.
type read struct {
	root ktype.Type
	path []plan.Step
}

type spanner interface{ Span() source.Span }

func (b *body) fail(at spanner, format string, args ...any) operand {
	return operand{complaint: b.diags.Errorf(b.scalar.At(at.Span()), format, args...)}
}

func (b *body) warn(at spanner, format string, args ...any) *source.Diagnostic {
	return b.diags.Warnf(b.scalar.At(at.Span()), format, args...)
}

// refuse drops the candidate without a complaint, since another one may serve. The first
// reason counts; it is told with -v, and as an error when nothing is left.
func (b *body) refuse(at spanner, hint, format string, args ...any) operand {
	if b.refusal == nil {
		b.refusal = &source.Diagnostic{Span: b.scalar.At(at.Span()), Message: fmt.Sprintf(format, args...), Hint: hint}
	}
	return operand{}
}

func (b *body) use(o operand) {
	if len(o.path) > 0 {
		b.reads = append(b.reads, read{o.root, o.path})
	}
}

// need notes a function or builtin whose C reads kernel structs.
func (b *body) need(name string) {
	if slices.Contains(b.needs, name) {
		return
	}
	b.needs = append(b.needs, name)
	for _, m := range plan.Needs[name] {
		if t, err := b.kernel.Named(m.Keyword, m.Tag); err == nil && !t.Has(strings.Split(m.Path, ".")) {
			b.note(plan.Fact{Struct: m.Tag, Union: t.Union, Lacks: m.Path})
		}
	}
}

// enter starts on one scalar and parses its expression.
func (b *body) enter(s spec.Scalar) (expr.Node, bool) {
	if !s.Given() {
		return nil, false // the document has said so
	}
	b.scalar, b.line = s, b.lineOf(s)
	b.mentioned = map[string]bool{}
	if b.letting == 0 {
		b.parts = 0
	}
	n, err := b.parse(s)
	if err != nil {
		b.fail(err, "%s", err.Message).hint("%s", err.Hint)
		return nil, false
	}
	b.line = b.doc.File.Position(s.At(n.Span()).Start).Line
	return n, true
}

// check checks what the duty is made of. Fields come first, since filters and saves may
// speak of them by name.
func (b *body) check() {
	b.fields, b.wrong = map[string]operand{}, map[string]bool{}
	b.step()
	for _, f := range b.duty.fields {
		b.field(f)
	}
	for _, s := range b.duty.filters {
		if f, ok := b.conditionOf(s); ok {
			b.filters = append(b.filters, f)
		}
	}
	b.keep()
	b.saves()
	b.deletes()
}

// field checks one column.
func (b *body) field(f spec.Field) {
	i := b.columnOf(f.Name.Value)
	b.counting, b.cells, b.expanded = nil, 0, nil
	if b.aggregates() {
		b.counting = b.columns[i]
	}
	o, ok := b.fieldValue(f)
	counted := b.cells > 0 || o.counted()
	column := b.counting
	b.counting = nil
	if column != nil && (ok || counted) && !b.sameUse(f, column, counted) {
		return
	}
	if !ok {
		b.wrong[f.Name.Value] = true
		return
	}
	if column != nil && counted {
		b.compute(f, column, o)
		return
	}
	b.fields[f.Name.Value], b.sizes[f.Name.Value] = o, b.parts
	b.assigns = append(b.assigns, plan.Assign{Field: i, Expr: o.expr, Line: b.line})
	b.names = append(b.names, o.enum)
}

// fieldValue checks the expression or text of a column and its format.
func (b *body) fieldValue(f spec.Field) (operand, bool) {
	o, ok := b.keptValue(f)
	return b.number(o), ok
}

// keptValue is fieldValue of what is saved or kept: a pointer stays one, so that it leads
// where it did.
func (b *body) keptValue(f spec.Field) (operand, bool) {
	var o operand
	if f.Text.Given() {
		b.scalar, b.line, b.parts = f.Text, b.lineOf(f.Text), 1
		o = b.constantText(f.Text.Value)
	} else {
		n, ok := b.enter(f.Expr)
		if !ok {
			return o, false
		}
		o = b.textual(n)
		if o.valid && b.requireGiven(n, "a field") {
			return o, false
		}
		if o = b.held(n, o); !o.valid {
			return o, false
		}
	}
	if f.Format.Given() {
		if o = b.number(o); !b.format(f.Format, &o) {
			return o, false
		}
	}
	return o, true
}

// number makes a number of a pointer, as a record shows it.
func (b *body) number(o operand) operand {
	if o.valid && !o.place && o.expr.Type.Kind == plan.Pointer {
		o.expr = b.convert(o.expr, plan.Type{Kind: plan.Int, Size: 8, User: o.expr.Type.User})
		o.expr.Type.Meaning = plan.Hex
	}
	return o
}

// held makes a value something that a map or a record can hold.
func (b *body) held(n expr.Node, o operand) operand {
	if !o.valid {
		return o
	}
	if o.place {
		switch {
		case o.kind.Kind == ktype.Struct && (o.kind.Name == "in6_addr" || o.kind.Name == "in_addr"):
			at := b.address(o)
			at.expr.Type.ElemSize = o.kind.Size
			return b.called("ip", plan.Type{Kind: plan.IP, Size: 16}, at.expr)
		case o.kind.Kind == ktype.Array && o.kind.Size > 0 && o.kind.Size <= largestText:
			return b.called("buf", plan.Type{Kind: plan.Bytes, Size: o.kind.Size}, b.address(o).expr)
		}
		f := b.fail(n, "%s is %s, which a record cannot hold", expr.Print(n), describe(o))
		if members := o.kind.Members(); len(members) > 0 {
			return f.hint("name one of its members: %s.%s", expr.Print(n), members[0].Name)
		}
		return f
	}
	if o.expr.Type.Kind == plan.String && o.expr.Op == plan.OpText {
		o.expr.Type.Size = len(o.expr.Name) + 1
	}
	return o
}

// format overrides how a field is written. It must fit what the field holds.
func (b *body) format(s spec.Scalar, o *operand) bool {
	outer := b.scalar
	b.scalar = s
	defer func() { b.scalar = outer }()
	at := whole(s)
	m, ok := plan.Formats[s.Value]
	if !ok {
		if e, ok := b.display(s.Value); ok && integral(o.expr.Type) {
			o.enum = e
			return true
		}
		var known []string
		for name := range plan.Formats {
			known = append(known, name)
		}
		slices.Sort(known)
		f := b.fail(at, "no format is named %q", s.Value)
		if strings.HasPrefix(s.Value, "oct") {
			f.hint("mode shows st_mode as ls does, and in octal what is none; hex any number")
		} else if near := ktype.Nearest(s.Value, known); len(near) > 0 {
			f.hint("did you mean %s?", source.OrList(near))
		} else {
			f.hint("one of %s", source.OrList(known))
		}
		return false
	}
	if !slices.Contains(m.Kinds, o.expr.Type.Kind) {
		b.fail(at, "format %s is for %s, the field is %s", s.Value, kindList(m.Kinds), describe(*o))
		return false
	}
	o.expr.Type.Meaning, o.enum = m.Meaning, nil
	if o.expr.Type.Kind == plan.Enumer {
		o.expr.Type.Kind = plan.Int
	}
	if m.Kind != plan.Void {
		o.expr.Type.Kind = m.Kind
	}
	return true
}

// conditionOf checks one condition.
func (b *body) conditionOf(s spec.Scalar) (f plan.Filter, ok bool) {
	n, ok := b.enter(s)
	if !ok {
		return f, false
	}
	e, ok := b.condition(n, b.inferValue(n))
	if !ok {
		return f, false
	}
	if e.Op == plan.OpConst || e.Op == plan.OpBinary && e.Args[0].Op == plan.OpConst && e.Args[1].Op == plan.OpConst {
		b.warn(n, "this condition does not depend on anything")
	}
	f = plan.Filter{Expr: e, Line: b.line}
	for name, required := range b.mentioned {
		if required {
			f.Params = append(f.Params, name)
		}
	}
	slices.Sort(f.Params)
	return f, true
}

// whole is the span of a whole scalar in its own text.
func whole(s spec.Scalar) spanner {
	return span{Start: 0, End: len(s.Value)}
}

type span source.Span

func (s span) Span() source.Span { return source.Span(s) }

func kindList(kinds []plan.Kind) string {
	words := make([]string, len(kinds))
	for i, k := range kinds {
		words[i] = string(k)
	}
	return source.OrList(words)
}
