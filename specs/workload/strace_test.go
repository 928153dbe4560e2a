package workload

import (
	"errors"
	"fmt"
	goruntime "runtime"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// syscallInfo is the start of struct ptrace_syscall_info (include/uapi/linux/ptrace.h,
// Linux 5.3), the same on every architecture.
type syscallInfo struct {
	Op     uint8 // PTRACE_SYSCALL_INFO_ENTRY or _EXIT
	_      [3]byte
	Arch   uint32
	IP, SP uint64
	Number uint64 // of an entry
	_      [6]uint64
}

// counted runs act and returns how often the first thread of process pid entered each
// system call meanwhile, as ptrace(2) sees it. act has to end with the process waiting.
func counted(t *testing.T, pid int, act func() error) map[uint64]int {
	t.Helper()
	counts := map[uint64]int{}
	attached, acted := make(chan struct{}), make(chan error, 1)
	traced := make(chan error, 1)
	go func() { traced <- count(pid, counts, attached) }()
	select {
	case <-attached:
	case err := <-traced:
		t.Skipf("not allowed to trace a process: %v", err)
	}
	go func() { acted <- act() }()
	if err := <-acted; err != nil {
		t.Fatal(err)
	}
	// The thread waits for requests; ending it ends the count.
	if err := unix.Kill(pid, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := <-traced; err != nil {
		t.Fatal(err)
	}
	return counts
}

// count traces a thread until it ends and closes attached once it runs on.
func count(pid int, counts map[uint64]int, attached chan<- struct{}) error {
	goruntime.LockOSThread() // a tracer is a thread
	defer goruntime.UnlockOSThread()
	if err := unix.PtraceSeize(pid); err != nil {
		return fmt.Errorf("PTRACE_SEIZE: %w", err)
	}
	if err := unix.PtraceInterrupt(pid); err != nil {
		return fmt.Errorf("PTRACE_INTERRUPT: %w", err)
	}
	for first := true; ; first = false {
		var status unix.WaitStatus
		if err := retry(func() error { _, err := unix.Wait4(pid, &status, unix.WALL, nil); return err }); err != nil {
			return fmt.Errorf("wait: %w", err)
		}
		if !status.Stopped() {
			return nil
		}
		var info syscallInfo
		_, _, errno := unix.Syscall6(unix.SYS_PTRACE, unix.PTRACE_GET_SYSCALL_INFO, uintptr(pid), unsafe.Sizeof(info), uintptr(unsafe.Pointer(&info)), 0, 0)
		if errno != 0 && !errors.Is(errno, unix.ESRCH) {
			return fmt.Errorf("PTRACE_GET_SYSCALL_INFO: %w", errno)
		}
		signal := 0
		switch stop := status.StopSignal(); {
		case first: // our own interruption
			if err := unix.PtraceSetOptions(pid, unix.PTRACE_O_TRACESYSGOOD); err != nil {
				return fmt.Errorf("PTRACE_SETOPTIONS: %w", err)
			}
		case stop == unix.SIGTRAP|0x80: // entry to or exit from a system call
			if info.Op == unix.PTRACE_SYSCALL_INFO_ENTRY {
				counts[info.Number]++
			}
		case stop != unix.SIGTRAP:
			signal = int(stop)
		}
		if err := unix.PtraceSyscall(pid, signal); err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("PTRACE_SYSCALL: %w", err)
		}
		if first {
			close(attached)
		}
	}
}
