package specs_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	goruntime "runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/ebgen/ebgen/specs/workload"
)

// workEnv makes this program the process whose events a spec and its peer see: its value
// is a name in works and the words that the work is given.
const workEnv = "EBGEN_FIDELITY_WORK"

// diskReads is how many blocks of 4096 bytes a disk under test has.
const diskReads = 3001

// works are what makes the events. Each returns how many it made, or 0 where that is not
// known; own("caller") is the name of the threads that make them.
var works = map[string]func(ctx context.Context, words []string) (int, error){
	"turns": func(ctx context.Context, _ []string) (int, error) {
		_, err := workload.Switches(ctx, own("caller"), 5, 503)
		return 0, err
	},
	"crowd": func(ctx context.Context, _ []string) (int, error) {
		_, err := workload.Crowd(ctx, 7, time.Second)
		return 0, err
	},
	"naps": func(ctx context.Context, _ []string) (int, error) {
		_, err := workload.Switches(ctx, own("caller"), 3, 101)
		return 0, err
	},
	"run": func(_ context.Context, words []string) (int, error) {
		path, err := exec.LookPath(words[0])
		if err != nil {
			return 0, err
		}
		return 0, unix.Exec(path, words, os.Environ())
	},
	"blocks": func(_ context.Context, words []string) (int, error) {
		return diskReads, named(func() error { return readBlocks("/dev/" + words[0]) })
	},
	"direct": func(context.Context, []string) (int, error) {
		self, err := os.Executable()
		return 0, errors.Join(err, readBlocks(self))
	},
	"opens": func(ctx context.Context, _ []string) (int, error) {
		made, err := workload.Opens(ctx, own("caller"), 101)
		return len(made), err
	},
	"files": func(ctx context.Context, words []string) (int, error) {
		made, err := workload.Files(ctx, own("caller"), 17)
		each, _ := strconv.Atoi(words[0])
		return each * len(made), err
	},
	"stats": func(context.Context, []string) (int, error) {
		return 2 * 2 * 37, named(func() error {
			for i := range 37 {
				for call, number := range []uintptr{unix.SYS_STATX, unix.SYS_STATFS} {
					for want, path := range map[unix.Errno]string{0: "/proc/self/../stat", unix.ENOENT: fmt.Sprintf("/nothing-%d", i)} {
						if errno := askStatus(number, path, call == 0); errno != want {
							return fmt.Errorf("%s: %v, want %v", path, errno, want)
						}
					}
				}
			}
			return nil
		})
	},
	"connections": func(ctx context.Context, words []string) (int, error) {
		made, err := workload.Connections(ctx, own("caller"), 23, 7)
		n := 0
		for _, m := range made {
			n += connectionEvents(words[0], m)
		}
		return n, err
	},
	"backlog": func(ctx context.Context, _ []string) (int, error) {
		return 33, workload.Backlog(ctx, 37, 33)
	},
	"sends": func(ctx context.Context, _ []string) (int, error) {
		_, err := workload.TCPSends(ctx, own("caller"), 1009, 503)
		return 0, err
	},
	"retransmits": func(ctx context.Context, _ []string) (n int, err error) {
		flows := []workload.Flow{
			{Comm: own("caller"), State: workload.Established, Retransmits: 2},
			{Comm: own("caller"), State: workload.Established, Retransmits: 3, Accepted: true},
			{Comm: own("caller"), State: workload.CloseWait, Retransmits: 2},
			{Comm: own("caller"), State: workload.FinWait1, Retransmits: 1, Leave: workload.Close},
		}
		made, err := workload.Retransmits(ctx, workload.Options{Flows: flows, NoLossProbes: true})
		for _, m := range made {
			n += m.Retransmits
		}
		return n, err
	},
	"signals": func(context.Context, []string) (int, error) {
		return 37 + 11 + 7, named(signals)
	},
	"programs": func(_ context.Context, words []string) (int, error) {
		for i := range 22 {
			life := strconv.Itoa(i)
			if i >= 17 {
				life = "wait"
			}
			p, err := launch(life, slices.Repeat([]string{"argument"}, i%4)...)
			if err == nil && i >= 17 {
				err = p.Kill()
			}
			if err == nil {
				_, err = p.Wait()
			}
			if err != nil {
				return 0, err
			}
		}
		if words[0] == "started" {
			return 22, nil
		}
		// Go's library has made one more, to see what the kernel can (os/pidfd_linux.go), and
		// this one ends too.
		return 22 + 2, nil
	},
	"pairs": func(context.Context, []string) (int, error) {
		return 0, workload.SocketPairs(own("caller"), 1009)
	},
	"kills": func(ctx context.Context, _ []string) (int, error) {
		killed, err := workload.OutOfMemory(ctx, own("caller"), 3, 64<<20)
		return len(killed), err
	},
	"squeeze": func(ctx context.Context, _ []string) (int, error) {
		_, err := workload.SqueezeMemory(ctx, own("caller"), 2)
		return 0, err
	},
	"filesystem": func(ctx context.Context, words []string) (int, error) {
		dir, end, err := workload.Mount(ctx, filepath.Join(os.Getenv("EBGEN_PROGRAMS"), words[0]+".image"), words[0])
		if err != nil {
			return 0, err
		}
		made, err := workload.FilesIn(ctx, dir, own("caller"), 37)
		return 4 * len(made), errors.Join(err, end()) // each is opened, written, synced and read
	},
	"mounts": func(context.Context, []string) (int, error) {
		dir, err := os.MkdirTemp("", "ebgen-mounts-")
		if err != nil {
			return 0, err
		}
		defer os.Remove(dir)
		return 3 * 37, named(func() error {
			for range 37 {
				if err := errors.Join(unix.Mount("none", dir, "tmpfs", unix.MS_NOEXEC, ""), unix.Unmount(dir, unix.MNT_DETACH)); err != nil {
					return err
				}
				if err := unix.Mount("none", dir+"/gone", "tmpfs", 0, ""); !errors.Is(err, unix.ENOENT) {
					return fmt.Errorf("mount: %v, want %v", err, unix.ENOENT)
				}
			}
			return nil
		})
	},
	"roots": func(context.Context, []string) (int, error) {
		return 101, named(func() error {
			for range 101 {
				if err := unix.Chroot("/"); err != nil {
					return err
				}
			}
			return nil
		})
	},
	"shell": func(context.Context, []string) (int, error) {
		var lines []string
		for i := range 37 {
			lines = append(lines, fmt.Sprintf(": line %d with 'quotes'", i))
		}
		shell := exec.Command("/bin/bash", "--norc", "--noprofile", "-i")
		shell.Stdin = strings.NewReader(strings.Join(append(lines, "exit 0"), "\n") + "\n")
		return 38, shell.Run()
	},
}

