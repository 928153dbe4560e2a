package golang

import (
	"fmt"
	"math"

	"github.com/dave/jennifer/jen"

	"github.com/ebgen/ebgen/spec/plan"
)

// expression prints the arithmetic of one column of a table, as package aggregate of the
// runtime computes it.
type expression struct {
	g      *printer
	column string
	before []jen.Code       // statements to come first
	when   []*jen.Statement // conditions under which there is a value, to be asked in this order
}

// kind is the Go type in which an expression's value is computed.
func kind(t plan.Type) *jen.Statement {
	switch t.Kind {
	case plan.Float:
		return jen.Float64()
	case plan.Bool:
		return jen.Bool()
	case plan.Pointer:
		return jen.Uint64()
	}
	return jen.Id(integer(t.Size, t.Signed))
}

// print returns e as Go. It can be used once; Clone it for more.
func (x *expression) print(e *plan.Expr) (*jen.Statement, error) {
	switch e.Op {
	case plan.OpConst:
		if e.Type.Kind == plan.Float {
			return jen.Float64().Call(jen.Id(fmt.Sprint(e.Int))), nil
		}
		if e.Type.Kind == plan.Bool {
			return jen.Lit(e.Int != 0), nil
		}
		return kind(e.Type).Call(jen.Id(number(plan.Type{Kind: plan.Int, Size: e.Type.Size, Signed: e.Type.Signed}, uint64(e.Int)))), nil
	case plan.OpCell:
		return x.cell(e), nil
	case plan.OpQuantile:
		return x.quantile(e), nil
	case plan.OpCast:
		return x.cast(e)
	case plan.OpUnary:
		return x.unary(e)
	case plan.OpBinary:
		return x.binary(e)
	}
	return nil, fmt.Errorf("column %s: no Go for the operation %q", x.column, e.Op)
}

// operand is print for an operator's side.
func (x *expression) operand(e *plan.Expr) (*jen.Statement, error) {
	value, err := x.print(e)
	if err == nil && (e.Op == plan.OpBinary && e.Name != "min" && e.Name != "max" || e.Op == plan.OpUnary || e.Op == plan.OpCast && e.Type.Kind == plan.Bool) {
		value = jen.Parens(value)
	}
	return value, err
}

// cell is a number of Value, in the type that the expression has it in.
func (x *expression) cell(e *plan.Expr) *jen.Statement {
	c := &x.g.Plan.Table.Cells[e.Int]
	m := x.g.value[c.Field]
	if c.Kind == plan.Least || c.Kind == plan.Greatest {
		x.when = append(x.when, jen.Id("v").Dot(x.g.value[c.Seen].name).Op("!=").Lit(0))
	}
	value := jen.Id("v").Dot(m.name)
	if e.Type.Size == 8 && e.Type.Signed == m.field.Type.Signed {
		return value
	}
	return kind(e.Type).Call(value)
}

// quantile looks one up before anything else is done.
func (x *expression) quantile(e *plan.Expr) *jen.Statement {
	m := x.g.value[x.g.Plan.Table.Cells[e.Args[0].Int].Field]
	histogram := x.g.histogram(m.field.Type)
	of := "uint64"
	if x.g.Plan.Histograms[m.field.Type.Hist-1].Signed {
		of = "int64"
	}
	value, ok := fmt.Sprintf("%s%d", lower(x.column), len(x.before)), fmt.Sprintf("has%s%d", x.column, len(x.before))
	x.before = append(x.before, jen.List(jen.Id(value), jen.Id(ok)).Op(":=").Id("quantile").Types(jen.Id(of)).Call(
		jen.Id(lower(histogram)+"Buckets"), jen.Id("v").Dot(m.name).Index(jen.Empty(), jen.Empty()), jen.Lit(int(e.Int))))
	x.when = append(x.when, jen.Id(ok))
	if of == integer(e.Type.Size, e.Type.Signed) {
		return jen.Id(value)
	}
	return kind(e.Type).Call(jen.Id(value))
}

// cast converts as C does. A float that the integer cannot hold is no value.
func (x *expression) cast(e *plan.Expr) (*jen.Statement, error) {
	value, err := x.print(&e.Args[0])
	if err != nil {
		return nil, err
	}
	from, to := e.Args[0].Type, e.Type
	switch {
	case from.Kind == plan.Bool && to.Kind == plan.Bool:
		return value, nil
	case from.Kind == plan.Bool:
		x.g.has["truth"] = true
		return kind(to).Call(jen.Id("truth").Call(value)), nil
	case to.Kind == plan.Bool:
		return jen.Parens(value).Op("!=").Lit(0), nil
	case from.Kind == plan.Float && to.Kind != plan.Float:
		least, limit := 0.0, math.Ldexp(1, 8*to.Size)
		if to.Signed {
			limit = math.Ldexp(1, 8*to.Size-1)
			least = -limit
		}
		whole := jen.Qual("math", "Trunc").Call(value.Clone())
		x.when = append(x.when, whole.Clone().Op(">=").Id(fmt.Sprint(least)), whole.Op("<").Id(fmt.Sprint(limit)))
	}
	return kind(to).Call(value), nil
}

func (x *expression) unary(e *plan.Expr) (*jen.Statement, error) {
	value, err := x.operand(&e.Args[0])
	if err != nil {
		return nil, err
	}
	switch e.Name {
	case "-":
		return jen.Op("-").Add(value), nil
	case "~":
		return jen.Op("^").Add(value), nil
	case "!":
		if e.Args[0].Type.Kind == plan.Bool {
			return jen.Op("!").Add(value), nil
		}
		return value.Op("==").Lit(0), nil
	}
	return nil, fmt.Errorf("column %s: no Go for the operator %q", x.column, e.Name)
}

// comparisons give a bool in Go; C's numbers 0 and 1 come of the casts around them.
var comparisons = map[string]bool{"==": true, "!=": true, "<": true, "<=": true, ">": true, ">=": true}

func (x *expression) binary(e *plan.Expr) (*jen.Statement, error) {
	left, err := x.operand(&e.Args[0])
	if err != nil {
		return nil, err
	}
	asked := len(x.when)
	right, err := x.operand(&e.Args[1])
	if err != nil {
		return nil, err
	}
	float := e.Args[0].Type.Kind == plan.Float
	switch e.Name {
	case "&&", "||": // the right side is asked only where the left one does not decide
		decided := left.Clone()
		if e.Name == "&&" {
			decided = jen.Op("!").Add(left.Clone())
		}
		for i := asked; i < len(x.when); i++ {
			x.when[i] = jen.Parens(decided.Clone().Op("||").Add(x.when[i]))
		}
	case "/", "%":
		if !float {
			x.when = append(x.when, right.Clone().Op("!=").Lit(0))
		}
	case "<<", ">>": // the count as the tracer's C masks it
		mask := 8*max(e.Type.Size, 4) - 1
		return left.Op(e.Name).Parens(jen.Uint64().Call(right).Op("&").Lit(mask)), nil
	}
	var value *jen.Statement
	if e.Name == "min" || e.Name == "max" {
		value = jen.Id(e.Name).Call(left, right)
	} else {
		value = left.Op(e.Name).Add(right)
	}
	if float && !comparisons[e.Name] {
		x.g.has["finite"] = true
		x.when = append(x.when, jen.Id("finite").Call(value.Clone()))
	}
	return value, nil
}
