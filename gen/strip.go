package gen

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

// strip takes the debugging information out of the object, which is most of it. clang
// makes BTF only together with DWARF, and nobody reads that: types, prototypes and the
// lines of the spec are in .BTF and .BTF.ext.
func (b *build) strip() error {
	object, err := withoutDebugging(b.object)
	if err != nil {
		return b.blame("the object cannot be read: %v", err)
	}
	b.object = object
	return nil
}

// errNoObject is for what is no ELF64 relocatable file of BPF, which is all that clang makes.
var errNoObject = errors.New("not an object of BPF")

// idle reports whether no loader reads a section: debugging information, what the linkers of
// native code want, and relocations of BTF, of which loaders look for the places themselves
// (btf_fixup_datasec and btf_ext_setup_info in libbpf, fixupDatasec in cilium/ebpf).
func idle(name string) bool {
	return strings.HasPrefix(strings.TrimPrefix(name, ".rel"), ".debug_") || name == ".llvm_addrsig" ||
		name == ".rel.BTF" || name == ".rel.BTF.ext"
}

// label reports whether a symbol is the target of a jump, which the instruction itself
// knows.
func label(s *elf.Sym64) bool {
	return elf.ST_BIND(s.Info) == elf.STB_LOCAL && elf.ST_TYPE(s.Info) == elf.STT_NOTYPE && s.Shndx != uint16(elf.SHN_UNDEF)
}

// withoutDebugging copies an object but for sections that are idle, the symbols in them and
// labels. What is left has other numbers: symbols, sections and relocations
// refer to them (elf(5)). Names stay in their tables.
func withoutDebugging(object []byte) ([]byte, error) {
	file, err := elf.NewFile(bytes.NewReader(object))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNoObject, err)
	}
	if file.Class != elf.ELFCLASS64 || file.Type != elf.ET_REL || file.Machine != elf.EM_BPF {
		return nil, fmt.Errorf("%w: %v %v of %v", errNoObject, file.Class, file.Type, file.Machine)
	}
	order := file.ByteOrder
	var header elf.Header64
	if err := binary.Read(bytes.NewReader(object), order, &header); err != nil {
		return nil, fmt.Errorf("%w: %w", errNoObject, err)
	}
	old := make([]elf.Section64, len(file.Sections))
	if header.Shoff > uint64(len(object)) {
		return nil, fmt.Errorf("%w: its sections lie beyond its end", errNoObject)
	}
	if err := binary.Read(bytes.NewReader(object[header.Shoff:]), order, old); err != nil {
		return nil, fmt.Errorf("%w: %w", errNoObject, err)
	}

	sections := map[uint32]uint32{} // number in object → in the copy
	for i, s := range file.Sections {
		if !idle(s.Name) {
			sections[uint32(i)] = uint32(len(sections))
		}
	}
	symbols := map[uint32]uint32{} // the same of symbols; there is one table
	out := bytes.NewBuffer(make([]byte, binary.Size(header)))
	kept := make([]elf.Section64, 0, len(sections))
	data := func(i int) ([]byte, error) {
		if old[i].Type == uint32(elf.SHT_NOBITS) {
			return nil, nil
		}
		return file.Sections[i].Data()
	}
	for i := range old {
		if old[i].Type != uint32(elf.SHT_SYMTAB) {
			continue
		}
		text, err := data(i)
		if err != nil {
			return nil, err
		}
		all := make([]elf.Sym64, len(text)/elf.Sym64Size)
		if err := binary.Read(bytes.NewReader(text), order, all); err != nil {
			return nil, err
		}
		for n := range all {
			_, ok := sections[uint32(all[n].Shndx)]
			if ok && !label(&all[n]) || all[n].Shndx >= uint16(elf.SHN_LORESERVE) {
				symbols[uint32(n)] = uint32(len(symbols))
			}
		}
	}
	for i := range old {
		if _, ok := sections[uint32(i)]; !ok {
			continue
		}
		section := old[i]
		text, err := data(i)
		if err != nil {
			return nil, fmt.Errorf("section %s: %w", file.Sections[i].Name, err)
		}
		switch elf.SectionType(section.Type) {
		case elf.SHT_SYMTAB:
			text, section.Info = renumberSymbols(text, section.Info, order, sections, symbols)
		case elf.SHT_REL:
			if text, err = renumberRelocations(text, order, symbols); err != nil {
				return nil, fmt.Errorf("section %s: %w", file.Sections[i].Name, err)
			}
			section.Info = sections[section.Info]
		}
		section.Link = sections[section.Link]
		if section.Type != uint32(elf.SHT_NULL) {
			align(out, section.Addralign)
			section.Off = uint64(out.Len())
			if section.Type != uint32(elf.SHT_NOBITS) {
				section.Size = uint64(len(text))
			}
			out.Write(text)
		}
		kept = append(kept, section)
	}
	align(out, 8)
	header.Shoff = uint64(out.Len())
	header.Shnum = uint16(len(kept))
	header.Shstrndx = uint16(sections[uint32(header.Shstrndx)])
	if err := binary.Write(out, order, kept); err != nil {
		return nil, err
	}
	copied := out.Bytes()
	_, err = binary.Encode(copied, order, header)
	return copied, err
}

// renumberSymbols copies a symbol table but for the symbols that are gone. local is how
// many of them, at its begin, are local; so is the number that it returns.
func renumberSymbols(text []byte, local uint32, order binary.ByteOrder, sections, symbols map[uint32]uint32) ([]byte, uint32) {
	var out []byte
	left := uint32(0)
	for n := range uint32(len(text) / elf.Sym64Size) {
		if _, ok := symbols[n]; !ok {
			continue
		}
		if n < local {
			left++
		}
		one := append([]byte(nil), text[n*elf.Sym64Size:(n+1)*elf.Sym64Size]...)
		const shndx = 6 // offset in Elf64_Sym
		if section := order.Uint16(one[shndx:]); section < uint16(elf.SHN_LORESERVE) {
			order.PutUint16(one[shndx:], uint16(sections[uint32(section)]))
		}
		out = append(out, one...)
	}
	return out, left
}

// errGone is for a relocation that is kept, of a symbol that is not.
var errGone = errors.New("it refers to what is not needed")

// renumberRelocations copies a table of Elf64_Rel, whose symbols stand in the upper half
// of r_info.
func renumberRelocations(text []byte, order binary.ByteOrder, symbols map[uint32]uint32) ([]byte, error) {
	const size, info = 16, 8
	out := append([]byte(nil), text...)
	for at := 0; at+size <= len(out); at += size {
		value := order.Uint64(out[at+info:])
		symbol, ok := symbols[elf.R_SYM64(value)]
		if !ok {
			return nil, errGone
		}
		order.PutUint64(out[at+info:], elf.R_INFO(symbol, elf.R_TYPE64(value)))
	}
	return out, nil
}

// align fills up to a multiple of n bytes.
func align(out *bytes.Buffer, n uint64) {
	for n > 1 && uint64(out.Len())%n != 0 {
		out.WriteByte(0)
	}
}
