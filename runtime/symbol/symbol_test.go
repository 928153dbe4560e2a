package symbol

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// listing is in the form of /proc/kallsyms, out of order as modules and aliases are.
const listing = `0000000000000000 A fixed_percpu_data
ffffffff81000000 T _stext
ffffffff81000000 T _text
ffffffff81000040 t do_one.isra.0
ffffffff81002000 T vfs_read
ffffffffc0401000 t nft_do_chain	[nf_tables]
ffffffffc0201000 t ftrace_trampoline	[__builtin__ftrace]
ffffffffc0301000 t bpf_prog_6deef7357e7b4530_sd_fw_egress	[bpf]
`

// kernel gives a Kernel that reads text, and counts the readings.
func kernel(text string) (k *Kernel, opened *int) {
	k, opened = NewKernel(), new(int)
	k.open = func() (io.ReadCloser, error) {
		*opened++
		return io.NopCloser(strings.NewReader(text)), nil
	}
	return k, opened
}

func TestLookup(t *testing.T) {
	k, opened := kernel(listing)
	if *opened != 0 {
		t.Error("symbols are read before one is asked for")
	}
	for _, c := range []struct {
		addr         uint64
		name, module string
		offset       uint64
	}{
		{0, "", "", 0},
		{0x400000, "", "", 0},
		{0xffffffff80ffffff, "", "", 0},
		{0xffffffff81000000, "_stext", "", 0},
		{0xffffffff8100003f, "_stext", "", 0x3f},
		{0xffffffff81000040, "do_one.isra.0", "", 0},
		{0xffffffff81001fff, "do_one.isra.0", "", 0x1fbf},
		{0xffffffff81002017, "vfs_read", "", 0x17},
		{0xffffffffc0201001, "ftrace_trampoline", "__builtin__ftrace", 1},
		{0xffffffffc0301000, "bpf_prog_6deef7357e7b4530_sd_fw_egress", "bpf", 0},
		{0xffffffffc0401010, "nft_do_chain", "nf_tables", 0x10},
	} {
		if name, module, offset := k.Lookup(c.addr); name != c.name || module != c.module || offset != c.offset {
			t.Errorf("%#x: %s+%#x [%s], want %s+%#x [%s]", c.addr, name, offset, module, c.name, c.offset, c.module)
		}
	}
	if *opened != 1 || k.Err() != nil {
		t.Errorf("read %d times: %v", *opened, k.Err())
	}
	if n := testing.AllocsPerRun(10, func() { k.Lookup(0xffffffff81002017) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestUnreadable reads once, names nothing and says why, whatever the reason.
func TestUnreadable(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"hidden", "0000000000000000 T _text\n0000000000000000 T vfs_read\n", "read kernel symbols: kernel addresses are hidden from this process"},
		{"cut", "ffffffff81000000 T _text\nffffffff8100", `read kernel symbols: unexpected line "ffffffff8100"`},
		{"no number", "x T _text\n", `read kernel symbols: unexpected line "x T _text"`},
		{"too many", "1 T a [b] c\n", `read kernel symbols: unexpected line "1 T a [b] c"`},
		{"endless line", strings.Repeat("x", 1<<20), "read kernel symbols: bufio.Scanner: token too long"},
	} {
		t.Run(c.name, func(t *testing.T) {
			k, opened := kernel(c.text)
			if err := k.Err(); err != nil {
				t.Errorf("before the first question: %v", err)
			}
			for range 3 {
				if name, _, _ := k.Lookup(0xffffffff81000000); name != "" {
					t.Errorf("found %s", name)
				}
			}
			if err := k.Err(); err == nil || !strings.HasPrefix(err.Error(), c.want) || *opened != 1 {
				t.Errorf("%v after reading %d times, want %s", err, *opened, c.want)
			}
		})
	}
	k, _ := kernel("0000000000000000 T _text\n")
	if k.Lookup(1); !errors.Is(k.Err(), ErrHidden) {
		t.Error(k.Err())
	}
	k.open = func() (io.ReadCloser, error) { return nil, os.ErrPermission }
	k.once = sync.Once{}
	if k.Lookup(1); !errors.Is(k.Err(), os.ErrPermission) {
		t.Error(k.Err())
	}
}

// TestThisKernel reads the symbols of the machine, from several goroutines.
func TestThisKernel(t *testing.T) {
	k := NewKernel()
	if k.Lookup(1); k.Err() != nil {
		t.Skipf("this process sees no kernel symbols: %v", k.Err())
	}
	symbols := k.symbols
	k = NewKernel()
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for i := 0; i < len(symbols); i += 997 {
				e := symbols[i]
				if name, _, offset := k.Lookup(e.addr); name == "" || offset != 0 {
					t.Errorf("%#x: %s+%#x", e.addr, name, offset)
				}
			}
		})
	}
	all.Wait()
}

func TestSyscall(t *testing.T) {
	for _, c := range []struct {
		number int64
		want   string
	}{
		{unix.SYS_READ, "read"},
		{unix.SYS_OPENAT, "openat"},
		{unix.SYS_UMOUNT2, "umount2"},
		{unix.SYS_IO_URING_SETUP, "io_uring_setup"},
		{-1, ""},
		{1 << 40, ""},
	} {
		if got := Syscall(c.number); got != c.want {
			t.Errorf("%d: %q, want %q", c.number, got, c.want)
		}
	}
	// The numbers are those of the kernel's unistd.h, on both.
	for _, c := range []struct {
		arch   string
		number int
		want   string
	}{
		{"amd64", 0, "read"},
		{"amd64", 156, "_sysctl"},
		{"amd64", 262, "newfstatat"},
		{"arm64", 0, "io_setup"},
		{"arm64", 63, "read"},
		{"arm64", 79, "newfstatat"},
		{"amd64", 425, "io_uring_setup"},
		{"arm64", 425, "io_uring_setup"},
	} {
		if got := syscalls[c.arch][c.number]; got != c.want {
			t.Errorf("%s %d: %q, want %q", c.arch, c.number, got, c.want)
		}
	}
}

// TestSyscallsAreGenerated compares the table in the tree with a fresh one.
func TestSyscallsAreGenerated(t *testing.T) {
	fresh := filepath.Join(t.TempDir(), "syscalls.go")
	if _, err := exec.LookPath("go"); err != nil {
		t.Skipf("no go command: %v", err)
	}
	if out, err := exec.Command("go", "run", "./internal/mksyscalls", "-o", fresh).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	want, err := os.ReadFile(fresh)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("syscalls.go")
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Error("syscalls.go is not what go generate makes")
	}
}

func BenchmarkRead(b *testing.B) {
	if _, err := os.Stat("/proc/kallsyms"); err != nil {
		b.Skip(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		k := NewKernel()
		if k.Lookup(1); k.Err() != nil {
			b.Fatal(k.Err())
		}
	}
}
