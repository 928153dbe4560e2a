package sink

import (
	"encoding/binary"
	"math"
	"path"
	"time"

	"github.com/ebgen/ebgen/runtime/decode"
	"github.com/ebgen/ebgen/runtime/stack"
	"github.com/ebgen/ebgen/spec/plan"
)

// profile is what pictures of stacks are drawn of: how much was counted for each stack.
//
// A row of a table counts what its columns of counts and sums say, or 1 if it has none. A
// record counts 1, or the durations and sizes among the columns that the user has chosen.
// What else tells records apart is a label: the other parts of a table's key; of records
// the names in them, or all that the user has chosen.
type profile struct {
	decoder *decode.Decoder
	labels  []decode.Column
	stacks  []decode.Column // in the order in which they stand on each other, the lowest first
	sums    []decode.Column // one for each of values, none for a count of records
	values  []quantity

	index   map[string]int // into samples
	samples []sample
	scratch []byte
	from    time.Time
	now     func() time.Time
}

// quantity is what a value is of.
type quantity struct {
	Name string `json:"name"`
	Unit string `json:"unit"` // as in profile.proto: count, nanoseconds, bytes
}

// sample is what was counted for one key.
type sample struct {
	labels []label
	stacks []stackID
	values []int64
}

type label struct {
	text     string
	number   int64
	isNumber bool
}

type stackID struct {
	id   uint64
	kept bool // false when the record has no stack
}

// units are those of quantities by their meaning; what is no time and no size is counted.
var units = map[plan.Meaning]string{plan.Duration: "nanoseconds", plan.ByteSize: "bytes"}

func newProfile(s subject) *profile {
	p := &profile{decoder: s.decoder, index: map[string]int{}, from: s.now(), now: s.now}
	table := s.decoder.IsTable()
	for _, kernel := range []bool{false, true} { // a process calls the kernel
		for _, c := range s.columns {
			if c.Stack != nil && c.Stack.User != kernel {
				p.stacks = append(p.stacks, c)
			}
		}
	}
	for _, c := range s.columns {
		switch {
		case c.Stack != nil:
		case c.Number != nil && (c.Sum || !table && s.chosen && units[c.Type.Meaning] != ""):
			p.sums = append(p.sums, c)
			unit := units[c.Type.Meaning]
			if unit == "" {
				unit = "count"
			}
			p.values = append(p.values, quantity{c.Name, unit})
		case c.Key, !table && (s.chosen || names[c.Type.Kind]):
			p.labels = append(p.labels, c)
		}
	}
	if len(p.values) == 0 {
		name := "records"
		if table {
			name = "rows"
		}
		p.values = []quantity{{name, "count"}}
	}
	return p
}

// names are the kinds of values that name something: few of them are alike by accident.
var names = map[plan.Kind]bool{plan.String: true, plan.Enumer: true, plan.Owner: true}

func (p *profile) report(time.Time) {
	if p.decoder.Cumulative() { // each report says it all again
		clear(p.index)
		p.samples = p.samples[:0]
	}
}

func (p *profile) take(rec []byte) {
	key := p.scratch[:0]
	for i := range p.labels {
		key = append(p.labels[i].Text(key, rec), 0)
	}
	for i := range p.stacks {
		id, kept := p.stacks[i].Stack.ID(rec)
		key = binary.NativeEndian.AppendUint64(key, id)
		if kept {
			key = append(key, 1)
		}
		key = append(key, 0)
	}
	p.scratch = key
	at, ok := p.index[string(key)]
	if !ok {
		at = len(p.samples)
		p.index[string(key)] = at
		p.samples = append(p.samples, p.sample(rec))
	}
	values := p.samples[at].values
	if len(p.sums) == 0 {
		values[0]++
	}
	for i := range p.sums {
		if c := &p.sums[i]; c.Absent == nil || !c.Absent(rec) {
			values[i] = add(values[i], c.Number(rec))
		}
	}
}

