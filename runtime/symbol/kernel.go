// Package symbol knows the names of numbers: of kernel addresses, read from
// /proc/kallsyms when the first one is asked for, and of system calls.
//
//	k := symbol.NewKernel()
//	k.Lookup(0xffffffff8249a3c7) // "tcp_retransmit_skb", "", 0x17
package symbol

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
)

// ErrHidden says that the kernel lists its symbols without their addresses.
var ErrHidden = errors.New("kernel addresses are hidden from this process and are shown as numbers: " +
	"it needs CAP_SYSLOG, and kernel.kptr_restrict below 2 (sysctl -w kernel.kptr_restrict=1)")

// Kernel names kernel addresses. It reads the symbols at the first Lookup, which takes
// about 0.1 s and keeps 5 MB for the 120,000 of a common kernel. Symbols of modules and
// BPF programs that are loaded later are unknown to it. It is safe for concurrent use.
type Kernel struct {
	open func() (io.ReadCloser, error)
	once sync.Once
	err  atomic.Pointer[error]
	table
}

// NewKernel reads nothing yet.
func NewKernel() *Kernel {
	return &Kernel{open: func() (io.ReadCloser, error) { return os.Open("/proc/kallsyms") }}
}

// Err says why no address has a name: ErrHidden, or what kept /proc/kallsyms from being
// read. It is nil as long as no name was asked for. Tell it once, after the run: in the
// records, an address without a name stands as a number.
func (k *Kernel) Err() error {
	if err := k.err.Load(); err != nil {
		return *err
	}
	return nil
}

// Lookup finds the last symbol at or before addr; module is "" for the kernel itself.
// The name is "" for an address before all symbols, such as one in user space or in the
// direct map. /proc/kallsyms has no sizes: an address past the end of a symbol is told
// by its large offset only.
func (k *Kernel) Lookup(addr uint64) (name, module string, offset uint64) {
	k.once.Do(k.load)
	return k.lookup(addr)
}

func (k *Kernel) load() {
	f, err := k.open()
	if err == nil {
		defer f.Close()
		k.table, err = parse(f)
	}
	if err != nil {
		err = fmt.Errorf("read kernel symbols: %w", err)
		k.err.Store(&err)
	}
}

// table holds symbols by address. Names lie in one string, since a hundred thousand
// small ones would cost more in headers than in letters.
type table struct {
	symbols []entry
	names   string
	modules []string // modules[0] is "", the kernel itself
}

type entry struct {
	addr   uint64
	name   uint32 // offset of the name in names
	length uint16 // of the name
	module uint16 // index into modules
}

func (t *table) lookup(addr uint64) (name, module string, offset uint64) {
	// The first of several symbols at one address, as the kernel's own traces take it
	// (get_symbol_pos in kernel/kallsyms.c).
	i, found := slices.BinarySearchFunc(t.symbols, addr, func(e entry, addr uint64) int { return cmp.Compare(e.addr, addr) })
	if !found {
		if i == 0 {
			return "", "", 0
		}
		i, _ = slices.BinarySearchFunc(t.symbols, t.symbols[i-1].addr, func(e entry, addr uint64) int { return cmp.Compare(e.addr, addr) })
	}
	e := t.symbols[i]
	return t.names[e.name : e.name+uint32(e.length)], t.modules[e.module], addr - e.addr
}

// parse reads lines of /proc/kallsyms: address, type letter, name and, after a tab, the
// module in brackets. Absolute symbols (a, A) are offsets into per-CPU memory and the
// like, no addresses. A list whose addresses are all zero gives ErrHidden.
func parse(r io.Reader) (table, error) {
	t := table{modules: []string{""}}
	var names []byte
	hidden := false
	modules := map[string]uint16{"": 0}
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		var fields [4][]byte
		if !split(lines.Bytes(), &fields) {
			return table{}, fmt.Errorf("unexpected line %q", lines.Text())
		}
		addr, err := strconv.ParseUint(string(fields[0]), 16, 64)
		if err != nil {
			return table{}, fmt.Errorf("unexpected line %q", lines.Text())
		}
		if letter := fields[1][0] | 0x20; letter == 'a' {
			continue
		}
		if addr == 0 {
			hidden = true
			continue
		}
		module, ok := modules[string(fields[3])]
		if !ok {
			module = uint16(len(t.modules))
			t.modules = append(t.modules, string(fields[3]))
			modules[string(fields[3])] = module
		}
		t.symbols = append(t.symbols, entry{addr, uint32(len(names)), uint16(len(fields[2])), module})
		names = append(names, fields[2]...)
	}
	if err := lines.Err(); err != nil {
		return table{}, err
	}
	if hidden && len(t.symbols) == 0 {
		return table{}, ErrHidden
	}
	t.names = string(names)
	slices.SortStableFunc(t.symbols, func(a, b entry) int { return cmp.Compare(a.addr, b.addr) })
	return t, nil
}

// split takes a line apart; the module comes without its brackets.
func split(line []byte, fields *[4][]byte) bool {
	n := 0
	for field := range bytes.FieldsSeq(line) {
		if n == len(fields) {
			return false
		}
		fields[n], n = field, n+1
	}
	fields[3] = bytes.Trim(fields[3], "[]")
	return n >= 3
}
