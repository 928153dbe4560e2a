package check

import (
	"encoding/binary"
	"math"
	bits64 "math/bits"
	"slices"
	"sort"
	"strings"

	"github.com/ebgen/ebgen/spec"
	"github.com/ebgen/ebgen/spec/ktype"
	"github.com/ebgen/ebgen/spec/plan"
	"github.com/ebgen/ebgen/spec/source"
)

// Sizes of a channel, in bytes. A ring holds whole pages, a power of two of them
// (kernel/bpf/ringbuf.c); 4 MiB hold 50,000 records of 80 bytes.
const (
	pageSize    = 4096
	defaultRing = 4 << 20
	defaultPerf = 256 << 10 // for each CPU
	largestRing = 1 << 30
)

// channels lists the ways for records to leave the kernel.
var channels = map[string]struct {
	kind plan.ChannelKind
	size int
}{
	"":        {plan.Ringbuf, defaultRing},
	"ringbuf": {plan.Ringbuf, defaultRing},
	"perfbuf": {plan.Perfbuf, defaultPerf},
	"map":     {plan.MapChannel, 0},
}

// send checks the channel and the output.
func (c *checker) send() {
	ch, ok := channels[c.doc.Channel.Type.Value]
	if !ok {
		d := c.diags.Errorf(c.doc.Channel.Type.Span(), "no channel is named %q", c.doc.Channel.Type.Value)
		d.Hint = "one of map, perfbuf or ringbuf"
	}
	c.plan.Channel = plan.Channel{Kind: ch.kind, Size: ch.size}
	if s := c.doc.Channel.Size; s.Given() {
		size, ok := c.quantity(s, plan.ByteSize)
		switch {
		case !ok:
		case ch.kind == plan.MapChannel:
			c.diags.Errorf(s.Span(), "a map has no size in bytes").Hint = "max_entries: 10240"
		case size < pageSize || size > largestRing || bits64.OnesCount64(size) != 1:
			c.diags.Errorf(s.Span(), "a channel's size is a power of two from 4KiB to 1GiB, found %s", s.Value)
		default:
			c.plan.Channel.Size = int(size)
		}
	}
	for _, s := range []spec.Scalar{c.doc.Channel.Map, c.doc.Channel.Entries, c.doc.Channel.OnFull} {
		if s.Given() && ch.kind != plan.MapChannel && ok {
			c.diags.Errorf(s.Span(), "this belongs to channel: map, the channel is %s", c.channelName())
		}
	}
	if ch.kind != plan.MapChannel && c.plan.Record.Size+8 > c.plan.Channel.Size && ok {
		at := c.doc.Channel.Size
		if !at.Given() {
			at = c.doc.Channel.Type
		}
		c.diags.Errorf(at.Span(), "a record of %d bytes does not fit a channel of %d", c.plan.Record.Size, c.plan.Channel.Size)
	}
	c.report()
	c.plan.Output.Format = "table"
	if s := c.doc.Output.Format; s.Given() {
		if !slices.Contains(OutputFormats, s.Value) {
			d := c.diags.Errorf(s.Span(), "no output format is named %q", s.Value)
			if near := ktype.Nearest(s.Value, OutputFormats); len(near) > 0 {
				d.Hint = "did you mean " + source.OrList(near) + "?"
			} else {
				d.Hint = "one of " + source.OrList(OutputFormats)
			}
		}
		c.plan.Output.Format = s.Value
	}
	for _, s := range c.doc.Output.Columns {
		c.column(s)
	}
	if len(c.plan.Record.Fields) > 0 { // else it has not come about
		c.enable(c.doc.Output.Format)
	}
}

// OutputFormats lists the formats that a spec may ask for, sorted.
var OutputFormats = outputFormats()

func outputFormats() []string {
	var names []string
	for _, f := range plan.OutputFormats {
		names = append(names, f.Name)
	}
	return slices.Sorted(slices.Values(names))
}

// enable checks that there is what the output's format shows.
func (c *checker) enable(s spec.Scalar) {
	i := slices.IndexFunc(plan.OutputFormats, func(f plan.OutputFormat) bool { return f.Name == s.Value })
	if i < 0 {
		return
	}
	o := &c.plan.Output
	shows := func(k plan.Kind) bool {
		return slices.ContainsFunc(c.plan.Record.Fields, func(f plan.Field) bool {
			isStack := k != plan.Stack || f.Type.Meaning == plan.Plain // usym is kept as one
			return f.Type.Kind == k && isStack && (len(o.Columns) == 0 || slices.Contains(o.Columns, f.Name))
		})
	}
	if err := plan.OutputFormats[i].Check(shows, o.Interval > 0, o.Keep); err != nil {
		c.diags.Errorf(s.Span(), "%s", err.Message).Hint = err.Hint
	}
}

// column checks a column that the output names. One with quantiles stands for all of its
// columns.
func (c *checker) column(s spec.Scalar) {
	n := len(c.plan.Output.Columns)
	if len(c.plan.Record.Fields) == 0 && c.columnOf(s.Value) >= 0 {
		return // the record has not come about
	}
	if i := c.columnOf(s.Value); i >= 0 && len(c.columns[i].outputs) > 1 {
		for _, o := range c.columns[i].outputs {
			c.plan.Output.Columns = append(c.plan.Output.Columns, s.Value+o.suffix)
		}
	} else if c.plan.Record.Field(s.Value) >= 0 {
		c.plan.Output.Columns = append(c.plan.Output.Columns, s.Value)
	}
	if len(c.plan.Output.Columns) == n {
		c.noColumn(s, s.Value)
	}
}

