package runtime

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/ebgen/ebgen/spec/plan"
)

// Source is a run that was recorded: what came out of the kernel, in its order. Both methods
// end with io.EOF; one of them is called, as the plan has a table or not.
type Source interface {
	// Records hands the records that come next to take, each valid during the call only, and
	// returns how many bytes they have. An error of take ends it and is returned.
	Records(take func(record []byte) error) (int, error)
	// Report hands the entries of the next report to add, as Counter.Count takes them, and
	// returns when it was made.
	Report(add func(key, values []byte) error) (time.Time, error)
	// Account is that of the run that was recorded, once Records or Report has ended; nil
	// when the recording has none.
	Account() *Account
}

// Replay gives a sink what a run gave to its own, and returns the account of that run: what
// was lost then, and what the sink has accepted now. Of o it takes Sink and Count. It ends
// with ctx's error, with an error of the source, or one of the output but for a closed pipe;
// an account comes in any case.
func Replay(ctx context.Context, p *plan.Plan, s Source, o Options) (*Account, error) {
	var c replayed
	var out *outlet
	if p.Table != nil {
		t, err := newTabulation(p, o, func() {})
		if err != nil {
			return new(Account), err
		}
		r := &replayedReports{t, s, p.Record.Size}
		c, out = r, &r.outlet
	} else {
		r := &replayedRecords{newPump(nil, o, func() {}), s}
		c, out = r, &r.outlet
	}
	var err error
	out.flush(ctx) // what stands before the first record, such as a header
	if out.failed == nil {
		err = c.run(ctx)
	}
	out.write(ctx, true) // however long a pager waits: nothing is lost meanwhile
	account := s.Account()
	if account == nil {
		account = new(Account)
	}
	copied := *account
	copied.End = Exhausted
	if c.met() {
		copied.End = CountMet
	}
	c.account(&copied)
	if copied.End == SinkFailed {
		err = errors.Join(err, fmt.Errorf("write the output: %w", out.failed))
	}
	return &copied, err
}

// replayed carries what a recording holds, as a carrier does what comes from the kernel.
type replayed interface {
	run(ctx context.Context) error
	met() bool
	account(a *Account)
}

// replayedRecords is a pump whose channel is a recording.
type replayedRecords struct {
	*pump
	source Source
}

func (r *replayedRecords) run(ctx context.Context) error {
	for r.failed == nil && !r.met() {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := r.source.Records(r.take)
		r.buffered += n
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, errCountMet), r.failed != nil:
			return nil
		case err != nil:
			return err
		}
		// What comes next may set the clock: what came before is shown by the old one.
		if composer, ok := r.sink.(Composer); ok {
			r.failed = composer.Compose(false)
		}
		if r.buffered >= batchBytes && r.failed == nil {
			r.flush(ctx)
		}
	}
	return nil
}

// replayedReports makes the reports of a recording.
type replayedReports struct {
	tabulation
	source Source
	size   int // bytes of a row
}

// largestReport bounds the bytes of the rows of one report: a plan out of a recording is not
// trusted.
const largestReport = 1 << 30

func (r *replayedReports) run(ctx context.Context) error {
	for r.failed == nil && !r.met() {
		if err := ctx.Err(); err != nil {
			return err
		}
		at, err := r.source.Report(r.add)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if r.size > 0 && r.table.Len() > largestReport/r.size {
			return fmt.Errorf("a report of %d rows of %d bytes is larger than %d MiB", r.table.Len(), r.size, largestReport>>20)
		}
		r.emit(ctx, at)
	}
	return nil
}
