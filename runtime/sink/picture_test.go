package sink

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	proto "github.com/google/pprof/profile"

	"github.com/ebgen/ebgen/runtime/stack"
	"github.com/ebgen/ebgen/spec/plan"
)

var (
	userStack   = plan.Type{Kind: plan.Stack, Size: plan.StackSize, User: true}
	kernelStack = plan.Type{Kind: plan.Stack, Size: plan.StackSize}
	hostileName = "</script><script>alert(1)</script>;\x1b[2J\"'\u2028&"
)

// testStacks are the stacks of tests by number, the innermost frame first.
var testStacks = map[uint64][]stack.Frame{
	1: {
		{Name: "seventy", Offset: 0x1f, Module: "/opt/split", Address: 0x40101f, File: "/src/split.c", Line: 12},
		{Name: "main", Offset: 9, Module: "/opt/split", Address: 0x401109, File: "/src/split.c", Line: 30},
		{Module: "/lib/libc.so.6", Address: 0x7f0000000001},
	},
	2: {
		{Name: "mul", Module: "/opt/split", Address: 0x401222, File: "/src/mul.h", Line: 3, Inlined: true},
		{Name: "thirty", Offset: 0x22, Module: "/opt/split", Address: 0x401222, File: "/src/split.c", Line: 20},
		{Name: "main", Offset: 14, Module: "/opt/split", Address: 0x40110e, File: "/src/split.c", Line: 30},
		{Module: "/lib/libc.so.6", Address: 0x7f0000000001},
	},
	3: {
		{Name: "ext4_read", Offset: 4, Module: "ext4", Address: 0xffffffffc0000004, Kernel: true},
		{Name: "vfs_read", Offset: 0x10, Address: 0xffffffff81000010, Kernel: true},
		{Address: 0xffffffff81000020, Kernel: true},
	},
	4: {{Name: hostileName, Offset: 1, Address: 0x7f10}, {Address: 0x10}},
}

// profiled is a table of stacks: usual ones, empty ones, one that was not kept and one that
// the record does not have.
var profiled = []column{
	{"comm", nameType, []any{"split", "split", "a;b", "node", "gone", "idle"}},
	{"kernel", kernelStack, []any{0, 0, 3, 0, 99, 0}},
	{"user", userStack, []any{1, 2, 2, 4, nil, 0}},
	{"samples", integer(8, false, plan.Plain), []any{70, 30, 101, 37, 7, 1}},
	{"worst", integer(8, false, plan.Duration), []any{1, 2, 3, 4, 5, 6}},
	{"spent", integer(8, true, plan.Duration), []any{700, 300, 1010, -5, nil, 0}},
}

// profileTable says that profiled is counted by comm and both stacks.
func profileTable() *plan.Table {
	cell := func(i int64) *plan.Expr { return &plan.Expr{Op: plan.OpCell, Int: i} }
	return &plan.Table{
		Cells: []plan.Cell{{Kind: plan.Count}, {Kind: plan.Greatest}, {Kind: plan.Sum}},
		Columns: []plan.Column{
			{Key: 0}, {Key: 1}, {Key: 2},
			{Key: -1, Expr: cell(0)}, {Key: -1, Expr: cell(1)}, {Key: -1, Expr: cell(2)},
		},
	}
}

// draw writes one report of columns in a format.
func draw(t *testing.T, format string, o Options) []byte {
	t.Helper()
	d, rows := buildFor(t, profileTable(), profiled)
	var out bytes.Buffer
	s, err := New(format, &out, d, o)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Report(reportAt, rows); err != nil {
		t.Fatal(err)
	}
	if f, _ := Find(format); f.AtEnd {
		if err := s.Flush(); err != nil || out.Len() > 0 {
			t.Errorf("%s: %v, %d bytes before the end", format, err, out.Len())
		}
	}
	if err := s.Close(); err != nil || s.Delivered() != uint64(len(rows)) || s.Lost() != 0 {
		t.Errorf("%s: %v, %d delivered, %d lost", format, err, s.Delivered(), s.Lost())
	}
	return out.Bytes()
}

// TestStacksGolden shows stacks in every format of lines, and folded.
func TestStacksGolden(t *testing.T) {
	for _, f := range []string{"table", "json", "csv", "folded"} {
		t.Run(f, func(t *testing.T) {
			golden(t, "stacks."+f, string(draw(t, f, Options{})))
		})
	}
	golden(t, "stacks_one.table", string(draw(t, "table", Options{Columns: []string{"samples", "user"}})))
	golden(t, "stacks_only.table", string(draw(t, "table", Options{Columns: []string{"kernel", "user"}})))
	golden(t, "stacks_spent.folded", string(draw(t, "folded", Options{Columns: []string{"spent", "kernel"}})))
}

