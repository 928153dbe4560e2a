package runtime

import (
	"fmt"

	"github.com/cilium/ebpf"
)

// waitForPrograms returns when every BPF program that was running when it was called
// has finished (sleepable ones apart, of which a tracer has none). Taking a program off
// its hook only stops new runs: another CPU may be between its reserve and its submit.
//
// The kernel gives this promise to whoever replaces an inner map: the update returns
// after an RCU grace period (maybe_wait_bpf_programs, kernel/bpf/syscall.c; commit
// 1ae80cf31938, Linux 5.0). membarrier(2) would wait too, but not on nohz_full systems.
func waitForPrograms() error {
	inner := &ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: 4, MaxEntries: 1}
	outer, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.ArrayOfMaps, KeySize: 4, ValueSize: 4, MaxEntries: 1, InnerMap: inner})
	if err != nil {
		return fmt.Errorf("create the outer map: %w", err)
	}
	defer outer.Close()
	m, err := ebpf.NewMap(inner)
	if err != nil {
		return fmt.Errorf("create the inner map: %w", err)
	}
	defer m.Close()
	if err := outer.Put(uint32(0), m); err != nil {
		return fmt.Errorf("replace the inner map: %w", err)
	}
	return nil
}
