package runtime

import (
	"github.com/cilium/ebpf"

	"github.com/ebgen/ebgen/spec/plan"
)

// sayMemory tells how much kernel memory each map of the plan takes, as the kernel counts
// it. That is exact since Linux 6.4 (commit 90a5527d7686, "bpf: add new map ops
// ->map_mem_usage"); before, it is the keys and values alone, rounded up to pages.
func (t *tracer) sayMemory() {
	for i := range t.plan.Maps {
		m := &t.plan.Maps[i]
		names := []string{m.Name}
		if m.Double {
			names = append(names, m.Idle())
		}
		for _, name := range names {
			if size, ok := MapMemory(t.maps[name]); ok {
				t.verbose("map %s: %s of %d entries, %d bytes of kernel memory", name, m.Type, m.Entries, size)
			}
		}
	}
}

// MapMemory returns the bytes of kernel memory that a map takes, from its fdinfo. A map
// that is nil, and a process without /proc, have no answer.
func MapMemory(m *ebpf.Map) (bytes uint64, ok bool) {
	if m == nil {
		return 0, false
	}
	info, err := m.Info()
	if err != nil {
		return 0, false
	}
	return info.Memlock()
}

// MapBytes returns how much kernel memory a map of a plan will take on this machine, by
// plan.Map.Bytes. The error says why the number of possible CPUs is not known.
func MapBytes(m *plan.Map) (int64, error) {
	cpus, err := ebpf.PossibleCPU()
	if err != nil {
		return 0, err
	}
	return m.Bytes(cpus), nil
}
