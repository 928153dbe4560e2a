package attach

import (
	"syscall"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

// enotsupp is the kernel's own ENOTSUPP (include/linux/errno.h), which user space
// should not see and does where a trampoline cannot be patched in.
const enotsupp = syscall.Errno(524)

// The first rows are errors of loading, since the target of fentry and fexit is part of
// the program; the library reports a function that BTF lacks as "not supported".
var tracingCauses = []cause{
	{btf.ErrMultipleMatches, "several functions of this kernel are called TARGET"},
	{unix.EPERM, "the kernel refuses fentry and fexit programs (EPERM)"},
	{unix.EACCES, "the kernel refuses fentry and fexit programs (EACCES)"},
	{enotsupp, "this kernel has no trampolines for BPF (CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS), or none for TARGET"},
	{unix.EBUSY, "TARGET is held by a live patch or another direct caller of ftrace (EBUSY)"},
	{unix.E2BIG, "TARGET already has as many programs as a trampoline holds (BPF_MAX_TRAMP_LINKS is 38)"},
	{ebpf.ErrNotSupported, "the kernel's BTF has no function TARGET, which is absent, inlined or renamed, or it has more arguments than this kernel's trampolines pass"},
	{unix.ENOENT, "this kernel has no function TARGET that can be traced"},
	{unix.EINVAL, "this kernel cannot trace TARGET by fentry or fexit (EINVAL)"},
}

// tracing attaches to a function's entry or exit by a trampoline (Linux 5.5). The
// program names its target already, so the argument is only for messages.
func tracing(at ebpf.AttachType) func(string, *ebpf.Program) (hook, error) {
	return func(_ string, program *ebpf.Program) (hook, error) {
		return kernelLink(link.AttachTracing(link.TracingOptions{Program: program, AttachType: at}))
	}
}
