package runtime

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/ebgen/ebgen/runtime/aggregate"
	"github.com/ebgen/ebgen/spec/plan"
)

// reports carries a table to the sink: a report at the end of each interval, and one of
// what is left at the end of the run.
//
// While programs count in one of two maps, the other one is read and emptied. A flag in
// the tracer says which is which; a program reads it once, so that when every program
// that was running at its change has ended, nobody writes to the map that is read.
type reports struct {
	tabulation
	tracer   *tracer
	maps     [2]*aggregate.Entries // by the value of active at which they count
	active   *uint32
	interval time.Duration // 0 for no report but the last
	duration time.Duration // of the run; 0 for no end
}

// tabulation makes reports of entries and hands them to the sink.
type tabulation struct {
	outlet
	sink  Reporter
	table *aggregate.Table
	also  Counter // is told of each entry too, unless nil
	keep  bool    // a report says what was counted since the start
	count uint64  // reports to make; 0 for no end
	made  uint64
	cut   uint64 // rows that top left out
}

// newTabulation prepares the reports of a plan.
func newTabulation(p *plan.Plan, o Options, look func()) (tabulation, error) {
	sink, ok := o.Sink.(Reporter)
	if !ok {
		return tabulation{}, ErrNoReporter
	}
	table, err := aggregate.New(p)
	if err != nil {
		return tabulation{}, err
	}
	also, _ := o.Sink.(Counter)
	return tabulation{outlet: outlet{sink: sink, look: look}, sink: sink, table: table, also: also, keep: p.Output.Keep, count: o.Count}, nil
}

// activeFlag is the u32 in .bss that is 1 while a table counts in its second map.
const activeFlag = "active"

var errNotDouble = errors.New("the plan wants reports in intervals, but the table has one map only")

func newReports(t *tracer, o Options, look func()) (*reports, error) {
	made, err := newTabulation(t.plan, o, look)
	if err != nil {
		return nil, err
	}
	r := &reports{
		tabulation: made,
		tracer:     t,
		active:     t.globals.flag(activeFlag),
		interval:   time.Duration(t.plan.Output.Interval),
		duration:   o.Duration,
	}
	m := &t.plan.Maps[t.plan.Table.Map]
	if r.interval > 0 && !m.Double {
		return nil, errNotDouble
	}
	if r.maps[0], err = t.entries(m.Name); err != nil {
		return nil, err
	}
	if m.Double {
		if r.maps[1], err = t.entries(m.Idle()); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// run is carrier.run.
func (r *reports) run(ctx context.Context) error {
	r.flush(ctx) // what stands before the first report, such as a header
	looking := time.NewTicker(lookInterval)
	defer looking.Stop()
	clock := newClock(time.Now(), r.interval, r.duration)
	defer clock.stop()
	for r.failed == nil && !r.met() {
		select {
		case <-looking.C:
			r.look()
		case <-ctx.Done():
			return nil
		case <-clock.ticks:
			if err := r.report(ctx); err != nil {
				return err
			}
			r.tracer.late += clock.next(time.Now())
		}
	}
	return nil
}

// report ends an interval: the next one begins in the other map, and what was counted in
// this one goes to the sink.
func (r *reports) report(ctx context.Context) error {
	// A pass is never left half done: what it has counted is in this report.
	if r.tracer.passes() {
		if err := r.tracer.run(plan.Iterator, nil); err != nil {
			return err
		}
	}
	ended := atomic.LoadUint32(r.active)
	at := time.Now()
	atomic.StoreUint32(r.active, 1-ended)
	err := undisturbed(func() error {
		if err := waitForPrograms(); err != nil {
			return fmt.Errorf("wait for the programs that count in the interval before: %w", err)
		}
		_, err := r.take(r.maps[ended])
		return err
	})
	if err != nil {
		return err
	}
	r.emit(ctx, at)
	return nil
}

// take moves the entries of a map into the table and returns how many there were.
func (r *reports) take(from *aggregate.Entries) (entries int, err error) {
	err = from.Take(func(key, values []byte) error {
		entries++
		return r.add(key, values)
	})
	r.tracer.reported += uint64(entries)
	return entries, err
}

// add puts an entry to the table.
func (r *tabulation) add(key, values []byte) error {
	if r.also != nil {
		if err := r.also.Count(key, values); err != nil {
			return err
		}
	}
	return r.table.Add(key, values)
}

// emit hands the table's rows to the sink and forgets what the next report is not to have.
func (r *tabulation) emit(ctx context.Context, at time.Time) {
	rows := r.table.Rows()
	r.made++
	r.taken += uint64(len(rows))
	r.cut += uint64(r.table.Len() - len(rows))
	if r.failed = r.sink.Report(at, rows); r.failed != nil {
		return
	}
	r.flush(ctx)
	if !r.keep {
		r.table.Reset()
	}
}

// wake is carrier.wake: run waits for ctx itself.
func (r *reports) wake() {}

// room is carrier.room: programs that count need no room in a channel.
func (r *reports) room(ctx context.Context) error { return ctx.Err() }

// finish is carrier.finish.
func (r *reports) finish() error {
	err := r.last()
	r.end()
	return err
}

// last makes the report of the last interval. One in which nothing was counted has none,
// unless it is the only one.
func (r *reports) last() error {
	if r.failed != nil || r.met() {
		return nil
	}
	at, entries := time.Now(), 0
	for _, m := range r.maps {
		if m == nil {
			continue
		}
		n, err := r.take(m)
		if err != nil {
			return err
		}
		entries += n
	}
	if entries == 0 && r.made > 0 {
		return nil
	}
	done, cancel := context.WithCancel(context.Background())
	cancel()
	r.emit(done, at)
	return nil
}

// met is carrier.met.
func (r *tabulation) met() bool { return r.count > 0 && r.made >= r.count }

// account is carrier.account.
func (r *tabulation) account(a *Account) {
	r.outlet.account(a)
	a.Reports, a.Cut = r.made, r.cut
}
