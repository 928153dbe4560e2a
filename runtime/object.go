package runtime

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/ebgen/ebgen/runtime/attach"
	"github.com/ebgen/ebgen/spec/plan"
	"github.com/ebgen/ebgen/spec/vet"
)

// tracer is a bundle in the kernel: its maps, the programs that were taken, and the
// channel's reading end.
type tracer struct {
	plan     *plan.Plan
	spec     *ebpf.CollectionSpec
	maps     map[string]*ebpf.Map
	types    *kernelTypes
	globals  *globals
	channel  channel // nil for a table
	counters *tallies
	verbose  func(format string, args ...any)
	notice   func(line string)
	blind    bool                                // no way to see sockets being opened could be attached
	refused  map[plan.AttachKind]*attach.Refusal // kinds that this kernel refuses altogether
	pid      int                                 // as in Options
	hit      uint32                              // how many numbers the map of functions has
	spaces   *spaces                             // nil when nobody is to be told
	programs []*ebpf.Program
	links    []*attach.Link
	owners   int    // how many of the links, the first ones, are those of owners
	reported uint64 // entries that reports took out of the table's map
	late     uint64 // intervals without a report of their own
}

// ObjectError says why an object may not be loaded.
type ObjectError struct {
	Name string // of the tracer
	Why  string
}

func (e *ObjectError) Error() string {
	return fmt.Sprintf("%s is not loaded, its object is not a tracer's: %s", e.Name, e.Why)
}

// readObject reads a bundle's object and refuses what a tracer may not be: that it was asked
// about when it was compiled is not known of a bundle. vetted is for tests of the verifier.
func readObject(b *plan.Bundle, vetted bool) (*ebpf.CollectionSpec, error) {
	spec, err := vet.Read(b.Object)
	if err != nil {
		return nil, fmt.Errorf("read the compiled object: %w", err)
	}
	if list := vet.Object(spec, b.Plan); len(list) > 0 && !vetted {
		return nil, &ObjectError{Name: b.Plan.Name, Why: list[0].Message}
	}
	return spec, nil
}

// open creates the bundle's maps with the params in them. No program is loaded yet.
func open(b *plan.Bundle, params Params, o Options) (_ *tracer, err error) {
	size := channelSize(o.RingSize)
	spec, err := prepare(b, params, size, o.vetted)
	if err != nil {
		return nil, err
	}
	t := &tracer{
		plan:    b.Plan,
		spec:    spec,
		types:   newKernelTypes(b, o),
		verbose: o.Verbose,
		notice:  o.Notice,
		refused: make(map[plan.AttachKind]*attach.Refusal),
		pid:     o.Pid,
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, t.Close())
		}
	}()
	if targetsTypes(b.Plan) && o.BTF == "" {
		// Ten milliseconds of reading, meanwhile; whoever needs the types waits for them.
		go t.types.cache.Kernel()
	}
	raiseMemlock(o.Verbose)
	maps, err := ebpf.NewCollectionWithOptions(
		&ebpf.CollectionSpec{Maps: spec.Maps, Variables: spec.Variables, Types: spec.Types, ByteOrder: spec.ByteOrder},
		ebpf.CollectionOptions{Cache: t.types.cache},
	)
	if err != nil {
		return nil, explainMaps(b.Plan, err)
	}
	t.maps = maps.Maps
	if t.globals, err = mapGlobals(spec, t.maps); err != nil {
		return nil, err
	}
	if t.counters, err = openTallies(b.Plan, t.maps); err != nil {
		return nil, err
	}
	t.sayMemory()
	if b.Plan.Channel.Kind == plan.MapChannel {
		return t, nil
	}
	if t.channel, err = openChannel(b.Plan, t.maps, t.globals, size); err != nil {
		return nil, err
	}
	return t, nil
}

// targetsTypes reports whether the first choice of some probe, or what sees the sockets that
// are open already, is found among the kernel's types.
func targetsTypes(p *plan.Plan) bool {
	return p.Owners != nil || slices.ContainsFunc(p.Probes, func(probe plan.Probe) bool {
		if len(probe.Alternatives) == 0 {
			return false
		}
		switch probe.Alternatives[0].Kind {
		case plan.Fentry, plan.Fexit, plan.Iterator:
			return true
		}
		return false
	})
}

// prepare makes of a bundle what the kernel is to be given. size is that of the ring.
func prepare(b *plan.Bundle, params Params, size int, vetted bool) (*ebpf.CollectionSpec, error) {
	spec, err := readObject(b, vetted)
	if err != nil {
		return nil, err
	}
	if err := setParams(spec, b.Plan, params); err != nil {
		return nil, err
	}
	if err := setStart(spec); err != nil {
		return nil, err
	}
	if events := spec.Maps[eventsMap]; events != nil && b.Plan.Channel.Kind == plan.Ringbuf {
		events.MaxEntries = uint32(size)
	}
	return spec, nil
}

// channelSize rounds up to what ring and perf buffers can be: a power of two of pages,
// and a u32 for the map's max_entries.
func channelSize(size int) int {
	const most = 1 << 30
	rounded := os.Getpagesize()
	for rounded < size && rounded < most {
		rounded *= 2
	}
	return rounded
}

// setStart tells the tracer when it started: the zero of `elapsed`.
func setStart(spec *ebpf.CollectionSpec) error {
	v := spec.Variables["start_ns"]
	if v == nil {
		return nil
	}
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return os.NewSyscallError("clock_gettime", err)
	}
	return v.Set(uint64(now.Nano()))
}

