package process

import (
	"bytes"
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// mapping is a range of a process's addresses from which code is run.
type mapping struct {
	start, end uint64
	offset     uint64 // in the file
	from       origin
	file       *file // nil when no file could be opened
}

// origin is what a mapping is of, as /proc/PID/maps has it.
type origin struct {
	device string // MAJOR:MINOR in hexadecimal
	inode  uint64 // 0 for none
	path   string // from our root or that of its own mounts, or what the kernel calls it: [vdso]
}

// isFile reports whether a file is mapped, and not memory of the process's own.
func (o origin) isFile() bool { return o.inode != 0 && strings.HasPrefix(o.path, "/") }

// module is what a frame says of where its code is.
func (o origin) module() string {
	if o.isFile() {
		return o.path
	}
	switch name := strings.Trim(o.path, "[]"); name {
	case "vdso", "vsyscall", "uprobes":
		return name // code of the kernel's
	}
	return ""
}

// list is what was read of /proc/PID/maps (proc(5)).
type list struct {
	code  []mapping // by start
	stack uint64    // where the stack of the first thread ends, 0 when it is not known
}

const deleted = " (deleted)"

// parseMaps reads the text of /proc/PID/maps. Lines that are none are left out.
func parseMaps(text []byte) (l list) {
	for line := range bytes.Lines(text) {
		m, perms, ok := mapsLine(strings.TrimSuffix(string(line), "\n"))
		if !ok {
			continue
		}
		if m.from.path == "[stack]" {
			l.stack = m.end
		}
		if len(perms) == 4 && perms[2] == 'x' {
			l.code = append(l.code, m)
		}
	}
	slices.SortFunc(l.code, func(a, b mapping) int { return cmp.Compare(a.start, b.start) })
	return l
}

// mapsLine takes one line apart: START-END PERMS OFFSET DEVICE INODE, and spaces before a
// PATH, in which a newline is written \012 (fs/proc/task_mmu.c, show_map_vma).
func mapsLine(line string) (m mapping, perms string, ok bool) {
	var fields [5]string
	rest := line
	for i := range fields {
		fields[i], rest, _ = strings.Cut(rest, " ")
	}
	first, last, _ := strings.Cut(fields[0], "-")
	numbers := []struct {
		text string
		base int
		into *uint64
	}{{first, 16, &m.start}, {last, 16, &m.end}, {fields[2], 16, &m.offset}, {fields[4], 10, &m.from.inode}}
	for _, n := range numbers {
		value, err := strconv.ParseUint(n.text, n.base, 64)
		if err != nil {
			return m, "", false
		}
		*n.into = value
	}
	m.from.device = fields[3]
	m.from.path = strings.ReplaceAll(strings.TrimSuffix(strings.TrimLeft(rest, " "), deleted), `\012`, "\n")
	return m, fields[1], m.start < m.end
}

// find returns the mapping that an address is in, nil for none.
func find(code []mapping, addr uint64) *mapping {
	i, _ := slices.BinarySearchFunc(code, addr, func(m mapping, addr uint64) int {
		if m.end <= addr {
			return -1
		}
		return 1
	})
	if i == len(code) || addr < code[i].start {
		return nil
	}
	return &code[i]
}

// merge adds what is mapped now to what was mapped before, which stacks of an earlier time
// may lie in.
func merge(now, before []mapping) []mapping {
	merged := slices.Clone(now)
	for _, old := range before {
		i, _ := slices.BinarySearchFunc(now, old.start, func(m mapping, addr uint64) int {
			if m.end <= addr {
				return -1
			}
			return 1
		})
		if i == len(now) || old.end <= now[i].start {
			merged = append(merged, old)
		}
	}
	slices.SortFunc(merged, func(a, b mapping) int { return cmp.Compare(a.start, b.start) })
	return merged
}
