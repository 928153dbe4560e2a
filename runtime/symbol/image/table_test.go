package image

import (
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
)

// TestFind compares the spans of a table with a look at every function.
func TestFind(t *testing.T) {
	orders := map[string]func(a, b *entry) bool{"symbols": better, "later": func(a, b *entry) bool { return a.order > b.order }}
	for name, better := range orders {
		t.Run(name, func(t *testing.T) {
			random := rand.New(rand.NewPCG(37, 101))
			for range 1000 {
				var tab table
				for i := range random.IntN(12) {
					order := uint32(i)
					if name == "symbols" {
						order = random.Uint32N(8)
					}
					tab.entries = append(tab.entries, entry{start: random.Uint64N(40), size: random.Uint32N(20), name: uint32(i), order: order})
				}
				tab.build(better)
				for addr := range uint64(64) {
					want := -1
					for i := range tab.entries {
						e := &tab.entries[i]
						if e.start <= addr && addr < e.end() && (want < 0 || better(e, &tab.entries[want])) {
							want = i
						}
					}
					got := tab.find(addr)
					if got < 0 != (want < 0) || got >= 0 && (better(&tab.entries[want], &tab.entries[got]) || addr < tab.entries[got].start || addr >= tab.entries[got].end()) {
						t.Fatalf("%d is in %d, want %d of %+v", addr, got, want, tab.entries)
					}
				}
			}
		})
	}
}

// A name is read whole wherever it ends, and is none when its pool ends first.
func TestTableName(t *testing.T) {
	long := strings.Repeat("x", 127) + strings.Repeat("y", 129)
	pool := long + "\x00short\x00cut"
	tab := table{pools: []io.ReaderAt{strings.NewReader(pool)}, entries: []entry{{name: 0}, {name: 257}, {name: 263}, {name: 1000}}}
	for i, want := range []string{long, "short", "", ""} {
		if got := tab.name(i); got != want {
			t.Errorf("%d: %q, want %q", i, got, want)
		}
	}
}

const perf = `7f0000001000 20 Builtin:one
7f0000001020 0x10 JS:*two words file.js:1:2
0x7f0000001100 100 first
7f0000001140 20 second
7f0000001180 0 empty
nonsense
7f0000001300 10
7f0000001400 10 not yet`

func TestPerfMap(t *testing.T) {
	m, err := ReadPerfMap(strings.NewReader(strings.ReplaceAll(perf, "nonsense", "nonsense "+strings.Repeat("x", 1<<17))))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		addr uint64
		want string
	}{
		{0x7f0000000fff, ""}, {0x7f0000001000, "Builtin:one+0x0"}, {0x7f000000101f, "Builtin:one+0x1f"},
		{0x7f0000001020, "JS:*two words file.js:1:2+0x0"}, {0x7f0000001030, ""},
		{0x7f0000001100, "first+0x0"}, {0x7f000000113f, "first+0x3f"}, {0x7f0000001140, "second+0x0"},
		{0x7f000000115f, "second+0x1f"}, {0x7f0000001160, "first+0x60"}, {0x7f0000001180, "first+0x80"},
		{0x7f0000001200, ""}, {0x7f0000001300, ""}, {0x7f0000001400, ""},
	} {
		got := ""
		for _, f := range m.Append(nil, c.addr) {
			got += fmt.Sprintf("%s+%#x", f.Name, f.Offset)
		}
		if got != c.want {
			t.Errorf("%#x is in %q, want %q", c.addr, got, c.want)
		}
	}
	if m.Weight() < 4*entryWeight {
		t.Errorf("%d bytes", m.Weight())
	}
}

func FuzzPerfMap(f *testing.F) {
	f.Add(perf, uint64(0x7f0000001140))
	f.Add("ffffffffffffffff ffffffff x\n0 ffffffff y\n", uint64(0))
	f.Fuzz(func(t *testing.T, text string, addr uint64) {
		m, err := ReadPerfMap(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		for _, frame := range m.Append(nil, addr) {
			if frame.Name == "" || !strings.Contains(text, frame.Name) || frame.Offset > addr {
				t.Errorf("%+v", frame)
			}
		}
	})
}