// TestRecordsFolded counts records: each is 1, or what a chosen column of a quantity says.
func TestRecordsFolded(t *testing.T) {
	columns := []column{
		{"pid", integer(4, false, plan.Plain), []any{8421, 8421, 12}},
		{"comm", nameType, []any{"split", "split", "node"}},
		{"took", integer(8, false, plan.Duration), []any{5, 7, 11}},
		{"user", userStack, []any{1, 1, 0}},
	}
	for _, c := range []struct {
		columns []string
		want    string
	}{
		{nil, "node;[empty stack] 1\nsplit;[libc.so.6];main;seventy 2\n"},
		{[]string{"user", "took"}, "[empty stack] 11\n[libc.so.6];main;seventy 12\n"},
		{[]string{"pid", "user"}, "pid 12;[empty stack] 1\npid 8421;[libc.so.6];main;seventy 2\n"},
	} {
		if got := write(t, "folded", columns, Options{Columns: c.columns}); got != c.want {
			t.Errorf("%v: got\n%swant\n%s", c.columns, got, c.want)
		}
	}
}

// TestCumulativeProfile takes the last of reports that each say all since the start.
func TestCumulativeProfile(t *testing.T) {
	for _, c := range []struct {
		keep bool
		want string
	}{{true, "30"}, {false, "60"}} {
		d, rows := buildWith(t, &plan.Plan{Table: profileTable(), Output: plan.Output{Interval: 1, Keep: c.keep}}, profiled)
		var out bytes.Buffer
		s, err := New("folded", &out, d, Options{Interval: true})
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := s.Report(reportAt, rows[1:2]); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if want := "split;[libc.so.6];main;thirty;mul " + c.want + "\n"; out.String() != want {
			t.Errorf("keep %v: got %swant %s", c.keep, out.String(), want)
		}
	}
}

