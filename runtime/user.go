package runtime

import (
	"errors"
	"fmt"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"

	"github.com/ebgen/ebgen/runtime/attach"
	"github.com/ebgen/ebgen/spec/binary"
	"github.com/ebgen/ebgen/spec/plan"
)

// A program that is attached to functions by a pattern, and asks which one was hit, has a
// function that gives its number, a key of the map of names.
const (
	hitFunction  = "function_hit"
	functionsMap = "functions"
	functionName = 64 // bytes of a name in the map, its NUL included
)

// multiByPidSince is the kernel whose links at many sites know a process by more than its
// first thread (commit 46ba0e49b642, "bpf: fix multi-uprobe PID filtering logic").
var multiByPidSince = version{6, 10}

// variant is one copy of a program and the sites at which it runs.
type variant struct {
	sites   []attach.Site
	cookies []uint64
	replace map[string]asm.Instructions // of functions, by their symbols
}

// attachUser loads and attaches one alternative in user space. A program that asks for
// the arguments of a USDT probe is loaded once for each way in which sites pass them.
func (t *tracer) attachUser(a *plan.Attachment) error {
	spec := t.spec.Programs[a.Program]
	if spec == nil {
		return fmt.Errorf("the object has no program called %s", a.Program)
	}
	place, err := attach.Locate(a.Kind, a.Target, t.pid)
	if err != nil {
		return err
	}
	if err := samePassing(a, place); err != nil {
		return err
	}
	variants, err := t.variants(a, spec, place)
	if err != nil {
		return err
	}
	links, programs := len(t.links), len(t.programs)
	for i := range variants {
		if err := t.attachVariant(a, place, &variants[i]); err != nil {
			return errors.Join(err, t.release(links, programs))
		}
	}
	t.verbose("%s:%s: %s", a.Kind, a.Target, describe(place, len(variants)))
	return nil
}

// samePassing refuses a program that takes arguments where functions of Go have them when the
// file is not of Go, and the other way round.
func samePassing(a *plan.Attachment, place *attach.Place) error {
	refuse := func(why string) error {
		return &attach.Refusal{Kind: a.Kind, Target: a.Target, Why: why, Err: errors.New(why)}
	}
	for _, call := range a.Calls {
		for _, from := range call.Args {
			switch {
			case from.From == plan.GoRegister && !place.Go:
				return refuse(place.Path + " is not of Go, whose functions take arguments in other registers")
			case from.From == plan.Register && place.Go:
				return refuse(place.Path + " is of Go, whose functions take arguments in other registers")
			}
		}
	}
	return nil
}

// attachVariant loads and attaches one copy of a program.
func (t *tracer) attachVariant(a *plan.Attachment, place *attach.Place, v *variant) error {
	o := attach.Options{Pid: t.pid, Cookies: v.cookies}
	o.Multi = (len(v.sites) > 1 || !administer()) && attach.Multi() && (t.pid == 0 || !runningKernel().before(multiByPidSince))
	program, err := t.load(a, func(spec *ebpf.ProgramSpec) {
		if o.Multi {
			spec.AttachType = ebpf.AttachTraceUprobeMulti
		}
		for symbol, code := range v.replace {
			spec.Instructions = replaceFunction(spec.Instructions, symbol, code)
		}
		if t.pid != 0 && inFirstPidNamespace() {
			spec.Instructions = onlyIn(spec.Instructions, t.pid)
		}
	})
	if err != nil {
		return err
	}
	l, err := attach.At(a.Kind, a.Target, place.Path, v.sites, o, program)
	if err != nil {
		return errors.Join(err, program.Close())
	}
	t.programs = append(t.programs, program)
	t.links = append(t.links, l)
	return nil
}

// firstPidNamespace is the inode of the first pid namespace (PROC_PID_INIT_INO,
// include/linux/proc_ns.h).
const firstPidNamespace = 0xEFFFFFFC

// inFirstPidNamespace reports whether pids are for us what they are for a program.
func inFirstPidNamespace() bool {
	var s unix.Stat_t
	return unix.Stat("/proc/self/ns/pid", &s) == nil && s.Ino == firstPidNamespace
}

