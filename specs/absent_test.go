package specs_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// TestAbsentPage passes paths that lie in pages which are not in memory yet. A filter at the
// entry of the call cannot read them and leaves the calls out, which is told; a span reads
// them when the call returns.
func TestAbsentPage(t *testing.T) {
	const times = 11
	size := os.Getpagesize()
	file := filepath.Join(t.TempDir(), "paths")
	path := append([]byte("/nonexistent/path"), 0)
	if err := os.WriteFile(file, bytes.Repeat(append(path, make([]byte, size-len(path))...), times), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	got := trace(t, caller(), func(context.Context) error {
		for i := range times {
			page, err := unix.Mmap(int(f.Fd()), int64(i*size), size, unix.PROT_READ, unix.MAP_PRIVATE)
			if err != nil {
				return err
			}
			_, _, errno := unix.Syscall6(unix.SYS_UNLINKAT, ^uintptr(99), uintptr(unsafe.Pointer(unsafe.SliceData(page))), 0, 0, 0, 0)
			if errno != unix.ENOENT {
				return errno
			}
			if err := unix.Munmap(page); err != nil {
				return err
			}
		}
		return nil
	}, "absent_page", "absent_page_span")
	entry, span := got[0], got[1]
	if len(entry.records) != 0 || entry.account.FailedReads != times {
		t.Errorf("at the entry there are %d records and %d failed reads, want 0 and %d", len(entry.records), entry.account.FailedReads, times)
	}
	if line := entry.account.Lines()[1]; !strings.HasSuffix(line, "a filter leaves the event out") {
		t.Errorf("the account says %q", line)
	}
	if len(span.records) != times || span.account.FailedReads != 0 {
		t.Errorf("the span has %d records and %d failed reads, want %d and 0", len(span.records), span.account.FailedReads, times)
	}
}
