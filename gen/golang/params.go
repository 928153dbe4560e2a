package golang

import (
	"fmt"
	"time"

	"github.com/dave/jennifer/jen"

	"github.com/ebgen/ebgen/spec/plan"
)

// settable returns the params that can be given: a fixed one is part of what is traced.
func settable(p *plan.Plan) []plan.Param {
	var list []plan.Param
	for _, one := range p.Params {
		if !one.Fixed {
			list = append(list, one)
		}
	}
	return list
}

// paramType is the Go type of one value of a param.
func (g *printer) paramType(t plan.Type) *jen.Statement {
	switch {
	case t.Kind == plan.String:
		return jen.String()
	case t.Kind == plan.IP:
		return jen.Qual("net/netip", "Addr")
	case t.Kind == plan.Prefix:
		return jen.Qual("net/netip", "Prefix")
	case t.Kind == plan.Int && t.Meaning == plan.Duration:
		return jen.Qual("time", "Duration")
	case t.Kind == plan.Int && t.Enum == 0:
		return jen.Id(integer(t.Size, t.Signed))
	}
	return g.goType(t)
}

// printParams prints the struct of params and how they get into the object.
func (g *printer) printParams(f *jen.File) {
	params := settable(g.Plan)
	if len(params) == 0 {
		f.Comment("Params are the values of the spec's params, of which it has none.")
		f.Type().Id("Params").Struct()
		f.Line()
		f.Func().Params(jen.Id("p").Op("*").Id("Params")).Id("set").Params(jen.Op("*").Qual(ebpfPath, "CollectionSpec")).Error().Block(jen.Return(jen.Nil()))
		f.Line()
		return
	}
	scope := newNames()
	var fields, set []jen.Code
	for i := range params {
		p := &params[i]
		name := scope.give(exported(p.Name))
		comment := name + " is the param " + p.Name
		if p.Help != "" {
			comment += ": " + p.Help
		}
		comment = sentence(comment)
		if p.Given {
			comment += " nil is the default, " + p.Default + "."
		}
		kind := jen.Op("*").Add(g.paramType(p.Type))
		if p.List {
			kind = jen.Index().Add(g.paramType(p.Type))
		}
		fields = append(fields, jen.Comment(paragraph(comment)), jen.Id(name).Add(kind))
		set = append(set, g.setParam(p, name)...)
	}
	f.Comment(paragraph("Params are the values of the spec's params. What is nil is not given: filters that use it are off, and cost nothing, unless it has a default."))
	f.Type().Id("Params").Struct(fields...)
	f.Line()
	f.Comment("set puts the values into an object that is not yet loaded.")
	f.Func().Params(jen.Id("p").Op("*").Id("Params")).Id("set").Params(jen.Id("spec").Op("*").Qual(ebpfPath, "CollectionSpec")).Error().BlockFunc(func(b *jen.Group) {
		b.Id("s").Op(":=").Id("paramSetter").Values(jen.Dict{jen.Id("spec"): jen.Id("spec")})
		for _, one := range set {
			b.Add(one)
		}
		b.Return(jen.Id("s").Dot("err"))
	})
	f.Line()
}

// setParam returns the statements that set one param.
func (g *printer) setParam(p *plan.Param, name string) []jen.Code {
	given := func() *jen.Statement { return jen.Id("p").Dot(name) }
	var list []jen.Code
	whenGiven := func(body ...jen.Code) []jen.Code {
		return append(list, jen.If(given().Op("!=").Nil()).Block(body...))
	}
	if p.Given {
		list = append(list, jen.If(given().Op("==").Nil()).Block(g.setDefault(p, given())...))
		whenGiven = func(body ...jen.Code) []jen.Code { return append(list, body...) }
	}
	if p.List || p.Type.Kind == plan.Prefix {
		g.has["lists"] = true
	} else {
		g.has["singles"] = true
	}
	value := func(of *jen.Statement) (before []jen.Code, value jen.Code) { return g.keyOf(p, of) }
	switch {
	case p.List && g.plainKey(p):
		return append(list, jen.Id("setList").Call(jen.Op("&").Id("s"), jen.Lit(p.Name), given()))
	case p.List:
		before, one := value(jen.Id("v"))
		keys := lower(exported(p.Name)) + "Keys"
		return append(list,
			jen.Var().Id(keys).Index().Add(g.keyType(p)),
			jen.For(jen.List(jen.Id("_"), jen.Id("v")).Op(":=").Range().Add(given())).Block(append(before,
				jen.Id(keys).Op("=").Append(jen.Id(keys), one))...),
			jen.Id("setList").Call(jen.Op("&").Id("s"), jen.Lit(p.Name), jen.Id(keys)))
	case p.Type.Kind == plan.Prefix:
		before, one := value(jen.Op("*").Add(given()))
		return whenGiven(append(before, jen.Id("setList").Call(jen.Op("&").Id("s"), jen.Lit(p.Name), jen.Index().Add(g.keyType(p)).Values(one)))...)
	}
	before, one := value(jen.Op("*").Add(given()))
	return whenGiven(append(before, jen.Id("s").Dot("set").Call(jen.Lit(p.Name), one))...)
}

