package attach

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

var tracepointCauses = []cause{
	{unix.ENOENT, "this kernel has no tracepoint TARGET, or the module that has it is not loaded"},
	{errNoTracefs, "tracefs, which numbers the tracepoints, can be neither opened (that takes CAP_SYS_ADMIN) nor found under /sys/kernel/tracing"},
	{unix.EPERM, "the kernel refuses perf events on tracepoints (EPERM); see kernel.perf_event_paranoid"},
	{unix.EACCES, "the kernel refuses perf events on tracepoints (EACCES); see kernel.perf_event_paranoid"},
	{unix.E2BIG, "64 programs are already attached to TARGET (BPF_TRACE_MAX_PROGS)"},
}

// perfHook is a program on a perf event: a BPF link where the kernel has those for perf
// events (Linux 5.15), else the event alone, which gives the program up when it closes.
type perfHook struct {
	event int
	link  *link.RawLink
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
	event, err := unix.PerfEventOpen(&attr, -1, 0, -1, unix.PERF_FLAG_FD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("perf_event_open", err)
	}
	h := &perfHook{event: event}
	h.link, err = link.AttachRawLink(link.RawLinkOptions{Target: event, Program: program, Attach: ebpf.AttachPerfEvent})
	if errors.Is(err, unix.EINVAL) || errors.Is(err, ebpf.ErrNotSupported) {
		err = unix.IoctlSetInt(event, unix.PERF_EVENT_IOC_SET_BPF, program.FD())
	}
	if err != nil {
		unix.Close(event)
		return nil, fmt.Errorf("attach: %w", err)
	}
	return h, nil
}

// Close detaches the program and closes its event.
func (h *perfHook) Close() error {
	var err error
	if h.link != nil {
		err = h.link.Close()
	}
	return errors.Join(err, os.NewSyscallError("close", unix.Close(h.event)))
}
