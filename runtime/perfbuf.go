package runtime

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/perf"
)

// perfbuf is the channel over a perf event array, one buffer for each CPU.
//
// Its records of loss (PERF_RECORD_LOST) are passed over: the tracer counts each output
// that failed, those on a CPU without a buffer and those after the last record too.
type perfbuf struct {
	reader *perf.Reader
	size   int // bytes of a record
	record perf.Record
	held   bool // record was read by wait and not yet handed out
}

// openPerfbuf opens a buffer of at least perCPU bytes on each CPU for records of
// size bytes.
func openPerfbuf(m *ebpf.Map, perCPU, size int) (*perfbuf, error) {
	reader, err := perf.NewReader(m, perCPU)
	if err != nil {
		return nil, fmt.Errorf("open the perf buffer: %w", err)
	}
	return &perfbuf{reader: reader, size: size}, nil
}

// drain is channel.drain.
func (b *perfbuf) drain(take func(record []byte) error) (int, error) {
	taken := 0
	for taken < batchBytes {
		if !b.held {
			// A deadline in the past reads what is there and does not wait.
			if err := b.read(time.Unix(1, 0)); err != nil || !b.held {
				return taken, err
			}
		}
		b.held = false
		taken += b.size
		if err := take(b.record.RawSample[:b.size]); err != nil {
			return taken, err
		}
	}
	return taken, nil
}

// wait is channel.wait; a record that ends it is kept for drain.
func (b *perfbuf) wait() error {
	if b.held {
		return nil
	}
	return b.read(time.Now().Add(idleTimeout * time.Millisecond))
}

// read reads one record, if one comes before the deadline.
func (b *perfbuf) read(deadline time.Time) error {
	b.reader.SetDeadline(deadline)
	for {
		err := b.reader.ReadInto(&b.record)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, perf.ErrFlushed):
			return nil
		case perf.IsUnknownEvent(err):
			continue // throttling notices and the like
		case err != nil:
			return fmt.Errorf("read the perf buffer: %w", err)
		case b.record.LostSamples > 0:
			continue
		// The kernel pads a sample so that its size field and data fill u64s.
		case len(b.record.RawSample) < b.size:
			return fmt.Errorf("the perf buffer holds a sample of %d bytes, a record has %d", len(b.record.RawSample), b.size)
		}
		b.held = true
		return nil
	}
}

// wake is channel.wake.
func (b *perfbuf) wake() { _ = b.reader.Flush() }

// Close closes the buffers; what is still in them is gone.
func (b *perfbuf) Close() error { return b.reader.Close() }
