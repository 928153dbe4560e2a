package workload

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Mount mounts the file system of an image, of which it makes a copy, and returns where. It
// needs root and the loop driver. After end nothing of it is left.
func Mount(ctx context.Context, image, kind string) (dir string, end func() error, err error) {
	place, err := os.MkdirTemp("", "ebgen-mount-")
	if err != nil {
		return "", nil, err
	}
	data, err := os.ReadFile(image)
	if err == nil {
		err = os.WriteFile(filepath.Join(place, "image"), data, 0o600)
	}
	var detach func() error
	var device string
	if err == nil {
		device, detach, err = attachLoop(ctx, filepath.Join(place, "image"), os.O_RDWR)
	}
	if err != nil {
		return "", nil, errors.Join(err, os.RemoveAll(place))
	}
	dir = filepath.Join(place, "mounted")
	err = os.Mkdir(dir, 0o700)
	if err == nil {
		err = unix.Mount(device, dir, kind, 0, "")
	}
	if err != nil {
		return "", nil, errors.Join(fmt.Errorf("mount %s: %w", kind, err), detach(), os.RemoveAll(place))
	}
	return dir, func() error {
		return errors.Join(unix.Unmount(dir, 0), detach(), os.RemoveAll(place))
	}, nil
}

// CacheReads has one thread of this process, of the name comm while it lasts, read a file
// in dir page by page: first when none of its n pages is in the page cache, then when all
// are. The kernel is told not to read ahead.
func CacheReads(dir, comm string, n int) (err error) {
	file, err := pagesOf(dir, n)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unix.Close(file)) }()
	if err := unix.Fadvise(file, 0, 0, unix.FADV_RANDOM); err != nil {
		return fmt.Errorf("POSIX_FADV_RANDOM: %w", err)
	}
	return onThread(comm, func() error { return readPages(file, n, 2) })
}

// ReadAhead has the kernel read n pages of a file in dir ahead, and then one thread of the
// name comm read so many of them.
func ReadAhead(dir, comm string, n, used int) (err error) {
	file, err := pagesOf(dir, n)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unix.Close(file)) }()
	return onThread(comm, func() error {
		if err := unix.Fadvise(file, 0, int64(n*os.Getpagesize()), unix.FADV_WILLNEED); err != nil {
			return fmt.Errorf("POSIX_FADV_WILLNEED: %w", err)
		}
		return readPages(file, used, 1)
	})
}

// pagesOf makes a file of n pages, of which none is in the page cache.
func pagesOf(dir string, n int) (file int, err error) {
	path := filepath.Join(dir, fmt.Sprintf("pages-%d", n))
	if err := os.WriteFile(path, make([]byte, n*os.Getpagesize()), 0o600); err != nil {
		return -1, err
	}
	// A new time of access is a page more: that of the inode.
	if file, err = unix.Open(path, unix.O_RDONLY|unix.O_NOATIME|unix.O_CLOEXEC, 0); err != nil {
		return -1, err
	}
	if err := errors.Join(unix.Fsync(file), unix.Fadvise(file, 0, 0, unix.FADV_DONTNEED)); err != nil {
		return -1, errors.Join(err, unix.Close(file))
	}
	return file, nil
}

// readPages reads the first n pages of a file, so many times, a page with each call.
func readPages(file, n, times int) error {
	page := make([]byte, os.Getpagesize())
	for i := range n * times {
		if got, err := unix.Pread(file, page, int64(i%n*len(page))); err != nil || got != len(page) {
			return fmt.Errorf("read page %d: %d bytes, %w", i%n, got, err)
		}
	}
	return nil
}