// attachAll attaches what the plan lists. Owners come first, so that the tracer's own
// records can name them; their hooks come before the sweep over the sockets that are
// open already, so that none falls between. Nothing can be loaded after that.
func (t *tracer) attachAll(ctx context.Context) error {
	if owners := t.plan.Owners; owners != nil {
		if err := t.attachOwners(ctx, owners); err != nil {
			return err
		}
		t.owners = len(t.links)
	}
	err := t.attachEach(ctx, t.plan.Probes)
	t.spec, t.types = nil, nil // the object and the kernel's types, of several MB
	return err
}

// attachOwners attaches the first way to learn owners that this kernel allows, and then
// looks at the sockets that are open. Without any way only those have a known owner.
func (t *tracer) attachOwners(ctx context.Context, owners *plan.Owners) error {
	if err := t.attachEach(ctx, owners.Probes); err != nil {
		return err
	}
	t.blind = len(owners.Ways) > 0
	for _, way := range owners.Ways {
		links, programs := len(t.links), len(t.programs)
		err := t.attachEach(ctx, way)
		if err == nil {
			t.blind = false
			break
		}
		var impossible *AttachError
		if !errors.As(err, &impossible) {
			return err
		}
		t.verbose("owners: another way is tried")
		if err := t.release(links, programs); err != nil {
			return err
		}
	}
	return t.sweep(owners.Sweep)
}

// release takes down the links and programs that came after the first so many.
func (t *tracer) release(links, programs int) error {
	var failures []error
	for _, l := range t.links[links:] {
		failures = append(failures, l.Close())
	}
	for _, p := range t.programs[programs:] {
		failures = append(failures, p.Close())
	}
	t.links, t.programs = t.links[:links], t.programs[:programs]
	return errors.Join(failures...)
}

// attachEach attaches every probe of a list.
func (t *tracer) attachEach(ctx context.Context, probes []plan.Probe) error {
	for i := range probes {
		if err := t.attach(ctx, &probes[i]); err != nil {
			return err
		}
	}
	return nil
}

// run runs the programs of a kind that runs when it is asked to, one after the other. Where
// an iterator stops on its way, room is asked whether to go on; nil for at once.
func (t *tracer) run(k plan.AttachKind, room func() error) error {
	var failures []error
	for _, l := range t.links {
		if l.Kind() == k {
			failures = append(failures, l.Run(room))
		}
	}
	return errors.Join(failures...)
}

// iterate runs the iterators in a goroutine, unless reports do so; the channel that it
// returns gives their error. When nothing is attached that fires by itself, done is called
// after the last.
func (t *tracer) iterate(ctx context.Context, c carrier, done func()) <-chan error {
	result := make(chan error, 1)
	if t.passes() {
		close(result)
		return result
	}
	fires := slices.ContainsFunc(t.links[t.owners:], func(l *attach.Link) bool { return l.Kind().Fires() })
	go func() {
		err := t.run(plan.Iterator, func() error { return c.room(ctx) })
		if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
			err = nil // what ended the run is no failure of it
		}
		result <- err
		if !fires {
			done()
		}
	}()
	return result
}

// passes reports whether the iterators run before each report, not once: those of a table
// with an interval.
func (t *tracer) passes() bool {
	return t.plan.Table != nil && t.plan.Output.Interval > 0 &&
		slices.ContainsFunc(t.links, func(l *attach.Link) bool { return l.Kind() == plan.Iterator })
}

// detach takes every program off its hook, the last one attached first, so that what ends a
// span sees those that the others still begin. It waits until the programs that were running
// have finished, and then runs those of the end.
func (t *tracer) detach() error {
	var failures []error
	for _, l := range slices.Backward(t.links) {
		if l.Kind() != plan.End {
			failures = append(failures, l.Close())
		}
	}
	if err := waitForPrograms(); err != nil {
		t.verbose("cannot wait for programs that are still running: %v", err)
	}
	failures = append(failures, t.run(plan.End, nil))
	for _, l := range t.links {
		failures = append(failures, l.Close())
	}
	return errors.Join(failures...)
}

// counts reads the counters as they are now.
func (t *tracer) counts() (*Account, error) {
	a := &Account{
		LostRing:    t.globals.counter("lost"),
		FailedReads: t.globals.counter("failed_reads"),
		FiltersRead: filtersRead(t.plan),
		Limited:     t.globals.counter("limited"),
		OwnersFull:  t.globals.counter("owners_full"),
		OwnersBlind: t.blind,
		SpacesLost:  t.spacesLost(),
		Late:        t.late,
	}
	for _, l := range t.links {
		a.Missed += l.Missed()
	}
	var err error
	a.Maps, err = t.counters.read(t.plan)
	return a, err
}

// Close takes down whatever is left, and may be called at any stage.
func (t *tracer) Close() error {
	failures := []error{t.release(0, 0), t.spaces.close()}
	if t.channel != nil {
		failures = append(failures, t.channel.Close())
	}
	if t.globals != nil {
		failures = append(failures, t.globals.Close())
	}
	for _, m := range t.maps {
		failures = append(failures, m.Close())
	}
	return errors.Join(failures...)
}

// filtersRead reports whether a filter needs what may not be readable.
func filtersRead(p *plan.Plan) bool {
	return slices.ContainsFunc(p.Bodies, func(b plan.Body) bool {
		filters := b.Filters
		if b.Span != nil {
			filters = slices.Concat(filters, b.Span.When)
		}
		return slices.ContainsFunc(filters, func(f plan.Filter) bool { return f.Expr.Fallible() })
	})
}
