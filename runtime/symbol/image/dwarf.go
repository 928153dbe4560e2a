package image

import (
	"cmp"
	"debug/dwarf"
	"debug/elf"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/ebgen/ebgen/runtime/stack"
)

// largestDWARF bounds the debug information of a file that is read for lines and inlined
// functions, in bytes; without it, a file has the names of its symbol table.
const largestDWARF = 96 << 20

// source knows what lines and inlined functions an address belongs to. Of the units of
// debug information, one per file that was compiled, those are read that are asked for.
type source struct {
	data   *dwarf.Data
	tables lineTables
	ranges []unitRange // by start
	units  map[dwarf.Offset]*unit
	names  map[dwarf.Offset]string
	weight int // bytes, about
}

// unitRange says that addresses belong to a unit.
type unitRange struct {
	start, end uint64
	unit       dwarf.Offset
}

// unit is what is known of one compiled file.
type unit struct {
	functions []scope // by start
	inlined   []scope // those of one function together
	lines     []line  // by address
	files     []string
}

// scope is a range of code that belongs to a function. One that is in several ranges is
// several scopes.
type scope struct {
	start, end  uint64
	entry       dwarf.Offset // what has its name
	depth       int          // of an inlined one: those that it is in, from 0
	file, line  int32        // of an inlined one: where it was called
	first, last int          // of a function: in unit.inlined
}

// line begins the code of a line.
type line struct {
	addr uint64
	file int32
	line int32 // 0: no code
}

// findSource finds debug information in the image or beside it, nil for none.
func (m *Image) findSource() *source {
	from := m.elf
	if from.Section(".debug_info") == nil {
		if m.debug == nil {
			return nil
		}
		from = m.debug.elf
	}
	size, found := uint64(0), false
	for _, s := range from.Sections {
		if strings.HasPrefix(s.Name, ".zdebug_") { // compressed as before ELF had a way to: to what size is not said
			return nil
		}
		if strings.HasPrefix(s.Name, ".debug_") {
			size += s.Size // of what is compressed, its size when it is not
			found = found || s.Name == ".debug_info" && s.Type != elf.SHT_NOBITS
		}
	}
	if !found || size > largestDWARF || from.Type == elf.ET_REL {
		return nil
	}
	offsets, plain := unitOffsets(from)
	if !plain {
		return nil
	}
	tables, plain := lineTablesOf(from)
	if !plain {
		return nil
	}
	data, err := from.DWARF()
	if err != nil {
		return nil
	}
	s := &source{data: data, tables: tables, units: map[dwarf.Offset]*unit{}, names: map[dwarf.Offset]string{}, weight: int(size) + len(tables.line) + len(tables.lineStr)}
	r := data.Reader()
	for _, offset := range offsets {
		r.Seek(offset)
		e, err := r.Next()
		if err != nil || e == nil || e.Tag != dwarf.TagCompileUnit {
			continue
		}
		for _, one := range s.rangesOf(e) {
			s.ranges = append(s.ranges, unitRange{one[0], one[1], e.Offset})
		}
	}
	slices.SortFunc(s.ranges, func(a, b unitRange) int { return cmp.Compare(a.start, b.start) })
	return s
}

// unitOffsets lists where in .debug_info the units' first entries are, behind their headers
// (DWARF 5, 7.5.1). debug/dwarf would read all of a unit to find the next. It is not plain
// when the abbreviations of units overlap: debug/dwarf reads and keeps those of each unit, up
// to their end, before it gives the first entry.
func unitOffsets(from *elf.File) (offsets []dwarf.Offset, plain bool) {
	info, abbreviations := contents(from, ".debug_info"), contents(from, ".debug_abbrev")
	read, known := 0, map[uint64]bool{}
	for at := uint64(0); uint64(len(info)) >= at+16; {
		length, header, word := uint64(from.ByteOrder.Uint32(info[at:])), uint64(4), uint64(4)
		if length == 0xffffffff {
			length, header, word = from.ByteOrder.Uint64(info[at+4:]), 12, 8
		}
		if length > uint64(len(info))-at-header || length < 8 {
			break
		}
		first := at + header + 2 + word + 1 // version, offset of abbreviations, size of an address
		table := info[at+header+2:]
		if version := from.ByteOrder.Uint16(info[at+header:]); version >= 5 {
			const skeleton, split = 4, 5 // DW_UT_skeleton, DW_UT_split_compile
			first++                      // type
			if kind := info[at+header+2]; kind == skeleton || kind == split {
				first += 8
			}
			table = table[2:] // type and size stand before the offset
		}
		abbreviation := uint64(from.ByteOrder.Uint32(table))
		if word == 8 {
			abbreviation = from.ByteOrder.Uint64(table)
		}
		if abbreviation < uint64(len(abbreviations)) && !known[abbreviation] {
			known[abbreviation] = true
			read += abbreviationsSize(abbreviations[abbreviation:])
		}
		if read > len(abbreviations) {
			return nil, false
		}
		offsets = append(offsets, dwarf.Offset(first))
		at += header + length
	}
	return offsets, true
}

