package machinery

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/rlimit"
	"golang.org/x/sys/unix"
)

// Tracer is the spec in the kernel. Its methods may be called from any goroutine.
type Tracer struct {
	mu       sync.Mutex
	spec     *ebpf.CollectionSpec
	cache    *btf.Cache
	maps     map[string]*ebpf.Map
	globals  []byte // .bss of the object, shared with the kernel
	programs []*ebpf.Program
	hooks    []io.Closer // of programs, by their index
	attached []Attachment
	missed   uint64 // by hooks that are closed
	stopped  bool
	failure  error // of Stop
	closed   bool
	//ebgen:if ring
	ring ring
	//ebgen:end
	//ebgen:if lrutable
	taken uint64 // entries that Take has taken out
	//ebgen:end
	//ebgen:if owners
	blind bool // no way to see sockets being opened could be attached
	//ebgen:end
	//ebgen:if iteratorrecords
	iterators iterators
	//ebgen:end
}

// Attachment says how a probe was attached.
type Attachment struct {
	Probe   string  // as the spec spells it
	Taken   string  // the alternative that this kernel accepted, as KIND:TARGET
	Refused []error // those before it, and why each was not
}

// AttachError is a probe of which this kernel has no alternative.
type AttachError struct {
	Probe   string  // as the spec spells it
	Refused []error // one for each alternative, in the order tried
}

// Error names the probe on the first line and each alternative on one of its own.
func (e *AttachError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "this kernel cannot attach %s", e.Probe)
	for _, err := range e.Refused {
		fmt.Fprintf(&b, "\n  %v", err)
	}
	return b.String()
}

// Unwrap returns why each alternative was refused.
func (e *AttachError) Unwrap() []error { return e.Refused }

// probe is one thing that is traced: the first alternative that the kernel accepts is taken.
type probe struct {
	name         string
	alternatives []alternative
	refused      []string // alternatives ruled out when the package was generated
	optional     bool     // without any of them the tracer runs all the same
}

type alternative struct {
	name    string // KIND:TARGET
	program string
	attach  func(*ebpf.Program) (io.Closer, error)
	//ebgen:if arguments
	function  string // of the kernel, that has the arguments
	arguments []argument
	//ebgen:end
}

// Load puts the tracer into the kernel and attaches it: of each probe the first alternative
// that this kernel accepts; Attached says which, and why not those before. It needs
// CAP_BPF and CAP_PERFMON, or root. ctx bounds the loading alone. A kernel that has no
// alternative of a probe gives an *AttachError. The caller closes the tracer.
func Load(ctx context.Context, params Params) (_ *Tracer, err error) {
	spec, err := ebpf.LoadCollectionSpecFromReader(bytes.NewReader(object))
	if err != nil {
		return nil, fmt.Errorf("read the compiled object: %w", err)
	}
	if err := params.set(spec); err != nil {
		return nil, err
	}
	//ebgen:if elapsed
	if err := setStart(spec); err != nil {
		return nil, err
	}
	//ebgen:end
	// Only kernels before 5.11 count BPF memory as locked. The limit may suffice.
	_ = rlimit.RemoveMemlock()
	t := &Tracer{spec: spec, cache: btf.NewCache()}
	defer func() {
		if err != nil {
			err = errors.Join(err, t.Close())
		}
	}()
	maps, err := ebpf.NewCollectionWithOptions(
		&ebpf.CollectionSpec{Maps: spec.Maps, Variables: spec.Variables, Types: spec.Types, ByteOrder: spec.ByteOrder},
		ebpf.CollectionOptions{Cache: t.cache},
	)
	if errors.Is(err, unix.EPERM) {
		return nil, fmt.Errorf("create the maps: %w: tracing needs CAP_BPF and CAP_PERFMON", unix.EPERM)
	}
	if err != nil {
		return nil, fmt.Errorf("create the maps: %w", err)
	}
	t.maps = maps.Maps
	if err := t.mapGlobals(); err != nil {
		return nil, err
	}
	//ebgen:if members
	if err := t.fits(); err != nil {
		return nil, fmt.Errorf("the package was not made for this kernel: %w", err)
	}
	//ebgen:end
	//ebgen:if ring
	if err := t.ring.open(t.maps["events"], t.flag("idle")); err != nil {
		return nil, err
	}
	//ebgen:end
	//ebgen:if owners
	if err := t.attachOwners(ctx); err != nil {
		return nil, err
	}
	//ebgen:end
	if err := t.attachAll(ctx, probes); err != nil {
		return nil, err
	}
	//ebgen:if ondemand
	if err := t.demand(atBegin); err != nil {
		return nil, err
	}
	//ebgen:end
	//ebgen:if iteratorrecords
	t.iterate()
	//ebgen:end
	//ebgen:if iteratorrows
	if err := t.runIterators(func() bool { return true }); err != nil {
		return nil, err
	}
	//ebgen:end
	return t, nil
}

