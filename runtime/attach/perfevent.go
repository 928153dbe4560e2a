package attach

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/ebgen/ebgen/spec/plan"
)

var samplingCauses = []cause{
	{unix.ENOENT, "this machine does not count TARGET (ENOENT); a virtual machine often has no counters of the CPU"},
	{unix.EOPNOTSUPP, "this machine does not count TARGET (EOPNOTSUPP); a virtual machine often has no counters of the CPU"},
	{unix.ENODEV, "this machine does not count TARGET (ENODEV); a virtual machine often has no counters of the CPU"},
	{unix.EBUSY, "the counters of the CPU are taken, by another tool or by the kernel's watchdog (EBUSY)"},
	{unix.EPERM, "the kernel refuses perf events (EPERM); see kernel.perf_event_paranoid"},
	{unix.EACCES, "the kernel refuses perf events (EACCES); see kernel.perf_event_paranoid"},
	{unix.EMFILE, "a perf event for each CPU takes more open files than this process may have (EMFILE); see ulimit -n"},
}

// perfHook is a program on a perf event: a BPF link where the kernel has those for perf
// events (Linux 5.15), else the event alone, which gives the program up when it closes.
type perfHook struct {
	event int
	link  *link.RawLink
}

// openPerf opens an event and puts a program on it.
func openPerf(attr *unix.PerfEventAttr, pid, cpu int, program *ebpf.Program) (*perfHook, error) {
	event, err := unix.PerfEventOpen(attr, pid, cpu, -1, unix.PERF_FLAG_FD_CLOEXEC)
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

// hooks are the places of one program.
type hooks []hook

func (h hooks) Close() error {
	var failures []error
	for _, one := range h {
		failures = append(failures, one.Close())
	}
	return errors.Join(failures...)
}

// sampled attaches to perf events of the CPUs: of an Interval to one, of the other kinds to
// one for each CPU that is online. The program runs from the event's own interrupt, which
// for counters of the CPU may be one that nothing masks.
//
// The kernel drops what happens on a CPU while another program of a kprobe, a tracepoint
// or a perf event runs there, and does not count it (bpf_prog_active in
// bpf_overflow_handler, kernel/events/core.c, Linux 6.18).
func sampled(k plan.AttachKind) func(string, *ebpf.Program) (hook, error) {
	return func(target string, program *ebpf.Program) (hook, error) {
		s, err := plan.ParseSampling(k, target)
		if err != nil {
			return nil, err
		}
		if err := belowMaxRate(s); err != nil {
			return nil, err
		}
		cpus, err := onlineCPUs()
		if err != nil {
			return nil, err
		}
		if k == plan.Interval {
			cpus = cpus[:1]
		}
		attr := samplingAttr(k, s)
		var all hooks
		for _, cpu := range cpus {
			h, err := openPerf(&attr, -1, cpu, program)
			if err != nil {
				return nil, errors.Join(err, all.Close())
			}
			all = append(all, h)
		}
		return all, nil
	}
}

// samplingAttr describes the event to the kernel.
func samplingAttr(k plan.AttachKind, s plan.Sampling) unix.PerfEventAttr {
	attr := unix.PerfEventAttr{Type: unix.PERF_TYPE_SOFTWARE, Size: unix.PERF_ATTR_SIZE_VER0, Sample: s.Period}
	switch k {
	case plan.Hardware:
		attr.Type, attr.Config = unix.PERF_TYPE_HARDWARE, plan.HardwareEvents[s.Event].Number
	case plan.Software:
		attr.Config = plan.SoftwareEvents[s.Event].Number
	default:
		attr.Config = unix.PERF_COUNT_SW_CPU_CLOCK
	}
	if s.Frequency > 0 {
		attr.Sample, attr.Bits = s.Frequency, unix.PerfBitFreq
	}
	return attr
}

// maxRateFile holds the most ticks a second that the kernel lets a CPU have: it refuses
// frequencies above, and leaves ticks of shorter periods out without a word
// (__perf_event_account_interrupt, kernel/events/core.c).
const maxRateFile = "/proc/sys/kernel/perf_event_max_sample_rate"

func belowMaxRate(s plan.Sampling) error {
	rate := s.Frequency
	if s.Event == "" && rate == 0 {
		rate = 1_000_000_000 / s.Period
	}
	text, err := os.ReadFile(maxRateFile)
	if err != nil {
		return nil // without /proc the kernel's own answer must do
	}
	most, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
	if err != nil || rate <= most {
		return nil
	}
	return fmt.Errorf("%d times a second are more than kernel.perf_event_max_sample_rate allows (%d)", rate, most)
}

// onlineCPUs returns the numbers of the CPUs that are online, in order.
func onlineCPUs() ([]int, error) {
	text, err := os.ReadFile("/sys/devices/system/cpu/online")
	if err != nil {
		return nil, err
	}
	return parseCPUs(strings.TrimSpace(string(text)))
}

// parseCPUs parses a list of CPUs as sysfs writes it: 0-3,5 (cpulist, Documentation/admin-guide/cputopology.rst).
func parseCPUs(list string) ([]int, error) {
	var cpus []int
	for part := range strings.SplitSeq(list, ",") {
		from, to, isRange := strings.Cut(part, "-")
		if !isRange {
			to = from
		}
		low, err := strconv.Atoi(from)
		if err != nil {
			return nil, fmt.Errorf("the list of CPUs is %q", list)
		}
		high, err := strconv.Atoi(to)
		if err != nil || high < low {
			return nil, fmt.Errorf("the list of CPUs is %q", list)
		}
		for cpu := low; cpu <= high; cpu++ {
			cpus = append(cpus, cpu)
		}
	}
	return cpus, nil
}
