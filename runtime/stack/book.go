package stack

import (
	"encoding/binary"
	"strings"
	"sync"

	"github.com/ebgen/ebgen/spec/plan"
)

// Kernel names addresses of the kernel: symbol.Kernel does.
type Kernel interface {
	// Lookup gives the function that addr lies in, "" when it is not known.
	Lookup(addr uint64) (name, module string, offset uint64)
}

// Users names addresses of processes: process.Table does. Its methods are called from
// several goroutines.
type Users interface {
	// Met tells that a stack of this space was taken. The process may be gone. The parent
	// is the space that fork has copied to make this one, zero for none.
	Met(s, parent Space)
	// Frames appends what an address of a space is to dst: at least one frame, which has no
	// name when none is known, and those that the compiler put into it before it. A returned
	// address is one that a call returns to: the call stands before it.
	Frames(dst []Frame, s Space, addr uint64, returned bool) []Frame
}

// maxKept is how many frames of stacks that were asked for a Book keeps, about 100 bytes
// each.
const maxKept = 1 << 16

// Book names the frames of kept stacks. It is the runtime.Stacks of a tracer, and good
// after its run. It is safe for concurrent use.
type Book struct {
	kernel Kernel
	users  Users // nil when processes stay without names

	mu     sync.Mutex
	lookup func(id uint64) ([]byte, bool)
	kept   map[uint64][]Frame
	frames int // in kept
}

// NewBook makes the book of one run. Without users, frames of processes have no names.
func NewBook(kernel Kernel, users Users) *Book {
	return &Book{kernel: kernel, users: users, kept: map[uint64][]Frame{}}
}

// Bind lends the map of stacks.
func (b *Book) Bind(lookup func(id uint64) (value []byte, ok bool)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lookup = lookup
}

// Met tells of a process whose stack was taken, and of the one that fork has copied for it.
func (b *Book) Met(s, parent Space) {
	if b.users != nil {
		b.users.Met(s, parent)
	}
}

// Frames returns the functions of a stack, the innermost first; none for the number 0,
// which is the empty stack's. It returns false for a stack that was not kept. A stack is
// as deep as the spec asked for: what called the last frame may be unknown.
//
// The list is shared by all who ask: do not write to it. What has a name in all its frames
// is remembered; names that are missing are looked for each time, since a JIT may tell of
// them later.
func (b *Book) Frames(id uint64) (frames []Frame, ok bool) {
	if id == 0 {
		return nil, true
	}
	b.mu.Lock()
	frames, ok = b.kept[id]
	lookup := b.lookup
	b.mu.Unlock()
	if ok || lookup == nil {
		return frames, ok
	}
	value, ok := lookup(id)
	if !ok {
		return nil, false
	}
	space, addrs, ok := parse(value)
	if !ok {
		return nil, false
	}
	if space == (Space{}) {
		frames = b.ofKernel(addrs)
	} else {
		frames = b.ofUser(space, addrs)
	}
	b.keep(id, frames)
	return frames, true
}

// keep remembers a stack all of whose frames have names.
func (b *Book) keep(id uint64, frames []Frame) {
	for i := range frames {
		if frames[i].Name == "" {
			return
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.frames > maxKept {
		clear(b.kept)
		b.frames = 0
	}
	b.kept[id] = frames
	b.frames += len(frames)
}

// parse takes the value of a stack apart, as plan.Stacks lays it out.
func parse(value []byte) (s Space, addrs []uint64, ok bool) {
	if len(value) < plan.StackFrames {
		return s, nil, false
	}
	s = SpaceOf(value[plan.StackSpace:])
	count := int(binary.NativeEndian.Uint32(value[plan.StackCount:]))
	if count > (len(value)-plan.StackFrames)/8 {
		return s, nil, false
	}
	for i := range count {
		addrs = append(addrs, binary.NativeEndian.Uint64(value[plan.StackFrames+8*i:]))
	}
	return s, addrs, true
}

// interrupted begins the names of the functions by which an exception or an interrupt
// comes into the kernel (DECLARE_IDTENTRY, arch/x86/include/asm/idtentry.h, Linux 5.8). The
// frame behind one is the instruction that was interrupted, which nothing has called.
const interrupted = "asm_"

// ofKernel names addresses of the kernel. All but the innermost are those that a call
// returns to, and may belong to the next function when the one called never returns.
func (b *Book) ofKernel(addrs []uint64) []Frame {
	frames := make([]Frame, 0, len(addrs))
	var back uint64 // bytes from the address to where the function is looked for
	for _, addr := range addrs {
		f := Frame{Address: addr, Kernel: true}
		f.Name, f.Module, f.Offset = b.kernel.Lookup(addr - back)
		if f.Name != "" {
			f.Offset += back
		}
		frames = append(frames, f)
		if back = 1; strings.HasPrefix(f.Name, interrupted) {
			back = 0
		}
	}
	return withoutOwn(frames)
}

// ofUser names addresses of a process.
func (b *Book) ofUser(s Space, addrs []uint64) []Frame {
	frames := make([]Frame, 0, len(addrs))
	for i, addr := range addrs {
		if b.users == nil {
			frames = append(frames, Frame{Address: addr})
			continue
		}
		frames = b.users.Frames(frames, s, addr, i > 0)
	}
	return frames
}
