package runtime

import (
	"encoding/binary"
	"fmt"

	"github.com/ebgen/ebgen/runtime/aggregate"
	"github.com/ebgen/ebgen/spec/plan"
)

// entries opens a map of the object for reading.
func (t *tracer) entries(name string) (*aggregate.Entries, error) {
	m := t.maps[name]
	if m == nil {
		return nil, fmt.Errorf("the object has no map called %s", name)
	}
	return aggregate.Open(m)
}

// account is counts and what the maps still hold. It is exact once detach has returned
// and everything is carried. With an error some of it is missing.
func (t *tracer) account() (*Account, error) {
	a, err := t.counts()
	if err != nil {
		return a, err
	}
	for i := range t.plan.Maps {
		if err := t.countLeft(&t.plan.Maps[i], &a.Maps[i]); err != nil {
			return a, err
		}
	}
	return a, nil
}

// countLeft counts what a hash still holds, and with that what an LRU map has evicted.
func (t *tracer) countLeft(m *plan.Map, a *MapAccount) error {
	if plan.MapTypes[m.Type].Array || m.Type == plan.StackTrace || m.Type == plan.LPMTrie {
		return nil
	}
	names := []string{m.Name}
	if m.Double {
		names = append(names, m.Idle())
	}
	for _, name := range names {
		entries, err := t.entries(name)
		if err != nil {
			return err
		}
		err = entries.Each(func(_, value []byte) error {
			a.Left++
			if m.Use == plan.SpanMap {
				a.Open += openSpans(m, value)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	if m.Use == plan.TableMap {
		a.Deleted += t.reported
	}
	if a.LRU && t.counters.m != nil {
		a.Evicted = a.Inserted - a.Deleted - a.Left
	}
	return nil
}

// openSpans returns how many spans one value of a span's map holds: one, or as many as
// the depth at its start says (u32). Calls below the plan's Depth raise that, but have no
// place in the value.
func openSpans(m *plan.Map, value []byte) uint64 {
	if m.Depth == 0 {
		return 1
	}
	return uint64(min(binary.NativeEndian.Uint32(value), uint32(m.Depth)))
}
