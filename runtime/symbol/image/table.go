package image

import (
	"bytes"
	"cmp"
	"container/heap"
	"io"
	"slices"
)

// table finds the function that an address lies in, among functions that may overlap and
// share addresses. It holds 40 bytes for each; names stay where they are, ended by a NUL,
// until one is asked for.
type table struct {
	entries []entry // by start, of one start the best first
	spans   []span  // by start
	pools   []io.ReaderAt
}

// entry is one function.
type entry struct {
	start uint64
	size  uint32 // bytes
	name  uint32 // where the name begins in its pool
	order uint32 // of two functions of one address, the greater is the better
	pool  uint8
}

func (e *entry) end() uint64 { return e.start + uint64(e.size) }

// span says that from start to the next span an address lies in one function.
type span struct {
	start uint64
	entry int32 // -1 for none
}

const (
	entryWeight = 24 + 16 // bytes of an entry and of its span
	maxEntries  = 1 << 23 // functions of one file; a browser has a million
	maxName     = 1 << 14 // bytes of a name that are read
)

// build sorts the entries. better says which of two functions that an address lies in is
// the one to name.
func (t *table) build(better func(a, b *entry) bool) {
	slices.SortStableFunc(t.entries, func(a, b entry) int {
		if a.start != b.start {
			return cmp.Compare(a.start, b.start)
		}
		switch {
		case better(&a, &b):
			return -1
		case better(&b, &a):
			return 1
		}
		return 0
	})
	t.spans = make([]span, 0, len(t.entries))
	open := &covering{entries: t.entries, better: better}
	for i, at := 0, uint64(0); i < len(t.entries) || open.Len() > 0; {
		if open.Len() == 0 {
			at = t.entries[i].start
		}
		for ; i < len(t.entries) && t.entries[i].start == at; i++ {
			heap.Push(open, int32(i))
		}
		for open.Len() > 0 && t.entries[open.list[0]].end() <= at {
			heap.Pop(open)
		}
		best := int32(-1)
		if open.Len() > 0 {
			best = open.list[0]
		}
		if n := len(t.spans); n == 0 || t.spans[n-1].entry != best {
			t.spans = append(t.spans, span{at, best})
		}
		if best < 0 {
			continue
		}
		at = t.entries[best].end()
		if i < len(t.entries) {
			at = min(at, t.entries[i].start)
		}
	}
	t.spans = slices.Clip(t.spans)
}

// covering is the heap of the functions that cover an address, the best on top.
type covering struct {
	list    []int32
	entries []entry
	better  func(a, b *entry) bool
}

func (c *covering) Len() int      { return len(c.list) }
func (c *covering) Swap(i, j int) { c.list[i], c.list[j] = c.list[j], c.list[i] }
func (c *covering) Push(x any)    { c.list = append(c.list, x.(int32)) }
func (c *covering) Pop() any {
	last := c.list[len(c.list)-1]
	c.list = c.list[:len(c.list)-1]
	return last
}

func (c *covering) Less(i, j int) bool {
	a, b := c.list[i], c.list[j]
	if c.better(&c.entries[a], &c.entries[b]) {
		return true
	}
	return a < b && !c.better(&c.entries[b], &c.entries[a])
}

// find returns the index of the entry that an address lies in, -1 for none.
func (t *table) find(addr uint64) int {
	i, found := slices.BinarySearchFunc(t.spans, addr, func(s span, addr uint64) int { return cmp.Compare(s.start, addr) })
	if !found {
		i--
	}
	if i < 0 {
		return -1
	}
	return int(t.spans[i].entry)
}

// name reads the name of an entry, "" when it cannot be read.
func (t *table) name(i int) string {
	e := &t.entries[i]
	var name []byte
	for len(name) < maxName {
		var piece [128]byte
		n, err := t.pools[e.pool].ReadAt(piece[:], int64(e.name)+int64(len(name)))
		before, _, ended := bytes.Cut(piece[:n], []byte{0})
		name = append(name, before...)
		if ended {
			break
		}
		if err != nil {
			return "" // names end before their pool does
		}
	}
	return string(name)
}

// weight is about how many bytes the table holds.
func (t *table) weight() int { return len(t.entries) * entryWeight }
