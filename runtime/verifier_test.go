package runtime

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Words of older kernels, and of rejections that only these make.
func TestVerdictsOfOtherKernels(t *testing.T) {
	for _, test := range []struct {
		log   string // its last lines
		cause string
	}{
		{"R1 invalid mem access 'inv'\nprocessed 3 insns", "a number is used as a pointer"},  // 5.10
		{"invalid indirect read from stack R2 off -8+0 size 8", "never written"},             // 5.10, 6.1
		{"invalid stack off=-520 size=8", "512 bytes"},                                       // 5.4
		{"combined stack size of 2 calls is 544. Too large", "512 bytes"},                    // 5.10
		{"back-edge from insn 4 to 2", "loop"},                                               // without bounded loops
		{"BPF program is too large. Processed 1000001 insn", "too many paths"},               // all
		{"R3 unbounded memory access, use 'var &= const' or 'if (var < const)'", "no bound"}, // 5.10
		{"Unreleased reference id=2 alloc_insn=4", "neither submitted"},                      // all
		{"unknown func bpf_loop#181", "does not offer the helper"},                           // 5.10
		{"cannot call GPL-restricted function from non-GPL compatible program", "licence"},   // all
		{"misaligned stack access off (0x0; 0x0)+-12+0 size 8", "not aligned"},               // all
		{"BPF_STX uses reserved fields\nprocessed 0 insns", "atomic"},                        // 5.10
		{"unreachable insn 7", "control flow"},                                               // all
		{"R2 pointer arithmetic on map_ptr prohibited", "arithmetic"},                        // all
		{"something that nobody has seen yet", ""},
	} {
		e := readVerifierLog(strings.Split(test.log, "\n"), "x.yaml")
		if !strings.Contains(e.Cause, test.cause) || (e.Cause == "") != (test.cause == "") {
			t.Errorf("%q: cause %q, want %q", test.log, e.Cause, test.cause)
		}
		if want, _, _ := strings.Cut(test.log, "\n"); e.Verdict != want {
			t.Errorf("verdict %q, want %q", e.Verdict, want)
		}
	}
}

func TestRefusalsOfTargets(t *testing.T) {
	for _, test := range []struct{ log, why string }{
		{"func 'do_sys_open' arg1 type FWD is not a struct\ninvalid bpf_context access off=8 size=8", "type of one of its arguments"},
		{"The address of function blk_account_io_start cannot be found", "not its code"},
		{"Attaching fexit/fmod_ret to __noreturn function 'do_exit' is rejected.", "never returns"},
		{"invalid mem access 'scalar'", ""},
	} {
		why := targetRefusal(strings.Split(test.log, "\n"))
		if !strings.Contains(why, test.why) || (why == "") != (test.why == "") {
			t.Errorf("%q: %q, want %q", test.log, why, test.why)
		}
	}
}

func TestVerifierErrorText(t *testing.T) {
	e := readVerifierLog([]string{
		"0: R1=ctx() R10=fp0",
		"; u32 x = *p; @ specs/net/tcp.yaml:12",
		"0: (61) r0 = *(u32 *)(r1 +0)",
		"; @ tcp.bpf.c:99",
		"R1 invalid mem access 'scalar'",
		"processed 1 insns (limit 1000000)",
	}, "tcp.yaml")
	e.Program = "tcp_kprobe"
	const want = "tcp.yaml:12: the verifier rejects tcp_kprobe: a number is used as a pointer: kernel memory is read by bpf_probe_read_kernel, not by * (R1 invalid mem access 'scalar')"
	if e.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", e, want)
	}
}

// Any log gives an answer, and a line that is in it.
func FuzzVerifierLog(f *testing.F) {
	f.Add("0: R1=ctx()\n; x @ a.yaml:7\n0: (79) r1 = *(u64 *)(r1 +8)\nR1 !read_ok\nprocessed 1 insns")
	f.Add("; instruction poisoned by CO-RE @ :0\n3: (85) call unknown#195896080\ninvalid func unknown#195896080")
	f.Add("func 'x' arg1 type FWD is not a struct\n\n")
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		log := strings.Split(text, "\n")
		e := readVerifierLog(log, "a.yaml")
		if e.Line < 0 || len(e.Log) != len(log) || len(e.Tail) > tailLines {
			t.Errorf("line %d, %d of %d lines, a tail of %d", e.Line, len(e.Log), len(log), len(e.Tail))
		}
		if (e.Cause != "" || e.Verdict != "") && !strings.Contains(text, e.Verdict) {
			t.Errorf("verdict %q is not in the log", e.Verdict)
		}
		_, _ = e.Error(), targetRefusal(log)
		_ = lastInstruction(log)
	})
}

// TestPatterns compiles the patterns of all rows, which a run does only when it needs one.
func TestPatterns(t *testing.T) {
	for _, r := range append(slices.Clone(rejections), targetRefusals...) {
		if _, err := regexp.Compile(r.pattern); err != nil {
			t.Error(err)
		}
	}
}
