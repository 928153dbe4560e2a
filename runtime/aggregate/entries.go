package aggregate

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// Entries reads the entries of a BPF map: of a hash of any kind, in which each bucket is
// read at one instant, or of the one entry of an array.
type Entries struct {
	m     *ebpf.Map
	key   int // bytes
	value int // bytes of the value on one CPU
	cpus  int // values that the kernel gives for a key: 1, or one for each CPU that can be

	single   bool // steps instead of batches
	batch    int  // entries of a batch
	keys     []byte
	values   []byte
	zero     [][]byte // of each CPU
	position uint32
}

// batchBytes is about how much one system call reads: few calls, and what it read is
// still in the cache when it is put into the table.
const batchBytes = 256 << 10

// batchEntries is the least batch. A batch holds whole buckets, in which there are
// seldom more entries than this: a hash has as many buckets as entries.
const batchEntries = 16

// Open prepares the reading of a map, which stays the caller's.
func Open(m *ebpf.Map) (*Entries, error) {
	r := &Entries{m: m, key: int(m.KeySize()), value: int(m.ValueSize()), cpus: 1}
	switch m.Type() {
	case ebpf.PerCPUHash, ebpf.LRUCPUHash, ebpf.PerCPUArray:
		cpus, err := ebpf.PossibleCPU()
		if err != nil {
			return nil, err
		}
		// The kernel aligns the values of several CPUs (bpf_percpu_hash_copy).
		r.cpus, r.value = cpus, (r.value+7)&^7
	}
	switch m.Type() {
	case ebpf.Array, ebpf.PerCPUArray:
		if m.MaxEntries() != 1 {
			return nil, fmt.Errorf("read the entries of %v: an array of %d is not one row", m, m.MaxEntries())
		}
		for range r.cpus {
			r.zero = append(r.zero, make([]byte, m.ValueSize()))
		}
	}
	r.resize(max(batchEntries, batchBytes/(r.key+r.value*r.cpus)))
	return r, nil
}

func (r *Entries) resize(batch int) {
	batch = min(batch, max(1, int(r.m.MaxEntries())))
	r.batch = batch
	r.keys = make([]byte, batch*r.key)
	r.values = make([]byte, batch*r.value*r.cpus)
}

// Each calls visit for every entry, with its key and the values of all CPUs one after the
// other, both of which are valid during the call only. Of a map that changes meanwhile
// some entries may be left out and others come twice. An error of visit ends it.
func (r *Entries) Each(visit func(key, values []byte) error) error {
	return r.read(lookupBatch, visit)
}

// Take is Each and takes out what it has read. Nobody else may use the map meanwhile.
func (r *Entries) Take(visit func(key, values []byte) error) error {
	return r.read(takeBatch, visit)
}

func (r *Entries) read(cmd int, visit func(key, values []byte) error) error {
	var err error
	switch {
	case r.zero != nil:
		err = r.one(cmd, visit)
	case r.single:
		err = r.steps(cmd, visit)
	default:
		err = r.batches(cmd, visit)
	}
	if err != nil {
		return fmt.Errorf("read the entries of %v: %w", r.m, err)
	}
	return nil
}

// one reads the only entry of an array, whose key is passed on as none.
func (r *Entries) one(cmd int, visit func(key, values []byte) error) error {
	value, err := r.m.LookupBytes(uint32(0))
	if err != nil {
		return err
	}
	if err := visit(nil, value); err != nil || cmd == lookupBatch {
		return err
	}
	if r.cpus == 1 {
		return r.m.Put(uint32(0), r.zero[0])
	}
	return r.m.Put(uint32(0), r.zero)
}

// batches reads many entries with each call. A batch that is too small for the next
// bucket makes way for a larger one.
func (r *Entries) batches(cmd int, visit func(key, values []byte) error) error {
	for first := true; ; {
		n, err := r.next(cmd, first)
		switch {
		case errors.Is(err, unix.ENOSPC) && r.batch < int(r.m.MaxEntries()):
			r.resize(2 * r.batch)
			continue
		case first && errors.Is(err, unix.EINVAL):
			r.single = true // Linux 5.6 brought batches to hashes
			return r.steps(cmd, visit)
		case err != nil && !errors.Is(err, unix.ENOENT):
			return err
		}
		for i := range n {
			if err := visit(r.keys[i*r.key:][:r.key:r.key], r.values[i*r.value*r.cpus:][:r.value*r.cpus]); err != nil {
				return err
			}
		}
		if err != nil { // the end, with the last entries
			return nil
		}
		first = false
	}
}

// steps reads one entry after the other.
func (r *Entries) steps(cmd int, visit func(key, values []byte) error) error {
	var keys [][]byte
	key, err := r.m.NextKeyBytes(nil)
	for ; key != nil && err == nil; key, err = r.m.NextKeyBytes(key) {
		value, err := r.m.LookupBytes(key)
		if err != nil {
			return err
		}
		if value == nil { // gone meanwhile
			continue
		}
		if err := visit(key, value); err != nil {
			return err
		}
		keys = append(keys, key)
	}
	if err != nil || cmd == lookupBatch {
		return err
	}
	for _, key := range keys {
		if err := r.m.Delete(key); err != nil {
			return err
		}
	}
	return nil
}
