// Package probe says what can be traced: which kinds of probes there are, what the target
// of one means on a kernel, and where a program finds its arguments there.
//
// In go the text of a probe and the types of a kernel; out come the candidates, the ways
// to attach it, best first.
//
//	found, err := probe.Find(kernel, "amd64", "function:tcp_retransmit_skb")
//	found[0].String()       // fentry:tcp_retransmit_skb
//	found[0].Params[0].Name // sk, in slot 0
//
// The checker types a spec's expressions by them; a bundle that was made for another
// kernel is held against them (package fit).
package probe

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/ebgen/ebgen/spec/ktype"
	"github.com/ebgen/ebgen/spec/plan"
	"github.com/ebgen/ebgen/spec/source"
)

// Candidate is one way to attach one probe: what the kernel passes there and where.
type Candidate struct {
	Kind        plan.AttachKind
	Target      string
	Params      []Param
	Retval      *Param
	Caller      *Param // the stack pointer of a function's caller, in user space: plan.Caller
	NoArgs      string // why there are no arguments although the function has some
	ReturnProbe string // the probe that fires at the return of the same thing, or ""
	Object      int    // plan.Attachment.Object
	Barred      string // why this kernel attaches no program there, "" when it may
}

// Param is one argument, as the kernel's BTF names and types it.
type Param struct {
	Name   string
	Kind   ktype.Type
	Plan   plan.Type
	Source plan.Source
	Why    string // why it cannot be read, when Source says nowhere
	Barred string // why the kernel takes no program of this candidate that reads it, though of another one it may
}

func (c Candidate) String() string {
	if c.Target == "" {
		return string(c.Kind)
	}
	return string(c.Kind) + ":" + c.Target
}

// Names lists the arguments in their order.
func (c Candidate) Names() []string {
	var names []string
	for _, p := range c.Params {
		names = append(names, p.Name)
	}
	return names
}

// Has reports whether there is an argument of that name.
func (c Candidate) Has(name string) bool {
	for _, p := range c.Params {
		if p.Name == name {
			return true
		}
	}
	return false
}

// kinds are the words before a probe's first colon: how a target becomes candidates,
// best first. A new kind of probe is one more row.
var kinds = map[string]struct {
	usage  string
	help   string
	find   func(k *ktype.Kernel, arch, target string) ([]Candidate, error)
	suffix bool // ":return" may follow
	target targetForm
}{
	"rawtracepoint": {"rawtracepoint:NAME", "a kernel tracepoint, with the arguments of its call", rawTracepoint, false, inKernel},
	"tracepoint":    {"tracepoint:CATEGORY:NAME", "a kernel tracepoint, with the members of its record", tracepoint, false, inKernel},
	"syscall":       {"syscall:NAME[:return]", "a system call, at its entry or return", syscall, true, inKernel},
	"kprobe":        {"kprobe:FUNCTION", "the entry of a kernel function, by a breakpoint", kprobe, false, inKernel},
	"kretprobe":     {"kretprobe:FUNCTION", "the return of a kernel function, by a breakpoint", kretprobe, false, inKernel},
	"fentry":        {"fentry:FUNCTION", "the entry of a kernel function, by a trampoline", fentry, false, inKernel},
	"fexit":         {"fexit:FUNCTION", "the return of a kernel function, by a trampoline, with its arguments", fexit, false, inKernel},
	"function":      {"function:FUNCTION[:return]", "the cheapest of fentry and kprobe, or fexit and kretprobe, that the kernel accepts", function, true, inKernel},
	"uprobe":        {"uprobe:BINARY:SYMBOL", "the entry of a function of a program or library", uprobe, false, inFile},
	"usdt":          {"usdt:BINARY:PROVIDER:NAME", "a place that a program's author has named, with arguments", usdt, false, inFile},
	"uretprobe":     {"uretprobe:BINARY:SYMBOL", "the return of a function of a program or library", uretprobe, false, inFile},
	"profile":       {"profile:hz:99", "each CPU, so many times a second", profile, false, inKernel},
	"interval":      {"interval:s:1", "one CPU, at equal times", interval, false, inKernel},
	"software":      {"software:EVENT:COUNT", "each so many times that the kernel counts something, such as page-faults", software, false, inKernel},
	"hardware":      {"hardware:EVENT:COUNT", "each so many times that a CPU counts something, such as cache-misses", hardware, false, inKernel},
	"begin":         {"begin", "once, when everything is attached", begin, false, none},
	"end":           {"end", "once, when everything is detached", end, false, none},
	"iter":          {"iter:OBJECTS", "each object there is: task, task_file, tcp", iterator, false, inKernel},
}

