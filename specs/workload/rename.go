package workload

import (
	"fmt"
	goruntime "runtime"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// RenameThreads gives each of so many threads of this process its name n times, by
// prctl(PR_SET_NAME): n system calls and n task_rename tracepoints a thread. The threads
// begin together and are bound in turn to the CPUs that this process may use. It returns
// their numbers; they have ended. Nothing in Go's runtime or library renames a thread.
func RenameThreads(threads, n int) (tids []int, err error) {
	cpus, err := allowedCPUs()
	if err != nil {
		return nil, err
	}
	tids = make([]int, threads)
	errs := make([]error, threads)
	var bound, ended sync.WaitGroup
	bound.Add(threads)
	for i := range threads {
		ended.Go(func() {
			// Never unlocked: a bound thread is no good for anything else.
			goruntime.LockOSThread()
			errs[i] = bind(cpus[i%len(cpus)])
			bound.Done()
			bound.Wait()
			if errs[i] == nil {
				tids[i] = unix.Gettid()
				errs[i] = rename(n)
			}
		})
	}
	ended.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return tids, nil
}

// rename sets the calling thread's name n times.
func rename(n int) error {
	name := [16]byte{'r', 'e', 'n', 'a', 'm', 'e', 'd'} // TASK_COMM_LEN
	for range n {
		if err := unix.Prctl(unix.PR_SET_NAME, uintptr(unsafe.Pointer(&name)), 0, 0, 0); err != nil {
			return fmt.Errorf("prctl(PR_SET_NAME): %w", err)
		}
	}
	return nil
}

// allowedCPUs lists the CPUs that the calling thread may run on.
func allowedCPUs() (cpus []int, err error) {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return nil, fmt.Errorf("sched_getaffinity: %w", err)
	}
	for cpu := range 64 * len(set) {
		if set.IsSet(cpu) {
			cpus = append(cpus, cpu)
		}
	}
	return cpus, nil
}

// bind keeps the calling thread on one CPU.
func bind(cpu int) error {
	var set unix.CPUSet
	set.Set(cpu)
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		return fmt.Errorf("sched_setaffinity to CPU %d: %w", cpu, err)
	}
	return nil
}
