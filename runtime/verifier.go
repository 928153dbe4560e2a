package runtime

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
)

// VerifierError is a program that the kernel's verifier rejects. Since the C keeps the
// spec's lines, the place is one in the spec.
type VerifierError struct {
	Program string
	File    string   // base name of the spec
	Line    int      // in the spec, 0 when the log leads to no line of it
	Cause   string   // in words, "" for a rejection that we have no words for
	Verdict string   // the verifier's own sentence
	Log     []string // all of it
	Tail    []string // its last lines, which matter most
	err     error
}

// Error is `tcpretrans.yaml:12: the verifier rejects NAME: cause (verdict)`.
func (e *VerifierError) Error() string {
	var b strings.Builder
	b.WriteString(e.File)
	if e.Line > 0 {
		fmt.Fprintf(&b, ":%d", e.Line)
	}
	fmt.Fprintf(&b, ": the verifier rejects %s", e.Program)
	if e.Cause != "" {
		fmt.Fprintf(&b, ": %s", e.Cause)
	}
	if e.Verdict != "" {
		fmt.Fprintf(&b, " (%s)", e.Verdict)
	}
	return b.String()
}

func (e *VerifierError) Unwrap() error { return e.err }

// newVerifierError reads the log of a rejection. Where the log names no line of the
// spec, which logs do since Linux 6.10, the failing instruction's own does.
func newVerifierError(program, file string, rejected *ebpf.VerifierError, instructions asm.Instructions) *VerifierError {
	e := readVerifierLog(rejected.Log, file)
	e.Program, e.err = program, rejected
	before, after := instructionLines(instructions, lastInstruction(rejected.Log), file)
	switch {
	case poisoned.MatchString(e.Verdict) && after > 0:
		// clang computes an address ahead of the statement that reads there, and gives the
		// computation, which is what CO-RE has replaced, no line of its own.
		e.Line = after
	case e.Line == 0:
		e.Line = before
	}
	return e
}

// Marks of the verifier's log (kernel/bpf/verifier.c, kernel/bpf/log.c).
var (
	logSource      = regexp.MustCompile(`^;.* @ (\S+):(\d+)$`)
	logInstruction = regexp.MustCompile(`^(\d+): \([0-9a-f]{2}\)`)
	logSummary     = regexp.MustCompile(`^(processed \d+ insns|verification time|stack depth|max_states_per_insn|mark_precise:|insns_processed)`)
)

// tailLines is how much of the log a person is shown by default.
const tailLines = 6

// readVerifierLog finds the verdict, its cause and the last line of the spec before it.
// Any log gives an answer.
func readVerifierLog(log []string, file string) *VerifierError {
	e := &VerifierError{File: file, Log: log}
	end := len(log)
	for end > 0 && (strings.TrimSpace(log[end-1]) == "" || logSummary.MatchString(log[end-1])) {
		end--
	}
	e.Tail = slices.Clone(log[max(0, end-tailLines):end])
	for _, line := range slices.Backward(log[:end]) {
		m := logSource.FindStringSubmatch(line)
		if m == nil || path.Base(m[1]) != file {
			continue
		}
		// Line 0 is clang's for code that it made up.
		if n, err := strconv.Atoi(m[2]); err == nil && n > 0 {
			e.Line = n
			break
		}
	}
	e.Verdict, e.Cause = verdict(e.Tail)
	return e
}

// verdict looks for a known rejection, from the last line upwards: the verdict may be
// followed by a remark. One that is not known is the last line.
func verdict(tail []string) (line, cause string) {
	for _, line := range slices.Backward(tail) {
		for _, r := range rejections {
			if r.pattern.MatchString(line) {
				return strings.TrimSpace(line), r.cause
			}
		}
	}
	if n := len(tail); n > 0 {
		return strings.TrimSpace(tail[n-1]), ""
	}
	return "", ""
}

// lastInstruction returns the number of the instruction at which the log ends, or -1.
// On the path to it the verifier marks with a semicolon where a source line begins;
// the last mark counts, since compilers merge the ends of several paths.
func lastInstruction(log []string) int {
	last := -1
	for _, line := range slices.Backward(log) {
		if m := logInstruction.FindStringSubmatch(line); m != nil {
			if n, err := strconv.Atoi(m[1]); err == nil {
				last = n
			}
		}
		if strings.HasPrefix(line, ";") && last >= 0 {
			break
		}
	}
	return last
}

// instructionLines returns the lines of the spec that stand last at or before an
// instruction and first at or after it, 0 where there is none.
func instructionLines(instructions asm.Instructions, number int, file string) (before, after int) {
	iter := instructions.Iterate()
	for iter.Next() && after == 0 {
		source, ok := iter.Ins.Source().(*btf.Line)
		if !ok || source.LineNumber() == 0 || path.Base(source.FileName()) != file {
			continue
		}
		if int(iter.Offset) <= number {
			before = int(source.LineNumber())
		}
		if int(iter.Offset) >= number {
			after = int(source.LineNumber())
		}
	}
	return before, after
}

