package aggregate

import (
	"bytes"
	"hash/maphash"
	"slices"
)

// index numbers keys of one size in the order in which they come: open addressing with
// linear probing over slots that are at most half full.
type index struct {
	size  int    // bytes of a key
	keys  []byte // one after the other
	n     int
	slots []int32 // number of a key plus one; 0 is free
	seed  maphash.Seed
}

// leastSlots is where an index begins.
const leastSlots = 64

// reset forgets all keys and keeps the memory.
func (x *index) reset() {
	if x.slots == nil {
		x.slots, x.seed = make([]int32, leastSlots), maphash.MakeSeed()
	}
	x.keys, x.n = x.keys[:0], 0
	clear(x.slots)
}

// key returns the bytes of a key by its number.
func (x *index) key(at int) []byte { return x.keys[at*x.size:][:x.size:x.size] }

// find returns the number of a key. One that is new is copied and gets the next.
func (x *index) find(key []byte) (at int, found bool) {
	slot := x.slot(key)
	if at := x.slots[slot]; at != 0 {
		return int(at - 1), true
	}
	x.keys = append(x.keys, key...)
	x.n++
	x.slots[slot] = int32(x.n)
	if 2*x.n > len(x.slots) {
		x.grow()
	}
	return x.n - 1, false
}

// slot returns the slot in which a key is, or the free one where it would be.
func (x *index) slot(key []byte) int {
	mask := len(x.slots) - 1
	slot := int(maphash.Bytes(x.seed, key)) & mask
	for x.slots[slot] != 0 && !bytes.Equal(x.key(int(x.slots[slot]-1)), key) {
		slot = (slot + 1) & mask
	}
	return slot
}

// grow doubles the slots and puts every key into its new one.
func (x *index) grow() {
	x.slots = slices.Grow(x.slots[:0], 2*len(x.slots))[:2*len(x.slots)]
	clear(x.slots)
	for at := range x.n {
		x.slots[x.slot(x.key(at))] = int32(at + 1)
	}
}
