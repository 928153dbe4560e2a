package recording

import (
	"maps"
	"slices"

	"github.com/ebgen/ebgen/runtime/decode"
	"github.com/ebgen/ebgen/runtime/stack"
	"github.com/ebgen/ebgen/spec/plan"
)

// mostKnown is how many names, and frames of stacks, are remembered, so that none is written
// twice: about 100 bytes each. Then all are forgotten and written again when they are met.
const mostKnown = 1 << 16

// Names is what a recording tells of what rendering asks.
type Names struct {
	clock    int64
	symbols  map[uint64]symbol
	syscalls map[int64]string
	frames   map[int]stack.Frame
	stacks   map[uint64][]int // numbers of frames
	asked    stacks           // those that were put together of frames
	together int              // frames of these
	unknown  int              // questions to which nobody has noted an answer
}

// NewNames knows nothing yet.
func NewNames() Names {
	return Names{symbols: map[uint64]symbol{}, syscalls: map[int64]string{}, frames: map[int]stack.Frame{}, stacks: map[uint64][]int{}, asked: stacks{}}
}

// stacks are the frames of stacks by their number.
type stacks map[uint64][]stack.Frame

// Learn takes facts out of a recording.
func (n *Names) Learn(f *Facts) {
	if f.Clock != nil {
		n.clock = *f.Clock
	}
	for _, s := range f.Symbols {
		n.symbols[s.Address] = s
	}
	for _, s := range f.Syscalls {
		n.syscalls[s.Number] = s.Name
	}
	for _, one := range f.Frames {
		n.frames[one.N] = one.Frame()
	}
	for _, s := range f.Stacks {
		n.stacks[s.ID] = s.Frames
		delete(n.asked, s.ID)
	}
}

// stack puts a stack together. Some are kept, since each is asked for more than once.
func (n *Names) stack(id uint64) ([]stack.Frame, bool) {
	if frames, ok := n.asked[id]; ok {
		return frames, true
	}
	numbers, ok := n.stacks[id]
	if !ok {
		return nil, false
	}
	frames := make([]stack.Frame, len(numbers))
	for i, number := range numbers {
		frames[i] = n.frames[number]
	}
	if n.together += len(frames); n.together > mostKnown {
		clear(n.asked)
		n.together = len(frames)
	}
	n.asked[id] = frames
	return frames, true
}

// Env answers what was learnt.
func (n *Names) Env() decode.Env {
	return decode.Env{
		Offset: func() int64 { return n.clock },
		Symbol: func(address uint64) (string, string, uint64) {
			s, ok := n.symbols[address]
			n.noted(ok)
			return s.Name, s.Module, s.Offset
		},
		Syscall: func(number int64) string {
			name, ok := n.syscalls[number]
			n.noted(ok)
			return name
		},
		Stacks: n.stack,
	}
}

func (n *Names) noted(ok bool) {
	if !ok {
		n.unknown++
	}
}

// Unknown counts the addresses and system calls of which it is not even known that they have
// no name, by how often they were asked for.
func (n *Names) Unknown() int { return n.unknown }

// Tap stands between a decoder and what it asks, and notes each answer once.
type Tap struct {
	asked    decode.Env
	clock    int64
	begun    bool // clock was noted
	symbols  map[uint64]symbol
	syscalls map[int64]string
	stacks   stacks
	numbers  map[stack.Frame]int // of the frames that were noted
	last     int                 // number
	known    int                 // names and frames
	fresh    Facts
	vague    map[uint64]bool // stacks with frames that had no name
}

// NewTap notes what env answers.
func NewTap(env decode.Env) *Tap {
	if env.Offset == nil {
		env.Offset = decode.WallClock()
	}
	t := &Tap{asked: env, vague: map[uint64]bool{}}
	t.forget()
	return t
}

// Env asks through the tap.
func (t *Tap) Env() decode.Env {
	return decode.Env{Offset: t.asked.Offset, Location: t.asked.Location, Symbol: t.symbol, Syscall: t.syscall, Stacks: t.stack}
}

func (t *Tap) symbol(address uint64) (name, module string, offset uint64) {
	s, ok := t.symbols[address]
	if !ok {
		s.Address = address
		if t.asked.Symbol != nil {
			s.Name, s.Module, s.Offset = t.asked.Symbol(address)
		}
		t.symbols[address] = s
		t.known++
		t.fresh.Symbols = append(t.fresh.Symbols, s)
	}
	return s.Name, s.Module, s.Offset
}

func (t *Tap) syscall(number int64) string {
	name, ok := t.syscalls[number]
	if !ok {
		if t.asked.Syscall != nil {
			name = t.asked.Syscall(number)
		}
		t.syscalls[number] = name
		t.known++
		t.fresh.Syscalls = append(t.fresh.Syscalls, syscall{number, name})
	}
	return name
}

func (t *Tap) stack(id uint64) (frames []stack.Frame, ok bool) {
	if frames, ok = t.stacks[id]; ok || t.asked.Stacks == nil {
		return frames, ok
	}
	if frames, ok = t.asked.Stacks(id); !ok {
		return nil, false
	}
	t.note(id, frames)
	if nameless(frames) > 0 {
		t.vague[id] = true
	} else {
		delete(t.vague, id)
	}
	return frames, true
}

// note notes a stack, and those of its frames that are new: most stacks share most of theirs.
func (t *Tap) note(id uint64, frames []stack.Frame) {
	t.stacks[id] = frames
	k := kept{ID: id, Frames: make([]int, len(frames))}
	for i, f := range frames {
		number, ok := t.numbers[f]
		if !ok {
			t.last++
			number = t.last
			t.numbers[f] = number
			t.fresh.Frames = append(t.fresh.Frames, newFrame(number, f))
		}
		k.Frames[i] = number
	}
	t.known += 1 + len(frames)
	t.fresh.Stacks = append(t.fresh.Stacks, k)
}

// nameless counts the frames without a name.
func nameless(frames []stack.Frame) (n int) {
	for i := range frames {
		if frames[i].Name == "" {
			n++
		}
	}
	return n
}

// again asks once more for stacks that had frames without names: those of a JIT may have
// come since.
func (t *Tap) again() {
	for _, id := range slices.Sorted(maps.Keys(t.vague)) {
		before, known := t.stacks[id]
		frames, ok := t.asked.Stacks(id)
		if ok && (!known || nameless(frames) < nameless(before)) {
			t.note(id, frames)
		}
	}
}

// Take returns what was noted since it was last called, with the clock where that has moved.
func (t *Tap) Take() Facts {
	f := t.fresh
	if now := t.asked.Offset(); now != t.clock || !t.begun {
		t.clock, t.begun = now, true
		f.Clock = &now
	}
	t.fresh = Facts{}
	if t.known > mostKnown {
		t.forget()
	}
	return f
}

// forget makes the tap note again what it noted before.
func (t *Tap) forget() {
	t.symbols, t.syscalls, t.stacks, t.numbers = map[uint64]symbol{}, map[int64]string{}, stacks{}, map[stack.Frame]int{}
	t.known, t.begun = 0, false
	if len(t.vague) > mostKnown {
		clear(t.vague)
	}
}

// asks returns the columns whose text depends on more than the record and the clock.
func asks(columns []decode.Column) (asking []decode.Column) {
	for _, c := range columns {
		if c.Type.Kind == plan.Stack || c.Type.Meaning == plan.Symbol || c.Type.Meaning == plan.Syscall {
			asking = append(asking, c)
		}
	}
	return asking
}
