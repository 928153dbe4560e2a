package ktype

import (
	"slices"
	"strings"

	"github.com/cilium/ebpf/btf"
)

// integer is the shape of a C base type or of a kernel typedef of one.
type integer struct {
	kind      Kind
	size      int
	signed    bool
	bigEndian bool
}

// baseTypes are the names that a spec may use whether or not a kernel's BTF holds
// them, as a 64-bit kernel defines them: include/uapi/asm-generic/int-ll64.h,
// include/uapi/linux/types.h, include/linux/types.h, include/uapi/asm-generic/posix_types.h.
var baseTypes = map[string]integer{
	"bool": {kind: Bool, size: 1}, "_Bool": {kind: Bool, size: 1},

	"u8": {size: 1}, "u16": {size: 2}, "u32": {size: 4}, "u64": {size: 8},
	"__u8": {size: 1}, "__u16": {size: 2}, "__u32": {size: 4}, "__u64": {size: 8},
	"uint8_t": {size: 1}, "uint16_t": {size: 2}, "uint32_t": {size: 4}, "uint64_t": {size: 8},
	"s8": {size: 1, signed: true}, "s16": {size: 2, signed: true}, "s32": {size: 4, signed: true}, "s64": {size: 8, signed: true},
	"__s8": {size: 1, signed: true}, "__s16": {size: 2, signed: true}, "__s32": {size: 4, signed: true}, "__s64": {size: 8, signed: true},
	"int8_t": {size: 1, signed: true}, "int16_t": {size: 2, signed: true}, "int32_t": {size: 4, signed: true}, "int64_t": {size: 8, signed: true},

	"__be16": {size: 2, bigEndian: true}, "__be32": {size: 4, bigEndian: true}, "__be64": {size: 8, bigEndian: true},
	"__le16": {size: 2}, "__le32": {size: 4}, "__le64": {size: 8},
	"__sum16": {size: 2}, "__wsum": {size: 4},

	"size_t": {size: 8}, "ssize_t": {size: 8, signed: true}, "uintptr_t": {size: 8},
	"off_t": {size: 8, signed: true}, "loff_t": {size: 8, signed: true},
	"pid_t": {size: 4, signed: true}, "uid_t": {size: 4}, "gid_t": {size: 4},
	"umode_t": {size: 2}, "dev_t": {size: 4}, "ino_t": {size: 8}, "sector_t": {size: 8}, "blkcnt_t": {size: 8},
	"ktime_t": {size: 8, signed: true}, "time64_t": {size: 8, signed: true}, "clockid_t": {size: 4, signed: true},
	"gfp_t": {size: 4}, "fmode_t": {size: 4}, "key_t": {size: 4, signed: true}, "timer_t": {size: 4, signed: true},
	"qid_t": {size: 4}, "mqd_t": {size: 4, signed: true}, "key_serial_t": {size: 4, signed: true}, "aio_context_t": {size: 8}, "rwf_t": {size: 4, signed: true},
}

// baseType is the type of a name in baseTypes, without BTF.
func (k *Kernel) baseType(name string) (Type, bool) {
	b, ok := baseTypes[name]
	if !ok {
		return Type{}, false
	}
	if b.kind == Unknown {
		b.kind = Int
	}
	return Type{Kind: b.kind, Size: b.size, Signed: b.signed, BigEndian: b.bigEndian, Name: name, Typedef: name, kernel: k}, true
}

// cInteger is the type that C's own words make, in any order: "unsigned int", "long
// unsigned int", "long long" (C11 6.7.2). A plain char has the sign that the kernel's
// BTF gives it, else none: kernels are built with -funsigned-char since 6.2 (commit
// 3bc753c06dd0, "kbuild: treat char as always unsigned").
func (k *Kernel) cInteger(words []string) (Type, bool) {
	t := Type{Kind: Int, Size: 4, Signed: true, kernel: k}
	var longs int
	var char, signed bool
	for _, w := range words {
		switch w {
		case "unsigned":
			t.Signed = false
		case "signed":
			signed = true
		case "char":
			char, t.Size = true, 1
		case "short":
			t.Size = 2
		case "long":
			longs, t.Size = longs+1, 8
		case "int":
		default:
			return Type{}, false
		}
	}
	if len(words) == 0 || longs > 2 {
		return Type{}, false
	}
	t.Name = strings.Join(words, " ")
	if char && t.Signed && !signed {
		if ints, _ := named[*btf.Int](k, "char"); len(ints) > 0 {
			return k.typeOf(ints[0]), true
		}
		t.Signed = false
	}
	return t, true
}

