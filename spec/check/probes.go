package check

import (
	"fmt"
	"sort"
	"strconv"
	"strings"

	"github.com/ebgen/ebgen/spec"
	"github.com/ebgen/ebgen/spec/ktype"
	"github.com/ebgen/ebgen/spec/plan"
	"github.com/ebgen/ebgen/spec/source"
)

// candidate is one way to attach one probe: what the kernel passes there and where.
type candidate struct {
	kind        plan.AttachKind
	target      string
	params      []param
	retval      *param
	noArgs      string // why there are no arguments although the function has some
	returnProbe string // the probe that fires at the return of the same thing, or ""
}

// param is one argument, as the kernel's BTF names and types it.
type param struct {
	name   string
	kind   ktype.Type
	plan   plan.Type
	source plan.Source
	why    string // why it cannot be read, when source says nowhere
}

func (c candidate) String() string { return string(c.kind) + ":" + c.target }

func (c candidate) names() []string {
	var names []string
	for _, p := range c.params {
		names = append(names, p.name)
	}
	return names
}

func (c candidate) has(name string) bool {
	for _, p := range c.params {
		if p.name == name {
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
	find   func(k *ktype.Kernel, arch, target string) ([]candidate, error)
	suffix bool // ":return" may follow
}{
	"rawtracepoint": {"rawtracepoint:NAME", "a kernel tracepoint, with the arguments of its call", rawTracepoint, false},
	"tracepoint":    {"tracepoint:CATEGORY:NAME", "a kernel tracepoint, with the members of its record", tracepoint, false},
	"syscall":       {"syscall:NAME[:return]", "a system call, at its entry or return", syscall, true},
	"kprobe":        {"kprobe:FUNCTION", "the entry of a kernel function, by a breakpoint", kprobe, false},
	"kretprobe":     {"kretprobe:FUNCTION", "the return of a kernel function, by a breakpoint", kretprobe, false},
	"fentry":        {"fentry:FUNCTION", "the entry of a kernel function, by a trampoline", fentry, false},
	"fexit":         {"fexit:FUNCTION", "the return of a kernel function, by a trampoline, with its arguments", fexit, false},
	"function":      {"function:FUNCTION[:return]", "the cheapest of fentry and kprobe, or fexit and kretprobe, that the kernel accepts", function, true},
}

// laterKinds are bpftrace's probes that this version does not have.
var laterKinds = map[string]bool{
	"uprobe": true, "uretprobe": true, "usdt": true, "profile": true, "interval": true, "begin": true, "end": true, "iter": true,
	"software": true, "hardware": true, "watchpoint": true, "lsm": true,
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

// alternative is one spelling between the bars of `a | b`.
type alternative struct {
	text string
	span source.Span // in the probe's scalar
}

func alternatives(s spec.Scalar) []alternative {
	var list []alternative
	at := 0
	for _, part := range strings.Split(s.Value, "|") {
		text := strings.TrimSpace(part)
		start := at + strings.Index(part, text)
		list = append(list, alternative{text, source.Span{Start: start, End: start + len(text)}})
		at += len(part) + 1
	}
	return list
}

// resolve finds what an alternative means on this kernel: its candidates, or why there
// are none. A spelling that is wrong on every kernel is reported and gives neither.
func (c *checker) resolve(s spec.Scalar, a alternative) ([]candidate, error) {
	word, target, _ := strings.Cut(a.text, ":")
	kind, ok := kinds[word]
	complain := func(hint, format string, args ...any) {
		c.diags.Errorf(s.At(a.span), format, args...).Hint = hint
	}
	switch {
	case a.text == "":
		complain("write KIND:TARGET, such as function:tcp_retransmit_skb", "a probe is wanted, found nothing")
		return nil, nil
	case !ok && laterKinds[word]:
		complain("", "%s probes are not in this ebgen yet", word)
		return nil, nil
	case !ok:
		var known []string
		for name := range kinds {
			known = append(known, name)
		}
		sort.Strings(known)
		hint := "one of " + strings.Join(known, ", ")
		if near := ktype.Nearest(word, known); len(near) > 0 {
			hint = "did you mean " + orList(near) + "?"
		}
		complain(hint, "no kind of probe is named %q", word)
		return nil, nil
	case target == "":
		complain(kind.usage+": "+kind.help, "%s wants a target", word)
		return nil, nil
	case !spelled(target):
		hint := ""
		if strings.ContainsAny(target, "*?[") {
			hint = "wildcards are not in this ebgen yet"
		} else if strings.Contains(target, "$") {
			hint = "a target from a parameter is not in this ebgen yet"
		}
		complain(hint, "%q is no target: letters, digits, _ and . make one", target)
		return nil, nil
	case strings.HasSuffix(target, ":return") && !kind.suffix:
		complain("function:NAME:return fires at the return of a function", "%s has no :return", word)
		return nil, nil
	}
	return kind.find(c.kernel, c.arch, target)
}

// spelled reports whether a target holds only what names in the kernel hold, so that
// nothing else reaches the generated C.
func spelled(target string) bool {
	return strings.Trim(target, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.:") == ""
}

func rawTracepoint(k *ktype.Kernel, _, name string) ([]candidate, error) {
	sig, err := k.RawTracepoint(name)
	if err != nil {
		return nil, err
	}
	return []candidate{{kind: plan.RawTracepoint, target: name, params: slots(sig)}}, nil
}

// slots places arguments as raw tracepoints, fentry and fexit pass them: 8 bytes each.
// A struct by value takes one slot for each 8 bytes (btf_distill_func_proto and
// bpf_trampoline.c, 6.0; kernels before refuse such functions).
func slots(sig *ktype.Signature) []param {
	params, next := []param{}, 0
	for _, p := range sig.Params {
		one := newParam(p)
		if one.why == "" {
			one.source = plan.Source{From: plan.Slot, Index: next}
		}
		params = append(params, one)
		next += max(1, (p.Type.Size+7)/8)
	}
	return params
}

func newParam(p ktype.Param) param {
	one := param{name: p.Name, kind: p.Type, plan: planType(p.Type)}
	if !scalar(p.Type) {
		one.why = p.Type.String() + " is passed by value"
	}
	return one
}

// registers is how many integer arguments are passed in registers: x86-64 psABI 3.2.3,
// AAPCS64 6.8.2.
var registers = map[string]int{"amd64": 6, "arm64": 8}

func kprobe(k *ktype.Kernel, arch, name string) ([]candidate, error) {
	sig, err := k.Function(name)
	if err != nil {
		return nil, err
	}
	c := candidate{kind: plan.Kprobe, target: name, returnProbe: "kretprobe:" + name}
	next := 0
	for _, p := range sig.Params {
		one := newParam(p)
		switch {
		case one.why != "":
		case next >= registers[arch]:
			one.why = fmt.Sprintf("a kprobe sees the %d arguments in registers, this one is on the stack", registers[arch])
		default:
			one.source = plan.Source{From: plan.Register, Index: next}
		}
		c.params = append(c.params, one)
		if p.Type.Size <= 16 { // a larger struct lies on the stack
			next += max(1, (p.Type.Size+7)/8)
		}
	}
	return []candidate{c}, nil
}

func kretprobe(k *ktype.Kernel, _, name string) ([]candidate, error) {
	sig, err := k.Function(name)
	if err != nil {
		return nil, err
	}
	c := candidate{kind: plan.Kretprobe, target: name}
	c.retval = result(sig, plan.Source{From: plan.Return})
	if len(sig.Params) > 0 {
		c.noArgs = "the registers that held the arguments are overwritten by the time a kretprobe fires"
	}
	return []candidate{c}, nil
}

func result(sig *ktype.Signature, from plan.Source) *param {
	if sig.Void || !scalar(sig.Return) {
		return nil
	}
	return &param{name: "retval", kind: sig.Return, plan: planType(sig.Return), source: from}
}

func fentry(k *ktype.Kernel, _, name string) ([]candidate, error) {
	sig, err := k.Function(name)
	if err != nil {
		return nil, err
	}
	return []candidate{{kind: plan.Fentry, target: name, params: slots(sig), returnProbe: "fexit:" + name}}, nil
}

func fexit(k *ktype.Kernel, _, name string) ([]candidate, error) {
	sig, err := k.Function(name)
	if err != nil {
		return nil, err
	}
	used := 0
	for _, p := range sig.Params {
		used += max(1, (p.Type.Size+7)/8)
	}
	return []candidate{{kind: plan.Fexit, target: name, params: slots(sig), retval: result(sig, plan.Source{From: plan.Slot, Index: used})}}, nil
}

// function is fentry, else kprobe; a trampoline costs about a tenth of a breakpoint.
func function(k *ktype.Kernel, arch, target string) ([]candidate, error) {
	name, atReturn := strings.CutSuffix(target, ":return")
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
		a[0].returnProbe = "function:" + name + ":return"
		b[0].returnProbe = a[0].returnProbe
	}
	return append(a, b...), nil
}

func tracepoint(k *ktype.Kernel, _, target string) ([]candidate, error) {
	category, name, ok := strings.Cut(target, ":")
	if !ok {
		return nil, fmt.Errorf("a tracepoint is named CATEGORY:NAME")
	}
	format, err := k.Tracepoint(category, name)
	if err != nil {
		return nil, err
	}
	c := candidate{kind: plan.Tracepoint, target: target}
	for _, f := range format.Fields {
		c.params = append(c.params, recordMember(f))
	}
	return []candidate{c}, nil
}

// recordMember is a member of a tracepoint's record, loaded from the context. Text of
// any length is found through a __data_loc word (include/trace/stages).
func recordMember(f ktype.FormatField) param {
	p := param{name: f.Name, kind: f.Type, plan: planType(f.Type)}
	switch {
	case f.Dynamic:
		p.source = plan.Source{From: plan.Dynamic, Index: f.Offset, Size: 4}
		p.plan = plan.Type{Kind: plan.Pointer, Size: 8, Elem: plan.Int, ElemSize: 1}
	case f.Type.Kind == ktype.Array:
		p.source = plan.Source{From: plan.Context, Index: f.Offset, Size: f.Size}
	case scalar(f.Type):
		p.source = plan.Source{From: plan.Context, Index: f.Offset, Size: f.Size}
	default:
		p.why = f.Type.String() + " is kept by value"
	}
	return p
}

func syscall(k *ktype.Kernel, _, target string) ([]candidate, error) {
	name, atReturn := strings.CutSuffix(target, ":return")
	sig, err := k.Syscall(name)
	if err != nil {
		return nil, err
	}
	// struct syscall_trace_enter and _exit, kernel/trace/trace.h: 8 bytes of struct
	// trace_entry, int nr, padding, then unsigned long args[] or long ret.
	// The signature's name is the tracepoint's: uname(2) is traced as newuname.
	const first = 16
	c := candidate{kind: plan.Tracepoint, target: "syscalls:sys_enter_" + sig.Name, returnProbe: "syscall:" + name + ":return"}
	if atReturn {
		c.target, c.returnProbe = "syscalls:sys_exit_"+sig.Name, ""
		c.retval = &param{name: "retval", kind: sig.Return, plan: planType(sig.Return), source: plan.Source{From: plan.Context, Index: first, Size: 8}}
		c.retval.plan.Meaning = plan.Errno
		c.noArgs = "a system call's return has no arguments"
		return []candidate{c}, nil
	}
	for i, p := range sig.Params {
		one := newParam(p)
		one.source = plan.Source{From: plan.Context, Index: first + 8*i, Size: 8}
		c.params = append(c.params, one)
	}
	return []candidate{c}, nil
}

func decimal(i int) string { return strconv.Itoa(i) }
