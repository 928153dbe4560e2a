package stack

import (
	"slices"
	"strings"
	"testing"
)

// A stack begins where the event was, not in the program that took it; programs of others
// stay in it.
func TestOwnFrames(t *testing.T) {
	for _, test := range []struct{ taken, want string }{
		{"bpf_prog_d931_stack_of bpf_prog_17ac_offcputime bpf_trace_run4 __traceiter_sched_switch __schedule schedule", "__schedule schedule"},
		{"- - bpf_trace_run4 __schedule", "__schedule"},
		{"bpf_prog_17ac_sends bpf_trampoline_6442 tcp_sendmsg", "tcp_sendmsg"},
		{"tcp_sendmsg bpf_prog_17ac_other bpf_trace_run4 __schedule", "tcp_sendmsg bpf_prog_17ac_other bpf_trace_run4 __schedule"},
		{"- tcp_sendmsg", "- tcp_sendmsg"},
		{"", ""},
	} {
		var frames []Frame
		for name := range strings.FieldsSeq(test.taken) {
			frames = append(frames, Frame{Name: strings.TrimPrefix(name, "-")})
		}
		var got []string
		for _, f := range withoutOwn(frames) {
			if f.Name == "" {
				f.Name = "-"
			}
			got = append(got, f.Name)
		}
		if !slices.Equal(got, strings.Fields(test.want)) {
			t.Errorf("%s: %s, want %s", test.taken, got, test.want)
		}
	}
}
