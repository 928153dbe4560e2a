package ktype

import (
	"slices"
	"strings"
)

// syscall is one row of the table of system calls. The table depends on the kernel that
// makes it, so it is made by hand and not by go generate: see internal/gensyscalls.
type syscall struct {
	traced       string // as its tracepoints are called: sys_enter_TRACED
	name         string // as its number is called, "" when that is the same
	amd64, arm64 int    // -1 where there is none
	args         string // types and names, as C lists them
	arm64Args    string // where they differ, else ""
}

// The records of syscalls:sys_enter_X and sys_exit_X: struct syscall_trace_enter and
// struct syscall_trace_exit, kernel/trace/trace.h.
const (
	syscallCategory  = "syscalls"
	enterPrefix      = "sys_enter_"
	exitPrefix       = "sys_exit_"
	syscallNumberAt  = 8  // int nr, behind struct trace_entry
	syscallArgsAt    = 16 // unsigned long args[], or long ret
	syscallWordBytes = 8
)

// Syscall returns the prototype of a system call that the kernel has, by the name of its
// number or of its tracepoints (uname, newuname); the Signature has the latter. Every
// pointer leads into user memory. The error is a *NotFound.
func (k *Kernel) Syscall(name string) (*Signature, error) {
	at := slices.IndexFunc(syscalls, func(s syscall) bool { return s.traced == name })
	if at < 0 {
		at = slices.IndexFunc(syscalls, func(s syscall) bool { return s.name == name && name != "" })
	}
	if at < 0 {
		return nil, k.notFound("system call", name, k.nearestSyscalls)
	}
	row := syscalls[at]
	if _, ok := SyscallNumber(k.Arch(), row.traced); !ok || row.args != "" && !k.makes(row.traced) {
		return nil, k.notFound("system call", name, k.nearestSyscalls)
	}
	sig := &Signature{Name: row.traced, Return: Type{Kind: Int, Size: 8, Signed: true, Name: "long", kernel: k}}
	args := row.args
	if row.arm64Args != "" && k.Arch() == arm64 {
		args = row.arm64Args
	}
	for arg := range strings.SplitSeq(args, ", ") {
		if arg == "" {
			continue
		}
		split := strings.LastIndexAny(arg, " *") + 1
		t, ok := k.cType(arg[:split])
		if !ok {
			t = word(syscallWordBytes, false)
		}
		t.User = t.Kind == Pointer
		sig.Params = append(sig.Params, Param{Name: arg[split:], Type: t})
	}
	return sig, nil
}

// implementations are what the functions of system calls begin with (SYSCALL_DEFINEx:
// arch/x86/include/asm/syscall_wrapper.h and arch/arm64/include/asm/syscall_wrapper.h).
var implementations = map[string]string{amd64: "__x64_sys_", arm64: "__arm64_sys_"}

// makes reports whether the kernel implements a system call that has arguments; of the
// others types do not tell. Nor do those without any such function, of which read would be
// one: then it may.
func (k *Kernel) makes(traced string) bool {
	has := func(name string) bool {
		_, err := k.Function(implementations[k.Arch()] + name)
		return err == nil
	}
	return has(traced) || !has("read")
}

// nearestSyscalls returns the names nearest to one, of the system calls of the kernel's
// architecture.
func (k *Kernel) nearestSyscalls(name string) []string {
	var known []string
	for _, s := range syscalls {
		if _, ok := SyscallNumber(k.Arch(), s.traced); !ok {
			continue
		}
		known = append(known, s.traced)
		if s.name != "" {
			known = append(known, s.name)
		}
	}
	return Nearest(name, known)
}

// IsSyscall reports whether some architecture has a system call of a name.
func IsSyscall(name string) bool {
	return slices.ContainsFunc(syscalls, func(s syscall) bool { return s.traced == name || s.name == name && name != "" })
}

// SyscallNumber is the number of a system call on an architecture.
func SyscallNumber(arch, name string) (int, bool) {
	for _, s := range syscalls {
		if s.traced != name && (s.name != name || name == "") {
			continue
		}
		number := s.amd64
		if arch == arm64 {
			number = s.arm64
		}
		return number, number >= 0
	}
	return 0, false
}

// syscallFormat is the record of sys_enter_X or sys_exit_X.
func (k *Kernel) syscallFormat(event string) (*Format, error) {
	name, enter := strings.CutPrefix(event, enterPrefix)
	name, exit := strings.CutPrefix(name, exitPrefix)
	if enter == exit {
		return nil, k.notFound("tracepoint", syscallCategory+":"+event, k.NearestEvents)
	}
	sig, err := k.Syscall(name)
	if err != nil || sig.Name != name {
		return nil, k.notFound("tracepoint", syscallCategory+":"+event, k.NearestEvents)
	}
	number := Type{Kind: Int, Size: 4, Signed: true, Name: "int", kernel: k}
	f := &Format{Name: event, Fields: []FormatField{
		{Name: "__syscall_nr", Type: number, Offset: syscallNumberAt, Size: number.Size, Signed: true},
	}}
	if exit {
		sig.Params = []Param{{Name: "ret", Type: sig.Return}}
	}
	for i, p := range sig.Params {
		f.Fields = append(f.Fields, FormatField{
			Name: p.Name, Type: p.Type, Offset: syscallArgsAt + i*syscallWordBytes,
			Size: p.Type.Size, Signed: p.Type.Signed,
		})
	}
	return f, nil
}
