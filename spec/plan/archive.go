package plan

import (
	"bytes"
	"compress/flate"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
)

// Archive holds compiled tracers: those of a catalogue, and of each as many as the kernels
// that it is for need.
//
//	magic, u64 length of the index, index (JSON), then each bundle, compressed
//
// all numbers little endian. An executable carries an archive behind its own end: the
// archive, its length as a u64, and trailer. Equal tracers give equal bytes.
type Archive struct {
	r       io.ReaderAt
	entries []Entry
}

// Entry is one tracer in an archive.
type Entry struct {
	Name, Description string
	Arch              string
	Spec              string   // SHA-256 of the text that it was compiled from, in hex
	Kernels           []Origin // that it was compiled for
	Offset, Size      int64    // of its bytes in the archive
}

// Origin is a kernel that a tracer was compiled for.
type Origin struct {
	Release string
	ID      string // of its types, as ktype.Kernel.ID gives it
}

// MadeFor reports whether a tracer was compiled for just the kernel of that id.
func (e *Entry) MadeFor(arch, id string) bool {
	return e.Arch == arch && id != "" && slices.ContainsFunc(e.Kernels, func(k Origin) bool { return k.ID == id })
}

// Compiled is one tracer that is put into an archive.
type Compiled struct {
	Bundle  *Bundle
	Spec    []byte // the text of the spec
	Kernels []Origin
}

// SpecSum names the text of a spec, as Entry.Spec does.
func SpecSum(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// The first bytes of an archive, and the last of an executable that carries one; the last
// byte of each is the version of the form.
var (
	archiveMagic = [8]byte{'e', 'b', 'g', 'e', 'n', 'A', 0, 1}
	trailer      = [8]byte{'e', 'b', 'g', 'e', 'n', 'X', 0, 1}
)

const (
	archiveHead   = int64(len(archiveMagic) + 8)
	largestIndex  = 16 << 20 // bytes; a tracer takes a few hundred
	largestBundle = 64 << 20 // bytes of one, once decompressed
)

// IsArchive reports whether data starts as an archive does.
func IsArchive(data []byte) bool { return bytes.HasPrefix(data, archiveMagic[:7]) }

// WriteArchive writes an archive of tracers, in their order.
func WriteArchive(w io.Writer, members []Compiled) error {
	var entries []Entry
	var blobs bytes.Buffer
	for _, m := range members {
		start := blobs.Len()
		z, err := flate.NewWriter(&blobs, flate.BestCompression)
		if err != nil {
			return err
		}
		if err := errors.Join(m.Bundle.Encode(z), z.Close()); err != nil {
			return err
		}
		p := m.Bundle.Plan
		entries = append(entries, Entry{Name: p.Name, Description: p.Description, Arch: p.Arch, Spec: SpecSum(m.Spec), Kernels: m.Kernels,
			Offset: int64(start), Size: int64(blobs.Len() - start)})
	}
	// Offsets are from the end of the index, which has them in it.
	index, err := json.Marshal(entries)
	if err != nil {
		return err
	}
	head := binary.LittleEndian.AppendUint64(archiveMagic[:], uint64(len(index)))
	for _, part := range [][]byte{head, index, blobs.Bytes()} {
		if _, err := w.Write(part); err != nil {
			return err
		}
	}
	return nil
}

// OpenArchive reads the index of an archive of size bytes. Anything else gives an error
// that wraps ErrDamaged.
func OpenArchive(r io.ReaderAt, size int64) (*Archive, error) {
	head := make([]byte, archiveHead)
	if _, err := r.ReadAt(head, 0); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrDamaged, err)
	}
	if !bytes.HasPrefix(head, archiveMagic[:]) {
		return nil, fmt.Errorf("%w: it does not start as an archive of this version does", ErrDamaged)
	}
	length := binary.LittleEndian.Uint64(head[len(archiveMagic):])
	if length > largestIndex || int64(length) > size-archiveHead {
		return nil, fmt.Errorf("%w: cut short", ErrDamaged)
	}
	index := make([]byte, length)
	if _, err := r.ReadAt(index, archiveHead); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrDamaged, err)
	}
	a := &Archive{r: r}
	if err := json.Unmarshal(index, &a.entries); err != nil {
		return nil, fmt.Errorf("%w: index: %v", ErrDamaged, err)
	}
	for i := range a.entries {
		e := &a.entries[i]
		e.Offset += archiveHead + int64(length)
		if e.Size < 0 || e.Offset < archiveHead || e.Offset > size-e.Size {
			return nil, fmt.Errorf("%w: cut short", ErrDamaged)
		}
	}
	return a, nil
}

// Entries lists the tracers.
func (a *Archive) Entries() []Entry { return slices.Clone(a.entries) }

// Bundle reads one tracer.
func (a *Archive) Bundle(e Entry) (*Bundle, error) {
	z := flate.NewReader(io.NewSectionReader(a.r, e.Offset, e.Size))
	data, err := io.ReadAll(io.LimitReader(z, largestBundle+1))
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrDamaged, err)
	}
	if len(data) > largestBundle {
		return nil, fmt.Errorf("%w: %s is larger than %d MiB", ErrDamaged, e.Name, largestBundle>>20)
	}
	return DecodeBundle(data)
}

// Carry writes an executable that carries an archive: the program, which looks for it
// with Carried, and the archive behind it.
func Carry(w io.Writer, program []byte, members []Compiled) error {
	var archive bytes.Buffer
	if err := WriteArchive(&archive, members); err != nil {
		return err
	}
	size := uint64(archive.Len())
	for _, part := range [][]byte{program, archive.Bytes(), binary.LittleEndian.AppendUint64(nil, size), trailer[:]} {
		if _, err := w.Write(part); err != nil {
			return err
		}
	}
	return nil
}

// ErrNoArchive says that an executable carries no archive.
var ErrNoArchive = errors.New("the executable carries no tracer")

// Carried opens the archive that an executable of size bytes carries.
func Carried(r io.ReaderAt, size int64) (*Archive, error) {
	end := make([]byte, 8+len(trailer))
	if _, err := r.ReadAt(end, size-int64(len(end))); err != nil || !bytes.HasSuffix(end, trailer[:]) {
		return nil, ErrNoArchive
	}
	length := binary.LittleEndian.Uint64(end)
	if length > uint64(size)-uint64(len(end)) {
		return nil, fmt.Errorf("%w: cut short", ErrDamaged)
	}
	start := size - int64(len(end)) - int64(length)
	return OpenArchive(io.NewSectionReader(r, start, int64(length)), int64(length))
}
