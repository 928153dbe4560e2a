// Package process names the code of processes, also of those that have ended by the time
// their names are asked for.
//
// In go the spaces whose stacks were taken, at once, and addresses in them, at any time;
// out come frames. What names the code of a process is looked at while it lives: its
// mappings are read and their files kept open. What the files say is read when the first
// name is asked for. docs/decisions/frames.md says what is read when.
//
//	t := process.NewTable()
//	defer t.Close()
//	t.Met(space, stack.Space{})
//	frames = t.Frames(frames, space, 0x7f12345678, false)
package process

import (
	"bytes"
	"errors"
	"fmt"
	"hash/maphash"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ebgen/ebgen/runtime/stack"
	"github.com/ebgen/ebgen/runtime/symbol/image"
)

// Table is the processes of one run: stack.Users. It is safe for concurrent use.
type Table struct {
	limits
	shelf shelf
	seed  maphash.Seed

	mu      sync.Mutex
	spaces  map[stack.Space]*space
	order   []stack.Space          // as they were met
	latest  map[stack.Space]*space // by space with an Exec of 0: the last one of a process
	files   map[origin]*file
	roots   map[rootKey]*handle
	kept    int // descriptors
	crowded int // files that were not kept open
	early   int // spaces that nothing could be read of

	revisits chan *space
	closing  chan struct{}
	closed   sync.WaitGroup
	begin    sync.Once
}

// file is one file that has been mapped.
type file struct {
	*image.Image
	file *os.File // nil for vdso
}

// rootKey says that roots are one directory.
type rootKey struct {
	namespace     string // of mounts
	device, inode uint64
}

// NewTable reads nothing yet. Close it when nobody asks for frames any more.
func NewTable() *Table {
	l := usual()
	return &Table{
		limits: l, shelf: shelf{limit: l.bytes, held: map[holder]use{}}, seed: maphash.MakeSeed(),
		spaces: map[stack.Space]*space{}, latest: map[stack.Space]*space{},
		files: map[origin]*file{}, roots: map[rootKey]*handle{},
		revisits: make(chan *space, 1024), closing: make(chan struct{}),
	}
}

// Met looks at a process whose stack was taken, and at the parent whose mappings it has a copy of.
func (t *Table) Met(key, parent stack.Space) {
	s := t.space(key)
	if parent == (stack.Space{}) {
		return
	}
	from := t.space(parent)
	s.mu.Lock()
	s.parent = from
	s.mu.Unlock()
}

// space returns what is known of a space, which is looked at when it is new.
func (t *Table) space(key stack.Space) *space {
	t.mu.Lock()
	s := t.spaces[key]
	if s != nil {
		t.mu.Unlock()
		return s
	}
	s = &space{Space: key}
	s.mu.Lock()
	defer s.mu.Unlock()
	process := key
	process.Exec = 0
	before := t.latest[process]
	t.spaces[key] = s
	if s.gone = before != nil && before.Exec > s.Exec; !s.gone { // exec has taken its mappings
		t.latest[process] = s
	}
	t.order = append(t.order, key)
	forgotten := t.overflow()
	t.mu.Unlock()

	t.forget(forgotten)
	t.visit(s)
	if before != nil && before.Exec < s.Exec {
		before.replacedBy(s)
	}
	if !s.gone {
		t.begin.Do(func() { t.closed.Go(t.revisit) })
		select {
		case t.revisits <- s:
		default: // too many at once: it is looked at when an address is in no mapping
		}
	}
	return s
}

// replacedBy is told of the space that exec made of the process. What was read after that
// is not of this one. The other space is locked, and was looked at.
func (s *space) replacedBy(by *space) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gone = true
	if s.mark == by.mark {
		s.code = nil
	}
}

// overflow takes the spaces out that were met first, when there are too many. The table is
// locked.
func (t *Table) overflow() (forgotten []*space) {
	for len(t.spaces) > t.limits.spaces {
		key := t.order[0]
		t.order = t.order[1:]
		s := t.spaces[key]
		forgotten = append(forgotten, s)
		delete(t.spaces, key)
		key.Exec = 0
		if t.latest[key] == s {
			delete(t.latest, key)
		}
	}
	return forgotten
}

