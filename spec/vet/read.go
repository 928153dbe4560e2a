package vet

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
)

// largestObject bounds what the sections of an object hold together, in bytes: those that
// are not in the file too. clang may make 16 MiB (clang.Limits).
const largestObject = 64 << 20

// Read reads an object as a loader does. Nothing in it is trusted: what would take much
// memory or time to read is refused before it is.
func Read(object []byte) (spec *ebpf.CollectionSpec, err error) {
	defer func() {
		// The library is made for objects out of a compiler.
		if cause := recover(); cause != nil {
			spec, err = nil, fmt.Errorf("the object is damaged: %v", cause)
		}
	}()
	if err := vetFile(object); err != nil {
		return nil, err
	}
	return ebpf.LoadCollectionSpecFromReader(bytes.NewReader(object))
}

// vetFile looks at the sizes that an ELF file gives.
func vetFile(object []byte) error {
	file, err := elf.NewFile(bytes.NewReader(object))
	if err != nil {
		return err
	}
	var total uint64
	for _, s := range file.Sections {
		total += min(s.Size, largestObject+1)
		switch {
		case s.Flags&elf.SHF_COMPRESSED != 0:
			return fmt.Errorf("section %q is compressed, an object's is not", s.Name)
		case total > largestObject:
			return fmt.Errorf("its sections hold more than %d MiB", largestObject>>20)
		case s.Type != elf.SHT_NOBITS && overflows(s.Offset, s.FileSize, uint64(len(object))):
			return fmt.Errorf("section %q lies outside of the file", s.Name)
		}
	}
	symbols, err := file.Symbols()
	if err != nil && !errors.Is(err, elf.ErrNoSymbols) {
		return err
	}
	for _, s := range symbols {
		if int(s.Section) < len(file.Sections) && s.Section != elf.SHN_UNDEF && overflows(s.Value, s.Size, file.Sections[s.Section].Size) {
			return fmt.Errorf("symbol %q lies outside of its section", s.Name)
		}
	}
	return nil
}
