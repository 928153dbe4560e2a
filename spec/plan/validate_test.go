package plan

import (
	"errors"
	"strings"
	"testing"
)

// A plan out of a file is held to what every room relies on.
func TestValidate(t *testing.T) {
	whole := func() *Plan {
		return &Plan{
			Version: Version, Name: "x", File: "x.yaml",
			Params:  []Param{{Name: "pid", Type: Type{Kind: Int, Size: 4}}},
			Record:  Record{Size: 8, Absent: -1, Fields: []Field{{Name: "a", Type: Type{Kind: Int, Size: 8}, Bit: -1}}},
			Maps:    []Map{{Name: "seen", Type: Hash, Entries: 64}},
			Bodies:  []Body{{Name: "x_0"}},
			Probes:  []Probe{{Alternatives: []Attachment{{Kind: Tracepoint, Target: "syscalls:sys_enter_close", Program: "x_close", Calls: []Call{{}}}}}},
			Channel: Channel{Kind: Ringbuf, Size: 4096},
		}
	}
	attachment := func(p *Plan) *Attachment { return &p.Probes[0].Alternatives[0] }
	for _, test := range []struct {
		want string
		edit func(*Plan)
	}{
		{"", func(*Plan) {}},
		{"", func(p *Plan) {
			*attachment(p) = Attachment{Kind: Uprobe, Target: "/usr/bin/a b:operator new(unsigned long)", Program: "p"}
		}},
		{"", func(p *Plan) { *attachment(p) = Attachment{Kind: Kprobe, Target: "tcp_*.isra.0", Program: "p"} }},
		{"", func(p *Plan) { *attachment(p) = Attachment{Kind: Begin, Program: "p"} }},
		{`"../x" is no name of a tracer`, func(p *Plan) { p.Name = "../x" }},
		{`"/etc/x.yaml" is no name of a file`, func(p *Plan) { p.File = "/etc/x.yaml" }},
		{`"a\x1b" is no name of a parameter`, func(p *Plan) { p.Params[0].Name = "a\x1b" }},
		{`parameter pid is a "int" of 3 bytes`, func(p *Plan) { p.Params[0].Type.Size = 3 }},
		{`parameter pid: there is no enum 1`, func(p *Plan) { p.Params[0].Type.Enum = 1 }},
		{`there is no enum -1`, func(p *Plan) { p.Record.Fields[0].Type.Enum = -1 }},
		{`there is no histogram 1`, func(p *Plan) { p.Record.Fields[0].Type.Hist = 1 }},
		{`histogram 1 is none`, func(p *Plan) { p.Histograms = []Histogram{{Linear: true, High: 5}} }},
		{`a record of -8 bytes`, func(p *Plan) { p.Record.Size = -8 }},
		{`a record of 1073741824 bytes`, func(p *Plan) { p.Record.Size = 1 << 30 }},
		{`a record of 2097152 bytes`, func(p *Plan) { p.Maps[0].Value.Size = 2 << 20 }},
		{`map seen has 4294967296 entries`, func(p *Plan) { p.Maps[0].Entries = 1 << 32 }},
		{`map seen is of a type "prog_array"`, func(p *Plan) { p.Maps[0].Type = "prog_array" }},
		{`the table has no map`, func(p *Plan) { p.Table, p.Channel.Kind = &Table{Map: 1}, MapChannel }},
		{`the span has no map`, func(p *Plan) { p.Span = &Span{Map: -1} }},
		{`a stack has no map`, func(p *Plan) { p.Stacks = &Stacks{Map: 1, Depth: 1} }},
		{`stacks have 128 frames`, func(p *Plan) { p.Stacks = &Stacks{Depth: 128} }},
		{`there is no kind "lsm"`, func(p *Plan) { attachment(p).Kind = "lsm" }},
		{`is nothing that a tracepoint is attached to`, func(p *Plan) { attachment(p).Target = "../../x:id" }},
		{`is nothing that a kprobe is attached to`, func(p *Plan) { attachment(p).Kind, attachment(p).Target = Kprobe, "f /x" }},
		{`is nothing that a uprobe is attached to`, func(p *Plan) { attachment(p).Kind, attachment(p).Target = Uprobe, "a\x00:b" }},
		{`a kprobe is attached to nothing`, func(p *Plan) { attachment(p).Kind, attachment(p).Target = Kprobe, "" }},
		{`program x_close calls no body`, func(p *Plan) { attachment(p).Calls[0].Body = 1 }},
		{`program x_close calls no body`, func(p *Plan) { attachment(p).Calls[0].Args = make([]Source, 1) }},
		{`"" is no name of a program`, func(p *Plan) { p.Owners = &Owners{} }},
		{`a channel of -1 bytes`, func(p *Plan) { p.Channel.Size = -1 }},
		{`an interval of -5 ns`, func(p *Plan) { p.Output.Interval = -5 }},
	} {
		p := whole()
		test.edit(p)
		err := p.Validate()
		if (err == nil) != (test.want == "") || err != nil && (!errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("got %v, want %q", err, test.want)
		}
	}
}
