package ktype

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/cilium/ebpf/btf"
)

func TestSyscall(t *testing.T) {
	k := fixture(t)
	for name, want := range map[string]string{
		"openat":        "long openat(int dfd, char *filename, int flags, umode_t mode)",
		"read":          "long read(unsigned int fd, char *buf, size_t count)",
		"newuname":      "long newuname(struct new_utsname *name)",
		"uname":         "long newuname(struct new_utsname *name)",
		"umount2":       "long umount(char *name, int flags)",
		"execve":        "long execve(char *filename, char **argv, char **envp)",
		"getpid":        "long getpid(void)",
		"clock_gettime": "long clock_gettime(clockid_t which_clock, struct __kernel_timespec *tp)",
		"finit_module":  "long finit_module(int fd, char *uargs, int flags)",
		"clone":         "long clone(unsigned long clone_flags, unsigned long newsp, int *parent_tidptr, int *child_tidptr, unsigned long tls)",
		"capget":        "long capget(u64 header, u64 dataptr)", // typedefs of pointers that the fixture's BTF lacks
	} {
		sig, err := k.Syscall(name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if sig.String() != want {
			t.Errorf("got  %s\nwant %s", sig, want)
		}
		for _, p := range sig.Params {
			if p.Type.User != (p.Type.Kind == Pointer) {
				t.Errorf("%s: User is %v for %s", name, p.Type.User, p.Name)
			}
		}
		if sig.Void || !sig.Return.Signed || sig.Return.Size != 8 {
			t.Errorf("%s returns %+v, want a long", name, sig.Return)
		}
	}
	_, err := k.Syscall("opeant")
	var missing *NotFound
	if !errors.As(err, &missing) || !slices.Contains(missing.Nearest(), "openat") {
		t.Errorf("a misspelled system call: %v", err)
	}
	if _, err := k.Syscall(""); !errors.Is(err, ErrNotFound) {
		t.Errorf("no name: %v", err)
	}
}

// The arguments of clone stand in another order on arm64, whose struct pt_regs tells.
func TestSyscallOfArm64(t *testing.T) {
	regs := &btf.Struct{Name: "pt_regs", Size: 8, Members: []btf.Member{{Name: "pstate", Type: fixLong}}}
	k := open(t, marshal(t, regs))
	if k.Arch() != "arm64" || fixture(t).Arch() != "amd64" {
		t.Fatalf("architectures are %s and %s", k.Arch(), fixture(t).Arch())
	}
	sig, err := k.Syscall("clone")
	if err != nil {
		t.Fatal(err)
	}
	if got := sig.Params[3].Name; got != "tls" {
		t.Errorf("the fourth argument of clone is %s, want tls", got)
	}
	if c, ok := k.Enum("open_flags"); !ok || !slices.Contains(c.Values, EnumValue{"O_DIRECTORY", 0o40000}) {
		t.Errorf("open_flags are not arm64's: %v", c)
	}
}

func TestSyscallNumber(t *testing.T) {
	for _, test := range []struct {
		arch, name string
		want       int // -1 for none
	}{
		{"amd64", "read", 0}, {"arm64", "read", 63}, {"amd64", "uname", 63}, {"amd64", "newuname", 63}, {"arm64", "uname", 160},
		{"amd64", "open", 2}, {"arm64", "open", -1}, {"amd64", "no_such_call", -1}, {"amd64", "", -1},
	} {
		got, ok := SyscallNumber(test.arch, test.name)
		if ok != (test.want >= 0) || ok && got != test.want {
			t.Errorf("%s on %s is %d, %v, want %d", test.name, test.arch, got, ok, test.want)
		}
	}
}

func TestSyscallTracepoints(t *testing.T) {
	k := fixture(t)
	for event, want := range map[string]string{
		"sys_enter_openat":   "int __syscall_nr at 8+4 signed\nint dfd at 16+4 signed\nchar * filename at 24+8\nint flags at 32+4 signed\numode_t mode at 40+2",
		"sys_exit_openat":    "int __syscall_nr at 8+4 signed\nlong ret at 16+8 signed",
		"sys_enter_newuname": "int __syscall_nr at 8+4 signed\nstruct new_utsname * name at 16+8",
	} {
		f, err := k.Tracepoint("syscalls", event)
		if err != nil {
			t.Errorf("%s: %v", event, err)
			continue
		}
		if got := formatLines(f); got != want || f.Name != event {
			t.Errorf("%s is %s\n%s\nwant\n%s", event, f.Name, got, want)
		}
	}
	for _, absent := range []string{"sys_enter_uname", "sys_enter_opneat", "openat", "sys_enter_", "sys_enter_sys_exit_read", ""} {
		if f, err := k.Tracepoint("syscalls", absent); !errors.Is(err, ErrNotFound) {
			t.Errorf("%q: %v, %v, want ErrNotFound", absent, f, err)
		}
	}
}

func TestSyscallTable(t *testing.T) {
	if !slices.IsSortedFunc(syscalls, func(a, b syscall) int { return strings.Compare(a.traced, b.traced) }) {
		t.Error("the table is not sorted")
	}
	if len(syscalls) < 360 { // what Linux 6.18 traces; a smaller kernel made this table
		t.Errorf("the table has %d system calls", len(syscalls))
	}
	for _, arch := range []func(syscall) int{func(s syscall) int { return s.amd64 }, func(s syscall) int { return s.arm64 }} {
		seen := map[int]string{}
		for _, s := range syscalls {
			n := arch(s)
			if other := seen[n]; n >= 0 && other != "" {
				t.Errorf("%s and %s have the number %d", s.traced, other, n)
			}
			seen[n] = s.traced
		}
	}
}
