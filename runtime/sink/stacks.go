package sink

import "github.com/ebgen/ebgen/runtime/decode"

const (
	// stackIndent sets stacks off from the line that says what they are of: few columns,
	// since names of functions are long.
	stackIndent = "    "
	// noFrames stands in the place of an empty stack, such as the kernel's of a sample
	// that found a CPU in user space.
	noFrames = "empty"
)

// stacks are the columns of a table that are stacks. A person sees each of them below the
// line of the other columns, a frame a line, the innermost first:
//
//	COMM   SAMPLES
//	split       70
//	    seventy+0x1f [split] split.c:12
//	    main+0x9 [split] split.c:30
//
// and of several stacks each below its name.
type stacks []decode.Column

// splitStacks parts columns into those that are shown on a line and the stacks.
func splitStacks(columns []decode.Column) (line []decode.Column, below stacks) {
	for _, c := range columns {
		if c.Stack != nil {
			below = append(below, c)
		} else {
			line = append(line, c)
		}
	}
	return line, below
}

func (s stacks) record(dst, rec []byte) []byte {
	for i := range s {
		c := &s[i]
		indent := len(stackIndent)
		title := func() {
			dst = append(dst, stackIndent...)
			if len(s) > 1 {
				dst = append(c.Title(dst), gap...)
			}
		}
		id, ok := c.Stack.ID(rec)
		frames, kept := c.Stack.Frames(id)
		switch {
		case !ok || !kept:
			title()
			dst = append(dst, "?\n"...)
			continue
		case len(frames) == 0:
			title()
			dst = append(dst, noFrames+"\n"...)
			continue
		case len(s) > 1:
			title()
			dst = append(dst[:len(dst)-len(gap)], '\n')
			indent += len(stackIndent)
		}
		for i := range frames {
			dst = append(decode.AppendFrame(appendBlanks(dst, indent), &frames[i]), '\n')
		}
	}
	return dst
}
