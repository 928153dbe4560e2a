package attach

import (
	"cmp"
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/features"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/ebgen/ebgen/spec/binary"
	"github.com/ebgen/ebgen/spec/plan"
)

// uprobePMU is there when the kernel offers uprobes as perf events: CONFIG_UPROBE_EVENTS,
// Linux 4.17 (kernel/events/core.c, perf_uprobe).
const uprobePMU = "/sys/bus/event_source/devices/uprobe/type"

var uprobeCauses = []cause{
	{enotsupp, "an instruction of TARGET cannot be probed: a breakpoint is there already"},
	{unix.ENOEXEC, "an instruction of TARGET cannot be probed (ENOEXEC)"},
	{unix.EIO, "the file system of TARGET keeps no pages that could hold a breakpoint (EIO)"},
	{unix.EPERM, "the kernel refuses uprobes (EPERM); see kernel.perf_event_paranoid and lockdown"},
	{unix.EACCES, "the kernel refuses uprobes (EACCES): before Linux 6.6 they take CAP_SYS_ADMIN; or the file cannot be read"},
	{unix.ESRCH, "the process has ended"},
	{unix.EMFILE, "a perf event for each place takes more open files than this process may have (EMFILE); see ulimit -n"},
}

var errNoUprobes = errors.New("this kernel is built without uprobes (CONFIG_UPROBE_EVENTS)")

// haveUprobes looks before the library does: where the PMU is missing it goes on to
// tracefs and reports that as the trouble.
func haveUprobes() error {
	if _, err := os.Stat(uprobePMU); errors.Is(err, os.ErrNotExist) {
		return errNoUprobes
	}
	return nil
}

// Place is where a probe of user space lies.
type Place struct {
	Path  string // of the file, as this process can open it
	Go    bool   // whether functions of the file take their arguments as Go's do
	Sites []Site // at least one
}

// Site is one instruction of a file at which a program runs.
type Site struct {
	Name      string // the function, demangled, or the probe of a USDT
	Offset    uint64 // in the file
	Semaphore uint64 // offset in the file of the u16 that the kernel holds above 0 meanwhile; 0 for none
	Address   uint64 // as the file's own addresses go
	Args      []binary.Arg
}

// machines says which files run here.
var machines = map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}

// Locate finds the file of a target in user space and the sites in it. A pid other than 0
// says in whose file system and mappings. An error is a *Refusal.
func Locate(k plan.AttachKind, target string, pid int) (*Place, error) {
	p, err := locate(k, target, pid)
	if err != nil {
		return nil, &Refusal{Kind: k, Target: target, Why: err.Error(), Err: err}
	}
	return p, nil
}

func locate(k plan.AttachKind, target string, pid int) (_ *Place, err error) {
	name, what, ok := strings.Cut(target, ":")
	if !ok {
		return nil, fmt.Errorf("%q does not say what to trace in the file", target)
	}
	path, err := binary.Find(name, pid)
	if err != nil {
		return nil, err
	}
	f, err := binary.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if ours := machines[runtime.GOARCH]; f.Machine() != ours {
		return nil, fmt.Errorf("%s is for another architecture: %v, this machine is %v", path, f.Machine(), ours)
	}
	p := &Place{Path: path, Go: f.Go()}
	if k == plan.USDT {
		p.Sites, err = notes(f, what)
		return p, err
	}
	if k == plan.Uretprobe && f.Go() {
		return nil, errors.New("it is a Go program, which ends when its return addresses are changed: the Go runtime reads them when it moves a stack. Trace the entry, or the function's callers")
	}
	functions, err := f.Functions(what)
	if err == nil {
		functions, err = called(functions, k == plan.Uretprobe, strings.Contains(what, "*"))
	}
	if err != nil {
		return nil, err
	}
	for _, one := range functions {
		p.Sites = append(p.Sites, Site{Name: cmp.Or(one.Demangled, one.Name), Offset: one.Offset, Address: one.Address})
	}
	return p, nil
}