// poisoned is what the library makes of an instruction whose type or member the kernel
// lacks: a call of helper 0xbad2310, or a load of that number (btf.COREBadRelocationSentinel).
var poisoned = regexp.MustCompile(`invalid func unknown#195896080|r10 = 0xbad2310`)

// rejection is one row: what the verifier writes and what it means here.
type rejection struct {
	pattern *regexp.Regexp
	cause   string
}

// rejections lists the verdicts that people meet, the more special first. Where kernels
// word one differently, the pattern has both (`scalar` was `inv` before Linux 5.18).
var rejections = []rejection{
	{poisoned, "the running kernel lacks a type or member that this line reads"},
	{regexp.MustCompile(`invalid mem access '(map_value|mem|ringbuf_mem|alloc_mem|ptr|trusted_ptr|rcu_ptr)\w*_or_null'`), "a pointer that may be NULL is used before it is compared with NULL"},
	{regexp.MustCompile(`invalid mem access '(scalar|inv)'`), "a number is used as a pointer: kernel memory is read by bpf_probe_read_kernel, not by *"},
	{regexp.MustCompile(`R\d+ !read_ok`), "a variable is read before it is set on some path"},
	{regexp.MustCompile(`invalid (indirect )?(read from|access to) stack|invalid indirect read`), "bytes of a local variable are read that were never written"},
	{regexp.MustCompile(`invalid write to stack|invalid stack .*off=-\d+|combined stack size|stack limit`), "the local variables need more than the 512 bytes of a BPF stack"},
	{regexp.MustCompile(`min value is negative|unbounded (memory access|min value)|unbounded variable`), "an index or size has no bound that the verifier can see: compare it with a constant, or mask it, before it is used"},
	{regexp.MustCompile(`(min|max) value is outside|invalid access to (map value|memory|packet|mem)`), "an access reaches past the end of the memory it is made in"},
	{regexp.MustCompile(`infinite loop detected|back-edge`), "a loop has no end that the verifier can see"},
	{regexp.MustCompile(`program is too large|too complex|too many (jumps|instructions|states)`), "the program has too many paths or instructions for the verifier"},
	{regexp.MustCompile(`Unreleased reference|reference leak`), "a reserved record is neither submitted nor discarded on some path"},
	{regexp.MustCompile(`invalid bpf_context access`), "this kind of probe has no such argument"},
	{regexp.MustCompile(`(unknown|invalid) func|program of this type cannot use helper|cannot use helper`), "this kernel does not offer the helper to this kind of program"},
	{regexp.MustCompile(`GPL.restricted|GPL-compatible`), "the helper is only for programs under a licence compatible with the GPL"},
	{regexp.MustCompile(`pointer arithmetic|math between|pointer .*prohibited`), "arithmetic is done on a pointer that allows none"},
	{regexp.MustCompile(`type=\S+ expected=`), "a helper is given a value of a kind that it does not take, such as a number for a pointer"},
	{regexp.MustCompile(`write into map forbidden|cannot write into|only read is supported|cannot write into rdonly`), "memory that the program may only read is written"},
	{regexp.MustCompile(`BPF_STX uses reserved fields|BPF_ATOMIC uses`), "this kernel has no atomic operation that returns a value (Linux 5.12)"},
	{regexp.MustCompile(`misaligned`), "an access is not aligned to its size"},
	{regexp.MustCompile(`unreachable insn|last insn is not an exit|jump out of range`), "the program's control flow is broken: a function may end without return"},
}

// targetRefusals are verdicts on what a program is to be attached to and not on what it
// does (bpf_check_attach_target and btf_ctx_access, Linux 5.5 to 7.2).
var targetRefusals = []rejection{
	{regexp.MustCompile(`^func '.*' arg\d+ `), "this kernel's verifier does not admit the type of one of its arguments"},
	{regexp.MustCompile(`The address of function .* cannot be found`), "the kernel has its type but not its code: it is inlined or in a module that is not loaded"},
	{regexp.MustCompile(`is not traceable|not traceable|is not modifiable`), "it is notrace"},
	{regexp.MustCompile(`__noreturn function`), "it never returns"},
	{regexp.MustCompile(`^Attaching tracing programs to function .* is rejected`), "the kernel excludes it from tracing"},
	{regexp.MustCompile(`^The function .* (has \d+ arguments|has variable args|return type|arg\d+ type)|has more than \d+ args`), "its arguments or return value are not of a form that a trampoline can pass"},
	{regexp.MustCompile(`is not a function|Attach to unsupported`), "the kernel's BTF does not have it as a function"},
}

// targetRefusal returns why a target is refused, or "" for a log that is about the
// program.
func targetRefusal(log []string) string {
	for _, line := range log[max(0, len(log)-tailLines):] {
		for _, r := range targetRefusals {
			if r.pattern.MatchString(line) {
				return r.cause
			}
		}
	}
	return ""
}
