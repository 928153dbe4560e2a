package ktype

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"
)

// names walks the names of all types of some kinds, the modules' included.
func (k *Kernel) names(kinds []rawKind, visit func(name string)) {
	k.each(func(m image) bool {
		for t := range m.raw.all() {
			if t.name != 0 && slices.Contains(kinds, t.kind) {
				visit(string(m.raw.text(t.name)))
			}
		}
		return true
	})
}

// nearestOf returns a search for the nearest names among types of some kinds.
func (k *Kernel) nearestOf(kinds ...rawKind) func(string) []string {
	return func(name string) []string {
		r := newRanking(name, maxHints)
		k.names(kinds, func(other string) { r.offer(other, other) })
		return r.names()
	}
}

// Nearest returns up to three of the known names, those most like a wrong one, the
// nearest first.
func Nearest(wrong string, known []string) []string {
	r := newRanking(wrong, maxHints)
	for _, name := range known {
		r.offer(name, name)
	}
	return r.names()
}

// NearestFunctions returns the functions whose names are most like name.
func (k *Kernel) NearestFunctions(name string) []string { return k.nearestOf(rawFunc)(name) }

// NearestTags returns the tags of structs, unions or enums that are most like name.
func (k *Kernel) NearestTags(keyword, name string) []string {
	return k.nearestOf(tagKinds[keyword]...)(name)
}

// tagKinds are the BTF kinds that a keyword of C introduces; without one, a typedef.
var tagKinds = map[string][]rawKind{
	"struct": {rawStruct},
	"union":  {rawUnion},
	"enum":   {rawEnum, rawEnum64},
	"":       {rawTypedef},
}

// NearestConstants returns the enumerators and macros whose names are most like name.
func (k *Kernel) NearestConstants(name string) []string {
	r := newRanking(name, maxHints)
	k.each(func(m image) bool {
		for t := range m.raw.enums() {
			for v := range m.raw.values(t) {
				text := string(m.raw.text(v))
				r.offer(text, text)
			}
		}
		return true
	})
	for _, macro := range Macros(k.Arch()) {
		r.offer(macro, macro)
	}
	return r.names()
}

// NearestTracepoints returns the raw tracepoints whose names are most like name.
func (k *Kernel) NearestTracepoints(name string) []string {
	r := newRanking(name, maxHints)
	for _, other := range k.RawTracepoints() {
		r.offer(other, other)
	}
	return r.names()
}

// NearestEvents returns the classic tracepoints, as category:name, that are most like
// one: an event of the same name in another category first.
func (k *Kernel) NearestEvents(event string) []string {
	all, err := k.Tracepoints()
	if err != nil {
		return nil
	}
	_, name, _ := strings.Cut(event, ":")
	var hints []string
	for _, other := range all {
		if _, its, _ := strings.Cut(other, ":"); its == name && len(hints) < maxHints {
			hints = append(hints, other)
		}
	}
	if len(hints) > 0 {
		return hints
	}
	r := newRanking(event, maxHints)
	for _, other := range all {
		r.offer(other, other)
	}
	return r.names()
}

// Functions lists the kernel's functions whose names match a pattern of path.Match,
// sorted and each once. A static function that BTF has but the compiler inlined
// everywhere is listed too.
func (k *Kernel) Functions(pattern string) ([]string, error) {
	if _, err := path.Match(pattern, ""); err != nil {
		return nil, err
	}
	var found []string
	k.names([]rawKind{rawFunc}, func(name string) {
		if ok, _ := path.Match(pattern, name); ok {
			found = append(found, name)
		}
	})
	slices.Sort(found)
	return slices.Compact(found), nil
}

// RawTracepoints lists the kernel's tracepoints, sorted.
func (k *Kernel) RawTracepoints() []string {
	var found []string
	add := func(event string) { found = append(found, event) }
	k.prefixed(rawTypedef, btfTypedef, add)
	k.prefixed(rawFunc, traceIter, add)
	slices.Sort(found)
	return slices.Compact(found)
}

// Tracepoints lists the running kernel's classic tracepoints as category:name, sorted.
// A stored kernel's are not known.
func (k *Kernel) Tracepoints() ([]string, error) {
	if !k.running {
		return nil, fmt.Errorf("the BTF of kernel %s does not list its classic tracepoints: only tracefs of the running kernel does", k.release)
	}
	t, err := k.events()
	if err != nil {
		return nil, err
	}
	categories, err := t.Folders("events")
	if err != nil {
		return nil, err
	}
	var all []string
	for _, category := range categories {
		names, err := t.Folders("events/" + category)
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			all = append(all, category+":"+name)
		}
	}
	return all, nil
}

// AttachableEvents is the tracepoints that programs of BPF can be attached to: those with a
// btf_trace_ typedef (include/trace/bpf_probe.h). The others are for code of the kernel.
func (k *Kernel) AttachableEvents() map[string]bool {
	found := map[string]bool{}
	k.prefixed(rawTypedef, btfTypedef, func(event string) { found[event] = true })
	return found
}

// Iterators lists what programs can iterate over, sorted: of each kind of object BTF has
// the arguments (struct bpf_iter__NAME) and the function that a program stands for
// (DEFINE_BPF_ITER_FUNC, include/linux/bpf.h, Linux 5.8).
func (k *Kernel) Iterators() []string {
	contexts := map[string]bool{}
	k.prefixed(rawStruct, "bpf_iter__", func(object string) { contexts[object] = true })
	var found []string
	k.prefixed(rawFunc, "bpf_iter_", func(object string) {
		if contexts[object] {
			found = append(found, object)
		}
	})
	slices.Sort(found)
	return slices.Compact(found)
}

// prefixed walks the names of one kind that begin alike, and gives the rest of each.
func (k *Kernel) prefixed(kind rawKind, prefix string, visit func(rest string)) {
	k.each(func(m image) bool {
		for t := range m.raw.all() {
			if t.kind != kind || t.name == 0 {
				continue
			}
			if name := m.raw.text(t.name); len(name) > len(prefix) && string(name[:len(prefix)]) == prefix {
				visit(string(name[len(prefix):]))
			}
		}
		return true
	})
}

// Syscalls lists the system calls of the kernel's architecture as Syscall knows them: the
// name of the number and, where it differs, that of the tracepoints (uname, newuname).
func (k *Kernel) Syscalls() (names [][2]string) {
	for _, s := range syscalls {
		number := s.amd64
		if k.Arch() == arm64 {
			number = s.arm64
		}
		if number >= 0 {
			names = append(names, [2]string{cmp.Or(s.name, s.traced), s.traced})
		}
	}
	return names
}
