package workload

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"unsafe"

	"golang.org/x/sys/unix"
)

// DiskRead is what DiskReads made.
type DiskRead struct {
	Disk      string // as the kernel calls it: loop0
	Reads     int
	Bytes     int // of each; each begins where the one before it ended
	DiskBytes int // after which the reads begin again
}

// DiskReads makes n reads of a disk of its own, each one request to the device, in a
// process of the name comm. The disk is a loop device over a file in a temporary
// directory; it needs root and the loop driver.
func DiskReads(ctx context.Context, comm string, n int) (made *DiskRead, err error) {
	dir, err := os.MkdirTemp("", "ebgen-disk-")
	if err != nil {
		return nil, fmt.Errorf("make a disk: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	p, err := startProcess(comm)
	if err != nil {
		return nil, err
	}
	defer p.end()
	device, end, err := loopDevice(ctx, filepath.Join(dir, "disk"))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, end()) }()
	r, err := p.call(request{Do: "read", Dir: device, Count: n})
	if err != nil {
		return nil, err
	}
	for i, got := range r.Returned {
		if got != diskBlock {
			return nil, fmt.Errorf("read %d of %s: %d bytes, want %d", i, device, got, diskBlock)
		}
	}
	return &DiskRead{Disk: filepath.Base(device), Reads: n, Bytes: diskBlock, DiskBytes: diskSize}, nil
}

const (
	diskBlock = 4096 // bytes of one read: a page, so that it can be no two requests
	diskSize  = 64 * diskBlock
)

// loopDevice makes a file and a read-only disk of it, which is gone after end and after
// its last user.
func loopDevice(ctx context.Context, file string) (device string, end func() error, err error) {
	if err := os.WriteFile(file, make([]byte, diskSize), 0o600); err != nil {
		return "", nil, err
	}
	return attachLoop(ctx, file, os.O_RDONLY)
}

// attachLoop makes a disk of a file, to read or, with O_RDWR, to write too.
func attachLoop(ctx context.Context, file string, mode int) (device string, end func() error, err error) {
	flags := uint32(unix.LO_FLAGS_AUTOCLEAR)
	if mode == os.O_RDONLY {
		flags |= unix.LO_FLAGS_READ_ONLY
	}
	backing, err := os.OpenFile(file, mode, 0)
	if err != nil {
		return "", nil, err
	}
	defer backing.Close()
	control, err := os.OpenFile("/dev/loop-control", os.O_RDWR, 0)
	if err != nil {
		return "", nil, fmt.Errorf("make a loop device: %w", err)
	}
	defer control.Close()
	var loop *os.File
	// Another program may take the device that is free between the two calls (loop(4)).
	err = wait(ctx, "a free loop device", func() (bool, error) {
		number, err := unix.IoctlRetInt(int(control.Fd()), unix.LOOP_CTL_GET_FREE)
		if err != nil {
			return false, fmt.Errorf("LOOP_CTL_GET_FREE: %w", err)
		}
		device = fmt.Sprintf("/dev/loop%d", number)
		if loop, err = os.OpenFile(device, mode, 0); err != nil {
			return false, err
		}
		err = unix.IoctlLoopConfigure(int(loop.Fd()), &unix.LoopConfig{
			Fd:   uint32(backing.Fd()),
			Size: diskBlock,
			Info: unix.LoopInfo64{Flags: flags},
		})
		if err == nil {
			return true, nil
		}
		_ = loop.Close()
		if errors.Is(err, unix.EBUSY) {
			return false, nil
		}
		return false, fmt.Errorf("LOOP_CONFIGURE %s: %w", device, err)
	})
	if err != nil {
		return "", nil, err
	}
	return device, loop.Close, nil
}

// read makes q.Count reads of the disk q.Dir past the page cache, which wants memory
// aligned as the device's blocks are (open(2), O_DIRECT).
func (c *child) read(q *request, r *reply) error {
	fd, err := unix.Open(q.Dir, unix.O_RDONLY|unix.O_DIRECT|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open %s: %w", q.Dir, err)
	}
	defer unix.Close(fd)
	buffer := make([]byte, 2*diskBlock)
	skip := -uintptr(unsafe.Pointer(&buffer[0])) % diskBlock
	for i := range q.Count {
		n, err := unix.Pread(fd, buffer[skip:skip+diskBlock], int64(i*diskBlock%diskSize))
		if err != nil {
			return fmt.Errorf("read %s: %w", q.Dir, err)
		}
		r.Returned = append(r.Returned, n)
	}
	return nil
}
