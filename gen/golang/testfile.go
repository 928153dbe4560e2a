package golang

import (
	"fmt"

	"github.com/dave/jennifer/jen"

	"github.com/ebgen/ebgen/spec/plan"
)

// test prints NAME_test.go: that the structs have the plan's offsets, that a record is
// decoded to what it holds without an allocation, and that the tracer loads.
func (g *printer) test() ([]byte, error) {
	f := g.file("linux")
	if g.Plan.Table != nil {
		m := &g.Plan.Maps[g.Plan.Table.Map]
		g.printOffsets(f, "Key", &m.Key, g.key)
		g.printOffsets(f, "Value", &m.Value, g.value)
		g.printTestMerge(f)
	} else {
		g.printOffsets(f, "Event", &g.Plan.Record, g.event)
		g.printTestDecode(f)
	}
	g.printTestTrace(f)
	return render(f)
}

func testFunc(f *jen.File, name string) *jen.Statement {
	return f.Func().Id(name).Params(jen.Id("t").Op("*").Qual("testing", "T"))
}

func (g *printer) printOffsets(f *jen.File, name string, r *plan.Record, members []member) {
	if len(members) == 0 {
		return
	}
	offset := func(field string) *jen.Statement { return jen.Qual("unsafe", "Offsetof").Call(jen.Id("x").Dot(field)) }
	f.Comment(fmt.Sprintf("Test%sLayout holds the fields of %s to where the kernel side has them.", name, name))
	testFunc(f, "Test"+name+"Layout").BlockFunc(func(b *jen.Group) {
		b.Var().Id("x").Id(name)
		b.For(jen.List(jen.Id("_"), jen.Id("f")).Op(":=").Range().Index().Struct(jen.Id("name").String(), jen.List(jen.Id("got"), jen.Id("want")).Uintptr()).ValuesFunc(func(v *jen.Group) {
			v.Line().Values(jen.Lit("size"), jen.Qual("unsafe", "Sizeof").Call(jen.Id("x")), jen.Lit(r.Size))
			if r.Absent >= 0 {
				v.Line().Values(jen.Lit("Absent"), offset("Absent"), jen.Lit(r.Absent))
			}
			for _, m := range members {
				v.Line().Values(jen.Lit(m.name), offset(m.name), jen.Lit(m.field.Offset))
			}
			v.Line()
		})).Block(jen.If(jen.Id("f").Dot("got").Op("!=").Id("f").Dot("want")).Block(
			jen.Id("t").Dot("Errorf").Call(jen.Lit("%s is %d, want %d"), jen.Id("f").Dot("name"), jen.Id("f").Dot("got"), jen.Id("f").Dot("want"))))
	})
	f.Line()
}

// goldenRecord is a record in which every byte is another one, as far as values can be.
func goldenRecord(r *plan.Record) []byte {
	b := make([]byte, r.Size)
	fill := func(at, size int) {
		for i := range size {
			b[at+i] = byte((at+i)*7%251 + 1)
		}
	}
	if r.Absent >= 0 {
		b[r.Absent] = 1
	}
	for _, f := range r.Fields {
		switch parts := f.Type.Kind.Parts(); {
		case parts != nil:
			for _, p := range parts {
				fill(f.Offset+p.Offset, p.Type.Size)
			}
		case f.Type.Kind == plan.Bool:
			b[f.Offset] = 1
		default:
			fill(f.Offset, f.Type.Size)
		}
	}
	return b
}

