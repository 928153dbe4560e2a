package attach

import (
	"errors"
	"os"
	"slices"
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
		{plan.Profile, "hz:99", ebpf.ProgramSpec{Type: ebpf.PerfEvent}},
		{plan.Interval, "ms:10", ebpf.ProgramSpec{Type: ebpf.PerfEvent}},
		{plan.Software, "context-switches:100", ebpf.ProgramSpec{Type: ebpf.PerfEvent}},
		{plan.Begin, "", ebpf.ProgramSpec{Type: ebpf.RawTracepoint}},
		{plan.End, "", ebpf.ProgramSpec{Type: ebpf.RawTracepoint}},
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
				if err := l.Run(nil); err != nil {
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
		{plan.Profile, "min:1", ebpf.ProgramSpec{Type: ebpf.PerfEvent}, `profile:min:1: "min:1" is not a time`, nil},
		{plan.Software, "cgroup-switchs", ebpf.ProgramSpec{Type: ebpf.PerfEvent}, `software:cgroup-switchs: there is no event "cgroup-switchs"`, nil},
		{plan.Uprobe, "bash:main", ebpf.ProgramSpec{Type: ebpf.Kprobe}, "uprobe:bash:main: a probe of user space is attached to its sites", nil},
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

// A machine that does not count in hardware says so, one that does attaches.
func TestHardware(t *testing.T) {
	l, err := To(plan.Hardware, "cpu-cycles:1000003", empty(t, ebpf.ProgramSpec{Type: ebpf.PerfEvent}))
	if err == nil {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		return
	}
	const want = "hardware:cpu-cycles:1000003: this machine does not count cpu-cycles:1000003 (E"
	if !strings.HasPrefix(err.Error(), want) {
		t.Errorf("the refusal is %v", err)
	}
}

// What a CPU may have at most is told before the kernel is asked.
func TestMaxRate(t *testing.T) {
	if err := belowMaxRate(plan.Sampling{Frequency: 1 << 40}); err == nil || !strings.Contains(err.Error(), "1099511627776 times a second are more than kernel.perf_event_max_sample_rate allows (") {
		t.Errorf("a frequency: %v", err)
	}
	if err := belowMaxRate(plan.Sampling{Period: 1}); err == nil {
		t.Error("a period of 1 ns is allowed")
	}
	if err := belowMaxRate(plan.Sampling{Event: "page-faults", Period: 1}); err != nil {
		t.Errorf("each of an event: %v", err)
	}
}

func TestParseCPUs(t *testing.T) {
	for list, want := range map[string][]int{"0": {0}, "0-3,5": {0, 1, 2, 3, 5}, "2,4-5": {2, 4, 5}} {
		if got, err := parseCPUs(list); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %v, %v", list, got, err)
		}
	}
	for _, list := range []string{"", "a", "3-1", "1-", "0,,1"} {
		if got, err := parseCPUs(list); err == nil {
			t.Errorf("%q: %v", list, got)
		}
	}
}
