package attach

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"

	"github.com/ebgen/ebgen/spec/plan"
)

// empty loads a program that does nothing, or skips.
func empty(t *testing.T, spec ebpf.ProgramSpec) *ebpf.Program {
	t.Helper()
	spec.License = "GPL"
	spec.Instructions = asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()}
	p, err := ebpf.NewProgram(&spec)
	if errors.Is(err, unix.EPERM) && os.Getenv("EBGEN_VM") == "" {
		t.Skipf("not allowed to load %v here: %v", spec.Type, err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

func descriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// What is attached can be closed twice and leaves nothing open.
func TestAttachAndClose(t *testing.T) {
	for _, test := range []struct {
		kind   plan.AttachKind
		target string
		spec   ebpf.ProgramSpec
	}{
		{plan.RawTracepoint, "sys_enter", ebpf.ProgramSpec{Type: ebpf.RawTracepoint}},
		{plan.Tracepoint, "syscalls:sys_enter_getpgid", ebpf.ProgramSpec{Type: ebpf.TracePoint}},
		{plan.Iterator, "task", ebpf.ProgramSpec{Type: ebpf.Tracing, AttachType: ebpf.AttachTraceIter, AttachTo: "task"}},
		{plan.Fentry, "vfs_read", ebpf.ProgramSpec{Type: ebpf.Tracing, AttachType: ebpf.AttachTraceFEntry, AttachTo: "vfs_read"}},
		{plan.Fexit, "vfs_read", ebpf.ProgramSpec{Type: ebpf.Tracing, AttachType: ebpf.AttachTraceFExit, AttachTo: "vfs_read"}},
		{plan.Kprobe, "vfs_read", ebpf.ProgramSpec{Type: ebpf.Kprobe}},
		{plan.Kretprobe, "vfs_read", ebpf.ProgramSpec{Type: ebpf.Kprobe}},
	} {
		t.Run(string(test.kind), func(t *testing.T) {
			if err := Offered(test.kind, test.target); err != nil {
				if os.Getenv("EBGEN_VM") != "" {
					t.Fatal(err)
				}
				t.Skip(err)
			}
			// The first attachment leaves what the library's feature tests keep. Linux 5.10
			// attaches a tracing program only once, so each has a program of its own.
			for range 2 {
				p := empty(t, test.spec)
				before := descriptors(t)
				l, err := To(test.kind, test.target, p)
				if err != nil {
					t.Fatal(err)
				}
				if err := l.Run(); err != nil {
					t.Error(err)
				}
				for range 2 {
					if err := l.Close(); err != nil {
						t.Error(err)
					}
				}
				if after := descriptors(t); after != before {
					t.Errorf("%d descriptors before, %d after", before, after)
				}
			}
		})
	}
}

// A refusal says why in words and keeps the kernel's error.
func TestRefusals(t *testing.T) {
	for _, test := range []struct {
		kind   plan.AttachKind
		target string
		spec   ebpf.ProgramSpec
		want   string // its beginning
		err    error
	}{
		{plan.RawTracepoint, "nonsuch", ebpf.ProgramSpec{Type: ebpf.RawTracepoint}, "rawtracepoint:nonsuch: this kernel has no tracepoint nonsuch,", unix.ENOENT},
		{plan.Tracepoint, "no:such", ebpf.ProgramSpec{Type: ebpf.TracePoint}, "tracepoint:no:such: this kernel has no tracepoint no:such,", unix.ENOENT},
		{plan.Tracepoint, "sched", ebpf.ProgramSpec{Type: ebpf.TracePoint}, `tracepoint:sched: a tracepoint is written category:name, not "sched"`, nil},
		{plan.Tracepoint, "../..:id", ebpf.ProgramSpec{Type: ebpf.TracePoint}, "tracepoint:../..:id: a tracepoint is written category:name", nil},
		{plan.AttachKind("smoke"), "signal", ebpf.ProgramSpec{Type: ebpf.TracePoint}, "smoke:signal: this ebgen does not know the kind", nil},
	} {
		_, err := To(test.kind, test.target, empty(t, test.spec))
		var r *Refusal
		if !errors.As(err, &r) || !strings.HasPrefix(r.Error(), test.want) {
			t.Errorf("%s:%s: got %v, want %s…", test.kind, test.target, err, test.want)
		}
		if test.err != nil && !errors.Is(err, test.err) {
			t.Errorf("%s:%s: %v is not %v", test.kind, test.target, err, test.err)
		}
	}
}

func TestNoKprobes(t *testing.T) {
	_, err := os.Stat(kprobePMU)
	offered := Offered(plan.Kprobe, "vfs_read")
	if (err == nil) != (offered == nil) {
		t.Errorf("kprobe PMU: %v; offered: %v", err, offered)
	}
	if offered != nil && offered.Error() != "kprobe:vfs_read: this kernel is built without kprobes (CONFIG_KPROBE_EVENTS)" {
		t.Errorf("the refusal is %v", offered)
	}
}