func (g *printer) printTestDecode(f *jen.File) {
	r := &g.Plan.Record
	golden := goldenRecord(r)
	f.Comment("golden is a record as the kernel side writes it, little endian, with a byte of its own in each place.")
	f.Var().Id("golden").Op("=").Index().Byte().ValuesFunc(func(v *jen.Group) {
		for i, one := range bytesLiteral(golden) {
			if i%16 == 0 {
				one = jen.Line().Add(one)
			}
			v.Add(one)
		}
		v.Line()
	})
	f.Line()
	f.Comment("TestUnmarshalBinary decodes golden, and nothing of another size.")
	testFunc(f, "TestUnmarshalBinary").BlockFunc(func(b *jen.Group) {
		values := jen.Dict{}
		if r.Absent >= 0 {
			values[jen.Id("Absent")] = jen.Lit(1)
		}
		for _, m := range g.event {
			values[jen.Id(m.name)] = g.literal(m.field.Type, golden[m.field.Offset:])
		}
		b.Id("want").Op(":=").Id("Event").Values(values)
		b.Var().Id("got").Id("Event")
		b.If(jen.Err().Op(":=").Id("got").Dot("UnmarshalBinary").Call(jen.Id("golden")), jen.Err().Op("!=").Nil().Op("||").Id("got").Op("!=").Id("want")).Block(
			jen.Id("t").Dot("Errorf").Call(jen.Lit("got %+v, %v\nwant %+v"), jen.Id("got"), jen.Err(), jen.Id("want")))
		b.If(jen.Id("got").Dot("UnmarshalBinary").Call(jen.Id("golden").Index(jen.Empty(), jen.Id("EventSize").Op("-").Lit(1))).Op("==").Nil()).Block(
			jen.Id("t").Dot("Error").Call(jen.Lit("a record that is cut short is taken")))
	})
	f.Line()
	f.Comment("TestUnmarshalBinaryAllocates wants no allocation.")
	testFunc(f, "TestUnmarshalBinaryAllocates").Block(
		jen.Var().Id("e").Id("Event"),
		jen.If(jen.Id("n").Op(":=").Qual("testing", "AllocsPerRun").Call(jen.Lit(100), jen.Func().Params().Block(jen.Id("_").Op("=").Id("e").Dot("UnmarshalBinary").Call(jen.Id("golden")))), jen.Id("n").Op("!=").Lit(0)).Block(
			jen.Id("t").Dot("Errorf").Call(jen.Lit("%v allocations"), jen.Id("n"))))
	f.Line()
	f.Comment("BenchmarkUnmarshalBinary is the time of one record.")
	f.Func().Id("BenchmarkUnmarshalBinary").Params(jen.Id("b").Op("*").Qual("testing", "B")).Block(
		jen.Var().Id("e").Id("Event"),
		jen.Id("b").Dot("SetBytes").Call(jen.Id("EventSize")),
		jen.Id("b").Dot("ReportAllocs").Call(),
		jen.For(jen.Id("b").Dot("Loop").Call()).Block(
			jen.If(jen.Err().Op(":=").Id("e").Dot("UnmarshalBinary").Call(jen.Id("golden")), jen.Err().Op("!=").Nil()).Block(jen.Id("b").Dot("Fatal").Call(jen.Err()))))
	f.Line()
}

// printTestMerge puts the values of two CPUs together.
func (g *printer) printTestMerge(f *jen.File) {
	one, two, want := jen.Dict{}, jen.Dict{}, jen.Dict{}
	for _, c := range g.Plan.Table.Cells {
		name := jen.Id(g.value[c.Field].name)
		switch c.Kind {
		case plan.Count, plan.Sum:
			one[name], two[name], want[name] = jen.Lit(37), jen.Lit(101), jen.Lit(138)
		case plan.Buckets:
			at := func(n int) jen.Code {
				return g.goType(g.value[c.Field].field.Type).Values(jen.Dict{jen.Lit(1): jen.Lit(n)})
			}
			one[name], two[name], want[name] = at(37), at(101), at(138)
		case plan.Least, plan.Greatest:
			seen := jen.Id(g.value[c.Seen].name)
			one[name], two[name], want[name] = jen.Lit(37), jen.Lit(101), jen.Lit(37)
			if c.Kind == plan.Greatest {
				want[name] = jen.Lit(101)
			}
			one[seen], two[seen], want[seen] = jen.Lit(1), jen.Lit(1), jen.Lit(1)
		}
	}
	f.Comment("TestMerge puts together what two CPUs have counted, and a third one that has counted nothing, without an allocation.")
	testFunc(f, "TestMerge").Block(
		jen.List(jen.Id("v"), jen.Id("o"), jen.Id("want")).Op(":=").List(jen.Id("Value").Values(one), jen.Id("Value").Values(two), jen.Id("Value").Values(want)),
		jen.Id("v").Dot("merge").Call(jen.Op("&").Id("o")),
		jen.Id("v").Dot("merge").Call(jen.New(jen.Id("Value"))),
		jen.If(jen.Id("v").Op("!=").Id("want")).Block(jen.Id("t").Dot("Errorf").Call(jen.Lit("got %+v\nwant %+v"), jen.Id("v"), jen.Id("want"))),
		jen.If(jen.Id("n").Op(":=").Qual("testing", "AllocsPerRun").Call(jen.Lit(100), jen.Func().Params().Block(jen.Id("v").Dot("merge").Call(jen.Op("&").Id("o")))), jen.Id("n").Op("!=").Lit(0)).Block(
			jen.Id("t").Dot("Errorf").Call(jen.Lit("%v allocations"), jen.Id("n"))))
	f.Line()
}

