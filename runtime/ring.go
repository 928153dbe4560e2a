package runtime

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// The header of a record in a BPF ring buffer: u32 length with two flags on top, u32
// page offset for the kernel's use (struct bpf_ringbuf_hdr, kernel/bpf/ringbuf.c, and
// BPF_RINGBUF_* in include/uapi/linux/bpf.h, Linux 5.8).
const (
	ringHeader  = 8
	ringBusy    = 1 << 31 // reserved, not yet submitted
	ringDiscard = 1 << 30
)

var errRingDamaged = errors.New("the ring buffer is damaged: a record reaches past the producer's position")

// ring is the positions and the data of a BPF ring buffer. The positions only grow; the
// data is mapped twice in a row, so that a record which wraps around lies in one piece.
type ring struct {
	consumer *uint64 // ours to store
	producer *uint64 // the kernel's
	data     []byte  // twice the ring's size, a power of two
}

// drain is channel.drain. The kernel gives up the busy bit by an exchange after the
// record is written (bpf_ringbuf_commit), so an atomic load of the header that finds
// it clear sees the record. Our own position is stored once, when the records have
// been handled: until then the kernel cannot write over them.
func (r *ring) drain(take func(record []byte) error) (int, error) {
	mask := uint64(len(r.data)/2 - 1)
	start := atomic.LoadUint64(r.consumer)
	end := atomic.LoadUint64(r.producer)
	at := start
	var err error
	for at < end && at-start < batchBytes && err == nil {
		header := atomic.LoadUint32((*uint32)(unsafe.Pointer(&r.data[at&mask])))
		if header&ringBusy != 0 {
			break
		}
		size := uint64(header &^ (ringBusy | ringDiscard))
		next := at + (ringHeader+size+7)&^7 // bpf_ringbuf_reserve rounds up to 8
		if next > end || next-at > mask+1 {
			err = errRingDamaged
			break
		}
		if header&ringDiscard == 0 {
			from := at&mask + ringHeader
			err = take(r.data[from : from+size : from+size])
		}
		at = next
	}
	atomic.StoreUint64(r.consumer, at)
	return int(at - start), err
}

// empty reports whether nothing is in the ring, not even a record that is still busy.
func (r *ring) empty() bool { return atomic.LoadUint64(r.consumer) == atomic.LoadUint64(r.producer) }

// ringbuf is the channel over a ring buffer map.
//
// The kernel side never wakes us while we are looking: a wake-up for each record costs
// it many times what the record does. It does so only while idle is set.
type ringbuf struct {
	ring
	idle      *uint32 // in .bss: the tracer submits with BPF_RB_FORCE_WAKEUP while it is 1
	positions []byte  // the page of our position
	produced  []byte  // the page of the kernel's position, then the data twice
	fds       [2]unix.PollFd
}

// idleTimeout bounds one sleep. A submitter reads the flag after it has moved the
// position, and we look at the position after we have set the flag, so one of us sees
// the other; but its store and load may pass each other in its CPU's store buffer, since
// no full barrier lies between them. Then the record waits for the next one, or this long.
const idleTimeout = 100 // ms

// openRing maps a ring buffer map. The map may be closed afterwards only after Close.
func openRing(m *ebpf.Map, idle *uint32) (*ringbuf, error) {
	page, size := os.Getpagesize(), int(m.MaxEntries())
	positions, err := unix.Mmap(m.FD(), 0, page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("map the ring buffer's consumer page: %w", err)
	}
	produced, err := unix.Mmap(m.FD(), int64(page), page+2*size, unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		unix.Munmap(positions)
		return nil, fmt.Errorf("map the ring buffer's data: %w", err)
	}
	waker, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		unix.Munmap(positions)
		unix.Munmap(produced)
		return nil, os.NewSyscallError("eventfd", err)
	}
	return &ringbuf{
		ring: ring{
			consumer: (*uint64)(unsafe.Pointer(&positions[0])),
			producer: (*uint64)(unsafe.Pointer(&produced[0])),
			data:     produced[page:],
		},
		idle:      idle,
		positions: positions,
		produced:  produced,
		fds:       [2]unix.PollFd{{Fd: int32(m.FD()), Events: unix.POLLIN}, {Fd: int32(waker), Events: unix.POLLIN}},
	}, nil
}

// wait is channel.wait. The flag's store and the position's load are both sequentially
// consistent in Go, so the second look cannot come before the flag is seen. poll(2) and
// not epoll: poll looks at the ring itself when it begins, epoll only knows wake-ups.
func (r *ringbuf) wait() error {
	atomic.StoreUint32(r.idle, 1)
	defer atomic.StoreUint32(r.idle, 0)
	if !r.empty() {
		// It came just now, or is still being written by a task that may not be running.
		time.Sleep(time.Millisecond)
		return nil
	}
	_, err := unix.Poll(r.fds[:], idleTimeout)
	if err != nil && !errors.Is(err, unix.EINTR) {
		return os.NewSyscallError("poll", err)
	}
	return nil
}

// wake is channel.wake. It is not taken back: whoever is woken is on the way out.
func (r *ringbuf) wake() {
	one := [8]byte{1}
	// Refused only when the counter is full, and then the poll has been ended already.
	_, _ = unix.Write(int(r.fds[1].Fd), one[:])
}

// Close unmaps the ring; what is still in it is gone.
func (r *ringbuf) Close() error {
	return errors.Join(
		unix.Munmap(r.positions),
		unix.Munmap(r.produced),
		unix.Close(int(r.fds[1].Fd)),
	)
}
