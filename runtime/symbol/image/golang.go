package image

import (
	"bytes"
	"debug/elf"
	"debug/gosym"
	"math"
)

// goTable adds the functions of the table that the Go runtime finds its own by, which no
// strip takes away (runtime/symtab.go), and reports whether there is one.
func (m *Image) goTable() (ok bool) {
	var data []byte
	for _, name := range []string{".gopclntab", ".data.rel.ro.gopclntab"} {
		if data = contents(m.elf, name); data != nil {
			break
		}
	}
	text, known := m.goText(data)
	if !known {
		return false
	}
	entries := len(m.entries)
	defer func() {
		if recover() != nil { // gosym trusts the table's offsets
			m.entries, ok = m.entries[:entries], false
		}
	}()
	parsed, err := gosym.NewTable(nil, gosym.NewLineTable(data, text))
	if err != nil || len(m.pools) > math.MaxUint8 {
		return false
	}
	var names []byte
	for i := range parsed.Funcs {
		f := &parsed.Funcs[i]
		if f.Sym == nil || f.Name == "" || f.End <= f.Entry || len(names) > math.MaxInt32 {
			continue
		}
		m.entries = append(m.entries, entry{
			start: f.Entry, size: uint32(min(f.End-f.Entry, math.MaxUint32)), name: uint32(len(names)),
			order: sized | function, pool: uint8(len(m.pools)),
		})
		names = append(append(names, f.Name...), 0)
	}
	m.pools = append(m.pools, bytes.NewReader(names))
	return len(m.entries) > entries
}

// Where the address of the first Go function stands.
const (
	headerText = 8 + 2*8 // pcHeader.textStart, Go 1.18 to 1.25; 0 since, and before the relocation of PIE
	moduleText = 22 * 8  // moduledata.text, Go 1.20 to 1.26
)

// goText is the address that the offsets in Go's table count from. It begins .text where
// Go's own linker has put the file together; a C linker puts its own start before it.
func (m *Image) goText(table []byte) (addr uint64, ok bool) {
	text := m.elf.Section(".text")
	if len(table) < headerText+8 || text == nil || m.elf.Class != elf.ELFCLASS64 {
		return 0, false
	}
	inText := func(addr uint64) bool { return addr >= text.Addr && addr-text.Addr < text.Size }
	if addr := m.elf.ByteOrder.Uint64(table[headerText:]); inText(addr) {
		return addr, true
	}
	if module := contents(m.elf, ".go.module"); len(module) >= moduleText+8 {
		if addr := m.elf.ByteOrder.Uint64(module[moduleText:]); inText(addr) {
			return addr, true
		}
	}
	return text.Addr, m.elf.Section(".init") == nil
}
