package attach

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// errNoTracefs is returned where there is no tracefs to read.
var errNoTracefs = errors.New("no tracefs")

// tracefsPlaces are the usual mount points, for those who may not mount: the first
// since Linux 4.1, the second through debugfs (Documentation/trace/ftrace.rst).
var tracefsPlaces = []string{"/sys/kernel/tracing", "/sys/kernel/debug/tracing"}

// tracepointID reads the number by which perf events know a tracepoint. A tracepoint
// that does not exist gives an error that is ENOENT.
func tracepointID(category, name string) (uint64, error) {
	root, err := openTracefs()
	if err != nil {
		return 0, err
	}
	defer unix.Close(root)
	path := "events/" + category + "/" + name + "/id"
	fd, err := unix.Openat(root, path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, fmt.Errorf("open %s of tracefs: %w", path, err)
	}
	defer unix.Close(fd)
	var text [24]byte // a decimal u64 has at most 20 digits
	n, err := unix.Read(fd, text[:])
	if err != nil {
		return 0, fmt.Errorf("read %s of tracefs: %w", path, err)
	}
	return strconv.ParseUint(strings.TrimSpace(string(text[:n])), 10, 64)
}

// openTracefs returns a descriptor of tracefs's root, to be closed by the caller. It
// mounts one that only this descriptor can see, since containers and minimal systems
// often have none mounted and a mount point that is there may hold something else; who
// may not do that (CAP_SYS_ADMIN), or whose kernel is older than fsopen (Linux 5.2),
// gets the mounted one.
func openTracefs() (int, error) {
	root, err := mountTracefs()
	if err == nil {
		return root, nil
	}
	causes := []error{errNoTracefs, os.NewSyscallError("fsopen", err)}
	for _, place := range tracefsPlaces {
		root, err := unix.Open(place, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err == nil {
			var events int // access(2) would ask for the real user, whose capabilities do not count there
			if events, err = unix.Openat(root, "events", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0); err == nil {
				unix.Close(events)
				return root, nil
			}
			unix.Close(root)
		}
		// Not wrapped: a missing mount is not a missing tracepoint.
		causes = append(causes, fmt.Errorf("%s: %v", place, err))
	}
	return -1, errors.Join(causes...)
}

// mountTracefs makes a detached mount of tracefs: it has no path, and ends when its
// descriptor is closed.
func mountTracefs() (int, error) {
	context, err := unix.Fsopen("tracefs", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return -1, err
	}
	defer unix.Close(context)
	if err := unix.FsconfigCreate(context); err != nil {
		return -1, err
	}
	return unix.Fsmount(context, unix.FSMOUNT_CLOEXEC, unix.MOUNT_ATTR_RDONLY|unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV|unix.MOUNT_ATTR_NOEXEC)
}