// targetForm is what may stand behind the word of a kind.
type targetForm int

const (
	inKernel targetForm = iota // letters, digits, _ . : and -
	inFile                     // any text that can be printed: the path of a file, a symbol of C++
	none                       // nothing
)

// foreignKinds are words that other tools and libbpf have for kinds of probes.
var foreignKinds = map[string]string{
	"kfunc": "fentry", "kretfunc": "fexit", "raw_tracepoint": "rawtracepoint", "raw_tp": "rawtracepoint", "tp_btf": "rawtracepoint",
	"tp": "tracepoint", "t": "tracepoint", "rt": "rawtracepoint", "k": "kprobe", "kr": "kretprobe", "u": "uprobe", "ur": "uretprobe",
	"span": "a key in place of probe", "U": "usdt", "p": "profile", "i": "interval", "s": "software", "h": "hardware", "perf_event": "profile", "ksyscall": "syscall",
	"f": "fentry", "fr": "fexit", "it": "iter",
}

// foreignEnds are words that others put behind a function for its start, 0, and its return, 1.
var foreignEnds = map[string]int{
	"entry": 0, "enter": 0, "start": 0, "begin": 0, "exit": 1, "end": 1, "ret": 1, "leave": 1,
}

// bothEnds is how probes at the start and at the return of a function are written.
var bothEnds = map[string][2]string{
	"syscall": {"syscall:%s", "syscall:%s:return"}, "function": {"function:%s", "function:%s:return"},
	"kprobe": {"kprobe:%s", "kretprobe:%s"}, "fentry": {"fentry:%s", "fexit:%s"}, "uprobe": {"uprobe:%s", "uretprobe:%s"},
}

// otherEnd is what a probe with one of foreignEnds is here.
func otherEnd(word, target string) (spelling string, ok bool) {
	i := strings.LastIndexByte(target, ':')
	both, known := bothEnds[word]
	if !known || i < 1 || target[i-1] == ':' { // Stack::end
		return "", false
	}
	end, ok := foreignEnds[target[i+1:]]
	return fmt.Sprintf(both[end], target[:i]), ok
}

// laterKinds are bpftrace's probes that this version does not have.
var laterKinds = map[string]bool{
	"watchpoint": true, "lsm": true,
}

// Kinds lists the usage and help of every kind of probe, sorted.
func Kinds() [][2]string {
	var list [][2]string
	for _, k := range kinds {
		list = append(list, [2]string{k.usage, k.help})
	}
	sort.Slice(list, func(i, j int) bool { return list[i][0] < list[j][0] })
	return list
}

// Misspelled says that a text names a probe on no kernel.
type Misspelled struct{ Message, Hint string }

func (e *Misspelled) Error() string { return e.Message }

