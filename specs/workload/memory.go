package workload

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	goruntime "runtime"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// SocketPairs has one thread of this process, of the name comm while it lasts, make n pairs of
// sockets: two objects of the kernel's sock_inode_cache each, whose constructor keeps it
// apart from all other caches (net/socket.c).
func SocketPairs(comm string, n int) error {
	return onThread(comm, func() error {
		for range n {
			pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
			if err != nil {
				return fmt.Errorf("socketpair: %w", err)
			}
			if err := errors.Join(unix.Close(pair[0]), unix.Close(pair[1])); err != nil {
				return err
			}
		}
		return nil
	})
}

// onThread runs f on a thread of its own, which has the name comm meanwhile.
func onThread(comm string, f func() error) error {
	done := make(chan error)
	go func() {
		// Never unlocked: the thread ends here, and no other inherits its name.
		goruntime.LockOSThread()
		err := setComm(comm)
		if err == nil {
			err = f()
		}
		done <- errors.Join(err, setComm("done"))
	}()
	return <-done
}

// OutOfMemory has the kernel kill n processes of the name comm, one after the other, since they
// want more memory than their control group may have, and returns their numbers. It
// needs CAP_SYS_ADMIN.
func OutOfMemory(ctx context.Context, comm string, n int, limit int64) (pids []int, err error) {
	group, remove, err := memoryGroup(limit)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, remove()) }()
	for range n {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		p, err := startProcess(comm)
		if err != nil {
			return nil, err
		}
		defer p.end()
		if err := os.WriteFile(filepath.Join(group, "cgroup.procs"), []byte(strconv.Itoa(p.pid)), 0); err != nil {
			return nil, fmt.Errorf("limit %s: %w", comm, err)
		}
		if err := p.dismiss(request{Do: "eat", Size: int(2 * limit)}); err != nil {
			return nil, err
		}
		pids = append(pids, p.pid)
	}
	return pids, nil
}

// eat touches q.Size bytes of memory, more than there are.
func (c *child) eat(q *request, _ *reply) error {
	memory, err := unix.Mmap(-1, 0, q.Size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return fmt.Errorf("mmap: %w", err)
	}
	for i := 0; i < len(memory); i += os.Getpagesize() {
		memory[i] = 1
	}
	return errors.New("there was memory enough")
}

// memoryGroup makes a control group whose processes may have so many bytes of memory, in
// the hierarchy that has the memory controller: the common one, or one of its own
// (cgroups(7), versions 2 and 1). No memory of it is swapped out.
func memoryGroup(limit int64) (group string, remove func() error, err error) {
	root, err := os.MkdirTemp("", "ebgen-cgroup-")
	if err != nil {
		return "", nil, err
	}
	files := map[string]string{"memory.max": fmt.Sprint(limit), "memory.swap.max": "0"}
	mounted := unix.Mount("none", root, "cgroup2", 0, "")
	controllers, readErr := os.ReadFile(filepath.Join(root, "cgroup.controllers"))
	if mounted == nil && (readErr != nil || !slices.Contains(strings.Fields(string(controllers)), "memory")) {
		_ = unix.Unmount(root, 0)
		files = map[string]string{"memory.limit_in_bytes": fmt.Sprint(limit), "memory.swappiness": "0"}
		mounted = unix.Mount("none", root, "cgroup", 0, "memory")
	}
	if mounted != nil {
		return "", nil, errors.Join(fmt.Errorf("mount the control groups of memory: %w", mounted), os.Remove(root))
	}
	group = filepath.Join(root, fmt.Sprintf("ebgen-%d", os.Getpid()))
	remove = func() error {
		gone := os.Remove(group)
		return errors.Join(gone, unix.Unmount(root, unix.MNT_DETACH), os.Remove(root))
	}
	if _, ok := files["memory.max"]; ok {
		if err := os.WriteFile(filepath.Join(root, "cgroup.subtree_control"), []byte("+memory"), 0); err != nil {
			return "", nil, errors.Join(err, unix.Unmount(root, unix.MNT_DETACH), os.Remove(root))
		}
	}
	if err := os.Mkdir(group, 0o700); err != nil {
		return "", nil, errors.Join(err, unix.Unmount(root, unix.MNT_DETACH), os.Remove(root))
	}
	for name, value := range files {
		err := os.WriteFile(filepath.Join(group, name), []byte(value), 0)
		if err != nil && !(strings.Contains(name, "swap") && errors.Is(err, os.ErrNotExist)) { // a kernel without swap
			return "", nil, errors.Join(err, remove())
		}
	}
	return group, remove, nil
}

// SqueezeMemory has a thread of the name comm ask so many times for more huge pages than the
// machine has memory, each time after it has given them back, and returns how often the
// kernel says that a thread had to free memory itself (allocstall in /proc/vmstat). It
// takes the memory of everybody: it is for a machine that does nothing else.
func SqueezeMemory(ctx context.Context, comm string, times int) (stalls int, err error) {
	const pool = "/proc/sys/vm/nr_hugepages"
	before, err := allocstalls()
	if err != nil {
		return 0, err
	}
	err = onThread(comm, func() error {
		for range times {
			if err := errors.Join(ctx.Err(), os.WriteFile(pool, []byte("1000000"), 0), os.WriteFile(pool, []byte("0"), 0)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("ask for huge pages: %w", err)
	}
	after, err := allocstalls()
	return after - before, err
}

// allocstalls adds what /proc/vmstat counts for each zone (count_vm_events ALLOCSTALL,
// mm/vmscan.c).
func allocstalls() (sum int, err error) {
	text, err := os.ReadFile("/proc/vmstat")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if strings.HasPrefix(name, "allocstall_") {
			n, err := strconv.Atoi(value)
			if err != nil {
				return 0, err
			}
			sum += n
		}
	}
	return sum, nil
}