// notes returns the sites of a USDT probe, PROVIDER:NAME, or NAME alone where only one
// provider has it.
func notes(f *binary.File, what string) ([]Site, error) {
	provider, name, ok := strings.Cut(what, ":")
	if !ok {
		provider, name = "", what
	}
	probes, err := f.Probes()
	if err != nil {
		return nil, err
	}
	var providers, same []string
	var sites []Site
	for _, p := range probes {
		if p.Provider == provider {
			same = append(same, p.Name)
		}
		if p.Name != name || ok && p.Provider != provider {
			continue
		}
		providers = append(providers, p.Provider)
		for _, s := range p.Sites {
			sites = append(sites, Site{Name: p.Provider + ":" + p.Name, Offset: s.Offset, Semaphore: s.Semaphore, Address: s.Address, Args: s.Args})
		}
	}
	slices.Sort(providers)
	slices.Sort(same)
	switch providers = slices.Compact(providers); {
	case len(probes) == 0:
		return nil, fmt.Errorf("%s has no USDT probes", f.Path())
	case len(providers) > 1:
		return nil, fmt.Errorf("several providers have a probe %s: %s", name, strings.Join(providers, " "))
	case len(sites) > 0:
		return sites, nil
	case len(same) > 0:
		return nil, fmt.Errorf("%s has no USDT probe %s; %s has %s", f.Path(), what, provider, strings.Join(same, " "))
	}
	return nil, fmt.Errorf("%s has no USDT probe %s", f.Path(), what)
}

// Multi reports whether one link can hold a program at many sites (Linux 6.6). Its program
// must be loaded for that (ebpf.AttachTraceUprobeMulti).
func Multi() bool { return features.HaveBPFLinkUprobeMulti() == nil }

// Cookies reports whether a program can ask at which site it runs (bpf_get_attach_cookie,
// Linux 5.15).
func Cookies() bool { return features.HaveProgramHelper(ebpf.Kprobe, asm.FnGetAttachCookie) == nil }

// Options say how a program is attached to sites.
type Options struct {
	Pid     int      // the one process in which it runs; 0 for all, also those that begin later
	Multi   bool     // it was loaded for one link at many sites
	Cookies []uint64 // what it can ask for, a number for each site; or nil
}

// At attaches a loaded program to sites of a file. An error is a *Refusal.
//
// A return probe hit 64 levels deep in one thread is not followed by the kernel, which
// does not count it (MAX_URETPROBE_DEPTH, include/linux/uprobes.h, Linux 6.18).
func At(k plan.AttachKind, target string, path string, sites []Site, o Options, program *ebpf.Program) (*Link, error) {
	if err := Offered(k, target); err != nil {
		return nil, err
	}
	file, err := link.OpenExecutable(path)
	if err != nil {
		return nil, Explain(k, target, err)
	}
	attach := eachSite
	if o.Multi {
		attach = allSites
	}
	h, err := attach(file, k == plan.Uretprobe, sites, o, program)
	if err != nil {
		return nil, Explain(k, target, err)
	}
	return &Link{kind: k, program: program, hook: h}, nil
}

// eachSite makes a perf event for each site. The kernel removes the breakpoints again in
// the order in which they are closed, waiting for each: many take their time.
func eachSite(file *link.Executable, ret bool, sites []Site, o Options, program *ebpf.Program) (hook, error) {
	attach := file.Uprobe
	if ret {
		attach = file.Uretprobe
	}
	var all hooks
	for i, s := range sites {
		one := &link.UprobeOptions{Address: s.Offset, PID: o.Pid, RefCtrOffset: s.Semaphore}
		if o.Cookies != nil {
			one.Cookie = o.Cookies[i]
		}
		l, err := attach("", program, one)
		if err != nil {
			return nil, errors.Join(err, all.Close())
		}
		all = append(all, l)
	}
	return all, nil
}

// allSites makes one link.
func allSites(file *link.Executable, ret bool, sites []Site, o Options, program *ebpf.Program) (hook, error) {
	attach := file.UprobeMulti
	if ret {
		attach = file.UretprobeMulti
	}
	all := &link.UprobeMultiOptions{PID: uint32(o.Pid), Cookies: o.Cookies}
	counted := slices.ContainsFunc(sites, func(s Site) bool { return s.Semaphore != 0 })
	for _, s := range sites {
		all.Addresses = append(all.Addresses, s.Offset)
		if counted {
			all.RefCtrOffsets = append(all.RefCtrOffsets, s.Semaphore)
		}
	}
	return kernelLink(attach(nil, program, all))
}

// noSites is what To gives for a target whose sites nobody has located.
func noSites(string, *ebpf.Program) (hook, error) {
	return nil, errors.New("a probe of user space is attached to its sites")
}
