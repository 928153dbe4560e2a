package c

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ebgen/ebgen/spec/plan"
)

// body is the printing of one plan.Body: filters, then a record.
type body struct {
	*printer
	plan  *plan.Body
	name  string // of the C function
	index int    // in Plan.Bodies, and of its scratch area

	target *layout // what Fields fill
	into   string  // the C of it, up to a member's name

	taken     map[string]bool   // identifiers of the function
	args      map[string]string // C names of the body's arguments
	locals    map[string]string // variables, by what they hold
	variables []string          // declarations, in order of first use
	uses      map[string]*usage // how often what is read occurs

	list        []statement    // being written
	line        int            // of the spec
	err         string         // the variable that collects errors
	terms       map[string]int // errors collected so far in the expression, by variable
	known       []map[string]known
	inFields    bool
	expression  int    // number of the filter or field being written
	optional    bool   // inside ??: a member that the running kernel lacks is no mistake
	leave       string // the statement that ends the program early
	keptIn      string // the C of what a closed span kept, up to a member's name
	noting      bool   // the body begins or marks a span
	keepsAbsent bool   // a save says which fields have a value
	early       bool   // the scratch area is taken before anything else
	holds       bool   // the scratch area is taken somewhere
	lastCheck   value  // the negation that the last condition left by
}

// usage counts how often a value occurs in a body, and how often as more than a step on
// the way to another one: a step that fails makes what follows fail.
type usage struct{ total, values int }

// known is a value that the body has read, with the variable of its error if that is
// kept.
type known struct {
	value
	err string
}

func (p *printer) newBody(index int) *body {
	b := &body{
		printer: p, plan: &p.plan.Bodies[index], index: index, target: p.event, into: "e->",
		taken: maps.Clone(p.names), args: map[string]string{}, locals: map[string]string{},
		uses: map[string]*usage{}, terms: map[string]int{}, known: []map[string]known{{}}, leave: "return 0",
	}
	for _, word := range []string{"e", "s", "ctx", "err", "absent", "lost", "out", "taken", "key", "row"} {
		b.taken[word] = true
	}
	for _, a := range b.plan.Args {
		b.args[a.Name] = unique(b.taken, identifier(a.Name))
	}
	if p.plan.Table != nil {
		_, b.target = p.tableMap()
		b.into = pick(p.keyInScratch(), "s->key.", "key.")
	}
	if b.plan.Span != nil {
		for _, word := range []string{"kept", "begun", "open", p.spanMap().Name + "_key"} {
			b.taken[word] = true
		}
	}
	for _, e := range b.expressions() {
		b.tally(e, false)
	}
	return b
}

// tally counts what e reads. step says that e only leads to another read.
func (b *body) tally(e *plan.Expr, step bool) {
	key := keyOf(e)
	if e.Op == plan.OpBuiltin {
		key = builtins[e.Name].call
	}
	u := b.uses[key]
	if u == nil {
		u = &usage{}
		b.uses[key] = u
	}
	u.total++
	if !step {
		u.values++
	}
	for i := range e.Args {
		b.tally(&e.Args[i], (e.Op == plan.OpLoad || e.Op == plan.OpAddress || e.Op == plan.OpCall || e.Op == plan.OpCast && step) && e.Args[i].Type.Kind == plan.Pointer)
	}
}

// keyOf is equal for expressions that read the same.
func keyOf(e *plan.Expr) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %q %d %v %#v (", e.Op, e.Name, e.Int, e.Path, e.Type)
	for i := range e.Args {
		b.WriteString(keyOf(&e.Args[i]))
	}
	return b.String() + ")"
}

// emit adds a statement.
func (b *body) emit(text string) { b.list = append(b.list, statement{line: b.line, text: text}) }

// mayFail adds a call that gives an error, or the variable of an error that is kept,
// collected in the error variable.
func (b *body) mayFail(call string) {
	b.list = append(b.list, statement{line: b.line, text: call, term: b.err})
	b.terms[b.err]++
}

// collect returns what run writes, instead of adding it. What it reads is forgotten
// after it, since it may not be run.
func (b *body) collect(run func()) []statement {
	outer := b.list
	b.list = nil
	b.known = append(b.known, map[string]known{})
	run()
	b.known = b.known[:len(b.known)-1]
	list := b.list
	b.list = outer
	return list
}

// branch adds an if.
func (b *body) branch(condition string, then, otherwise func()) {
	s := statement{line: b.line, text: condition}
	s.body = b.collect(then)
	if otherwise != nil {
		s.otherwise = b.collect(otherwise)
	}
	b.list = append(b.list, s)
}

func (b *body) remember(key string, k known) { b.known[len(b.known)-1][key] = k }

// recall returns a value that is read already, with its error.
func (b *body) recall(key string) (value, bool) {
	for i := len(b.known) - 1; i >= 0; i-- {
		if k, ok := b.known[i][key]; ok {
			b.again(k.err)
			return k.value, true
		}
	}
	return value{}, false
}

