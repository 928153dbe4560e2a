package plan

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// Bundle is a compiled tracer: its plan and the object that clang made of the plan's C.
type Bundle struct {
	Plan   *Plan
	Source string // the generated C, for -v and for readers of an object
	Object []byte // ELF, EM_BPF
	Exact  []Exact
}

// Exact is what a bundle knows of one kernel that it was made for, so that it starts there
// without that kernel's types being read.
type Exact struct {
	Kernel    string            // id of its types, as Origin.ID
	Types     []byte            // BTF: the members that are read, where that kernel has them
	Functions map[string]uint32 // numbers of the kernel functions that are called, in that kernel's BTF
}

// Knows adds what is exact of one kernel, unless that is nil.
func (b *Bundle) Knows(e *Exact) {
	if e != nil {
		b.Exact = append(b.Exact, *e)
	}
}

// magic opens a stored bundle; its last byte is the version of the container.
var magic = [8]byte{'e', 'b', 'g', 'e', 'n', 'B', 0, 2}

// ErrDamaged is returned for a stored bundle that is cut short or altered.
var ErrDamaged = errors.New("damaged bundle")

// Encode stores a bundle: magic, then plan (JSON), C, object and what is exact (JSON), each as a little
// endian u32 length and its bytes, then the CRC-32 (IEEE) of all before it. Equal
// bundles give equal bytes.
func (b *Bundle) Encode(w io.Writer) error {
	text, err := json.Marshal(b.Plan)
	if err != nil {
		return fmt.Errorf("encode plan: %w", err)
	}
	exact, err := json.Marshal(b.Exact)
	if err != nil {
		return fmt.Errorf("encode what is exact: %w", err)
	}
	var out bytes.Buffer
	out.Write(magic[:])
	for _, part := range [][]byte{text, []byte(b.Source), b.Object, exact} {
		out.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(part))))
		out.Write(part)
	}
	out.Write(binary.LittleEndian.AppendUint32(nil, crc32.ChecksumIEEE(out.Bytes())))
	_, err = w.Write(out.Bytes())
	return err
}

// DecodeBundle reads what Encode wrote. Anything else gives an error that wraps
// ErrDamaged; a bundle of another version of the plan says so.
func DecodeBundle(data []byte) (*Bundle, error) {
	if !bytes.HasPrefix(data, magic[:]) {
		return nil, fmt.Errorf("%w: it does not start as a bundle of this version does", ErrDamaged)
	}
	if len(data) < len(magic)+4 {
		return nil, fmt.Errorf("%w: cut short", ErrDamaged)
	}
	body, sum := data[:len(data)-4], binary.LittleEndian.Uint32(data[len(data)-4:])
	if crc32.ChecksumIEEE(body) != sum {
		return nil, fmt.Errorf("%w: its checksum does not fit", ErrDamaged)
	}
	rest := body[len(magic):]
	var parts [4][]byte
	for i := range parts {
		if len(rest) < 4 || uint64(len(rest)-4) < uint64(binary.LittleEndian.Uint32(rest)) {
			return nil, fmt.Errorf("%w: cut short", ErrDamaged)
		}
		n := binary.LittleEndian.Uint32(rest)
		parts[i], rest = rest[4:4+n], rest[4+n:]
	}
	if len(parts[0]) > largestPlan || len(parts[3]) > largestPlan {
		return nil, fmt.Errorf("%w: a plan of %d and what is exact of %d bytes", ErrDamaged, len(parts[0]), len(parts[3]))
	}
	p := new(Plan)
	if err := json.Unmarshal(parts[0], p); err != nil {
		return nil, fmt.Errorf("%w: plan: %v", ErrDamaged, err)
	}
	if p.Version != Version {
		return nil, fmt.Errorf("bundle holds a plan of version %d, this ebgen reads version %d: build it again", p.Version, Version)
	}
	if err := p.Validate(); err != nil {
		return nil, err
	}
	b := &Bundle{Plan: p, Source: string(parts[1]), Object: parts[2]}
	if err := json.Unmarshal(parts[3], &b.Exact); err != nil {
		return nil, fmt.Errorf("%w: what is exact: %v", ErrDamaged, err)
	}
	return b, nil
}
