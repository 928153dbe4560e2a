package golang

import (
	"fmt"
	"strings"

	"github.com/dave/jennifer/jen"

	"github.com/ebgen/ebgen/spec/plan"
)

// printProbes prints the tables of what is attached.
func (g *printer) printProbes(f *jen.File) {
	f.Comment("probes is what is traced, with the ways to attach it in the order in which they are tried.")
	f.Var().Id("probes").Op("=").Index().Id("probe").Add(g.probeList(g.Plan.Probes))
	f.Line()
	if o := g.Plan.Owners; o != nil {
		f.Comment("How it is learnt who opens sockets: ownerProbes in any case, the first of ownerWays that can be had, and")
		f.Comment("ownerSweep, which notes the sockets that are open already.")
		f.Var().DefsFunc(func(d *jen.Group) {
			d.Id("ownerProbes").Op("=").Index().Id("probe").Add(g.probeList(o.Probes))
			d.Id("ownerWays").Op("=").Index().Index().Id("probe").ValuesFunc(func(v *jen.Group) {
				for _, way := range o.Ways {
					v.Line().Add(g.probeList(way))
				}
				v.Line()
			})
		})
		f.Line()
		f.Const().Id("ownerSweep").Op("=").Lit(o.Sweep)
		f.Line()
	}
	structs := Structs(g.Plan)
	if len(structs) == 0 {
		return
	}
	f.Comment("kernelStructs is what is taken for granted of the kernel's types.")
	f.Var().Id("kernelStructs").Op("=").Index().Id("kernelStruct").ValuesFunc(func(v *jen.Group) {
		for _, s := range structs {
			v.Line().Values(jen.Lit(s.Tag), jen.Lit(s.Size), jen.Index().Index(jen.Lit(2)).String().ValuesFunc(func(v *jen.Group) {
				for _, m := range s.Members {
					v.Values(jen.Lit(m[0]), jen.Lit(m[1]))
				}
			}))
		}
		v.Line()
	})
	f.Line()
}

func (g *printer) probeList(probes []plan.Probe) *jen.Statement {
	return jen.ValuesFunc(func(v *jen.Group) {
		for _, p := range probes {
			entry := []jen.Code{keyed("name", jen.Lit(p.Name))}
			entry = append(entry, keyed("alternatives", jen.Index().Id("alternative").ValuesFunc(func(a *jen.Group) {
				for _, one := range carried(p) {
					entry := []jen.Code{jen.Lit(fmt.Sprintf("%s:%s", one.Kind, one.Target)), jen.Lit(one.Program), g.attacher(one)}
					if g.has["arguments"] {
						entry = append(entry, g.arguments(one)...)
					}
					a.Line().Values(entry...)
				}
				a.Line()
			})))
			if len(p.Refused) > 0 {
				entry = append(entry, keyed("refused", jen.Index().String().ValuesFunc(func(r *jen.Group) {
					for _, why := range p.Refused {
						r.Line().Lit(why)
					}
					r.Line()
				})))
			}
			if p.Optional {
				entry = append(entry, keyed("optional", jen.True()))
			}
			v.Line().Values(lined(entry)...)
		}
		v.Line()
	})
}

// keyed is one element of a struct's literal. (jen.Dict sorts its keys.)
func keyed(name string, value jen.Code) *jen.Statement { return jen.Id(name).Op(":").Add(value) }

// lined puts each element of a literal on a line of its own.
func lined(list []jen.Code) []jen.Code {
	var out []jen.Code
	for _, one := range list {
		out = append(out, jen.Line().Add(one))
	}
	return append(out, jen.Line())
}

// attacher is the call of the machinery that attaches one alternative.
func (g *printer) attacher(a plan.Attachment) jen.Code {
	switch a.Kind {
	case plan.RawTracepoint:
		return jen.Id("rawTracepoint").Call(jen.Lit(a.Target))
	case plan.Tracepoint:
		category, name, _ := strings.Cut(a.Target, ":")
		return jen.Id("tracepoint").Call(jen.Lit(category), jen.Lit(name))
	case plan.Kprobe, plan.Kretprobe:
		return jen.Id(string(a.Kind)).Call(jen.Lit(a.Target))
	case plan.Fentry:
		return jen.Id("trampoline").Call(jen.Qual(ebpfPath, "AttachTraceFEntry"))
	case plan.Fexit:
		return jen.Id("trampoline").Call(jen.Qual(ebpfPath, "AttachTraceFExit"))
	case plan.Iterator:
		return jen.Id("iterator")
	case plan.Begin:
		return jen.Id("onDemand").Call(jen.Id("atBegin"))
	case plan.End:
		return jen.Id("onDemand").Call(jen.Id("atEnd"))
	}
	return jen.Id("sampled").Call(g.perfEvent(a), jen.Lit(a.Kind != plan.Interval))
}

// perfEvent describes to the kernel what a program is run by.
func (g *printer) perfEvent(a plan.Attachment) jen.Code {
	s, err := plan.ParseSampling(a.Kind, a.Target)
	if err != nil {
		panic(fmt.Sprintf("%s:%s: %v", a.Kind, a.Target, err)) // the checker has parsed it
	}
	class := "PERF_TYPE_SOFTWARE"
	if a.Kind == plan.Hardware {
		class = "PERF_TYPE_HARDWARE"
	}
	d := jen.Dict{jen.Id("Type"): jen.Qual(unixPath, class), jen.Id("Sample"): jen.Id(fmt.Sprint(max(s.Period, s.Frequency)))}
	switch a.Kind {
	case plan.Hardware:
		d[jen.Id("Config")] = jen.Id(fmt.Sprint(plan.HardwareEvents[s.Event].Number))
	case plan.Software:
		d[jen.Id("Config")] = jen.Id(fmt.Sprint(plan.SoftwareEvents[s.Event].Number))
	default:
		d[jen.Id("Config")] = jen.Qual(unixPath, "PERF_COUNT_SW_CPU_CLOCK")
	}
	if s.Frequency > 0 {
		d[jen.Id("Bits")] = jen.Qual(unixPath, "PerfBitFreq")
	}
	return jen.Qual(unixPath, "PerfEventAttr").Values(d)
}
