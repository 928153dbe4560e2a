package runtime

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"

	"github.com/ebgen/ebgen/spec/plan"
)

// channel is the way by which records leave the kernel. It belongs to one goroutine,
// except for wake.
type channel interface {
	// drain hands complete records to take, oldest first, until there is none, about
	// batchBytes are taken or take returns an error, which drain returns; the record for
	// which it did counts as taken. A record is valid during the call only. It returns
	// how many bytes of the channel became free.
	drain(take func(record []byte) error) (int, error)
	// wait returns when records may have come, after wake, or after a bounded time.
	wait() error
	// wake ends a wait; it may be called from any goroutine.
	wake()
	Close() error
}

// batchBytes is how much is drained before the kernel is told: often enough that a
// small ring does not fill meanwhile, seldom enough that the producers' cache line of
// the position is left alone (one store per record costs twice as much, see
// BenchmarkRing).
const batchBytes = 64 << 10

// eventsMap is the channel's map in the object.
const eventsMap = "events"

var errNoEvents = errors.New("the object has no map called " + eventsMap)

// openChannel opens the consumer's side of the plan's channel. For a perf buffer, size
// is that of one CPU.
func openChannel(p *plan.Plan, maps map[string]*ebpf.Map, g *globals, size int) (channel, error) {
	events := maps[eventsMap]
	if events == nil {
		return nil, errNoEvents
	}
	switch p.Channel.Kind {
	case plan.Ringbuf:
		return openRing(events, g.flag("idle"))
	case plan.Perfbuf:
		return openPerfbuf(events, size, p.Record.Size)
	}
	return nil, fmt.Errorf("this ebgen does not know the channel %q", p.Channel.Kind)
}
