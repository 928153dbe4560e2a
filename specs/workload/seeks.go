package workload

import (
	"errors"
	"fmt"
	goruntime "runtime"

	"golang.org/x/sys/unix"
)

// Seeks makes one lseek call for each offset, in order, all on one thread of this
// process, and returns that thread's number. The file is /dev/null, which takes any
// offset, so the numbers that a tracer sees are the caller's to choose. Nothing in Go's
// runtime makes such a call unasked.
func Seeks(offsets []int64) (tid int, err error) {
	fd, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, fmt.Errorf("open /dev/null: %w", err)
	}
	defer func() { err = errors.Join(err, unix.Close(fd)) }()
	goruntime.LockOSThread()
	defer goruntime.UnlockOSThread()
	for _, offset := range offsets {
		// What comes back is the file's position, which stays 0 (null_lseek, drivers/char/mem.c).
		if _, err := unix.Seek(fd, offset, unix.SEEK_SET); err != nil {
			return 0, fmt.Errorf("seek to %d: %w", offset, err)
		}
	}
	return unix.Gettid(), nil
}

// Wide returns n numbers that are the same each time, spread evenly over the powers of
// two below 2^bits: as many below 2 as from 2^(bits-1) on. They come in no order.
func Wide(n, bits int) []int64 {
	numbers := make([]int64, n)
	state := uint64(n)
	for i := range numbers {
		// Knuth's multiplier for 64 bits (The Art of Computer Programming, volume 2,
		// 3.3.4); the upper bits are the random ones.
		state = state*6364136223846793005 + 1442695040888963407
		if low := uint(i % bits); low > 0 {
			numbers[i] = int64(1<<low | state>>(64-low))
		} else {
			numbers[i] = int64(state >> 63)
		}
	}
	return numbers
}
