package image

import (
	"bufio"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
)

// Which of several functions at one address is the one to name: bits of entry.order.
const (
	visible  = 1 << iota // from other files
	function             // and not a label
	sized                // ends where it says, not where the next one begins
)

// better prefers what says where it ends, then the innermost.
func better(a, b *entry) bool {
	if a.order&sized != b.order&sized {
		return a.order&sized != 0
	}
	if a.start != b.start {
		return a.start > b.start
	}
	return a.order > b.order
}

// symtab adds the functions of a symbol table. Nothing of it but addresses is kept, since
// a large program has a million symbols.
func (m *Image) symtab(from *elf.File, kind elf.SectionType) error {
	s := from.SectionByType(kind)
	if s == nil || s.Flags&elf.SHF_COMPRESSED != 0 {
		return nil
	}
	if int(s.Link) >= len(from.Sections) || len(m.pools) > math.MaxUint8 {
		return fmt.Errorf("%s: %s names no table of strings", m.path, s.Name)
	}
	pool := uint8(len(m.pools))
	m.pools = append(m.pools, from.Sections[s.Link].ReaderAt)
	first := len(m.entries)
	lines := bufio.NewReaderSize(s.Open(), 1<<16)
	for len(m.entries) < maxEntries {
		sym, err := nextSymbol(lines, from)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("%s: %s: %w", m.path, s.Name, err)
		}
		if order, ok := codeSymbol(from, &sym); ok {
			e := entry{start: sym.Value, size: uint32(min(sym.Size, math.MaxUint32)), name: sym.Name, order: order, pool: pool}
			m.entries = append(m.entries, e)
		}
	}
	m.closeGaps(from, first)
	return nil
}

// nextSymbol reads one symbol; those of 32 bits come in the form of the others.
func nextSymbol(r io.Reader, from *elf.File) (s elf.Sym64, err error) {
	if from.Class == elf.ELFCLASS64 {
		var b [elf.Sym64Size]byte
		if _, err := io.ReadFull(r, b[:]); err != nil {
			return s, err
		}
		return elf.Sym64{
			Name: from.ByteOrder.Uint32(b[:]), Info: b[4], Shndx: from.ByteOrder.Uint16(b[6:]),
			Value: from.ByteOrder.Uint64(b[8:]), Size: from.ByteOrder.Uint64(b[16:]),
		}, nil
	}
	var short elf.Sym32
	if err := binary.Read(r, from.ByteOrder, &short); err != nil {
		return s, err
	}
	return elf.Sym64{Name: short.Name, Info: short.Info, Shndx: short.Shndx, Value: uint64(short.Value), Size: uint64(short.Size)}, nil
}

// codeSymbol reports whether a symbol names code: a function, or a label of assembly that
// other files see. Local labels mark what an assembler likes to mark ($x on arm64).
func codeSymbol(from *elf.File, s *elf.Sym64) (order uint32, ok bool) {
	index := int(s.Shndx)
	if s.Name == 0 || index == 0 || index >= len(from.Sections) || from.Sections[index].Flags&elf.SHF_EXECINSTR == 0 {
		return 0, false
	}
	if elf.ST_BIND(s.Info) != elf.STB_LOCAL {
		order |= visible
	}
	if s.Size > 0 {
		order |= sized
	}
	switch elf.ST_TYPE(s.Info) {
	case elf.STT_FUNC, elf.STT_GNU_IFUNC:
		return order | function, true
	case elf.STT_NOTYPE:
		return order, order&visible != 0
	}
	return 0, false
}

// mostUnsized is how far a function reaches that does not say where it ends, in bytes. What lies
// farther from it is more likely one that the table does not have.
const mostUnsized = 4096

// closeGaps gives the functions that do not say where they end, such as _start and what is
// written in assembly, the room up to the next one of their section, with a name or without.
func (m *Image) closeGaps(from *elf.File, first int) {
	entries := m.entries[first:]
	bounds := m.unwound()
	for i := range entries {
		bounds = append(bounds, entries[i].start)
	}
	slices.Sort(bounds)
	for i := range entries {
		e := &entries[i]
		if e.order&sized != 0 {
			continue
		}
		for _, s := range from.Sections {
			if s.Flags&elf.SHF_EXECINSTR != 0 && s.Addr <= e.start && e.start-s.Addr < s.Size {
				e.size = uint32(min(s.Addr+s.Size-e.start, mostUnsized))
			}
		}
		if next, _ := slices.BinarySearch(bounds, e.start+1); next < len(bounds) {
			e.size = uint32(min(uint64(e.size), bounds[next]-e.start))
		}
	}
}
