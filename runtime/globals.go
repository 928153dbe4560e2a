package runtime

import (
	"fmt"
	"sync/atomic"
	"unsafe"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// globals is the tracer's .bss in our memory: its counters, and the flag by which it
// learns that nobody is looking. Programs change them at any time, so every access is
// atomic. (The library maps .bss too, but only copies in and out of it, and the flag
// needs an order against the ring's positions.)
type globals struct {
	memory []byte
	at     map[string]place
	none   uint32 // stands in for a u32 that the object does not have
}

// place is where a variable lies in the section.
type place struct{ offset, size uint32 }

// bssSection is where clang puts zeroed globals.
const bssSection = ".bss"

// mapGlobals maps the .bss of a loaded object. An object without one has no counters,
// and all of them read as zero.
func mapGlobals(spec *ebpf.CollectionSpec, maps map[string]*ebpf.Map) (*globals, error) {
	g := &globals{at: make(map[string]place)}
	m := maps[bssSection]
	if m == nil {
		return g, nil
	}
	var err error
	page := unix.Getpagesize()
	size := (int(m.ValueSize()) + page - 1) / page * page
	g.memory, err = unix.Mmap(m.FD(), 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("map %s: %w", bssSection, err)
	}
	for name, v := range spec.Variables {
		// Atomic access needs alignment, which clang gives to every u32 and u64.
		size := v.Size()
		scalar := size == 4 || size == 8
		if v.SectionName == bssSection && scalar && v.Offset%size == 0 && uint64(v.Offset)+uint64(size) <= uint64(len(g.memory)) {
			g.at[name] = place{v.Offset, size}
		}
	}
	return g, nil
}

// counter returns the present value of a u64, 0 when the object does not have it.
func (g *globals) counter(name string) uint64 {
	at, ok := g.at[name]
	if !ok || at.size != 8 {
		return 0
	}
	return atomic.LoadUint64((*uint64)(unsafe.Pointer(&g.memory[at.offset])))
}

// flag returns a u32 to be set and cleared atomically.
func (g *globals) flag(name string) *uint32 {
	at, ok := g.at[name]
	if !ok || at.size != 4 {
		return &g.none
	}
	return (*uint32)(unsafe.Pointer(&g.memory[at.offset]))
}

// Close unmaps the memory; flags must not be used any more.
func (g *globals) Close() error {
	if g.memory == nil {
		return nil
	}
	memory := g.memory
	g.memory = nil
	return unix.Munmap(memory)
}
