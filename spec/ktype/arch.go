package ktype

// Architectures, as Go names them.
const (
	amd64 = "amd64"
	arm64 = "arm64"
)

// Arch is the architecture of the kernel as Go names it: "arm64" or, for any other,
// "amd64". BTF does not say; struct pt_regs of arm64 alone holds a pstate
// (arch/arm64/include/asm/ptrace.h).
func (k *Kernel) Arch() string {
	if k.arch == "" {
		k.arch = amd64
		if regs, err := k.tagged("pt_regs", false); err == nil {
			if _, err := regs.Member("pstate"); err == nil {
				k.arch = arm64
			}
		}
	}
	return k.arch
}