// connectionEvents is how many events of one kind a connection has.
func connectionEvents(kind string, m workload.Connection) int {
	is := func(b bool) int {
		if b {
			return 1
		}
		return 0
	}
	switch kind {
	case "connect":
		return is(!m.Accepted)
	case "answered":
		return is(!m.Accepted && !m.Refused)
	case "accept":
		return is(m.Accepted)
	case "ends":
		return is(!m.Refused) * 2
	case "life":
		return is(!m.Refused)
	case "traced":
		return is(!m.Refused) * 2 // made or accepted, and closed
	}
	return 0
}

// askStatus asks for a status by one of the calls that do.
func askStatus(call uintptr, path string, extended bool) unix.Errno {
	var result [256]byte // larger than struct stat, statx and statfs
	name, err := unix.BytePtrFromString(path)
	if err != nil {
		panic(err)
	}
	var errno unix.Errno
	if here := unix.AT_FDCWD; extended {
		_, _, errno = unix.Syscall6(call, uintptr(here), uintptr(unsafe.Pointer(name)), 0, unix.STATX_BASIC_STATS, uintptr(unsafe.Pointer(&result[0])), 0)
	} else {
		_, _, errno = unix.Syscall(call, uintptr(unsafe.Pointer(name)), uintptr(unsafe.Pointer(&result[0])), 0)
	}
	return errno
}