// Find says what a probe such as function:tcp_retransmit_skb means on a kernel: its
// candidates, best first, or why there are none. arch is "amd64" or "arm64". A text that
// is wrong on every kernel gives a *Misspelled.
func Find(k *ktype.Kernel, arch, text string) ([]Candidate, error) {
	word, target, _ := strings.Cut(text, ":")
	kind, ok := kinds[word]
	instead, foreign := otherEnd(word, target)
	wrong := func(hint, format string, args ...any) ([]Candidate, error) {
		return nil, &Misspelled{fmt.Sprintf(format, args...), hint}
	}
	switch {
	case text == "":
		return wrong("write KIND:TARGET, such as function:tcp_retransmit_skb", "a probe is wanted, found nothing")
	case !ok && laterKinds[word]:
		return wrong("", "%s probes are not in this ebgen yet", word)
	case !ok:
		known := slices.Sorted(maps.Keys(kinds))
		hint := "one of " + strings.Join(known, ", ")
		if same := foreignKinds[word]; same != "" {
			hint = "it is " + same + " here"
		} else if name, ok := strings.CutPrefix(text, "sys_enter_"); ok {
			hint = "syscall:" + name
		} else if name, ok := strings.CutPrefix(text, "sys_exit_"); ok {
			hint = "syscall:" + name + ":return"
		} else if near := ktype.Nearest(word, known); len(near) > 0 {
			hint = "did you mean " + source.OrList(near) + "?"
		}
		return wrong(hint, "no kind of probe is named %q", word)
	case foreign:
		return wrong(instead, "%s is not how an end of a function is written", text[strings.LastIndexByte(text, ':'):])
	case kind.target == none && target != "":
		return wrong("", "%s has no target", word)
	case kind.target != none && target == "":
		return wrong(kind.usage+": "+kind.help, "%s wants a target", word)
	case kind.target == inFile && !printable(target):
		return wrong("", "%q is no path and symbol: it has characters that cannot be printed", target)
	case kind.target == inKernel && !spelled(target) && !(patterned[word] && spelled(strings.ReplaceAll(target, "*", ""))):
		hint := ""
		if strings.ContainsAny(target, "*?[") {
			hint = "* is for functions: kprobe, kretprobe, function"
		}
		return wrong(hint, "%q is no target: letters, digits, _ . and - make one", target)
	case strings.HasSuffix(target, ":return") && !kind.suffix:
		hint := "function:NAME:return fires at the return of a function"
		if both, ok := bothEnds[word]; ok {
			hint = fmt.Sprintf(both[1], strings.TrimSuffix(target, ":return"))
		}
		return wrong(hint, "%s has no :return", word)
	}
	return kind.find(k, arch, target)
}

