package machinery

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

//ebgen:if anyiterator

// iterator prepares a program that the kernel calls for each object of a kind (Linux 5.8).
func iterator(p *ebpf.Program) (io.Closer, error) {
	it, err := link.AttachIter(link.IterOptions{Program: p})
	if err != nil {
		return nil, err
	}
	return it, nil
}

//ebgen:end

// runIterator runs one over everything there is. Where its program finds no room for an
// object, and after a million objects, the kernel stops (bpf_seq_read,
// kernel/bpf/bpf_iter.c): room is asked whether to go on.
func runIterator(it *link.Iter, room func() bool) error {
	r, err := it.Open()
	if err != nil {
		return fmt.Errorf("open iterator: %w", err)
	}
	defer r.Close()
	var printed [4096]byte
	for {
		switch _, err = r.Read(printed[:]); {
		case err == io.EOF:
			return nil
		case errors.Is(err, unix.EAGAIN):
			if !room() {
				return nil
			}
		case err != nil:
			return fmt.Errorf("run iterator: %w", err)
		}
	}
}

//ebgen:if anyiterator

// runIterators runs those of the spec, in order.
func (t *Tracer) runIterators(room func() bool) error {
	var failures []error
	for _, h := range t.hooks {
		if it, ok := h.(*link.Iter); ok {
			failures = append(failures, runIterator(it, room))
		}
	}
	return errors.Join(failures...)
}

//ebgen:end
//ebgen:if iteratorrecords

// iterators run while events are read, since they wait where the ring buffer has no room.
type iterators struct {
	ending  chan struct{} // closed when they are to end
	end     sync.Once
	done    chan struct{} // closed when they have ended
	failure error
}

// iterate begins to run the iterators.
func (t *Tracer) iterate() {
	it := &t.iterators
	it.ending, it.done = make(chan struct{}), make(chan struct{})
	go func() {
		defer close(it.done)
		it.failure = t.runIterators(func() bool {
			select {
			case <-it.ending:
				return false
			case <-time.After(pollInterval):
				return true
			}
		})
	}()
	//ebgen:if iteratorsalone
	go func() {
		<-it.done
		_ = t.Stop() // there is nothing more to come; its error is given again
	}()
	//ebgen:end
}

// endIterators waits for the iterators, which end where they have no room.
func (t *Tracer) endIterators() error {
	it := &t.iterators
	if it.ending == nil {
		return nil // Load has failed before
	}
	it.end.Do(func() { close(it.ending) })
	<-it.done
	return it.failure
}

//ebgen:end
//ebgen:if owners

// attachOwners attaches the first way to learn who opens sockets that this kernel allows,
// and then looks at the sockets that are open. Without any way only those have an owner.
func (t *Tracer) attachOwners(ctx context.Context) error {
	if err := t.attachAll(ctx, ownerProbes); err != nil {
		return err
	}
	t.blind = true
	for _, way := range ownerWays {
		before := len(t.hooks)
		err := t.attachAll(ctx, way)
		if err == nil {
			t.blind = false
			break
		}
		var impossible *AttachError
		if !errors.As(err, &impossible) {
			return err
		}
		if err := t.release(before); err != nil {
			return err
		}
	}
	t.attached = nil // these are not the spec's
	return t.sweep()
}

// release takes down the programs from an index on.
func (t *Tracer) release(from int) error {
	var failures []error
	for i := from; i < len(t.hooks); i++ {
		failures = append(failures, t.hooks[i].Close(), t.programs[i].Close())
	}
	t.hooks, t.programs = t.hooks[:from], t.programs[:from]
	return errors.Join(failures...)
}

// sweep notes the owners of the sockets that are open already, once.
func (t *Tracer) sweep() error {
	p, err := t.load(ownerSweep)
	if err != nil {
		return fmt.Errorf("%s: %w", ownerSweep, err)
	}
	defer p.Close()
	it, err := link.AttachIter(link.IterOptions{Program: p})
	if err != nil {
		return fmt.Errorf("%s: %w", ownerSweep, err)
	}
	return errors.Join(runIterator(it, func() bool { return true }), it.Close())
}

//ebgen:end
