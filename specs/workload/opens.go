package workload

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Opened is one openat call of Opens.
type Opened struct {
	PID   int
	Comm  string
	Path  string // as given to the kernel
	Flags int
	Errno unix.Errno // what it failed with, or 0
}

// openFlags are the flags of the calls, in turn.
var openFlags = []int{
	unix.O_RDONLY,
	unix.O_RDWR | unix.O_NONBLOCK,
	unix.O_WRONLY | unix.O_APPEND,
	unix.O_RDONLY | unix.O_CLOEXEC | unix.O_NOFOLLOW,
}

// openName is the path of call i; each has one of its own.
func openName(dir string, i int) string { return filepath.Join(dir, fmt.Sprintf("%06d", i)) }

// exists reports whether the file of call i does: of three, the third does not.
func exists(i int) bool { return i%3 != 2 }

// Opens makes n openat calls in a process of the name comm, which makes no others
// under that name, and returns them in order. The files are empty ones in a temporary
// directory that is removed at the end; every third is missing.
func Opens(ctx context.Context, comm string, n int) (made []Opened, err error) {
	dir, err := os.MkdirTemp("", "ebgen-opens-")
	if err != nil {
		return nil, fmt.Errorf("make files to open: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	for i := range n {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		// Not by opening them: this process may be the one that is watched.
		if exists(i) {
			if err := unix.Mknod(openName(dir, i), unix.S_IFREG|0o600, 0); err != nil {
				return nil, fmt.Errorf("make files to open: %w", err)
			}
		}
	}
	p, err := startProcess(comm)
	if err != nil {
		return nil, err
	}
	defer p.end()
	r, err := p.call(request{Do: "open", Dir: dir, Count: n})
	if err != nil {
		return nil, err
	}
	for i, returned := range r.Returned {
		made = append(made, Opened{PID: p.pid, Comm: comm, Path: openName(dir, i), Flags: openFlags[i%len(openFlags)], Errno: unix.Errno(-min(returned, 0))})
	}
	return made, nil
}

// open makes q.Count openat calls and closes each file before the next is opened.
func (c *child) open(q *request, r *reply) error {
	r.Returned = make([]int, q.Count)
	for i := range r.Returned {
		fd, err := unix.Openat(unix.AT_FDCWD, openName(q.Dir, i), openFlags[i%len(openFlags)], 0)
		var errno unix.Errno
		if errors.As(err, &errno) {
			r.Returned[i] = -int(errno)
			continue
		}
		r.Returned[i] = fd
		_ = unix.Close(fd)
	}
	return nil
}
