// Package stack turns the stacks that a tracer has kept into named frames.
//
// The runtime tells a Book of the spaces that it meets, and lends it the map of stacks;
// a decoder asks for the frames of a number. Names are looked up after the fact: nothing
// here is on the way of an event.
//
//	book := stack.NewBook(kernel, users)
//	runtime.Run(ctx, bundle, runtime.Options{Stacks: book, …})
//	frames, ok := book.Frames(id)
package stack

import (
	"encoding/binary"

	"github.com/ebgen/ebgen/spec/plan"
)

// Space is the mappings of one process between two calls of exec: see plan.Stacks. The
// zero Space is the kernel.
type Space struct {
	Pid     uint32 // tgid in the first pid namespace
	Exec    uint32 // self_exec_id of its task
	Started uint64 // ns of CLOCK_BOOTTIME
}

// SpaceOf reads a space, as plan.Stacks lays it out.
func SpaceOf(b []byte) Space {
	return Space{
		Pid:     binary.NativeEndian.Uint32(b[plan.SpacePid:]),
		Exec:    binary.NativeEndian.Uint32(b[plan.SpaceExec:]),
		Started: binary.NativeEndian.Uint64(b[plan.SpaceStarted:]),
	}
}

// Frame is one function on a stack. Several frames may share an address, where the
// compiler put one function into another.
type Frame struct {
	Name    string // demangled; "" when it is not known
	Offset  uint64 // bytes from the start of the function to Address
	Module  string // path of the binary or name of the kernel module; "" for the kernel itself, a JIT's functions and all of a process that was gone at once; "anon" and "unknown" for what has no name and is in no file, or not mapped
	Address uint64 // as the stack has it: of the instruction after the call, but for the innermost frame
	File    string // of the source, "" when it is not known
	Line    int    // in File, 0 when it is not known
	Inlined bool   // put into the frame that follows it in the list
	Kernel  bool
}
