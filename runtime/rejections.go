package runtime

import (
	"regexp"
	"strconv"
	"sync"
)

// rejection is one row: what the verifier writes, what it means here, and what helps.
type rejection struct {
	pattern    string                    // a regular expression; few runs need it, so it is compiled when it is
	when       func(verdict string) bool // of numbers in it, or nil
	cause, fix string                    // of a target there is no fix
}

func (r rejection) matches(line string) bool {
	return regexp.MustCompile(r.pattern).MatchString(line) && (r.when == nil || r.when(line))
}

// poisoned is what the library makes of an instruction whose type or member the kernel
// lacks: a call of helper 0xbad2310, or a load of that number (btf.COREBadRelocationSentinel).
var poisoned = rejection{`invalid func unknown#195896080|r10 = 0xbad2310`, nil,
	"the running kernel lacks a type or member that this line reads",
	"ask first: exists(x.member) ? x.member : 0"}

// stackAccess is a verdict on bytes of the stack: from which place below its top, how many.
// The words differ between kernels (check_stack_access_within_bounds and before Linux 5.14
// check_stack_boundary, kernel/bpf/verifier.c).
var stackAccess = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`stack .*off[= ](-\d+)(?:\+\d+)? (?:access_)?size[= ](\d+)`)
})

// pastLocal reports whether the bytes reach past the top of the stack, where the last local
// variable ends.
func pastLocal(verdict string) bool {
	m := stackAccess().FindStringSubmatch(verdict)
	if m == nil {
		return false
	}
	from, _ := strconv.Atoi(m[1])
	size, _ := strconv.Atoi(m[2])
	return from+size > 0
}

