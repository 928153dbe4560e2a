package attach

import (
	"fmt"
	"strings"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

var tracepointCauses = []cause{
	{unix.ENOENT, "this kernel has no tracepoint TARGET, or the module that has it is not loaded"},
	{errNoTracefs, "tracefs, which numbers the tracepoints, can be neither opened (that takes CAP_SYS_ADMIN) nor found under /sys/kernel/tracing"},
	{unix.EPERM, "the kernel refuses perf events on tracepoints (EPERM); see kernel.perf_event_paranoid"},
	{unix.EACCES, "the kernel refuses perf events on tracepoints (EACCES); see kernel.perf_event_paranoid"},
	{unix.E2BIG, "64 programs are already attached to TARGET (BPF_TRACE_MAX_PROGS)"},
}

// tracepoint attaches to category:name through a perf event of its own.
//
// The event counts on CPU 0, the program runs on all of them: it hangs on the trace
// event, which every perf event of it shares (perf_event_attach_bpf_prog,
// kernel/trace/bpf_trace.c).
func tracepoint(target string, program *ebpf.Program) (hook, error) {
	category, name, ok := strings.Cut(target, ":")
	if !ok || strings.ContainsAny(target, "/\x00") {
		return nil, fmt.Errorf("a tracepoint is written category:name, not %q", target)
	}
	id, err := tracepointID(category, name)
	if err != nil {
		return nil, err
	}
	attr := unix.PerfEventAttr{
		Type:   unix.PERF_TYPE_TRACEPOINT,
		Size:   unix.PERF_ATTR_SIZE_VER0,
		Config: id,
		Sample: 1,
	}
	h, err := openPerf(&attr, -1, 0, program)
	if err != nil {
		return nil, err
	}
	return h, nil
}
