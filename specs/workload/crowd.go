package workload

import (
	"context"
	"errors"
	"fmt"
	goruntime "runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// Crowd has threads of this process compute on one CPU, from when all are there until each
// has had so much time of it, and returns the number of that CPU.
func Crowd(ctx context.Context, threads int, each time.Duration) (cpu int, err error) {
	cpus, err := allowedCPUs()
	if err != nil {
		return 0, err
	}
	cpu = cpus[len(cpus)-1]
	errs := make([]error, threads)
	// Go runs no more threads at a time than this.
	defer goruntime.GOMAXPROCS(goruntime.GOMAXPROCS(threads + 1))
	var bound, group sync.WaitGroup
	bound.Add(threads)
	var left atomic.Int32
	left.Store(int32(threads))
	for i := range threads {
		group.Go(func() {
			// Never unlocked: a bound thread is no good for anything else.
			goruntime.LockOSThread()
			errs[i] = bind(cpu)
			bound.Done()
			bound.Wait()
			if errs[i] == nil {
				errs[i] = compute(ctx, each)
			}
			left.Add(-1)
			for left.Load() > 0 {
			}
		})
	}
	group.Wait()
	return cpu, errors.Join(errs...)
}

// compute keeps the calling thread busy until it has had so much time of its CPU.
func compute(ctx context.Context, most time.Duration) error {
	for ctx.Err() == nil {
		var had unix.Timespec
		if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &had); err != nil {
			return fmt.Errorf("clock_gettime(CLOCK_THREAD_CPUTIME_ID): %w", err)
		}
		if time.Duration(had.Nano()) >= most {
			return nil
		}
	}
	return ctx.Err()
}