// spelled reports whether a target holds only what names in the kernel hold, so that
// nothing else reaches the generated C.
func spelled(target string) bool {
	return strings.Trim(target, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.:-") == ""
}

// printable reports whether a target is text of one line.
func printable(target string) bool {
	return utf8.ValidString(target) && !strings.ContainsFunc(target, func(r rune) bool { return !unicode.IsPrint(r) })
}

func rawTracepoint(k *ktype.Kernel, _, name string) ([]Candidate, error) {
	sig, err := k.RawTracepoint(name)
	if err != nil {
		return nil, err
	}
	return []Candidate{{Kind: plan.RawTracepoint, Target: name, Params: slots(sig)}}, nil
}

// slots places arguments as raw tracepoints, fentry and fexit pass them: 8 bytes each.
// A struct by value takes one slot for each 8 bytes (btf_distill_func_proto and
// bpf_trampoline.c, 6.0; kernels before refuse such functions).
func slots(sig *ktype.Signature) []Param {
	params, next := []Param{}, 0
	for _, p := range sig.Params {
		one := newParam(p)
		if one.Why == "" {
			one.Source = plan.Source{From: plan.Slot, Index: next}
		}
		params = append(params, one)
		next += max(1, (p.Type.Size+7)/8)
	}
	return params
}

func newParam(p ktype.Param) Param {
	one := Param{Name: p.Name, Kind: p.Type, Plan: PlanType(p.Type)}
	if !Scalar(p.Type) {
		one.Why = p.Type.String() + " is passed by value"
	}
	return one
}

func kprobe(k *ktype.Kernel, arch, name string) ([]Candidate, error) {
	if strings.Contains(name, "*") {
		return pattern(k, arch, name)
	}
	sig, err := k.Function(name)
	if err != nil {
		return nil, err
	}
	c := Candidate{Kind: plan.Kprobe, Target: name, ReturnProbe: "kretprobe:" + name}
	next := 0
	for _, p := range sig.Params {
		one := newParam(p)
		switch {
		case one.Why != "":
		case next >= ktype.Registers[arch]:
			one.Why = fmt.Sprintf("a kprobe sees the %d arguments in registers, this one is on the stack", ktype.Registers[arch])
		default:
			one.Source = plan.Source{From: plan.Register, Index: next}
		}
		c.Params = append(c.Params, one)
		if p.Type.Size <= 16 { // a larger struct lies on the stack
			next += max(1, (p.Type.Size+7)/8)
		}
	}
	return []Candidate{c}, nil
}

func kretprobe(k *ktype.Kernel, arch, name string) ([]Candidate, error) {
	if strings.Contains(name, "*") {
		return patternReturn(k, arch, name)
	}
	sig, err := k.Function(name)
	if err != nil {
		return nil, err
	}
	c := Candidate{Kind: plan.Kretprobe, Target: name}
	c.Retval = result(sig, plan.Source{From: plan.Return})
	if len(sig.Params) > 0 {
		c.NoArgs = "the registers that held the arguments are overwritten by the time a kretprobe fires"
	}
	return []Candidate{c}, nil
}

func result(sig *ktype.Signature, from plan.Source) *Param {
	if sig.Void || !Scalar(sig.Return) {
		return nil
	}
	return &Param{Name: "retval", Kind: sig.Return, Plan: PlanType(sig.Return), Source: from}
}

// trampolined is slots with the pointers barred that the verifier lets no fentry or fexit
// program load: those to pointers, enums and functions, and up to Linux 5.16 those to
// integers of more than a byte (btf_ctx_access, kernel/bpf/btf.c; commit bb6728d75611).
func trampolined(k *ktype.Kernel, sig *ktype.Signature) []Param {
	params := slots(sig)
	for i := range params {
		if t := params[i].Kind; t.Kind == ktype.Pointer && !loadable(k, t.Elem()) {
			params[i].Barred = "this kernel's verifier does not admit " + t.String() + " there"
		}
	}
	return params
}

func loadable(k *ktype.Kernel, t ktype.Type) bool {
	switch t.Kind {
	case ktype.Int, ktype.Bool:
		return t.Size == 1 || k.Release() == "" || ktype.CompareReleases(k.Release(), "5.17") >= 0
	case ktype.Pointer, ktype.Enumer, ktype.Func:
		return false
	}
	return true
}

func fentry(k *ktype.Kernel, _, name string) ([]Candidate, error) {
	sig, err := k.Function(name)
	if err != nil {
		return nil, err
	}
	barred, _ := k.Trampoline(name)
	return []Candidate{{Kind: plan.Fentry, Target: name, Params: trampolined(k, sig), ReturnProbe: "fexit:" + name, Barred: barred}}, nil
}

func fexit(k *ktype.Kernel, _, name string) ([]Candidate, error) {
	sig, err := k.Function(name)
	if err != nil {
		return nil, err
	}
	used := 0
	for _, p := range sig.Params {
		used += max(1, (p.Type.Size+7)/8)
	}
	_, barred := k.Trampoline(name)
	return []Candidate{{Kind: plan.Fexit, Target: name, Params: trampolined(k, sig), Retval: result(sig, plan.Source{From: plan.Slot, Index: used}), Barred: barred}}, nil
}

// function is fentry, else kprobe; a trampoline costs about a tenth of a breakpoint.
func function(k *ktype.Kernel, arch, target string) ([]Candidate, error) {
	name, atReturn := strings.CutSuffix(target, ":return")
	switch {
	case strings.Contains(name, "*") && atReturn:
		return patternReturn(k, arch, name)
	case strings.Contains(name, "*"):
		found, err := pattern(k, arch, name)
		if err == nil {
			found[0].ReturnProbe = "function:" + name + ":return"
		}
		return found, err
	}
	first, second := fentry, kprobe
	if atReturn {
		first, second = fexit, kretprobe
	}
	a, err := first(k, arch, name)
	if err != nil {
		return nil, err
	}
	b, err := second(k, arch, name)
	if err != nil {
		return nil, err
	}
	if !atReturn {
		a[0].ReturnProbe = "function:" + name + ":return"
		b[0].ReturnProbe = a[0].ReturnProbe
	}
	return append(a, b...), nil
}

func tracepoint(k *ktype.Kernel, _, target string) ([]Candidate, error) {
	category, name, ok := strings.Cut(target, ":")
	if !ok {
		wrong := &Misspelled{Message: "a tracepoint is named CATEGORY:NAME"}
		if near := k.NearestEvents(":" + target); len(near) > 0 {
			for i := range near {
				near[i] = "tracepoint:" + near[i]
			}
			wrong.Hint = "did you mean " + source.OrList(near) + "?"
		}
		return nil, wrong
	}
	format, err := k.Tracepoint(category, name)
	if err != nil {
		return nil, err
	}
	c := Candidate{Kind: plan.Tracepoint, Target: target}
	for _, f := range format.Fields {
		c.Params = append(c.Params, recordMember(f))
	}
	return []Candidate{c}, nil
}

// recordMember is a member of a tracepoint's record, loaded from the context. Text of
// any length is found through a __data_loc word (include/trace/stages).
func recordMember(f ktype.FormatField) Param {
	p := Param{Name: f.Name, Kind: f.Type, Plan: PlanType(f.Type)}
	switch {
	case f.Dynamic:
		p.Source = plan.Source{From: plan.Dynamic, Index: f.Offset, Size: 4}
		p.Plan = plan.Type{Kind: plan.Pointer, Size: 8, Elem: plan.Int, ElemSize: 1}
	case f.Type.Kind == ktype.Array:
		p.Source, p.Plan = plan.Source{From: plan.Within, Index: f.Offset}, PointerTo(f.Type.Elem())
	case Scalar(f.Type):
		p.Source = plan.Source{From: plan.Context, Index: f.Offset, Size: f.Size}
	default:
		p.Why = f.Type.String() + " is kept by value"
	}
	return p
}

// unknownSyscall is err of a system call that some kernel has, else a *Misspelled.
func unknownSyscall(name string, err error) error {
	var missing *ktype.NotFound
	if ktype.IsSyscall(name) || !errors.As(err, &missing) {
		return err
	}
	wrong := &Misspelled{Message: fmt.Sprintf("no system call is named %q", name)}
	if near := missing.Nearest(); len(near) > 0 {
		wrong.Hint = "did you mean " + source.OrList(near) + "?"
	}
	return wrong
}

func syscall(k *ktype.Kernel, _, target string) ([]Candidate, error) {
	name, atReturn := strings.CutSuffix(target, ":return")
	sig, err := k.Syscall(name)
	if err != nil {
		return nil, unknownSyscall(name, err)
	}
	// struct syscall_trace_enter and _exit, kernel/trace/trace.h: 8 bytes of struct
	// trace_entry, int nr, padding, then unsigned long args[] or long ret.
	// The signature's name is the tracepoint's: uname(2) is traced as newuname.
	const first = 16
	c := Candidate{Kind: plan.Tracepoint, Target: "syscalls:sys_enter_" + sig.Name, ReturnProbe: "syscall:" + name + ":return"}
	if atReturn {
		c.Target, c.ReturnProbe = "syscalls:sys_exit_"+sig.Name, ""
		c.Retval = &Param{Name: "retval", Kind: sig.Return, Plan: PlanType(sig.Return), Source: plan.Source{From: plan.Context, Index: first, Size: 8}}
		c.Retval.Plan.Meaning = plan.Errno
		c.NoArgs = "a system call's return has no arguments"
		return []Candidate{c}, nil
	}
	for i, p := range sig.Params {
		one := newParam(p)
		one.Source = plan.Source{From: plan.Context, Index: first + 8*i, Size: 8}
		c.Params = append(c.Params, one)
	}
	return []Candidate{c}, nil
}
