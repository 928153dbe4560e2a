package recording

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"time"

	"github.com/ebgen/ebgen/runtime"
	"github.com/ebgen/ebgen/runtime/decode"
)

// Reader gives a recording again: it is a runtime.Source. Nothing in its file is trusted.
type Reader struct {
	in      *bufio.Reader
	head    Head
	names   Names
	entry   int // bytes of a table's entry, its key among them
	key     int // bytes of its key
	lost    uint64
	payload bytes.Buffer
	ended   *end
	failed  error // io.EOF when the end was read
}

// Open reads the head of a recording. Anything else gives an error that wraps ErrNone,
// ErrVersion, ErrDamaged or ErrCut.
func Open(in io.Reader) (*Reader, error) {
	r := &Reader{in: bufio.NewReaderSize(in, 64<<10), names: NewNames()}
	var start [len(magic)]byte
	if _, err := io.ReadFull(r.in, start[:]); errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, ErrNone
	} else if err != nil {
		return nil, err
	}
	switch last := len(magic) - 1; {
	case !bytes.Equal(start[:last], magic[:last]):
		return nil, ErrNone
	case start[last] != magic[last]:
		return nil, fmt.Errorf("%w: form %d, not %d", ErrVersion, start[last], magic[last])
	}
	k, err := r.next()
	if err != nil {
		return nil, err
	}
	if k != headChunk {
		return nil, fmt.Errorf("%w: it has no head", ErrDamaged)
	}
	if err := json.Unmarshal(r.payload.Bytes(), &r.head); err != nil {
		return nil, fmt.Errorf("%w: head: %v", ErrDamaged, err)
	}
	return r, r.check()
}

// check makes sure that records and entries have the sizes that later are relied on.
func (r *Reader) check() error {
	p := r.head.Plan
	switch {
	case p == nil:
		return fmt.Errorf("%w: it has no plan", ErrDamaged)
	case r.head.Order != nativeOrder():
		return fmt.Errorf("%w: its numbers are %s-endian, this machine's are %s-endian", ErrVersion, r.head.Order, nativeOrder())
	case p.Validate() != nil:
		return fmt.Errorf("%w: %w", ErrDamaged, p.Validate())
	case p.Record.Size < 0 || p.Record.Size > largestRecord:
		return fmt.Errorf("%w: a record of %d bytes", ErrDamaged, p.Record.Size)
	case p.Table == nil:
		return nil
	case p.Table.Map < 0 || p.Table.Map >= len(p.Maps):
		return fmt.Errorf("%w: its table has no map", ErrDamaged)
	}
	m := &p.Maps[p.Table.Map]
	if m.Key.Size < 0 || m.Key.Size > largestRecord || m.Value.Size < 1 || m.Value.Size > largestRecord {
		return fmt.Errorf("%w: entries of %d and %d bytes", ErrDamaged, m.Key.Size, m.Value.Size)
	}
	r.key, r.entry = m.Key.Size, m.Key.Size+m.Value.Size
	return nil
}

// Head says what was recorded.
func (r *Reader) Head() *Head { return &r.head }

// Env answers what rendering asks, as far as it was read.
func (r *Reader) Env() decode.Env { return r.names.Env() }

// Account is runtime.Source.Account.
func (r *Reader) Account() *runtime.Account {
	if r.ended == nil {
		if r.lost > 0 {
			return &runtime.Account{Unrecorded: r.lost}
		}
		return nil
	}
	a := r.ended.Account
	a.Unrecorded = max(a.Unrecorded, r.lost)
	return &a
}

// Now is the time of the run as far as it is known: when it began, and once all is read,
// when it ended.
func (r *Reader) Now() time.Time {
	if r.ended == nil {
		return r.head.Started
	}
	return r.ended.Ended
}

// Remarks are what was said beside the account.
func (r *Reader) Remarks() []string {
	if r.ended == nil {
		return nil
	}
	return r.ended.Remarks
}

// next reads a chunk into payload. Where the file ends without the last one, that is ErrCut.
func (r *Reader) next() (kind, error) {
	if r.failed != nil {
		return 0, r.failed
	}
	k, err := r.read()
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = ErrCut
	}
	r.failed = err
	return k, err
}

