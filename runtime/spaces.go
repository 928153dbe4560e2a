package runtime

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/cilium/ebpf"

	"github.com/ebgen/ebgen/runtime/stack"
	"github.com/ebgen/ebgen/spec/plan"
)

// Stacks learns what is needed to name the frames of stacks that a tracer keeps.
type Stacks interface {
	// Bind lends the map of stacks, before anything is attached. lookup returns the value
	// of a stack's number (plan.Stacks), may be called from any goroutine, and is good
	// after Run has returned.
	Bind(lookup func(id uint64) (value []byte, ok bool))
	// Met tells of a process whose stack was taken, the first time that happens, from a
	// goroutine of its own: the process may end at any time. The parent is the one of
	// whose mappings it still has a copy, zero for none.
	Met(s, parent stack.Space)
}

// Maps of stacks in the object.
const (
	stacksMap = "stacks"
	spacesMap = "spaces"
)

// spaces reads the ring in which a tracer tells of the processes that it meets.
type spaces struct {
	ring    *ringbuf
	met     func(s, parent stack.Space)
	ending  atomic.Bool
	stopped chan error // what run returned
}

// openStacks binds the map of stacks and begins to listen for spaces, when the plan has
// stacks and somebody wants to know.
func (t *tracer) openStacks(s Stacks) error {
	if s == nil || t.plan.Stacks == nil {
		return nil
	}
	m := t.maps[stacksMap]
	if m == nil {
		return fmt.Errorf("the object has no map called %s", stacksMap)
	}
	// The library closes this descriptor when nobody can call lookup any more.
	own, err := m.Clone()
	if err != nil {
		return fmt.Errorf("map %s: %w", stacksMap, err)
	}
	s.Bind(func(id uint64) ([]byte, bool) {
		value, err := own.LookupBytes(id)
		return value, err == nil && value != nil
	})
	if !t.plan.Stacks.User {
		return nil
	}
	m = t.maps[spacesMap]
	if m == nil {
		return fmt.Errorf("the object has no map called %s", spacesMap)
	}
	t.spaces, err = listen(m, s.Met)
	return err
}

// listen starts the goroutine that tells of spaces; close ends it.
func listen(m *ebpf.Map, met func(s, parent stack.Space)) (*spaces, error) {
	// The tracer has no flag for this ring: the kernel wakes us by itself whenever we have
	// read all that there was.
	ring, err := openRing(m, new(uint32))
	if err != nil {
		return nil, err
	}
	s := &spaces{ring: ring, met: met, stopped: make(chan error, 1)}
	go func() { s.stopped <- s.run() }()
	return s, nil
}

func (s *spaces) run() error {
	for {
		ending := s.ending.Load() // before the look at the ring: the last one finds all
		n, err := s.ring.drain(s.take)
		if err != nil {
			return fmt.Errorf("read the ring %s: %w", spacesMap, err)
		}
		if n > 0 {
			continue
		}
		if ending {
			return nil
		}
		if err := s.ring.wait(); err != nil {
			return err
		}
	}
}

func (s *spaces) take(record []byte) error {
	switch len(record) {
	case plan.SpaceSize:
		s.met(stack.SpaceOf(record), stack.Space{})
	case 2 * plan.SpaceSize:
		s.met(stack.SpaceOf(record), stack.SpaceOf(record[plan.SpaceSize:]))
	default:
		return fmt.Errorf("a record of %d bytes, a space has %d", len(record), plan.SpaceSize)
	}
	return nil
}

// close tells of the spaces that are left and stops; there are no others when no program
// runs any more. A nil receiver has none.
func (s *spaces) close() error {
	if s == nil || s.ring == nil {
		return nil
	}
	s.ending.Store(true)
	s.ring.wake()
	err := errors.Join(<-s.stopped, s.ring.Close())
	s.ring = nil
	return err
}

// spacesLost counts the spaces that the ring had no room for, when somebody is to be told.
func (t *tracer) spacesLost() uint64 {
	if t.spaces == nil {
		return 0
	}
	return t.globals.counter("spaces_lost")
}
