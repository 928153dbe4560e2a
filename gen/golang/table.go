package golang

import (
	"fmt"

	"github.com/dave/jennifer/jen"

	"github.com/ebgen/ebgen/spec/plan"
)

// printTable prints the entries of a table as the kernel side has them, the rows that are
// made of them, and how.
func (g *printer) printTable(f *jen.File) error {
	p := g.Plan
	m := &p.Maps[p.Table.Map]
	f.Comment(paragraph("The sizes of what the kernel side counts by, and of what it counts, in bytes."))
	f.Const().Defs(jen.Id("KeySize").Op("=").Lit(m.Key.Size), jen.Id("ValueSize").Op("=").Lit(m.Value.Size))
	f.Line()
	f.Comment("Key is what rows are counted by, as the kernel side has it. The numbers are offsets.")
	f.Type().Id("Key").Struct(g.fields(&m.Key, g.key, nil)...)
	f.Line()
	f.Comment(paragraph("Value is what is counted under one key, on one CPU where each has its own. The numbers are offsets."))
	f.Type().Id("Value").Struct(g.rawFields(&m.Value)...)
	f.Line()
	g.assertSize(f, "Key")
	g.assertSize(f, "Value")
	g.printMerge(f)
	f.Comment("Row is what was counted under one key.")
	f.Type().Id("Row").StructFunc(func(d *jen.Group) {
		if p.Record.Absent >= 0 {
			d.Id("Absent").Id("Absent")
		}
		for _, one := range g.event {
			d.Comment(paragraph(g.fieldComment(one)))
			d.Id(one.name).Add(g.goType(one.field.Type))
		}
	})
	f.Line()
	if err := g.printMakeRow(f, m); err != nil {
		return err
	}
	f.Comment("tableMaps are the maps in which the programs count.")
	f.Var().Id("tableMaps").Op("=").Index(jen.Op("...")).String().ValuesFunc(func(v *jen.Group) {
		v.Lit(m.Name)
		if m.Double {
			v.Lit(m.Idle())
		}
	})
	f.Line()
	return nil
}

// rawFields returns the fields of Value: plain numbers, and histograms.
func (g *printer) rawFields(r *plan.Record) []jen.Code {
	var list []jen.Code
	for _, m := range g.value {
		kind := jen.Id(integer(8, m.field.Type.Signed))
		if m.field.Type.Kind == plan.Hist {
			kind = g.goType(m.field.Type)
		}
		text := fmt.Sprintf("%d", m.field.Offset)
		if what := meaning(m.field.Type); what != "" {
			text += ": " + what
		}
		list = append(list, jen.Id(m.name).Add(kind).Comment(text))
	}
	return list
}

// printMerge prints how what two CPUs, or two maps, have counted is put together.
func (g *printer) printMerge(f *jen.File) {
	f.Comment("merge puts to v what another CPU, or map, has counted. Sums wrap around as in the kernel.")
	f.Func().Params(jen.Id("v").Op("*").Id("Value")).Id("merge").Params(jen.Id("o").Op("*").Id("Value")).BlockFunc(func(b *jen.Group) {
		for _, c := range g.Plan.Table.Cells {
			name := g.value[c.Field].name
			mine, other := jen.Id("v").Dot(name), jen.Id("o").Dot(name)
			switch c.Kind {
			case plan.Count, plan.Sum:
				b.Add(mine.Op("+=").Add(other))
			case plan.Buckets:
				b.Id("sumBuckets").Call(mine.Index(jen.Empty(), jen.Empty()), other.Index(jen.Empty(), jen.Empty()))
			default:
				than := "<"
				if c.Kind == plan.Greatest {
					than = ">"
				}
				seen := g.value[c.Seen].name
				b.If(jen.Id("o").Dot(seen).Op("!=").Lit(0).Op("&&").Parens(jen.Id("v").Dot(seen).Op("==").Lit(0).Op("||").Add(other.Clone()).Op(than).Add(mine.Clone()))).Block(
					mine.Clone().Op("=").Add(other.Clone()), jen.Id("v").Dot(seen).Op("=").Lit(1))
			}
		}
	})
	f.Line()
}

