package gen

import (
	"fmt"
	"maps"
	"path"
	"slices"

	"github.com/cilium/ebpf/btf"

	"github.com/ebgen/ebgen/spec/source"
	"github.com/ebgen/ebgen/spec/vet"
)

// license is what every object declares: most observing helpers are for GPL-compatible
// programs only (gpl_only in struct bpf_func_proto, include/linux/bpf.h).
const license = "Dual BSD/GPL"

// vetObject reads the object as the loader will and refuses whatever could do more than
// observe: a spec from a stranger may bring C, and only the instructions tell what that
// C does.
func (b *build) vetObject() error {
	spec, err := vet.Read(b.object)
	if err != nil {
		return b.blame("the object cannot be read: %v", err)
	}
	planned := vet.Programs(b.plan)
	for _, name := range slices.Sorted(maps.Keys(spec.Programs)) {
		program := spec.Programs[name]
		if _, ok := planned[name]; !ok {
			return b.blame("program %s (section %s) is in the object and not in the plan", name, program.SectionName)
		}
		if program.License != license {
			return b.blame("the licence is %q, want %q", program.License, license)
		}
	}
	var list []source.Diagnostic
	for _, f := range vet.Object(spec, b.plan) {
		list = append(list, source.Diagnostic{Span: b.placeOf(f.At), Message: f.Message})
	}
	switch {
	case len(list) == 0:
		return nil
	case b.plan.C == nil:
		return fmt.Errorf("%w: %s", ErrBug, list[0].Message)
	}
	return b.rejected(nil, list...)
}

// placeOf returns the place in the spec that a line of the object's line information
// means, or that of the spec's own C when it means none.
func (b *build) placeOf(at *btf.Line) source.Span {
	if at == nil || path.Base(at.FileName()) != b.plan.File {
		return b.placeOfEscape()
	}
	return b.place(int(at.LineNumber()), max(1, int(at.LineColumn())))
}

// blame makes an error of what is wrong with the object as a whole: of the spec if it
// brings C, else of ours.
func (b *build) blame(format string, args ...any) error {
	message := fmt.Sprintf(format, args...)
	if b.plan.C == nil {
		return fmt.Errorf("%w: %s", ErrBug, message)
	}
	return b.rejected(nil, source.Diagnostic{Span: b.placeOfEscape(), Message: message})
}
