package runtime

import "time"

// clock ticks at the end of each interval from a start on, whatever time is spent
// between two ticks: intervals do not drift. It does not tick at the end of a run of
// known duration, which has a report anyway.
type clock struct {
	ticks    <-chan time.Time // nil, which never ticks, without an interval
	timer    *time.Timer
	interval time.Duration
	due      time.Time // the end of the present interval
	end      time.Time // of the run, zero if not known
}

// newClock starts a clock. Without an interval it never ticks; a duration of 0 has no end.
func newClock(start time.Time, interval, duration time.Duration) *clock {
	c := &clock{interval: interval, due: start.Add(interval)}
	if duration > 0 {
		c.end = start.Add(duration)
	}
	if interval > 0 && !c.over() {
		c.timer = time.NewTimer(time.Until(c.due))
		c.ticks = c.timer.C
	}
	return c
}

func (c *clock) over() bool { return !c.end.IsZero() && !c.due.Before(c.end) }

// next sets the clock, after a tick, to the first end of an interval that now has not
// reached, and returns how many it has left behind.
func (c *clock) next(now time.Time) (late uint64) {
	c.due = c.due.Add(c.interval)
	if behind := now.Sub(c.due); behind >= 0 {
		late = uint64(behind/c.interval) + 1
		c.due = c.due.Add(time.Duration(late) * c.interval)
	}
	if !c.over() {
		c.timer.Reset(c.due.Sub(now))
	}
	return late
}

func (c *clock) stop() {
	if c.timer != nil {
		c.timer.Stop()
	}
}
