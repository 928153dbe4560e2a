package specs_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// opened is a file that the test holds open, as the kernel itself names it.
type opened struct {
	fd     int
	path   string
	within string // from the root of its file system; "" when the test does not know
}

// openAt opens a file with folders on the way to it, and asks the kernel for its path.
func openAt(path string) (opened, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return opened{}, err
	}
	fd, err := unix.Open(path, unix.O_CREAT|unix.O_RDONLY|unix.O_CLOEXEC, 0o666)
	if err != nil {
		return opened{}, fmt.Errorf("open %s: %w", path, err)
	}
	return described(fd)
}

func described(fd int) (opened, error) {
	path, err := os.Readlink("/proc/thread-self/fd/" + strconv.Itoa(fd))
	return opened{fd: fd, path: path}, err
}

// TestPaths compares the paths of open files with what the kernel says of them in /proc: at
// all depths, with the longest names, through mounts, deleted, and in no folder at all.
func TestPaths(t *testing.T) {
	dir := t.TempDir()
	long := strings.Repeat("n", 255)
	var files []opened
	made := make(chan error)
	end := make(chan struct{})
	defer close(end)
	// A thread with mounts of its own, which the files that it opens are in.
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with its mounts
		made <- func() error {
			if err := unix.Unshare(unix.CLONE_FS | unix.CLONE_NEWNS); err != nil {
				return fmt.Errorf("unshare: %w", err)
			}
			if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
				return fmt.Errorf("make mounts private: %w", err)
			}
			outer, inner, bound := dir+"/outer", dir+"/outer/a/inner", dir+"/bound"
			for _, m := range []struct {
				from, to, kind string
				flags          uintptr
			}{{"tmpfs", outer, "tmpfs", 0}, {"tmpfs", inner, "tmpfs", 0}, {inner, bound, "", unix.MS_BIND}} {
				if err := os.MkdirAll(m.to, 0o777); err != nil {
					return err
				}
				if err := unix.Mount(m.from, m.to, m.kind, m.flags, ""); err != nil {
					return fmt.Errorf("mount %s: %w", m.to, err)
				}
			}
			paths := map[string]string{
				dir + "/f":                                         "",
				dir + strings.Repeat("/d", 8) + "/f":               "",
				dir + strings.Repeat("/e", 40) + "/f":              "",
				dir + "/" + long:                                   "",
				dir + strings.Repeat("/"+long[1:], 8) + "/" + long: "",
				outer + "/a/f":                                     "/a/f",
				inner + "/b/f":                                     "/b/f",
				bound + "/c/f":                                     "/c/f",
				dir + "/日本/\n":                                     "",
			}
			for path, within := range paths {
				f, err := openAt(path)
				if err != nil {
					return err
				}
				if f.path != path {
					return fmt.Errorf("%s is open, the kernel says %s", path, f.path)
				}
				f.within = within
				files = append(files, f)
			}
			gone, err := openAt(dir + "/gone")
			if err != nil {
				return err
			}
			if err := os.Remove(dir + "/gone"); err != nil {
				return err
			}
			gone.path += " (deleted)"
			root, err := unix.Open("/", unix.O_RDONLY|unix.O_CLOEXEC, 0)
			if err != nil {
				return fmt.Errorf("open /: %w", err)
			}
			memory, err := unix.MemfdCreate("numbers", unix.MFD_CLOEXEC)
			if err != nil {
				return fmt.Errorf("memfd_create: %w", err)
			}
			event, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
			if err != nil {
				return fmt.Errorf("eventfd: %w", err)
			}
			var pipe [2]int
			if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC); err != nil {
				return fmt.Errorf("pipe2: %w", err)
			}
			socket, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
			if err != nil {
				return fmt.Errorf("socket: %w", err)
			}
			files = append(files, gone, opened{root, "/", "/"},
				opened{memory, "tmpfs:memfd:numbers", ""}, opened{event, "anon_inodefs:[eventfd]", ""},
				opened{pipe[0], "pipefs:", ""}, opened{pipe[1], "pipefs:", ""}, opened{socket, "sockfs:TCP", ""})
			return nil
		}()
		<-end
	}()
	if err := <-made; err != nil {
		t.Fatal(err)
	}
	defer func() {
		for _, f := range files {
			unix.Close(f.fd)
		}
	}()
	got := trace(t, map[string][]string{"process": {strconv.Itoa(os.Getpid())}}, func(context.Context) error { return nil }, "open_paths")[0]
	byFD := map[int]map[string]any{}
	for _, r := range got.records {
		byFD[number(r["fd"])] = r
	}
	for _, f := range files {
		r := byFD[f.fd]
		if r["path"] != f.path {
			t.Errorf("%q is %q", f.path, r["path"])
		}
		if f.within != "" && r["within"] != f.within {
			t.Errorf("%q within its file system is %q, want %q", f.path, r["within"], f.within)
		}
		endOf(t, f.path, r["ending"], 32)
	}
}

