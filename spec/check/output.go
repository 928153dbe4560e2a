package check

import (
	"encoding/binary"
	"math/bits"
	"slices"
	"sort"

	"github.com/ebgen/ebgen/spec"
	"github.com/ebgen/ebgen/spec/ktype"
	"github.com/ebgen/ebgen/spec/plan"
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
}

// send checks the channel and the output.
func (c *checker) send() {
	ch, ok := channels[c.doc.Channel.Type.Value]
	if !ok {
		d := c.diags.Errorf(c.doc.Channel.Type.Span(), "no channel is named %q", c.doc.Channel.Type.Value)
		d.Hint = "one of perfbuf or ringbuf"
		if c.doc.Channel.Type.Value == "map" {
			d.Message, d.Hint = "channel: map is not in this ebgen yet", ""
		}
	}
	c.plan.Channel = plan.Channel{Kind: ch.kind, Size: ch.size}
	if s := c.doc.Channel.Size; s.Given() {
		size, ok := c.quantity(s, plan.ByteSize)
		switch {
		case !ok:
		case size < pageSize || size > largestRing || bits.OnesCount64(size) != 1:
			c.diags.Errorf(s.Span(), "a channel's size is a power of two from 4KiB to 1GiB, found %s", s.Value)
		default:
			c.plan.Channel.Size = int(size)
		}
	}
	if c.plan.Record.Size+8 > c.plan.Channel.Size && ok {
		at := c.doc.Channel.Size
		if !at.Given() {
			at = c.doc.Channel.Type
		}
		c.diags.Errorf(at.Span(), "a record of %d bytes does not fit a channel of %d", c.plan.Record.Size, c.plan.Channel.Size)
	}
	c.plan.Output.Format = "table"
	if s := c.doc.Output.Format; s.Given() {
		if !slices.Contains(OutputFormats, s.Value) {
			d := c.diags.Errorf(s.Span(), "no output format is named %q", s.Value)
			if near := ktype.Nearest(s.Value, OutputFormats); len(near) > 0 {
				d.Hint = "did you mean " + orList(near) + "?"
			} else {
				d.Hint = "one of " + orList(OutputFormats)
			}
		}
		c.plan.Output.Format = s.Value
	}
	for _, s := range c.doc.Output.Columns {
		c.column(s)
	}
}

// OutputFormats lists the formats that a spec may ask for, sorted.
var OutputFormats = []string{"csv", "json", "table"}

func (c *checker) column(s spec.Scalar) {
	var names []string
	for _, f := range c.doc.Fields {
		if f.Name.Value == s.Value {
			c.plan.Output.Columns = append(c.plan.Output.Columns, s.Value)
			return
		}
		names = append(names, f.Name.Value)
	}
	d := c.diags.Errorf(s.Span(), "no field is named %q", s.Value)
	sort.Strings(names)
	if near := ktype.Nearest(s.Value, names); len(near) > 0 {
		d.Hint = "did you mean " + orList(near) + "?"
	}
}

// limit checks what ends or thins a run.
func (c *checker) limit() {
	l := c.doc.Limits
	if l.Rate.Given() {
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
