package runtime

import (
	"context"
	"errors"
	"slices"
	"testing"
)

// composer is a Sink that delivers what it took once it was told that it is the last.
type composer struct {
	composed []bool
	err      error
	flushed  uint64
}

func (c *composer) Write([]byte) error { return nil }
func (c *composer) Compose(last bool) error {
	c.composed = append(c.composed, last)
	return c.err
}
func (c *composer) Flush() error {
	if slices.Contains(c.composed, true) {
		c.flushed++
	}
	return nil
}
func (c *composer) Delivered() uint64 { return c.flushed }

// TestCompose wants a sink to compose before each flush, and to know the last one.
func TestCompose(t *testing.T) {
	c := new(composer)
	o := outlet{sink: c, look: func() {}, taken: 1}
	o.flush(context.Background())
	if o.delivered != 0 {
		t.Errorf("%d delivered before the end", o.delivered)
	}
	o.end()
	a := new(Account)
	if o.account(a); !slices.Equal(c.composed, []bool{false, true}) || a.Delivered != 1 || a.LostSink != 0 {
		t.Errorf("composed %v, %d delivered, %d lost", c.composed, a.Delivered, a.LostSink)
	}

	failure := errors.New("no such picture")
	o = outlet{sink: &composer{err: failure}, look: func() {}, taken: 1}
	o.end()
	a = new(Account)
	if o.account(a); o.err() != failure || a.End != SinkFailed || a.LostSink != 1 {
		t.Errorf("%v, ended by %s, %d lost", o.err(), a.End, a.LostSink)
	}
}

// TestFlushLeavesNothing wants a flush to allocate nothing.
func TestFlushLeavesNothing(t *testing.T) {
	o := outlet{sink: new(composer), look: func() {}}
	defer o.end()
	o.sink.(*composer).composed = make([]bool, 0, 1000)
	if n := testing.AllocsPerRun(100, func() { o.flush(context.Background()) }); n != 0 {
		t.Errorf("a flush allocates %v times", n)
	}
}