// endOf wants a path in so many bytes, one of them a NUL: whole, or its end behind an ellipsis.
func endOf(t *testing.T, path string, shown any, size int) {
	t.Helper()
	short, _ := shown.(string)
	rest, cut := strings.CutPrefix(short, "…")
	if cut && (!strings.HasSuffix(path, rest) || len(short) != size-1) || !cut && (short != path || len(short) > size-1) {
		t.Errorf("%q in %d bytes is %q", path, size, short)
	}
}

// TestCgroupPaths starts programs in cgroups at all depths, with the longest names, and compares
// their paths with what the kernel says of them in /proc.
func TestCgroupPaths(t *testing.T) {
	root := t.TempDir()
	if err := unix.Mount("none", root, "cgroup2", 0, ""); err != nil {
		t.Skipf("mount cgroup2: %v", err)
	}
	made := []string{root}
	t.Cleanup(func() {
		var err error
		for i := len(made) - 1; i > 0; i-- {
			err = errors.Join(err, os.Remove(made[i]))
		}
		if err := errors.Join(err, unix.Unmount(root, 0)); err != nil {
			t.Error(err)
		}
	})
	top := fmt.Sprintf("/ebgen-%d", os.Getpid())
	long := "/" + strings.Repeat("n", 255)
	var want []map[string]string
	start := func(path string) error {
		at := root
		for name := range strings.SplitSeq(strings.Trim(path, "/"), "/") {
			at = filepath.Join(at, name)
			if err := os.Mkdir(at, 0o755); err == nil {
				made = append(made, at)
			} else if !errors.Is(err, fs.ErrExist) {
				return err
			}
		}
		dir, err := os.Open(root + path)
		if err != nil {
			return err
		}
		defer dir.Close()
		var stat unix.Stat_t
		if err := unix.Fstat(int(dir.Fd()), &stat); err != nil {
			return err
		}
		c := exec.Command("/bin/cat", "/proc/self/cgroup")
		c.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(dir.Fd())}
		out, err := c.Output()
		_, says, _ := strings.Cut("\n"+string(out), "\n0::")
		says, _, _ = strings.Cut(says, "\n")
		want = append(want, map[string]string{"path": says, "id": strconv.FormatUint(stat.Ino, 10)})
		if err == nil && says != path {
			err = fmt.Errorf("a program in %s is in %s, says the kernel", path, says)
		}
		return err
	}
	got := trace(t, map[string][]string{"process": {strconv.Itoa(os.Getpid())}}, func(context.Context) error {
		var err error
		for _, path := range []string{"/", top, top + "/a b/日本", top + strings.Repeat("/d", 37), top + long, top + strings.Repeat(long, 8)} {
			err = errors.Join(err, start(path))
		}
		return err
	}, "cgroup_paths")[0]
	if len(got.records) != len(want) {
		t.Fatalf("%d records, want %d: %v", len(got.records), len(want), got.records)
	}
	for i, r := range got.records {
		path := want[i]["path"]
		if text(r["id"]) != want[i]["id"] || r["whole"] != path {
			t.Errorf("cgroup %v at %q, want %v", r["id"], r["whole"], want[i])
		}
		endOf(t, path, r["path"], 256)
		endOf(t, path, r["ending"], 32)
	}
}

// TestReadPaths counts reads of files by their paths, which a filter looks at as well.
func TestReadPaths(t *testing.T) {
	dir, err := os.MkdirTemp("/tmp", "paths")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	want := map[string]int{dir + "/one": 37, dir + "/two/deep": 11}
	for path := range want {
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o777), os.WriteFile(path, make([]byte, 101), 0o666)); err != nil {
			t.Fatal(err)
		}
	}
	got := trace(t, map[string][]string{"process": {strconv.Itoa(os.Getpid())}}, func(context.Context) error {
		for path, n := range want {
			f, err := os.Open(path)
			if err != nil {
				return err
			}
			for range n {
				_, failed := f.Read(make([]byte, 1))
				err = errors.Join(err, failed)
			}
			if err := errors.Join(err, f.Close()); err != nil {
				return err
			}
		}
		return nil
	}, "read_paths")[0]
	if len(got.records) != len(want) {
		t.Errorf("%d rows, want %d: %v", len(got.records), len(want), got.records)
	}
	for _, r := range got.records {
		file, _ := r["file"].(string)
		if n := number(r["reads"]); n != want[file] || number(r["bytes"]) != want[file] {
			t.Errorf("%d reads of %s, want %d: %v", n, file, want[file], r)
		}
	}
}
