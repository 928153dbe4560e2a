package decode

import (
	"cmp"
	"math/bits"
	"slices"

	"github.com/ebgen/ebgen/spec/plan"
)

// maxNameWidth is how wide a column of names or strings starts at most: TASK_COMM_LEN
// (include/linux/sched.h), the width at which names of tasks end.
const maxNameWidth = 16

// name is one name of a value, escaped once for each form.
type name struct {
	value uint64
	text  []byte
	json  []byte // without its quotes
}

func newName(v plan.EnumValue) name {
	return name{uint64(v.Value), appendText(nil, []byte(v.Name)), appendJSONText(nil, []byte(v.Name))}
}

// enum writes a value by its name; where two names have one value, the first. A value
// without a name is written as its number, which in JSON is a string too.
func enum(e *plan.Enum, c cell) form {
	names := make(map[uint64]*name, len(e.Values))
	width := 0
	for _, v := range e.Values {
		n := newName(v)
		width = max(width, len(n.text))
		// The plan's values have 64 bits, those in a record their own size.
		if n.value = c.truncate(n.value); names[n.value] == nil {
			names[n.value] = &n
		}
	}
	write := func(pick func(*name) []byte) Append {
		return func(dst, rec []byte) []byte {
			v := c.integer(rec)
			if n := names[v]; n != nil {
				return append(dst, pick(n)...)
			}
			return appendInteger(dst, v, c.Signed)
		}
	}
	text, json := write((*name).forText), write((*name).forJSON)
	return form{width: min(width, maxNameWidth), free: true, text: text, raw: text, json: quoted(json)}
}

// flags writes the names of the bits that are set, joined by "|", names of several bits
// before those of one; bits without a name follow as one hex number. A value without
// bits is the name of 0, or 0.
func flags(e *plan.Enum, c cell) form {
	var names []name
	var zero *name
	for _, v := range e.Values {
		n := newName(v)
		if n.value &= mask(c.Size); n.value != 0 {
			names = append(names, n)
		} else if zero == nil {
			zero = &n
		}
	}
	if zero == nil {
		zero = &name{text: []byte("0"), json: []byte("0")}
	}
	slices.SortStableFunc(names, func(a, b name) int {
		if by := cmp.Compare(bits.OnesCount64(b.value), bits.OnesCount64(a.value)); by != 0 {
			return by
		}
		return cmp.Compare(a.value, b.value)
	})
	write := func(pick func(*name) []byte) Append {
		return func(dst, rec []byte) []byte {
			rest := load(rec[c.at:], c.Size)
			if rest == 0 {
				return append(dst, pick(zero)...)
			}
			for i := range names {
				if n := &names[i]; rest&n.value == n.value {
					dst = append(append(dst, pick(n)...), '|')
					if rest &^= n.value; rest == 0 {
						return dst[:len(dst)-1]
					}
				}
			}
			return appendHex(dst, rest)
		}
	}
	text, json := write((*name).forText), write((*name).forJSON)
	return form{width: maxNameWidth, free: true, text: text, raw: text, json: quoted(json)}
}

// first writes the name of the first of the values whose bits are all set, and nothing of
// the others: a task's state by its letter, as ps does. When none is it is the name of 0.
func first(e *plan.Enum, c cell) form {
	var names []name
	width := 0
	for _, v := range e.Values {
		n := newName(v)
		n.value &= mask(c.Size)
		if n.value == 0 && v.Value != 0 { // of a wider type
			continue
		}
		width = max(width, len(n.text))
		names = append(names, n)
	}
	write := func(pick func(*name) []byte) Append {
		return func(dst, rec []byte) []byte {
			v := load(rec[c.at:], c.Size)
			for i := range names {
				if n := &names[i]; v&n.value == n.value {
					return append(dst, pick(n)...)
				}
			}
			return appendHex(dst, v)
		}
	}
	text, json := write((*name).forText), write((*name).forJSON)
	return form{width: width, free: true, text: text, raw: text, json: quoted(json)}
}

func (n *name) forText() []byte { return n.text }
func (n *name) forJSON() []byte { return n.json }

// truncate gives v as integer would return it after it was stored in the cell.
func (c *cell) truncate(v uint64) uint64 {
	if c.Signed {
		return signExtend(v, c.Size)
	}
	return v & mask(c.Size)
}

func mask(size int) uint64 { return ^uint64(0) >> (64 - 8*size) }
