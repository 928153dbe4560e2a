package stack

import "strings"

// ownPrefixes begin the names of what stands between an event and the tracer's program that
// takes a stack there: the program, what runs it for a raw tracepoint (kernel/trace/bpf_trace.c,
// include/linux/tracepoint.h) and what does for fentry and fexit (kernel/bpf/trampoline.c). Of
// other kinds of probes the kernel begins the stack at the event.
var ownPrefixes = []string{"bpf_prog_", "bpf_trace_run", "__bpf_trace_", "__traceiter_", "bpf_trampoline_"}

// withoutOwn leaves out the innermost frames of a stack that are of the tracer. Names of
// programs may be hidden; a frame without one goes with those around it.
func withoutOwn(frames []Frame) []Frame {
	first := 0
	for i := range frames {
		own := false
		for _, p := range ownPrefixes {
			own = own || strings.HasPrefix(frames[i].Name, p)
		}
		if own {
			first = i + 1
		} else if frames[i].Name != "" {
			break
		}
	}
	return frames[first:]
}
