package runtime

import (
	"context"
	"errors"
	"time"
)

const (
	// flushInterval is how long a record may wait for others while many come: about as
	// long as a person takes for at once.
	flushInterval = 50 * time.Millisecond
	// idleRounds is how many looks in a row find nothing before the pump sleeps.
	idleRounds = 5
)

var errCountMet = errors.New("the count is met")

// pump carries records from the channel to the sink.
//
// While records come it looks at the channel every few milliseconds; when none come it
// sleeps until the kernel wakes it. Records are formatted where they lie, the channel
// gets its room back, and only then is anything written: a slow reader fills our output
// and then the channel, whose losses the kernel counts, but never keeps a handled record
// in the ring.
type pump struct {
	outlet // after a failure records are taken and counted only

	channel  channel
	interval time.Duration
	count    uint64        // records to take; 0 for no end
	buffered int           // bytes taken since the last flush
	drained  chan struct{} // holds one when the channel was drained since room was asked
	flushed  time.Time
}

func newPump(c channel, o Options, look func()) *pump {
	return &pump{outlet: outlet{sink: o.Sink, look: look}, channel: c, interval: o.PollInterval, count: o.Count, drained: make(chan struct{}, 1)}
}

// run is carrier.run.
func (p *pump) run(ctx context.Context) error {
	p.flush(ctx) // what stands before the first record, such as a header
	if p.failed != nil {
		return nil
	}
	p.flushed = time.Time{} // that was none, so the first one need not wait for others
	tick := time.NewTimer(p.interval)
	defer tick.Stop()
	for empty := idleRounds; ; { // none has come, so the first one wakes us
		p.look()
		n, err := p.channel.drain(p.take)
		p.buffered += n
		select {
		case p.drained <- struct{}{}:
		default:
		}
		if p.failed != nil || errors.Is(err, errCountMet) {
			return nil
		}
		if err != nil {
			return err
		}
		if n > 0 {
			empty = 0
		} else {
			empty++
		}
		idle := empty >= idleRounds
		if p.buffered > 0 && (idle || p.buffered >= batchBytes || time.Since(p.flushed) >= flushInterval) {
			p.flush(ctx)
		}
		switch {
		case ctx.Err() != nil || p.failed != nil:
			return nil
		case n >= batchBytes:
		case idle:
			if err := p.channel.wait(); err != nil {
				return err
			}
		default:
			tick.Reset(p.interval)
			select {
			case <-tick.C:
			case <-ctx.Done():
			}
		}
	}
}

// finish is carrier.finish: it takes what is left in the channel, up to the count.
func (p *pump) finish() error {
	defer p.end()
	done, cancel := context.WithCancel(context.Background())
	cancel()
	for p.count == 0 || p.taken < p.count {
		n, err := p.channel.drain(p.take)
		p.buffered += n
		if p.buffered >= batchBytes {
			p.flush(done)
		}
		if errors.Is(err, errCountMet) || err == nil && n == 0 {
			break
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// take is what the channel's drain calls for each record.
func (p *pump) take(record []byte) error {
	p.taken++
	if p.failed == nil {
		p.failed = p.sink.Write(record)
	}
	if p.taken == p.count {
		return errCountMet
	}
	return nil
}

// flush passes on what the sink holds.
func (p *pump) flush(ctx context.Context) {
	p.outlet.flush(ctx)
	p.buffered = 0
	p.flushed = time.Now()
}

// wake is carrier.wake.
func (p *pump) wake() { p.channel.wake() }

// room is carrier.room. A drain may have been before the channel was found full: then it
// is found full once more, and the next drain counts.
func (p *pump) room(ctx context.Context) error {
	select {
	case <-p.drained:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// met is carrier.met.
func (p *pump) met() bool { return p.count > 0 && p.taken >= p.count }