//ebgen:if elapsed

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

//ebgen:end

// Attached lists the probes that were attached.
func (t *Tracer) Attached() []Attachment {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]Attachment(nil), t.attached...)
}

func (t *Tracer) attachAll(ctx context.Context, probes []probe) error {
	for i := range probes {
		if err := t.attach(ctx, &probes[i]); err != nil {
			return err
		}
	}
	return nil
}

// attach attaches the first alternative of a probe that this kernel accepts.
func (t *Tracer) attach(ctx context.Context, p *probe) error {
	taken := Attachment{Probe: p.name}
	for _, why := range p.refused {
		taken.Refused = append(taken.Refused, errors.New(why))
	}
	for i := range p.alternatives {
		if err := ctx.Err(); err != nil {
			return err
		}
		a := &p.alternatives[i]
		err := t.attachOne(a)
		if err == nil {
			taken.Taken = a.name
			t.attached = append(t.attached, taken)
			return nil
		}
		taken.Refused = append(taken.Refused, fmt.Errorf("%s: %w", a.name, err))
	}
	if p.optional {
		taken.Taken = "none"
		t.attached = append(t.attached, taken)
		return nil
	}
	return &AttachError{Probe: p.name, Refused: taken.Refused}
}

func (t *Tracer) attachOne(a *alternative) error {
	//ebgen:if arguments
	if err := t.passes(a); err != nil {
		return err
	}
	//ebgen:end
	program, err := t.load(a.program)
	if err != nil {
		return err
	}
	hook, err := a.attach(program)
	if err != nil {
		return errors.Join(err, program.Close())
	}
	t.programs = append(t.programs, program)
	t.hooks = append(t.hooks, hook)
	return nil
}

// load loads one program of the object, and no other: a kernel that lacks the target of
// one still has the others.
func (t *Tracer) load(name string) (*ebpf.Program, error) {
	spec := t.spec.Programs[name].Copy()
	for i := range spec.Instructions {
		ins := &spec.Instructions[i]
		if !ins.IsLoadFromMap() || ins.Reference() == "" {
			continue
		}
		if err := ins.AssociateMap(t.maps[ins.Reference()]); err != nil {
			return nil, fmt.Errorf("map %s: %w", ins.Reference(), err)
		}
	}
	loaded, err := ebpf.NewCollectionWithOptions(
		&ebpf.CollectionSpec{Programs: map[string]*ebpf.ProgramSpec{name: spec}, Types: t.spec.Types, ByteOrder: t.spec.ByteOrder},
		ebpf.CollectionOptions{Cache: t.cache, Programs: ebpf.ProgramOptions{KernelTypes: t.kernelTypes()}},
	)
	var rejected *ebpf.VerifierError
	switch {
	case err == nil:
		return loaded.Programs[name], nil
	case errors.As(err, &rejected) && len(rejected.Log) > 0:
		return nil, err
	case errors.Is(err, unix.EPERM): // the library takes every EPERM for a lack of locked memory
		return nil, fmt.Errorf("the kernel refuses to load it: %w", unix.EPERM)
	}
	return nil, err
}

// kernelTypes returns what to relocate against. nil lets the library take the types of
// all modules too, which takes longer: only where a module has a struct that is read.
func (t *Tracer) kernelTypes() *btf.Spec {
	types, err := t.cache.Kernel()
	if err != nil {
		return nil // what needs them will say so
	}
	//ebgen:if members
	for i := range kernelStructs {
		if _, err := types.AnyTypesByName(kernelStructs[i].tag); err != nil {
			return nil
		}
	}
	//ebgen:end
	return types
}

// mapGlobals maps .bss, where the programs count and the tracer sets flags.
func (t *Tracer) mapGlobals() error {
	m := t.maps[".bss"]
	if m == nil {
		return nil
	}
	page := unix.Getpagesize()
	size := (int(m.ValueSize()) + page - 1) / page * page
	var err error
	if t.globals, err = unix.Mmap(m.FD(), 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED); err != nil {
		return fmt.Errorf("map .bss: %w", err)
	}
	return nil
}

// counter reads a u64 of .bss, which clang aligns; what the object does not have is 0.
func (t *Tracer) counter(name string) uint64 {
	v := t.spec.Variables[name]
	if v == nil || v.SectionName != ".bss" || t.globals == nil {
		return 0
	}
	return atomic.LoadUint64((*uint64)(unsafe.Pointer(&t.globals[v.Offset])))
}

//ebgen:if flag

// flag returns a u32 of .bss, to be set and cleared atomically; nil for none.
func (t *Tracer) flag(name string) *uint32 {
	v := t.spec.Variables[name]
	if v == nil || v.SectionName != ".bss" || t.globals == nil {
		return nil
	}
	return (*uint32)(unsafe.Pointer(&t.globals[v.Offset]))
}

