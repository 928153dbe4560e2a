package workload

import (
	goruntime "runtime"

	"golang.org/x/sys/unix"
)

// Getppid makes n getppid calls, all on one thread of this process, and returns that
// thread's number. Nothing in Go's runtime or library makes any unasked.
func Getppid(n int) (tid int) {
	goruntime.LockOSThread()
	defer goruntime.UnlockOSThread()
	for range n {
		unix.Getppid()
	}
	return unix.Gettid()
}
