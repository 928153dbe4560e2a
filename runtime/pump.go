package runtime

import (
	"context"
	"errors"
	"time"
)

const (
	// flushInterval is how long a record may wait for others: about as long as a person
	// takes for at once.
	flushInterval = 50 * time.Millisecond
	// idleRounds is how many looks in a row find nothing before the pump sleeps.
	idleRounds = 5
	// patience is how long an output may keep a run from ending that has been told to end:
	// a pager that nobody scrolls takes nothing, ever.
	patience = 2 * time.Second
)

var (
	errCountMet = errors.New("the count is met")
	errStuck    = errors.New("the output took nothing for " + patience.String() + " after the end")
)

// pump carries records from the channel to the sink.
//
// While records come it looks at the channel every few milliseconds; when none come it
// sleeps until the kernel wakes it. Records are formatted where they lie, the channel
// gets its room back, and only then is anything written: a slow reader fills our output
// and then the channel, whose losses the kernel counts, but never keeps a handled record
// in the ring.
type pump struct {
	channel  channel
	sink     Sink
	interval time.Duration
	count    uint64 // records to take; 0 for no end

	taken     uint64 // records that left the channel
	delivered uint64 // of these, accepted by the output when it was last asked
	buffered  int    // bytes taken since the last flush
	flushed   time.Time
	failed    error // the output's error; after it records are taken and counted only
}

func newPump(c channel, o Options) *pump {
	return &pump{channel: c, sink: o.Sink, interval: o.PollInterval, count: o.Count}
}

// run pumps until ctx is done, the count is met or something fails. An error of the
// output ends it and is kept in p.failed; the error returned is one of the channel.
func (p *pump) run(ctx context.Context) error {
	p.flush(ctx) // what stands before the first record, such as a header
	if p.failed != nil {
		return nil
	}
	tick := time.NewTimer(p.interval)
	defer tick.Stop()
	for empty := 0; ; {
		n, err := p.channel.drain(p.take)
		p.buffered += n
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

// finish takes what is left in a channel that nobody writes to any more, up to the
// count, and flushes.
func (p *pump) finish() error {
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
	p.flush(done)
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

// flush passes on what the sink holds and asks it what was delivered. Once ctx is done
// an output that takes nothing is given up; it keeps the sink, so that the sink is not
// used any more.
func (p *pump) flush(ctx context.Context) {
	if p.failed != nil {
		return
	}
	result := make(chan error, 1)
	go func() { result <- p.sink.Flush() }()
	var err error
	select {
	case err = <-result:
	case <-ctx.Done():
		late := time.NewTimer(patience)
		defer late.Stop()
		select {
		case err = <-result:
		case <-late.C:
			p.failed = errStuck
			return
		}
	}
	p.failed = err
	p.delivered = p.sink.Delivered()
	p.buffered = 0
	p.flushed = time.Now()
}
