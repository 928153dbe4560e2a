package runtime

import (
	goruntime "runtime"

	"golang.org/x/sys/unix"
)

// undisturbed calls read, which looks into BPF maps, on a thread that no ordinary thread
// takes the CPU from. While bpf(2) is in a map the kernel runs no program of a tracepoint
// or kprobe on that CPU (bpf_disable_instrumentation, include/linux/bpf.h), and since Linux
// 6.13 or so a thread may well be preempted there: all events until it runs on would be
// missed. Without CAP_SYS_NICE read is called all the same; what is missed is counted.
func undisturbed(read func() error) error {
	const self = 0
	goruntime.LockOSThread()
	defer goruntime.UnlockOSThread()
	before, err := unix.SchedGetAttr(self, 0)
	if err != nil || before.Policy != unix.SCHED_NORMAL {
		return read()
	}
	realtime := unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_FIFO, Priority: 1}
	if unix.SchedSetAttr(self, &realtime, 0) != nil {
		return read()
	}
	defer func() { _ = unix.SchedSetAttr(self, before, 0) }()
	return read()
}