func (r *Reader) read() (kind, error) {
	var head [chunkHead]byte
	if _, err := io.ReadFull(r.in, head[:]); err != nil {
		return 0, err
	}
	length, sum := binary.LittleEndian.Uint32(head[:]), binary.LittleEndian.Uint32(head[4:])
	k := kind(head[8])
	if length > largestChunk || length > largestText && (k == headChunk || k == factsChunk || k == endChunk) {
		return 0, fmt.Errorf("%w: a chunk of %d bytes", ErrDamaged, length)
	}
	r.payload.Reset()
	if n, err := io.CopyN(&r.payload, r.in, int64(length)); err != nil || n < int64(length) {
		return 0, err
	}
	if crc32.Update(crc32.Checksum(head[8:], castagnoli), castagnoli, r.payload.Bytes()) != sum {
		return 0, fmt.Errorf("%w: the checksum of a chunk does not fit", ErrDamaged)
	}
	return k, nil
}

// follow reads chunks up to one of records or entries, or of a report.
func (r *Reader) follow() (kind, error) {
	for {
		k, err := r.next()
		if err != nil {
			return 0, err
		}
		payload := r.payload.Bytes()
		switch k {
		case recordsChunk, entriesChunk, reportChunk:
			return k, nil
		case factsChunk:
			var f Facts
			if err := json.Unmarshal(payload, &f); err != nil {
				return 0, r.damaged("names: %v", err)
			}
			for i := range f.Stacks {
				if n := len(f.Stacks[i].Frames); n > deepest {
					return 0, r.damaged("a stack of %d frames", n)
				}
			}
			r.names.Learn(&f)
		case lostChunk:
			if len(payload) != 8 {
				return 0, r.damaged("a gap of %d bytes", len(payload))
			}
			r.lost += binary.LittleEndian.Uint64(payload)
		case endChunk:
			r.ended = new(end)
			if err := json.Unmarshal(payload, r.ended); err != nil {
				r.ended = nil
				return 0, r.damaged("account: %v", err)
			}
			r.failed = io.EOF
		}
	}
}

func (r *Reader) damaged(format string, args ...any) error {
	r.failed = fmt.Errorf("%w: "+format, append([]any{ErrDamaged}, args...)...)
	return r.failed
}

// each takes a chunk of n things of a size apart.
func (r *Reader) each(size int, f func([]byte) error) (int, error) {
	payload := r.payload.Bytes()
	if len(payload) < 4 {
		return 0, r.damaged("a chunk of %d bytes", len(payload))
	}
	n, rest := uint64(binary.LittleEndian.Uint32(payload)), payload[4:]
	if n*uint64(size) != uint64(len(rest)) {
		return 0, r.damaged("%d of %d bytes in %d", n, size, len(rest))
	}
	for at := 0; at < len(rest); at += size {
		if err := f(rest[at : at+size : at+size]); err != nil {
			return at + size, err
		}
	}
	return len(rest), nil
}

// Records is runtime.Source.Records.
func (r *Reader) Records(take func(record []byte) error) (int, error) {
	k, err := r.follow()
	switch {
	case err != nil:
		return 0, err
	case k != recordsChunk || r.entry > 0:
		return 0, r.damaged("a chunk of kind %d among records", k)
	}
	return r.each(r.head.Plan.Record.Size, take)
}

// Report is runtime.Source.Report.
func (r *Reader) Report(add func(key, values []byte) error) (time.Time, error) {
	for {
		k, err := r.follow()
		if err != nil {
			return time.Time{}, err
		}
		switch payload := r.payload.Bytes(); {
		case k == entriesChunk && r.entry > 0:
			if _, err := r.each(r.entry, func(e []byte) error { return add(e[:r.key:r.key], e[r.key:]) }); err != nil {
				return time.Time{}, err
			}
		case k == reportChunk && len(payload) == 8:
			return time.Unix(0, int64(binary.LittleEndian.Uint64(payload))), nil
		default:
			return time.Time{}, r.damaged("a chunk of kind %d among reports", k)
		}
	}
}
