package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
)

// portName is the name of the virtio-serial port that carries the frames.
const portName = "ebgen.vm"

// The guest speaks in frames and the host only listens: one byte of kind, a little
// endian u32 length, and so many bytes. One stream for all of them keeps the order in
// which things were written, and makes the last frame prove that none is missing.
type frameKind byte

const (
	frameStarted frameKind = iota + 1 // the program was started; no payload
	frameStdout                       // bytes of the program's standard output
	frameStderr                       // bytes of its standard error
	frameOut                          // u32 index of an --out file, then bytes of it
	frameExited                       // u32 wait status, as wait(2) gives it; the last frame
	frameFailed                       // why the program could not be run; the last frame
)

// maxPayload bounds a frame, so that a damaged length cannot ask for gigabytes. It is
// the capacity of a pipe (pipe(7)): a full pipe is one frame.
const maxPayload = 64 << 10

var errDamagedFrame = errors.New("damaged frame from the guest")

// frameWriter writes frames; it is safe for concurrent use.
type frameWriter struct {
	mu sync.Mutex
	w  io.Writer
}

// send writes one frame with parts as its payload.
func (f *frameWriter) send(kind frameKind, parts ...[]byte) error {
	frame := make([]byte, 5, 5+maxPayload)
	frame[0] = byte(kind)
	for _, p := range parts {
		frame = append(frame, p...)
	}
	binary.LittleEndian.PutUint32(frame[1:], uint32(len(frame)-5))
	f.mu.Lock()
	defer f.mu.Unlock()
	_, err := f.w.Write(frame)
	return err
}

// copyFrom sends everything r has, each frame's payload beginning with prefix. An empty
// r is one empty frame: it is there, and it has nothing.
func (f *frameWriter) copyFrom(r io.Reader, kind frameKind, prefix ...byte) error {
	buf := make([]byte, maxPayload-len(prefix))
	for first := true; ; first = false {
		n, err := r.Read(buf)
		if n > 0 || first {
			if err := f.send(kind, prefix, buf[:n]); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// frameReader reads what a frameWriter wrote.
type frameReader struct {
	r       *bufio.Reader
	payload []byte
}

func newFrameReader(r io.Reader) *frameReader {
	return &frameReader{bufio.NewReaderSize(r, 5+maxPayload), make([]byte, maxPayload)}
}

// next returns the next frame; its payload is valid until the next call. A stream that
// ends between frames gives io.EOF, one that ends inside a frame io.ErrUnexpectedEOF,
// and what no frameWriter writes errDamagedFrame.
func (f *frameReader) next() (frameKind, []byte, error) {
	var head [5]byte
	if _, err := io.ReadFull(f.r, head[:]); err != nil {
		return 0, nil, err
	}
	kind, size := frameKind(head[0]), binary.LittleEndian.Uint32(head[1:])
	if kind < frameStarted || kind > frameFailed || size > maxPayload {
		return 0, nil, fmt.Errorf("%w: kind %d, %d bytes", errDamagedFrame, kind, size)
	}
	if (kind == frameOut && size < 4) || (kind == frameExited && size != 4) {
		return 0, nil, fmt.Errorf("%w: kind %d needs its number", errDamagedFrame, kind)
	}
	payload := f.payload[:size]
	if _, err := io.ReadFull(f.r, payload); err != nil {
		return 0, nil, io.ErrUnexpectedEOF
	}
	return kind, payload, nil
}

// job is what the guest is to do, kept as JSON at jobPath inside the initramfs.
type job struct {
	Args    []string
	Env     []string
	Dir     string
	Base    []module // loaded first: what the port to the host needs
	Modules []module // asked for with --modules, dependencies first
	Out     []string // files to send back once the program has ended
}

const jobPath = "/etc/vm.json"
