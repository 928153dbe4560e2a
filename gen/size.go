package gen

import (
	"bytes"

	"github.com/cilium/ebpf"

	"github.com/ebgen/ebgen/spec/plan"
)

// Instructions counts the instructions of each program of a bundle as they are compiled, by
// the program's name: before the verifier has taken out what no parameter asks for.
func Instructions(b *plan.Bundle) (map[string]int, error) {
	spec, err := ebpf.LoadCollectionSpecFromReader(bytes.NewReader(b.Object))
	if err != nil {
		return nil, err
	}
	const instruction = 8 // bytes, struct bpf_insn (include/uapi/linux/bpf.h)
	counts := map[string]int{}
	for name, p := range spec.Programs {
		counts[name] = int(p.Instructions.Size()) / instruction
	}
	return counts, nil
}
