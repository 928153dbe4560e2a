// Package binary reads what ELF files of user space tell a tracer: where a function
// lies, and where and how a program says that a USDT probe has been reached.
//
// In goes a name as a spec writes it; out come file offsets, which is what the kernel
// attaches to. Files are read, never run, and nothing in them is trusted.
//
//	path, err := binary.Find("libc", 0)
//	f, err := binary.Open(path)
//	functions, err := f.Functions("malloc")
package binary

import (
	"bytes"
	"debug/elf"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"

	"github.com/ebgen/ebgen/spec/regular"
)

// Bounds of what is read of a file, in bytes: the symbol table of a browser with debug
// information has about 100 MiB.
const (
	largestSection = 1 << 30
	largestTable   = 256 << 20 // of symbols, which take thrice as much when they are read
	largestRead    = 2 << 30   // all together
)

// File is one open ELF file. Its methods are not for several goroutines at once.
type File struct {
	path  string
	file  *os.File
	elf   *elf.File
	names []Function // by address, once they are read
	read  bool
}

// Open opens an ELF file of 64 bits.
func Open(path string) (*File, error) {
	file, err := regular.Open(path)
	if err != nil {
		return nil, err
	}
	f, err := regular.ELF(file, largestRead)
	if errors.Is(err, regular.ErrTooLarge) {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), file.Close())
	}
	if err != nil {
		return nil, errors.Join(notELF(path, file), file.Close())
	}
	if f.Class != elf.ELFCLASS64 || f.Type != elf.ET_EXEC && f.Type != elf.ET_DYN {
		return nil, errors.Join(fmt.Errorf("%s is no program or library of 64 bits", path), file.Close())
	}
	return &File{path: path, file: file, elf: f}, nil
}

// notELF says what a file is that is no ELF file.
func notELF(path string, file *os.File) error {
	head := make([]byte, 128)
	n, err := file.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if line, _, _ := bytes.Cut(head[:n], []byte("\n")); bytes.HasPrefix(line, []byte("#!")) {
		return fmt.Errorf("%s is a script (%q), not an ELF file: name the program that runs it by its path", path, line)
	}
	return fmt.Errorf("%s is not an ELF file", path)
}

// Close closes the file.
func (f *File) Close() error { return f.file.Close() }

// Path is the path that the file was opened by.
func (f *File) Path() string { return f.path }

// Machine is the architecture that the file's code is for.
func (f *File) Machine() elf.Machine { return f.elf.Machine }

// Go reports whether Go's linker has made the file: it holds a build's description or the
// table of functions that the Go runtime reads.
func (f *File) Go() bool {
	return f.elf.Section(".go.buildinfo") != nil || f.elf.Section(".gopclntab") != nil
}

// BuildID returns the file's build id in hexadecimal, "" when it has none
// (.note.gnu.build-id, ld(1) --build-id).
func (f *File) BuildID() string {
	id := ""
	f.notes(".note.gnu.build-id", func(name string, kind uint32, desc []byte) {
		const gnuBuildID = 3 // NT_GNU_BUILD_ID, elf.h
		if name == "GNU" && kind == gnuBuildID {
			id = hex.EncodeToString(desc)
		}
	})
	return id
}

// data returns the bytes of a section, nil when there is none.
func (f *File) data(name string) ([]byte, error) {
	s := f.elf.Section(name)
	if s == nil || s.Type == elf.SHT_NOBITS {
		return nil, nil
	}
	if s.Size > largestSection || s.FileSize > largestSection {
		return nil, fmt.Errorf("%s: section %s has %d bytes", f.path, name, s.Size)
	}
	return s.Data()
}

// symbolTables are the two tables of an ELF file, of which either may be missing.
var symbolTables = []struct {
	kind elf.SectionType
	read func(*elf.File) ([]elf.Symbol, error)
}{{elf.SHT_DYNSYM, (*elf.File).DynamicSymbols}, {elf.SHT_SYMTAB, (*elf.File).Symbols}}

