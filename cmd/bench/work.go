package main

import (
	"context"
	"fmt"
	"os/exec"
	"runtime"
	"strconv"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// mark is the name of the thread that makes the calls, by which their records are known.
const mark = "loop"

// workCPU is where the calls are made; the tracers have tracerCPU to themselves.
const (
	workCPU   = 1
	tracerCPU = 0
)

// call makes one readahead call, of i bytes at offset i of no file; it fails with EBADF.
func call(i int) {
	unix.RawSyscall(unix.SYS_READAHEAD, ^uintptr(0), uintptr(i), uintptr(i))
}

var markName, _ = unix.BytePtrFromString(mark)

// rename gives the thread the name mark, which it has already.
func rename(int) {
	unix.RawSyscall(unix.SYS_PRCTL, unix.PR_SET_NAME, uintptr(unsafe.Pointer(markName)), 0)
}

// event is what tools trace; one system call makes it.
type event struct {
	make  func(i int) // in the loop
	touch func()      // elsewhere, to see who is looking; not one of the loop's
}

var events = map[string]event{
	"readahead": {call, func() { call(0) }},
	"task_rename": {rename, func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		name, _ := unix.BytePtrFromString("bench")
		_ = unix.Prctl(unix.PR_SET_NAME, uintptr(unsafe.Pointer(name)), 0, 0, 0)
	}},
}

// named ties the goroutine to a thread that has the name mark.
func named() {
	runtime.LockOSThread()
	_ = unix.Prctl(unix.PR_SET_NAME, uintptr(unsafe.Pointer(markName)), 0, 0, 0)
}

// beat is how many calls are timed together to find those that nothing disturbed.
const beat = 10_007

// loop makes events on workCPU, at most rate a second unless that is 0, and returns how
// long they took, and how long the fastest beat. Between two calls it spins, so that no
// wake-up is part of the time.
func loop(make func(i int), calls, rate int) (took, fastest time.Duration) {
	named()
	var set unix.CPUSet
	set.Set(workCPU)
	_ = unix.SchedSetaffinity(0, &set)
	start := time.Now()
	begun := start
	for i := range calls {
		if i%beat == 0 && i > 0 {
			now := time.Now()
			if d := now.Sub(begun); fastest == 0 || d < fastest {
				fastest = d
			}
			begun = now
		}
		if rate > 0 && i%16 == 0 {
			for due := time.Duration(i) * time.Second / time.Duration(rate); time.Since(start) < due; {
			}
		}
		make(i)
	}
	return time.Since(start), fastest
}

// runLoop has another process loop.
func runLoop(event string, calls, rate int) (took, fastest time.Duration, err error) {
	out, err := exec.Command("/proc/self/exe", "loop", event, strconv.Itoa(calls), strconv.Itoa(rate)).Output()
	if err != nil {
		return 0, 0, err
	}
	_, err = fmt.Sscan(string(out), (*int64)(&took), (*int64)(&fastest))
	return took, fastest, err
}

// drip makes a call and opens a file that does not exist, every 0.2 ms until ctx is done,
// so that a tracer that has just attached has something to print at once.
func drip(ctx context.Context) {
	named()
	for i := 0; ctx.Err() == nil; i++ {
		call(i)
		_, _ = unix.Open("/"+mark, unix.O_RDONLY, 0)
		time.Sleep(200 * time.Microsecond)
	}
}
