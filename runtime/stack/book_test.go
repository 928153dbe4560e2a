package stack

import (
	"encoding/binary"
	"slices"
	"sync"
	"testing"
)

// kallsyms is a Kernel of three functions and one in a module, 0x100 bytes each.
type kallsyms struct{}

func (kallsyms) Lookup(addr uint64) (name, module string, offset uint64) {
	switch addr &^ 0xff {
	case 0xffffffff81000000:
		return "vfs_read", "", addr & 0xff
	case 0xffffffff81000100:
		return "asm_sysvec_apic_timer_interrupt", "", addr & 0xff
	case 0xffffffff81000200:
		return "do_exit", "", addr & 0xff
	case 0xffffffffc0001000:
		return "nft_do_chain", "nf_tables", addr & 0xff
	}
	return "", "", 0
}

// users names every address below 0x1000 of every space, once an address is in it.
type users struct {
	mu    sync.Mutex
	met   []Space
	asked int
}

func (u *users) Met(s, _ Space) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.met = append(u.met, s)
}

func (u *users) Frames(dst []Frame, s Space, addr uint64, returned bool) []Frame {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.asked++
	if addr >= 0x1000 {
		return append(dst, Frame{Address: addr})
	}
	name := "at"
	if returned {
		name = "behind"
	}
	return append(dst, Frame{Name: "inlined", Address: addr, Inlined: true}, Frame{Name: name, Address: addr})
}

// value is a stack as the kernel keeps it in a map whose stacks have 4 frames.
func value(s Space, addrs ...uint64) []byte {
	b := make([]byte, 24+4*8)
	binary.NativeEndian.PutUint32(b, uint32(len(addrs)))
	binary.NativeEndian.PutUint32(b[8:], s.Pid)
	binary.NativeEndian.PutUint32(b[12:], s.Exec)
	binary.NativeEndian.PutUint64(b[16:], s.Started)
	for i, addr := range addrs {
		binary.NativeEndian.PutUint64(b[24+8*i:], addr)
	}
	return b
}

var someone = Space{Pid: 37, Exec: 2, Started: 101}

// book lends a Book these stacks and counts how often one is looked up.
func book(u Users, stacks map[uint64][]byte) (*Book, *int) {
	b, looked := NewBook(kallsyms{}, u), new(int)
	b.Bind(func(id uint64) ([]byte, bool) {
		*looked++
		value, ok := stacks[id]
		return value, ok
	})
	return b, looked
}

func TestKernelFrames(t *testing.T) {
	b, looked := book(nil, map[uint64][]byte{1: value(Space{},
		0xffffffff81000100, // the first instruction
		0xffffffff81000200, // what it interrupted, the first instruction too
		0xffffffff81000100, // behind the last call of vfs_read, which does not return
		0xffffffffc0001010,
	)})
	want := []Frame{
		{Name: "asm_sysvec_apic_timer_interrupt", Address: 0xffffffff81000100, Kernel: true},
		{Name: "do_exit", Address: 0xffffffff81000200, Kernel: true},
		{Name: "vfs_read", Offset: 0x100, Address: 0xffffffff81000100, Kernel: true},
		{Name: "nft_do_chain", Module: "nf_tables", Offset: 0x10, Address: 0xffffffffc0001010, Kernel: true},
	}
	for range 2 {
		if got, ok := b.Frames(1); !ok || !slices.Equal(got, want) {
			t.Errorf("%v %+v, want %+v", ok, got, want)
		}
	}
	if *looked != 1 {
		t.Errorf("looked up %d times", *looked)
	}
}

func TestUserFrames(t *testing.T) {
	u := new(users)
	b, _ := book(u, map[uint64][]byte{1: value(someone, 0x10, 0x20), 2: value(someone, 0x10, 0x7000)})
	b.Met(someone, Space{})
	if !slices.Equal(u.met, []Space{someone}) {
		t.Errorf("met %v", u.met)
	}
	want := []Frame{
		{Name: "inlined", Address: 0x10, Inlined: true}, {Name: "at", Address: 0x10},
		{Name: "inlined", Address: 0x20, Inlined: true}, {Name: "behind", Address: 0x20},
	}
	for range 2 {
		if got, ok := b.Frames(1); !ok || !slices.Equal(got, want) {
			t.Errorf("%v %+v, want %+v", ok, got, want)
		}
	}
	if u.asked != 2 {
		t.Errorf("asked for %d addresses, want 2", u.asked)
	}
	for range 2 {
		got, ok := b.Frames(2)
		if !ok || len(got) != 3 || got[2] != (Frame{Address: 0x7000}) {
			t.Errorf("%v %+v", ok, got)
		}
	}
	if u.asked != 6 {
		t.Errorf("a stack with a frame that has no name is not asked for again: %d", u.asked)
	}
}

// TestNoFrames asks for what is not there, and what no program writes.
func TestNoFrames(t *testing.T) {
	full := value(Space{}, 1, 2, 3, 4)
	full[0] = 5
	b, _ := book(nil, map[uint64][]byte{1: full, 2: full[:23], 3: value(Space{}), 4: value(someone, 0x10)})
	for _, c := range []struct {
		id     uint64
		frames int
		ok     bool
	}{{0, 0, true}, {1, 0, false}, {2, 0, false}, {3, 0, true}, {4, 1, true}, {5, 0, false}} {
		if got, ok := b.Frames(c.id); len(got) != c.frames || ok != c.ok {
			t.Errorf("%d: %+v %v", c.id, got, ok)
		}
	}
	if _, ok := NewBook(kallsyms{}, nil).Frames(1); ok {
		t.Error("a book without stacks has one")
	}
}

// TestBounded asks for more frames than are kept.
func TestBounded(t *testing.T) {
	stacks := map[uint64][]byte{}
	for id := range uint64(maxKept/4 + 37) {
		stacks[id+1] = value(Space{}, 0xffffffff81000000, 0xffffffff81000001, 0xffffffff81000002, 0xffffffff81000003)
	}
	b, looked := book(nil, stacks)
	for id := range stacks {
		if _, ok := b.Frames(id); !ok {
			t.Fatal(id)
		}
	}
	if len(b.kept) > maxKept/4+1 || *looked != len(stacks) {
		t.Errorf("%d stacks are kept, %d were looked up", len(b.kept), *looked)
	}
}

func TestManyGoroutines(t *testing.T) {
	u := new(users)
	b, _ := book(nil, nil)
	b.users = u
	b.Bind(func(id uint64) ([]byte, bool) { return value(someone, id, id+1), true })
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for id := uint64(1); id < 101; id++ {
				b.Met(someone, Space{})
				if got, ok := b.Frames(id); !ok || len(got) != 4 || got[0].Address != id {
					t.Errorf("%d: %+v", id, got)
				}
			}
		})
	}
	all.Wait()
}
