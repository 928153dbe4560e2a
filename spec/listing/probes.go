// Package listing lists what a spec can trace: of the kernel, and of a program's file.
//
// In goes a pattern as a person types it; out come probes as specs spell them, and of each
// what keeps this kernel from attaching it.
//
//	l, err := listing.List(listing.Source{Kernel: k, Arch: "amd64"}, "tcp_retransmit_*")
//	l.Probes[0] // function:tcp_retransmit_skb
//
// What decides is what a kernel lists about itself. Kinds of attachment and the few probes
// that no list judges are tried, when the caller can do that.
package listing

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/ebgen/ebgen/spec/binary"
	"github.com/ebgen/ebgen/spec/ktype"
	"github.com/ebgen/ebgen/spec/plan"
)

// Source is where probes are looked for.
type Source struct {
	Kernel *ktype.Kernel
	Arch   string // "amd64" or "arm64"
	Pid    int    // of the process whose view names of binaries mean; 0 for this one's

	// Try asks the running kernel whether a target can be attached; nil when nobody may ask,
	// as without root or for a stored kernel.
	Try func(kind plan.AttachKind, target string) error
	// Callable says why a function of a file can have no probe, or no return probe; nil when
	// all can.
	Callable func(f *binary.File, one binary.Function, ret bool) error
}

// Probe is one thing that can be traced.
type Probe struct {
	Name   string // as a spec spells it: function:tcp_retransmit_skb
	State  State
	Why    string // Refused: the reason. Attaches, of a function: why not by the cheaper way
	Whole  bool   // Refused: as all of its kind
	Module string // the kernel module that has it, or ""
}

// State says whether this kernel attaches a probe.
type State int

const (
	Unknown State = iota // it could not be asked
	Attaches
	Refused
)

// order is where a probe stands in a listing: what can be had before what cannot.
func (p Probe) order() int {
	if p.State == Refused {
		return 1
	}
	return 0
}

// Listing is the answer to a pattern.
type Listing struct {
	Probes []Probe // by kind, those that are refused last
	// Unasked says what could not be looked at, and why: the listing lacks it, or does not
	// know whether it attaches.
	Unasked []string
}

// kind is a row of what can be listed.
type kind struct {
	word string
	user bool // in a file of user space, which stands before the pattern
	also bool // another way to trace what an earlier row lists: only when it is asked for
	list func(l *lister, match func(string) bool) error
	help string
}

// kinds lists the kinds of probes in the order in which they are shown.
var kinds = []kind{
	{word: "function", list: functions("function"), help: "kernel functions"},
	{word: "kprobe", also: true, list: functions("kprobe"), help: "kernel functions, by breakpoint"},
	{word: "kretprobe", also: true, list: functions("kretprobe"), help: "returns of kernel functions"},
	{word: "fentry", also: true, list: functions("fentry"), help: "kernel functions, by trampoline"},
	{word: "fexit", also: true, list: functions("fexit"), help: "returns of kernel functions"},
	{word: "rawtracepoint", list: (*lister).rawTracepoints, help: "kernel tracepoints, typed"},
	{word: "tracepoint", list: (*lister).tracepoints, help: "kernel tracepoints, by their record"},
	{word: "syscall", list: (*lister).syscalls, help: "system calls"},
	{word: "iter", list: (*lister).iterators, help: "all objects of a kind"},
	{word: "software", list: events(plan.Software, plan.SoftwareEvents), help: "events that the kernel counts"},
	{word: "hardware", list: events(plan.Hardware, plan.HardwareEvents), help: "events that a CPU counts"},
	{word: "profile", list: fixed("profile", "hz:99", "ms:10"), help: "each CPU, at a rate"},
	{word: "interval", list: fixed("interval", "s:1"), help: "one CPU, at a rate"},
	{word: "begin", list: fixed("begin", ""), help: "the start of the tracer"},
	{word: "end", list: fixed("end", ""), help: "its end"},
	{word: "uprobe", user: true, also: true, help: "functions of a program: uprobe:BINARY:*"},
	{word: "uretprobe", user: true, also: true, help: "their returns: uretprobe:BINARY:*"},
	{word: "usdt", user: true, also: true, help: "named places of a program: usdt:BINARY:*"},
}

// Kinds lists the words that a pattern may begin with, and what each means.
func Kinds() (rows [][2]string) {
	for _, k := range kinds {
		rows = append(rows, [2]string{k.word, k.help})
	}
	return rows
}

// lister collects one listing.
type lister struct {
	Source
	out     Listing
	exact   bool // a kind or a whole name is asked for: what has no types is worth telling too
	offered map[plan.AttachKind]string
	events  []string // the classic tracepoints, once they are read
	failed  error    // why they could not be
}

// List lists what a pattern matches: KIND:NAME, or a name of any kind in the kernel, in
// which * stands for any text. Files of user space are named by their kind: uprobe:libc:*.
// The error is about the pattern, or the file that it names.
func List(s Source, pattern string) (*Listing, error) {
	l := &lister{Source: s, offered: map[plan.AttachKind]string{}}
	word, rest, cut := strings.Cut(pattern, ":")
	var chosen []kind
	for _, k := range kinds {
		if cut && (k.word == word || strings.Contains(word, "*") && !k.user && binary.Like(word, k.word)) || !cut && k.word == word && (word == "begin" || word == "end") {
			chosen = append(chosen, k)
		}
	}
	if len(chosen) == 0 { // no kind stands there
		rest = pattern
		for _, k := range kinds {
			if !k.also {
				chosen = append(chosen, k)
			}
		}
	}
	if !cut && len(chosen) == 1 { // begin, end
		rest = ""
	}
	l.exact = len(chosen) == 1 || !strings.Contains(rest, "*")
	for _, k := range chosen {
		if k.user {
			if err := l.file(plan.AttachKind(k.word), rest); err != nil {
				return nil, err
			}
			continue
		}
		if err := k.list(l, func(name string) bool { return binary.Like(rest, name) }); err != nil {
			l.unasked(k.word, err)
		}
	}
	slices.SortStableFunc(l.out.Probes, func(a, b Probe) int { return cmp.Compare(a.order(), b.order()) })
	return &l.out, nil
}

