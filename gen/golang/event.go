package golang

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/dave/jennifer/jen"

	"github.com/ebgen/ebgen/spec/plan"
)

// member is a field of a record and of the Go struct that holds it.
type member struct {
	field  plan.Field
	name   string
	absent string // the constant that says it has no value, "" when it always has one
}

// layOut names the fields of all structs, and notes what their types need.
func (g *printer) layOut() {
	p := g.Plan
	g.event = g.members(&p.Record, true)
	if p.Table == nil {
		return
	}
	m := &p.Maps[p.Table.Map]
	g.key = g.members(&m.Key, false)
	g.value = g.members(&m.Value, false)
}

func (g *printer) members(r *plan.Record, absent bool) []member {
	scope := newNames("Absent", "UnmarshalBinary")
	var list []member
	for _, f := range r.Fields {
		m := member{field: f, name: scope.give(exported(f.Name))}
		if f.Bit >= 0 && absent {
			m.absent = g.names.give("Absent" + m.name)
		}
		g.goType(f.Type)
		list = append(list, m)
	}
	return list
}

func byOffset(members []member) []member {
	members = slices.Clone(members)
	slices.SortStableFunc(members, func(a, b member) int { return cmp.Compare(a.field.Offset, b.field.Offset) })
	return members
}

// fields returns the fields of a struct that has the very bytes of a record, gaps and all.
func (g *printer) fields(r *plan.Record, members []member, comment func(m member) string) []jen.Code {
	members = byOffset(members)
	var list []jen.Code
	at := 0
	gap := func(to int) {
		if to > at {
			list = append(list, jen.Id("_").Index(jen.Lit(to-at)).Byte().Comment(fmt.Sprintf("%d: zero", at)))
		}
	}
	absent := false
	place := func(offset, size int, code *jen.Statement) {
		gap(offset)
		list = append(list, code)
		at = offset + size
	}
	word := func(before int) {
		if r.Absent >= 0 && !absent && r.Absent < before {
			kind := jen.Uint64()
			if comment != nil {
				kind = jen.Id("Absent")
			}
			place(r.Absent, 8, jen.Id("Absent").Add(kind).Comment(fmt.Sprintf("%d: the fields without a value, by bit", r.Absent)))
			absent = true
		}
	}
	for _, m := range members {
		word(m.field.Offset)
		code := jen.Id(m.name).Add(g.goType(m.field.Type))
		text := fmt.Sprintf("%d", m.field.Offset)
		if comment != nil {
			list = append(list, jen.Comment(paragraph(comment(m))))
		} else if what := meaning(m.field.Type); what != "" {
			text += ": " + what
		}
		gapBefore := m.field.Offset > at
		if gapBefore && comment != nil { // the gap stands before the comment
			last := list[len(list)-1]
			list = list[:len(list)-1]
			gap(m.field.Offset)
			list = append(list, last)
			at = m.field.Offset
		}
		place(m.field.Offset, m.field.Type.Size, code.Comment(text))
	}
	word(r.Size)
	gap(r.Size)
	return list
}

// main prints NAME.go: what depends on the spec.
func (g *printer) main() ([]byte, error) {
	f := g.file("linux")
	for _, line := range g.packageComment() {
		f.PackageComment(line)
	}
	if g.Generate != "" {
		f.Comment("//go:generate " + g.Generate)
		f.Line()
	}
	g.printAbsent(f)
	if g.Plan.Table != nil {
		if err := g.printTable(f); err != nil {
			return nil, err
		}
	} else {
		g.printEvent(f)
	}
	g.printParams(f)
	g.printCounts(f)
	g.printProbes(f)
	return render(f)
}

