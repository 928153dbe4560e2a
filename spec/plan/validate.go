package plan

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// Bounds of a plan out of a file. Those of the checker are below all of them.
const (
	largestPlan   = 4 << 20  // bytes of its JSON; one of the catalogue's has 20 KiB
	largestRecord = 16 << 20 // bytes of a record or a row
	largestEntry  = 1 << 20  // bytes of a key or a value
	mostEntries   = 1 << 26
	mostBuckets   = 1 << 20
	mostDepth     = 64
	largestRing   = 1 << 30
	longestName   = 256
	longestTarget = 4096 + longestName // a path and a symbol
)

// attachKinds are all kinds of attachment.
var attachKinds = []AttachKind{
	RawTracepoint, Tracepoint, Kprobe, Kretprobe, Fentry, Fexit, Iterator, Uprobe, Uretprobe, USDT, Profile, Interval, Software, Hardware, Begin, End,
}

// The parts of a plan that stand for something in the object or the kernel.
var (
	identifier = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`) })
	// kernelTarget is a function or a pattern of some, a tracepoint with or without its category, an iterator, an
	// event and how often. Functions of modules and clones have dots and dollars.
	kernelTarget = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9_.$:*-]*$`) })
)

// Validate makes sure that what is in a plan leads to something that is there, and that
// sizes are ones that a plan can have: one out of a file is not trusted. What only one room
// relies on is that room's to ask: the layout of records, the columns of tables, what an
// object may do. Errors wrap ErrDamaged.
func (p *Plan) Validate() error {
	for _, check := range []func(*Plan) error{
		(*Plan).validateNames, (*Plan).validateHistograms, (*Plan).validateTypes, (*Plan).validateMaps, (*Plan).validateProbes, (*Plan).validateOutput,
	} {
		if err := check(p); err != nil {
			return fmt.Errorf("%w: plan: %w", ErrDamaged, err)
		}
	}
	return nil
}

func (p *Plan) validateNames() error {
	if !isIdentifier(p.Name) {
		return fmt.Errorf("%q is no name of a tracer", p.Name)
	}
	if p.File != "" && (path.Base(p.File) != p.File || len(p.File) > longestName) {
		return fmt.Errorf("%q is no name of a file", p.File)
	}
	for i := range p.Params {
		if !isIdentifier(p.Params[i].Name) {
			return fmt.Errorf("%q is no name of a parameter", p.Params[i].Name)
		}
	}
	return nil
}

func isIdentifier(name string) bool {
	return len(name) <= longestName && identifier().MatchString(name)
}

func (p *Plan) validateHistograms() error {
	for i, h := range p.Histograms {
		if !h.Linear && (h.Bits < 0 || h.Bits > 16) ||
			h.Linear && (h.Step < 1 || h.High <= h.Low || (uint64(h.High)-uint64(h.Low))/uint64(h.Step) > mostBuckets) {
			return fmt.Errorf("histogram %d is none: %+v", i+1, h)
		}
	}
	return nil
}

// paramSizes are the bytes of a param's value by its kind; those of a string are bounded.
var paramSizes = map[Kind][]int{Int: {1, 2, 4, 8}, Enumer: {1, 2, 4, 8}, Bool: {1}, IP: {16}, Prefix: {20}, String: nil}

func (p *Plan) validateTypes() error {
	for i := range p.Params {
		t := p.Params[i].Type
		if sizes, ok := paramSizes[t.Kind]; !ok || sizes != nil && !slices.Contains(sizes, t.Size) {
			return fmt.Errorf("parameter %s is a %q of %d bytes", p.Params[i].Name, t.Kind, t.Size)
		}
		if err := p.validateType(t); err != nil {
			return fmt.Errorf("parameter %s: %w", p.Params[i].Name, err)
		}
	}
	return p.validateRecord(&p.Record, largestRecord)
}

// validateType asks what every room relies on: that sizes are no other's, and that enums
// and histograms are there.
func (p *Plan) validateType(t Type) error {
	switch {
	case t.Size < 0 || t.Size > largestRecord:
		return fmt.Errorf("a value of %d bytes", t.Size)
	case t.Enum < 0 || t.Enum > len(p.Enums):
		return fmt.Errorf("there is no enum %d", t.Enum)
	case t.Hist < 0 || t.Hist > len(p.Histograms):
		return fmt.Errorf("there is no histogram %d", t.Hist)
	}
	return nil
}

