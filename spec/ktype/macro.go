package ktype

import (
	"cmp"
	"maps"
	"slices"
	"sync"
)

//go:generate go run ./internal/genmacros

// family is macros that belong together, as one part of the tables has them.
type family struct {
	name   string
	flags  bool
	values []EnumValue
	masks  []EnumValue            // constants for expressions that name no value of the family
	own    map[string][]EnumValue // values that only one architecture has, or has so
	shown  []EnumValue            // what a number is shown as in place of the names: the first that is set, the one of 0 when none is
}

// table is the macros of one architecture.
type table struct {
	families map[string]*Enum
	macros   map[string]Constant
}

// tables joins the parts of every family: families_unix.go and families.go.
var tables = sync.OnceValue(func() map[string]*table {
	made := map[string]*table{}
	for _, arch := range []string{amd64, arm64} {
		t := &table{families: map[string]*Enum{}, macros: map[string]Constant{}}
		for _, f := range slices.Concat(unixFamilies, kernelFamilies) {
			t.add(f, arch)
		}
		made[arch] = t
	}
	return made
})

func (t *table) add(f family, arch string) {
	e, ok := t.families[f.name]
	if !ok {
		e = &Enum{Name: f.name, Flags: f.flags}
		t.families[f.name] = e
	}
	named := slices.Concat(f.values, f.own[arch])
	if f.shown != nil {
		e.First, e.Values, e.Also = true, f.shown, slices.Concat(named, f.masks)
	} else {
		e.Values = append(e.Values, named...)
		slices.SortStableFunc(e.Values, func(x, y EnumValue) int { return cmp.Compare(x.Value, y.Value) })
	}
	for _, v := range slices.Concat(named, f.masks) {
		if _, ok := t.macros[v.Name]; !ok {
			t.macros[v.Name] = Constant{Name: v.Name, Value: v.Value, Enum: e}
		}
	}
}

// Macro finds a macro of the user API by name, as an architecture ("amd64", "arm64")
// defines it. What the kernel's BTF holds (Kernel.Constant) is not among them.
func Macro(arch, name string) (Constant, bool) {
	t, ok := tables()[arch]
	if !ok {
		return Constant{}, false
	}
	c, ok := t.macros[name]
	return c, ok
}

// Family finds a family of macros, to show a number by their names: errno, signal,
// open_flags, address_family and others (Families).
func Family(arch, name string) (*Enum, bool) {
	t, ok := tables()[arch]
	if !ok {
		return nil, false
	}
	e, ok := t.families[name]
	return e, ok
}

// Families lists the names that Family knows, sorted.
func Families() []string { return sorted(tables()[amd64].families) }

// Macros lists the names that Macro knows on an architecture, sorted.
func Macros(arch string) []string {
	if t, ok := tables()[arch]; ok {
		return sorted(t.macros)
	}
	return nil
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
