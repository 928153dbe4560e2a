package machinery

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

//ebgen:if rawtracepoint

// rawTracepoint attaches to a tracepoint by its bare name (Linux 4.17).
func rawTracepoint(name string) func(*ebpf.Program) (io.Closer, error) {
	return func(p *ebpf.Program) (io.Closer, error) {
		return link.AttachRawTracepoint(link.RawTracepointOptions{Name: name, Program: p})
	}
}

//ebgen:end
//ebgen:if trampoline

// trampoline attaches to a function's entry or exit (Linux 5.5). The program names its target.
func trampoline(at ebpf.AttachType) func(*ebpf.Program) (io.Closer, error) {
	return func(p *ebpf.Program) (io.Closer, error) {
		return link.AttachTracing(link.TracingOptions{Program: p, AttachType: at})
	}
}

//ebgen:end
//ebgen:if anykprobe

// kprobePMU is there when the kernel offers kprobes as perf events: CONFIG_KPROBE_EVENTS,
// Linux 4.17. Where it is missing the library goes on to tracefs and names that as the cause.
const kprobePMU = "/sys/bus/event_source/devices/kprobe/type"

func haveKprobes() error {
	if _, err := os.Stat(kprobePMU); errors.Is(err, os.ErrNotExist) {
		return errors.New("this kernel is built without kprobes (CONFIG_KPROBE_EVENTS)")
	}
	return nil
}

//ebgen:end
//ebgen:if kprobe

// kprobe attaches to a function's entry.
func kprobe(function string) func(*ebpf.Program) (io.Closer, error) {
	return func(p *ebpf.Program) (io.Closer, error) {
		if err := haveKprobes(); err != nil {
			return nil, err
		}
		return link.Kprobe(function, p, nil)
	}
}

//ebgen:end
//ebgen:if kretprobe

// kretprobe attaches to a function's return.
func kretprobe(function string) func(*ebpf.Program) (io.Closer, error) {
	return func(p *ebpf.Program) (io.Closer, error) {
		if err := haveKprobes(); err != nil {
			return nil, err
		}
		return link.Kretprobe(function, p, nil)
	}
}

//ebgen:end
//ebgen:if perf

// perfHook is a program on a perf event: a link where the kernel has those for perf events
// (Linux 5.15), else the event alone, which gives the program up when it is closed.
type perfHook struct {
	event int
	link  *link.RawLink
}

