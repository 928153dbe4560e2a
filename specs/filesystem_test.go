package specs_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/ebgen/ebgen/specs/workload"
)

// ext4 returns an image of an empty file system, which is made when it is first asked for.
func ext4(t testing.TB) string {
	t.Helper()
	building.Lock()
	defer building.Unlock()
	dir, err := programDir()
	if err != nil {
		t.Fatal(err)
	}
	image := filepath.Join(dir, "ext4.image")
	if _, err := os.Stat(image); err == nil {
		return image
	}
	if _, err := exec.LookPath("mke2fs"); err != nil {
		missing(t, err)
	}
	if out, err := exec.Command("mke2fs", "-q", "-t", "ext4", "-b", "4096", image, "16M").CombinedOutput(); err != nil {
		t.Fatalf("mke2fs: %v\n%s", err, out)
	}
	return image
}

// onExt4 has a workload run in a directory of a file system of its own.
func onExt4(t *testing.T, work func(ctx context.Context, dir string) error) func(context.Context) error {
	image := ext4(t)
	return func(ctx context.Context) error {
		dir, end, err := workload.Mount(ctx, image, "ext4")
		if err != nil {
			return err
		}
		return errors.Join(work(ctx, dir), end())
	}
}

// TestFilesystem wants each operation of one thread on the files of an ext4 file system, by
// itself and counted: opening, writing, syncing and reading.
func TestFilesystem(t *testing.T) {
	const files = 37
	comm := own("filer")
	var made []workload.File
	work := onExt4(t, func(ctx context.Context, dir string) (err error) {
		made, err = workload.FilesIn(ctx, dir, comm, files)
		return err
	})
	calls := []string{"open", "write", "sync", "read"}
	records := trace(t, map[string][]string{"comm": {comm}, "over": {"0s"}}, work, "fsslower")[0].records
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
	for _, r := range trace(t, map[string][]string{"comm": {comm}}, work, "fsdist")[0].records {
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

// TestCachestat wants each page that one thread reads, once from the disk and once from the
// page cache.
func TestCachestat(t *testing.T) {
	const pages = 101
	comm := own("reader")
	got := trace(t, map[string][]string{"comm": {comm}}, onExt4(t, func(_ context.Context, dir string) error {
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
	got := trace(t, map[string][]string{"comm": {comm}}, onExt4(t, func(_ context.Context, dir string) error {
		return workload.ReadAhead(dir, comm, pages, used)
	}), "readahead")[0]
	row := one(t, "readahead", got)
	if number(row["pages"]) != pages || number(row["used"]) != used || number(row["unused"]) != pages-used || events(t, row["age"]) != used {
		t.Errorf("%v, want %d pages of which %d are used", row, pages, used)
	}
}
