package machinery

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// Read waits for the next event and returns it. Its errors are those of ReadInto.
func (t *Tracer) Read() (Event, error) {
	var e Event
	err := t.ReadInto(&e)
	return e, err
}

// ReadInto waits for the next event and decodes it into e, without an allocation. After
// Stop it returns the events that are left and then io.EOF, after Close os.ErrClosed.
// Events come in the order in which the programs made room for them.
func (t *Tracer) ReadInto(e *Event) error {
	t.ring.mu.Lock()
	defer t.ring.mu.Unlock()
	record, err := t.ring.next()
	if err != nil {
		return err
	}
	return e.UnmarshalBinary(record)
}

// The header of a record in a BPF ring buffer: u32 length with two flags on top, u32 page
// offset for the kernel's use (struct bpf_ringbuf_hdr, kernel/bpf/ringbuf.c, Linux 5.8).
const (
	ringHeader  = 8
	ringBusy    = 1 << 31 // reserved, not yet submitted
	ringDiscard = 1 << 30
)

const (
	pollInterval = 2 * time.Millisecond // between two looks while events come
	idleRounds   = 5                    // looks in a row that find nothing before the reader sleeps
	idleTimeout  = 100                  // ms of one sleep, see ring.wait
	batchBytes   = 64 << 10             // read before the kernel is told
)

var errRingDamaged = errors.New("the ring buffer is damaged: a record reaches past the producer's position")

// ring is the reading end of a BPF ring buffer. Its positions only grow; the data is
// mapped twice in a row, so that a record which wraps around lies in one piece.
//
// The programs never wake a reader that is looking: a wake-up for each record costs them
// many times what the record does. They do so only while idle is set.
type ring struct {
	mu        sync.Mutex // held while a record is waited for and decoded
	stopped   atomic.Bool
	closed    bool
	idle      *uint32 // in .bss
	positions []byte  // the page of our position
	produced  []byte  // the page of the kernel's position, then the data twice
	data      []byte
	consumer  *uint64
	producer  *uint64
	at        uint64 // the next record
	freed     uint64 // what the kernel knows of at
	fds       [2]unix.PollFd
}

func (r *ring) open(m *ebpf.Map, idle *uint32) error {
	page, size := os.Getpagesize(), int(m.MaxEntries())
	waker, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return os.NewSyscallError("eventfd", err)
	}
	r.fds = [2]unix.PollFd{{Fd: int32(m.FD()), Events: unix.POLLIN}, {Fd: int32(waker), Events: unix.POLLIN}}
	r.idle = idle
	if r.positions, err = unix.Mmap(m.FD(), 0, page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED); err != nil {
		return fmt.Errorf("map the ring buffer's consumer page: %w", err)
	}
	if r.produced, err = unix.Mmap(m.FD(), int64(page), page+2*size, unix.PROT_READ, unix.MAP_SHARED); err != nil {
		return fmt.Errorf("map the ring buffer's data: %w", err)
	}
	r.data = r.produced[page:]
	r.consumer = (*uint64)(unsafe.Pointer(&r.positions[0]))
	r.producer = (*uint64)(unsafe.Pointer(&r.produced[0]))
	return nil
}

// next waits for a record. It lies in the ring, where it stays until the next call.
func (r *ring) next() ([]byte, error) {
	for empty := 0; ; {
		if r.closed {
			return nil, os.ErrClosed
		}
		if r.at-r.freed >= batchBytes {
			r.free()
		}
		stopped := r.stopped.Load() // before the look: no record comes after it
		if record, ok, err := r.take(); ok || err != nil {
			return record, err
		}
		r.free()
		if stopped {
			return nil, io.EOF
		}
		if empty++; empty < idleRounds {
			time.Sleep(pollInterval)
		} else if err := r.wait(); err != nil {
			return nil, err
		}
	}
}

// take takes the next record if there is one. The kernel gives up the busy bit after the
// record is written (bpf_ringbuf_commit), so a header that is loaded without it has one.
func (r *ring) take() ([]byte, bool, error) {
	mask := uint64(len(r.data)/2 - 1)
	for end := atomic.LoadUint64(r.producer); r.at < end; {
		header := atomic.LoadUint32((*uint32)(unsafe.Pointer(&r.data[r.at&mask])))
		if header&ringBusy != 0 {
			break
		}
		size := uint64(header &^ (ringBusy | ringDiscard))
		next := r.at + (ringHeader+size+7)&^7 // bpf_ringbuf_reserve rounds up to 8
		if next > end || next-r.at > mask+1 {
			return nil, false, errRingDamaged
		}
		from := r.at&mask + ringHeader
		r.at = next
		if header&ringDiscard == 0 {
			return r.data[from : from+size : from+size], true, nil
		}
	}
	return nil, false, nil
}

// free lets the kernel write over what has been read.
func (r *ring) free() {
	if r.freed != r.at {
		r.freed = r.at
		atomic.StoreUint64(r.consumer, r.at)
	}
}

// wait sleeps until the programs or stop wake it. A program reads idle after it has moved
// the position, and we look at the position after we have set idle; but its store and load
// may pass each other in its CPU's store buffer. Then the record waits for idleTimeout.
func (r *ring) wait() error {
	if r.idle == nil {
		time.Sleep(pollInterval)
		return nil
	}
	atomic.StoreUint32(r.idle, 1)
	defer atomic.StoreUint32(r.idle, 0)
	if atomic.LoadUint64(r.producer) != r.at {
		// It came just now, or is still being written by a task that may not be running.
		time.Sleep(pollInterval)
		return nil
	}
	if _, err := unix.Poll(r.fds[:], idleTimeout); err != nil && !errors.Is(err, unix.EINTR) {
		return os.NewSyscallError("poll", err)
	}
	return nil
}

// stop says that no record comes any more. It is not taken back.
func (r *ring) stop() {
	r.stopped.Store(true)
	one := [8]byte{1}
	// Refused only when the counter is full, and then the sleep has been ended already.
	_, _ = unix.Write(int(r.fds[1].Fd), one[:])
}

// close waits for a reader, which stop has woken, and unmaps the ring.
func (r *ring) close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	var failures []error
	for _, memory := range [][]byte{r.positions, r.produced} {
		if memory != nil {
			failures = append(failures, unix.Munmap(memory))
		}
	}
	if waker := int(r.fds[1].Fd); waker > 0 {
		failures = append(failures, unix.Close(waker))
	}
	return errors.Join(failures...)
}
