package runtime

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"

	"github.com/ebgen/ebgen/spec/plan"
)

// ErrNoBTF is returned when a program needs the kernel's types and there are none.
var ErrNoBTF = errors.New("this kernel does not tell its types (no /sys/kernel/btf/vmlinux, CONFIG_DEBUG_INFO_BTF): give them with --btf FILE")

// kernelTypes is the BTF against which programs are relocated. It is read when the
// first program asks: one that reads no kernel struct starts without.
type kernelTypes struct {
	file    string
	structs []plan.Struct
	exact   *plan.Exact              // or nil
	cache   *btf.Cache               // the running kernel's, shared by all loads
	numbers func() map[string]uint32 // of kernel functions; nil when none are known

	loaded bool
	types  *btf.Spec
	err    error
}

// newKernelTypes reads the types from the file Options.BTF, unless that is "". What the bundle
// knows of just the kernel Options.KernelID is used.
func newKernelTypes(b *plan.Bundle, o Options) *kernelTypes {
	k := &kernelTypes{file: o.BTF, structs: b.Plan.Structs, cache: btf.NewCache()}
	at := slices.IndexFunc(b.Exact, func(e plan.Exact) bool { return e.Kernel == o.KernelID })
	if at >= 0 && o.KernelID != "" && o.BTF == "" {
		k.exact = &b.Exact[at]
	}
	if k.exact != nil && o.KernelFunction != nil && (b.Plan.Direct || b.Plan.C != nil) {
		k.numbers = sync.OnceValue(func() map[string]uint32 { return rightNumbers(k.exact.Functions, o.KernelFunction) })
		go k.numbers() // some milliseconds; whoever needs them waits
	}
	return k
}

// number puts the numbers of kernel functions into their calls, where they are known: the
// library would look for them in all of the kernel's types.
func (k *kernelTypes) number(program *ebpf.ProgramSpec) {
	if k.numbers == nil {
		return
	}
	for i := range program.Instructions {
		ins := &program.Instructions[i]
		if !ins.IsKfuncCall() {
			continue
		}
		if id := k.numbers()[ins.Reference()]; id != 0 {
			program.Instructions[i] = asm.Instruction{OpCode: ins.OpCode, Src: ins.Src, Constant: int64(id)}.WithSource(ins.Source())
		}
	}
}

// rightNumbers returns the numbers of kernel functions that a bundle gives, as far as they
// are right. A bundle is not trusted: behind another number is another function.
func rightNumbers(given map[string]uint32, name func(number uint32) (string, error)) map[string]uint32 {
	right := map[string]uint32{}
	for function, number := range given {
		if found, err := name(number); err == nil && found == function {
			right[function] = number
		}
	}
	return right
}

// forProgram returns the types to relocate a program against; nil lets the library take
// the kernel's and those of every loaded module.
func (k *kernelTypes) forProgram(spec *ebpf.ProgramSpec) (*btf.Spec, error) {
	if !relocates(spec) {
		return nil, nil
	}
	if !k.loaded {
		k.types, k.err = k.load()
		k.loaded = true
	}
	return k.types, k.err
}

// load reads the file or the kernel's own BTF. Modules are left out unless one of them
// has a struct that the plan reads: parsing them all takes longer than all the rest.
func (k *kernelTypes) load() (*btf.Spec, error) {
	if k.exact != nil {
		return btf.LoadSplitSpecFromReader(bytes.NewReader(k.exact.Types), nil)
	}
	if k.file != "" {
		types, err := btf.LoadSpec(k.file)
		if err != nil {
			return nil, fmt.Errorf("read kernel types from %s: %w", k.file, err)
		}
		return types, nil
	}
	types, err := k.cache.Kernel()
	if err != nil {
		return nil, fmt.Errorf("%w (%w)", ErrNoBTF, err)
	}
	for _, s := range k.structs {
		if _, err := types.AnyTypesByName(s.Name); errors.Is(err, btf.ErrNotFound) {
			return nil, nil
		}
	}
	return types, nil
}

// relocates reports whether any instruction depends on the kernel's types.
func relocates(spec *ebpf.ProgramSpec) bool {
	for i := range spec.Instructions {
		if btf.CORERelocationMetadata(&spec.Instructions[i]) != nil {
			return true
		}
	}
	return false
}