// symbolsOf reads the symbols of all tables.
func symbolsOf(from *elf.File) (all []elf.Symbol, err error) {
	for _, table := range symbolTables {
		if s := from.SectionByType(table.kind); s != nil && s.Size > largestTable {
			return nil, fmt.Errorf("section %s has %d bytes", s.Name, s.Size)
		}
		symbols, err := table.read(from)
		if err != nil && !errors.Is(err, elf.ErrNoSymbols) {
			return nil, err
		}
		all = append(all, symbols...)
	}
	return all, nil
}

// notes calls visit for each note of a section (elf(5), Nhdr). A note that is cut off ends
// them.
func (f *File) notes(section string, visit func(name string, kind uint32, desc []byte)) {
	d, err := f.data(section)
	if err != nil {
		return
	}
	const header = 12 // three words: size of the name, of the description, type
	padded := func(n uint64) uint64 { return (n + 3) &^ 3 }
	for len(d) >= header {
		nameSize, descSize := uint64(f.elf.ByteOrder.Uint32(d)), uint64(f.elf.ByteOrder.Uint32(d[4:]))
		kind := f.elf.ByteOrder.Uint32(d[8:])
		d = d[header:]
		if padded(nameSize)+descSize > uint64(len(d)) {
			return
		}
		name, _, _ := bytes.Cut(d[:nameSize], []byte{0})
		d = d[padded(nameSize):]
		visit(string(name), kind, d[:descSize])
		d = d[min(padded(descSize), uint64(len(d))):]
	}
}

// offset returns where an address of the file's own lies in the file, by its segments.
func (f *File) offset(address uint64) (uint64, bool) {
	for _, p := range f.elf.Progs {
		if p.Type == elf.PT_LOAD && p.Vaddr <= address && address-p.Vaddr < p.Filesz {
			return address - p.Vaddr + p.Off, true
		}
	}
	return 0, false
}

// executable reports whether an offset of the file is mapped as code, and its address.
func (f *File) executable(offset uint64) (address uint64, ok bool) {
	for _, p := range f.elf.Progs {
		if p.Type == elf.PT_LOAD && p.Flags&elf.PF_X != 0 && p.Off <= offset && offset-p.Off < p.Filesz {
			return offset - p.Off + p.Vaddr, true
		}
	}
	return 0, false
}

// debugDirectory is where distributions install the symbols of stripped files.
const debugDirectory = "/usr/lib/debug"

// debugFile opens the file that holds the symbols stripped from f, or nil: by build id,
// else by .gnu_debuglink (gdb's manual, "Debugging Information in Separate Files"). It must
// say that it belongs to f, by its build id or, where f has none, by its checksum: in one of
// another build functions begin where here are the middles of instructions.
func (f *File) debugFile() *File {
	var candidates []string
	id := f.BuildID()
	if len(id) > 2 {
		candidates = append(candidates, filepath.Join(debugDirectory, ".build-id", id[:2], id[2:]+".debug"))
	}
	link, err := f.data(".gnu_debuglink")
	name, _, _ := bytes.Cut(link, []byte{0})
	sum := (len(name) + 1 + 3) &^ 3 // the name is padded to words
	if base := filepath.Base(string(name)); err == nil && len(link) >= sum+4 && base != "." && base != "/" {
		dir := filepath.Dir(f.path)
		candidates = append(candidates, filepath.Join(dir, base), filepath.Join(dir, ".debug", base), filepath.Join(debugDirectory, dir, base))
	}
	for _, path := range candidates {
		if path == f.path {
			continue
		}
		d, err := Open(path)
		if err != nil {
			continue
		}
		if id != "" && d.BuildID() == id || id == "" && d.checksum() == f.elf.ByteOrder.Uint32(link[sum:]) {
			return d
		}
		_ = d.Close() // it was only looked at
	}
	return nil
}

// checksum is what .gnu_debuglink has of a file, 0 when it cannot be read or is too large.
func (f *File) checksum() uint32 {
	sum := crc32.NewIEEE()
	if n, err := io.Copy(sum, io.NewSectionReader(f.file, 0, largestRead+1)); err != nil || n > largestRead {
		return 0
	}
	return sum.Sum32()
}
