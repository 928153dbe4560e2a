package gen

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"

	"github.com/ebgen/ebgen/spec/plan"
)

// Inputs is what a bundle is made of, but for the compiler: a lookup must succeed on a
// machine that has none (docs/decisions/bundle-cache.md).
type Inputs struct {
	Name    string // base name of the spec: it stands in the object's line information
	Text    []byte // the spec
	Ebgen   string // BuildID
	Kernel  string // names the kernel types that the spec is checked against
	Arch    string // of the machine to trace, as GOARCH spells it
	Options string // of the command line, where they change the bundle
}

// Key is the address of a bundle in the cache.
type Key [sha256.Size]byte

// Key returns the address of the bundle made of these inputs. Each is hashed with its
// length, so that no two sets run together.
func (in Inputs) Key() Key {
	h := sha256.New()
	h.Write(entryMagic[:])
	for _, part := range []string{in.Name, string(in.Text), in.Ebgen, in.Kernel, in.Arch, in.Options} {
		h.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(part))))
		h.Write([]byte(part))
	}
	return sum(h)
}

// String returns the key in hexadecimal, the name of its entry.
func (k Key) String() string { return hex.EncodeToString(k[:]) }

func sum(h hash.Hash) (s [sha256.Size]byte) {
	h.Sum(s[:0])
	return s
}

// entryMagic opens a cache entry; its last byte is the version of the form.
var entryMagic = [8]byte{'e', 'b', 'g', 'e', 'n', 'C', 0, 1}

// errEntry is for an entry that is not what encodeEntry wrote for this key.
var errEntry = errors.New("damaged cache entry")

// encodeEntry stores a bundle under its key: magic, key, the SHA-256 of what follows, the
// compiler's identity after its length as a little endian u32, the bundle.
func encodeEntry(k Key, compiler string, b *plan.Bundle) ([]byte, error) {
	var body bytes.Buffer
	body.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(compiler))))
	body.WriteString(compiler)
	if err := b.Encode(&body); err != nil {
		return nil, err
	}
	digest := sha256.Sum256(body.Bytes())
	return bytes.Join([][]byte{entryMagic[:], k[:], digest[:], body.Bytes()}, nil), nil
}

// decodeEntry reads what encodeEntry wrote and returns the bundle and the identity of the
// compiler that made it.
func decodeEntry(k Key, data []byte) (b *plan.Bundle, compiler string, err error) {
	body, ok := bytes.CutPrefix(data, entryMagic[:])
	if !ok {
		return nil, "", fmt.Errorf("%w: it does not start as one of this version", errEntry)
	}
	if body, ok = bytes.CutPrefix(body, k[:]); !ok {
		return nil, "", fmt.Errorf("%w: it has another key", errEntry)
	}
	if len(body) < sha256.Size+4 {
		return nil, "", fmt.Errorf("%w: cut short", errEntry)
	}
	digest, body := body[:sha256.Size], body[sha256.Size:]
	if got := sha256.Sum256(body); !bytes.Equal(got[:], digest) {
		return nil, "", fmt.Errorf("%w: its checksum does not fit", errEntry)
	}
	size, body := binary.LittleEndian.Uint32(body), body[4:]
	if uint64(size) > uint64(len(body)) {
		return nil, "", fmt.Errorf("%w: cut short", errEntry)
	}
	b, err = plan.DecodeBundle(body[size:])
	return b, string(body[:size]), err
}
