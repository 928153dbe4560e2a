package runtime

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/cilium/ebpf"

	"github.com/ebgen/ebgen/spec/plan"
)

// talliesMap holds the counters of all maps: one u64 for each of plan.Map.Counters, map
// after map, with a value for each CPU.
const talliesMap = "tallies"

// tallies reads the counters of the plan's maps.
type tallies struct {
	m     *ebpf.Map // nil when no map of the plan has a counter
	names []string
}

// openTallies finds the counters in an object. One whose counters are not those of the
// plan would give each the wrong name.
func openTallies(p *plan.Plan, maps map[string]*ebpf.Map) (*tallies, error) {
	t := &tallies{m: maps[talliesMap]}
	for i := range p.Maps {
		t.names = append(t.names, p.Maps[i].Counters()...)
	}
	if t.m != nil && int(t.m.ValueSize()) != 8*len(t.names) {
		return nil, fmt.Errorf("the object's map %s has %d bytes for %d counters", talliesMap, t.m.ValueSize(), len(t.names))
	}
	return t, nil
}

// read returns an account of each of the plan's maps, as far as it is counters: the sums
// over all CPUs. Nothing is left and evicted yet.
func (t *tallies) read(p *plan.Plan) ([]MapAccount, error) {
	if len(p.Maps) == 0 {
		return nil, nil
	}
	sums := make(map[string]uint64)
	if t.m != nil {
		values, err := t.m.LookupBytes(uint32(0))
		if err != nil {
			return nil, fmt.Errorf("read the counters of maps: %w", err)
		}
		for i := 0; len(values) > 0; i = (i + 1) % len(t.names) {
			sums[t.names[i]] += binary.NativeEndian.Uint64(values)
			values = values[8:]
		}
	}
	accounts := make([]MapAccount, len(p.Maps))
	for i := range p.Maps {
		m := &p.Maps[i]
		accounts[i] = MapAccount{
			Name:      m.Name,
			Use:       m.Use,
			Entries:   m.Entries,
			Depth:     m.Depth,
			LRU:       plan.MapTypes[m.Type].LRU,
			Array:     plan.MapTypes[m.Type].Array,
			Refused:   sums[m.Refused()],
			Inserted:  sums[m.Inserted()],
			Deleted:   sums[m.Deleted()],
			Unmatched: sums[m.Unmatched()],
			Restarted: sums[m.Restarted()],
			Cancelled: sums[m.Cancelled()],
			TooDeep:   sums[m.TooDeep()],
			Chosen:    m.Use == plan.SpanMap && choosesStarts(p),
		}
	}
	return accounts, nil
}

// choosesStarts reports whether the span's starts have filters of their own.
func choosesStarts(p *plan.Plan) bool {
	return slices.ContainsFunc(p.Bodies, func(b plan.Body) bool {
		return b.Span != nil && len(b.Span.When) > 0 && (b.Span.Action == plan.OpenSpan || b.Span.Action == plan.MarkSpan)
	})
}