func (g *printer) packageComment() []string {
	p := g.Plan
	lines := []string{paragraph(fmt.Sprintf("Package %s is the tracer of the spec %s: %s", g.Name, p.File, cmp.Or(sentence(p.Description), strings.Join(probeNames(p), ", ")+".")))}
	lines = append(lines, "//")
	if p.Kernel != "" {
		lines = append(lines, paragraph(fmt.Sprintf("It was checked against the types of Linux %s; members that lie elsewhere in another kernel are found when it is loaded.", p.Kernel)), "//")
	}
	if p.Table != nil {
		lines = append(lines, paragraph("Load attaches it, Rows says what it has counted, Counts what it could not."))
	} else {
		lines = append(lines, paragraph("Load attaches it, ReadInto reads its events, Counts says what it could not deliver."))
	}
	lines = append(lines, "//")
	lines = append(lines, fmt.Sprintf("//	t, err := %s.Load(ctx, %s.Params{})", g.Name, g.Name))
	lines = append(lines, "//	if err != nil {", "//		return err", "//	}", "//	defer t.Close()")
	if p.Table != nil {
		read := "Rows"
		if g.has["double"] {
			read = "Take"
		}
		return append(lines, fmt.Sprintf("//	rows, err := t.%s()", read))
	}
	return append(lines,
		"//	defer context.AfterFunc(ctx, func() { t.Stop() })()",
		fmt.Sprintf("//	var e %s.Event", g.Name),
		"//	for {",
		"//		if err := t.ReadInto(&e); err != nil {",
		"//			return err // io.EOF after Stop, when all are read",
		"//		}",
		"//		fmt.Println(e)",
		"//	}")
}

func probeNames(p *plan.Plan) []string {
	var names []string
	for _, one := range p.Probes {
		names = append(names, one.Name)
	}
	return names
}

// printAbsent prints the bits of the absent word.
func (g *printer) printAbsent(f *jen.File) {
	if g.Plan.Record.Absent < 0 {
		return
	}
	f.Comment(paragraph("Absent says which fields have no value: a read failed, or there is none. Such a field is zero, or what could be read of it."))
	f.Type().Id("Absent").Uint64()
	f.Line()
	f.Comment("The bits of Absent.")
	f.Const().DefsFunc(func(d *jen.Group) {
		for _, m := range g.event {
			if m.absent != "" {
				d.Id(m.absent).Id("Absent").Op("=").Lit(1).Op("<<").Lit(m.field.Bit)
			}
		}
	})
	f.Line()
}

// printEvent prints the record and its decoder.
func (g *printer) printEvent(f *jen.File) {
	r := &g.Plan.Record
	f.Comment("EventSize is the size of an Event, and of the record that the kernel side writes, in bytes.")
	f.Const().Id("EventSize").Op("=").Lit(r.Size)
	f.Line()
	f.Comment(paragraph("Event is one record, byte for byte as the kernel side writes it. The numbers are offsets."))
	f.Type().Id("Event").Struct(g.fields(r, g.event, g.fieldComment)...)
	f.Line()
	g.assertSize(f, "Event")
	f.Comment("UnmarshalBinary decodes a record of EventSize bytes, without an allocation.")
	f.Func().Params(jen.Id("e").Op("*").Id("Event")).Id("UnmarshalBinary").Params(jen.Id("b").Index().Byte()).Error().BlockFunc(func(d *jen.Group) {
		d.If(jen.Len(jen.Id("b")).Op("!=").Id("EventSize")).Block(
			jen.Return(jen.Qual("fmt", "Errorf").Call(jen.Lit("a record of %d bytes, an event has %d"), jen.Len(jen.Id("b")), jen.Id("EventSize"))))
		if r.Absent >= 0 {
			d.Id("e").Dot("Absent").Op("=").Id("Absent").Call(native(8).Call(jen.Id("b").Index(jen.Lit(r.Absent), jen.Lit(r.Absent+8))))
		}
		for _, m := range byOffset(g.event) {
			for _, one := range g.decode(jen.Id("e").Dot(m.name), m.field.Type, m.field.Offset) {
				d.Add(one)
			}
		}
		d.Return(jen.Nil())
	})
	f.Line()
}

// assertSize prints what does not compile when a type has not its size.
func (g *printer) assertSize(f *jen.File, name string) {
	f.Var().Id("_").Op("=").Index(jen.Id(name + "Size")).Byte().Call(jen.Index(jen.Qual("unsafe", "Sizeof").Call(jen.Id(name).Values())).Byte().Values())
	f.Line()
}

// fieldComment says what a field of Event or Row is, and where it comes from.
func (g *printer) fieldComment(m member) string {
	text := m.name + " is " + g.origin(m)
	if what := meaning(m.field.Type); what != "" && m.field.Type.Meaning != plan.Time {
		text += ", " + what
	}
	text = sentence(text)
	if m.absent != "" {
		text += " Without a value " + m.absent + " is set."
	}
	return text
}

