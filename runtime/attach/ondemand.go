package attach

import (
	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

var onDemandCauses = []cause{
	{ebpf.ErrNotSupported, "this kernel does not run raw tracepoint programs when it is asked to (Linux 5.10)"},
	{unix.EPERM, "the kernel refuses to run programs when it is asked to (EPERM)"},
}

// onDemandHook is a raw tracepoint program on no tracepoint.
type onDemandHook struct{ program *ebpf.Program }

func onDemand(_ string, program *ebpf.Program) (hook, error) { return onDemandHook{program}, nil }

// run runs the program in this process, on the CPU that we are on (BPF_PROG_TEST_RUN,
// bpf_prog_test_run_raw_tp, net/bpf/test_run.c, Linux 5.10).
func (h onDemandHook) run(func() error) error {
	_, err := h.program.Run(nil)
	return err
}

func (h onDemandHook) Close() error { return nil }
