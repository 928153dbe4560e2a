package process

import (
	"slices"
	"testing"
)

const maps = `559da841f000-559da8421000 r--p 00000000 fe:00 247026                     /usr/bin/cat
559da8421000-559da8426000 r-xp 00002000 fe:00 247026                     /usr/bin/cat
7f0000000000-7f0000001000 rwxp 00000000 00:00 0 
7f0000002000-7f0000003000 r-xs 00001000 00:0e 1037                       /tmp/two words\012and a line (deleted)
7f0000004000-7f0000005000 r-xp 00000000 00:01 5                          /memfd:jit (deleted)
7ffe05b4f000-7ffe05b70000 rw-p 00000000 00:00 0                          [stack]
7ffe05bd4000-7ffe05bd6000 r-xp 00000000 00:00 0                          [vdso]
ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]
`

func TestParseMaps(t *testing.T) {
	got := parseMaps([]byte(maps + "nonsense\n1-2\n5-4 r-xp 0 0:0 0 /x\n"))
	want := []mapping{
		{start: 0x559da8421000, end: 0x559da8426000, offset: 0x2000, from: origin{"fe:00", 247026, "/usr/bin/cat"}},
		{start: 0x7f0000000000, end: 0x7f0000001000, from: origin{"00:00", 0, ""}},
		{start: 0x7f0000002000, end: 0x7f0000003000, offset: 0x1000, from: origin{"00:0e", 1037, "/tmp/two words\nand a line"}},
		{start: 0x7f0000004000, end: 0x7f0000005000, from: origin{"00:01", 5, "/memfd:jit"}},
		{start: 0x7ffe05bd4000, end: 0x7ffe05bd6000, from: origin{"00:00", 0, "[vdso]"}},
		{start: 0xffffffffff600000, end: 0xffffffffff601000, from: origin{"00:00", 0, "[vsyscall]"}},
	}
	if !slices.Equal(got.code, want) || got.stack != 0x7ffe05b70000 {
		t.Errorf("%+v", got)
	}
	for addr, want := range map[uint64]int{0: -1, 0x559da8421000: 0, 0x559da8425fff: 0, 0x559da8426000: -1, 0x7f0000000fff: 1, 0xffffffffff600fff: 5, 0xffffffffffffffff: -1} {
		m := find(got.code, addr)
		if want < 0 && m != nil || want >= 0 && m != &got.code[want] {
			t.Errorf("%#x is in %+v", addr, m)
		}
	}
}

func TestMerge(t *testing.T) {
	at := func(start, end uint64, path string) mapping {
		return mapping{start: start, end: end, from: origin{path: path}}
	}
	before := []mapping{at(0, 10, "a"), at(20, 30, "b"), at(40, 50, "c")}
	got := merge([]mapping{at(5, 20, "d"), at(45, 46, "e")}, before)
	if want := []mapping{at(5, 20, "d"), at(20, 30, "b"), at(45, 46, "e")}; !slices.Equal(got, want) {
		t.Errorf("%+v", got)
	}
	if got := merge(nil, before); !slices.Equal(got, before) {
		t.Errorf("%+v", got)
	}
}

func TestStartedAt(t *testing.T) {
	stat := "37 (a) b (c)) S 1 37 37 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 1010 2 3"
	if ticks, ok := startedAt([]byte(stat)); !ok || ticks != 1010 {
		t.Errorf("%d %v", ticks, ok)
	}
	for _, text := range []string{"", "1 (x", "1 (x) S 1"} {
		if _, ok := startedAt([]byte(text)); ok {
			t.Errorf("%q has a time", text)
		}
	}
}

func TestParseStatus(t *testing.T) {
	got := parseStatus([]byte("Name:\tx\nUid:\t1\t2\t3\t4\nNSpid:\t37\t5\t1\n"), 37)
	if got.inner != 1 || !slices.Equal(got.users, []uint32{1, 2, 3, 4}) {
		t.Errorf("%+v", got)
	}
	if got := parseStatus(nil, 37); got.inner != 37 {
		t.Errorf("%+v", got)
	}
}

func FuzzMaps(f *testing.F) {
	f.Add([]byte(maps), uint64(0x559da8421000))
	f.Fuzz(func(t *testing.T, text []byte, addr uint64) {
		l := parseMaps(text)
		for i := range l.code {
			if l.code[i].start >= l.code[i].end {
				t.Errorf("%+v", l.code[i])
			}
		}
		if m := find(merge(l.code, l.code), addr); m != nil && (addr < m.start || addr >= m.end) {
			t.Errorf("%#x is in %+v", addr, *m)
		}
		startedAt(text)
		parseStatus(text, 1)
	})
}
