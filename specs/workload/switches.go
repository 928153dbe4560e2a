package workload

import (
	"context"
	"errors"
	"fmt"
	goruntime "runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Switched says how often one thread left the CPU while it had its name, as the kernel
// counts it (getrusage(2), ru_nvcsw and ru_nivcsw). It may be switched while it takes or
// loses the name, so there are two numbers.
type Switched struct {
	TID         int
	Least, Most int
	Asleep      time.Duration // what it asked to sleep, in all
}

// Switches has threads of this process, all of the name comm while it lasts, compute and
// sleep in turn, rounds times and a millisecond each. More threads than CPUs wait for one
// another.
func Switches(ctx context.Context, comm string, threads, rounds int) ([]Switched, error) {
	made := make([]Switched, threads)
	errs := make([]error, threads)
	var group sync.WaitGroup
	for i := range threads {
		group.Go(func() {
			// Never unlocked: the thread ends here, and no other inherits its name.
			goruntime.LockOSThread()
			made[i], errs[i] = switches(ctx, comm, rounds)
		})
	}
	group.Wait()
	return made, errors.Join(errs...)
}

func switches(ctx context.Context, comm string, rounds int) (Switched, error) {
	const turn = time.Millisecond
	s := Switched{TID: unix.Gettid()}
	first, second, err := named(comm)
	if err != nil {
		return s, err
	}
	for range rounds {
		if err := ctx.Err(); err != nil {
			return s, err
		}
		for start := time.Now(); time.Since(start) < turn; {
		}
		if err := nap(turn); err != nil {
			return s, err
		}
		s.Asleep += turn
	}
	third, fourth, err := named("done")
	s.Least, s.Most = third-second, fourth-first
	return s, err
}

// named names the calling thread and returns how often it had been switched before that
// and after.
func named(comm string) (before, after int, err error) {
	if before, err = switched(); err != nil {
		return 0, 0, err
	}
	if err := setComm(comm); err != nil {
		return 0, 0, fmt.Errorf("take the name %s: %w", comm, err)
	}
	after, err = switched()
	return before, after, err
}

// switched returns how often the calling thread has left a CPU.
func switched() (int, error) {
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_THREAD, &usage); err != nil {
		return 0, fmt.Errorf("getrusage: %w", err)
	}
	return int(usage.Nvcsw + usage.Nivcsw), nil
}

// nap puts the thread, not the goroutine alone, to sleep for the whole time.
func nap(d time.Duration) error {
	left := unix.NsecToTimespec(d.Nanoseconds())
	err := retry(func() error { return unix.Nanosleep(&left, &left) })
	if err != nil {
		return fmt.Errorf("nanosleep: %w", err)
	}
	return nil
}