func (c *checker) noColumn(s spec.Scalar, name string) {
	var names []string
	for _, f := range c.plan.Record.Fields {
		names = append(names, f.Name)
	}
	if names == nil {
		for _, col := range c.columns {
			names = append(names, col.Name.Value)
		}
	}
	d := c.diags.Errorf(s.Span(), "no field is named %q", name)
	sort.Strings(names)
	if near := ktype.Nearest(name, names); len(near) > 0 {
		d.Hint = "did you mean " + source.OrList(near) + "?"
	} else if len(names) > 0 {
		d.Hint = "one of " + strings.Join(names, ", ")
	}
}

// interval is the time between two reports, 0 for one at the end.
func (c *checker) interval() int64 {
	s := c.doc.Output.Interval
	switch {
	case c.options.Interval > 0:
		return c.options.Interval
	case !s.Given():
		return 0
	}
	value, err := plan.ParseValue(plan.Type{Kind: plan.Int, Size: 8, Meaning: plan.Duration}, nil, s.Value)
	if err != nil {
		return 0
	}
	return int64(binary.NativeEndian.Uint64(value))
}

// report checks what the output says about the rows of a table.
func (c *checker) report() {
	o := c.doc.Output
	if !c.aggregates() {
		for _, s := range append([]spec.Scalar{o.Interval, o.Clear, o.Top}, o.Sort...) {
			if s.Given() {
				c.diags.Errorf(s.Span(), "records come one by one: this is for the rows of a table").Hint = "channel: map"
			}
		}
		return
	}
	if c.doc.Limits.Rate.Given() {
		c.diags.Errorf(c.doc.Limits.Rate.Span(), "a rate thins records, and a table has none")
	}
	if o.Interval.Given() {
		c.quantity(o.Interval, plan.Duration)
	}
	c.plan.Output.Interval = c.interval()
	switch o.Clear.Value {
	case "", "true", "yes":
	case "false", "no":
		c.plan.Output.Keep = true
	default:
		c.diags.Errorf(o.Clear.Span(), "clear is true or false, found %q", o.Clear.Value)
	}
	if o.Clear.Given() && c.plan.Output.Interval == 0 {
		c.diags.Errorf(o.Clear.Span(), "clear says what a report at an interval begins with, and there is no interval").Hint = "interval: 1s"
	}
	if o.Top.Given() {
		n, _ := c.quantity(o.Top, plan.Plain)
		c.plan.Output.Top = int(min(n, math.MaxInt32))
	}
	for _, s := range o.Sort {
		c.sortKey(s)
	}
}

// sortKey checks one column of `sort:`, with a minus sign for the largest first.
func (c *checker) sortKey(s spec.Scalar) {
	name, descending := strings.CutPrefix(s.Value, "-")
	name = strings.TrimSpace(name)
	if len(c.plan.Record.Fields) == 0 && c.columnOf(name) >= 0 {
		return // the record has not come about
	}
	i := c.plan.Record.Field(name)
	switch {
	case i < 0:
		if j := c.columnOf(name); j >= 0 && c.columns[j].outputs != nil {
			c.diags.Errorf(s.Span(), "%s is several columns", name).Hint = "sort: " + s.Value + c.columns[j].outputs[0].suffix
			return
		}
		c.noColumn(s, name)
	case c.plan.Record.Fields[i].Type.Kind == plan.Hist:
		c.diags.Errorf(s.Span(), "%s is a histogram, which has no order", name).Hint = "sort by a count or an average beside it"
	default:
		c.plan.Output.Sort = append(c.plan.Output.Sort, plan.SortKey{Field: i, Descending: descending})
	}
}

// limit checks what ends or thins a run.
func (c *checker) limit() {
	l := c.doc.Limits
	switch n, perSecond := strings.CutSuffix(l.Rate.Value, "/s"); {
	case !l.Rate.Given() || c.aggregates(): // which report has refused
	case perSecond:
		c.diags.Errorf(l.Rate.Span(), "a rate is of records per second, without a unit").Hint = "rate: " + n
	default:
		c.plan.Limits.Rate, _ = c.quantity(l.Rate, plan.Plain)
	}
	if l.Count.Given() {
		c.plan.Limits.Count, _ = c.quantity(l.Count, plan.Plain)
	}
	if l.Duration.Given() {
		d, _ := c.quantity(l.Duration, plan.Duration)
		c.plan.Limits.Duration = int64(d)
	}
}

// quantity reads a constant such as 100, 10s or 4KiB that is larger than zero.
func (c *checker) quantity(s spec.Scalar, m plan.Meaning) (uint64, bool) {
	value, err := plan.ParseValue(plan.Type{Kind: plan.Int, Size: 8, Meaning: m}, nil, s.Value)
	if err != nil {
		c.diags.Errorf(s.Span(), "%q %v", s.Value, err)
		return 0, false
	}
	v := binary.NativeEndian.Uint64(value)
	if v == 0 {
		c.diags.Errorf(s.Span(), "%q is nothing: more than 0 is wanted", s.Value)
	}
	return v, v > 0
}
