package ktype

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/cilium/ebpf/btf"

	"github.com/ebgen/ebgen/spec/ktype/internal/tracefs"
)

// Traceable is one kernel function and what keeps probes away from it.
type Traceable struct {
	Name   string
	Module string // "" for the kernel itself
	Kprobe string // why no kprobe or kretprobe of a spec attaches, "" when one does
	Fentry string // why no fentry attaches, "" when one does
	Fexit  string // why no fexit attaches, "" when one does
}

// Functions are traced at their names, so what decides is in four places: BTF (what a
// spec can type), kallsyms (which code has the name), ftrace's list (which code can be
// patched) and the kprobe blacklist.
const (
	whyNoPrototype = "no BTF prototype"
	whyAmbiguous   = "ambiguous: %d symbols have that name"
	whyInlined     = "inlined: it has no code of its own"
	whyRenamed     = "renamed by the compiler: %s"
	whyInit        = "its code is gone since boot (__init)"
	whyNotrace     = "notrace"
	whyBlacklisted = "on the kprobe blacklist"
	whyVariadic    = "fentry takes no variable arguments"
	whyManyArgs    = "fentry takes at most %d arguments"
	whyStructArg   = "fentry takes no argument of %d bytes"
	whyStruct      = "fentry takes no function that returns a struct"
	whyDenied      = "the kernel keeps it from fentry"
	whyNoReturn    = "it never returns"
)

// maxTracedArgs is MAX_BPF_FUNC_ARGS (include/linux/bpf.h).
const maxTracedArgs = 12

// Registers is how many integer arguments an architecture passes in registers: x86-64 psABI
// 3.2.3, AAPCS64 6.8.2.
var Registers = map[string]int{amd64: 6, arm64: 8}

// onStack is the Linux since which the trampoline of an architecture passes on the arguments
// on the stack too: commits 473e3150e30a (x86-64) and 9014cf56f13d (arm64).
var onStack = map[string]struct{ major, minor int }{amd64: {6, 6}, arm64: {6, 16}}

// largestTracedArg is the bytes of a struct that a trampoline passes by value since 6.0
// (commit 720e6a435194, btf_distill_func_proto); before, an argument has at most 8.
const largestTracedArg = 16

// denied lists what bpf_check_attach_target keeps from fentry and fexit (btf_id_deny,
// kernel/bpf/verifier.c, Linux 6.18; 5.10 has none of them): the trampoline calls them.
var denied = []string{
	"migrate_disable", "migrate_enable", "rcu_read_unlock_strict", "preempt_count_add", "preempt_count_sub",
	"__rcu_read_lock", "__rcu_read_unlock",
}

// noReturn lists what it keeps from fexit since 6.16 (noreturn_deny, commit cfe816d469dc):
// a trampoline would wait for their return for ever.
var noReturn = []string{
	"__ia32_sys_exit", "__ia32_sys_exit_group", "__kunit_abort", "kunit_try_catch_throw", "__module_put_and_kthread_exit",
	"__x64_sys_exit", "__x64_sys_exit_group", "do_exit", "do_group_exit", "kthread_complete_and_exit", "kthread_exit", "make_task_dead",
}

// Functions that match, as BTF knows them; see Kernel.Traceable.
type Functions struct {
	kernel *Kernel
	match  func(string) bool
	found  map[string]*prototype
}

// Traceable finds the functions that match, with what BTF says against tracing each.
func (k *Kernel) Traceable(match func(name string) bool) *Functions {
	return &Functions{k, match, k.prototypes(match)}
}

// Judge adds what the running kernel says of the functions' code, and those that have code
// and no prototype. Its lists are long: it takes tens of milliseconds. The error says which
// could not be read, which takes root; what the others say is noted all the same.
func (f *Functions) Judge() error {
	text, err := readCode(f.match)
	if text != nil {
		text.judge(f.found)
	}
	return err
}

// Empty reports whether there are none.
func (f *Functions) Empty() bool { return len(f.found) == 0 }