// plainKey reports whether the values of a list are keys of its map as they are.
func (g *printer) plainKey(p *plan.Param) bool {
	switch p.Type.Kind {
	case plan.String, plan.IP, plan.Prefix:
		return false
	}
	return !(p.Type.Meaning == plan.Duration && (!p.Type.Signed || p.Type.Size != 8))
}

// keyType is the type of a value as the kernel side has it.
func (g *printer) keyType(p *plan.Param) *jen.Statement {
	switch {
	case p.Type.Kind == plan.String:
		return jen.Index(jen.Lit(p.Type.Size)).Byte()
	case p.Type.Kind == plan.IP:
		return jen.Index(jen.Lit(16)).Byte()
	case p.Type.Kind == plan.Prefix:
		return jen.Id("networkKey")
	}
	return jen.Id(integer(p.Type.Size, p.Type.Signed))
}

// keyOf makes what the kernel side has of a value; before is what is to be done first.
func (g *printer) keyOf(p *plan.Param, value *jen.Statement) (before []jen.Code, key jen.Code) {
	name := jen.Lit(p.Name)
	switch {
	case p.Type.Kind == plan.String:
		g.has["texts"] = true
		text := lower(exported(p.Name)) + "Text"
		return []jen.Code{
			jen.Var().Id(text).Add(g.keyType(p)),
			jen.Id("s").Dot("text").Call(name, value, jen.Id(text).Index(jen.Empty(), jen.Empty())),
		}, jen.Id(text)
	case p.Type.Kind == plan.IP:
		g.has["addresses"] = true
		return nil, jen.Id("s").Dot("address").Call(name, value)
	case p.Type.Kind == plan.Prefix:
		g.has["networks"] = true
		return nil, jen.Id("s").Dot("network").Call(name, value)
	case p.Type.Meaning == plan.Duration:
		if !p.Type.Signed {
			g.has["durations"] = true
			before = append(before, jen.Id("s").Dot("nonNegative").Call(name, jen.Int64().Call(value)))
		}
		return before, jen.Id(integer(p.Type.Size, p.Type.Signed)).Call(value)
	}
	return nil, value
}

// setDefault puts the default into a param that is not given. The copy of Params is Load's own.
func (g *printer) setDefault(p *plan.Param, given *jen.Statement) []jen.Code {
	values, err := p.Parse(g.Plan.Enums, p.Default)
	if err != nil {
		panic(fmt.Sprintf("param %s: the default %s: %v", p.Name, p.Default, err)) // the checker has parsed it
	}
	if p.List {
		var list []jen.Code
		for _, v := range values {
			list = append(list, g.paramLiteral(p.Type, v))
		}
		return []jen.Code{given.Clone().Op("=").Index().Add(g.paramType(p.Type)).Values(list...)}
	}
	return []jen.Code{
		jen.Id("preset").Op(":=").Add(g.typedLiteral(p.Type, values[0])),
		given.Clone().Op("=").Op("&").Id("preset"),
	}
}

// typedLiteral is paramLiteral with its type, for a variable.
func (g *printer) typedLiteral(t plan.Type, v plan.Value) jen.Code {
	if (t.Kind == plan.Int || t.Kind == plan.Enumer) && t.Meaning != plan.Duration {
		return g.paramType(t).Call(g.paramLiteral(t, v))
	}
	return g.paramLiteral(t, v)
}

// durationUnits are the units of a literal, the largest first.
var durationUnits = []struct {
	name string
	unit time.Duration
}{{"Hour", time.Hour}, {"Minute", time.Minute}, {"Second", time.Second}, {"Millisecond", time.Millisecond}, {"Microsecond", time.Microsecond}, {"Nanosecond", 1}}

// paramLiteral is a value as Go source.
func (g *printer) paramLiteral(t plan.Type, v plan.Value) jen.Code {
	switch {
	case t.Kind == plan.Bool:
		return jen.Lit(v[0] != 0)
	case t.Kind == plan.String:
		text := []byte(v)
		for i, c := range text {
			if c == 0 {
				text = text[:i]
				break
			}
		}
		return jen.Lit(string(text))
	case t.Kind == plan.IP:
		return jen.Qual("net/netip", "AddrFrom16").Call(jen.Index(jen.Lit(16)).Byte().Values(bytesLiteral(v)...)).Dot("Unmap").Call()
	case t.Kind == plan.Prefix:
		length := read(v, 4)
		return jen.Qual("net/netip", "PrefixFrom").Call(jen.Qual("net/netip", "AddrFrom16").Call(jen.Index(jen.Lit(16)).Byte().Values(bytesLiteral(v[4:])...)), jen.Id(fmt.Sprint(length)))
	case t.Meaning == plan.Duration:
		d := time.Duration(read(v, t.Size))
		for _, u := range durationUnits {
			if d == u.unit {
				return jen.Qual("time", u.name)
			}
			if d != 0 && d%u.unit == 0 {
				return jen.Id(fmt.Sprint(int64(d/u.unit))).Op("*").Qual("time", u.name)
			}
		}
		return jen.Qual("time", "Duration").Call(jen.Lit(0))
	}
	return jen.Id(number(t, read(v, t.Size)))
}
