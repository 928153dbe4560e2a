package ktype

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
)

// rawBTF searches BTF without decoding it: a walk over the 126,000 types of a kernel
// takes about a millisecond, decoding all of them several hundred. It reads what
// Documentation/bpf/btf.rst lays out.
type rawBTF struct {
	order   binary.ByteOrder
	types   []byte
	strings []byte
	base    *rawBTF  // of a module's BTF: the kernel's, whose ids and strings it goes on from
	first   uint32   // id of the first type
	count   uint32   // number of types
	at      []uint32 // see index
}

// The layout of BTF, from include/uapi/linux/btf.h.
const (
	btfMagic     = 0xeb9f
	btfVersion   = 1
	btfHeaderLen = 24 // struct btf_header before Linux 7.0 added a layout section
	btfTypeLen   = 12 // struct btf_type
)

// rawKind is BTF_KIND_*.
type rawKind uint8

const (
	rawInt      rawKind = 1
	rawArray    rawKind = 3
	rawStruct   rawKind = 4
	rawUnion    rawKind = 5
	rawEnum     rawKind = 6
	rawTypedef  rawKind = 8
	rawVolatile rawKind = 9
	rawConst    rawKind = 10
	rawRestrict rawKind = 11
	rawFunc     rawKind = 12
	rawProto    rawKind = 13
	rawVar      rawKind = 14
	rawDatasec  rawKind = 15
	rawDeclTag  rawKind = 17
	rawTypeTag  rawKind = 18
	rawEnum64   rawKind = 19
	rawKindLast         = rawEnum64
)

// rawTail is what follows struct btf_type: bytes in any case, and for each of its vlen.
var rawTail = [rawKindLast + 1]struct{ fixed, each int }{
	rawInt:     {fixed: 4},  // encoding, offset and bits
	rawArray:   {fixed: 12}, // struct btf_array
	rawStruct:  {each: 12},  // struct btf_member
	rawUnion:   {each: 12},  // struct btf_member
	rawEnum:    {each: 8},   // struct btf_enum
	rawProto:   {each: 8},   // struct btf_param
	rawVar:     {fixed: 4},  // struct btf_var
	rawDatasec: {each: 12},  // struct btf_var_secinfo
	rawDeclTag: {fixed: 4},  // struct btf_decl_tag
	rawEnum64:  {each: 12},  // struct btf_enum64
}

// rawType is one type as it lies in the blob.
type rawType struct {
	id   uint32
	name uint32 // offset in the string table, 0 for none
	kind rawKind
	flag bool // kind_flag: of an enum, that its values are signed
	vlen int
	tail []byte
}

// notBTF tells by its first bytes what a file is that is not BTF.
var notBTF = []struct{ magic, what string }{
	{"\xfd7zXZ\x00", "an xz archive: unpack it first"},
	{"\x1f\x8b", "a gzip archive: unpack it first"},
	{"\x28\xb5\x2f\xfd", "a zstd archive: unpack it first"},
	{"BZh", "a bzip2 archive: unpack it first"},
	{"MZ", "a compressed kernel image: vmlinux is wanted, or a copy of " + vmlinux},
	{"#", "a text file"},
	{"/*", "a C header: the BTF that it was made from is wanted"},
}

// parseRaw checks a blob as far as its walks need. The blob of a module needs that of
// its kernel as base.
func parseRaw(data []byte, base *rawBTF) (*rawBTF, error) {
	r, err := cutRaw(data, base)
	if err != nil {
		return nil, err
	}
	return r, r.check()
}

// cutRaw is parseRaw without a look at the types.
func cutRaw(data []byte, base *rawBTF) (*rawBTF, error) {
	for _, other := range notBTF {
		if bytes.HasPrefix(data, []byte(other.magic)) {
			return nil, fmt.Errorf("not BTF but %s", other.what)
		}
	}
	if len(data) < btfHeaderLen {
		return nil, errors.New("not BTF: too short for a header")
	}
	r := &rawBTF{base: base, first: 1}
	switch {
	case binary.LittleEndian.Uint16(data) == btfMagic:
		r.order = binary.LittleEndian
	case binary.BigEndian.Uint16(data) == btfMagic:
		r.order = binary.BigEndian
	default:
		return nil, fmt.Errorf("not BTF: it starts with %#02x %#02x", data[0], data[1])
	}
	if data[2] != btfVersion {
		return nil, fmt.Errorf("BTF of version %d, want %d", data[2], btfVersion)
	}
	header := uint64(r.order.Uint32(data[4:]))
	cut := func(at int) ([]byte, error) {
		start := header + uint64(r.order.Uint32(data[at:]))
		end := start + uint64(r.order.Uint32(data[at+4:]))
		if header < btfHeaderLen || end > uint64(len(data)) {
			return nil, errors.New("damaged BTF: cut short")
		}
		return data[start:end], nil
	}
	var err error
	if r.types, err = cut(8); err != nil {
		return nil, err
	}
	if r.strings, err = cut(16); err != nil {
		return nil, err
	}
	if len(r.strings) == 0 || r.strings[len(r.strings)-1] != 0 {
		return nil, errors.New("damaged BTF: its strings do not end")
	}
	if base != nil {
		r.first = base.first + base.count
	} else if r.strings[0] != 0 {
		return nil, errors.New("BTF of a kernel module: that of its kernel is wanted")
	}
	return r, nil
}