// variants says which copies of a program a place needs.
func (t *tracer) variants(a *plan.Attachment, spec *ebpf.ProgramSpec, place *attach.Place) ([]variant, error) {
	if a.Kind == plan.USDT {
		return noteVariants(a, spec, place)
	}
	if !hasFunction(spec.Instructions, hitFunction) {
		return []variant{{sites: place.Sites}}, nil
	}
	return t.hitVariants(place)
}

// hitVariants numbers the functions of a place. Where a program cannot ask for its site's
// number, each site has a copy that knows it.
func (t *tracer) hitVariants(place *attach.Place) ([]variant, error) {
	names := t.maps[functionsMap]
	if names == nil {
		return nil, fmt.Errorf("the object has no map called %s", functionsMap)
	}
	all := variant{sites: place.Sites, replace: map[string]asm.Instructions{hitFunction: {
		asm.FnGetAttachCookie.Call(), // its context is our argument
		asm.Return(),
	}}}
	var each []variant
	for i := range place.Sites {
		var name [functionName]byte
		copy(name[:functionName-1], place.Sites[i].Name)
		t.hit++
		if err := names.Put(t.hit, name[:]); err != nil {
			return nil, fmt.Errorf("map %s: %w", functionsMap, err)
		}
		all.cookies = append(all.cookies, uint64(t.hit))
		each = append(each, variant{sites: place.Sites[i : i+1], replace: map[string]asm.Instructions{hitFunction: {
			asm.Mov.Imm(asm.R0, int32(t.hit)),
			asm.Return(),
		}}})
	}
	if attach.Cookies() {
		return []variant{all}, nil
	}
	return each, nil
}

// noteVariants puts the sites of a USDT probe together that pass the arguments that the
// program asks for in the same way, and writes the functions that take them from there.
func noteVariants(a *plan.Attachment, spec *ebpf.ProgramSpec, place *attach.Place) ([]variant, error) {
	var wanted []int
	for i := range spec.Instructions {
		if index, ok := noteIndex(spec.Instructions[i].Symbol()); ok {
			wanted = append(wanted, index)
		}
	}
	var variants []variant
	var layouts [][]binary.Arg
sites:
	for _, site := range place.Sites {
		args, err := notesOf(site, wanted)
		if err != nil {
			return nil, &attach.Refusal{Kind: a.Kind, Target: a.Target, Why: err.Error(), Err: err}
		}
		for i := range layouts {
			if binary.SameLayout(layouts[i], args) {
				variants[i].sites = append(variants[i].sites, site)
				continue sites
			}
		}
		v := variant{sites: []attach.Site{site}, replace: make(map[string]asm.Instructions)}
		for i, index := range wanted {
			code, err := noteCode(args[i])
			if err != nil {
				err = fmt.Errorf("argument %d at %#x of %s: %w", index, site.Offset, place.Path, err)
				return nil, &attach.Refusal{Kind: a.Kind, Target: a.Target, Why: err.Error(), Err: err}
			}
			v.replace[noteFunction(index)] = code
		}
		layouts, variants = append(layouts, args), append(variants, v)
	}
	return variants, nil
}

// notesOf returns the arguments of a site that are wanted, those relative to the instruction
// pointer as relative to what it is at this site.
func notesOf(site attach.Site, wanted []int) ([]binary.Arg, error) {
	args := make([]binary.Arg, len(wanted))
	for i, index := range wanted {
		if index >= len(site.Args) {
			return nil, fmt.Errorf("the probe has %d arguments at %#x, args.%d is not among them", len(site.Args), site.Offset, index)
		}
		args[i] = site.Args[index]
		if args[i].Relative {
			args[i].Value -= int64(site.Address)
		}
	}
	return args, nil
}

// namesShown is how many functions of a pattern are named.
const namesShown = 1024

// describe says where a probe lies: `/usr/bin/bash: readline`.
func describe(p *attach.Place, variants int) string {
	var names []string
	seen := make(map[string]bool)
	for _, s := range p.Sites {
		if !seen[s.Name] && len(names) < namesShown {
			names = append(names, s.Name)
		}
		seen[s.Name] = true
	}
	text := p.Path + ": " + strings.Join(names, ", ")
	if len(p.Sites) > 1 {
		text += fmt.Sprintf(" (%d sites)", len(p.Sites))
	}
	if variants > 1 {
		text += fmt.Sprintf(", %d programs", variants)
	}
	return text
}
