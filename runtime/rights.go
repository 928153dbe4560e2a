package runtime

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/ebgen/ebgen/spec/plan"
)

// RightsError is a process that may not trace. Its text is one line that ends in the
// command to type.
type RightsError struct {
	Missing []string // capabilities, as capabilities(7) writes them
	Needed  []string // these and those that are there: setcap(8) takes away what it does not name
	Command string   // the running program's file
}

// Error names what is missing and how to get it.
func (e *RightsError) Error() string {
	return fmt.Sprintf("tracing needs %s: run it with sudo, or grant it once: sudo setcap %s+ep %s",
		strings.Join(e.Missing, ", "), strings.ToLower(strings.Join(e.Needed, ",")), e.Command)
}

// capability is one bit of a capability set (include/uapi/linux/capability.h).
type capability struct {
	bit  int
	name string
}

var (
	dacReadSearch = capability{2, "CAP_DAC_READ_SEARCH"}
	sysAdmin      = capability{21, "CAP_SYS_ADMIN"}
	perfmon       = capability{38, "CAP_PERFMON"}
	bpf           = capability{39, "CAP_BPF"}
)

// splitSince is the kernel that took CAP_BPF and CAP_PERFMON out of CAP_SYS_ADMIN, which
// still includes them (commits 2c78ee898d8f and 980737282232).
var splitSince = version{5, 8}

// administer reports whether this process has CAP_SYS_ADMIN, without which there are no perf
// events of uprobes (commit ba677dbe77af, "perf: Revert to requiring CAP_SYS_ADMIN for
// uprobes"), while links at many sites ask for no more than the program did.
func administer() bool {
	status, err := os.ReadFile("/proc/self/status")
	return err != nil || effective(string(status))>>sysAdmin.bit&1 == 1
}

// checkRights compares the effective capabilities with what the plan needs. The sysctl
// kernel.unprivileged_bpf_disabled is of no interest: whatever it says, no tracing
// program loads without these (bpf_prog_load, kernel/bpf/syscall.c).
func checkRights(p *plan.Plan) error {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return nil // without /proc the kernel's own answer must do
	}
	kernel := runningKernel()
	missing := missingRights(p, effective(string(status)), kernel)
	if len(missing) == 0 {
		return nil
	}
	command, err := os.Executable()
	if err != nil {
		command = os.Args[0]
	}
	return &RightsError{Missing: missing, Needed: missingRights(p, 0, kernel), Command: command}
}

// effective reads the set of effective capabilities from the text of proc_pid_status(5).
func effective(status string) uint64 {
	for line := range strings.Lines(status) {
		if digits, ok := strings.CutPrefix(line, "CapEff:"); ok {
			set, _ := strconv.ParseUint(strings.TrimSpace(digits), 16, 64)
			return set
		}
	}
	return 0
}

// Rights lists the capabilities that a plan needs, as capabilities(7) writes them, on
// kernels since 5.8.
func Rights(p *plan.Plan) []string { return missingRights(p, 0, splitSince) }

// missingRights names the capabilities that a plan needs and the set lacks.
func missingRights(p *plan.Plan, set uint64, kernel version) []string {
	has := func(c capability) bool { return set>>c.bit&1 == 1 }
	if has(sysAdmin) {
		return nil
	}
	if kernel.before(splitSince) {
		return []string{sysAdmin.name}
	}
	need := []capability{bpf, perfmon}
	if needsTracefs(p) {
		need = append(need, dacReadSearch) // the mounted tracefs is root's alone
	}
	var missing []string
	for _, c := range need {
		if !has(c) {
			missing = append(missing, c.name)
		}
	}
	return missing
}

// needsTracefs reports whether some probe can only be a tracepoint.
func needsTracefs(p *plan.Plan) bool {
	for i := range p.Probes {
		only := len(p.Probes[i].Alternatives) > 0
		for j := range p.Probes[i].Alternatives {
			only = only && p.Probes[i].Alternatives[j].Kind == plan.Tracepoint
		}
		if only {
			return true
		}
	}
	return false
}

// memcgSince is the kernel that charges BPF memory to the memory cgroup; older ones
// count it as locked memory, of which the usual limit allows 64 KiB.
var memcgSince = version{5, 11}

// raiseMemlock lifts the limit on locked memory where it matters. Failure is not fatal:
// the limit may suffice.
func raiseMemlock(verbose func(string, ...any)) {
	if !runningKernel().before(memcgSince) {
		return
	}
	all := unix.Rlimit{Cur: unix.RLIM_INFINITY, Max: unix.RLIM_INFINITY}
	if err := unix.Setrlimit(unix.RLIMIT_MEMLOCK, &all); err != nil {
		verbose("cannot raise RLIMIT_MEMLOCK: %v", err)
	}
}

// ringbufSince is the kernel that brought the BPF ring buffer.
var ringbufSince = version{5, 8}

// explainMaps puts an error of creating the maps into words where its cause is known.
func explainMaps(p *plan.Plan, err error) error {
	kernel := runningKernel()
	switch {
	case p.Channel.Kind == plan.Ringbuf && kernel.before(ringbufSince):
		return fmt.Errorf("the ring buffer needs Linux %v, this is %v: use channel: perfbuf (%w)", ringbufSince, kernel, err)
	case errors.Is(err, unix.EPERM) && kernel.before(memcgSince):
		return fmt.Errorf("create the maps: RLIMIT_MEMLOCK is too low, try ulimit -l unlimited (%w)", err)
	case errors.Is(err, unix.EPERM) && inUserNamespace():
		return fmt.Errorf("create the maps: the capabilities of a user namespace do not count for BPF, run it outside the container or with a BPF token (%w)", err)
	}
	return fmt.Errorf("create the maps: %w", err)
}

// inUserNamespace reports whether root here is not root of the machine: only the
// initial namespace maps every id onto itself (user_namespaces(7)).
func inUserNamespace() bool {
	ids, err := os.ReadFile("/proc/self/uid_map")
	return err == nil && strings.Join(strings.Fields(string(ids)), " ") != "0 0 4294967295"
}

// version is a kernel's version, as far as features depend on it.
type version struct{ major, minor int }

func (v version) before(o version) bool {
	return v.major < o.major || v.major == o.major && v.minor < o.minor
}

func (v version) String() string { return fmt.Sprintf("%d.%d", v.major, v.minor) }

// runningKernel reads the version from uname(2); what cannot be read is no obstacle, so
// it counts as new.
func runningKernel() version {
	newest := version{major: 1 << 30}
	var name unix.Utsname
	if unix.Uname(&name) != nil {
		return newest
	}
	var v version
	if _, err := fmt.Sscanf(unix.ByteSliceToString(name.Release[:]), "%d.%d", &v.major, &v.minor); err != nil {
		return newest
	}
	return v
}
