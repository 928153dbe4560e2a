package decode

import (
	"path"
	"strconv"

	"github.com/ebgen/ebgen/runtime/stack"
)

// Stack is a column's stack, for those who show it in their own way. It does not keep
// records.
type Stack struct {
	User   bool // of a process, not of the kernel
	cell   cell
	frames func(id uint64) ([]stack.Frame, bool)
	absent func(rec []byte) bool // the record says that there is no stack; nil for never
}

// stackFrames writes a stack on one line: the names of its functions joined by ";", the
// outermost first, as tools that fold stacks have it. JSON is an array of its frames, the
// innermost first, with all that is known of each. A stack that was not kept is none.
func stackFrames(d *Decoder, c cell) form {
	s := &Stack{User: c.User, cell: c, frames: d.env.Stacks}
	f := form{width: maxNameWidth, free: true, stack: s}
	f.text = func(dst, rec []byte) []byte {
		frames, _ := s.Frames(s.number(rec))
		for i := len(frames) - 1; i >= 0; i-- {
			dst = AppendName(dst, &frames[i])
			if i > 0 {
				dst = append(dst, ';')
			}
		}
		return dst
	}
	f.raw = f.text
	f.json = func(dst, rec []byte) []byte {
		frames, _ := s.Frames(s.number(rec))
		dst = append(dst, '[')
		for i := range frames {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendFrameObject(dst, &frames[i])
		}
		return append(dst, ']')
	}
	f.unknown = func(rec []byte) bool {
		_, ok := s.Frames(s.number(rec))
		return !ok
	}
	return f
}

func (s *Stack) number(rec []byte) uint64 { return load(rec[s.cell.at:], 8) }

// ID returns the number of the stack in rec, by which Frames finds it, and whether there
// is one. Equal stacks have equal numbers. Nothing is looked up.
func (s *Stack) ID(rec []byte) (id uint64, ok bool) {
	if s.absent != nil && s.absent(rec) {
		return 0, false
	}
	return s.number(rec), true
}

// Frames returns the frames of the stack with that number, the innermost first, and
// whether it was kept. Number 0 is the empty stack. It may read files.
func (s *Stack) Frames(id uint64) ([]stack.Frame, bool) {
	if id == 0 {
		return nil, true
	}
	return s.frames(id)
}

// AppendName appends what a frame is called where frames of one name are put together:
// its function, or of one without a name the file that it lies in, "[libc.so.6]". In a process
// of which nothing is known it is its address, so that different stacks stay different. As in
// every folded stack, ";" parts frames and becomes ":" within one.
func AppendName(dst []byte, f *stack.Frame) []byte {
	start := len(dst)
	switch {
	case f.Name != "":
		dst = AppendText(dst, f.Name)
	case f.Module != "":
		dst = append(AppendText(append(dst, '['), path.Base(f.Module)), ']')
	case f.Kernel:
		dst = append(dst, "[kernel]"...)
	default:
		dst = appendHex(dst, f.Address)
	}
	for i := start; i < len(dst); i++ {
		if dst[i] == ';' {
			dst[i] = ':'
		}
	}
	return dst
}

// AppendText appends s with nothing in it that a terminal might obey.
func AppendText(dst []byte, s string) []byte { return appendText(dst, []byte(s)) }

// AppendFrame appends a frame as people read it: vfs_read+0x1f [ext4] read.c:12. One
// without a name is its address. An inlined one has no place of its own in the code.
func AppendFrame(dst []byte, f *stack.Frame) []byte {
	if f.Name == "" {
		dst = appendHex(dst, f.Address)
	} else {
		dst = AppendText(dst, f.Name)
		if !f.Inlined {
			dst = appendHex(append(dst, '+'), f.Offset)
		}
	}
	if f.Module != "" {
		dst = append(AppendText(append(dst, " ["...), path.Base(f.Module)), ']')
	}
	if f.File != "" {
		dst = AppendText(append(dst, ' '), path.Base(f.File))
		if f.Line > 0 {
			dst = strconv.AppendInt(append(dst, ':'), int64(f.Line), 10)
		}
	}
	if f.Inlined {
		dst = append(dst, " (inlined)"...)
	}
	return dst
}

// appendFrameObject appends a frame as a JSON object of what is known of it.
func appendFrameObject(dst []byte, f *stack.Frame) []byte {
	text := func(key, value string) {
		if value != "" {
			dst = append(appendJSONText(append(append(append(dst, '"'), key...), `":"`...), []byte(value)), `",`...)
		}
	}
	dst = append(dst, '{')
	text("name", f.Name)
	if f.Name != "" && !f.Inlined {
		dst = append(strconv.AppendUint(append(dst, `"offset":`...), f.Offset, 10), ',')
	}
	text("module", f.Module)
	text("file", f.File)
	if f.Line > 0 {
		dst = append(strconv.AppendInt(append(dst, `"line":`...), int64(f.Line), 10), ',')
	}
	if f.Inlined {
		dst = append(dst, `"inlined":true,`...)
	}
	return append(appendHex(append(dst, `"address":"`...), f.Address), `"}`...)
}
