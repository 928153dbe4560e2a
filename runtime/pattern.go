package runtime

import (
	"errors"
	"fmt"
	"strings"

	"github.com/cilium/ebpf"

	"github.com/ebgen/ebgen/runtime/attach"
	"github.com/ebgen/ebgen/spec/plan"
)

// attachPattern loads and attaches one alternative at every function of the kernel that its
// pattern means: by one link where the kernel has those (CONFIG_FPROBE), else a kprobe each.
// A program that asks which function was hit is told by a number, and on a kernel before
// Linux 5.15 is loaded once for each.
func (t *tracer) attachPattern(a *plan.Attachment) error {
	spec := t.spec.Programs[a.Program]
	if spec == nil {
		return fmt.Errorf("the object has no program called %s", a.Program)
	}
	names, err := attach.KernelFunctions(a.Kind, a.Target)
	if err != nil {
		return err
	}
	place := &attach.Place{}
	for _, name := range names {
		place.Sites = append(place.Sites, attach.Site{Name: name})
	}
	variants := []variant{{sites: place.Sites}}
	if hasFunction(spec.Instructions, hitFunction) {
		if variants, err = t.hitVariants(place); err != nil {
			return err
		}
	}
	links, programs, attached := len(t.links), len(t.programs), 0
	var last error
	for i := range variants {
		n, err := t.attachFunctions(a, &variants[i])
		var refusal *attach.Refusal
		if err != nil && !errors.As(err, &refusal) {
			return errors.Join(err, t.release(links, programs))
		}
		if attached += n; err != nil {
			last = err
		}
	}
	if attached == 0 {
		return last
	}
	t.verbose("%s:%s: %d functions: %s", a.Kind, a.Target, attached, shorten(names))
	return nil
}

// shorten lists the first of many names.
func shorten(names []string) string {
	if len(names) > namesShown {
		return strings.Join(names[:namesShown], ", ") + ", …"
	}
	return strings.Join(names, ", ")
}

// attachFunctions loads one copy of a program and attaches it to its functions. It returns to
// how many: some cannot be probed (__kprobes, notrace), as those that a kprobe itself calls.
func (t *tracer) attachFunctions(a *plan.Attachment, v *variant) (n int, err error) {
	for _, multi := range []bool{true, false} {
		if multi && len(v.sites) < 2 {
			continue
		}
		program, err := t.load(a, func(spec *ebpf.ProgramSpec) {
			if multi {
				spec.AttachType = ebpf.AttachTraceKprobeMulti
			}
			for symbol, code := range v.replace {
				spec.Instructions = replaceFunction(spec.Instructions, symbol, code)
			}
		})
		if err != nil && !multi {
			return 0, err
		}
		if err != nil {
			continue
		}
		l, n, err := attach.Functions(a.Kind, a.Target, v.sites, v.cookies, multi, program)
		if err == nil {
			t.programs, t.links = append(t.programs, program), append(t.links, l)
			return n, nil
		}
		if closed := program.Close(); !multi || closed != nil {
			return 0, errors.Join(err, closed)
		}
	}
	return 0, nil
}
