package golang

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"
	"strconv"
	"strings"

	"github.com/dave/jennifer/jen"

	"github.com/ebgen/ebgen/spec/plan"
)

// goType returns the Go type of a value, and notes what the package needs for it. In a
// record it has the value's very bytes.
func (g *printer) goType(t plan.Type) *jen.Statement {
	switch t.Kind {
	case plan.Bool:
		return jen.Bool()
	case plan.Pointer:
		return jen.Uint64()
	case plan.IP:
		return jen.Id(g.needs("IP", "ip"))
	case plan.Flow:
		return jen.Id(g.needs("Flow", "flow", "ip"))
	case plan.Owner:
		g.text(plan.Owner.Parts()[1].Type.Size)
		return jen.Id("Owner")
	case plan.String:
		return jen.Id(g.text(t.Size))
	case plan.Bytes:
		return jen.Index(jen.Lit(t.Size)).Byte()
	case plan.Hist:
		return jen.Id(g.histogram(t))
	case plan.Float:
		switch t.Meaning {
		case plan.Duration:
			return jen.Qual("time", "Duration")
		case plan.Time:
			return jen.Id(g.needs("Instant", "instant"))
		}
		return jen.Float64()
	}
	switch {
	case t.Enum > 0:
		return jen.Id(g.enum(t).name)
	case t.Size == 8 && t.Meaning == plan.Duration:
		return jen.Qual("time", "Duration")
	case t.Size == 8 && t.Meaning == plan.Time:
		return jen.Id(g.needs("Instant", "instant"))
	case t.Size == 8 && t.Signed && t.Meaning == plan.Errno:
		return jen.Id(g.needs("Result", "result"))
	}
	return jen.Id(integer(t.Size, t.Signed))
}

// integer is Go's type of an integer of so many bytes.
func integer(size int, signed bool) string {
	if signed {
		return "int" + strconv.Itoa(8*size)
	}
	return "uint" + strconv.Itoa(8*size)
}

// needs notes features of the machinery and returns name.
func (g *printer) needs(name string, features ...string) string {
	for _, one := range features {
		g.has[one] = true
	}
	return name
}

// text is the type of a string of so many bytes, its NUL included.
func (g *printer) text(size int) string {
	g.texts[size] = true
	g.has["text"] = true
	return "Text" + strconv.Itoa(size)
}

// histogram is the type of a histogram.
func (g *printer) histogram(t plan.Type) string {
	g.has["histogram"] = true
	if g.histograms[t.Hist] == "" {
		g.histograms[t.Hist] = g.names.give("Histogram")
	}
	return g.histograms[t.Hist]
}

// meaning says what a number is of, where its Go type does not.
func meaning(t plan.Type) string {
	if t.Kind == plan.Pointer {
		return "an address"
	}
	if t.Kind == plan.Hist {
		return map[plan.Meaning]string{plan.Duration: "in ns", plan.ByteSize: "in bytes"}[t.Meaning]
	}
	switch t.Meaning {
	case plan.Time:
		return "ns of CLOCK_MONOTONIC"
	case plan.Duration:
		return "in ns"
	case plan.ByteSize:
		return "in bytes"
	case plan.Port:
		return "in host order"
	case plan.Hex:
		return "usually written in hex"
	case plan.Errno:
		return "a negative error number or a number"
	case plan.Symbol:
		return "a kernel address, of which /proc/kallsyms has the name"
	case plan.Syscall:
		return "the number of a system call on the machine that was traced"
	case plan.Signal:
		return "a signal's number"
	case plan.Mode:
		return "a file's st_mode (inode(7))"
	case plan.Device:
		return "the kernel's dev_t, major<<20 | minor"
	}
	return ""
}

// decode returns the statements that take a value from b, at off, into to.
func (g *printer) decode(to *jen.Statement, t plan.Type, off int) []jen.Code {
	from := func(size int) *jen.Statement { return jen.Id("b").Index(jen.Lit(off), jen.Lit(off+size)) }
	if parts := t.Kind.Parts(); parts != nil {
		var list []jen.Code
		for _, p := range parts {
			list = append(list, g.decode(to.Clone().Dot(exported(p.Name)), p.Type, off+p.Offset)...)
		}
		return list
	}
	var value jen.Code
	switch t.Kind {
	case plan.Bool:
		value = jen.Id("b").Index(jen.Lit(off)).Op("!=").Lit(0)
	case plan.IP, plan.String, plan.Bytes:
		value = g.goType(t).Call(from(t.Size))
	case plan.Pointer:
		value = native(8).Call(from(8))
	default:
		raw := jen.Id("b").Index(jen.Lit(off))
		if t.Size > 1 {
			raw = native(t.Size).Call(from(t.Size))
		}
		if value = g.goType(t).Call(raw); t.Enum == 0 && !t.Signed && goIsPlain(t) {
			value = raw
		}
	}
	return []jen.Code{to.Clone().Op("=").Add(value)}
}

