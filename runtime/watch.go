package runtime

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/ebgen/ebgen/spec/plan"
)

const (
	// lookInterval is how often a run looks whether a map is full that is to end it, and
	// for how long at most it does not look at all.
	lookInterval = 100 * time.Millisecond
	// noticeInterval is how often losses are told while the run goes on.
	noticeInterval = time.Second
)

var errMapFull = errors.New("a map is full")

// watch looks at the counters while a run goes on: it tells of losses when they happen,
// and ends the run when a map with on_full: stop refuses an entry.
type watch struct {
	ctx     context.Context
	tracer  *tracer
	notice  func(line string)
	stop    context.CancelCauseFunc
	stopper bool   // some map is to end the run
	full    string // the one that did

	looked, told time.Time
	known        []loss // what was told last
}

func newWatch(ctx context.Context, t *tracer, notice func(string), stop context.CancelCauseFunc) *watch {
	now := time.Now()
	w := &watch{ctx: ctx, tracer: t, notice: notice, stop: stop, looked: now, told: now}
	for i := range t.plan.Maps {
		w.stopper = w.stopper || t.plan.Maps[i].OnFull == plan.Stop
	}
	return w
}

// look is called as often as there is occasion, and mostly does nothing. A counter that
// cannot be read is read again at the end, where its error is returned.
func (w *watch) look() {
	now := time.Now()
	if w.ctx.Err() != nil {
		return
	}
	if w.stopper && now.Sub(w.looked) >= lookInterval {
		w.looked = now
		_ = undisturbed(w.lookForFull)
	}
	if now.Sub(w.told) >= noticeInterval {
		w.told = now
		_ = undisturbed(w.tell)
	}
}

// lookForFull ends the run when a map that is to do so has refused an entry.
func (w *watch) lookForFull() error {
	maps, err := w.tracer.counters.read(w.tracer.plan)
	if err != nil {
		return err
	}
	for i := range maps {
		if w.tracer.plan.Maps[i].OnFull == plan.Stop && maps[i].Refused > 0 {
			w.full = maps[i].Name
			w.stop(errMapFull)
			return nil
		}
	}
	return nil
}

// tell makes one line of all that has grown of losses and of intervals without a report.
func (w *watch) tell() error {
	a, err := w.tracer.counts()
	if err != nil {
		return err
	}
	losses := append(a.counted(), a.late())
	var grown []string
	for i, l := range losses {
		if w.known == nil && l.n > 0 || w.known != nil && l.n > w.known[i].n {
			grown = append(grown, l.soFar())
		}
	}
	w.known = losses
	if len(grown) > 0 {
		w.notice(strings.Join(grown, "; "))
	}
	return nil
}
