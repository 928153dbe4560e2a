package ktype

import (
	"fmt"

	"github.com/cilium/ebpf/btf"
)

// Row is one line of a struct as it lies in memory.
type Row struct {
	Depth  int    // of the anonymous structs and unions around it
	Text   string // the declaration as C has it, without indentation: "__be16 skc_dport;"
	Offset int    // bits from the start of the struct; -1 for the end of an anonymous one
	Size   int    // bytes; 0 for a bit field
	Bits   int    // of a bit field, else 0
	Hole   bool   // bytes that no member has
}

// Layout is the members of a struct or union in their order, with what lies between them,
// and with anonymous structs and unions as the source has them.
func (t Type) Layout() []Row {
	var rows []Row
	left := mostStructs
	t.complete().layOut(0, 0, maxDepth, &left, &rows)
	return rows
}

const byteBits = 8

func (t Type) layOut(offset, depth, limit int, left *int, rows *[]Row) {
	if *left--; limit == 0 || *left < 0 {
		return
	}
	end := offset // of what the members so far take
	for _, m := range members(t.raw) {
		at, mt := offset+int(m.Offset), t.kernel.typeOf(m.Type)
		if hole := at/byteBits - (end+byteBits-1)/byteBits; !t.Union && hole > 0 {
			*rows = append(*rows, Row{Depth: depth, Text: "/* hole */", Offset: (end + byteBits - 1) / byteBits * byteBits, Size: hole, Hole: true})
		}
		row := Row{Depth: depth, Offset: at, Size: mt.Size, Bits: int(m.BitfieldSize)}
		end = at + mt.Size*byteBits
		switch inner, named := anonymous(mt); {
		case row.Bits > 0:
			row.Size, end = 0, at+row.Bits
			row.Text = fmt.Sprintf("%s : %d;", mt.spell(m.Name), row.Bits)
		case inner && (m.Name == "" || named):
			row.Text = keyword(mt) + " {"
			*rows = append(*rows, row)
			mt.layOut(at, depth+1, limit-1, left, rows)
			row.Offset, row.Size, row.Text = -1, 0, "}"
			if m.Name != "" {
				row.Text += " " + m.Name
			}
			row.Text += ";"
		default:
			row.Text = mt.spell(m.Name) + ";"
		}
		*rows = append(*rows, row)
	}
	if hole := offset/byteBits + t.Size - (end+byteBits-1)/byteBits; !t.Union && hole > 0 && len(members(t.raw)) > 0 {
		*rows = append(*rows, Row{Depth: depth, Text: "/* hole */", Offset: (end + byteBits - 1) / byteBits * byteBits, Size: hole, Hole: true})
	}
}

// anonymous reports whether a type is a struct or union without a name, which is best
// shown where it stands.
func anonymous(t Type) (inner, named bool) {
	if t.Kind != Struct || t.Name != "" {
		return false, false
	}
	_, fwd := t.raw.(*btf.Fwd)
	return !fwd, t.Typedef == ""
}

func keyword(t Type) string {
	if t.Union {
		return "union"
	}
	return "struct"
}

// Spell spells a declaration of the type with a name: "char comm[16]".
func (t Type) Spell(name string) string { return t.spell(name) }

// Underlying spells what a typedef stands for.
func (t Type) Underlying() string {
	t.Typedef = ""
	return t.String()
}
