// Package tracefs reads the running kernel's tracefs, wherever it is mounted and where
// it is not.
//
// In goes a path below tracefs, out come text and names:
//
//	t, err := tracefs.Open()
//	text, err := t.Read("events/sched/sched_switch/format")
package tracefs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"

	"golang.org/x/sys/unix"
)

// FS is a view of tracefs.
type FS struct {
	root *os.File
}

// mounts is where tracefs usually is: of its own since Linux 4.1, and below debugfs.
var mounts = []string{"/sys/kernel/tracing", "/sys/kernel/debug/tracing"}

// Open opens tracefs where it is mounted, else a mount of its own that no other
// process sees and that ends with the file (fsopen(2), Linux 5.2).
func Open() (*FS, error) {
	for _, at := range mounts {
		if _, err := os.Stat(path.Join(at, "events")); err == nil {
			root, err := os.Open(at)
			if err != nil {
				return nil, err
			}
			return &FS{root}, nil
		}
	}
	root, err := detached("tracefs")
	switch {
	case errors.Is(err, unix.EPERM):
		return nil, fmt.Errorf("read tracefs: it takes CAP_SYS_ADMIN, or tracefs mounted and readable at %s: %w", mounts[0], err)
	case errors.Is(err, unix.ENODEV):
		return nil, fmt.Errorf("read tracefs: this kernel has none, it was built without CONFIG_TRACING: %w", err)
	case err != nil:
		return nil, fmt.Errorf("read tracefs: %w", err)
	}
	return &FS{root}, nil
}

// detached mounts a file system of a type where nobody sees it.
func detached(kind string) (*os.File, error) {
	context, err := unix.Fsopen(kind, unix.FSOPEN_CLOEXEC)
	if err != nil {
		return nil, err
	}
	defer unix.Close(context)
	if err := unix.FsconfigCreate(context); err != nil {
		return nil, err
	}
	mount, err := unix.Fsmount(context, unix.FSMOUNT_CLOEXEC, unix.MOUNT_ATTR_RDONLY)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(mount), kind), nil
}

// open opens a file or folder below the root for reading.
func (t *FS) open(name string) (*os.File, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	fd, err := unix.Openat(int(t.root.Fd()), name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: "tracefs/" + name, Err: err}
	}
	return os.NewFile(uintptr(fd), name), nil
}

// Close ends the view.
func (t *FS) Close() error { return t.root.Close() }

// Read returns the content of a file.
func (t *FS) Read(name string) ([]byte, error) {
	f, err := t.open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(f)
}

// Folders lists the folders in a folder, sorted.
func (t *FS) Folders(name string) ([]string, error) {
	f, err := t.open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	entries, err := f.ReadDir(-1)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names, nil
}

// OpenDebugfs opens debugfs in the same way: where it is mounted, else a mount of its own.
func OpenDebugfs() (*FS, error) {
	const at = "/sys/kernel/debug"
	if entries, err := os.ReadDir(at); err == nil && len(entries) > 0 {
		root, err := os.Open(at)
		if err != nil {
			return nil, err
		}
		return &FS{root}, nil
	}
	root, err := detached("debugfs")
	if err != nil {
		return nil, fmt.Errorf("read debugfs: %w", err)
	}
	return &FS{root}, nil
}
