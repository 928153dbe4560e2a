package process

import (
	"bytes"
	"errors"
	"fmt"
	"hash/maphash"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ebgen/ebgen/runtime/stack"
)

// space is what is known of one process between two calls of exec.
type space struct {
	stack.Space
	mu      sync.Mutex
	visited time.Time // last, zero for never
	gone    bool      // nothing more will be read
	missed  bool      // it was gone before anything was read, and counted
	code    []mapping
	parent  *space  // that fork has copied to make this one, nil for none; its code counts when there is none here
	mark    uint64  // end of its stack, which exec puts elsewhere
	text    uint64  // hash of /proc/PID/maps
	root    *handle // "/" of the process, nil when it was never seen
	names   identity
	jit     *perfMap // nil as long as there is none
}

// mappings are what is known of its code.
func (s *space) mappings() []mapping {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.code
}

// identity is what /proc/PID/status says of a process.
type identity struct {
	inner int      // its pid in its own pid namespace
	users []uint32 // real, effective, saved and of files
}

var errOther = errors.New("the process is another one")

// clockTick is the unit of times in /proc: the kernel tells user space 100 a second
// (USER_HZ, include/asm-generic/param.h).
const clockTick = uint64(time.Second) / 100

// startedAt reads when a process started, in clock ticks, from the text of /proc/PID/stat:
// the 22nd field. The second one is in brackets and may hold anything.
func startedAt(stat []byte) (ticks uint64, ok bool) {
	i := bytes.LastIndexByte(stat, ')')
	fields := strings.Fields(string(stat[i+1:]))
	const at = 22 - 3 // the first of fields is the third
	if i < 0 || len(fields) <= at {
		return 0, false
	}
	ticks, err := strconv.ParseUint(fields[at], 10, 64)
	return ticks, err == nil
}

// parseStatus reads the text of /proc/PID/status.
func parseStatus(text []byte, pid int) identity {
	id := identity{inner: pid}
	for line := range strings.Lines(string(text)) {
		key, values, _ := strings.Cut(line, ":")
		fields := strings.Fields(values)
		switch {
		case key == "NSpid" && len(fields) > 0:
			if n, err := strconv.Atoi(fields[len(fields)-1]); err == nil {
				id.inner = n
			}
		case key == "Uid":
			for _, f := range fields {
				if n, err := strconv.ParseUint(f, 10, 32); err == nil {
					id.users = append(id.users, uint32(n))
				}
			}
		}
	}
	return id
}

// visit reads the mappings of the process, if it still is the one that the space is of,
// and opens what names its code. The space is locked.
func (t *Table) visit(s *space) {
	if s.gone {
		return
	}
	s.visited = time.Now()
	if err := t.look(s); errors.Is(err, errOther) || errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESRCH) {
		s.gone = true
	}
}

func (t *Table) look(s *space) error {
	dir, err := within(fmt.Sprintf("/proc/%d", s.Pid))
	if err != nil {
		return err
	}
	defer dir.close()
	stat, err := dir.read("stat")
	if err != nil {
		return err
	}
	if ticks, ok := startedAt(stat); !ok || ticks != s.Started/clockTick {
		return errOther
	}
	text, err := dir.read("maps")
	if err != nil {
		return err
	}
	if len(text) == 0 {
		return errOther // it has ended, and was not waited for
	}
	now := parseMaps(text)
	if s.mark != 0 && now.stack != s.mark {
		return errOther // exec was called since
	}
	if s.root == nil {
		s.mark = now.stack
		status, err := dir.read("status")
		if err != nil {
			return err
		}
		s.names = parseStatus(status, int(s.Pid))
		if s.root, err = t.rootOf(dir); err != nil {
			return err
		}
	}
	t.findPerfMap(s)
	if hash := maphash.Bytes(t.seed, text); hash != s.text || s.code == nil {
		s.text = hash
		for i := range now.code {
			m := &now.code[i]
			if known := find(s.code, m.start); known != nil && known.from == m.from && known.file != nil {
				m.file = known.file
				continue
			}
			m.file = t.fileOf(dir, s.root, m)
		}
		s.code = slices.Clip(merge(now.code, s.code))
	}
	return nil
}

// patience is how long the mappings of a process are believed to be all, when an address is
// in none of them.
const patience = 20 * time.Millisecond

// in returns the mapping that an address is in, nil for none. The space is locked.
func (t *Table) in(s *space, addr uint64) *mapping {
	m := find(s.code, addr)
	if m == nil && time.Since(s.visited) > patience {
		t.visit(s)
		m = find(s.code, addr)
	}
	return m
}