func (t *Table) forget(spaces []*space) {
	for _, s := range spaces {
		s.mu.Lock()
		s.gone = true
		jit := s.jit
		s.jit, s.root = nil, nil
		s.mu.Unlock()
		if jit == nil {
			continue
		}
		t.shelf.drop(jit)
		_ = jit.file.Close() // it was only read
		t.mu.Lock()
		t.kept--
		t.mu.Unlock()
	}
}

// delays are when the mappings of a process are looked at again after it was met: it may
// have loaded libraries since, and end before an address of theirs is asked for.
var delays = []time.Duration{50 * time.Millisecond, 200 * time.Millisecond, time.Second, 5 * time.Second}

// revisit looks at the processes again, until the table is closed.
func (t *Table) revisit() {
	type due struct {
		at time.Time
		*space
	}
	queues := make([][]due, len(delays)) // by the number of looks; each is in order
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		next := time.Hour
		for _, q := range queues {
			if len(q) > 0 {
				next = min(next, time.Until(q[0].at))
			}
		}
		timer.Reset(next)
		select {
		case <-t.closing:
			return
		case s := <-t.revisits:
			queues[0] = append(queues[0], due{time.Now().Add(delays[0]), s})
		case <-timer.C:
		}
		for i := range queues {
			for len(queues[i]) > 0 && time.Until(queues[i][0].at) <= 0 {
				s := queues[i][0].space
				queues[i] = queues[i][1:]
				s.mu.Lock()
				t.visit(s)
				gone := s.gone
				s.mu.Unlock()
				if i+1 < len(queues) && !gone {
					queues[i+1] = append(queues[i+1], due{time.Now().Add(delays[i+1]), s})
				}
			}
		}
	}
}

// Frames appends the frames of an address, as stack.Users says.
func (t *Table) Frames(dst []stack.Frame, key stack.Space, addr uint64, returned bool) []stack.Frame {
	back := uint64(0)
	if returned {
		back = 1
	}
	s := t.space(key)
	s.mu.Lock()
	var at mapping
	m, known := t.in(s, addr-back), len(s.code) > 0
	early := s.gone && !known && !s.missed
	if s.gone && !known && s.parent != nil {
		code := s.parent.mappings()
		m, early = find(code, addr-back), early && len(code) == 0
	}
	if m != nil {
		at = *m
	}
	s.missed = s.missed || early
	s.mu.Unlock()
	if early {
		t.mu.Lock()
		t.early++
		t.mu.Unlock()
	}

	begin := len(dst)
	if at.file != nil {
		dst = at.file.Append(dst, addr-at.start+at.offset, back)
		t.shelf.used(at.file.Image)
	}
	if len(dst) == begin && (at.file == nil || !at.file.IsELF()) {
		if dst = t.jitted(dst, s, addr, back); len(dst) > begin {
			at.from = origin{} // no file holds it
		}
	}
	module := at.from.module()
	if len(dst) == begin {
		dst = append(dst, stack.Frame{})
		switch {
		case module != "" || !known:
		case at.end > 0:
			module = anonymous
		default:
			module = nowhere
		}
	}
	for i := begin; i < len(dst); i++ {
		dst[i].Address, dst[i].Module = addr, module
	}
	return dst
}

// What stands for the module of an address without a name, in a process whose mappings are known.
const (
	anonymous = "anon"    // code that no file holds: a JIT has made it
	nowhere   = "unknown" // no code: what was walked was no frame pointer
)

// keep reports whether one descriptor more may be kept, and counts it.
func (t *Table) keep() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.kept >= t.limits.descriptors {
		t.crowded++
		return false
	}
	t.kept++
	return true
}