// printMakeRow prints how a row is made of an entry.
func (g *printer) printMakeRow(f *jen.File, m *plan.Map) error {
	var body []jen.Code
	usesKey, usesValue := false, false
	for i, c := range g.Plan.Table.Columns {
		to := g.event[i]
		at := jen.Id("r").Dot(to.name)
		if c.Key >= 0 {
			usesKey = true
			body = append(body, at.Op("=").Id("k").Dot(g.key[c.Key].name))
			if bit := m.Key.Fields[c.Key].Bit; bit >= 0 {
				body = append(body, jen.If(jen.Id("k").Dot("Absent").Op("&").Parens(jen.Lit(1).Op("<<").Lit(bit)).Op("!=").Lit(0)).Block(
					jen.Id("r").Dot("Absent").Op("|=").Id(to.absent)))
			}
			continue
		}
		usesValue = true
		x := &expression{g: g, column: to.name}
		var set *jen.Statement
		if to.field.Type.Kind == plan.Hist {
			cell := &g.Plan.Table.Cells[c.Expr.Int]
			set = at.Op("=").Id("v").Dot(g.value[cell.Field].name)
		} else {
			value, err := x.print(c.Expr)
			if err != nil {
				return err
			}
			set = at.Op("=").Add(g.asField(to.field.Type, c.Expr.Type, value))
		}
		forms, every := g.Plan.Table.Reach(c.Expr)
		if !every && len(forms) == 0 { // in no row
			body = append(body, jen.Id("r").Dot("Absent").Op("|=").Id(to.absent))
			continue
		}
		if !every {
			usesKey = true
			x.when = append(x.when, ofForm(forms))
		}
		body = append(body, x.before...)
		if len(x.when) == 0 {
			body = append(body, set)
			continue
		}
		all := x.when[0]
		for _, one := range x.when[1:] {
			all = all.Op("&&").Add(one)
		}
		otherwise := jen.Id("r").Dot("Absent").Op("|=").Id(to.absent)
		if to.absent == "" {
			return fmt.Errorf("column %s may have no value and has no bit to say so", to.field.Name)
		}
		body = append(body, jen.If(all).Block(set).Else().Block(otherwise))
	}
	name := func(used bool, name string) *jen.Statement {
		if used {
			return jen.Id(name)
		}
		return jen.Id("_")
	}
	f.Comment("makeRow computes the columns of an entry.")
	f.Func().Id("makeRow").Params(name(usesKey, "k").Op("*").Id("Key"), name(usesValue, "v").Op("*").Id("Value")).Id("Row").BlockFunc(func(b *jen.Group) {
		b.Var().Id("r").Id("Row")
		for _, one := range body {
			b.Add(one)
		}
		b.Return(jen.Id("r"))
	})
	f.Line()
	return nil
}

// ofForm asks whether a row's key is of one of the forms.
func ofForm(forms []plan.Reach) *jen.Statement {
	var any *jen.Statement
	for _, r := range forms {
		one := jen.Id("k").Dot("Absent").Op("&").Lit(int(r.Set | r.Clear)).Op("==").Lit(int(r.Set))
		if any == nil {
			any = one
		} else {
			any = any.Op("||").Add(one)
		}
	}
	if len(forms) > 1 {
		any = jen.Parens(any)
	}
	return any
}

// asField converts a number of the type of an expression to that of a field of Row.
func (g *printer) asField(to, from plan.Type, value *jen.Statement) jen.Code {
	if from.Kind == plan.Float && (to.Meaning == plan.Duration || to.Meaning == plan.Time) {
		return g.goType(to).Call(jen.Qual("math", "Round").Call(value))
	}
	if as := g.goType(to); as.GoString() != kind(from).GoString() {
		return as.Call(value)
	}
	return value
}