// check walks all types once, so that later walks need no error, and counts them.
func (r *rawBTF) check() error {
	for at := 0; at < len(r.types); r.count++ {
		if len(r.types)-at < btfTypeLen {
			return errors.New("damaged BTF: a type is cut short")
		}
		_, size := r.typeAt(at)
		if size == 0 {
			return errors.New("BTF with types of unknown kind: is it of a kernel newer than this ebgen?")
		}
		if at += size; at > len(r.types) {
			return errors.New("damaged BTF: a type is cut short")
		}
	}
	return nil
}

// typeAt reads the type at an offset and returns it, without its id, and the bytes it
// takes, 0 for a kind that is not known. The tail is cut to what is there.
func (r *rawBTF) typeAt(at int) (rawType, int) {
	info := r.order.Uint32(r.types[at+4:])
	t := rawType{
		name: r.order.Uint32(r.types[at:]),
		kind: rawKind(info >> 24 & 0x1f),
		flag: info>>31 == 1,
		vlen: int(info & 0xffff),
	}
	if t.kind == 0 || t.kind > rawKindLast {
		return t, 0
	}
	size := btfTypeLen + rawTail[t.kind].fixed + rawTail[t.kind].each*t.vlen
	t.tail = r.types[at+btfTypeLen : min(at+size, len(r.types))]
	return t, size
}

// all walks the types in the order of their ids, those of the base not included.
func (r *rawBTF) all() iter.Seq[rawType] {
	return func(yield func(rawType) bool) {
		id := r.first
		for at := 0; at < len(r.types); id++ {
			t, size := r.typeAt(at)
			t.id = id
			if !yield(t) {
				return
			}
			at += size
		}
	}
}

// index is where each type of an image lies, by id from the image's first. It is for those
// who follow references; a walk needs none.
func (r *rawBTF) index() []uint32 {
	if r.at == nil {
		r.at = make([]uint32, 0, r.count)
		for at := 0; at < len(r.types); {
			r.at = append(r.at, uint32(at))
			_, size := r.typeAt(at)
			at += size
		}
	}
	return r.at
}

// byID returns a type of the image or of its base, and the word behind its header: the
// bytes of a struct, the id of the type that a reference leads to. False for void.
func (r *rawBTF) byID(id uint32) (t rawType, word uint32, ok bool) {
	if id < r.first {
		if r.base == nil {
			return t, 0, false
		}
		return r.base.byID(id)
	}
	index := r.index()
	if int(id-r.first) >= len(index) {
		return t, 0, false
	}
	at := int(index[id-r.first])
	t, _ = r.typeAt(at)
	t.id = id
	return t, r.order.Uint32(r.types[at+8:]), true
}

// text returns the string at an offset, without copying; nil when there is none.
func (r *rawBTF) text(offset uint32) []byte {
	if r.base != nil {
		base := uint32(len(r.base.strings))
		if offset < base {
			return r.base.text(offset)
		}
		offset -= base
	}
	if uint64(offset) >= uint64(len(r.strings)) {
		return nil
	}
	rest := r.strings[offset:]
	return rest[:bytes.IndexByte(rest, 0)]
}

// offsets returns where in the string tables name stands as a whole string. The
// strings of a kernel's BTF are unique, so there is mostly one.
func (r *rawBTF) offsets(name string) []uint32 {
	if name == "" {
		return nil
	}
	var found []uint32
	var start uint32
	if r.base != nil {
		found, start = r.base.offsets(name), uint32(len(r.base.strings))
	}
	terminated := append([]byte(name), 0)
	for at := 0; ; at++ {
		i := bytes.Index(r.strings[at:], terminated)
		if i < 0 {
			return found
		}
		at += i
		if at == 0 || r.strings[at-1] == 0 { // a module's first string has nothing before it
			found = append(found, start+uint32(at))
		}
	}
}

// enums walks the enums.
func (r *rawBTF) enums() iter.Seq[rawType] {
	return func(yield func(rawType) bool) {
		for t := range r.all() {
			if (t.kind == rawEnum || t.kind == rawEnum64) && !yield(t) {
				return
			}
		}
	}
}

// values walks the names of an enum's values, as offsets in the string table.
func (r *rawBTF) values(t rawType) iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		for tail := t.tail; len(tail) > 0; tail = tail[rawTail[t.kind].each:] {
			if !yield(r.order.Uint32(tail)) {
				return
			}
		}
	}
}

// holds reports whether an enum has a value whose name stands at an offset.
func (r *rawBTF) holds(t rawType, name uint32) bool {
	for v := range r.values(t) {
		if v == name {
			return true
		}
	}
	return false
}
