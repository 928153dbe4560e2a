package attach

import (
	"errors"
	"fmt"
	"io"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

var iteratorCauses = []cause{
	{ebpf.ErrNotSupported, "this kernel has no iterator TARGET"},
	{unix.EPERM, "the kernel refuses iterators (EPERM)"},
}

// iteratorHook is an iterator that can be run.
type iteratorHook struct{ *link.Iter }

// iterator prepares a program that the kernel calls once for each object of a kind
// (Linux 5.8). Its target is part of the program.
func iterator(_ string, program *ebpf.Program) (hook, error) {
	it, err := link.AttachIter(link.IterOptions{Program: program})
	if err != nil {
		return nil, err
	}
	return iteratorHook{it}, nil
}

// run reads the iterator to its end, which is what makes the program run; what it may
// print is not wanted.
//
// A read ends with EAGAIN when the program gives 1 for an object, which the next read
// begins with, and after a million objects for which nothing was printed
// (bpf_seq_read and MAX_ITER_OBJECTS, kernel/bpf/bpf_iter.c, Linux 5.10).
func (h iteratorHook) run(room func() error) error {
	r, err := h.Open()
	if err != nil {
		return fmt.Errorf("open iterator: %w", err)
	}
	var printed [4096]byte
	for err == nil {
		_, err = r.Read(printed[:])
		if errors.Is(err, unix.EAGAIN) {
			if err = nil; room != nil {
				err = room()
			}
		}
	}
	if err == io.EOF {
		err = nil
	}
	return errors.Join(err, r.Close())
}