//ebgen:end
//ebgen:if tallies

// tallies returns the counters of the maps, the sums over all CPUs. t.mu is held.
func (t *Tracer) tallies(n int) ([]uint64, error) {
	values, err := t.maps["tallies"].LookupBytes(uint32(0))
	if err != nil {
		return nil, fmt.Errorf("read the counters of maps: %w", err)
	}
	sums := make([]uint64, n)
	for i := 0; len(values) >= 8; i = (i + 1) % n {
		sums[i] += binary.NativeEndian.Uint64(values)
		values = values[8:]
	}
	return sums, nil
}

//ebgen:end
//ebgen:if left

// left returns how many entries a map holds and the sum over their values of what count
// gives, unless it is nil. t.mu is held.
func (t *Tracer) left(name string, count func(value []byte) uint64) (entries, sum uint64, err error) {
	m := t.maps[name]
	key, err := m.NextKeyBytes(nil)
	for ; key != nil && err == nil; key, err = m.NextKeyBytes(key) {
		entries++
		if count == nil {
			continue
		}
		value, err := m.LookupBytes(key)
		if err != nil {
			return 0, 0, fmt.Errorf("read what is left in %s: %w", name, err)
		}
		if value != nil {
			sum += count(value)
		}
	}
	if err != nil {
		return 0, 0, fmt.Errorf("read what is left in %s: %w", name, err)
	}
	return entries, sum, nil
}

//ebgen:end

// missedEvents counts the events for which the kernel could not run a program. t.mu is
// held. Kernels before 5.12 do not count programs that would have interrupted themselves,
// those before 6.7 not what kprobes missed.
func (t *Tracer) missedEvents() uint64 {
	n := t.missed
	for i, p := range t.programs {
		if stats, err := p.Stats(); err == nil {
			n += stats.RecursionMisses
		}
		if !t.stopped {
			n += missedBy(t.hooks[i])
		}
	}
	return n
}

// missedBy returns the nmissed of a kprobe, 0 of anything else.
func missedBy(hook io.Closer) uint64 {
	l, ok := hook.(link.Link)
	if !ok {
		return 0
	}
	info, err := l.Info()
	if err != nil {
		return 0
	}
	if event := info.PerfEvent(); event != nil {
		if probe := event.Kprobe(); probe != nil {
			return probe.Missed
		}
	}
	return 0
}

// Stop takes every program off its hook and waits until those that were running have
// ended: from then on nothing is traced, and Counts are final. What was traced before can
// still be read, to its end. A second Stop returns what the first one did.
func (t *Tracer) Stop() error {
	var failures []error
	//ebgen:if iteratorrecords
	failures = append(failures, t.endIterators())
	//ebgen:end
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.stopped {
		return t.failure
	}
	t.stopped = true
	for i := len(t.hooks) - 1; i >= 0; i-- { // what ends a span sees those that the others still begin
		t.missed += missedBy(t.hooks[i])
		failures = append(failures, t.hooks[i].Close())
	}
	failures = append(failures, waitForPrograms())
	//ebgen:if ondemand
	failures = append(failures, t.demand(atEnd))
	//ebgen:end
	//ebgen:if ring
	t.ring.stop()
	//ebgen:end
	t.failure = errors.Join(failures...)
	return t.failure
}

// waitForPrograms returns when every BPF program that was running has ended: taking one
// off its hook only stops new runs. The kernel gives this promise to whoever replaces an
// inner map (maybe_wait_bpf_programs, kernel/bpf/syscall.c; commit 1ae80cf31938, Linux 5.0).
func waitForPrograms() error {
	inner := &ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: 4, MaxEntries: 1}
	outer, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.ArrayOfMaps, KeySize: 4, ValueSize: 4, MaxEntries: 1, InnerMap: inner})
	if err != nil {
		return fmt.Errorf("wait for programs: %w", err)
	}
	defer outer.Close()
	m, err := ebpf.NewMap(inner)
	if err != nil {
		return fmt.Errorf("wait for programs: %w", err)
	}
	defer m.Close()
	if err := outer.Put(uint32(0), m); err != nil {
		return fmt.Errorf("wait for programs: %w", err)
	}
	return nil
}

// Close stops the tracer if that was not done, and frees all that it holds in the kernel;
// what was not read is gone. A second Close does nothing.
func (t *Tracer) Close() error {
	failures := []error{t.Stop()}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil
	}
	t.closed = true
	//ebgen:if ring
	failures = append(failures, t.ring.close())
	//ebgen:end
	if t.globals != nil {
		failures = append(failures, unix.Munmap(t.globals))
		t.globals = nil
	}
	for _, p := range t.programs {
		failures = append(failures, p.Close())
	}
	for _, m := range t.maps {
		failures = append(failures, m.Close())
	}
	return errors.Join(failures...)
}
