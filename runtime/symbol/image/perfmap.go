package image

import (
	"bufio"
	"bytes"
	"io"
	"math"
	"strconv"

	"github.com/ebgen/ebgen/runtime/stack"
)

// largestPerfMap bounds what is read of a perf map, in bytes. One of a large Java server
// has about 20 MB.
const largestPerfMap = 128 << 20

// PerfMap is what a JIT says of the code that it has made: lines of start and size in
// hexadecimal and a name (tools/perf/Documentation/jit-interface.txt, Linux 2.6.36).
type PerfMap struct{ table }

// ReadPerfMap reads a perf map. A line that is cut off, or is none, is left out: the JIT
// may be writing. Code is made where other code was, so of two functions at an address the
// later line counts.
func ReadPerfMap(r io.Reader) (*PerfMap, error) {
	m := new(PerfMap)
	var names []byte
	lines := bufio.NewReaderSize(io.LimitReader(r, largestPerfMap), 1<<16)
	long := false // the line goes on from the piece before
	for {
		line, err := lines.ReadSlice('\n')
		whole := err == nil && !long
		long = err == bufio.ErrBufferFull
		if err != nil && !long {
			if err != io.EOF {
				return nil, err
			}
			break // what has no end yet is left out
		}
		start, size, name, ok := perfLine(line)
		if !whole || !ok || len(names) > math.MaxInt32 || len(m.entries) >= maxEntries {
			continue
		}
		m.entries = append(m.entries, entry{start: start, size: size, name: uint32(len(names)), order: uint32(len(m.entries))})
		names = append(append(names, name...), 0)
	}
	m.pools = []io.ReaderAt{bytes.NewReader(names)}
	m.build(func(a, b *entry) bool { return a.order > b.order })
	return m, nil
}

// perfLine takes a line apart. V8 and others write 0x before a number.
func perfLine(line []byte) (start uint64, size uint32, name []byte, ok bool) {
	first, rest, _ := bytes.Cut(bytes.TrimSpace(line), []byte(" "))
	second, name, _ := bytes.Cut(bytes.TrimLeft(rest, " "), []byte(" "))
	start, err := strconv.ParseUint(string(bytes.TrimPrefix(first, []byte("0x"))), 16, 64)
	if err != nil {
		return 0, 0, nil, false
	}
	length, err := strconv.ParseUint(string(bytes.TrimPrefix(second, []byte("0x"))), 16, 32)
	if err != nil || length == 0 || start+length < start {
		return 0, 0, nil, false
	}
	name = bytes.TrimSpace(name)
	return start, uint32(length), name, len(name) > 0 && !bytes.ContainsRune(name, 0)
}

// Append appends the function that an address lies in, when there is one.
func (m *PerfMap) Append(dst []stack.Frame, addr uint64) []stack.Frame {
	i := m.find(addr)
	if i < 0 {
		return dst
	}
	return append(dst, stack.Frame{Name: short(m.name(i)), Offset: addr - m.entries[i].start})
}

// Weight is about how many bytes the map holds.
func (m *PerfMap) Weight() int { return m.weight() + int(m.pools[0].(*bytes.Reader).Size()) }
