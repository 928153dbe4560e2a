package specs_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ebgen/ebgen/specs/workload"
)

// TestOpens wants exactly the files that one process opened, in order.
func TestOpens(t *testing.T) {
	const calls = 101
	var made []workload.Opened
	comm := own("opener")
	names := []string{"opensnoop", "opens_tracepoint"}
	got := trace(t, map[string][]string{"comm": {comm}}, func(ctx context.Context) (err error) {
		made, err = workload.Opens(ctx, comm, calls)
		return err
	}, names...)
	for i, name := range names {
		if len(got[i].records) != calls || len(made) != calls {
			t.Fatalf("%s: %d records of %d opens, want %d", name, len(got[i].records), len(made), calls)
		}
		for j, r := range got[i].records {
			if r["file"] != made[j].Path || number(r["pid"]) != made[j].PID || r["comm"] != comm {
				t.Errorf("%s: record %d is %v, want %v", name, j, r, made[j])
			}
			if name != "opensnoop" {
				continue
			}
			if result := number(r["result"]); result < 0 && -result != int(made[j].Errno) || result >= 0 && made[j].Errno != 0 {
				t.Errorf("record %d says %d, want errno %d", j, result, made[j].Errno)
			}
		}
	}
}

// TestStatsnoop wants each call that asked for a status of one thread's 101 files, and of
// the 101 paths beside them where nothing is.
func TestStatsnoop(t *testing.T) {
	const files = 101
	comm := own("filer")
	var made []workload.File
	got := trace(t, map[string][]string{"comm": {comm}}, func(ctx context.Context) (err error) {
		made, err = workload.Files(ctx, comm, files)
		return err
	}, "statsnoop")[0]
	type asked struct {
		path   string
		result int
	}
	left := map[asked]int{}
	for _, f := range made {
		left[asked{f.Path, 0}]++
		left[asked{f.Gone, -int(unix.ENOENT)}]++
	}
	for _, r := range got.records {
		left[asked{r["path"].(string), number(r["result"])}]--
		if number(r["pid"]) != os.Getpid() || r["comm"] != comm {
			t.Errorf("not of this process: %v", r)
		}
	}
	missed := int(got.account.Missed)
	for what, n := range left {
		if n < 0 || n > missed {
			t.Errorf("%+v: %d calls too few, %d missed", what, n, missed)
		}
		missed -= n
	}
}

// TestFiles wants what one thread did with some files: how long each lived, each read and
// write, by itself and counted.
func TestFiles(t *testing.T) {
	const files = 17 // no more than the rows that filetop shows
	comm := own("filer")
	params := map[string][]string{"comm": {comm}}
	var made []workload.File
	work := func(ctx context.Context) (err error) {
		made, err = workload.Files(ctx, comm, files)
		return err
	}
	got := trace(t, params, work, "filelife", "filetop", "vfsstat")
	bytes := map[string]int{}
	total := 0
	for _, f := range made {
		bytes[filepath.Base(f.Path)] = f.Bytes
		total += f.Bytes
	}
	for i, r := range got[0].records {
		if len(got[0].records) != files || r["file"] != filepath.Base(made[i].Path) || number(r["age"]) <= 0 || number(r["pid"]) != os.Getpid() {
			t.Errorf("record %d of %d is %v, want %s", i, len(got[0].records), r, made[i].Path)
		}
	}
	tops := map[string]map[string]int{}
	for _, r := range got[1].records {
		file := r["file"].(string)
		if tops[file] == nil {
			tops[file] = map[string]int{}
		}
		for _, column := range []string{"reads", "read", "writes", "written"} {
			tops[file][column] += number(r[column])
		}
	}
	for file, size := range bytes {
		if top := tops[file]; top["reads"] != 1 || top["writes"] != 1 || top["written"] != size || top["read"] != 101+files {
			t.Errorf("filetop: %s is %v, want %d bytes written, %d asked for", file, top, size, 101+files)
		}
	}
	if len(tops) != files {
		t.Errorf("filetop: %d files, want %d", len(tops), files)
	}
	for column, want := range map[string]int{
		"reads": files, "writes": files, "fsyncs": files, "opens": files,
		"creates": files, "unlinks": files, "mkdirs": files, "rmdirs": files,
	} {
		missed := int(got[2].account.Missed)
		if n := sum(got[2].records, column); n > want || n+missed < want {
			t.Errorf("vfsstat: %d %s and %d missed, want %d", n, column, missed, want)
		}
	}
	// Fast or slow.
	params["over"] = []string{"0s"}
	each := trace(t, params, work, "fileslower")[0].records
	if len(each) != 2*files {
		t.Fatalf("fileslower: %d records, want %d", len(each), 2*files)
	}
	for i, r := range each {
		f := made[i/2]
		if r["call"] != []string{"write", "read"}[i%2] || r["file"] != filepath.Base(f.Path) || number(r["bytes"]) != f.Bytes || number(r["took"]) <= 0 {
			t.Errorf("fileslower: record %d is %v, want %d bytes of %s", i, r, f.Bytes, f.Path)
		}
	}
}

// TestMountsnoop wants each mount and unmount, the one that fails too, in order.
func TestMountsnoop(t *testing.T) {
	const mounts = 37
	dir := t.TempDir()
	gone := filepath.Join(dir, "gone")
	got := trace(t, map[string][]string{"pids": {fmt.Sprint(os.Getpid())}}, func(context.Context) error {
		for range mounts {
			if err := unix.Mount("none", dir, "tmpfs", unix.MS_NOEXEC, ""); err != nil {
				return fmt.Errorf("mount %s: %w", dir, err)
			}
			if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
				return fmt.Errorf("unmount %s: %w", dir, err)
			}
			if err := unix.Mount("none", gone, "tmpfs", 0, ""); !errors.Is(err, unix.ENOENT) {
				return fmt.Errorf("mount %s: %w, want ENOENT", gone, err)
			}
		}
		return nil
	}, "mountsnoop")[0]
	namespace, err := os.Readlink("/proc/self/ns/mnt")
	if err != nil {
		t.Fatal(err)
	}
	turns := []map[string]any{
		{"call": "mount", "source": "none", "target": dir, "fs": "tmpfs", "result": 0, "flags": "0x8"},
		{"call": "umount", "source": "", "target": dir, "fs": "", "result": 0, "flags": "0x2"},
		{"call": "mount", "source": "none", "target": gone, "fs": "tmpfs", "result": -int(unix.ENOENT), "flags": "0x0"},
	}
	if n, missed := len(got.records), int(got.account.Missed); n > 3*mounts || n+missed < 3*mounts {
		t.Fatalf("%d records and %d missed, want %d", n, missed, 3*mounts)
	}
	for i, r := range got.records {
		if got.account.Missed != 0 {
			break // which one is not known
		}
		for column, want := range turns[i%3] {
			if v := r[column]; fmt.Sprint(v) != fmt.Sprint(want) {
				t.Errorf("record %d: %s is %v, want %v", i, column, v, want)
			}
		}
		if ns := fmt.Sprintf("mnt:[%v]", r["mnt_ns"]); ns != namespace || number(r["took"]) <= 0 || number(r["pid"]) != os.Getpid() {
			t.Errorf("record %d is %v, want namespace %s", i, r, namespace)
		}
	}
}
