package main

import (
	"bufio"
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// output is where a tracer's standard output goes.
type output interface {
	ready() <-chan struct{} // closed when it is as it is to be
	text() ([]byte, error)  // what arrived, once the tracer has ended
}

// outputs makes each kind of output, and the end that the tracer writes to.
var outputs = map[string]func() (output, *os.File, error){
	"pipe": func() (output, *os.File, error) { return newPipe(false) }, // of which all is read
	"head": func() (output, *os.File, error) { return newPipe(true) },  // whose reader leaves after one line
	"disk": newDisk,                                                    // a file on a disk of 64 KiB
}

// started is ready at once.
var started = func() chan struct{} { c := make(chan struct{}); close(c); return c }()

// pipe is read in the background, so that a tracer never waits for the script.
type pipe struct {
	left   chan struct{} // closed when the reader has left
	isHead bool
	data   []byte
	err    error
}

func newPipe(isHead bool) (output, *os.File, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	p := &pipe{left: make(chan struct{}), isHead: isHead}
	go func() {
		defer close(p.left)
		if isHead {
			p.data, p.err = bufio.NewReader(r).ReadBytes('\n')
		} else {
			p.data, p.err = io.ReadAll(r)
		}
		p.err = errors.Join(p.err, r.Close())
	}()
	return p, w, nil
}

func (p *pipe) ready() <-chan struct{} {
	if p.isHead {
		return p.left
	}
	return started
}

func (p *pipe) text() ([]byte, error) {
	<-p.left
	return p.data, p.err
}

// disk is a file on a file system of its own, which no path leads to.
type disk struct{ file *os.File }

func newDisk() (output, *os.File, error) {
	root, err := mountDisk("64k")
	if err != nil {
		return nil, nil, err
	}
	defer unix.Close(root)
	fd, err := unix.Openat(root, "output", unix.O_RDWR|unix.O_CREAT|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, nil, os.NewSyscallError("openat", err)
	}
	written, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		unix.Close(fd)
		return nil, nil, os.NewSyscallError("fcntl", err)
	}
	return &disk{os.NewFile(uintptr(fd), "output")}, os.NewFile(uintptr(written), "output"), nil
}

// mountDisk makes a detached tmpfs of a size; it lasts as long as a descriptor of it or of
// its files (fsopen(2), Linux 5.2).
func mountDisk(size string) (int, error) {
	context, err := unix.Fsopen("tmpfs", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return -1, os.NewSyscallError("fsopen", err)
	}
	defer unix.Close(context)
	if err := unix.FsconfigSetString(context, "size", size); err != nil {
		return -1, os.NewSyscallError("fsconfig", err)
	}
	if err := unix.FsconfigCreate(context); err != nil {
		return -1, os.NewSyscallError("fsconfig", err)
	}
	root, err := unix.Fsmount(context, unix.FSMOUNT_CLOEXEC, 0)
	return root, os.NewSyscallError("fsmount", err)
}

func (d *disk) ready() <-chan struct{} { return started }

func (d *disk) text() ([]byte, error) {
	if _, err := d.file.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	data, err := io.ReadAll(d.file)
	return data, errors.Join(err, d.file.Close())
}
