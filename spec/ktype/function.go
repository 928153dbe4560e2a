package ktype

import (
	"fmt"

	"github.com/cilium/ebpf/btf"
)

// Signature is the prototype of a function, a tracepoint or a system call.
type Signature struct {
	Name   string
	Params []Param
	Return Type
	Void   bool   // nothing is returned; true of every tracepoint
	Module string // the module that has it, "" for the kernel itself
}

// Param is one parameter.
type Param struct {
	Name string // "arg0", "arg1", … where the kernel gives no name
	Type Type
}

// String spells a signature as C does.
func (s *Signature) String() string {
	text := ""
	for i, p := range s.Params {
		if i > 0 {
			text += ", "
		}
		text += p.Type.spell(p.Name)
	}
	if text == "" {
		text = "void"
	}
	if s.Void {
		return "void " + s.Name + "(" + text + ")"
	}
	return s.Return.spell(s.Name + "(" + text + ")")
}

// Function returns the prototype of a kernel function: vmlinux's, else, for the running
// kernel, that of a loaded module. The error is a *NotFound, or wraps ErrAmbiguous when
// several functions of that name differ in their prototypes: they are static functions
// of several source files, and a probe on the name would hit the wrong one.
func (k *Kernel) Function(name string) (*Signature, error) {
	funcs, module := named[*btf.Func](k, name)
	if len(funcs) == 0 {
		return nil, k.notFound("function", name, k.NearestFunctions)
	}
	var sig *Signature
	for _, f := range funcs {
		next := k.signature(name, f.Type, 0)
		if next == nil || len(funcs) > 1 && next.stub() {
			continue
		}
		if sig != nil && sig.String() != next.String() {
			return nil, ambiguous("function "+name, k, len(funcs))
		}
		sig = next
	}
	if sig == nil {
		return nil, k.notFound("function", name, k.NearestFunctions)
	}
	sig.Module = module
	return sig, nil
}

// stub reports whether a function stands in for one that is not compiled in: the weak
// system calls of kernel/sys_ni.c name their parameter so (__COND_SYSCALL,
// arch/x86/include/asm/syscall_wrapper.h), and BTF up to 6.1 lists them beside the real.
func (s *Signature) stub() bool {
	return len(s.Params) == 1 && s.Params[0].Name == "__unused"
}

func ambiguous(what string, k *Kernel, n int) error {
	return fmt.Errorf("%s: %w: kernel %s has %d of that name and they differ", what, ErrAmbiguous, k.release, n)
}

// signature turns a function prototype into a Signature that leaves out its first skip
// parameters. Nil when raw is no prototype.
func (k *Kernel) signature(name string, raw btf.Type, skip int) *Signature {
	proto, ok := raw.(*btf.FuncProto)
	if !ok || len(proto.Params) < skip {
		return nil
	}
	sig := &Signature{Name: name, Return: k.typeOf(proto.Return)}
	sig.Void = sig.Return.Kind == Void
	for i, p := range proto.Params[skip:] {
		if p.Name == "" {
			p.Name = fmt.Sprintf("arg%d", i)
		}
		sig.Params = append(sig.Params, Param{Name: p.Name, Type: k.typeOf(p.Type)})
	}
	return sig
}

// What the macros of include/linux/tracepoint.h and include/trace/bpf_probe.h leave in
// BTF for the tracepoint X, each with a first parameter __data that is no argument.
const (
	traceIter  = "__traceiter_" // function per tracepoint, names its parameters (Linux 5.10)
	probeStub  = "__probestub_" // function per tracepoint, mostly without names (Linux 6.3)
	bpfTrace   = "__bpf_trace_" // function per event class, with names
	btfTypedef = "btf_trace_"   // typedef of a function pointer per tracepoint, without names (Linux 5.5)
)

// RawTracepoint returns the arguments of a tracepoint as raw_tp and tp_btf programs see
// them. The types are those of the tracepoint itself; names come from the first of its
// functions that has them. The error is a *NotFound.
func (k *Kernel) RawTracepoint(name string) (*Signature, error) {
	sig := k.traceFunction(traceIter+name, name)
	if sig == nil {
		typedefs, module := named[*btf.Typedef](k, btfTypedef+name)
		if len(typedefs) == 0 {
			return nil, k.notFound("tracepoint", name, k.NearestTracepoints)
		}
		pointer, ok := typedefs[0].Type.(*btf.Pointer)
		if !ok {
			return nil, k.notFound("tracepoint", name, k.NearestTracepoints)
		}
		if sig = k.signature(name, pointer.Target, 1); sig == nil {
			return nil, k.notFound("tracepoint", name, k.NearestTracepoints)
		}
		sig.Module = module
	}
	for _, prefix := range []string{probeStub, bpfTrace} {
		if len(sig.Params) > 0 && sig.Params[0].Name == "arg0" {
			if other := k.traceFunction(prefix+name, name); other != nil && len(other.Params) == len(sig.Params) {
				for i := range sig.Params {
					sig.Params[i].Name = other.Params[i].Name
				}
			}
		}
	}
	sig.Return, sig.Void = Type{Kind: Void, Name: "void", kernel: k}, true
	return sig, nil
}

// traceFunction is the signature of one of a tracepoint's functions without __data.
func (k *Kernel) traceFunction(function, name string) *Signature {
	funcs, module := named[*btf.Func](k, function)
	if len(funcs) == 0 {
		return nil
	}
	sig := k.signature(name, funcs[0].Type, 1)
	if sig != nil {
		sig.Module = module
	}
	return sig
}

// RunningFunction returns the name of a function by its number in the running kernel's BTF,
// "" when that number is none of a function. The types before it are walked and not decoded,
// which takes a millisecond or two.
func RunningFunction(id uint32) (string, error) {
	data, err := mapFile(vmlinux)
	if err != nil {
		return "", err
	}
	raw, err := cutRaw(data, nil)
	if err != nil {
		return "", fmt.Errorf("read %s: %w", vmlinux, err)
	}
	at, size := 0, 0
	for n := uint32(1); at <= len(raw.types)-btfTypeLen; n++ {
		var t rawType
		if t, size = raw.typeAt(at); size == 0 {
			break
		}
		if n == id && t.kind == rawFunc {
			return string(raw.text(t.name)), nil
		}
		if n == id {
			break
		}
		at += size
	}
	return "", nil
}
