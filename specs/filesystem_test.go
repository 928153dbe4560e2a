package specs_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ebgen/ebgen/spec/ktype"
	"github.com/ebgen/ebgen/specs/workload"
)

// filesystems are those that fsslower and fsdist follow, with the program that makes an empty
// one in a file.
var filesystems = map[string]string{
	"ext4":  "mke2fs -q -t ext4 -b 4096",
	"xfs":   "mkfs.xfs -q -s size=4096 --unsupported", // is so small a one
	"btrfs": "mkfs.btrfs -q --mixed",
}

// image returns a file with an empty file system, which is made when it is first asked for.
func image(t testing.TB, kind string) string {
	t.Helper()
	building.Lock()
	defer building.Unlock()
	dir, err := programDir()
	if err != nil {
		t.Fatal(err)
	}
	image := filepath.Join(dir, kind+".image")
	if _, err := os.Stat(image); err == nil {
		return image
	}
	words := append(strings.Fields(filesystems[kind]), image)
	if _, err := exec.LookPath(words[0]); err != nil {
		missing(t, err)
	}
	if err := errors.Join(os.WriteFile(image, nil, 0o600), os.Truncate(image, 16<<20)); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(words[0], words[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(words, " "), err, out)
	}
	return image
}

// on has a workload run in a directory of a file system of its own.
func on(t *testing.T, kind string, work func(ctx context.Context, dir string) error) func(context.Context) error {
	image := image(t, kind)
	return func(ctx context.Context) error {
		dir, end, err := workload.Mount(ctx, image, kind)
		if err != nil {
			return err
		}
		return errors.Join(work(ctx, dir), end())
	}
}

// TestFilesystem wants each operation of one thread on the files of a file system, by itself
// and counted: opening, writing, syncing and reading.
func TestFilesystem(t *testing.T) {
	for kind := range filesystems {
		t.Run(kind, func(t *testing.T) { onFilesystem(t, kind) })
	}
}

func onFilesystem(t *testing.T, kind string) {
	const files = 37
	slower, dist := "fsslower_"+kind, "fsdist_"+kind
	if kind == "ext4" { // what both follow unless another one is named
		slower, dist = "fsslower", "fsdist"
	} else {
		needsModule(t, kind, variants[slower].needs)
	}
	comm := own("filer")
	var made []workload.File
	work := on(t, kind, func(ctx context.Context, dir string) (err error) {
		made, err = workload.FilesIn(ctx, dir, comm, files)
		return err
	})
	calls := []string{"open", "write", "sync", "read"}
	records := trace(t, map[string][]string{"comm": {comm}, "over": {"0s"}}, work, slower)[0].records
	if len(records) != len(calls)*files {
		t.Fatalf("fsslower: %d records, want %d", len(records), len(calls)*files)
	}
	for i, r := range records {
		f, call := made[i/len(calls)], calls[i%len(calls)]
		bytes := 0
		if call == "write" || call == "read" {
			bytes = f.Bytes
		}
		if r["call"] != call || r["file"] != filepath.Base(f.Path) || number(r["bytes"]) != bytes || number(r["offset"]) != 0 || number(r["took"]) <= 0 || number(r["pid"]) != os.Getpid() {
			t.Errorf("fsslower: record %d is %v, want %s of %d bytes of %s", i, r, call, bytes, f.Path)
		}
	}
	seen := map[any]int{}
	for _, r := range trace(t, map[string][]string{"comm": {comm}}, work, dist)[0].records {
		seen[r["call"]] += number(r["calls"])
		if n := events(t, r["took"]); n != number(r["calls"]) {
			t.Errorf("fsdist: %d in the histogram of %v", n, r)
		}
	}
	for _, call := range calls {
		if seen[call] != files {
			t.Errorf("fsdist: %d times %s, want %d", seen[call], call, files)
		}
	}
}

// TestModuleStruct reads a struct that is a module's: of files whose mode is changed the numbers
// and sizes.
func TestModuleStruct(t *testing.T) {
	needsModule(t, "xfs", variants["xfs_inodes"].needs)
	var want, got []string
	work := on(t, "xfs", func(_ context.Context, dir string) error {
		return named(func() error {
			for i := range 37 {
				path := filepath.Join(dir, fmt.Sprintf("file-%d", i))
				file, err := os.Create(path)
				if err != nil {
					return err
				}
				_, err = file.Write(make([]byte, 101*i))
				// The inode has the size of what is on the disk.
				if err := errors.Join(err, file.Sync(), file.Chmod(0o640), file.Close()); err != nil {
					return err
				}
				var stat unix.Stat_t
				if err := unix.Stat(path, &stat); err != nil {
					return err
				}
				want = append(want, fmt.Sprint(stat.Ino, " ", 101*i))
			}
			return nil
		})
	})
	for _, r := range trace(t, nil, work, "xfs_inodes")[0].records {
		if r["comm"] == own("caller") {
			got = append(got, fmt.Sprint(r["number"], " ", r["size"]))
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("%d inodes:\n%q, want %d:\n%q", len(got), got, len(want), want)
	}
}

// needsModule skips a test aloud where the kernel tells nothing of a function of a module: here
// where there is no such module, in guests where none tells its types, before 5.11.
func needsModule(t *testing.T, module, function string) {
	t.Helper()
	k, err := running()
	if err != nil {
		t.Skip(err)
	}
	if _, err := k.Function(function); err != nil {
		if os.Getenv("EBGEN_VM") != "" && ktype.CompareReleases(k.Release(), "5.11") >= 0 {
			t.Fatalf("module %s: %v", module, err)
		}
		t.Skipf("module %s: %v", module, err)
	}
}

// TestCachestat wants each page that one thread reads, once from the disk and once from the
// page cache.
func TestCachestat(t *testing.T) {
	const pages = 101
	comm := own("reader")
	got := trace(t, map[string][]string{"comm": {comm}}, on(t, "ext4", func(_ context.Context, dir string) error {
		return workload.CacheReads(dir, comm, pages)
	}), "cachestat")[0]
	if accessed, added := sum(got.records, "accessed"), sum(got.records, "added"); accessed != 2*pages || added != pages {
		t.Errorf("%d accessed and %d added, want %d and %d", accessed, added, 2*pages, pages)
	}
	for _, r := range got.records {
		total := max(number(r["accessed"])-number(r["dirties"]), 0)
		misses := min(max(number(r["added"])-number(r["dirtied"]), 0), total)
		if number(r["misses"]) != misses || number(r["hits"]) != total-misses {
			t.Errorf("%v, want %d misses of %d", r, misses, total)
		}
		if total > 0 && fraction(r["hit_percent"]) != 100*float64(total-misses)/float64(total) {
			t.Errorf("%v, want %d misses of %d", r, misses, total)
		}
	}
}

// TestReadahead wants the pages that the kernel reads ahead for one thread, and those of them
// that it uses.
func TestReadahead(t *testing.T) {
	const pages, used = 101, 37
	comm := own("reader")
	got := trace(t, map[string][]string{"comm": {comm}}, on(t, "ext4", func(_ context.Context, dir string) error {
		return workload.ReadAhead(dir, comm, pages, used)
	}), "readahead")[0]
	row := one(t, "readahead", got)
	if number(row["pages"]) != pages || number(row["used"]) != used || number(row["unused"]) != pages-used || events(t, row["age"]) != used {
		t.Errorf("%v, want %d pages of which %d are used", row, pages, used)
	}
}
