package attach

import (
	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

var rawTracepointCauses = []cause{
	{unix.ENOENT, "this kernel has no tracepoint TARGET, or the module that has it is not loaded"},
	{unix.EPERM, "the kernel refuses to attach to raw tracepoints (EPERM)"},
	{unix.EACCES, "the kernel refuses to attach to raw tracepoints (EACCES)"},
}

// rawTracepoint attaches to a tracepoint by its bare name, before its arguments are
// copied into a record (BPF_RAW_TRACEPOINT_OPEN, Linux 4.17).
func rawTracepoint(target string, program *ebpf.Program) (hook, error) {
	return kernelLink(link.AttachRawTracepoint(link.RawTracepointOptions{Name: target, Program: program}))
}