// again adds an error that is kept to those of this expression, once.
func (b *body) again(err string) {
	if key := fmt.Sprint("again ", b.expression, b.err, err); err != "" {
		if _, ok := b.recallable(key); !ok {
			b.remember(key, known{})
			b.mayFail(err)
		}
	}
}

// local declares a variable for what key stands for, once.
func (b *body) local(key, name string, t ctype) string {
	if had, ok := b.locals[key]; ok {
		return had
	}
	name = unique(b.taken, identifier(name))
	b.locals[key] = name
	b.variables = append(b.variables, t.declare(name))
	return name
}

// variable keeps the value of a composed expression.
func (b *body) variable(name string, v value) value {
	name = b.local(fmt.Sprint("variable ", len(b.variables)), name, v.typ)
	b.emit(name + " = " + v.text)
	return primary(name, v.typ)
}

// array declares a variable that is no number.
func (b *body) array(name string, t plan.Type) string {
	name = unique(b.taken, identifier(name))
	b.variables = append(b.variables, b.declaration(t, name))
	return name
}

// filter leaves unless a condition holds. Conditions joined by && are one after the
// other, so that the next one is read only when it matters.
func (b *body) filter(f *plan.Filter) {
	var conditions []*plan.Expr
	var split func(e *plan.Expr)
	split = func(e *plan.Expr) {
		if e.Op == plan.OpBinary && e.Name == "&&" {
			split(&e.Args[0])
			split(&e.Args[1])
			return
		}
		conditions = append(conditions, e)
	}
	split(&f.Expr)
	var given []string
	for _, name := range f.Params {
		given = append(given, name+"_given")
	}
	guard := strings.Join(given, " && ")
	b.line = f.Line
	write := func() {
		for _, e := range conditions {
			b.condition(e, f.Line)
		}
	}
	if guard == "" {
		write()
		return
	}
	list := b.collect(write)
	if only := list[0]; len(list) == 1 && len(only.body) == 1 && only.text == b.lastCheck.text {
		only.text = guard + " && " + b.lastCheck.in(precEqual)
		b.list = append(b.list, only)
		return
	}
	b.list = append(b.list, statement{line: f.Line, text: guard, body: list})
}

// condition leaves unless e holds; when e cannot be read it does not hold.
func (b *body) condition(e *plan.Expr, line int) {
	v, failure := b.attempt(e, line)
	not := v.not()
	prec := precPrimary
	if v.inverse != "" {
		prec = v.prec
	}
	check := value{text: not, prec: prec}
	if failure != "" {
		check = join("||", primary(failure, s32), check, s32)
	}
	b.lastCheck = check
	b.list = append(b.list, statement{line: line, text: check.text, body: []statement{{line: line, text: b.leave}}})
}

// attempt evaluates e by itself. failure is the condition that it had no value, which
// counts a failed read; "" when it always has one.
func (b *body) attempt(e *plan.Expr, line int) (v value, failure string) {
	b.err, b.line, b.terms = "err", line, map[string]int{}
	b.expression++
	start := len(b.list)
	v = b.scalar(e)
	b.line = line
	list := slices.Clone(b.list[start:])
	b.list = b.list[:start]
	err := b.err
	only := slices.IndexFunc(list, func(s statement) bool { return s.term == b.err })
	switch terms := countTerms(list, b.err); {
	case terms == 0:
		b.list = append(b.list, list...)
		return v, ""
	case terms == 1 && only >= 0 && identifier(list[only].text) == list[only].text: // an error that is kept
		err = list[only].text
		list = slices.Delete(list, only, only+1)
	default:
		b.declareErr()
		list = settle(list, b.err, line)
	}
	b.list = append(b.list, list...)
	return v, b.use("failed") + "(" + err + ")"
}

// context reports whether the body needs its program's context.
func (b *body) context() bool {
	found := b.printer.plan.Channel.Kind == plan.Perfbuf
	for _, e := range b.expressions() {
		e.Walk(func(e *plan.Expr) {
			found = found || e.Op == plan.OpStack || e.Op == plan.OpBuiltin && e.Name == "func"
		})
	}
	return found
}

// params declares the parameters of the function.
func (b *body) parameters() string {
	var list []string
	if b.context() {
		list = append(list, "void *ctx")
	}
	for _, a := range b.plan.Args {
		list = append(list, b.argType(a.Type).declare(b.args[a.Name]))
	}
	if len(list) == 0 {
		return "void"
	}
	return strings.Join(list, ", ")
}

// declareErr declares err, which collects the errors of one filter or field.
func (b *body) declareErr() {
	if b.locals["err"] == "" {
		b.locals["err"] = "err"
		b.variables = append(b.variables, "long err")
	}
}