// Named finds a type by keyword ("struct", "union", "enum" or "") and name. Without a
// keyword the name is a typedef, one of C's base types or one of the kernel's, which
// are known without BTF too. The error is a *NotFound or wraps ErrAmbiguous.
func (k *Kernel) Named(keyword, name string) (Type, error) {
	switch keyword {
	case "struct", "union":
		return k.tagged(name, keyword == "union")
	case "enum":
		if enums, _ := named[*btf.Enum](k, name); len(enums) > 0 {
			return k.typeOf(enums[0]), nil
		}
		return Type{}, k.notFound("enum", name, k.nearestOf(rawEnum, rawEnum64))
	}
	if name == "void" {
		return Type{Kind: Void, Name: "void", kernel: k}, nil
	}
	if typedefs, _ := named[*btf.Typedef](k, name); len(typedefs) > 0 {
		return k.typeOf(typedefs[0]), nil
	}
	if t, ok := k.baseType(name); ok {
		return t, nil
	}
	if t, ok := k.cInteger(strings.Fields(name)); ok {
		return t, nil
	}
	if ints, _ := named[*btf.Int](k, name); len(ints) > 0 {
		return k.typeOf(ints[0]), nil
	}
	return Type{}, k.notFound("type", name, k.nearestOf(rawTypedef))
}

// tagged finds a struct or union by its tag. Several definitions of one tag, each from
// another source file, are an error when they differ: CO-RE could not choose either.
func (k *Kernel) tagged(name string, union bool) (Type, error) {
	var found []Type
	if union {
		unions, _ := named[*btf.Union](k, name)
		for _, u := range unions {
			found = append(found, k.typeOf(u))
		}
	} else {
		structs, _ := named[*btf.Struct](k, name)
		for _, s := range structs {
			found = append(found, k.typeOf(s))
		}
	}
	if len(found) == 0 {
		t := Type{Kind: Struct, Name: name, Union: union}
		keyword, _, _ := strings.Cut(t.tag(), " ")
		kind := rawStruct
		if union {
			kind = rawUnion
		}
		return Type{}, k.notFound(keyword, name, k.nearestOf(kind))
	}
	for _, other := range found[1:] {
		if !sameLayout(found[0], other) {
			return Type{}, ambiguous(found[0].tag(), k, len(found))
		}
	}
	return found[0], nil
}

// sameLayout compares the size and the direct members of two structs.
func sameLayout(a, b Type) bool {
	return a.Size == b.Size && slices.EqualFunc(members(a.raw), members(b.raw), func(x, y btf.Member) bool {
		return x.Name == y.Name && x.Offset == y.Offset && x.BitfieldSize == y.BitfieldSize &&
			a.kernel.typeOf(x.Type).String() == b.kernel.typeOf(y.Type).String()
	})
}

// IsTypedef reports whether a bare name is a type, so that (name) is a cast: a typedef
// of the kernel or one of the base types that are known without BTF.
func (k *Kernel) IsTypedef(name string) bool {
	if _, ok := baseTypes[name]; ok || name == "void" {
		return true
	}
	if _, ok := k.cInteger(strings.Fields(name)); ok {
		return true
	}
	typedefs, _ := named[*btf.Typedef](k, name)
	return len(typedefs) > 0
}

// cType reads a type as a tracepoint's format file or the table of system calls spells
// it: "const char *", "struct iovec *", "unsigned long". A struct that this kernel's
// BTF lacks stays a declaration. It is false for a name that nothing describes.
func (k *Kernel) cType(text string) (Type, bool) {
	text = strings.ReplaceAll(text, "*", " * ")
	var words []string
	var stars int
	for _, w := range strings.Fields(text) {
		switch w {
		case "const", "volatile", "restrict", "__user", "__rcu", "__percpu", "__seg_gs":
		case "*":
			stars++
		default:
			words = append(words, w)
		}
	}
	t, ok := k.cBase(words)
	if !ok {
		return Type{}, false
	}
	for range stars {
		t = PointerTo(t)
	}
	return t, true
}

func (k *Kernel) cBase(words []string) (Type, bool) {
	if len(words) == 0 {
		return Type{}, false
	}
	keyword, name := "", strings.Join(words, " ")
	switch words[0] {
	case "struct", "union", "enum":
		keyword, name = words[0], strings.Join(words[1:], " ")
	}
	if t, err := k.Named(keyword, name); err == nil {
		return t, true
	}
	if keyword == "struct" || keyword == "union" {
		return Type{Kind: Struct, Name: name, Union: keyword == "union", kernel: k}, true
	}
	return Type{}, false
}