// List is the functions, sorted.
func (f *Functions) List() []Traceable {
	list := make([]Traceable, 0, len(f.found))
	for _, one := range f.found {
		list = append(list, one.Traceable)
	}
	slices.SortFunc(list, func(a, b Traceable) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// prototype is a function by what BTF says of it.
type prototype struct {
	Traceable
	count int // of types of that name
}

// refuse notes a reason that holds for every kind of probe.
func (p *prototype) refuse(why string) {
	for _, to := range []*string{&p.Kprobe, &p.Fentry, &p.Fexit} {
		if *to == "" {
			*to = why
		}
	}
}

// refuseTrampoline notes a reason that holds for fentry and fexit.
func (p *prototype) refuseTrampoline(why string) {
	for _, to := range []*string{&p.Fentry, &p.Fexit} {
		if *to == "" {
			*to = why
		}
	}
}

// prototypes finds the functions of BTF that match, and what speaks against each there.
func (k *Kernel) prototypes(match func(string) bool) map[string]*prototype {
	found := map[string]*prototype{}
	limits := k.trampoline()
	k.each(func(m image) bool {
		for t := range m.raw.all() {
			if t.kind != rawFunc {
				continue
			}
			text := m.raw.text(t.name)
			name := string(text)
			if !match(name) {
				continue
			}
			p := found[name]
			if p == nil {
				p = &prototype{Traceable: Traceable{Name: name, Module: m.module}}
				found[name] = p
			}
			if p.Module != m.module { // the kernel's own stands before a module's
				continue
			}
			p.meet(limits, m.raw, t.id)
		}
		return true
	})
	for _, p := range found {
		k.judge(p)
	}
	return found
}

// meet counts a type of the name, of which the first says what a trampoline passes.
func (p *prototype) meet(limits trampoline, raw *rawBTF, id uint32) {
	if p.count++; p.count > 1 {
		return
	}
	if why := limits.against(raw, id); why != "" {
		p.refuseTrampoline(why)
	}
}

// judge adds what speaks against a function by its name alone.
func (k *Kernel) judge(p *prototype) {
	if p.count > 1 {
		if _, err := k.Function(p.Name); err != nil {
			p.refuse(fmt.Sprintf(whyAmbiguous, p.count))
		}
		p.refuseTrampoline(fmt.Sprintf(whyAmbiguous, p.count))
	}
	if slices.Contains(denied, p.Name) {
		p.refuseTrampoline(whyDenied)
	}
	if p.Fexit == "" && slices.Contains(noReturn, p.Name) && !before(k.release, 6, 16) {
		p.Fexit = whyNoReturn
	}
}

// Trampoline says, from what BTF says of a function, why the kernel attaches no fentry and
// no fexit program to it; "" where it may.
func (k *Kernel) Trampoline(name string) (fentry, fexit string) {
	p := &prototype{Traceable: Traceable{Name: name}}
	k.each(func(m image) bool {
		types, err := m.spec.AnyTypesByName(name)
		if err != nil {
			return true
		}
		for _, t := range types {
			f, ok := t.(*btf.Func)
			if !ok || f.Name != name {
				continue
			}
			if id, err := m.spec.TypeID(f); err == nil {
				p.meet(k.trampoline(), m.raw, uint32(id))
			}
		}
		return p.count == 0
	})
	k.judge(p)
	return p.Fentry, p.Fexit
}

// trampoline is what a kernel's trampolines pass to programs.
type trampoline struct {
	args      int // at most
	argBytes  int // of one, at most
	registers int // at most, together
}

func (k *Kernel) trampoline() trampoline {
	t := trampoline{args: maxTracedArgs, argBytes: largestTracedArg, registers: maxTracedArgs}
	if since := onStack[k.Arch()]; before(k.release, since.major, since.minor) {
		t.registers = Registers[k.Arch()]
	}
	if before(k.release, 6, 0) {
		t.argBytes = 8
	}
	return t
}

// before reports whether a release is older than a version.
func before(release string, major, minor int) bool {
	var x, y int
	n, _ := fmt.Sscanf(release, "%d.%d", &x, &y)
	return n == 2 && (x < major || x == major && y < minor)
}

// against says why a trampoline cannot pass a function's arguments on, "" when it can
// (btf_distill_func_proto, kernel/bpf/btf.c).
func (t trampoline) against(r *rawBTF, id uint32) string {
	_, proto, ok := r.byID(id)
	if !ok {
		return whyNoPrototype
	}
	p, result, ok := r.byID(proto)
	if !ok || p.kind != rawProto {
		return whyNoPrototype
	}
	if kind, _ := r.strip(result); kind == rawStruct || kind == rawUnion {
		return whyStruct
	}
	used := 0
	for i := range p.vlen {
		param := r.order.Uint32(p.tail[8*i+4:])
		if param == 0 {
			return whyVariadic
		}
		kind, size := r.strip(param)
		if kind != rawStruct && kind != rawUnion {
			size = 8
		}
		if int(size) > t.argBytes {
			return fmt.Sprintf(whyStructArg, size)
		}
		used += (int(size) + 7) / 8
	}
	switch {
	case p.vlen > t.args:
		return fmt.Sprintf(whyManyArgs, t.args)
	case used > t.registers:
		return fmt.Sprintf(whyManyArgs, t.registers)
	}
	return ""
}

// strip looks through typedefs and qualifiers, and gives the bytes of a struct.
func (r *rawBTF) strip(id uint32) (rawKind, uint32) {
	for range maxDepth {
		t, word, ok := r.byID(id)
		if !ok {
			return 0, 0
		}
		switch t.kind {
		case rawTypedef, rawVolatile, rawConst, rawRestrict, rawTypeTag:
			id = word
			continue
		}
		return t.kind, word
	}
	return 0, 0
}

// code is what the running kernel says of the code of functions.
type code struct {
	symbols   map[string]*symbol // by name up to its first dot
	patchable map[string]int     // of ftrace's list, by name; nil when it cannot be read
	forbidden []span             // of the kprobe blacklist, by start
}

// symbol is the code of one name.
type symbol struct {
	exact   int      // symbols of code of exactly that name
	data    int      // those of data, which a kprobe does not tell apart (number_of_same_symbols, kernel/trace/trace_kprobe.c)
	address uint64   // of the first, 0 when addresses are hidden
	init    bool     // it is gone since boot
	suffix  []string // names with a suffix of the compiler's
	module  string
}

// span is a range of addresses, its end excluded.
type span struct{ start, end uint64 }

// readCode reads the lists of the running kernel as far as it lets itself be asked. The
// two long ones take it tens of milliseconds each, so they are read at the same time.
func readCode(match func(string) bool) (*code, error) {
	c := &code{}
	read := make(chan error, 1)
	go func() {
		var err error
		c.patchable, err = readPatchable(match)
		read <- err
	}()
	forbidden, failed := readBlacklist()
	c.forbidden = forbidden
	symbols, err := readSymbols(match)
	failed = errors.Join(<-read, failed)
	if err != nil {
		return nil, errors.Join(err, failed)
	}
	c.symbols = symbols
	return c, failed
}

// readSymbols reads which code has the names that match: "ffffffff81000000 T vfs_read",
// and of a module "ffffffffc0000000 t read	[ext4]".
func readSymbols(match func(string) bool) (map[string]*symbol, error) {
	text, err := os.ReadFile("/proc/kallsyms")
	if err != nil {
		return nil, err
	}
	symbols := map[string]*symbol{}
	var inits bool
	for len(text) > 0 {
		line, rest, _ := bytes.Cut(text, []byte("\n"))
		text = rest
		address, line, ok := bytes.Cut(line, []byte(" "))
		if !ok || len(line) < 3 {
			continue
		}
		kind, name := line[0], line[2:]
		name, module, _ := bytes.Cut(name, []byte("\t["))
		switch string(name) { // the kernel's own symbols are listed by address
		case "_sinittext":
			inits = true
		case "_einittext":
			inits = false
		}
		if artificial(name) || string(module) == "bpf]" { // programs and trampolines of BPF
			continue
		}
		base, _, suffixed := bytes.Cut(name, []byte("."))
		if !match(string(base)) {
			continue
		}
		s := symbols[string(base)]
		if s == nil {
			s = &symbol{module: string(bytes.TrimSuffix(module, []byte("]")))}
			symbols[string(base)] = s
		}
		text := kind == 't' || kind == 'T' || kind == 'w' || kind == 'W'
		switch {
		case text && suffixed && !bytes.Contains(name, []byte(".cold")):
			s.suffix = append(s.suffix, string(name))
		case suffixed:
		case !text:
			s.data++
		default:
			if s.exact++; s.exact == 1 {
				s.address, _ = strconv.ParseUint(string(address), 16, 64)
				s.init = inits && len(module) == 0
			}
		}
	}
	return symbols, nil
}

// artificial reports whether a symbol is none of a function of the source: paddings and
// call targets that the compiler or objtool makes.
func artificial(name []byte) bool {
	for _, prefix := range []string{"__pfx_", "__cfi_", "__SCT__", "__ksymtab", "_sinittext", "_einittext"} {
		if bytes.HasPrefix(name, []byte(prefix)) {
			return true
		}
	}
	return false
}

// readPatchable reads the functions that ftrace can patch, "vfs_read" or "read [ext4]" a
// line. Code of __init that is gone, and of functions that are notrace, is not in it.
func readPatchable(match func(string) bool) (map[string]int, error) {
	t, err := tracefs.Open()
	if err != nil {
		return nil, err
	}
	defer t.Close()
	text, err := t.Read("available_filter_functions")
	if errors.Is(err, fs.ErrNotExist) { // a kernel without CONFIG_DYNAMIC_FTRACE
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	patchable := map[string]int{}
	for len(text) > 0 {
		line, rest, _ := bytes.Cut(text, []byte("\n"))
		text = rest
		name, _, _ := bytes.Cut(line, []byte(" "))
		if match(string(name)) {
			patchable[string(name)]++
		}
	}
	return patchable, nil
}

// readBlacklist reads which code no kprobe may be put into:
// "0xffffffff81001000-0xffffffff81001010	restore_regs".
func readBlacklist() ([]span, error) {
	d, err := tracefs.OpenDebugfs()
	if err != nil {
		return nil, err
	}
	defer d.Close()
	text, err := d.Read("kprobes/blacklist")
	if errors.Is(err, fs.ErrNotExist) { // a kernel without kprobes
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var list []span
	for line := range strings.Lines(string(text)) {
		from, rest, _ := strings.Cut(line, "-")
		to, _, _ := strings.Cut(rest, "\t")
		start, errStart := strconv.ParseUint(from, 0, 64)
		end, errEnd := strconv.ParseUint(to, 0, 64)
		if errStart == nil && errEnd == nil && start < end {
			list = append(list, span{start, end})
		}
	}
	sort.Slice(list, func(i, j int) bool { return list[i].start < list[j].start })
	return list, nil
}

// blacklisted reports whether an address lies in code that no kprobe may be put into.
// The spans may lie in each other, a section's and those of its functions.
func (c *code) blacklisted(address uint64) bool {
	return slices.ContainsFunc(c.forbidden, func(s span) bool { return s.start <= address && address < s.end })
}

// judge notes what the code of functions says about them, and adds those that have code
// and no prototype.
func (c *code) judge(found map[string]*prototype) {
	for name, s := range c.symbols {
		if found[name] != nil || s.exact == 0 {
			continue
		}
		found[name] = &prototype{Traceable: Traceable{Name: name, Module: s.module}}
		if s.exact == 1 { // of several one prototype would be a guess, so BTF has none
			found[name].refuse(whyNoPrototype)
		}
	}
	for name, p := range found {
		s := c.symbols[name]
		switch {
		case s == nil || s.exact == 0 && len(s.suffix) == 0:
			p.refuse(whyInlined)
			continue
		case s.exact == 0:
			slices.Sort(s.suffix)
			p.refuse(fmt.Sprintf(whyRenamed, s.suffix[0]))
			continue
		case s.exact+s.data > 1:
			p.refuse(fmt.Sprintf(whyAmbiguous, s.exact+s.data))
		}
		switch {
		case s.init:
			p.refuse(whyInit)
		case p.Kprobe == "" && s.address != 0 && c.blacklisted(s.address):
			p.Kprobe = whyBlacklisted
		}
		if c.patchable != nil && c.patchable[name] == 0 {
			p.refuse(whyNotrace)
		}
	}
}
