package ktype

import (
	"errors"
	"fmt"
	"strings"
)

// Found is what a name, or a path that begins with one, stands for.
type Found struct {
	Steps     []Step     // of a path: one for each member named, and those between that were not
	Type      Type       // of a type, of the last member, of an enumerator's enum
	Enum      *Enum      // the names of Type's values, or nil
	Function  *Signature // of a function, else nil
	Constant  *Constant  // of an enumerator or macro, else nil
	Aliased   string     // the typedef that was named, "" when none was
	IsPointer bool       // the last member leads to Type
}

// Step is one member on the way of a path.
type Step struct {
	In     Type   // the struct or union that the offset counts from
	Path   string // "skc_dport", "__sk_common.skc_dport" where embedded structs lie between
	Member Member // its Offset counts from In
}

// Lookup finds what a text names: a struct, union or enum, with or without its keyword, a
// typedef, a function, an enumerator or macro, or an alias of this package; after a dot a
// member of it, also of a struct that it embeds, and so on through pointers and arrays.
func (k *Kernel) Lookup(text string) (*Found, error) {
	text = strings.TrimSpace(strings.ReplaceAll(text, "->", "."))
	name, path, _ := strings.Cut(text, ".")
	f, err := k.lookupName(strings.TrimSpace(name))
	if err != nil || path == "" {
		return f, err
	}
	switch {
	case f.Function != nil:
		return nil, fmt.Errorf("%s is a function: it has no fields", name)
	case f.Constant != nil || f.Enum != nil:
		return nil, fmt.Errorf("%s is a number: it has no fields", name)
	}
	at := f.Type
	for part := range strings.SplitSeq(path, ".") {
		part, _, _ = strings.Cut(part, "[")
		step, err := k.step(at, strings.TrimSpace(part))
		if err != nil {
			return nil, err
		}
		f.Steps = append(f.Steps, step)
		at = step.Member.Type
		f.IsPointer = false
		for at.Kind == Pointer || at.Kind == Array {
			f.IsPointer = f.IsPointer || at.Kind == Pointer
			at = at.Elem()
		}
	}
	f.Type, f.Aliased = at.complete(), ""
	f.Enum = k.EnumOf(f.Type)
	return f, nil
}

// lookupName finds what the first part of a path names.
func (k *Kernel) lookupName(name string) (*Found, error) {
	keyword, tag, ok := strings.Cut(name, " ")
	if ok && (keyword == "struct" || keyword == "union" || keyword == "enum") {
		t, err := k.Named(keyword, strings.TrimSpace(tag))
		return &Found{Type: t, Enum: k.EnumOf(t)}, err
	}
	for _, keyword := range []string{"struct", "union", "enum", ""} {
		t, err := k.Named(keyword, name)
		if err == nil {
			f := &Found{Type: t, Enum: k.EnumOf(t)}
			if keyword == "" {
				f.Aliased = name
			}
			return f, nil
		}
		if !errors.Is(err, ErrNotFound) {
			return nil, err
		}
	}
	sig, err := k.Function(name)
	if err == nil {
		return &Found{Function: sig}, nil
	}
	if !errors.Is(err, ErrNotFound) {
		return nil, err
	}
	if e, ok := k.Enum(name); ok {
		return &Found{Enum: e, Type: Type{Kind: Enumer, Name: name, Size: e.Size}}, nil
	}
	c, ok := k.Constant(name)
	if !ok {
		c, ok = Macro(k.Arch(), name)
	}
	if ok {
		return &Found{Constant: &c, Enum: c.Enum, Type: Type{Kind: Enumer, Name: c.Enum.Name, Size: c.Enum.Size}}, nil
	}
	return nil, k.notFound("type, function or constant", name, func(string) []string {
		near := k.nearestOf(rawStruct, rawUnion, rawEnum, rawEnum64, rawTypedef, rawFunc)(name)
		return append(near, k.NearestConstants(name)...)
	})
}

// step finds a member of a struct, or of the structs that it embeds, the least deep first.
func (k *Kernel) step(in Type, name string) (Step, error) {
	in = in.complete()
	m, err := in.Member(name)
	if err == nil {
		return Step{in, name, m}, nil
	}
	var no *NoMember
	if !errors.As(err, &no) {
		return Step{}, err
	}
	for path := range withEmbedded(in.Members()) {
		if !strings.HasSuffix(path, "."+name) {
			continue
		}
		step, at := Step{In: in, Path: path}, in
		for part := range strings.SplitSeq(path, ".") {
			inner, err := at.Member(part)
			if err != nil {
				return Step{}, err
			}
			inner.Offset += step.Member.Offset
			step.Member, at = inner, inner.Type
		}
		return step, nil
	}
	return Step{}, err
}
