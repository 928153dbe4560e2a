package ktype

import (
	"cmp"
	"slices"
	"strings"

	"github.com/cilium/ebpf/btf"
)

// Constant is a named number: an enumerator of the kernel, or a macro.
type Constant struct {
	Name  string
	Value int64
	Enum  *Enum // all values of its enum or family
}

// Enum names the values of an enum or of a family of macros.
type Enum struct {
	Name   string // tag, typedef or display name; "" for an anonymous enum
	Tag    string // tag of the kernel's own enum, "" for an anonymous one and for macros
	Flags  bool   // values are bits that combine
	First  bool   // of Flags: the first of Values that is set is shown alone
	Size   int    // bytes; 0 for macros
	Signed bool
	Values []EnumValue // by value, with First by rank; of several names of one value the first is the usual one
	Also   []EnumValue // the kernel's own names, where those of Values are shorter
}

// EnumValue is one name, as it is displayed.
type EnumValue struct {
	Name  string
	Value int64
}

// enumIndex is where the enums lie in BTF, so that a constant is looked for in
// thousands of types and not in all. It is made at the first search.
type enumIndex struct {
	made   bool
	signed bool // some enum says that it is signed, so that the others are not
	types  []rawType
}

func (k *Kernel) enumTypes() []rawType {
	if !k.enums.made {
		k.enums.made = true
		for t := range k.main.raw.enums() {
			k.enums.types = append(k.enums.types, t)
			k.enums.signed = k.enums.signed || t.flag
		}
	}
	return k.enums.types
}

// Constant finds an enumerator by name in the kernel's enums, the anonymous ones
// included, and in those of its modules. Of several with that name the first is taken
// when all have one value; else there is none: use Macro or a number.
func (k *Kernel) Constant(name string) (Constant, bool) {
	var found Constant
	var ok bool
	k.each(func(m image) bool {
		var types []rawType
		if m.module == "" {
			types = k.enumTypes()
		} else {
			types = slices.Collect(m.raw.enums())
		}
		found, ok = k.enumerator(m, types, name)
		return !ok
	})
	return found, ok
}

// Loads reports whether programs may load from any address through bpf_rdonly_cast: the
// kernel tells by an enumerator (BPF_FEAT_RDONLY_CAST_TO_VOID
// of enum bpf_features, kernel/bpf/verifier.c, Linux 6.17).
func (k *Kernel) Loads() bool {
	_, ok := k.enumerator(k.main, k.enumTypes(), "BPF_FEAT_RDONLY_CAST_TO_VOID")
	return ok
}

// enumerator looks for a value's name among the enums of one image.
func (k *Kernel) enumerator(m image, types []rawType, name string) (Constant, bool) {
	var found Constant
	var ok bool
	for _, offset := range m.raw.offsets(name) {
		for _, t := range types {
			if !m.raw.holds(t, offset) {
				continue
			}
			raw, err := m.spec.TypeByID(btf.TypeID(t.id))
			if err != nil {
				continue
			}
			c, has := k.constantOf(raw, name)
			if has && ok && c.Value != found.Value {
				return Constant{}, false
			}
			if has && !ok {
				found, ok = c, true
			}
		}
	}
	return found, ok
}

func (k *Kernel) constantOf(raw btf.Type, name string) (Constant, bool) {
	e := k.EnumOf(k.typeOf(raw))
	if e == nil {
		return Constant{}, false
	}
	for _, v := range e.Values {
		if v.Name == name {
			return Constant{Name: name, Value: v.Value, Enum: e}, true
		}
	}
	return Constant{}, false
}

// EnumOf names the values of a type, or is nil for a type that is no enum.
func (k *Kernel) EnumOf(t Type) *Enum {
	b, ok := t.raw.(*btf.Enum)
	if !ok {
		return nil
	}
	e := &Enum{Name: b.Name, Tag: b.Name, Size: int(b.Size), Signed: k.signed(b)}
	if e.Name == "" {
		e.Name = t.Typedef
	}
	for _, v := range b.Values {
		e.Values = append(e.Values, EnumValue{Name: v.Name, Value: enumValue(v.Value, e.Size, e.Signed)})
	}
	slices.SortStableFunc(e.Values, func(x, y EnumValue) int { return cmp.Compare(x.Value, y.Value) })
	e.Flags = areBits(e.Values)
	return e
}