// TestPprof reads the profile with pprof's own library and with go tool pprof.
func TestPprof(t *testing.T) {
	data := draw(t, "pprof", Options{})
	p, err := proto.ParseData(data)
	if err != nil {
		t.Fatal(err)
	}
	if p.DefaultSampleType != "samples" || len(p.SampleType) != 2 || *p.SampleType[1] != (proto.ValueType{Type: "spent", Unit: "nanoseconds"}) {
		t.Errorf("%+v", p.SampleType)
	}
	second := p.Sample[1]
	if second.Label["comm"][0] != "split" || second.Value[0] != 30 || len(second.Location) != 3 || len(second.Location[0].Line) != 2 {
		t.Fatalf("%+v", second)
	}
	for i, want := range []string{"mul", "thirty"} {
		if got := second.Location[0].Line[i].Function.Name; got != want {
			t.Errorf("line %d of the inlined location: %s, want %s", i, got, want)
		}
	}
	third := p.Sample[2]
	if len(third.Location) != 6 || third.Location[0].Line[0].Function.Name != "ext4_read" || third.Location[1].Mapping.File != kernelFile {
		t.Errorf("%+v", third)
	}

	file := filepath.Join(t.TempDir(), "profile.pb.gz")
	if err := os.WriteFile(file, data, 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("go", "tool", "pprof", "-top", "-symbolize=none", file).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{
		"101 41.06% 41.06%        101 41.06%  ext4_read",
		"131 53.25%  thirty",
		"70 28.46%",
	} {
		if !strings.Contains(string(out), want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}

// TestPicturesWhole stops the writer before the last byte: then nothing is delivered, and
// nothing stays in a file.
func TestPicturesWhole(t *testing.T) {
	for _, format := range []string{"folded", "flamegraph", "pprof"} {
		size := len(draw(t, format, Options{}))
		d, rows := buildFor(t, profileTable(), profiled)
		s, err := New(format, &limited{room: size - 20, err: syscall.ENOSPC}, d, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Report(reportAt, rows); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); !errors.Is(err, syscall.ENOSPC) || s.Delivered() != 0 || s.Lost() != uint64(len(rows)) {
			t.Errorf("%s: %v, %d delivered, %d lost", format, err, s.Delivered(), s.Lost())
		}
	}
}

func TestPicturesNeed(t *testing.T) {
	for _, c := range []struct {
		format  string
		columns []column
		o       Options
		want    string
	}{
		{"folded", counts, Options{}, "folded shows stacks, and no column is one"},
		{"pprof", profiled, Options{Columns: []string{"comm"}}, "pprof shows stacks, and no column is one"},
		{"heatmap", counts, Options{Interval: true}, "heatmap shows histograms, and no column is one"},
		{"heatmap", latencies, Options{}, "heatmap shows histograms over time, and there is one report, at the end"},
	} {
		d, _ := buildFor(t, &plan.Table{}, c.columns)
		var need *plan.NeedError
		if _, err := New(c.format, nil, d, c.o); !errors.As(err, &need) || need.Message != c.want || need.Hint == "" {
			t.Errorf("%s: %v, want %s", c.format, err, c.want)
		}
	}
}

// TestPicturesHostile wants no markup of a stranger's name in a page.
func TestPicturesHostile(t *testing.T) {
	page := string(draw(t, "flamegraph", Options{}))
	if n := strings.Count(page, "<script"); n != 2 || strings.Contains(page, "\x1b") || strings.Contains(page, "\u2028") {
		t.Errorf("%d script elements", n)
	}
	if strings.Contains(page, "http://") && strings.Count(page, "http://") != strings.Count(page, "http://www.w3.org/") {
		t.Error("the page names a resource outside of it")
	}
}

// TestStackAllocations holds a report with stacks to a cost that does not grow with its
// rows, and a picture to one that does not grow with what it has taken before.
func TestStackAllocations(t *testing.T) {
	d, rows := buildFor(t, profileTable(), profiled)
	for _, f := range []string{"table", "json", "csv", "folded", "flamegraph", "pprof"} {
		s, err := New(f, discard{}, d, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if n := testing.AllocsPerRun(10, func() {
			s.Report(reportAt, rows)
			s.Flush()
		}); n != 0 {
			t.Errorf("%s: %v allocations", f, n)
		}
	}
}

// FuzzPictures draws arbitrary rows, and names of functions, in every format that is
// written at the end.
func FuzzPictures(f *testing.F) {
	_, rows := buildFor(f, profileTable(), profiled)
	f.Add(rows[0], "main")
	f.Add(rows[3], hostileName)
	f.Fuzz(func(t *testing.T, data []byte, name string) {
		testStacks[99] = []stack.Frame{{Name: name, Module: name, File: name, Address: 1}}
		defer delete(testStacks, 99)
		d, rows := buildFor(t, profileTable(), profiled)
		row := make([]byte, d.Size())
		copy(row, data)
		for _, format := range []string{"folded", "flamegraph", "pprof"} {
			var out bytes.Buffer
			s, err := New(format, &out, d, Options{})
			if err != nil {
				t.Fatal(err)
			}
			if s.Report(reportAt, [][]byte{row, rows[0], rows[4]}) != nil || s.Close() != nil {
				t.Fatalf("%s: no picture", format)
			}
			switch format {
			case "folded":
				for line := range bytes.Lines(out.Bytes()) {
					if at := bytes.LastIndexByte(line, ' '); at < 1 {
						t.Errorf("no stack and number: %q", line)
					}
				}
			case "flamegraph":
				if n := bytes.Count(out.Bytes(), []byte("<script")); n != 2 {
					t.Errorf("%d scripts", n)
				}
			case "pprof":
				if _, err := proto.ParseData(out.Bytes()); err != nil {
					t.Error(err)
				}
			}
		}
	})
}

// TestNamesLater wants names of a record's stack to be looked up by Compose, when the
// record does not lie in the kernel's buffer any more, and not by Write.
func TestNamesLater(t *testing.T) {
	d, records := build(t, []column{{"user", userStack, []any{55, 56}}})
	var out bytes.Buffer
	s, err := New("csv", &out, d, Options{})
	if err != nil {
		t.Fatal(err)
	}
	rec := bytes.Clone(records[0])
	if err := s.Write(rec); err != nil {
		t.Fatal(err)
	}
	clear(rec) // as the kernel may
	testStacks[55] = []stack.Frame{{Name: "late"}}
	defer delete(testStacks, 55)
	if err := s.Compose(false); err != nil {
		t.Fatal(err)
	}
	testStacks[55] = []stack.Frame{{Name: "too late"}}
	if err := s.Write(records[1]); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil || out.String() != "user\nlate\n\n" || s.Delivered() != 2 {
		t.Errorf("%v, %q, %d delivered", err, out.String(), s.Delivered())
	}
}
