package ktype

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

// tracefs is a view of the running kernel's tracefs, of which the folder events/ is
// the authority on classic tracepoints.
type tracefs struct {
	root *os.File
}

// Where tracefs is usually mounted: since Linux 4.1, and below debugfs before and after.
var tracefsMounts = []string{"/sys/kernel/tracing", "/sys/kernel/debug/tracing"}

// openTracefs opens tracefs where it is mounted, else a mount of its own that no other
// process sees and that ends with the file (fsopen(2), Linux 5.2).
func openTracefs() (*tracefs, error) {
	for _, at := range tracefsMounts {
		if _, err := os.Stat(path.Join(at, "events")); err == nil {
			root, err := os.Open(at)
			if err != nil {
				return nil, err
			}
			return &tracefs{root}, nil
		}
	}
	root, err := detachedTracefs()
	switch {
	case errors.Is(err, unix.EPERM):
		return nil, fmt.Errorf("read tracefs: it takes CAP_SYS_ADMIN, or tracefs mounted and readable at %s: %w", tracefsMounts[0], err)
	case errors.Is(err, unix.ENODEV):
		return nil, fmt.Errorf("read tracefs: this kernel has none, it was built without CONFIG_TRACING: %w", err)
	case err != nil:
		return nil, fmt.Errorf("read tracefs: %w", err)
	}
	return &tracefs{root}, nil
}

func detachedTracefs() (*os.File, error) {
	context, err := unix.Fsopen("tracefs", unix.FSOPEN_CLOEXEC)
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
	return os.NewFile(uintptr(mount), "tracefs"), nil
}

// open opens a file or folder below the root for reading.
func (t *tracefs) open(name string) (*os.File, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	fd, err := unix.Openat(int(t.root.Fd()), name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: "tracefs/" + name, Err: err}
	}
	return os.NewFile(uintptr(fd), name), nil
}

// read returns the content of a file.
func (t *tracefs) read(name string) ([]byte, error) {
	f, err := t.open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(f)
}

// folders lists the folders in a folder, sorted.
func (t *tracefs) folders(name string) ([]string, error) {
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
