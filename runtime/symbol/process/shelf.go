package process

import "sync"

// shelf holds what was read of files to a number of bytes, and gives back what was not
// used for the longest time.
type shelf struct {
	limit int
	mu    sync.Mutex
	held  map[holder]use
	total int
	clock uint64
}

// holder is what can give back what it has read, and reads it again when it must.
type holder interface {
	Weight() int // bytes, about
	Unload() error
}

type use struct {
	weight int
	last   uint64
}

// used says that h was used. Neither it nor another holder is locked.
func (s *shelf) used(h holder) {
	weight := h.Weight()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clock++
	s.total += weight - s.held[h].weight
	s.held[h] = use{weight, s.clock}
	for s.total > s.limit && len(s.held) > 1 {
		var oldest holder
		for one, u := range s.held {
			if one != h && (oldest == nil || u.last < s.held[oldest].last) {
				oldest = one
			}
		}
		s.total -= s.held[oldest].weight
		delete(s.held, oldest)
		_ = oldest.Unload() // closes files that were only read
	}
}

// drop forgets a holder.
func (s *shelf) drop(h holder) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.total -= s.held[h].weight
	delete(s.held, h)
}
