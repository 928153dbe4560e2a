package ktype

import (
	"fmt"
	"strings"

	"github.com/cilium/ebpf/btf"
)

// Kind is the shape of a type. The zero value is Unknown: a float, or a type that
// this package does not know.
type Kind string

const (
	Unknown Kind = ""
	Void    Kind = "void"
	Int     Kind = "int"
	Bool    Kind = "bool"
	Enumer  Kind = "enum"
	Pointer Kind = "pointer"
	Array   Kind = "array"
	Struct  Kind = "struct" // or union
	Func    Kind = "func"
)

// pointerSize is the size of a pointer and of a long on the 64-bit kernels that are read.
const pointerSize = 8

// Type is a kernel type without its qualifiers (const, volatile) and with its typedefs
// looked through. It is a small value; Elem and Members read on from BTF.
type Type struct {
	Kind      Kind
	Size      int    // bytes; 0 for an incomplete type
	Signed    bool   // Int, Enumer
	BigEndian bool   // Int that the kernel keeps in network order: __be16, __be32 or __be64 is among its typedefs
	Name      string // tag of a struct, union or enum, "" for an anonymous one; else the base type's name
	Typedef   string // the outermost typedef, "" for none
	Union     bool   // Struct: it is a union
	User      bool   // Pointer: it leads into user memory
	Len       int    // Array: number of elements

	raw    btf.Type // nil for a type that no BTF describes
	elem   *Type    // what a Pointer or Array without raw leads to or holds
	kernel *Kernel  // where declared structs are completed
}

// maxDepth bounds chains of typedefs and qualifiers, and of anonymous members inside
// each other; libbpf resolves chains up to the same depth (MAX_RESOLVE_DEPTH).
const maxDepth = 32

// bigEndian lists the typedefs that say "network order". A checksum (__sum16, __wsum)
// has no order that a reader would want changed.
var bigEndian = map[string]bool{"__be16": true, "__be32": true, "__be64": true}

// userTag is the BTF type tag that kernels built with clang put on __user pointers
// (include/linux/compiler_types.h).
const userTag = "user"

// typeOf is the language's view of a BTF type.
func (k *Kernel) typeOf(raw btf.Type) Type {
	t := Type{kernel: k}
	for range maxDepth {
		switch b := raw.(type) {
		case *btf.Typedef:
			if t.Typedef == "" {
				t.Typedef = b.Name
			}
			t.BigEndian = t.BigEndian || bigEndian[b.Name]
			raw = b.Type
			continue
		case *btf.Const:
			raw = b.Type
			continue
		case *btf.Volatile:
			raw = b.Type
			continue
		case *btf.Restrict:
			raw = b.Type
			continue
		case *btf.TypeTag:
			raw = b.Type
			continue
		case *btf.Void:
			t.Kind, t.Name = Void, "void"
		case *btf.Int:
			t.fillInt(b)
		case *btf.Enum:
			t.Kind, t.Name, t.Size, t.Signed = Enumer, b.Name, int(b.Size), k.signed(b)
		case *btf.Pointer:
			t.Kind, t.Size, t.User = Pointer, pointerSize, tagged(b.Target, userTag)
		case *btf.Array:
			t.Kind, t.Len = Array, int(b.Nelems)
			t.Size, _ = btf.Sizeof(b)
		case *btf.Struct:
			t.Kind, t.Name, t.Size = Struct, b.Name, int(b.Size)
		case *btf.Union:
			t.Kind, t.Name, t.Size, t.Union = Struct, b.Name, int(b.Size), true
		case *btf.Fwd:
			t.Kind, t.Name, t.Union = Struct, b.Name, b.Kind == btf.FwdUnion
		case *btf.FuncProto:
			t.Kind = Func
		}
		break
	}
	t.raw = raw
	return t
}

func (t *Type) fillInt(b *btf.Int) {
	t.Name, t.Size = b.Name, int(b.Size)
	switch {
	case b.Encoding == btf.Bool:
		t.Kind = Bool
	case t.Size <= 8:
		t.Kind, t.Signed = Int, b.Encoding == btf.Signed
	}
}

