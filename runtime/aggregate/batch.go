package aggregate

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// The commands of bpf(2) that read many entries (enum bpf_cmd, include/uapi/linux/bpf.h,
// Linux 5.6).
const (
	lookupBatch = 24
	takeBatch   = 25 // BPF_MAP_LOOKUP_AND_DELETE_BATCH: each bucket under its lock
)

// batchAttr is the member batch of union bpf_attr, as 64-bit machines lay it out.
type batchAttr struct {
	in, out   unsafe.Pointer // where to go on, and where to go on next time: a u32 for hashes
	keys      unsafe.Pointer
	values    unsafe.Pointer
	count     uint32 // room; then how many there are
	fd        uint32
	elemFlags uint64
	flags     uint64
}

// next reads the next batch into r.keys and r.values and returns how many entries it has.
// ENOENT says that these were the last, ENOSPC that the next bucket has more than a batch.
//
// The library's own batches want the types of keys and values in Go, and copy the values
// of each CPU one by one; ours are known by their size only, and lie in r.values as the
// kernel wrote them.
func (r *Entries) next(cmd int, first bool) (int, error) {
	position := r.position
	attr := batchAttr{
		in:     unsafe.Pointer(&r.position),
		out:    unsafe.Pointer(&position),
		keys:   unsafe.Pointer(&r.keys[0]),
		values: unsafe.Pointer(&r.values[0]),
		count:  uint32(r.batch),
		fd:     uint32(r.m.FD()),
	}
	if first {
		attr.in = nil
	}
	_, _, errno := unix.Syscall(unix.SYS_BPF, uintptr(cmd), uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr))
	switch errno {
	case 0:
		r.position = position
		return int(attr.count), nil
	case unix.ENOENT:
		return int(attr.count), errno
	}
	return 0, errno
}
