package process

import (
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ebgen/ebgen/runtime/stack"
	"github.com/ebgen/ebgen/runtime/symbol/image"
)

// perfMap is the perf map of one process. Its file outlives the process and is kept open.
type perfMap struct {
	file *os.File

	mu    sync.Mutex
	names *image.PerfMap // nil when it is to be read
	size  int64          // of the file when it was read
	read  time.Time
	took  time.Duration // to read it
}

// findPerfMap opens the perf map of a process when there is one by now: in /tmp of its own
// root, named for its pid there. Many may write there: only one that belongs to a user of
// the process or to root is believed. The space is locked.
func (t *Table) findPerfMap(s *space) {
	if s.jit != nil || s.root == nil {
		return
	}
	file, err := s.root.regular(fmt.Sprintf("tmp/perf-%d.map", s.names.inner), false)
	if err != nil {
		return
	}
	var stat unix.Stat_t
	err = unix.Fstat(int(file.Fd()), &stat)
	if err == nil && (stat.Uid == 0 || slices.Contains(s.names.users, stat.Uid)) && t.keep() {
		s.jit = &perfMap{file: file}
		return
	}
	_ = file.Close() // nothing was written
}

// jitted appends the function of a JIT at an address of a process, when it says so.
func (t *Table) jitted(dst []stack.Frame, s *space, addr, back uint64) []stack.Frame {
	s.mu.Lock()
	t.findPerfMap(s)
	jit := s.jit
	s.mu.Unlock()
	if jit == nil {
		return dst
	}
	begin := len(dst)
	dst = jit.append(dst, addr-back)
	t.shelf.used(jit)
	for i := begin; i < len(dst); i++ {
		dst[i].Offset += back
	}
	return dst
}

// pause is how many times as long as reading it has taken a perf map that has grown is left
// alone: a large one would be read all the time.
const pause = 10

// append appends the function of a JIT at an address, when the map has one by now.
func (p *perfMap) append(dst []stack.Frame, addr uint64) []stack.Frame {
	p.mu.Lock()
	defer p.mu.Unlock()
	before := len(dst)
	if p.names != nil {
		if dst = p.names.Append(dst, addr); len(dst) > before {
			return dst
		}
	}
	info, err := p.file.Stat()
	if err != nil || p.names != nil && (info.Size() == p.size || time.Since(p.read) < pause*p.took) {
		return dst
	}
	began := time.Now()
	names, err := image.ReadPerfMap(io.NewSectionReader(p.file, 0, info.Size()))
	if err != nil {
		return dst
	}
	p.names, p.size, p.read, p.took = names, info.Size(), time.Now(), time.Since(began)
	return names.Append(dst, addr)
}

// Weight is about how many bytes are held.
func (p *perfMap) Weight() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.names == nil {
		return 0
	}
	return p.names.Weight()
}

// Unload gives the names back.
func (p *perfMap) Unload() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.names = nil
	return nil
}