// abbreviationsSize is how many bytes the abbreviations of a unit have (DWARF 5, 7.5.3), their
// end included.
func abbreviationsSize(table []byte) int {
	c := cursor{rest: table}
	for c.number() != 0 {
		c.number() // tag
		c.skip(1)  // has children
		for !c.broken {
			const implicit = 0x21 // DW_FORM_implicit_const, whose value follows
			attribute, form := c.number(), c.number()
			if form == implicit {
				c.number()
			}
			if attribute == 0 && form == 0 {
				break
			}
		}
	}
	return len(table) - len(c.rest)
}

// append appends the frames at an address: the inlined ones, with what called each, then
// the function itself. The name that the symbol table gave it counts.
func (s *source) append(dst []stack.Frame, addr, back uint64, outer stack.Frame) []stack.Frame {
	u := s.unitOf(addr)
	if u == nil {
		return appendNamed(dst, outer)
	}
	file, number := u.lineOf(addr)
	if i := lastBefore(u.functions, addr, func(f scope) uint64 { return f.start }); i >= 0 && addr < u.functions[i].end {
		f := &u.functions[i]
		if outer.Name == "" {
			outer.Name, outer.Offset = s.name(f.entry), addr+back-f.start
		}
		chain := []*scope{} // the innermost last
		for i := f.first; i < f.last && len(chain) < mostInlined; i++ {
			if one := &u.inlined[i]; one.start <= addr && addr < one.end {
				chain = append(chain, one)
			}
		}
		slices.SortStableFunc(chain, func(a, b *scope) int { return cmp.Compare(a.depth, b.depth) })
		for _, one := range slices.Backward(chain) {
			if name := s.name(one.entry); name != "" {
				dst = append(dst, stack.Frame{Name: name, File: file, Line: number, Inlined: true})
			}
			file, number = u.file(one.file), int(one.line)
		}
	}
	outer.File, outer.Line = file, number
	// An inlined frame is followed by the one that it was put into, even without a name.
	return append(dst, outer)
}

func appendNamed(dst []stack.Frame, f stack.Frame) []stack.Frame {
	if f.Name == "" {
		return dst
	}
	return append(dst, f)
}

// lastBefore is the index of the last element that starts at or before addr, -1 for none.
func lastBefore[T any](list []T, addr uint64, start func(T) uint64) int {
	i, _ := slices.BinarySearchFunc(list, addr, func(e T, addr uint64) int {
		if start(e) <= addr {
			return -1
		}
		return 1
	})
	return i - 1
}

// unitOf reads the unit that an address belongs to, nil for none.
func (s *source) unitOf(addr uint64) *unit {
	i := lastBefore(s.ranges, addr, func(r unitRange) uint64 { return r.start })
	if i < 0 || addr >= s.ranges[i].end {
		return nil
	}
	offset := s.ranges[i].unit
	u, ok := s.units[offset]
	if !ok {
		u = s.read(offset)
		s.units[offset] = u
	}
	return u
}

// read reads one unit. What is broken in it is left out.
func (s *source) read(offset dwarf.Offset) *unit {
	u := new(unit)
	r := s.data.Reader()
	r.Seek(offset)
	top, err := r.Next()
	if err != nil || top == nil {
		return u
	}
	s.readLines(u, top)
	if top.Children {
		s.readScopes(u, r, false, 0, 0)
	}
	slices.SortFunc(u.functions, func(a, b scope) int { return cmp.Compare(a.start, b.start) })
	return u
}

// Bytes of what is kept of debug information, about.
const (
	scopeWeight = 64
	lineWeight  = 16
	// heaviest bounds them for one file: of a list of ranges or lines that is there once,
	// any number of entries may say that it is theirs.
	heaviest = 5 * largestDWARF
)

// grow notes that more is kept, and reports whether there is room for it.
func (s *source) grow(bytes int) bool {
	s.weight += bytes
	return s.weight <= heaviest
}

// rangesOf lists the addresses that an entry says are its own, none when they are broken or
// there is no room for them.
func (s *source) rangesOf(e *dwarf.Entry) [][2]uint64 {
	if !s.grow(0) {
		return nil
	}
	ranges, err := s.data.Ranges(e)
	if err != nil || !s.grow(len(ranges)*scopeWeight) {
		return nil
	}
	return ranges
}

const (
	// deepest bounds how deep entries stand in each other.
	deepest = 512
	// mostInlined bounds the inlined functions at one address.
	mostInlined = 64
)

