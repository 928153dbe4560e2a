// Package image knows the functions that a file of code names: an ELF program or library,
// and the perf map of a JIT. There is one file here for each source of names.
//
// In goes an open file and an offset in it, which is what a mapping of a process leads to;
// out come the frames that the code there belongs to. Names are read when the first one is
// asked for, and nothing in a file is trusted.
//
//	m := image.New(file, "/usr/bin/node", open)
//	frames = m.Append(frames, 0x772345, 1)
package image

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/ebgen/ebgen/runtime/stack"
	"github.com/ebgen/ebgen/spec/regular"
)

// Opener opens a file by its absolute path as the process that maps the image sees it.
type Opener func(path string) (*os.File, error)

// Image is one ELF file. It is safe for concurrent use.
type Image struct {
	path string
	open Opener
	file io.ReaderAt

	mu     sync.Mutex
	loaded bool
	err    error
	elf    *elf.File
	debug  *separate // nil for none
	symbols
	source *source // DWARF, nil for none
}

// largestRead bounds what is read of one file, in bytes: of a browser with debug information
// its symbols have about 100 MiB.
const largestRead = 512 << 20

// symbols is what the tables of an image say.
type symbols struct {
	table
	names map[int]string // that were asked for, demangled
	plt   map[uint64]string
}

// New makes an image of a file, which it reads but does not close. The path is by which
// the process knows it; open finds the files beside it that hold its symbols.
func New(file io.ReaderAt, path string, open Opener) *Image {
	return &Image{path: path, file: file, open: open}
}

// Append appends the frames of the code at an offset of the file, the innermost first, and
// none when it is in no function that has a name. A back of 1 is for the address behind a
// call: it is looked up by the byte before it. Module and Address are left to the caller.
func (m *Image) Append(dst []stack.Frame, offset uint64, back uint64) (frames []stack.Frame) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.load()
	defer func() {
		if broken := recover(); broken != nil { // debug/dwarf trusts some numbers
			m.source, m.err, frames = nil, fmt.Errorf("%s: %v", m.path, broken), dst
		}
	}()
	if m.elf == nil {
		return dst
	}
	addr, ok := m.address(offset - back)
	if !ok {
		return dst
	}
	outer := stack.Frame{}
	i, returned := m.find(addr), false
	if behind := m.find(addr + back); back > 0 && (behind < 0 || behind != i) {
		switch {
		case m.trampoline(offset):
			i, addr, back, returned = behind, addr+back, 0, true
		case behind != i && !m.behindCall(offset):
			return dst // a pointer to a function that code without frame pointers has left there
		}
	}
	if i >= 0 {
		outer.Name, outer.Offset = m.called(i), addr+back-m.entries[i].start
	} else if returned {
		outer.Name = restorer
	} else if name, ok := m.stub(addr); ok {
		outer.Name = name
	}
	if m.source == nil {
		if outer.Name == "" {
			return dst
		}
		return append(dst, outer)
	}
	return m.source.append(dst, addr, back, outer)
}

// Err says why a file has no names that should have some.
func (m *Image) Err() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.err
}

// IsELF reports whether the file is an ELF file; one that is not may hold the code of a
// JIT.
func (m *Image) IsELF() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.load()
	return m.elf != nil
}

// Weight is about how many bytes the image holds.
func (m *Image) Weight() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.loaded {
		return 0
	}
	const name = 128
	n := m.weight() + len(m.names)*name
	if m.source != nil {
		n += m.source.weight
	}
	return n
}

// Unload gives back what was read. It is read again when it is asked for.
func (m *Image) Unload() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	err := m.debug.Close()
	m.loaded, m.elf, m.debug, m.symbols, m.source = false, nil, nil, symbols{}, nil
	return err
}

// load reads what names the functions. What is broken is left out: the reason is kept.
func (m *Image) load() {
	if m.loaded {
		return
	}
	m.loaded, m.err = true, nil
	defer func() {
		if broken := recover(); broken != nil { // debug/elf trusts some numbers
			m.elf, m.symbols, m.source = nil, symbols{}, nil
			m.err = fmt.Errorf("%s: %v", m.path, broken)
		}
	}()
	m.names = map[int]string{}
	f, err := regular.ELF(m.file, largestRead)
	if errors.Is(err, regular.ErrTooLarge) {
		m.err = fmt.Errorf("%s: %w", m.path, err)
	}
	if err != nil {
		return // or code that is no ELF file
	}
	m.elf = f
	m.err = m.read()
}

// read reads the symbols of the file itself, else those that were taken from it, else
// those that no strip takes.
func (m *Image) read() error {
	defer m.symbols.table.build(better)
	if m.elf.Section(".symtab") == nil || m.elf.Section(".debug_info") == nil {
		m.debug = m.findDebug()
	}
	m.source = m.findSource()
	if m.elf.Section(".symtab") != nil {
		return m.symtab(m.elf, elf.SHT_SYMTAB)
	}
	if m.debug != nil && m.debug.elf.Section(".symtab") != nil {
		return m.symtab(m.debug.elf, elf.SHT_SYMTAB)
	}
	if m.goTable() {
		return nil
	}
	if err := m.symtab(m.elf, elf.SHT_DYNSYM); err != nil {
		return err
	}
	if mini := m.mini(); mini != nil {
		return m.symtab(mini, elf.SHT_SYMTAB)
	}
	return nil
}

// address returns the file's own address of an offset, by the segment that is mapped from
// there; of several the one of code.
func (m *Image) address(offset uint64) (addr uint64, ok bool) {
	for _, p := range m.elf.Progs {
		if p.Type != elf.PT_LOAD || offset < p.Off || offset-p.Off >= p.Filesz {
			continue
		}
		addr, ok = offset-p.Off+p.Vaddr, true
		if p.Flags&elf.PF_X != 0 {
			break
		}
	}
	return addr, ok
}

// returning is how the code that a signal handler returns to begins: it calls
// rt_sigreturn. Nothing has called that code, so that what precedes it is another function
// (gdb, libgcc and libunwind know it by the same bytes).
var returning = map[elf.Machine][]byte{
	elf.EM_X86_64:  {0x48, 0xc7, 0xc0, 15, 0, 0, 0, 0x0f, 0x05}, // mov $15,%rax; syscall
	elf.EM_AARCH64: {0x68, 0x11, 0x80, 0xd2, 1, 0, 0, 0xd4},     // mov x8,#139; svc #0
}

// restorer is what C libraries call that code, which they do not name in files that were
// stripped.
const restorer = "__restore_rt"

func (m *Image) trampoline(offset uint64) bool {
	want := returning[m.elf.Machine]
	if want == nil {
		return false
	}
	var got [16]byte
	n, _ := m.file.ReadAt(got[:len(want)], int64(offset))
	return bytes.Equal(got[:n], want)
}

// called is the name of a function, of several at its address the preferred one.
func (m *Image) called(i int) string {
	if name, ok := m.names[i]; ok {
		return name
	}
	first := m.entries[i]
	best := m.name(i)
	for j := i + 1; j < len(m.entries); j++ {
		e := &m.entries[j]
		if e.start != first.start || e.order != first.order {
			break
		}
		if name := m.name(j); name != "" && (best == "" || preferred(name, best)) {
			best = name
		}
	}
	name := sourceName(best)
	m.names[i] = name
	return name
}
