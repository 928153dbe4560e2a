package ktype

import (
	"slices"
	"testing"
)

func TestMacro(t *testing.T) {
	for _, test := range []struct {
		name         string
		amd64, arm64 int64 // -1 for none
	}{
		{"AF_INET6", 10, 10},
		{"SOCK_STREAM", 1, 1},
		{"ECONNRESET", 104, 104},
		{"ERESTARTSYS", 512, 512},
		{"SIGKILL", 9, 9},
		{"S_IFMT", 0o170000, 0o170000},
		{"O_CREAT", 0o100, 0o100},
		// arch/arm64/include/uapi/asm/fcntl.h has its own values of these four.
		{"O_DIRECTORY", 0o200000, 0o40000},
		{"O_NOFOLLOW", 0o400000, 0o100000},
		{"O_DIRECT", 0o40000, 0o200000},
		{"O_LARGEFILE", 0o100000, 0o400000},
		{"MAP_32BIT", 0x40, -1},
		{"PROT_BTI", -1, 0x10},
		{"CLONE_NEWNET", 0x40000000, 0x40000000},
		{"CLONE_INTO_CGROUP", 0x200000000, 0x200000000},
		{"AT_FDCWD", -100, -100},
		{"NF_ACCEPT", 1, 1},
		{"TASK_RUNNING", 0, 0},
		{"TASK_IDLE", 0x402, 0x402},
		{"EXIT_ZOMBIE", 0x20, 0x20},
		{"PF_KTHREAD", 0x200000, 0x200000},
		{"FUTEX_WAIT_BITSET", 9, 9},
		{"FUTEX_CMD_MASK", -385, -385},
		{"IPC_CREAT", 0o1000, 0o1000},
		{"IPC_RMID", 0, 0},
		{"SCM_RIGHTS", 1, 1},
		{"GFP_KERNEL", 0xcc0, 0xcc0},
		{"EPOLLET", 1 << 31, 1 << 31},
		{"TCP_CLOSE_WAIT", -1, -1},
	} {
		for arch, want := range map[string]int64{"amd64": test.amd64, "arm64": test.arm64} {
			c, ok := Macro(arch, test.name)
			if ok != (want != -1) || ok && (c.Value != want || c.Name != test.name) {
				t.Errorf("%s on %s is %+v, %v, want %d", test.name, arch, c, ok, want)
			}
		}
	}
	if _, ok := Macro("z80", "AF_INET"); ok {
		t.Error("an unknown architecture has macros")
	}
}

// A number is shown by the name that people use.
func TestFamilyShowsUsualName(t *testing.T) {
	for _, test := range []struct {
		family string
		value  int64
		want   string
	}{
		{"errno", 11, "EAGAIN"}, {"errno", 95, "EOPNOTSUPP"}, {"errno", 35, "EDEADLK"}, {"errno", 117, "EUCLEAN"}, {"errno", 512, "ERESTARTSYS"},
		{"signal", 6, "SIGABRT"}, {"signal", 17, "SIGCHLD"}, {"signal", 29, "SIGIO"},
		{"address_family", 1, "AF_UNIX"}, {"address_family", 16, "AF_NETLINK"},
		{"socket_type", 2, "SOCK_DGRAM"}, {"filesystem", 0xef53, "EXT4_SUPER_MAGIC"},
		{"open_flags", 0o4000, "O_NONBLOCK"}, {"open_flags", 0o4010000, "O_SYNC"}, {"map_flags", 0x20, "MAP_ANONYMOUS"},
		{"capability", 21, "CAP_SYS_ADMIN"}, {"socket_level", 6, "SOL_TCP"}, {"netfilter_verdict", 0, "NF_DROP"},
		{"task_state", 0, "R"}, {"task_state", 0x402, "I"}, {"task_report", 0x80, "I"}, {"task_flags", 0x200000, "PF_KTHREAD"}, {"futex_op", 0, "FUTEX_WAIT"}, {"control_message", 1, "SCM_RIGHTS"},
	} {
		e, ok := Family("amd64", test.family)
		if !ok {
			t.Errorf("no family %s", test.family)
			continue
		}
		at := slices.IndexFunc(e.Values, func(v EnumValue) bool { return v.Value == test.value })
		if at < 0 || e.Values[at].Name != test.want {
			t.Errorf("%s %d is not shown as %s", test.family, test.value, test.want)
		}
	}
	if _, ok := Family("amd64", "no_such_family"); ok {
		t.Error("an unknown family is known")
	}
}

func TestFamiliesAreWellFormed(t *testing.T) {
	for _, arch := range []string{amd64, arm64} {
		for _, name := range Families() {
			e, ok := Family(arch, name)
			if !ok || e.Name != name || len(e.Values) == 0 {
				t.Errorf("%s on %s: %+v, %v", name, arch, e, ok)
				continue
			}
			values := e.Values
			if e.First { // one letter may stand for several values, the last one for what has none
				if last := values[len(values)-1]; last.Value != 0 {
					t.Errorf("%s on %s ends with %s", name, arch, last.Name)
				}
				values = e.Also
			} else if !slices.IsSortedFunc(values, func(x, y EnumValue) int { return int(x.Value - y.Value) }) {
				t.Errorf("%s on %s is not in order", name, arch)
			}
			seen := map[string]bool{}
			for _, v := range values {
				if seen[v.Name] {
					t.Errorf("%s on %s has %s twice", name, arch, v.Name)
				}
				seen[v.Name] = true
				if c, _ := Macro(arch, v.Name); c.Value != v.Value {
					t.Errorf("%s on %s is %d in %s and %d in %s", v.Name, arch, v.Value, name, c.Value, c.Enum.Name)
				}
			}
		}
	}
	if !slices.IsSortedFunc(unixFamilies, func(x, y family) int {
		if x.name < y.name {
			return -1
		}
		return 1
	}) {
		t.Error("the generated families are not sorted by name")
	}
}