// readScopes reads the functions among the children of an entry, which may stand in types
// and in each other, and reports whether all is well. inside says that the entry
// belongs to a function, depth is how many inlined ones it is in.
func (s *source) readScopes(u *unit, r *dwarf.Reader, inside bool, depth, level int) bool {
	for {
		e, err := r.Next()
		if err != nil || e == nil || level > deepest {
			return false
		}
		if e.Tag == 0 {
			return true
		}
		begin := len(u.functions)
		inlined := len(u.inlined)
		s.addScope(u, e, inside, depth)
		end := len(u.functions)
		if !e.Children {
			continue
		}
		deeper := depth
		switch e.Tag {
		case dwarf.TagSubprogram:
			deeper = 0
		case dwarf.TagInlinedSubroutine:
			deeper++
		}
		if !s.readScopes(u, r, inside || e.Tag == dwarf.TagSubprogram, deeper, level+1) {
			return false
		}
		for i := begin; i < end; i++ {
			u.functions[i].first, u.functions[i].last = inlined, len(u.inlined)
		}
	}
}

// addScope adds what a subprogram or an inlined one says of code.
func (s *source) addScope(u *unit, e *dwarf.Entry, inside bool, depth int) {
	inlined := e.Tag == dwarf.TagInlinedSubroutine
	if e.Tag != dwarf.TagSubprogram && !(inlined && inside) {
		return
	}
	for _, one := range s.rangesOf(e) {
		if one[0] == 0 || one[0] >= one[1] { // the linker has thrown it away
			continue
		}
		added := scope{start: one[0], end: one[1], entry: e.Offset, depth: depth}
		if !inlined {
			u.functions = append(u.functions, added)
			continue
		}
		if file, ok := e.Val(dwarf.AttrCallFile).(int64); ok {
			added.file = int32(file)
		}
		if number, ok := e.Val(dwarf.AttrCallLine).(int64); ok {
			added.line = int32(number)
		}
		u.inlined = append(u.inlined, added)
	}
}

// readLines reads the table of lines of a unit.
func (s *source) readLines(u *unit, top *dwarf.Entry) {
	if names, ok := s.tables.fileNames(top); !ok || !s.grow(names) {
		return
	}
	r, err := s.data.LineReader(top)
	if err != nil || r == nil {
		return
	}
	numbers := map[*dwarf.LineFile]int32{nil: -1}
	for i, f := range r.Files() {
		name := ""
		if f != nil {
			name = short(f.Name)
			numbers[f] = int32(i)
		}
		u.files = append(u.files, name)
	}
	var e dwarf.LineEntry
	for {
		if err := r.Next(&e); err != nil || !s.grow(lineWeight) {
			if !errors.Is(err, io.EOF) {
				u.lines = nil
			}
			break
		}
		one := line{addr: e.Address, file: -1, line: int32(e.Line)}
		if n, ok := numbers[e.File]; ok {
			one.file = n
		}
		if e.EndSequence {
			one.line = 0
		}
		u.lines = append(u.lines, one)
	}
	// A sequence may end where another begins: the beginning counts.
	slices.SortStableFunc(u.lines, func(a, b line) int {
		if a.addr != b.addr {
			return cmp.Compare(a.addr, b.addr)
		}
		return cmp.Compare(min(a.line, 1), min(b.line, 1))
	})
	u.lines = slices.Clip(u.lines)
}

// lineOf is the line that an address belongs to, "" and 0 when it is not known.
func (u *unit) lineOf(addr uint64) (file string, number int) {
	i := lastBefore(u.lines, addr, func(l line) uint64 { return l.addr })
	if i < 0 || u.lines[i].line == 0 {
		return "", 0
	}
	return u.file(u.lines[i].file), int(u.lines[i].line)
}

func (u *unit) file(i int32) string {
	if i < 0 || int(i) >= len(u.files) {
		return ""
	}
	return u.files[i]
}

// name is the name of a function, which one that has code may have from one that was only
// declared, or that it is a copy of.
func (s *source) name(offset dwarf.Offset) string {
	if name, ok := s.names[offset]; ok {
		return name
	}
	const hops = 8 // from a copy to what it is of, from there to its declaration
	name, at := "", offset
	for range hops {
		r := s.data.Reader()
		r.Seek(at)
		e, err := r.Next()
		if err != nil || e == nil {
			break
		}
		if linked, ok := e.Val(dwarf.AttrLinkageName).(string); ok {
			name = sourceName(linked)
			break
		}
		if plain, ok := e.Val(dwarf.AttrName).(string); ok && name == "" {
			name = plain
		}
		next, ok := e.Val(dwarf.AttrAbstractOrigin).(dwarf.Offset)
		if !ok {
			if next, ok = e.Val(dwarf.AttrSpecification).(dwarf.Offset); !ok {
				break
			}
		}
		at = next
	}
	name = short(name)
	s.names[offset] = name
	return name
}
