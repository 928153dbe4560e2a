package workload

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// The kernel's own count of the disk (Documentation/block/stat.rst) is what was made.
// Nobody else reads a disk that is new.
func TestDiskReads(t *testing.T) {
	needLoop(t)
	device, end, err := loopDevice(bounded(t), filepath.Join(t.TempDir(), "disk"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := end(); err != nil {
			t.Error(err)
		}
	}()
	before := diskStat(t, device)
	r := new(reply)
	if err := new(child).read(&request{Dir: device, Count: 101}, r); err != nil {
		t.Fatal(err)
	}
	after := diskStat(t, device)
	for i, want := range map[int]uint64{0: 101, 2: 101 * diskBlock / 512, 4: 0} { // reads, sectors read, writes
		if got := after[i] - before[i]; got != want {
			t.Errorf("count %d of %s is %d, want %d", i, device, got, want)
		}
	}
}

func TestDiskReadsByName(t *testing.T) {
	needLoop(t)
	made, err := DiskReads(bounded(t), "reader", 37)
	if err != nil {
		t.Fatal(err)
	}
	if *made != (DiskRead{Disk: made.Disk, Reads: 37, Bytes: 4096, DiskBytes: 64 * 4096}) || !strings.HasPrefix(made.Disk, "loop") {
		t.Errorf("made %+v", made)
	}
}

func needLoop(t *testing.T) {
	t.Helper()
	f, err := os.OpenFile("/dev/loop-control", os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM) {
		t.Skipf("no loop devices: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
}

func diskStat(t *testing.T, device string) (counts []uint64) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("/sys/block", filepath.Base(device), "stat"))
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range strings.Fields(string(text)) {
		n, err := strconv.ParseUint(word, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		counts = append(counts, n)
	}
	return counts
}
