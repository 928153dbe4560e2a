package runtime

import (
	"context"
	"testing"
)

// steady is a channel that has one record at each look; look is called before each.
type steady struct{ look func() }

func (s *steady) drain(take func([]byte) error) (int, error) {
	s.look()
	return 16, take(make([]byte, 8))
}
func (s *steady) wait() error  { return nil }
func (s *steady) wake()        {}
func (s *steady) Close() error { return nil }

// TestFirstRecordIsImmediate: when more records follow the first at once, its output does
// not wait for theirs.
func TestFirstRecordIsImmediate(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	sink, looks, passed := new(list), 0, -1
	c := &steady{look: func() {
		if looks++; looks == 2 {
			passed = int(sink.Delivered())
			cancel()
		}
	}}
	p := newPump(c, Options{Sink: sink, PollInterval: 1}, func() {})
	if err := p.run(ctx); err != nil {
		t.Fatal(err)
	}
	if passed != 1 {
		t.Errorf("%d records were passed on when the second came", passed)
	}
}
