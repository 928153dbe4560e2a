package listing

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ebgen/ebgen/spec/binary"
	"github.com/ebgen/ebgen/spec/plan"
)

// file lists the functions or USDT probes of one file, BINARY:PATTERN. The pattern matches
// names as the source has them, or as the file has them.
func (l *lister) file(k plan.AttachKind, target string) error {
	name, pattern, ok := strings.Cut(target, ":")
	if !ok || name == "" || pattern == "" {
		return fmt.Errorf("%s probes are of a file: %s:BINARY:*, BINARY being a path, a program or a library such as libc", k, k)
	}
	path, err := binary.Find(name, l.Pid)
	if err != nil {
		return err
	}
	f, err := binary.Open(path)
	if err != nil {
		return err
	}
	list := l.symbols
	if k == plan.USDT {
		list = l.notes
	}
	return errors.Join(list(f, k, name, pattern), f.Close())
}

func (l *lister) symbols(f *binary.File, k plan.AttachKind, file, pattern string) error {
	all, err := f.All()
	if err != nil {
		return err
	}
	if len(all) == 0 {
		return fmt.Errorf("%s has no symbols: it was stripped. An offset in the file still names a place: %s:%s:0x1234", f.Path(), k, file)
	}
	var found []binary.Function
	for _, one := range all {
		if binary.Like(pattern, one.Name) || one.Demangled != "" && binary.Like(pattern, one.Demangled) {
			found = append(found, one)
		}
	}
	slices.SortStableFunc(found, func(a, b binary.Function) int { return cmp.Compare(spelled(a), spelled(b)) })
	found = slices.CompactFunc(found, func(a, b binary.Function) bool { return spelled(a) == spelled(b) })
	for _, one := range found {
		why := l.refusal(k)
		if l.Callable != nil && why == "" {
			if err := l.Callable(f, one, k == plan.Uretprobe); err != nil {
				why = err.Error()
			}
		}
		l.add(l.verdict(string(k)+":"+file+":"+spelled(one), why))
	}
	return nil
}

// spelled is how a spec names a function: as its source does, unless the name holds what a
// probe means something else by.
func spelled(one binary.Function) string {
	if one.Demangled == "" || strings.ContainsAny(one.Demangled, "|$") {
		return one.Name
	}
	return one.Demangled
}

func (l *lister) notes(f *binary.File, k plan.AttachKind, file, pattern string) error {
	all, err := f.Probes()
	if err != nil {
		return err
	}
	if len(all) == 0 {
		return fmt.Errorf("%s has no USDT probes", f.Path())
	}
	for _, one := range all {
		if name := one.Provider + ":" + one.Name; binary.Like(pattern, name) || binary.Like(pattern, one.Name) {
			l.add(l.verdict(string(k)+":"+file+":"+name, l.refusal(k)))
		}
	}
	return nil
}
