package vet

import (
	"maps"
	"math/bits"
	"slices"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/ebgen/ebgen/spec/plan"
)

// mapTypes are the maps that hold data of the tracer's own, and the bytes that the kernel
// adds to each entry (plan.Map.Bytes says where they come from). What is missing holds
// programs, sockets, devices or the kernel's callbacks.
var mapTypes = map[ebpf.MapType]uint64{
	ebpf.Array:          0,
	ebpf.BloomFilter:    0,
	ebpf.Hash:           64,
	ebpf.LPMTrie:        64,
	ebpf.LRUCPUHash:     72,
	ebpf.LRUHash:        64,
	ebpf.PerCPUArray:    8,
	ebpf.PerCPUHash:     72,
	ebpf.PerfEventArray: 8,
	ebpf.Queue:          0,
	ebpf.RingBuf:        1, // a ring's size is its number of entries, which have none
	ebpf.Stack:          0,
	ebpf.StackTrace:     24,
}

// mapFlags are those that change how a map keeps its entries, and not who else may have it.
const mapFlags = unix.BPF_F_NO_PREALLOC | unix.BPF_F_NO_COMMON_LRU | unix.BPF_F_RDONLY_PROG | unix.BPF_F_ZERO_SEED | unix.BPF_F_MMAPABLE

const (
	// largestValue bounds a key or a value, and with that what one call of a helper copies:
	// a histogram of the most buckets has 32 KiB, a program's variables hardly more.
	largestValue = 1 << 20
	// mostMemory bounds all maps together, in bytes: those of the plan, and an eighth for what
	// a tracer keeps beside them.
	mostMemory = plan.MostMemory + plan.MostMemory/8
	// mostMaps bounds how many maps an object has: the kernel takes 64 in one program
	// (MAX_USED_MAPS, include/linux/bpf_verifier.h).
	mostMaps = 256
)

// vetMaps gives what of an object's maps may not be a tracer's.
func vetMaps(all map[string]*ebpf.MapSpec, p *plan.Plan) (list []Finding) {
	var total uint64
	for _, name := range slices.Sorted(maps.Keys(all)) {
		m := all[name]
		overhead, ok := mapTypes[m.Type]
		switch {
		case !ok || m.InnerMap != nil:
			list = append(list, found("map %s is a %v, which holds more than a tracer's data", name, m.Type))
		case m.Pinning != ebpf.PinNone:
			list = append(list, found("map %s is pinned, which would outlive the tracer", name))
		case m.Flags&^uint32(mapFlags) != 0 || m.NumaNode != 0:
			list = append(list, found("map %s has the flags %#x, of which a tracer's map has at most %#x", name, m.Flags, mapFlags))
		case m.KeySize > largestValue || m.ValueSize > largestValue:
			list = append(list, found("map %s has keys of %d and values of %d bytes, more than %d", name, m.KeySize, m.ValueSize, largestValue))
		default:
			key := uint64(m.KeySize)
			if m.Type == ebpf.Array || m.Type == ebpf.PerCPUArray {
				key = 0 // the entry's place
			}
			size := (overhead + key + uint64(m.ValueSize)) * uint64(m.MaxEntries)
			if size > mostMemory {
				list = append(list, found("map %s is of %d MiB, more than %d", name, size>>20, mostMemory>>20))
			}
			total += size
		}
	}
	if p.Channel.Kind == plan.Perfbuf {
		total += uint64(max(0, p.Channel.Size))
	}
	switch {
	case len(all) > mostMaps:
		list = append(list, found("%d maps, more than %d", len(all), mostMaps))
	case len(list) == 0 && total > mostMemory:
		list = append(list, found("the maps are of %d MiB together, more than %d", total>>20, mostMemory>>20))
	}
	return list
}

// overflows reports whether an offset and a size do not lie in so many bytes.
func overflows(offset, size, limit uint64) bool {
	end, carry := bits.Add64(offset, size, 0)
	return carry != 0 || end > limit
}
