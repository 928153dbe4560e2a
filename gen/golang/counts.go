package golang

import (
	"fmt"
	"strings"

	"github.com/dave/jennifer/jen"

	"github.com/ebgen/ebgen/spec/plan"
)

// count is one field of Counts.
type count struct {
	name    string
	kind    string // of the field; "" for uint64
	comment string
	value   jen.Code
}

// mapCounters says what each counter of a map counts; the name of the map goes before it.
var mapCounters = []struct {
	name    func(*plan.Map) string
	comment string
}{
	{(*plan.Map).Refused, "updates that the kernel refused, for want of room or of a lock"},
	{(*plan.Map).Inserted, "entries that came in anew"},
	{(*plan.Map).Deleted, "entries that the programs took out"},
	{(*plan.Map).Unmatched, "ends without a start"},
	{(*plan.Map).Restarted, "starts of what was open: the start before has no end"},
	{(*plan.Map).Cancelled, "spans ended by cancel"},
	{(*plan.Map).TooDeep, "calls nested too deep to be followed"},
}

// printCounts prints the counts of a tracer and how they are read.
func (g *printer) printCounts(f *jen.File) {
	p := g.Plan
	scope := newNames()
	counter := func(name string) jen.Code { return jen.Id("t").Dot("counter").Call(jen.Lit(name)) }
	var list []count
	if p.Table == nil {
		list = append(list, count{"Lost", "", "events for which the ring buffer had no room", counter("lost")})
	}
	list = append(list, count{"FailedReads", "", "reads of memory that failed: their fields are absent, or an event was not made", counter("failed_reads")})
	if p.Limits.Rate > 0 {
		list = append(list, count{"Limited", "", fmt.Sprintf("events above the limit of %d a second", p.Limits.Rate), counter("limited")})
	}
	list = append(list, count{"Missed", "", "events, before any filter, for which the kernel could not run a program", jen.Id("t").Dot("missedEvents").Call()})
	if p.Owners != nil {
		list = append(list,
			count{"OwnersFull", "", "sockets whose owner was not noted, the map being full", counter("owners_full")},
			count{"OwnersBlind", "bool", "sockets opened since Load have no known owner: nothing could be attached to see them", jen.Id("t").Dot("blind")})
	}
	for i := range list {
		scope.take(list[i].name)
	}
	tallies, left := 0, []jen.Code{}
	for i := range p.Maps {
		m := &p.Maps[i]
		names := map[string]string{} // of fields, by counter
		for _, c := range m.Counters() {
			for _, known := range mapCounters {
				if known.name(m) != c {
					continue
				}
				names[c] = scope.give(exported(c))
				list = append(list, count{names[c], "", known.comment, jen.Id("tallies").Index(jen.Lit(tallies))})
			}
			tallies++
		}
		if !leftCounted(m) {
			continue
		}
		left = append(left, g.countLeft(m, scope, names, &list)...)
	}
	var fields []jen.Code
	var values []jen.Code
	for _, c := range list {
		kind := "uint64"
		if c.kind != "" {
			kind = c.kind
		}
		fields = append(fields, jen.Id(c.name).Id(kind).Comment(c.comment))
		if c.value != nil {
			values = append(values, keyed(c.name, c.value))
		}
	}
	f.Comment(paragraph("Counts says what could not be delivered, read or kept since Load."))
	f.Type().Id("Counts").Struct(fields...)
	f.Line()
	f.Comment("Counts reads the counts as they are now; they are final after Stop, and gone after Close.")
	f.Func().Params(jen.Id("t").Op("*").Id("Tracer")).Id("Counts").Params().Params(jen.Id("Counts"), jen.Error()).BlockFunc(func(b *jen.Group) {
		b.Id("t").Dot("mu").Dot("Lock").Call()
		b.Defer().Id("t").Dot("mu").Dot("Unlock").Call()
		b.If(jen.Id("t").Dot("closed")).Block(jen.Return(jen.Id("Counts").Values(), jen.Qual("os", "ErrClosed")))
		if tallies > 0 {
			b.List(jen.Id("tallies"), jen.Err()).Op(":=").Id("t").Dot("tallies").Call(jen.Lit(tallies))
			b.If(jen.Err().Op("!=").Nil()).Block(jen.Return(jen.Id("Counts").Values(), jen.Err()))
		}
		if len(left) == 0 {
			b.Return(jen.Id("Counts").Values(lined(values)...), jen.Nil())
			return
		}
		b.Id("c").Op(":=").Id("Counts").Values(lined(values)...)
		b.If(jen.Op("!").Id("t").Dot("stopped")).Block(jen.Return(jen.Id("c"), jen.Nil()))
		for _, one := range left {
			b.Add(one)
		}
		b.Return(jen.Id("c"), jen.Nil())
	})
	f.Line()
}

// countLeft prints how it is counted what a map holds after Stop, and with that what was
// driven out of it.
func (g *printer) countLeft(m *plan.Map, scope *names, counters map[string]string, list *[]count) []jen.Code {
	evicted, open := "", ""
	var value jen.Code = jen.Nil()
	if plan.MapTypes[m.Type].LRU {
		evicted = scope.give(exported(m.Name + "_evicted"))
		*list = append(*list, count{evicted, "", "entries that made room for others; known after Stop", nil})
	}
	if m.Use == plan.SpanMap {
		open = scope.give(exported(m.Name + "_open"))
		*list = append(*list, count{open, "", "spans without an end; known after Stop", nil})
	}
	if m.Depth > 0 { // a value is a stack: u32 depth, which calls that are not kept raise too
		value = jen.Func().Params(jen.Id("value").Index().Byte()).Uint64().Block(
			jen.Return(jen.Uint64().Call(jen.Min(native(4).Call(jen.Id("value")), jen.Lit(m.Depth)))))
	}
	maps := []string{m.Name}
	if m.Double {
		maps = append(maps, m.Idle())
	}
	var code []jen.Code
	for i, name := range maps {
		entries, sum := lower(exported(name))+"Entries", jen.Id("_")
		if m.Depth > 0 {
			sum = jen.Id(lower(exported(name)) + "Open")
		}
		code = append(code,
			jen.List(jen.Id(entries), sum, jen.Err()).Op(":=").Id("t").Dot("left").Call(jen.Lit(name), value),
			jen.If(jen.Err().Op("!=").Nil()).Block(jen.Return(jen.Id("c"), jen.Err())))
		switch {
		case evicted != "" && i == 0:
			gone := jen.Id("c").Dot(evicted).Op("=").Id("c").Dot(counters[m.Inserted()]).Op("-").Id("c").Dot(counters[m.Deleted()]).Op("-").Id(entries)
			if g.has["lrutable"] && m.Use == plan.TableMap {
				gone.Op("-").Id("t").Dot("taken")
			}
			code = append(code, gone)
		case evicted != "":
			code = append(code, jen.Id("c").Dot(evicted).Op("-=").Id(entries))
		}
		switch {
		case open != "" && m.Depth > 0:
			code = append(code, jen.Id("c").Dot(open).Op("=").Add(sum))
			if evicted == "" {
				code = append(code, jen.Id("_").Op("=").Id(entries))
			}
		case open != "":
			code = append(code, jen.Id("c").Dot(open).Op("=").Id(entries))
		}
	}
	return code
}

// lower is a name that is not exported.
func lower(name string) string { return strings.ToLower(name[:1]) + name[1:] }
