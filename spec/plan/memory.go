package plan

import "math/bits"

// MostMemory bounds the maps of one tracer together, in bytes of one CPU: what a spec from a
// stranger may make the kernel set aside.
const MostMemory = 1 << 30

// Bytes of the kernel's own structures on 64-bit machines, from hashtab.c, arraymap.c,
// lpm_trie.c and stackmap.c in kernel/bpf (Linux 6.18; 5.10 differs in the fixed part of
// a map only).
const (
	hashBucket   = 16 // struct bucket
	hashElement  = 48 // struct htab_elem up to its key
	pointerSize  = 8
	trieNode     = 32 // struct lpm_trie_node up to its data
	stackElement = 16 // struct stack_map_bucket up to its data, rounded up
)

// Bytes returns how much kernel memory the map takes, for a machine with so many possible
// CPUs: the entries that are there from the start, and for the types that make theirs
// when they are needed the most there can be. It leaves out the few hundred bytes that
// every map has.
func (m *Map) Bytes(cpus int) int64 {
	kind := MapTypes[m.Type]
	entries, values := int64(m.Entries), int64(1)
	if kind.PerCPU {
		values = int64(cpus)
	}
	key, value := int64(m.Key.Size+7)&^7, int64(m.ValueSize()+7)&^7
	var size int64
	switch {
	case kind.Array:
		size = entries * value * values
		if kind.PerCPU {
			size += entries * pointerSize
		}
	case m.Type == LPMTrie:
		// At most as many nodes where prefixes part, without a value (trie_update_elem).
		size = entries*(trieNode+key+value) + entries*(trieNode+key)
	case m.Type == StackTrace:
		size = entries*(stackElement+value) + roundUp(entries)*pointerSize
	default:
		size = roundUp(entries) * hashBucket
		if kind.PerCPU {
			size += entries * (hashElement + key + pointerSize + value*values)
			break
		}
		if !kind.LRU { // each CPU has one to spare (alloc_extra_elems)
			entries += int64(cpus)
			size += int64(cpus) * pointerSize
		}
		size += entries * (hashElement + key + value)
	}
	if m.Double {
		size *= 2
	}
	return size
}

// ValueSize returns the bytes of one value in the kernel: of a span with Depth a u32 that
// says how many calls are open, 4 bytes of nothing, and a Value for each.
func (m *Map) ValueSize() int {
	if m.Depth > 0 {
		return 8 + m.Depth*m.Value.Size
	}
	return m.Value.Size
}

// roundUp returns the least power of two that is not below n.
func roundUp(n int64) int64 {
	if n <= 1 {
		return 1
	}
	return 1 << bits.Len64(uint64(n-1))
}
