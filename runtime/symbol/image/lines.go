package image

import (
	"bytes"
	"debug/dwarf"
	"debug/elf"
	"encoding/binary"
)

const (
	// longestText bounds the texts of debug information, in bytes: any number of entries may
	// have the same one, of which debug/dwarf makes a copy for each.
	longestText = 64 << 10
	// mostFileNames bounds the names of directories and files of one table of lines, in bytes.
	mostFileNames = 16 << 20
	// mostNamedLater bounds those that a program of lines may name behind its header.
	mostNamedLater = 1 << 30
)

// texts is a section of texts that end with a NUL each.
type texts []byte

// at is the length of the text at an offset, 0 where there is none.
func (t texts) at(offset uint64) int {
	if offset >= uint64(len(t)) {
		return 0
	}
	return max(bytes.IndexByte(t[offset:], 0), 0)
}

// longest is the length of the longest text.
func (t texts) longest() (n int) {
	for len(t) > 0 {
		end := bytes.IndexByte(t, 0)
		if end < 0 {
			return max(n, len(t))
		}
		n, t = max(n, end), t[end+1:]
	}
	return n
}

// lineTables are the tables of lines of a file as it has them, to be looked at before
// debug/dwarf makes texts of them.
type lineTables struct {
	order   binary.ByteOrder
	line    []byte
	lineStr texts
	str     int // the longest of .debug_str
}

// lineTablesOf reads them. They are not plain when a text is longer than any that is taken.
func lineTablesOf(from *elf.File) (t lineTables, plain bool) {
	t = lineTables{order: from.ByteOrder, line: contents(from, ".debug_line"), lineStr: contents(from, ".debug_line_str")}
	t.str = texts(contents(from, ".debug_str")).longest()
	return t, max(t.str, t.lineStr.longest()) <= longestText
}

// fileNames is how many bytes the names of files have that the header of a unit's table of
// lines stands for (DWARF 5, 6.2.4), and false when it is broken or they are too many.
func (t *lineTables) fileNames(top *dwarf.Entry) (total int, ok bool) {
	offset, ok := top.Val(dwarf.AttrStmtList).(int64)
	if !ok || offset < 0 || offset > int64(len(t.line)) {
		return 0, false
	}
	inside, _ := top.Val(dwarf.AttrCompDir).(string)
	c := cursor{rest: t.line[offset:], order: t.order}
	length, word := c.size()
	c.cut(length)
	version := c.fixed(2)
	if version >= 5 {
		c.skip(2) // sizes of an address and of a segment
	}
	header := c.fixed(word)
	program := uint64(len(c.rest)) - min(header, uint64(len(c.rest)))
	c.cut(header)
	c.skip(4) // length of an instruction, whether it is a statement, base and range of lines
	if version >= 4 {
		c.skip(1) // operations of an instruction
	}
	c.skip(max(c.fixed(1), 1) - 1) // of each opcode, how many operands it has

	if version >= 5 {
		directories, _ := t.named(&c, word, nil)
		_, total := t.named(&c, word, directories)
		return total, !c.broken
	}
	directories := []int{len(inside)}
	most := len(inside)
	for n := c.text(); n > 0; n = c.text() {
		directories = append(directories, len(inside)+n)
		total += len(inside) + n
		most = max(most, len(inside)+n)
	}
	for n := c.text(); n > 0 && total <= mostFileNames; n = c.text() {
		in := c.number()
		c.number() // when it was changed
		c.number() // how large it was
		total += n
		if in < uint64(len(directories)) {
			total += directories[in]
		}
	}
	const leastEntry = 5 // bytes of a file that the program names
	return total, !c.broken && total <= mostFileNames && program/leastEntry*uint64(most) <= mostNamedLater
}

// Of an entry's parts those that count here, and the forms that a part may have (DWARF 5,
// 7.22 and 7.5.5).
const (
	partPath      = 1
	partDirectory = 2

	formBlock, formData2, formData4, formData8 = 0x09, 0x05, 0x06, 0x07
	formString, formData1, formStrp            = 0x08, 0x0b, 0x0e
	formUdata, formData16, formLineStrp        = 0x0f, 0x1e, 0x1f
)

// fixedForms are forms of so many bytes.
var fixedForms = map[uint64]uint64{formData1: 1, formData2: 2, formData4: 4, formData8: 8}

// named reads a list of directories or files, and gives the length of each name and of all.
func (t *lineTables) named(c *cursor, word uint64, directories []int) (lengths []int, total int) {
	type part struct{ what, form uint64 }
	var parts []part
	for range c.fixed(1) {
		parts = append(parts, part{c.number(), c.number()})
	}
	count := c.number()
	if count > uint64(len(c.rest)) { // each has a byte at least
		c.broken = true
	}
	lengths = []int{}
	for uint64(len(lengths)) < count && !c.broken {
		length := 0
		before := len(c.rest)
		for _, p := range parts {
			text, value := 0, uint64(0)
			switch {
			case p.form == formString:
				text = c.text()
			case p.form == formLineStrp:
				text = t.lineStr.at(c.fixed(word))
			case p.form == formStrp:
				c.skip(word)
				text = t.str
			case p.form == formUdata:
				value = c.number()
			case p.form == formData16:
				c.skip(16)
			case p.form == formBlock:
				c.skip(c.number())
			case fixedForms[p.form] > 0:
				value = c.fixed(fixedForms[p.form])
			default:
				c.broken = true
			}
			switch {
			case p.what == partPath:
				length += text
			case p.what == partDirectory && value < uint64(len(directories)):
				length += directories[value]
			}
		}
		lengths = append(lengths, length)
		if total += length; total > mostFileNames || len(c.rest) == before {
			c.broken = true
		}
	}
	return lengths, total
}

// cursor reads numbers of debug information one after the other. What is not there is 0, and
// broken.
type cursor struct {
	rest   []byte
	order  binary.ByteOrder
	broken bool
}

func (c *cursor) skip(n uint64) {
	if n > uint64(len(c.rest)) {
		c.rest, c.broken = nil, true
		return
	}
	c.rest = c.rest[n:]
}

// cut leaves n bytes.
func (c *cursor) cut(n uint64) {
	if n > uint64(len(c.rest)) {
		c.broken = true
		return
	}
	c.rest = c.rest[:n]
}

// fixed reads a number of 1, 2, 4 or 8 bytes.
func (c *cursor) fixed(size uint64) (n uint64) {
	if size > uint64(len(c.rest)) {
		c.rest, c.broken = nil, true
		return 0
	}
	switch size {
	case 1:
		n = uint64(c.rest[0])
	case 2:
		n = uint64(c.order.Uint16(c.rest))
	case 4:
		n = uint64(c.order.Uint32(c.rest))
	case 8:
		n = c.order.Uint64(c.rest)
	}
	c.rest = c.rest[size:]
	return n
}

// size reads the length of a unit, and gives how many bytes an offset in it has.
func (c *cursor) size() (length, word uint64) {
	const long = 0xffffffff
	if length = c.fixed(4); length == long {
		return c.fixed(8), 8
	}
	return length, 4
}

// number reads one of LEB128; of one that is too long the low bits.
func (c *cursor) number() (n uint64) {
	for shift := 0; ; shift += 7 {
		b := c.fixed(1)
		n |= b & 0x7f << shift
		if b < 0x80 {
			return n
		}
	}
}

// text reads a text with its NUL, and gives its length.
func (c *cursor) text() int {
	n := bytes.IndexByte(c.rest, 0)
	if n < 0 {
		c.rest, c.broken = nil, true
		return 0
	}
	c.rest = c.rest[n+1:]
	return n
}
