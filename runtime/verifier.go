package runtime

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

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
	Fix     string   // what to do about it, "" with an unknown cause
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
	number := lastInstruction(rejected.Log)
	if m := namedInstruction().FindStringSubmatch(e.Verdict); m != nil && number < 0 {
		number, _ = strconv.Atoi(m[1])
	}
	before, after := instructionLines(instructions, number, file)
	switch {
	case poisoned.matches(e.Verdict) && after > 0:
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
	logSource      = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^;.* @ (\S+):(\d+)$`) })
	logInstruction = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^(\d+): \([0-9a-f]{2}\)`) })
	logSummary     = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^(processed \d+ insns|verification time|stack depth|max_states_per_insn|mark_precise:|insns_processed)`)
	})
	// A verdict of the passes ahead of the walk, which has no instructions in its log.
	namedInstruction = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^(?:unreachable|back-edge from|jump out of range from) insn (\d+)`)
	})
)

// tailLines is how much of the log a person is shown by default.
const tailLines = 6

// readVerifierLog finds the verdict, its cause and the last line of the spec before it.
// Any log gives an answer.
func readVerifierLog(log []string, file string) *VerifierError {
	e := &VerifierError{File: file, Log: log}
	end := len(log)
	for end > 0 && (strings.TrimSpace(log[end-1]) == "" || logSummary().MatchString(log[end-1])) {
		end--
	}
	e.Tail = slices.Clone(log[max(0, end-tailLines):end])
	for _, line := range slices.Backward(log[:end]) {
		m := logSource().FindStringSubmatch(line)
		if m == nil || path.Base(m[1]) != file {
			continue
		}
		// Line 0 is clang's for code that it made up.
		if n, err := strconv.Atoi(m[2]); err == nil && n > 0 {
			e.Line = n
			break
		}
	}
	e.Verdict, e.Cause, e.Fix = verdict(e.Tail)
	return e
}

// verdict looks for a known rejection, from the last line upwards: the verdict may be
// followed by a remark. One that is not known is the last line.
func verdict(tail []string) (line, cause, fix string) {
	for _, line := range slices.Backward(tail) {
		for _, r := range rejections {
			if r.matches(line) {
				return strings.TrimSpace(line), r.cause, r.fix
			}
		}
	}
	if n := len(tail); n > 0 {
		return strings.TrimSpace(tail[n-1]), "", ""
	}
	return "", "", ""
}

// lastInstruction returns the number of the instruction at which the log ends, or -1.
// On the path to it the verifier marks with a semicolon where a source line begins;
// the last mark counts, since compilers merge the ends of several paths.
func lastInstruction(log []string) int {
	last := -1
	for _, line := range slices.Backward(log) {
		if m := logInstruction().FindStringSubmatch(line); m != nil {
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

// targetRefusal returns why a target is refused, or "" for a log that is about the
// program.
func targetRefusal(log []string) string {
	for _, line := range log[max(0, len(log)-tailLines):] {
		for _, r := range targetRefusals {
			if r.matches(line) {
				return r.cause
			}
		}
	}
	return ""
}
