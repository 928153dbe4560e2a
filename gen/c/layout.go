package c

import (
	"fmt"
	"maps"
	"strconv"
	"strings"

	"github.com/ebgen/ebgen/spec/plan"
)

// layout is a plan.Record as a struct of C: an event, the key of a map, its value.
type layout struct {
	plan.Record
	What    string // one of it is
	Tag     string // of the struct
	Members []layoutMember
	names   []string // of the fields, in their order
	pads    []string // of the gaps
	word    string   // that says which fields have no value: "absent", or "present" for its complement
}

// layoutMember is one line of the struct.
type layoutMember struct {
	Declaration string
	Remark      string
}

// layOut makes the struct of r: the fields by offset, the gaps as bytes of pad. zeroed says
// that it starts as zeros, without a value.
func (p *printer) layOut(what, tag string, r plan.Record, zeroed bool) *layout {
	out := &layout{Record: r, What: what, Tag: tag, word: "absent"}
	taken := maps.Clone(plan.Keywords)
	taken["absent"], taken["present"] = true, zeroed
	type piece struct {
		offset, size  int
		text, meaning string
	}
	var parts []piece
	if r.Absent >= 0 {
		meaning := "the fields without a value, by bit"
		if zeroed {
			out.word, meaning = "present", "the fields with a value, by bit"
		}
		parts = append(parts, piece{r.Absent, 8, "u64 " + out.word, meaning})
	}
	for _, f := range r.Fields {
		name := unique(taken, identifier(f.Name))
		out.names = append(out.names, name)
		parts = append(parts, piece{f.Offset, f.Type.Size, p.declaration(f.Type, name), remark(f)})
	}
	sortBy(parts, func(one piece) int { return one.offset })
	width := len(strconv.Itoa(r.Size))
	at := 0
	add := func(offset int, text, meaning string) {
		out.Members = append(out.Members, layoutMember{text, strings.TrimSuffix(fmt.Sprintf("%*d: %s", width, offset, meaning), ": ")})
	}
	gap := func(upTo int) {
		if upTo > at {
			name := unique(taken, "pad")
			out.pads = append(out.pads, name)
			add(at, fmt.Sprintf("u8 %s[%d]", name, upTo-at), "zero")
		}
	}
	for _, one := range parts {
		gap(one.offset)
		add(one.offset, one.text, one.meaning)
		at = one.offset + one.size
	}
	gap(r.Size)
	return out
}

// bits are those of all fields that may have no value.
func (l *layout) bits() uint64 {
	var all uint64
	for _, f := range l.Fields {
		if f.Bit >= 0 {
			all |= 1 << f.Bit
		}
	}
	return all
}

// keyTag and valueTag name the structs of a map's key and value.
func keyTag(m *plan.Map) string   { return m.Name + "_key" }
func valueTag(m *plan.Map) string { return m.Name + "_value" }

// remark says what C's type does not: the unit, the order of bytes, whose number it is.
func remark(f plan.Field) string {
	remarks := map[plan.Meaning]string{
		plan.Time:     "ns, CLOCK_MONOTONIC",
		plan.Duration: "ns",
		plan.ByteSize: "bytes",
		plan.Port:     "host order",
		plan.Errno:    "negative errno",
		plan.Symbol:   "a kernel address",
		plan.Syscall:  "number of a system call",
		plan.Signal:   "number of a signal",
		plan.Mode:     "st_mode",
		plan.Device:   "dev_t",
	}
	switch f.Type.Kind {
	case plan.IP:
		return "network order"
	case plan.String:
		return "zeros behind its end"
	case plan.Stack:
		return "number of a stack, 0 for an empty one"
	}
	return remarks[f.Type.Meaning]
}