func (l *lister) add(p Probe) { l.out.Probes = append(l.out.Probes, p) }

func (l *lister) unasked(what string, err error) {
	text := fmt.Sprintf("%s: %v", what, err)
	if !slices.Contains(l.out.Unasked, text) {
		l.out.Unasked = append(l.out.Unasked, text)
	}
}

// verdict is the state of what is kept from attaching for a reason, or for none.
func (l *lister) verdict(name, why string) Probe {
	p := Probe{Name: name, State: Attaches, Why: why}
	switch {
	case why != "":
		p.State = Refused
	case !l.Kernel.Running():
		p.State = Unknown
	}
	return p
}

// try is the kernel's own verdict on one probe.
func (l *lister) try(name string, k plan.AttachKind, target string) Probe {
	if l.Try == nil {
		return Probe{Name: name}
	}
	if err := l.Try(k, target); err != nil {
		return l.verdict(name, reason(err))
	}
	return l.verdict(name, "")
}

// reason is an error without the probe that it begins with.
func reason(err error) string {
	text := err.Error()
	if _, why, ok := strings.Cut(text, ": "); ok && !strings.Contains(text[:strings.Index(text, ": ")], " ") {
		return why
	}
	return text
}

// Witness is a function that every kernel has and that can be traced in any way: what it
// is refused for, the kernel refuses all functions.
const Witness = "vfs_read"

// refusal says why the kernel refuses a kind of attachment as a whole, "" when it does not.
func (l *lister) refusal(k plan.AttachKind) string {
	why, asked := l.offered[k]
	if !asked && l.Try != nil {
		if err := l.Try(k, Witness); err != nil {
			why = reason(err)
		}
		l.offered[k] = why
	}
	return why
}

func (l *lister) rawTracepoints(match func(string) bool) error {
	usable := l.Kernel.AttachableEvents()
	for _, name := range l.Kernel.RawTracepoints() {
		if !match(name) {
			continue
		}
		why := ""
		if !usable[name] {
			why = "no program can be attached: it is for the kernel's own use"
		}
		l.add(l.verdict("rawtracepoint:"+name, why))
	}
	return nil
}

// classic lists the kernel's classic tracepoints, once.
func (l *lister) classic() ([]string, error) {
	if l.events == nil && l.failed == nil {
		l.events, l.failed = l.Kernel.Tracepoints()
	}
	return l.events, l.failed
}

func (l *lister) tracepoints(match func(string) bool) error {
	events, err := l.classic()
	if err != nil {
		return err
	}
	for _, event := range events {
		category, name, _ := strings.Cut(event, ":")
		if !match(event) && !(match(name) && category != "syscalls") { // sys_enter_X is syscall:X
			continue
		}
		why := ""
		if category == "ftrace" { // their events have no place in the code that a program could be put at
			why = "no program can be attached to records of ftrace itself"
		}
		l.add(l.verdict("tracepoint:"+event, why))
	}
	return nil
}

func (l *lister) syscalls(match func(string) bool) error {
	events, err := l.classic()
	present := map[string]bool{}
	for _, event := range events {
		if name, ok := strings.CutPrefix(event, "syscalls:sys_enter_"); ok {
			present[name] = true
		}
	}
	for _, names := range l.Kernel.Syscalls() {
		target, traced := names[0], names[1]
		for _, suffix := range []string{"", ":return"} {
			if !match(target+suffix) && !match(traced+suffix) {
				continue
			}
			p := l.verdict("syscall:"+target+suffix, "")
			switch {
			case err != nil:
				p.State = Unknown
			case !present[traced]:
				p = l.verdict(p.Name, "this kernel does not have it")
			}
			l.add(p)
		}
	}
	return nil // tracepoints say that they could not be read
}

// closed lists iterators that want to be told of which object, which no spec can say.
var closed = map[string]string{
	"bpf_map_elem":       "it iterates over a map that a program names",
	"bpf_sk_storage_map": "it iterates over a map that a program names",
	"sockmap":            "it iterates over a map that a program names",
	"cgroup":             "it iterates over a cgroup that a program names",
}

func (l *lister) iterators(match func(string) bool) error {
	for _, name := range l.Kernel.Iterators() {
		if !match(name) {
			continue
		}
		l.add(l.verdict("iter:"+name, closed[name]))
	}
	return nil
}

// events lists what the kernel or a CPU counts; whether a machine counts it, only the
// kernel can say.
func events(k plan.AttachKind, names map[string]plan.PerfEvent) func(*lister, func(string) bool) error {
	sorted := make([]string, 0, len(names))
	for name := range names {
		sorted = append(sorted, name)
	}
	slices.SortFunc(sorted, func(a, b string) int {
		return cmp.Compare(names[a].Number, names[b].Number)
	})
	return func(l *lister, match func(string) bool) error {
		for _, name := range sorted {
			if match(name) {
				l.add(l.try(string(k)+":"+name, k, name))
			}
		}
		return nil
	}
}

// fixed lists probes that every kernel has; of clocks, as examples of their spelling.
func fixed(word string, targets ...string) func(*lister, func(string) bool) error {
	return func(l *lister, match func(string) bool) error {
		for _, target := range targets {
			if match(target) {
				l.add(l.verdict(strings.TrimSuffix(word+":"+target, ":"), ""))
			}
		}
		return nil
	}
}
