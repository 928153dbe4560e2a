package runtime

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"github.com/cilium/ebpf/asm"

	"github.com/ebgen/ebgen/runtime/internal/object"
	"github.com/ebgen/ebgen/spec/plan"
)

// helperCall is the instruction that calls a helper, as it lies in an object.
func helperCall(helper asm.BuiltinFunc) string {
	return string(binary.LittleEndian.AppendUint32([]byte{0x85, 0, 0, 0}, uint32(helper)))
}

// A bundle that somebody has edited is refused before the kernel is asked, in words, however
// well its checksum fits.
func TestHostileBundle(t *testing.T) {
	for _, test := range []struct {
		name, from, to string // of the object, as long as each other
		program        string
		want           string
	}{
		{"a helper that kills", helperCall(asm.FnGetCurrentPidTgid), helperCall(asm.FnSendSignal), "calls_rawtracepoint", "calls the helper bpf_send_signal: a tracer may only observe"},
		{"a helper that writes", helperCall(asm.FnGetCurrentPidTgid), helperCall(asm.FnProbeWriteUser), "calls_rawtracepoint", "calls the helper bpf_probe_write_user"},
		{"a kernel function", helperCall(asm.FnGetCurrentPidTgid), "\x85\x20\x00\x00\x0e\x00\x00\x00", "calls_rawtracepoint", "calls the kernel function "},
		{"a call of nothing", helperCall(asm.FnGetCurrentPidTgid), "\x85\x30\x00\x00\x0e\x00\x00\x00", "calls_rawtracepoint", "calls what is neither a function"},
		{"another kind of program", "raw_tp/sys_enter", "cgroup/sock_ops\x00", "calls_rawtracepoint", "a rawtracepoint is a RawTracepoint"},
		{"a program that is not there", "calls_rawtracepoint", "calls_rawtracepoinx", "calls_rawtracepoint", "program calls_rawtracepoint is in the plan and not in the object"},
		{"no object", "\x7fELF", "\x7fELG", "calls_rawtracepoint", "read the compiled object"},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := calls(t, plan.Attachment{Kind: plan.RawTracepoint, Target: "sys_enter", Program: test.program})
			edited := bytes.ReplaceAll(object.Load(t, "testdata/calls.c"), []byte(test.from), []byte(test.to))
			if len(edited) != len(b.Object) || bytes.Equal(edited, b.Object) {
				t.Fatalf("%q is not in the object", test.from)
			}
			b.Object = edited
			var stored bytes.Buffer
			if err := b.Encode(&stored); err != nil {
				t.Fatal(err)
			}
			b, err := plan.DecodeBundle(stored.Bytes())
			if err != nil {
				t.Fatal(err)
			}
			_, err = trace(t, b, Options{Params: me(), Sink: new(list)}, func() { t.Error("it runs") })
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
			var rejected *VerifierError
			if errors.As(err, &rejected) {
				t.Error("the kernel was asked")
			}
		})
	}
}

// The number that a bundle gives for a kernel function is used where it is right only:
// behind another one is another function.
func TestNumbersOfFunctions(t *testing.T) {
	names := map[uint32]string{7: "bpf_rdonly_cast", 8: "bpf_task_release"}
	name := func(number uint32) (string, error) { return names[number], nil }
	for given, want := range map[uint32]uint32{7: 7, 8: 0, 9: 0, 0: 0} {
		b := &plan.Bundle{Plan: &plan.Plan{Direct: true}, Exact: []plan.Exact{{Kernel: "k", Functions: map[string]uint32{"bpf_rdonly_cast": given}}}}
		k := newKernelTypes(b, Options{KernelID: "k", KernelFunction: name})
		if got := k.numbers()["bpf_rdonly_cast"]; got != want {
			t.Errorf("%d is given, %d is used, want %d", given, got, want)
		}
		for _, o := range []Options{{KernelID: "k"}, {KernelID: "other", KernelFunction: name}, {KernelFunction: name}} {
			if newKernelTypes(b, o).numbers != nil {
				t.Errorf("numbers are used where no function is known by its number: %+v", o)
			}
		}
	}
}

// FuzzObject prepares what the kernel would be given of any object. It ends, without a panic.
func FuzzObject(f *testing.F) {
	for _, source := range []string{"testdata/calls.c", "testdata/table.c", "testdata/user.c"} {
		f.Add(object.Load(f, source))
	}
	p := calls(f, rawTracepoint).Plan
	params, err := ParseParams(p, map[string][]string{"pid": {"1"}, "address": {"::1"}, "pids": {"1,2"}, "networks": {"10.0.0.0/8"}})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		spec, err := prepare(&plan.Bundle{Plan: p, Object: data}, params, 4096, false)
		if err != nil {
			return
		}
		relocates(spec.Programs[rawTracepoint.Program])
	})
}