func (p *Plan) validateRecord(r *Record, most int) error {
	if r.Size < 0 || r.Size > most {
		return fmt.Errorf("a record of %d bytes", r.Size)
	}
	for i := range r.Fields {
		if err := p.validateType(r.Fields[i].Type); err != nil {
			return fmt.Errorf("field %q: %w", r.Fields[i].Name, err)
		}
	}
	return nil
}

func (p *Plan) validateMaps() error {
	for i := range p.Maps {
		m := &p.Maps[i]
		_, known := MapTypes[m.Type]
		switch {
		case !isIdentifier(m.Name):
			return fmt.Errorf("%q is no name of a map", m.Name)
		case !known:
			return fmt.Errorf("map %s is of a type %q", m.Name, m.Type)
		case m.Entries < 0 || m.Entries > mostEntries:
			return fmt.Errorf("map %s has %d entries", m.Name, m.Entries)
		case m.Depth < 0 || m.Depth > mostDepth:
			return fmt.Errorf("map %s has a depth of %d", m.Name, m.Depth)
		}
		for _, r := range []*Record{&m.Key, &m.Value} {
			if err := p.validateRecord(r, largestEntry); err != nil {
				return fmt.Errorf("map %s: %w", m.Name, err)
			}
		}
	}
	index := func(what string, i int) error {
		if i < 0 || i >= len(p.Maps) {
			return fmt.Errorf("%s has no map", what)
		}
		return nil
	}
	switch {
	case p.Table != nil && index("the table", p.Table.Map) != nil:
		return index("the table", p.Table.Map)
	case p.Span != nil && index("the span", p.Span.Map) != nil:
		return index("the span", p.Span.Map)
	case p.Stacks != nil && index("a stack", p.Stacks.Map) != nil:
		return index("a stack", p.Stacks.Map)
	case p.Stacks != nil && (p.Stacks.Depth < 1 || p.Stacks.Depth > MaxDepth):
		return fmt.Errorf("stacks have %d frames", p.Stacks.Depth)
	case (p.Channel.Kind == MapChannel) != (p.Table != nil):
		return fmt.Errorf("the channel is %q, and there is a table: %v", p.Channel.Kind, p.Table != nil)
	}
	return nil
}

func (p *Plan) validateProbes() error {
	for i := range p.Probes {
		if err := p.validateProbe(&p.Probes[i], true); err != nil {
			return err
		}
	}
	if p.Owners == nil {
		return nil
	}
	if !isIdentifier(p.Owners.Sweep) {
		return fmt.Errorf("%q is no name of a program", p.Owners.Sweep)
	}
	for _, one := range append(slices.Concat(p.Owners.Ways...), p.Owners.Probes...) {
		if err := p.validateProbe(&one, false); err != nil {
			return err
		}
	}
	return nil
}

// validateProbe looks at one probe; those of owners call no body of the plan.
func (p *Plan) validateProbe(one *Probe, bodies bool) error {
	for i := range one.Alternatives {
		a := &one.Alternatives[i]
		switch {
		case !slices.Contains(attachKinds, a.Kind):
			return fmt.Errorf("there is no kind %q of attachment", a.Kind)
		case !isIdentifier(a.Program):
			return fmt.Errorf("%q is no name of a program", a.Program)
		case len(a.Target) > longestTarget || strings.ContainsRune(a.Target, 0) || !a.Kind.UserSpace() && !kernelTarget().MatchString(a.Target):
			return fmt.Errorf("%.64q is nothing that a %s is attached to", a.Target, a.Kind)
		case a.Target == "" && a.Kind != Begin && a.Kind != End:
			return fmt.Errorf("a %s is attached to nothing", a.Kind)
		case a.Object < 0:
			return fmt.Errorf("the object of %s is in slot %d", a.Target, a.Object)
		}
		for _, call := range a.Calls {
			if bodies && (call.Body < 0 || call.Body >= len(p.Bodies) || len(call.Args) != len(p.Bodies[call.Body].Args)) {
				return fmt.Errorf("program %s calls no body of the plan", a.Program)
			}
		}
	}
	return nil
}

func (p *Plan) validateOutput() error {
	switch {
	case p.Channel.Size < 0 || p.Channel.Size > largestRing:
		return fmt.Errorf("a channel of %d bytes", p.Channel.Size)
	case p.Output.Interval < 0 || p.Limits.Duration < 0:
		return fmt.Errorf("an interval of %d ns, a duration of %d ns", p.Output.Interval, p.Limits.Duration)
	case p.Output.Top < 0:
		return fmt.Errorf("the first %d rows", p.Output.Top)
	}
	return nil
}
