package image

import (
	"debug/elf"
	"strings"
)

// stub names a piece of the procedure linkage table, by which the file calls functions of
// others: puts@plt.
func (m *Image) stub(addr uint64) (name string, ok bool) {
	if m.elf.Machine != elf.EM_X86_64 {
		return "", false
	}
	for _, s := range m.elf.Sections {
		if strings.HasPrefix(s.Name, ".plt") && s.Addr <= addr && addr-s.Addr < s.Size {
			name, ok = m.imported(s, addr)
			return name + "@plt", ok
		}
	}
	return "", false
}

// imported is the function that a piece of a linkage table jumps to, by the slot of the
// global offset table that it takes the address from.
func (m *Image) imported(s *elf.Section, addr uint64) (name string, ok bool) {
	size := s.Entsize // 16 with a push behind the jump, or with endbr64 before it
	if size != 8 && size != 16 {
		size = 16
	}
	start := addr - (addr-s.Addr)%size
	code := make([]byte, size)
	if n, _ := s.ReadAt(code, int64(start-s.Addr)); n < len(code) {
		return "", false
	}
	const length = 6 // ff 25, and the distance from the next instruction
	for i := 0; i+length <= len(code); i++ {
		if code[i] == 0xff && code[i+1] == 0x25 { // jmp *DISTANCE(%rip)
			distance := int32(m.elf.ByteOrder.Uint32(code[i+2:]))
			name, ok = m.slots()[start+uint64(i)+length+uint64(int64(distance))]
			return name, ok
		}
	}
	return "", false
}

// slots names the functions whose addresses the dynamic linker writes, by where.
func (m *Image) slots() map[uint64]string {
	if m.plt != nil {
		return m.plt
	}
	m.plt = map[uint64]string{}
	if s := m.elf.SectionByType(elf.SHT_DYNSYM); s == nil || s.Size > largestSection {
		return m.plt
	}
	symbols, err := m.elf.DynamicSymbols()
	if err != nil {
		return m.plt
	}
	for _, name := range []string{".rela.plt", ".rela.dyn"} {
		table := contents(m.elf, name)
		const rela = 3 * 8 // address, symbol and type, what is added
		for ; len(table) >= rela; table = table[rela:] {
			// The first symbol of a file is none, and not in symbols.
			symbol := int(elf.R_SYM64(m.elf.ByteOrder.Uint64(table[8:]))) - 1
			if symbol >= 0 && symbol < len(symbols) {
				m.plt[m.elf.ByteOrder.Uint64(table)] = sourceName(symbols[symbol].Name)
			}
		}
	}
	return m.plt
}