// printTestTrace loads the tracer, stops it and reads what it has found.
func (g *printer) printTestTrace(f *jen.File) {
	f.Comment(paragraph("TestTrace traces for a moment, as root: it loads, stops, reads all that there is, and counts."))
	testFunc(f, "TestTrace").BlockFunc(func(b *jen.Group) {
		b.If(jen.Qual("os", "Geteuid").Call().Op("!=").Lit(0)).Block(jen.Id("t").Dot("Skip").Call(jen.Lit("tracing needs root")))
		b.List(jen.Id("tracer"), jen.Err()).Op(":=").Id("Load").Call(jen.Id("t").Dot("Context").Call(), jen.Id("Params").Values())
		b.Var().Id("impossible").Op("*").Id("AttachError")
		b.If(jen.Qual("errors", "As").Call(jen.Err(), jen.Op("&").Id("impossible"))).Block(jen.Id("t").Dot("Skip").Call(jen.Err()))
		b.If(jen.Err().Op("!=").Nil()).Block(jen.Id("t").Dot("Fatal").Call(jen.Err()))
		b.Defer().Func().Params().Block(jen.If(jen.Err().Op(":=").Id("tracer").Dot("Close").Call(), jen.Err().Op("!=").Nil()).Block(jen.Id("t").Dot("Error").Call(jen.Err()))).Call()
		b.Id("t").Dot("Logf").Call(jen.Lit("%+v"), jen.Id("tracer").Dot("Attached").Call())
		if g.Plan.Table == nil && g.has["iteratorrecords"] {
			g.readTest(b)
			b.If(jen.Err().Op(":=").Id("tracer").Dot("Stop").Call(), jen.Err().Op("!=").Nil()).Block(jen.Id("t").Dot("Fatal").Call(jen.Err()))
		} else {
			b.If(jen.Err().Op(":=").Id("tracer").Dot("Stop").Call(), jen.Err().Op("!=").Nil()).Block(jen.Id("t").Dot("Fatal").Call(jen.Err()))
			g.readTest(b)
		}
		b.List(jen.Id("counts"), jen.Err()).Op(":=").Id("tracer").Dot("Counts").Call()
		b.If(jen.Err().Op("!=").Nil()).Block(jen.Id("t").Dot("Fatal").Call(jen.Err()))
		b.Id("t").Dot("Logf").Call(jen.Lit("%+v"), jen.Id("counts"))
	})
}

// readTest prints the reading of all that a stopped tracer has found.
func (g *printer) readTest(b *jen.Group) {
	if g.Plan.Table != nil {
		b.List(jen.Id("rows"), jen.Err()).Op(":=").Id("tracer").Dot("Rows").Call()
		b.If(jen.Err().Op("!=").Nil()).Block(jen.Id("t").Dot("Fatal").Call(jen.Err()))
		b.Id("t").Dot("Logf").Call(jen.Lit("%d rows"), jen.Len(jen.Id("rows")))
		return
	}
	b.Id("events").Op(":=").Lit(0)
	if g.has["iteratorrecords"] && !g.has["iteratorsalone"] {
		b.Id("go").Id("tracer").Dot("Stop").Call()
	}
	b.For(jen.Id("e").Op(":=").Parens(jen.Id("Event").Values()), jen.Empty(), jen.Id("events").Op("++")).Block(
		jen.If(jen.Err().Op(":=").Id("tracer").Dot("ReadInto").Call(jen.Op("&").Id("e")), jen.Err().Op("==").Qual("io", "EOF")).Block(jen.Break()).
			Else().If(jen.Err().Op("!=").Nil()).Block(jen.Id("t").Dot("Fatal").Call(jen.Err())))
	b.Id("t").Dot("Logf").Call(jen.Lit("%d events"), jen.Id("events"))
}
