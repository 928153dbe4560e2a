package machinery

import (
	"errors"
	"fmt"
	"os"
	goruntime "runtime"
	"sync/atomic"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// Rows returns what has been counted since Load, or since the last Take where there is
// one, a row for each key, in no order. While programs count, a row may have an event in
// one column and not yet in another; after Stop all is whole.
func (t *Tracer) Rows() ([]Row, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var all table
	for _, name := range tableMaps {
		if err := t.readTable(&all, name, false); err != nil {
			return nil, err
		}
	}
	return all.rows(), nil
}

//ebgen:if double

// Take returns what has been counted since the last Take, and begins to count anew:
// programs go on in a second map while the first one is read and emptied, so that no event
// is lost or counted twice.
func (t *Tracer) Take() ([]Row, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil, os.ErrClosed
	}
	//ebgen:if iteratortakes
	if !t.stopped {
		if err := t.runIterators(func() bool { return true }); err != nil {
			return nil, err
		}
	}
	//ebgen:end
	var all table
	active := t.flag("active")
	ended := atomic.LoadUint32(active)
	atomic.StoreUint32(active, 1-ended)
	if err := waitForPrograms(); err != nil {
		return nil, err
	}
	taken := tableMaps[ended : ended+1]
	if t.stopped { // nobody counts in the other one
		taken = tableMaps[:]
	}
	for _, name := range taken {
		if err := t.readTable(&all, name, true); err != nil {
			return nil, err
		}
	}
	//ebgen:if lrutable
	t.taken += all.entries
	//ebgen:end
	return all.rows(), nil
}

//ebgen:end

// table is the entries of one table by key, what CPUs and maps have for it put together.
type table struct {
	index  map[Key]int
	keys   []Key
	values []Value
	//ebgen:if lrutable
	entries uint64 // that were added
	//ebgen:end
}

func (t *table) add(k *Key, values []Value) {
	//ebgen:if lrutable
	t.entries++
	//ebgen:end
	at, ok := t.index[*k]
	if !ok {
		if t.index == nil {
			t.index = make(map[Key]int)
		}
		at = len(t.keys)
		t.index[*k] = at
		t.keys, t.values = append(t.keys, *k), append(t.values, Value{})
	}
	for i := range values {
		t.values[at].merge(&values[i])
	}
}

func (t *table) rows() []Row {
	rows := make([]Row, len(t.keys))
	for i := range rows {
		rows[i] = makeRow(&t.keys[i], &t.values[i])
	}
	return rows
}

// readTable adds the entries of a map, and when it takes them empties the map. t.mu is held.
func (t *Tracer) readTable(into *table, name string, take bool) error {
	if t.closed {
		return os.ErrClosed
	}
	m, cpus := t.maps[name], 1
	//ebgen:if percpu
	var err error
	if cpus, err = ebpf.PossibleCPU(); err != nil {
		return err
	}
	//ebgen:end
	//ebgen:if keyed
	read := readEntries
	//ebgen:else
	//	read := readRow
	//ebgen:end
	if err := undisturbed(func() error { return read(into, m, cpus, take) }); err != nil {
		return fmt.Errorf("read the entries of %s: %w", name, err)
	}
	return nil
}

//ebgen:if keyed

// leastBatch is about how many entries are read at once; one batch holds a whole bucket.
const leastBatch = 512

func readEntries(into *table, m *ebpf.Map, cpus int, take bool) error {
	read := m.BatchLookup
	if take {
		read = m.BatchLookupAndDelete
	}
	batch := min(leastBatch, int(m.MaxEntries()))
	keys, values := make([]Key, batch), make([]Value, batch*cpus)
	var cursor ebpf.MapBatchCursor
	for {
		n, err := read(&cursor, keys, values, nil)
		if errors.Is(err, unix.ENOSPC) && batch < int(m.MaxEntries()) {
			batch = min(2*batch, int(m.MaxEntries()))
			keys, values = make([]Key, batch), make([]Value, batch*cpus)
			continue
		}
		if err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
			return err
		}
		for i := range n {
			into.add(&keys[i], values[i*cpus:(i+1)*cpus])
		}
		if err != nil { // the end, with the last entries
			return nil
		}
	}
}

//ebgen:end
//ebgen:if onerow

// readRow reads the one row of a table without a key.
func readRow(into *table, m *ebpf.Map, cpus int, take bool) error {
	values := make([]Value, cpus)
	var out any = values
	if cpus == 1 && m.Type() == ebpf.Array {
		out = &values[0]
	}
	if err := m.Lookup(uint32(0), out); err != nil {
		return err
	}
	into.add(&Key{}, values)
	if !take {
		return nil
	}
	clear(values)
	return m.Put(uint32(0), out)
}

//ebgen:end

// undisturbed calls read on a thread that no ordinary thread takes the CPU from: while
// bpf(2) is in a map the kernel runs no program of a tracepoint or kprobe on that CPU
// (bpf_disable_instrumentation, include/linux/bpf.h), and a thread may be preempted there.
// Without CAP_SYS_NICE read is called all the same; what is missed is counted.
func undisturbed(read func() error) error {
	const self = 0
	goruntime.LockOSThread()
	defer goruntime.UnlockOSThread()
	before, err := unix.SchedGetAttr(self, 0)
	if err != nil || before.Policy != unix.SCHED_NORMAL {
		return read()
	}
	realtime := unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_FIFO, Priority: 1}
	if unix.SchedSetAttr(self, &realtime, 0) != nil {
		return read()
	}
	defer func() { _ = unix.SchedSetAttr(self, before, 0) }()
	return read()
}
