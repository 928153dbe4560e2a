package runtime

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/ebgen/ebgen/runtime/attach"
	"github.com/ebgen/ebgen/spec/plan"
)

// tracer is a bundle in the kernel: its maps, the programs that were taken, and the
// channel's reading end.
type tracer struct {
	plan     *plan.Plan
	spec     *ebpf.CollectionSpec
	maps     map[string]*ebpf.Map
	types    *kernelTypes
	globals  *globals
	channel  channel
	verbose  func(format string, args ...any)
	blind    bool                                // no way to see sockets being opened could be attached
	refused  map[plan.AttachKind]*attach.Refusal // kinds that this kernel refuses altogether
	programs []*ebpf.Program
	links    []*attach.Link
	sweeps   int // how many of the links are iterators
}

// open creates the bundle's maps with the params in them. No program is loaded yet.
func open(b *plan.Bundle, params Params, o Options) (_ *tracer, err error) {
	spec, err := ebpf.LoadCollectionSpecFromReader(bytes.NewReader(b.Object))
	if err != nil {
		return nil, fmt.Errorf("read the compiled object: %w", err)
	}
	if err := setParams(spec, b.Plan, params); err != nil {
		return nil, err
	}
	if err := setStart(spec); err != nil {
		return nil, err
	}
	size := channelSize(o.RingSize)
	if events := spec.Maps[eventsMap]; events != nil && b.Plan.Channel.Kind == plan.Ringbuf {
		events.MaxEntries = uint32(size)
	}
	t := &tracer{
		plan:    b.Plan,
		spec:    spec,
		types:   newKernelTypes(o.BTF, b.Plan.Structs),
		verbose: o.Verbose,
		refused: make(map[plan.AttachKind]*attach.Refusal),
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, t.Close())
		}
	}()
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
	if t.channel, err = openChannel(b.Plan, t.maps, t.globals, size); err != nil {
		return nil, err
	}
	return t, nil
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
// open already, so that none falls between.
func (t *tracer) attachAll(ctx context.Context) error {
	if owners := t.plan.Owners; owners != nil {
		if err := t.attachOwners(ctx, owners); err != nil {
			return err
		}
	}
	return t.attachEach(ctx, t.plan.Probes)
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

// iterate runs the iterators among the links, one after the other, in a goroutine; the
// channel it returns gives their error. When there is nothing but iterators, done is
// called after the last.
func (t *tracer) iterate(done func()) <-chan error {
	result := make(chan error, 1)
	if t.sweeps == 0 {
		close(result)
		return result
	}
	go func() {
		var failures []error
		for _, l := range t.links {
			failures = append(failures, l.Run())
		}
		result <- errors.Join(failures...)
		if t.sweeps == len(t.links) {
			done()
		}
	}()
	return result
}

// detach takes every program off its hook and waits until those that were running have
// finished.
func (t *tracer) detach() error {
	var failures []error
	for _, l := range t.links {
		failures = append(failures, l.Close())
	}
	if err := waitForPrograms(); err != nil {
		t.verbose("cannot wait for programs that are still running: %v", err)
	}
	return errors.Join(failures...)
}

// account reads the counters. It is exact once detach has returned and the channel is
// drained.
func (t *tracer) account() *Account {
	a := &Account{
		LostRing:    t.globals.counter("lost"),
		FailedReads: t.globals.counter("failed_reads"),
		Limited:     t.globals.counter("limited"),
		OwnersFull:  t.globals.counter("owners_full"),
		OwnersBlind: t.blind,
	}
	for _, l := range t.links {
		a.Missed += l.Missed()
	}
	return a
}

// Close takes down whatever is left, and may be called at any stage.
func (t *tracer) Close() error {
	failures := []error{t.release(0, 0)}
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