// rejections lists the verdicts that people meet, the more special first. Where kernels
// word one differently, the pattern has both (`scalar` was `inv` before Linux 5.18). Each
// has been provoked on several kernels: testdata/rejected holds their logs.
var rejections = []rejection{
	poisoned,
	{`type=\S+_or_null expected=`, nil,
		"a pointer that may be NULL is handed to a helper before it is compared with NULL",
		"if (!p) return 0; ahead of this"},
	{`invalid mem access '(map_value|mem|ringbuf_mem|alloc_mem|ptr|trusted_ptr|rcu_ptr)\w*_or_null'`, nil,
		"a pointer that may be NULL is used before it is compared with NULL",
		"if (!p) return 0; ahead of this"},
	{`invalid mem access '(scalar|inv)'`, nil,
		"a number is used as a pointer: kernel memory is read by bpf_probe_read_kernel, not by *",
		"bpf_probe_read_kernel(&x, sizeof(x), p) reads what p leads to; a record is gone once it is submitted"},
	{`R0 !read_ok`, nil,
		"a function may end without a value to return",
		"return 0; at its end"},
	{`R\d+ !read_ok`, nil,
		"a variable is read before it is set on some path",
		"give it a value where it is declared"},
	{`stack`, pastLocal,
		"more bytes are asked of a local variable than it has",
		"declare it as large as what reads or fills it: a map's key, or the size that the helper is given"},
	{`invalid write to stack.*off=-(5[2-9]\d|51[3-9]|[6-9]\d\d|\d{4,}) |invalid stack .*off=-(5[2-9]\d|51[3-9]|[6-9]\d\d|\d{4,}) |combined stack size|stack limit`, nil,
		"the local variables need more than the 512 bytes of a BPF stack",
		"use smaller ones, or an entry of a map"},
	{`invalid (indirect )?(read from|access to) stack|invalid indirect read`, nil,
		"bytes of a local variable are read that were never written",
		"clear it where it is declared: struct key k = {};"},
	{`invalid zero-sized read`, nil,
		"a helper is given a size that may be 0",
		"ask for at least one byte: if (!size) return 0;"},
	{`min value is negative|unbounded (memory access|size|min value)|unbounded variable|makes \S+ pointer be out of bounds`, nil,
		"an index or size has no bound that the verifier can see: compare it with a constant, or mask it, before it is used",
		"make it unsigned and bound it: if (i >= 4) return 0; or i &= 3;"},
	{`(min|max) value is outside|invalid access to (map value|memory|packet|mem)`, nil,
		"an access reaches past the end of the memory it is made in",
		"stay below the size that the map's value or the record has"},
	{`infinite loop detected|back-edge`, nil,
		"a loop has no end that the verifier can see",
		"count its rounds up to a constant: for (int i = 0; i < 64; i++)"},
	{`program is too large|too complex|too many (jumps|instructions|states)`, nil,
		"the program has too many paths or instructions for the verifier",
		"fewer rounds, fewer branches within a loop"},
	{`call stack of \d+ frames is too deep|recursive call`, nil,
		"functions call each other deeper than the 8 frames that BPF has, or themselves without an end",
		"a loop with a bound in place of recursion"},
	{`Unreleased reference|reference leak`, nil,
		"a reserved record is neither submitted nor discarded on some path",
		"bpf_ringbuf_discard(record, 0) ahead of each return"},
	{`variable ctx access|dereference of modified ctx`, nil,
		"which argument of the probe is read depends on a number that is no constant",
		"read each argument by its own name, and choose among the values"},
	{`invalid bpf_context access`, nil,
		"this kind of probe has no such argument, or does not let it be written",
		"ebgen probes shows what a probe has"},
	{`(unknown|invalid) func|program of this type cannot use helper|cannot use helper`, nil,
		"this kernel does not offer the helper to this kind of program",
		"leave it out, or trace by another kind of probe"},
	{`cannot pass map_type`, nil,
		"a helper is given a map of a type that it does not take",
		"a ring takes bpf_ringbuf_output, a hash or array bpf_map_lookup_elem"},
	{`GPL.restricted|GPL-compatible`, nil,
		"the helper is only for programs under a licence compatible with the GPL",
		"leave it out"},
	{`is not a known constant`, nil,
		"a size is computed that has to be a constant here",
		"reserve the largest size, and fill what there is"},
	{`(BPF_ATOMIC|BPF_XADD) stores into`, nil,
		"an atomic operation is done on memory that allows none",
		"add atomically to an entry of a map only"},
	{`pointer arithmetic|math between|pointer .*prohibited`, nil,
		"arithmetic is done on a pointer that allows none",
		"compute with numbers: (u64) p"},
	{`type=(scalar|inv) expected=(ringbuf_mem|alloc_mem|mem$)`, nil,
		"what is submitted or discarded is no record, or no longer one",
		"hand each record over once"},
	{`type=\S+ expected=`, nil,
		"a helper is given a value of a kind that it does not take, such as a number for a pointer",
		"copy into a local variable first, and hand over its address"},
	{`write into map forbidden|cannot write into|only read (from \S+ )?is supported|cannot write into rdonly`, nil,
		"memory that the program may only read is written",
		"write to a local variable, or to an entry of a map"},
	{`BPF_STX uses reserved fields|BPF_ATOMIC uses`, nil,
		"this kernel has no atomic operation that returns a value (Linux 5.12)",
		"do without the value: __sync_fetch_and_add(&x, 1); as a statement"},
	{`misaligned`, nil,
		"an access is not aligned to its size",
		"put the member at a multiple of its size"},
	{`unreachable insn|last insn is not an exit|jump out of range`, nil,
		"the program's control flow is broken: a function may end without return",
		"return a value on every path"},
}

// targetRefusals are verdicts on what a program is to be attached to and not on what it
// does (bpf_check_attach_target and btf_ctx_access, Linux 5.5 to 7.2).
var targetRefusals = []rejection{
	{`^func '.*' arg\d+ `, nil, "this kernel's verifier does not admit the type of one of its arguments", ""},
	{`The address of function .* cannot be found`, nil, "the kernel has its type but not its code: it is inlined or in a module that is not loaded", ""},
	{`is not traceable|not traceable|is not modifiable`, nil, "it is notrace", ""},
	{`__noreturn function`, nil, "it never returns", ""},
	{`^Attaching tracing programs to function .* is rejected`, nil, "the kernel excludes it from tracing", ""},
	{`^The function .* (has \d+ arguments|has variable args|return type|arg\d+ type)|has more than \d+ args`, nil, "its arguments or return value are not of a form that a trampoline can pass", ""},
	{`is not a function|Attach to unsupported`, nil, "the kernel's BTF does not have it as a function", ""},
}