// add adds without leaving the range of an int64.
func add(a, b int64) int64 {
	switch sum := a + b; {
	case a > 0 && b > 0 && sum < 0:
		return math.MaxInt64
	case a < 0 && b < 0 && sum >= 0:
		return math.MinInt64
	default:
		return sum
	}
}

// sample is that of the key in rec, with nothing counted.
func (p *profile) sample(rec []byte) sample {
	s := sample{values: make([]int64, len(p.values))}
	for i := range p.labels {
		c := &p.labels[i]
		l := label{text: string(c.Text(nil, rec))}
		if c.Number != nil && c.Type.Meaning == plan.Plain && (c.Absent == nil || !c.Absent(rec)) {
			l.number, l.isNumber = c.Number(rec), true
		}
		s.labels = append(s.labels, l)
	}
	for i := range p.stacks {
		id, kept := p.stacks[i].Stack.ID(rec)
		s.stacks = append(s.stacks, stackID{id, kept})
	}
	return s
}

// frameKind is what kind of code a frame is, for its colour.
type frameKind string

const (
	kindKey     frameKind = "key" // no code: a part of the key
	kindUser    frameKind = "user"
	kindInlined frameKind = "inlined"
	kindJIT     frameKind = "jit" // code that no file holds
	kindKernel  frameKind = "kernel"
	kindMissing frameKind = "missing" // stands for a stack that was not kept, or is empty
)

// box is one box of a picture: a frame as far as frames that are put together are alike.
type box struct {
	name   string
	module string // where the code lies; "" for the kernel itself and what is no code
	kind   frameKind
}

// drawing turns samples into boxes, when all is known.
type drawing struct {
	*profile
	known map[uint64][]box // by the number of a stack, the outermost first
}

func (p *profile) drawing() *drawing { return &drawing{p, map[uint64][]box{}} }

// missing stands for a stack that was not kept, and for a sample without any frame.
var (
	missing = box{name: "[missing stack]", kind: kindMissing}
	empty   = box{name: "[empty stack]", kind: kindMissing}
)

// boxes returns the boxes of a sample, from the bottom to the top.
func (d *drawing) boxes(s *sample) []box {
	var all []box
	for i, l := range s.labels {
		text := l.text
		if c := d.labels[i]; !names[c.Type.Kind] {
			text = string(c.Title(nil)) + " " + text // a number alone says little
		}
		all = append(all, box{name: text, kind: kindKey})
	}
	frames := false
	for i, id := range s.stacks {
		boxes := []box{missing}
		if id.kept {
			boxes = d.stack(id.id)
		}
		if len(boxes) == 0 {
			continue
		}
		frames = true
		if d.ambiguous(i) {
			all = append(all, box{name: string(d.stacks[i].Title(nil)), kind: kindKey})
		}
		all = append(all, boxes...)
	}
	if !frames {
		all = append(all, empty)
	}
	return all
}

// ambiguous reports whether stack i is one of several of the same side, which their names
// tell apart.
func (d *drawing) ambiguous(i int) bool {
	for j := range d.stacks {
		if j != i && d.stacks[j].Stack.User == d.stacks[i].Stack.User {
			return true
		}
	}
	return false
}

func (d *drawing) stack(id uint64) []box {
	boxes, ok := d.known[id]
	if ok {
		return boxes
	}
	frames, kept := d.stacks[0].Stack.Frames(id)
	for i := len(frames) - 1; i >= 0; i-- {
		boxes = append(boxes, boxOf(&frames[i]))
	}
	if !kept {
		boxes = []box{missing}
	}
	d.known[id] = boxes
	return boxes
}

func boxOf(f *stack.Frame) box {
	b := box{name: string(decode.AppendName(nil, f)), kind: kindUser}
	if f.Module != "" {
		b.module = string(decode.AppendText(nil, path.Base(f.Module)))
	}
	switch {
	case f.Kernel:
		b.kind = kindKernel
	case f.Inlined:
		b.kind = kindInlined
	case f.Module == "" && f.Name != "":
		b.kind = kindJIT
	}
	return b
}