// goIsPlain reports whether a value's Go type is that of its bytes.
func goIsPlain(t plan.Type) bool {
	return !(t.Size == 8 && (t.Meaning == plan.Duration || t.Meaning == plan.Time))
}

func native(size int) *jen.Statement {
	return jen.Qual("encoding/binary", "NativeEndian").Dot("Uint" + strconv.Itoa(8*size))
}

// literal is the value that decode takes from bytes, as both architectures hold it.
func (g *printer) literal(t plan.Type, b []byte) jen.Code {
	if parts := t.Kind.Parts(); parts != nil {
		values := jen.Dict{}
		for _, p := range parts {
			values[jen.Id(exported(p.Name))] = g.literal(p.Type, b[p.Offset:])
		}
		return g.goType(t).Values(values)
	}
	switch t.Kind {
	case plan.Bool:
		return jen.Lit(b[0] != 0)
	case plan.IP, plan.String, plan.Bytes:
		return g.goType(t).Values(bytesLiteral(b[:t.Size])...)
	}
	return jen.Id(number(t, read(b, t.Size)))
}

// read reads a little-endian number of 1, 2, 4 or 8 bytes.
func read(b []byte, size int) uint64 {
	var wide [8]byte
	copy(wide[:], b[:size])
	return binary.LittleEndian.Uint64(wide[:])
}

func bytesLiteral(b []byte) []jen.Code {
	var list []jen.Code
	for _, one := range b {
		list = append(list, jen.Id(fmt.Sprintf("0x%02x", one)))
	}
	return list
}

// number is the literal of an integer's bits as a value of t.
func number(t plan.Type, v uint64) string {
	shift := 64 - 8*t.Size
	if t.Signed || t.Kind != plan.Pointer && t.Enum == 0 && t.Size == 8 && t.Meaning == plan.Duration {
		return strconv.FormatInt(int64(v<<shift)>>shift, 10)
	}
	return strconv.FormatUint(v<<shift>>shift, 10)
}

// enumKey is what an enum's Go type is made of.
type enumKey struct {
	index, size int
	signed      bool
}

// enum is the Go type of an enum.
type enum struct {
	enumKey
	name   string
	values []enumValue
	flags  string // the variable with the names of its bits; "" for an enum of whole values and for one of which the first bit is shown
}

type enumValue struct {
	constant string
	name     string
	value    uint64 // cut to the enum's size
}

// enum returns the type of the values of t, which has an Enum.
func (g *printer) enum(t plan.Type) *enum {
	key := enumKey{t.Enum, t.Size, t.Signed}
	if e := g.enums[key]; e != nil {
		return e
	}
	from := &g.Plan.Enums[t.Enum-1]
	e := &enum{enumKey: key, name: g.names.give(exported(from.Name))}
	shift := 64 - 8*t.Size
	named := from.Values
	if from.First {
		named = from.Also
	}
	for _, v := range named {
		e.values = append(e.values, enumValue{g.names.give(e.name + exported(strings.ToLower(v.Name))), v.Name, uint64(v.Value) << shift >> shift})
	}
	if from.Flags && !from.First {
		e.flags = g.names.give(lower(e.name) + "Names")
		g.has["flagnames"] = true
	}
	g.enums[key] = e
	g.enumOrder = append(g.enumOrder, e)
	return e
}

// kinds prints names.go: the types of enums, texts, histograms and owners; nil when the
// package needs none.
func (g *printer) kinds() ([]byte, error) {
	if len(g.enumOrder)+len(g.texts)+len(g.histograms) == 0 {
		return nil, nil
	}
	f := g.file("linux")
	for _, size := range sortedKeys(g.texts) {
		g.printText(f, size)
	}
	if g.usesOwner() {
		g.printOwner(f)
	}
	for _, index := range sortedKeys(g.histograms) {
		g.printHistogram(f, index)
	}
	for _, e := range g.enumOrder {
		g.printEnum(f, e)
	}
	return render(f)
}