// areBits guesses that values combine: three or more of them, each 0 or a single bit. A
// value that does not combine is shown by the same name either way.
func areBits(values []EnumValue) bool {
	var single int
	for _, v := range values {
		switch {
		case v.Value < 0 || v.Value&(v.Value-1) != 0:
			return false
		case v.Value != 0:
			single++
		}
	}
	return single >= 3
}

// enumValue gives a value of at most 32 bits its sign back; BTF stores it in 32 bits.
func enumValue(v uint64, size int, signed bool) int64 {
	switch {
	case size > 4:
		return int64(v)
	case signed:
		return int64(int32(v))
	}
	return int64(uint32(v))
}

// maxErrno is MAX_ERRNO of include/linux/err.h.
const maxErrno = 4095

// signed reports whether an enum's values have a sign. BTF says so since Linux 6.0
// (commit 6089fb325cf7, kind_flag of BTF_KIND_ENUM); in older BTF a value that would be
// the negative of an errno gives it away.
func (k *Kernel) signed(b *btf.Enum) bool {
	if k.enumTypes(); k.enums.signed {
		return b.Signed
	}
	return slices.ContainsFunc(b.Values, func(v btf.EnumValue) bool {
		value := int32(v.Value)
		return b.Size <= 4 && value < 0 && value >= -maxErrno
	})
}

// alias is a name of ours for an enum that the kernel leaves without a name, or whose
// names are long. The enum is the one that holds anchor; prefix and suffix are cut off
// for display.
type alias struct {
	name, anchor   string
	prefix, suffix string
	flags          bool // values are bits that combine; those without the prefix are something else
}

// aliases are the display casts that read the kernel's enums. No kernel from 5.10 to
// 7.2 has an enum tcp_state: the states are an anonymous enum of include/net/tcp_states.h.
var aliases = []alias{
	{name: "tcp_state", anchor: "TCP_ESTABLISHED", prefix: "TCP_"},                             // include/net/tcp_states.h
	{name: "tcp_flag", anchor: "TCP_FLAG_SYN", prefix: "TCP_FLAG_", flags: true},               // include/uapi/linux/tcp.h: of the word at byte 12 of a header, as it lies there
	{name: "ip_protocol", anchor: "IPPROTO_TCP", prefix: "IPPROTO_"},                           // include/uapi/linux/in.h
	{name: "drop_reason", anchor: "SKB_DROP_REASON_NOT_SPECIFIED", prefix: "SKB_DROP_REASON_"}, // include/net/dropreason-core.h
	{name: "netfilter_hook", anchor: "NF_INET_PRE_ROUTING", prefix: "NF_INET_"},                // include/uapi/linux/netfilter.h
	{name: "softirq", anchor: "TIMER_SOFTIRQ", suffix: "_SOFTIRQ"},                             // include/linux/interrupt.h
	{name: "block_op", anchor: "REQ_OP_READ", prefix: "REQ_OP_"},                               // include/linux/blk_types.h
}

// Aliases lists the display names that Enum knows beside the kernel's own, sorted.
func Aliases() []string {
	var names []string
	for _, a := range aliases {
		names = append(names, a.name)
	}
	slices.Sort(names)
	return names
}

// Enum finds the values that a display cast names: those of one of our aliases, of the
// kernel's `enum name`, of a typedef of an enum, or of a family of macros.
func (k *Kernel) Enum(name string) (*Enum, bool) {
	for _, a := range aliases {
		if a.name != name {
			continue
		}
		if c, ok := k.Constant(a.anchor); ok {
			return a.display(c.Enum), true
		}
	}
	for _, keyword := range []string{"enum", ""} {
		if t, err := k.Named(keyword, name); err == nil {
			if e := k.EnumOf(t); e != nil {
				return e, true
			}
		}
	}
	return Family(k.Arch(), name)
}

// display returns an enum under the alias, its names shortened.
func (a alias) display(e *Enum) *Enum {
	short := *e
	short.Name = a.name
	short.Values = nil
	short.Flags = short.Flags || a.flags
	for _, v := range e.Values {
		if a.flags && !strings.HasPrefix(v.Name, a.prefix) {
			continue
		}
		short.Also = append(short.Also, v)
		v.Name = strings.TrimSuffix(strings.TrimPrefix(v.Name, a.prefix), a.suffix)
		short.Values = append(short.Values, v)
	}
	return &short
}
