package ktype

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cilium/ebpf/btf"
)

// storedVariable names a folder with the raw BTF of other kernels, each a folder called
// RELEASE, for TestKernels.
const storedVariable = "EBGEN_BTF_DIR"

// running is the kernel that runs the test; without BTF the test is skipped.
func running(t testing.TB) *Kernel {
	t.Helper()
	k, err := Running()
	if errors.Is(err, ErrNoBTF) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// What the catalogue and the documentation rely on, on every kernel.
func TestKernels(t *testing.T) {
	t.Run("running", func(t *testing.T) { relyOn(t, running(t)) })
	t.Run("stored", func(t *testing.T) {
		dir := os.Getenv(storedVariable)
		if dir == "" {
			t.Skipf("$%s names no folder of other kernels' BTF", storedVariable)
		}
		files, err := filepath.Glob(filepath.Join(dir, "*"))
		if err != nil || len(files) == 0 {
			t.Fatalf("nothing in $%s: %v", storedVariable, err)
		}
		for _, file := range files {
			t.Run(filepath.Base(file), func(t *testing.T) {
				k, err := Open(file)
				if err != nil {
					t.Fatal(err)
				}
				relyOn(t, k)
			})
		}
	})
}

func relyOn(t *testing.T, k *Kernel) {
	sig, err := k.Function("tcp_retransmit_skb")
	if err != nil {
		t.Fatal(err)
	}
	if len(sig.Params) != 3 || sig.Params[0].Type.String() != "struct sock *" || sig.Params[0].Name != "sk" {
		t.Errorf("prototype %s", sig)
	}
	sk := sig.Params[0].Type.Elem()
	common, err := sk.Member("__sk_common")
	if err != nil {
		t.Fatal(err)
	}
	if port, err := common.Type.Member("skc_dport"); err != nil || !port.Type.BigEndian || port.Type.Size != 2 {
		t.Errorf("skc_dport is %+v, %v", port, err)
	}
	var missing *NoMember
	if _, err := sk.Member("skc_dprt"); !errors.As(err, &missing) || len(missing.Nearest) == 0 || !slices.Contains(missing.Nearest, "__sk_common.skc_dport (__be16)") {
		t.Errorf("skc_dprt: %v %+v", err, missing)
	}
	for name, value := range map[string]int64{"TCP_CLOSE_WAIT": 8, "IPPROTO_TCP": 6, "PIDTYPE_TGID": 1, "BPF_MAP_TYPE_RINGBUF": 27} {
		if c, ok := k.Constant(name); !ok || c.Value != value {
			t.Errorf("%s is %+v, %v, want %d", name, c, ok, value)
		}
	}
	for name, value := range map[string]EnumValue{
		"tcp_state": {"CLOSE_WAIT", 8}, "ip_protocol": {"UDP", 17}, "softirq": {"NET_RX", 3},
		"block_op": {"WRITE", 1}, "netfilter_hook": {"LOCAL_OUT", 3}, "socket_state": {"SS_CONNECTED", 3},
	} {
		if e, ok := k.Enum(name); !ok || !slices.Contains(e.Values, value) {
			t.Errorf("enum %s lacks %+v", name, value)
		}
	}
	for name, names := range map[string]string{
		"inet_sock_set_state": "sk oldstate newstate",
		"sched_process_exec":  "p old_pid bprm",
		"sys_enter":           "regs id",
	} {
		sig, err := k.RawTracepoint(name)
		if err != nil {
			t.Error(err)
			continue
		}
		var got []string
		for _, p := range sig.Params {
			got = append(got, p.Name)
		}
		if strings.Join(got, " ") != names {
			t.Errorf("%s has the arguments %q, want %s", name, got, names)
		}
	}
	f, err := k.Tracepoint("syscalls", "sys_enter_openat")
	if err != nil || len(f.Fields) != 5 || f.Fields[2].Name != "filename" || !f.Fields[2].Type.User {
		t.Errorf("sys_enter_openat: %+v, %v", f, err)
	}
	if k.Arch() != amd64 && k.Arch() != arm64 {
		t.Errorf("architecture %q", k.Arch())
	}
	if _, err := k.Function("tcp_retransmit_skp"); !errors.Is(err, ErrNotFound) {
		t.Errorf("an absent function: %v", err)
	}
	if got := k.NearestFunctions("tcp_retransmit_skp"); len(got) == 0 || got[0] != "tcp_retransmit_skb" {
		t.Errorf("nearest function %q", got)
	}
	agree(t, k)
	macrosAgree(t, k)
}

// macrosAgree compares the table of macros with the enumerators of a kernel: where both
// have a name, they have one value.
func macrosAgree(t *testing.T, k *Kernel) {
	t.Helper()
	var both int
	for _, e := range k.enumTypes() {
		for offset := range k.main.raw.values(e) {
			name := string(k.main.raw.text(offset))
			m, ok := Macro(k.Arch(), name)
			if !ok {
				continue
			}
			if c, ok := k.Constant(name); ok && c.Value != m.Value {
				t.Errorf("%s is %d in the table and %d in BTF", name, m.Value, c.Value)
			}
			both++
		}
	}
	t.Logf("%d names are both in the table and in BTF", both)
}

func TestRunningID(t *testing.T) {
	k := running(t)
	id, err := RunningID()
	if err != nil {
		t.Skip(err)
	}
	if len(id) < 32 || k.ID() != id {
		t.Errorf("RunningID() = %q, Kernel.ID() = %q", id, k.ID())
	}
}

// The record of every classic tracepoint can be read, and every field lies inside the
// record behind the common ones.
func TestRunningTracepoints(t *testing.T) {
	k := running(t)
	all, err := k.Tracepoints()
	if err != nil {
		t.Skip(err)
	}
	var words, fields int
	for _, event := range all {
		category, name, _ := strings.Cut(event, ":")
		live, err := k.liveFormat(category, name)
		if err != nil {
			t.Errorf("%s: %v", event, err)
			continue
		}
		for _, f := range live.Fields {
			if f.Offset < 8 || f.Name == "" || f.Type.Kind == Unknown {
				t.Errorf("%s: %+v", event, f)
			}
			fields++
			if f.Type.kernel == nil {
				words++
			}
		}
		if category == syscallCategory {
			agreeOnSyscall(t, k, name, live)
		}
	}
	t.Logf("%d tracepoints, %d fields, %d of a type that BTF lacks", len(all), fields, words)
	if len(all) < 100 {
		t.Errorf("only %d tracepoints", len(all))
	}
	if _, err := k.Tracepoint("sock", "inet_sok_set_state"); !errors.Is(err, ErrNotFound) {
		t.Errorf("an absent event: %v", err)
	}
	if got := k.NearestEvents("tcp:inet_sock_set_state"); !slices.Equal(got, []string{"sock:inet_sock_set_state"}) {
		t.Errorf("an event of another category: %q", got)
	}
}

// agreeOnSyscall compares a record of the table with the running kernel's.
func agreeOnSyscall(t *testing.T, k *Kernel, name string, live *Format) {
	t.Helper()
	complain := t.Errorf
	if !strings.HasPrefix(k.Release(), syscallsOf) { // system calls are added, and arguments renamed
		complain = t.Logf
	}
	table, err := k.Tracepoint(syscallCategory, name)
	if err != nil {
		complain("%v: make the table again", err)
		return
	}
	for i, f := range table.Fields {
		if i >= len(live.Fields) || live.Fields[i].Name != f.Name || live.Fields[i].Offset != f.Offset {
			complain("%s: the table has\n%s\nthe kernel\n%s", name, formatLines(table), formatLines(live))
			return
		}
	}
}

func BenchmarkRunning(b *testing.B) {
	running(b)
	for b.Loop() {
		if _, err := Running(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkNearestFunctions(b *testing.B) {
	k := running(b)
	for b.Loop() {
		k.NearestFunctions("tcp_retransmit_skp")
	}
}

func BenchmarkNoMember(b *testing.B) {
	k := running(b)
	task, err := k.Named("struct", "task_struct")
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := task.Member("staet"); err == nil {
			b.Fatal("found")
		}
	}
}

func BenchmarkConstant(b *testing.B) {
	k := running(b)
	for b.Loop() {
		if _, ok := k.Constant("TCP_CLOSE_WAIT"); !ok {
			b.Fatal("not found")
		}
	}
}

// A function is found by its number, and no other type is.
func TestRunningFunction(t *testing.T) {
	k := running(t)
	var f *btf.Func
	if err := k.Spec().TypeByName("vfs_read", &f); err != nil {
		t.Fatal(err)
	}
	id, err := k.Spec().TypeID(f)
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range map[uint32]string{uint32(id): "vfs_read", 0: "", 1: "", 1 << 31: ""} {
		if got, err := RunningFunction(id); err != nil || got != want {
			t.Errorf("%d is %q, %v, want %q", id, got, err, want)
		}
	}
}