func sortedKeys[V any](m map[int]V) []int {
	var keys []int
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func (g *printer) usesOwner() bool {
	return slices.ContainsFunc(slices.Concat(g.event, g.key), func(m member) bool { return m.field.Type.Kind == plan.Owner })
}

func (g *printer) printText(f *jen.File, size int) {
	name := "Text" + strconv.Itoa(size)
	f.Comment(paragraph(fmt.Sprintf("%s is text of at most %d bytes, with NULs behind it, or the beginning of a longer one.", name, size-1)))
	f.Type().Id(name).Index(jen.Lit(size)).Byte()
	f.Line()
	f.Comment("String is the bytes to the first NUL.")
	f.Func().Params(jen.Id("t").Id(name)).Id("String").Params().String().Block(jen.Return(jen.Id("textOf").Call(jen.Id("t").Index(jen.Empty(), jen.Empty()))))
	f.Line()
	f.Comment("Cut reports whether there is no NUL: of a longer text only the beginning was read.")
	f.Func().Params(jen.Id("t").Id(name)).Id("Cut").Params().Bool().Block(jen.Return(jen.Id("t").Index(jen.Lit(size - 1)).Op("!=").Lit(0)))
	f.Line()
	f.Comment("MarshalText is String, so that JSON has a string.")
	f.Func().Params(jen.Id("t").Id(name)).Id("MarshalText").Params().Params(jen.Index().Byte(), jen.Error()).
		Block(jen.Return(jen.Index().Byte().Call(jen.Id("t").Dot("String").Call()), jen.Nil()))
	f.Line()
}

func (g *printer) printOwner(f *jen.File) {
	f.Comment(paragraph(fmt.Sprintf("Owner is a process, %d bytes as the kernel side writes them.", plan.OwnerSize)))
	var fields []jen.Code
	comments := map[string]string{"pid": "tgid", "comm": "name of its main thread"}
	for _, p := range plan.Owner.Parts() {
		fields = append(fields, jen.Id(exported(p.Name)).Add(g.goType(p.Type)).Comment(comments[p.Name]))
	}
	f.Type().Id("Owner").Struct(fields...)
	f.Line()
}

func (g *printer) printHistogram(f *jen.File, index int) {
	h, name := &g.Plan.Histograms[index-1], g.histograms[index]
	of := "uint64"
	shape := jen.Dict{}
	if h.Signed {
		of = "int64"
		shape[jen.Id("signed")] = jen.True()
	}
	how := "by powers of two"
	switch {
	case h.Linear:
		how = fmt.Sprintf("from %d to %d by steps of %d", h.Low, h.High, h.Step)
		shape[jen.Id("low")], shape[jen.Id("high")], shape[jen.Id("step")] = jen.Lit(int(h.Low)), jen.Lit(int(h.High)), jen.Lit(int(h.Step))
	case h.Bits > 0:
		how = fmt.Sprintf("by powers of two, each cut into %d", 1<<h.Bits)
		shape[jen.Id("bits")] = jen.Lit(h.Bits)
	}
	shapeName := lower(name) + "Buckets"
	f.Comment(paragraph(fmt.Sprintf("%s counts values %s.", name, how)))
	f.Type().Id(name).Index(jen.Lit(h.Buckets())).Uint64()
	f.Line()
	f.Var().Id(shapeName).Op("=").Id("histogramShape").Values(shape)
	f.Line()
	whole := func() *jen.Statement { return jen.Id("h").Index(jen.Empty(), jen.Empty()) }
	f.Comment("Buckets returns the buckets that have counted something, the lowest first.")
	f.Func().Params(jen.Id("h").Op("*").Id(name)).Id("Buckets").Params().Index().Id("Bucket").Types(jen.Id(of)).
		Block(jen.Return(jen.Id("buckets").Types(jen.Id(of)).Call(jen.Id(shapeName), whole())))
	f.Line()
	f.Comment(paragraph("Quantile returns the value that a share of those counted, 0 to 1, are not above: the middle of its bucket. There is none of nothing, nor in a bucket that is open at an end."))
	f.Func().Params(jen.Id("h").Op("*").Id(name)).Id("Quantile").Params(jen.Id("share").Float64()).Params(jen.Id(of), jen.Bool()).
		Block(jen.Return(jen.Id("quantile").Types(jen.Id(of)).Call(jen.Id(shapeName), whole(), jen.Id("millionths").Call(jen.Id("share")))))
	f.Line()
}

func (g *printer) printEnum(f *jen.File, e *enum) {
	from := &g.Plan.Enums[e.index-1]
	what := "has the names of " + from.Name
	if from.Flags {
		what += ", whose values are bits that combine"
	}
	t := plan.Type{Kind: plan.Int, Size: e.size, Signed: e.signed}
	f.Comment(paragraph(e.name + " " + what + "."))
	f.Type().Id(e.name).Id(integer(e.size, e.signed))
	f.Line()
	f.Comment("The values of " + e.name + ".")
	f.Const().DefsFunc(func(d *jen.Group) {
		for _, v := range e.values {
			d.Id(v.constant).Id(e.name).Op("=").Id(number(t, v.value))
		}
	})
	f.Line()
	switch {
	case from.First:
		printFirst(f, e, from.Values)
		return
	case e.flags != "":
		g.printFlags(f, e)
		return
	}
	f.Comment("String is the kernel's name, or the number of what has none.")
	f.Func().Params(jen.Id("v").Id(e.name)).Id("String").Params().String().BlockFunc(func(b *jen.Group) {
		b.Switch(jen.Id("v")).BlockFunc(func(s *jen.Group) {
			seen := map[uint64]bool{}
			for _, v := range e.values {
				if !seen[v.value] {
					s.Case(jen.Id(v.constant)).Block(jen.Return(jen.Lit(v.name)))
				}
				seen[v.value] = true
			}
		})
		if e.signed {
			b.Return(jen.Qual("strconv", "FormatInt").Call(jen.Int64().Call(jen.Id("v")), jen.Lit(10)))
		} else {
			b.Return(jen.Qual("strconv", "FormatUint").Call(jen.Uint64().Call(jen.Id("v")), jen.Lit(10)))
		}
	})
	f.Line()
}

// printFirst prints how a value is named after the first of the shown ones that is set in it.
func printFirst(f *jen.File, e *enum, shown []plan.EnumValue) {
	f.Comment("String is the first name whose bits are all set, which stands for the value.")
	f.Func().Params(jen.Id("v").Id(e.name)).Id("String").Params().String().BlockFunc(func(b *jen.Group) {
		rest := "0"
		b.Switch().BlockFunc(func(s *jen.Group) {
			for _, v := range shown {
				shift := 64 - 8*e.size
				switch bits := uint64(v.Value) << shift >> shift; {
				case v.Value == 0:
					rest = v.Name
				case bits != 0:
					set := jen.Id(fmt.Sprintf("%#x", bits))
					s.Case(jen.Id("v").Op("&").Add(set).Op("==").Add(set)).Block(jen.Return(jen.Lit(v.Name)))
				}
			}
		})
		b.Return(jen.Lit(rest))
	})
	f.Line()
}

// printFlags prints names of bits: those of several bits before those of one.
func (g *printer) printFlags(f *jen.File, e *enum) {
	order := slices.DeleteFunc(slices.Clone(e.values), func(v enumValue) bool { return v.value == 0 })
	slices.SortStableFunc(order, func(a, b enumValue) int {
		return cmp.Or(cmp.Compare(bits.OnesCount64(b.value), bits.OnesCount64(a.value)), cmp.Compare(a.value, b.value))
	})
	f.Comment(e.flags + " lists the names of several bits before those of one.")
	f.Var().Id(e.flags).Op("=").Index().Id("flagName").ValuesFunc(func(d *jen.Group) {
		for _, v := range order {
			d.Line().Values(jen.Id(fmt.Sprintf("%#x", v.value)), jen.Lit(v.name))
		}
		d.Line()
	})
	f.Line()
	f.Comment("String is the names of the bits that are set, joined by |, and the others in hex.")
	f.Func().Params(jen.Id("v").Id(e.name)).Id("String").Params().String().BlockFunc(func(b *jen.Group) {
		if i := slices.IndexFunc(e.values, func(v enumValue) bool { return v.value == 0 }); i >= 0 {
			b.If(jen.Id("v").Op("==").Lit(0)).Block(jen.Return(jen.Lit(e.values[i].name)))
		}
		b.Return(jen.Id("flagNames").Call(jen.Uint64().Call(jen.Id(integer(e.size, false)).Call(jen.Id("v"))), jen.Id(e.flags)))
	})
	f.Line()
}
