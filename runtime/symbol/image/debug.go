package image

import (
	"bytes"
	"debug/elf"
	"encoding/hex"
	"errors"
	"hash/crc32"
	"io"
	"os"
	"path"

	"github.com/ulikunitz/xz"

	"github.com/ebgen/ebgen/spec/regular"
)

// separate is the file that holds what was stripped from an image.
type separate struct {
	file *os.File
	elf  *elf.File
}

// Close closes the file; a nil one is none.
func (s *separate) Close() error {
	if s == nil {
		return nil
	}
	return s.file.Close()
}

// debugDirectory is where distributions install the symbols of stripped files.
const debugDirectory = "/usr/lib/debug"

// findDebug opens the file with the symbols that were stripped from the image, nil for
// none: by build id, else by .gnu_debuglink (gdb's manual, "Debugging Information in
// Separate Files"). It must say that it belongs to the image, by its build id or, without
// one, by its checksum.
func (m *Image) findDebug() *separate {
	id := buildID(m.elf)
	if len(id) > 2 {
		if s := m.openDebug(path.Join(debugDirectory, ".build-id", id[:2], id[2:]+".debug"), id, 0); s != nil {
			return s
		}
	}
	link := contents(m.elf, ".gnu_debuglink")
	name, _, ended := bytes.Cut(link, []byte{0})
	sum := (len(name) + 1 + 3) &^ 3 // the name is padded to words
	base := path.Base(string(name))
	if !ended || len(link) < sum+4 || base == "." || base == "/" {
		return nil
	}
	crc := m.elf.ByteOrder.Uint32(link[sum:])
	dir := path.Dir(m.path)
	for _, one := range []string{path.Join(dir, base), path.Join(dir, ".debug", base), path.Join(debugDirectory, dir, base)} {
		if one == m.path {
			continue
		}
		if s := m.openDebug(one, id, crc); s != nil {
			return s
		}
	}
	return nil
}

// openDebug opens a file that has this build id or, when the image has none, this checksum.
func (m *Image) openDebug(path, id string, crc uint32) *separate {
	if m.open == nil {
		return nil
	}
	file, err := m.open(path)
	if err != nil {
		return nil
	}
	f, err := regular.ELF(file, largestRead)
	if err == nil && (id != "" && buildID(f) == id || id == "" && checksum(file) == crc) {
		return &separate{file, f}
	}
	_ = file.Close() // it was only looked at
	return nil
}

// checksum is what .gnu_debuglink has of a file, 0 when it cannot be read or is too large.
func checksum(file *os.File) uint32 {
	sum := crc32.NewIEEE()
	if n, err := io.Copy(sum, io.NewSectionReader(file, 0, largestRead+1)); err != nil || n > largestRead {
		return 0
	}
	return sum.Sum32()
}

// largestSection bounds what is read of a section at once, in bytes.
const largestSection = 96 << 20

// contents reads a section, nil when there is none or it is too large.
func contents(f *elf.File, name string) []byte {
	s := f.Section(name)
	if s == nil || s.Type == elf.SHT_NOBITS || s.Size > largestSection || s.FileSize > largestSection {
		return nil
	}
	data, err := s.Data()
	if err != nil {
		return nil
	}
	return data
}

// buildID returns a file's build id in hexadecimal, "" when it has none
// (.note.gnu.build-id, ld(1) --build-id).
func buildID(f *elf.File) string {
	note := contents(f, ".note.gnu.build-id")
	const header = 12 // elf(5), Nhdr: size of the name, of the description, type
	const owner = "GNU\x00"
	if len(note) < header+len(owner) || f.ByteOrder.Uint32(note) != uint32(len(owner)) || string(note[header:header+len(owner)]) != owner {
		return ""
	}
	id := note[header+len(owner):]
	if size := f.ByteOrder.Uint32(note[4:]); uint64(size) <= uint64(len(id)) {
		return hex.EncodeToString(id[:size])
	}
	return ""
}

// largestMini bounds the symbols in .gnu_debugdata, in bytes.
const largestMini = 64 << 20

// mini opens the symbols that Fedora leaves in its stripped files, compressed: those that
// .dynsym does not have (gdb's manual, "MiniDebugInfo").
func (m *Image) mini() *elf.File {
	packed := contents(m.elf, ".gnu_debugdata")
	if packed == nil {
		return nil
	}
	r, err := xz.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil
	}
	var plain bytes.Buffer
	if _, err := io.CopyN(&plain, r, largestMini); !errors.Is(err, io.EOF) {
		return nil
	}
	f, err := regular.ELF(bytes.NewReader(plain.Bytes()), largestRead)
	if err != nil {
		return nil
	}
	return f
}
