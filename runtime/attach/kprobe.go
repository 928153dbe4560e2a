package attach

import (
	"errors"
	"os"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

// kprobePMU is there when the kernel offers kprobes as perf events: CONFIG_KPROBE_EVENTS,
// Linux 4.17 (kernel/events/core.c, perf_kprobe).
const kprobePMU = "/sys/bus/event_source/devices/kprobe/type"

var kprobeCauses = []cause{
	{unix.ENOENT, "this kernel has no function TARGET that can be probed: it is absent, inlined or renamed (.isra, .constprop, .part)"},
	// Since Linux 6.7 (commit b022f0c7e404) instead of probing any one of them.
	{unix.EADDRNOTAVAIL, "several functions of this kernel are called TARGET"},
	{unix.EINVAL, "TARGET cannot be probed: it is notrace or on the kprobe blacklist, or on Linux 5.10 absent"},
	{unix.EBUSY, "TARGET is held by another user of kprobes or ftrace (EBUSY)"},
	{unix.EPERM, "the kernel refuses kprobes (EPERM); see kernel.perf_event_paranoid and lockdown"},
	{unix.EACCES, "the kernel refuses kprobes (EACCES); see kernel.perf_event_paranoid and lockdown"},
}

var errNoKprobes = errors.New("this kernel is built without kprobes (CONFIG_KPROBE_EVENTS)")

// haveKprobes looks before the library does: where the PMU is missing it goes on to
// tracefs and reports that as the trouble.
func haveKprobes() error {
	if _, err := os.Stat(kprobePMU); errors.Is(err, os.ErrNotExist) {
		return errNoKprobes
	}
	return nil
}

// kprobeHook is an attached kprobe or kretprobe.
type kprobeHook struct{ link.Link }

// missed returns the probe's nmissed, which kernels tell since 6.7 (commit
// 3acf8ace6823); older ones give 0.
func (h kprobeHook) missed() uint64 {
	info, err := h.Info()
	if err != nil {
		return 0
	}
	event := info.PerfEvent()
	if event == nil {
		return 0
	}
	probe := event.Kprobe()
	if probe == nil {
		return 0
	}
	return probe.Missed
}

// kprobe attaches to a function's entry through the kprobe PMU; tracefs is not needed.
func kprobe(target string, program *ebpf.Program) (hook, error) {
	return wrapKprobe(link.Kprobe(target, program, nil))
}

// kretprobe attaches to a function's return. How many calls may be under way at once is
// the kernel's choice (max(10, 2*CPUs), kernel/kprobes.c); others are counted as missed.
func kretprobe(target string, program *ebpf.Program) (hook, error) {
	return wrapKprobe(link.Kretprobe(target, program, nil))
}

func wrapKprobe(l link.Link, err error) (hook, error) {
	if err != nil {
		return nil, err
	}
	return kprobeHook{l}, nil
}