func openPerf(attr unix.PerfEventAttr, cpu int, p *ebpf.Program) (*perfHook, error) {
	attr.Size = unix.PERF_ATTR_SIZE_VER0
	event, err := unix.PerfEventOpen(&attr, -1, cpu, -1, unix.PERF_FLAG_FD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("perf_event_open", err)
	}
	h := &perfHook{event: event}
	h.link, err = link.AttachRawLink(link.RawLinkOptions{Target: event, Program: p, Attach: ebpf.AttachPerfEvent})
	if errors.Is(err, unix.EINVAL) || errors.Is(err, ebpf.ErrNotSupported) {
		err = unix.IoctlSetInt(event, unix.PERF_EVENT_IOC_SET_BPF, p.FD())
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("attach: %w", err), unix.Close(event))
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

//ebgen:end
//ebgen:if tracepoint

// tracepoint attaches to category:name. The event counts on CPU 0, the program runs on all
// of them: it hangs on the trace event, which every perf event of it shares
// (perf_event_attach_bpf_prog, kernel/trace/bpf_trace.c).
func tracepoint(category, name string) func(*ebpf.Program) (io.Closer, error) {
	return func(p *ebpf.Program) (io.Closer, error) {
		id, err := tracepointID(category, name)
		if err != nil {
			return nil, err
		}
		h, err := openPerf(unix.PerfEventAttr{Type: unix.PERF_TYPE_TRACEPOINT, Config: id, Sample: 1}, 0, p)
		if err != nil {
			return nil, err
		}
		return h, nil
	}
}

// tracepointID reads the number by which perf events know a tracepoint.
func tracepointID(category, name string) (uint64, error) {
	root, err := openTracefs()
	if err != nil {
		return 0, err
	}
	defer unix.Close(root)
	fd, err := unix.Openat(root, "events/"+category+"/"+name+"/id", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, fmt.Errorf("this kernel has no tracepoint %s:%s, or its module is not loaded: %w", category, name, err)
	}
	defer unix.Close(fd)
	var text [24]byte // a decimal u64 has at most 20 digits
	n, err := unix.Read(fd, text[:])
	if err != nil {
		return 0, fmt.Errorf("read the id of %s:%s: %w", category, name, err)
	}
	return strconv.ParseUint(strings.TrimSpace(string(text[:n])), 10, 64)
}

// openTracefs returns a descriptor of the root of tracefs: of a mount that nobody else
// sees, since containers often have none, else of the usual one.
func openTracefs() (int, error) {
	root, err := mountTracefs()
	if err == nil {
		return root, nil
	}
	for _, place := range []string{"/sys/kernel/tracing", "/sys/kernel/debug/tracing"} {
		root, err := unix.Open(place, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			continue
		}
		if unix.Faccessat(root, "events", unix.R_OK, 0) == nil {
			return root, nil
		}
		unix.Close(root)
	}
	return -1, fmt.Errorf("tracefs can neither be mounted (that takes CAP_SYS_ADMIN) nor found under /sys/kernel/tracing: %w", err)
}

func mountTracefs() (int, error) {
	context, err := unix.Fsopen("tracefs", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return -1, err
	}
	defer unix.Close(context)
	if err := unix.FsconfigCreate(context); err != nil {
		return -1, err
	}
	return unix.Fsmount(context, unix.FSMOUNT_CLOEXEC, unix.MOUNT_ATTR_RDONLY|unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV|unix.MOUNT_ATTR_NOEXEC)
}

//ebgen:end
//ebgen:if sampled

// perfHooks are the events of one program.
type perfHooks []*perfHook

// Close closes all of them.
func (h perfHooks) Close() error {
	var failures []error
	for _, one := range h {
		failures = append(failures, one.Close())
	}
	return errors.Join(failures...)
}

// sampled attaches to a perf event of each CPU that is online, or of the first alone.
func sampled(attr unix.PerfEventAttr, everyCPU bool) func(*ebpf.Program) (io.Closer, error) {
	return func(p *ebpf.Program) (io.Closer, error) {
		cpus, err := onlineCPUs()
		if err != nil {
			return nil, err
		}
		if !everyCPU {
			cpus = cpus[:1]
		}
		var all perfHooks
		for _, cpu := range cpus {
			h, err := openPerf(attr, cpu, p)
			if err != nil {
				return nil, errors.Join(err, all.Close())
			}
			all = append(all, h)
		}
		return all, nil
	}
}

// onlineCPUs parses the kernel's list of them: 0-3,5.
func onlineCPUs() ([]int, error) {
	text, err := os.ReadFile("/sys/devices/system/cpu/online")
	if err != nil {
		return nil, err
	}
	var cpus []int
	for _, part := range strings.Split(strings.TrimSpace(string(text)), ",") {
		from, to, isRange := strings.Cut(part, "-")
		if !isRange {
			to = from
		}
		low, err := strconv.Atoi(from)
		if err != nil {
			return nil, fmt.Errorf("the list of CPUs is %q", text)
		}
		high, err := strconv.Atoi(to)
		if err != nil {
			return nil, fmt.Errorf("the list of CPUs is %q", text)
		}
		for cpu := low; cpu <= high; cpu++ {
			cpus = append(cpus, cpu)
		}
	}
	return cpus, nil
}

//ebgen:end
//ebgen:if ondemand

// demanded is a raw tracepoint program on no tracepoint, which is run when it is asked to.
type demanded struct {
	program *ebpf.Program
	at      demand
}

// demand says when a program is run.
type demand int

const (
	atBegin demand = iota // when everything else is attached
	atEnd                 // when everything else is detached
)

// Close has nothing to take down.
func (demanded) Close() error { return nil }

func onDemand(at demand) func(*ebpf.Program) (io.Closer, error) {
	return func(p *ebpf.Program) (io.Closer, error) { return demanded{p, at}, nil }
}

// demand runs the programs of a time in this process (BPF_PROG_TEST_RUN, Linux 5.10).
func (t *Tracer) demand(at demand) error {
	var failures []error
	for _, h := range t.hooks {
		if d, ok := h.(demanded); ok && d.at == at {
			_, err := d.program.Run(nil)
			failures = append(failures, err)
		}
	}
	return errors.Join(failures...)
}

//ebgen:end