// origin is the expression that fills a field, and its place in the spec.
func (g *printer) origin(m member) string {
	return fmt.Sprintf("%s (%s:%d)", g.filledBy(m), g.Plan.File, m.field.Line)
}

func (g *printer) filledBy(m member) string {
	r := &g.Plan.Record
	if t := g.Plan.Table; t != nil {
		c := &t.Columns[r.Field(m.field.Name)]
		if c.Expr != nil {
			return g.spelledCells(c.Expr)
		}
		r = &g.Plan.Maps[t.Map].Key
	}
	for i := range g.Plan.Bodies {
		for _, a := range g.Plan.Bodies[i].Fields {
			if r.Fields[a.Field].Name != m.field.Name {
				continue
			}
			if b, ok := plan.Builtins[a.Expr.Name]; ok && a.Expr.Op == plan.OpBuiltin {
				return b.Help
			}
			return spelled(&a.Expr)
		}
	}
	return "a column of the spec"
}

// spelledCells is an expression over aggregates about as the spec has it.
func (g *printer) spelledCells(e *plan.Expr) string {
	switch e.Op {
	case plan.OpCell:
		return g.spelledCell(int(e.Int))
	case plan.OpQuantile:
		return fmt.Sprintf("the value that %g %% of %s are not above", float64(e.Int)/10_000, g.taken(int(e.Args[0].Int)))
	case plan.OpCast:
		return g.spelledCells(&e.Args[0])
	case plan.OpUnary:
		return e.Name + g.spelledCells(&e.Args[0])
	case plan.OpBinary:
		if e.Name == "min" || e.Name == "max" {
			return e.Name + "(" + g.spelledCells(&e.Args[0]) + ", " + g.spelledCells(&e.Args[1]) + ")"
		}
		return g.spelledCells(&e.Args[0]) + " " + e.Name + " " + g.spelledCells(&e.Args[1])
	}
	return spelled(e)
}

func (g *printer) spelledCell(cell int) string {
	kind := g.Plan.Table.Cells[cell].Kind
	if taken := g.taken(cell); taken != "" {
		return fmt.Sprintf("%s(%s)", kind, taken)
	}
	return string(kind) + "()"
}

// taken is what a cell takes of an event: a value, or of a count a condition.
func (g *printer) taken(cell int) string {
	for i := range g.Plan.Bodies {
		for _, u := range g.Plan.Bodies[i].Updates {
			switch {
			case u.Cell != cell:
			case u.Value != nil && u.When != nil:
				return spelled(u.Value) + ", " + spelled(u.When)
			case u.Value != nil:
				return spelled(u.Value)
			case u.When != nil:
				return spelled(u.When)
			}
		}
	}
	return ""
}

// spelled is an expression about as the spec has it.
func spelled(e *plan.Expr) string {
	path := func() string {
		text := ""
		for _, s := range e.Path {
			if s.Name == "" {
				text += fmt.Sprintf("[%d]", s.Index)
			} else {
				text += "." + s.Name
			}
		}
		return text
	}
	args := func() string {
		var list []string
		for i := range e.Args {
			list = append(list, spelled(&e.Args[i]))
		}
		return strings.Join(list, ", ")
	}
	switch e.Op {
	case plan.OpBuiltin:
		return e.Name
	case plan.OpText:
		return fmt.Sprintf("the text %q", e.Name)
	case plan.OpConst:
		if e.Name != "" {
			return e.Name
		}
		return fmt.Sprint(e.Int)
	case plan.OpArg:
		if e.Name == "retval" {
			return e.Name
		}
		return "args." + e.Name
	case plan.OpLoad, plan.OpAddress:
		return spelled(&e.Args[0]) + path()
	case plan.OpHost, plan.OpCast:
		return spelled(&e.Args[0])
	case plan.OpPart:
		return spelled(&e.Args[0]) + "." + e.Name
	case plan.OpCall, plan.OpC:
		return e.Name + "(" + args() + ")"
	case plan.OpUnary:
		return e.Name + spelled(&e.Args[0])
	case plan.OpBinary:
		return spelled(&e.Args[0]) + " " + e.Name + " " + spelled(&e.Args[1])
	case plan.OpDefault:
		return spelled(&e.Args[0]) + " ?? " + spelled(&e.Args[1])
	case plan.OpKept:
		return "start." + e.Name
	}
	return "computed"
}
