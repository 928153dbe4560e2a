package attach

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/ebgen/ebgen/spec/plan"
)

// mostFunctions bounds what one pattern means: probe.MostFunctions.
const mostFunctions = 1000

// functionList is the file of tracefs that names what ftrace can stop at: nothing that is
// notrace, which is most of what kprobes refuse (Documentation/trace/ftrace.rst).
const functionList = "available_filter_functions"

// KernelFunctions lists the functions of the kernel and its modules whose names fit a
// pattern, but for a name that several of them have. An error is a *Refusal.
func KernelFunctions(k plan.AttachKind, pattern string) ([]string, error) {
	names, err := listed(pattern)
	switch {
	case err != nil:
		return nil, &Refusal{Kind: k, Target: pattern, Why: fmt.Sprintf("the list of functions cannot be read: %v", err), Err: err}
	case len(names) == 0:
		return nil, &Refusal{Kind: k, Target: pattern, Why: "this kernel has no function of such a name that can be probed", Err: unix.ENOENT}
	case len(names) > mostFunctions:
		return nil, &Refusal{Kind: k, Target: pattern, Why: fmt.Sprintf("this kernel has %d functions of such a name, and %d are the most", len(names), mostFunctions), Err: unix.E2BIG}
	}
	return names, nil
}

func listed(pattern string) ([]string, error) {
	root, err := openTracefs()
	if err != nil {
		return nil, err
	}
	defer unix.Close(root)
	fd, err := unix.Openat(root, functionList, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	file := os.NewFile(uintptr(fd), functionList)
	defer file.Close()
	return fitting(file, pattern)
}

// fitting reads lines such as "tcp_sendmsg" and "ext4_sync_file [ext4]".
func fitting(from io.Reader, pattern string) ([]string, error) {
	times := map[string]int{}
	var names []string
	lines := bufio.NewScanner(from)
	for lines.Scan() {
		name, _, _ := strings.Cut(lines.Text(), " ")
		ok, err := path.Match(pattern, name)
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		if times[name]++; times[name] == 1 {
			names = append(names, name)
		}
	}
	var once []string
	for _, name := range names {
		if times[name] == 1 {
			once = append(once, name)
		}
	}
	return once, lines.Err()
}

// Functions attaches a loaded program to functions of the kernel by their names, by one link
// where it was loaded for that, and returns to how many. cookies has a number for each that
// the program can ask for, or is nil. An error is a *Refusal.
func Functions(k plan.AttachKind, target string, sites []Site, cookies []uint64, multi bool, program *ebpf.Program) (*Link, int, error) {
	if err := Offered(k, target); err != nil {
		return nil, 0, err
	}
	attach := eachFunction
	if multi {
		attach = allFunctions
	}
	h, n, err := attach(k == plan.Kretprobe, sites, cookies, program)
	if err != nil {
		return nil, 0, Explain(k, target, err)
	}
	return &Link{kind: k, program: program, hook: h}, n, nil
}

func allFunctions(ret bool, sites []Site, cookies []uint64, program *ebpf.Program) (hook, int, error) {
	o := link.KprobeMultiOptions{Cookies: cookies}
	for _, s := range sites {
		o.Symbols = append(o.Symbols, s.Name)
	}
	attach := link.KprobeMulti
	if ret {
		attach = link.KretprobeMulti
	}
	l, err := attach(program, o)
	return l, len(sites), err
}

// eachFunction makes a kprobe for each function. One that the kernel refuses is left out;
// when it refuses all of them the last reason is given.
func eachFunction(ret bool, sites []Site, cookies []uint64, program *ebpf.Program) (hook, int, error) {
	attach := link.Kprobe
	if ret {
		attach = link.Kretprobe
	}
	var all kprobeHooks
	var last error
	for i, s := range sites {
		o := &link.KprobeOptions{}
		if cookies != nil {
			o.Cookie = cookies[i]
		}
		l, err := attach(s.Name, program, o)
		if err != nil {
			last = err
			continue
		}
		all = append(all, kprobeHook{l})
	}
	if len(all) == 0 {
		return nil, 0, last
	}
	return all, len(all), nil
}

// kprobeHooks are the kprobes of one program.
type kprobeHooks []kprobeHook

func (h kprobeHooks) Close() error {
	var all error
	for _, one := range h {
		all = errors.Join(all, one.Close())
	}
	return all
}

func (h kprobeHooks) missed() (n uint64) {
	for _, one := range h {
		n += one.missed()
	}
	return n
}
