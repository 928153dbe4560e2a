package process

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// handle is a directory, below which nothing outside of it is reached.
type handle struct{ fd int }

// within opens a directory without reading it: /proc/PID of one process, which is never
// another's with the same number, or the root of a process.
func within(path string) (*handle, error) {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	return &handle{fd}, nil
}

func (h *handle) close() error { return unix.Close(h.fd) }

// regular opens a regular file for reading. Nothing is done to what is of another kind,
// such as a device or a FIFO that a process has put there. Symbolic links are followed as
// a process would that has h as its root; where magic is set, those of /proc lead anywhere.
func (h *handle) regular(path string, magic bool) (*os.File, error) {
	how := unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC}
	if !magic {
		how.Resolve = unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS
	}
	found, err := unix.Openat2(h.fd, path, &how)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	defer unix.Close(found)
	var stat unix.Stat_t
	if err := unix.Fstat(found, &stat); err != nil {
		return nil, &os.PathError{Op: "stat", Path: path, Err: err}
	}
	if stat.Mode&unix.S_IFMT != unix.S_IFREG {
		return nil, fmt.Errorf("%s is no regular file", path)
	}
	return os.Open(filepath.Join("/proc/self/fd", strconv.Itoa(found)))
}

// separate opens a file that may hold the symbols of another: h is the root of a process, and what is
// not there is looked for in our own. There a container's files have theirs, when it has none itself,
// and there leads the path that the kernel gives of a file in a chroot.
func (h *handle) separate(path string) (*os.File, error) {
	file, err := h.regular(path, false)
	if err == nil {
		return file, nil
	}
	own, err := within("/")
	if err != nil {
		return nil, err
	}
	defer own.close()
	return own.regular(path, false)
}

// read reads a file of /proc/PID.
func (h *handle) read(name string) ([]byte, error) {
	fd, err := unix.Openat(h.fd, name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: name, Err: err}
	}
	f := os.NewFile(uintptr(fd), name)
	defer f.Close()
	return io.ReadAll(f)
}

// link reads a symbolic link.
func (h *handle) link(name string) (string, error) {
	var text [128]byte
	n, err := unix.Readlinkat(h.fd, name, text[:])
	if err != nil {
		return "", &os.PathError{Op: "readlink", Path: name, Err: err}
	}
	return string(text[:n]), nil
}

// limits is how many descriptors and bytes a Table holds at most.
type limits struct {
	descriptors int
	bytes       int
	spaces      int
}

// usual limits: descriptors are half of those that this process may have.
func usual() limits {
	l := limits{descriptors: 512, bytes: 256 << 20, spaces: 1 << 16}
	var r unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &r); err == nil {
		l.descriptors = int(min(r.Cur/2, 8192))
	}
	return l
}

var errCrowded = errors.New("too many files are open")