// tagged reports whether a type tag stands among the qualifiers of a type.
func tagged(raw btf.Type, tag string) bool {
	for range maxDepth {
		switch b := raw.(type) {
		case *btf.TypeTag:
			if b.Value == tag {
				return true
			}
			raw = b.Type
		case *btf.Const:
			raw = b.Type
		case *btf.Volatile:
			raw = b.Type
		case *btf.Restrict:
			raw = b.Type
		default:
			return false
		}
	}
	return false
}

// Raw is the BTF type without typedefs and qualifiers, or nil for a type that no BTF
// describes.
func (t Type) Raw() btf.Type { return t.raw }

// Elem is what a Pointer leads to or an Array holds; for other kinds the zero Type.
func (t Type) Elem() Type {
	switch b := t.raw.(type) {
	case *btf.Pointer:
		return t.kernel.typeOf(b.Target)
	case *btf.Array:
		return t.kernel.typeOf(b.Type)
	}
	if t.elem != nil {
		return *t.elem
	}
	return Type{}
}

// String spells the type as C does, without qualifiers: "struct sock *", "__be16",
// "char [16]", "int (*)(struct file *)".
func (t Type) String() string { return t.spell("") }

// mostSpelled bounds how many types one is spelt of: in a BTF that is no kernel's, one may be
// made of itself.
const mostSpelled = 256

// spell writes a type around a declarator, which is what C puts in the middle: the
// star of "int (*)[4]".
func (t Type) spell(declarator string) string {
	left := mostSpelled
	return t.spellOf(declarator, &left)
}

// spellOf spells a type of at most so many others.
func (t Type) spellOf(declarator string, left *int) string {
	if t.Typedef != "" {
		return join(t.Typedef, declarator)
	}
	if *left--; *left < 0 {
		return join("?", declarator)
	}
	switch t.Kind {
	case Pointer:
		elem := t.Elem()
		declarator = "*" + declarator
		if elem.Typedef == "" && (elem.Kind == Array || elem.Kind == Func) {
			declarator = "(" + declarator + ")"
		}
		return elem.spellOf(declarator, left)
	case Array:
		return t.Elem().spellOf(fmt.Sprintf("%s[%d]", declarator, t.Len), left)
	case Func:
		return t.spellFunc(declarator, left)
	case Struct:
		return join(t.tag(), declarator)
	case Enumer:
		if t.Name == "" {
			return join("enum {…}", declarator)
		}
		return join("enum "+t.Name, declarator)
	}
	if t.Name == "" {
		return join("?", declarator)
	}
	return join(t.Name, declarator)
}

func (t Type) spellFunc(declarator string, left *int) string {
	proto, ok := t.raw.(*btf.FuncProto)
	if !ok {
		return join("?", declarator)
	}
	params := make([]string, len(proto.Params))
	for i, p := range proto.Params {
		params[i] = t.kernel.typeOf(p.Type).spellOf("", left)
	}
	if len(params) == 0 {
		params = []string{"void"}
	}
	return t.kernel.typeOf(proto.Return).spellOf(declarator+"("+strings.Join(params, ", ")+")", left)
}

// tag is keyword and tag of a struct or union.
func (t Type) tag() string {
	keyword := "struct"
	if t.Union {
		keyword = "union"
	}
	if t.Name == "" {
		return keyword + " {…}"
	}
	return keyword + " " + t.Name
}

func join(name, declarator string) string {
	if declarator == "" {
		return name
	}
	return name + " " + declarator
}

// PointerTo is the type of a pointer to elem, as a cast makes it.
func PointerTo(elem Type) Type {
	return Type{Kind: Pointer, Size: pointerSize, elem: &elem, kernel: elem.kernel}
}

// arrayOf is an array that no BTF describes.
func arrayOf(elem Type, length int) Type {
	return Type{Kind: Array, Size: length * elem.Size, Len: length, elem: &elem, kernel: elem.kernel}
}