// rootOf opens the root of the process whose directory of /proc dir is.
func (t *Table) rootOf(dir *handle) (*handle, error) {
	fd, err := unix.Openat(dir.fd, "root", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open its root: %w", err)
	}
	root := &handle{fd}
	namespace, err := dir.link("ns/mnt")
	var stat unix.Stat_t
	if err := errors.Join(err, unix.Fstat(fd, &stat)); err != nil {
		return nil, errors.Join(err, root.close())
	}
	key := rootKey{namespace, stat.Dev, stat.Ino}
	t.mu.Lock()
	known := t.roots[key]
	t.mu.Unlock()
	if known != nil {
		return known, root.close()
	}
	if !t.keep() {
		return nil, errors.Join(errCrowded, root.close())
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if known := t.roots[key]; known != nil { // another one was first
		t.kept--
		return known, root.close()
	}
	t.roots[key] = root
	return root, nil
}

// fileOf returns the file of a mapping, nil when there is none or it cannot be opened.
func (t *Table) fileOf(dir, root *handle, m *mapping) *file {
	key := m.from
	if !key.isFile() {
		if key.path != "[vdso]" {
			return nil
		}
		key = origin{path: key.path}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if f := t.files[key]; f != nil {
		return f
	}
	if !key.isFile() {
		f := &file{Image: image.New(bytes.NewReader(vdso()), key.path, nil)}
		t.files[key] = f
		return f
	}
	if t.kept >= t.limits.descriptors {
		t.crowded++
		return nil
	}
	opened, err := openMapped(dir, root, m)
	if err != nil {
		return nil
	}
	t.kept++
	f := &file{file: opened, Image: image.New(opened, key.path, root.separate)}
	t.files[key] = f
	return f
}

// openMapped opens the file that is mapped, whatever its path leads to by now: that takes
// CAP_SYS_ADMIN or CAP_CHECKPOINT_RESTORE (map_files_get_link, fs/proc/base.c, Linux 5.9).
// Without it, the path must lead to the same inode.
func openMapped(dir, root *handle, m *mapping) (*os.File, error) {
	opened, err := dir.regular(fmt.Sprintf("map_files/%x-%x", m.start, m.end), true)
	if err == nil {
		return opened, nil
	}
	opened, err = root.regular(m.from.path, false)
	if err != nil {
		return nil, err
	}
	var stat unix.Stat_t
	if err := unix.Fstat(int(opened.Fd()), &stat); err != nil || stat.Ino != m.from.inode {
		return nil, errors.Join(fmt.Errorf("%s is not the file that is mapped", m.from.path), err, opened.Close())
	}
	return opened, nil
}

// vdso is the code that the kernel gives to every process of 64 bits, taken from our own.
func vdso() []byte {
	text, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(text)) {
		m, _, ok := mapsLine(strings.TrimSuffix(line, "\n"))
		if !ok || m.from.path != "[vdso]" {
			continue
		}
		memory, err := os.Open("/proc/self/mem")
		if err != nil {
			return nil
		}
		defer memory.Close()
		code := make([]byte, m.end-m.start)
		n, _ := memory.ReadAt(code, int64(m.start))
		return code[:n]
	}
	return nil
}

// Err says what kept names from being found, when anything did.
func (t *Table) Err() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	var failures []error
	if t.crowded > 0 {
		failures = append(failures, fmt.Errorf("%d files of processes were not kept open, whose functions have no names: "+
			"this process may have %d descriptors for them (ulimit -n allows twice as many)", t.crowded, t.limits.descriptors))
	}
	if t.early > 0 {
		failures = append(failures, fmt.Errorf("%d processes ended or called exec before their files were opened: the functions on their stacks are addresses", t.early))
	}
	var broken []string
	for _, f := range t.files {
		if err := f.Err(); err != nil {
			broken = append(broken, err.Error())
		}
	}
	slices.Sort(broken)
	for _, one := range broken {
		failures = append(failures, errors.New(one))
	}
	return errors.Join(failures...)
}

// Close closes all files. Frames has no more names then.
func (t *Table) Close() error {
	close(t.closing)
	t.closed.Wait()
	t.mu.Lock()
	defer t.mu.Unlock()
	var failures []error
	for _, f := range t.files {
		failures = append(failures, f.Unload())
		if f.file != nil {
			failures = append(failures, f.file.Close())
		}
	}
	for _, root := range t.roots {
		failures = append(failures, root.close())
	}
	for _, s := range t.spaces {
		if s.jit != nil {
			failures = append(failures, s.jit.file.Close())
		}
	}
	return errors.Join(failures...)
}
