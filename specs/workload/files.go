package workload

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	goruntime "runtime"

	"golang.org/x/sys/unix"
)

// File is one file that Files made.
type File struct {
	Path  string
	Bytes int    // written at once, and read back at once
	Gone  string // a path beside it where nothing is
}

// statCalls ask for the status of a path, each in its way.
var statCalls = []func(path string) error{
	func(path string) error { return unix.Statx(unix.AT_FDCWD, path, 0, unix.STATX_SIZE, new(unix.Statx_t)) },
	func(path string) error { return unix.Fstatat(unix.AT_FDCWD, path, new(unix.Stat_t), 0) },
	func(path string) error { return unix.Statfs(path, new(unix.Statfs_t)) },
}

// Files has one thread of this process, of the name comm while it lasts, do n times: make
// a directory and remove it, make a file, write it, sync it, read it, close it, ask for its
// status and for that of a path where nothing is, and remove it. Each is one system call,
// and the thread makes no others but those that lead to a status. All is in a temporary
// directory that is removed at the end.
func Files(ctx context.Context, comm string, n int) (made []File, err error) {
	return FilesIn(ctx, "", comm, n)
}

// FilesIn is Files with the temporary directory in another one.
func FilesIn(ctx context.Context, parent, comm string, n int) (made []File, err error) {
	dir, err := os.MkdirTemp(parent, "ebgen-files-")
	if err != nil {
		return nil, fmt.Errorf("make a directory for files: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	for i := range n {
		path := filepath.Join(dir, fmt.Sprintf("file-%d", i))
		made = append(made, File{Path: path, Bytes: 101 + i, Gone: path + ".gone"})
	}
	done := make(chan error)
	go func() {
		// Never unlocked: the thread ends here, and no other inherits its name.
		goruntime.LockOSThread()
		buffer := make([]byte, 101+n)
		err := setComm(comm)
		for i := 0; i < n && err == nil; i++ {
			if err = ctx.Err(); err == nil {
				err = made[i].live(buffer, statCalls[i%len(statCalls)])
			}
		}
		done <- errors.Join(err, setComm("done"))
	}()
	if err := <-done; err != nil {
		return nil, fmt.Errorf("make files: %w", err)
	}
	return made, nil
}

// live makes a file, uses it and removes it.
func (f File) live(buffer []byte, stat func(path string) error) error {
	beside := f.Path + ".dir"
	if err := errors.Join(unix.Mkdir(beside, 0o700), unix.Rmdir(beside)); err != nil {
		return err
	}
	fd, err := unix.Open(f.Path, unix.O_CREAT|unix.O_EXCL|unix.O_RDWR|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return err
	}
	wrote, err := unix.Pwrite(fd, buffer[:f.Bytes], 0)
	synced := unix.Fsync(fd)
	read, back := unix.Pread(fd, buffer, 0)
	if err := errors.Join(err, synced, back, unix.Close(fd), stat(f.Path), unix.Unlink(f.Path)); err != nil {
		return err
	}
	if wrote != f.Bytes || read != f.Bytes {
		return fmt.Errorf("%s: wrote %d bytes and read %d, want %d", f.Path, wrote, read, f.Bytes)
	}
	if err := stat(f.Gone); !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("status of %s: %w, want ENOENT", f.Gone, err)
	}
	return nil
}