// readBlocks reads in four sizes, two of three where the last one ended.
func readBlocks(path string) error {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_DIRECT, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	memory, err := unix.Mmap(-1, 0, 8*4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return err
	}
	defer unix.Munmap(memory)
	at := 0
	for i := range diskReads {
		blocks := 1 << (i % 4)
		if i%3 == 2 || at+blocks > diskReads {
			at = i * 1009 % (diskReads - 8)
		}
		if n, err := unix.Pread(fd, memory[:blocks*4096], int64(at)*4096); n != blocks*4096 || err != nil {
			return fmt.Errorf("read %s: %d bytes, %v", path, n, err)
		}
		at += blocks
	}
	return nil
}

// doWork is what this program does when workEnv is set: it stops, and does the work when it
// is continued. The number of events is the last line of its output.
func doWork() {
	list := strings.Fields(os.Getenv(workEnv))
	os.Unsetenv(workEnv)
	goruntime.LockOSThread() // else SIGSTOP may come while another thread is on its way
	if err := unix.Kill(os.Getpid(), unix.SIGSTOP); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	goruntime.UnlockOSThread()
	n, err := works[list[0]](context.Background(), list[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Printf("\nmade %d\n", n)
}

// worker is a process that waits until its work is wanted.
type worker struct {
	*exec.Cmd
	in   io.WriteCloser // of a program under test
	out  io.Reader
	made int
}

func (w *worker) pid() int { return w.Process.Pid }

// comm is the name of the thread that makes the events.
func (w *worker) comm() string {
	if w.in != nil {
		return filepath.Base(w.Path)
	}
	return fmt.Sprintf("caller-%d", w.pid())
}

// startWorker starts the process: this program again, which stops, or for "rounds NAME" a
// program under test, which does its work once for each byte that it reads.
func startWorker(ctx context.Context, t *testing.T, work string) *worker {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	name, rounds := strings.CutPrefix(work, "rounds ")
	if rounds {
		self = program(t, name)
	}
	if kind, ok := strings.CutPrefix(work, "filesystem "); ok {
		image(t, kind)
	}
	w := &worker{Cmd: exec.CommandContext(ctx, self)}
	w.Stderr = os.Stderr
	if rounds {
		w.in, err = w.StdinPipe()
	} else {
		w.Env = append(os.Environ(), workEnv+"="+work)
	}
	if err != nil {
		t.Fatal(err)
	}
	w.out, err = w.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if w.ProcessState == nil {
			_ = w.Process.Kill()
			_ = w.Wait()
		}
	})
	until(ctx, t, "the workload to wait", func() bool {
		stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", w.pid()))
		where, _ := os.ReadFile(fmt.Sprintf("/proc/%d/wchan", w.pid()))
		return strings.Contains(string(stat), ") T ") || rounds && strings.Contains(string(where), "pipe_read")
	})
	return w
}

// work has the process do its work, and waits for its end.
func (w *worker) work() error {
	if w.in != nil {
		if _, err := w.in.Write([]byte{0}); err != nil {
			return err
		}
		if _, err := io.ReadFull(w.out, make([]byte, 1)); err != nil {
			return err
		}
		if err := w.in.Close(); err != nil {
			return err
		}
		return w.Wait()
	}
	if err := w.Process.Signal(unix.SIGCONT); err != nil {
		return err
	}
	for lines := bufio.NewScanner(w.out); lines.Scan(); {
		if n, ok := strings.CutPrefix(lines.Text(), "made "); ok {
			w.made, _ = strconv.Atoi(n)
		}
	}
	return w.Wait()
}

// nobody is a process that there is not: PID_MAX_LIMIT is 1 << 22.
const nobody = 1 << 29

// signals sends this process 37 times none and this thread 7 times one that is ignored, and
// nobody 11 times.
func signals() error {
	for range 37 {
		if err := unix.Kill(os.Getpid(), 0); err != nil {
			return err
		}
	}
	for range 11 {
		if err := unix.Kill(nobody, unix.SIGWINCH); err != unix.ESRCH {
			return fmt.Errorf("kill: %v, want %v", err, unix.ESRCH)
		}
	}
	for range 7 {
		if err := unix.Tgkill(os.Getpid(), unix.Gettid(), unix.SIGWINCH); err != nil {
			return err
		}
	}
	return nil
}
