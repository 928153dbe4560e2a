package recording

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/pprof/profile"
	"golang.org/x/sys/unix"

	"github.com/ebgen/ebgen/runtime"
	"github.com/ebgen/ebgen/runtime/aggregate"
	"github.com/ebgen/ebgen/runtime/decode"
	"github.com/ebgen/ebgen/runtime/sink"
	"github.com/ebgen/ebgen/runtime/stack"
	"github.com/ebgen/ebgen/spec/plan"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var (
	u64     = plan.Type{Kind: plan.Int, Size: 8}
	instant = plan.Type{Kind: plan.Int, Size: 8, Meaning: plan.Time}
	address = plan.Type{Kind: plan.Pointer, Size: 8, Meaning: plan.Symbol}
	call    = plan.Type{Kind: plan.Int, Size: 4, Meaning: plan.Syscall}
	comm    = plan.Type{Kind: plan.String, Size: 16}
	kernel  = plan.Type{Kind: plan.Stack, Size: 8}
	user    = plan.Type{Kind: plan.Stack, Size: 8, User: true}
	place   = plan.Type{Kind: plan.Stack, Size: 8, User: true, Meaning: plan.Symbol}
	sizes   = plan.Histogram{Bits: 0}
)

// layOut makes the record of fields, each of which may be absent.
func layOut(fields ...plan.Field) plan.Record {
	r := plan.Record{Size: 8}
	for i, f := range fields {
		f.Offset, f.Bit = r.Size, i
		r.Fields = append(r.Fields, f)
		r.Size += (f.Type.Size + 7) &^ 7
	}
	return r
}

func field(name string, t plan.Type) plan.Field { return plan.Field{Name: name, Type: t} }

// events is a plan of records that ask for all that rendering can ask for.
func events() *plan.Plan {
	return &plan.Plan{
		Name: "events", Bodies: []plan.Body{{Name: "left_out"}},
		Enums: []plan.Enum{{Name: "state", Values: []plan.EnumValue{{Name: "OPEN", Value: 1}}}},
		Record: layOut(field("time", instant), field("comm", comm), field("at", address), field("call", call),
			field("state", plan.Type{Kind: plan.Enumer, Size: 4, Enum: 1}), field("kernel", kernel), field("user", user), field("place", place)),
	}
}

// made is the record number n of events.
func made(p *plan.Plan, n int) []byte {
	rec := make([]byte, p.Record.Size)
	put := func(name string, v uint64) {
		binary.NativeEndian.PutUint64(rec[p.Record.Fields[p.Record.Field(name)].Offset:], v)
	}
	put("time", uint64(n)*1e9)
	copy(rec[p.Record.Fields[1].Offset:], fmt.Sprintf("thread-%d", n))
	put("at", 0xffffffff81000000+uint64(n%5)*0x10)
	put("call", uint64(n%3))
	put("state", uint64(n%2))
	put("kernel", uint64(n%4))
	put("user", 100+uint64(n%4))
	put("place", 200+uint64(n%2))
	if n%7 == 0 {
		binary.NativeEndian.PutUint64(rec, 1<<p.Record.Field("call"))
	}
	return rec
}

// counts is a plan of a table.
func counts() *plan.Plan {
	hist := plan.Type{Kind: plan.Hist, Size: 8 * sizes.Buckets(), Hist: 1}
	key := plan.Record{Size: 16, Absent: -1, Fields: []plan.Field{{Name: "at", Type: address, Bit: -1}, {Name: "stack", Type: kernel, Offset: 8, Bit: -1}}}
	value := plan.Record{Size: 8 + hist.Size, Absent: -1, Fields: []plan.Field{{Name: "calls", Type: u64, Bit: -1}, {Name: "sizes", Type: hist, Offset: 8, Bit: -1}}}
	cell := func(i int64, t plan.Type) *plan.Expr { return &plan.Expr{Op: plan.OpCell, Int: i, Type: t} }
	p := &plan.Plan{
		Name: "counts", Histograms: []plan.Histogram{sizes},
		Maps: []plan.Map{{Name: "rows", Use: plan.TableMap, Type: plan.PercpuHash, Entries: 64, Key: key, Value: value, Double: true}},
		Table: &plan.Table{
			Cells:   []plan.Cell{{Kind: plan.Count, Field: 0}, {Kind: plan.Buckets, Field: 1}},
			Columns: []plan.Column{{Key: 0}, {Key: 1}, {Key: -1, Expr: cell(0, u64)}, {Key: -1, Expr: cell(1, hist)}},
		},
		Record:  layOut(field("at", address), field("stack", kernel), field("calls", u64), field("sizes", hist)),
		Channel: plan.Channel{Kind: plan.MapChannel},
		Output:  plan.Output{Interval: 1e9, Top: 2, Sort: []plan.SortKey{{Field: 2, Descending: true}}},
	}
	return p
}

// entry is one of counts: its key, and the values of two CPUs.
func entry(p *plan.Plan, n int) (key, values []byte) {
	key = binary.NativeEndian.AppendUint64(nil, 0xffffffff81000000+uint64(n)*0x10)
	key = binary.NativeEndian.AppendUint64(key, uint64(n%4))
	size := p.Maps[0].Value.Size
	values = make([]byte, 2*size)
	for cpu := range 2 {
		binary.NativeEndian.PutUint64(values[cpu*size:], uint64(n+cpu))
		binary.NativeEndian.PutUint64(values[cpu*size+8+8*(n%9):], uint64(n+1))
	}
	return key, values
}

// world is what a decoder asks: a clock that is set on its way, and a JIT that tells of its
// code late.
type world struct {
	clock int64
	late  bool
}

func (w *world) env() decode.Env {
	return decode.Env{
		Location: time.UTC,
		Offset:   func() int64 { return w.clock },
		Symbol: func(address uint64) (string, string, uint64) {
			return fmt.Sprintf("function_%x", address>>5&0xf), "module", address & 0x1f
		},
		Syscall: func(n int64) string { return []string{"read", "write", ""}[n] },
		Stacks: func(id uint64) ([]stack.Frame, bool) {
			if id == 3 {
				return nil, false // it was not kept
			}
			frames := []stack.Frame{
				{Name: fmt.Sprintf("inner_%d", id), Offset: 1, Address: 0x1000 + id, Kernel: id < 100, File: "a.c", Line: 7},
				{Name: "outer", Module: "/usr/lib/libc.so.6", Address: 0x2000},
			}
			if id == 101 && !w.late {
				frames[0].Name = ""
			}
			return frames, true
		},
	}
}

var usualHead = Head{Params: map[string][]string{"port": {"443"}}, Spec: "name: events\n", Host: Host{"host", "6.18.0", 2}, Started: time.Unix(1e9, 5).UTC()}

var usualAccount = &runtime.Account{End: runtime.Interrupted, LostRing: 3, Missed: 2, Maps: []runtime.MapAccount{{Name: "rows", Refused: 1, Entries: 64}}}

// record makes a recording of a plan and returns it with what the output got meanwhile.
func record(t testing.TB, p *plan.Plan, format string) (file, shown []byte) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "recording")
	w := &world{clock: 1.7e18}
	head := usualHead
	head.Plan = p
	r, err := Create(path, head, w.env())
	if err != nil {
		t.Fatal(err)
	}
	var live bytes.Buffer
	feed(t, r.Tee(newSink(t, p, w.env(), format, &live)), w)
	if err := r.Close(usualAccount, []string{"a remark"}); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data, live.Bytes()
}

func newSink(t testing.TB, p *plan.Plan, env decode.Env, format string, w io.Writer) *sink.Sink {
	t.Helper()
	env.Location = time.UTC
	d, err := decode.New(p, env)
	if err != nil {
		t.Fatal(err)
	}
	s, err := sink.New(format, w, d, sink.Options{Interval: p.Output.Interval > 0})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// feed is a run: batches of records, or reports.
func feed(t testing.TB, r *Recorder, w *world) {
	t.Helper()
	p := r.head.Plan
	check := func(errs ...error) {
		t.Helper()
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
	}
	check(r.Compose(false), r.Flush())
	for n := range 37 {
		if n == 20 {
			w.clock += 5e9
		}
		w.late = n > 30
		if p.Table == nil {
			check(r.Write(made(p, n)))
			if n%10 == 9 {
				check(r.Compose(false), r.Flush())
			}
			continue
		}
		check(r.Count(entry(p, n)))
		if n%10 == 9 {
			check(r.Report(time.Unix(int64(1e9+n), 0), rowsOf(t, p, n-9, n)), r.Compose(false), r.Flush())
		}
	}
	check(r.Compose(true), r.Flush())
}

// rowsOf makes the rows that a run would.
func rowsOf(t testing.TB, p *plan.Plan, from, to int) [][]byte {
	t.Helper()
	table := newTable(t, p)
	for n := from; n <= to; n++ {
		if err := table.Add(entry(p, n)); err != nil {
			t.Fatal(err)
		}
	}
	var rows [][]byte
	for _, row := range table.Rows() {
		rows = append(rows, bytes.Clone(row))
	}
	return rows
}

// TestReplay wants of every format what the output got while the run was recorded.
func TestReplay(t *testing.T) {
	for _, p := range []*plan.Plan{events(), counts()} {
		for _, f := range sink.Formats {
			if f.Name == "heatmap" && p.Table == nil {
				continue
			}
			t.Run(p.Name+"/"+f.Name, func(t *testing.T) {
				file, want := record(t, p, f.Name)
				var got bytes.Buffer
				account, err := play(t, file, f.Name, &got)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(timeless(t, f.Name, want), timeless(t, f.Name, got.Bytes())); diff != "" {
					t.Errorf("the output differs (-run +replay):\n%s", diff)
				}
				delivered, reports := uint64(37), uint64(0)
				if p.Table != nil {
					delivered, reports = 6, 3
				}
				if account.Delivered != delivered || account.Reports != reports || account.LostRing != 3 || account.Missed != 2 || account.Unrecorded != 0 {
					t.Errorf("account %+v, want %d delivered in %d reports, 3 lost, 2 missed", account, delivered, reports)
				}
			})
		}
	}
}

// timeless is an output without the time of its making, which a profile has.
func timeless(t *testing.T, format string, out []byte) string {
	t.Helper()
	if format != "pprof" {
		return string(out)
	}
	p, err := profile.ParseData(out)
	if err != nil {
		t.Fatal(err)
	}
	p.TimeNanos, p.DurationNanos = 0, 0
	return p.String()
}

// play replays a recording as the tool does.
func play(t testing.TB, file []byte, format string, w io.Writer) (*runtime.Account, error) {
	t.Helper()
	r, err := Open(bytes.NewReader(file))
	if err != nil {
		return nil, err
	}
	return runtime.Replay(context.Background(), r.Head().Plan, r, runtime.Options{Sink: newSink(t, r.Head().Plan, r.Env(), format, w)})
}

// refusing is an output whose reader has left.
type refusing struct{}

func (refusing) Write([]byte) (int, error) { return 0, unix.EPIPE }

// TestEnds wants of each end of a replay what it says of itself.
func TestEnds(t *testing.T) {
	canceled, cancel := context.WithCancel(context.Background())
	cancel()
	for _, p := range []*plan.Plan{events(), counts()} {
		file, _ := record(t, p, "none")
		for _, c := range []struct {
			name      string
			ctx       context.Context
			out       io.Writer
			count     uint64
			end       runtime.End
			err       error
			delivered map[string]uint64
		}{
			{"all", context.Background(), io.Discard, 0, runtime.Exhausted, nil, map[string]uint64{"events": 37, "counts": 6}},
			{"count", context.Background(), io.Discard, 2, runtime.CountMet, nil, map[string]uint64{"events": 2, "counts": 4}},
			{"closed pipe", context.Background(), refusing{}, 0, runtime.PipeClosed, nil, nil},
			{"interrupted", canceled, io.Discard, 0, runtime.Exhausted, context.Canceled, nil},
		} {
			r, err := Open(bytes.NewReader(file))
			if err != nil {
				t.Fatal(err)
			}
			account, err := runtime.Replay(c.ctx, r.Head().Plan, r, runtime.Options{Sink: newSink(t, r.Head().Plan, r.Env(), "csv", c.out), Count: c.count})
			if !errors.Is(err, c.err) || c.err == nil && err != nil || account.Delivered != c.delivered[p.Name] {
				t.Errorf("%s, %s: %v, %+v", p.Name, c.name, err, account)
			}
			if c.err == nil && account.End != c.end {
				t.Errorf("%s, %s: ended as %q, want %q", p.Name, c.name, account.End, c.end)
			}
		}
	}
}

// TestHead wants what was recorded, and nothing of the plan that rendering has no use for.
func TestHead(t *testing.T) {
	p := events()
	file, _ := record(t, p, "json")
	r, err := Open(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	want := usualHead
	want.Plan, want.Order = events(), nativeOrder()
	want.Plan.Bodies = nil
	if diff := cmp.Diff(want, *r.Head()); diff != "" {
		t.Error(diff)
	}
}

// TestCut wants of a recording that ends anywhere all records before that, and to be told.
func TestCut(t *testing.T) {
	for _, p := range []*plan.Plan{events(), counts()} {
		file, _ := record(t, p, "json")
		var whole bytes.Buffer
		if _, err := play(t, file, "json", &whole); err != nil {
			t.Fatal(err)
		}
		longest := 0
		for n := 0; n < len(file); n = next(n, len(file)) {
			var got bytes.Buffer
			_, err := play(t, file[:n], "json", &got)
			if !errors.Is(err, ErrCut) && !(n < len(magic) && errors.Is(err, ErrNone)) {
				t.Fatalf("%d of %d bytes: %v", n, len(file), err)
			}
			if !bytes.HasPrefix(whole.Bytes(), got.Bytes()) || got.Len() < longest {
				t.Fatalf("%d of %d bytes give\n%s", n, len(file), &got)
			}
			longest = got.Len()
		}
		if longest != whole.Len() {
			t.Errorf("without its last byte a recording has %d bytes of %d", longest, whole.Len())
		}
	}
}

// next is the place to look at after n: each one of a file's first and last, else every 7th.
func next(n, size int) int {
	if n < 50 || n > size-50 {
		return n + 1
	}
	return n + 7
}

// TestDamaged wants an error, and never a record that was not there, for a bit turned over.
func TestDamaged(t *testing.T) {
	file, _ := record(t, events(), "json")
	var whole bytes.Buffer
	if _, err := play(t, file, "json", &whole); err != nil {
		t.Fatal(err)
	}
	for n := 0; n < len(file); n = next(n, len(file)) {
		var got bytes.Buffer
		bad := bytes.Clone(file)
		bad[n] ^= 1 << (n % 8)
		_, err := play(t, bad, "json", &got)
		if !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrCut) && !errors.Is(err, ErrNone) && !errors.Is(err, ErrVersion) {
			t.Fatalf("a bit of byte %d: %v", n, err)
		}
		if !bytes.HasPrefix(whole.Bytes(), got.Bytes()) {
			t.Fatalf("a bit of byte %d gives\n%s", n, &got)
		}
	}
}

// What a recording says may take a bearable amount of memory.
func TestLarge(t *testing.T) {
	start, _ := record(t, events(), "none")
	start = start[:len(magic)+chunkHead+int(binary.LittleEndian.Uint32(start[len(magic):]))]
	for _, c := range []struct {
		name    string
		kind    kind
		payload string
		want    string
	}{
		{"a deep stack", factsChunk, `{"stacks":[{"id":1,"frames":[0` + strings.Repeat(",0", deepest) + `]}]}`, "a stack of 16385 frames"},
		{"many frames", factsChunk, `{"frames":[{}` + strings.Repeat(",{}", largestText/3) + `]}`, "a chunk of 16777230 bytes"},
		{"many remarks", endChunk, `{"Remarks":[""` + strings.Repeat(`,""`, largestText/3) + `]}`, "a chunk of 16777231 bytes"},
		{"as much as a chunk has", recordsChunk, strings.Repeat("\x00", largestChunk+1), "a chunk of 67108865 bytes"},
	} {
		_, err := play(t, appendChunk(slices.Clip(start), c.kind, []byte(c.payload)), "none", io.Discard)
		if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", c.name, err, c.want)
		}
	}
}

// tight is a disk that is full from one size on, until it is not.
type tight struct {
	*os.File
	room int64
}

func (d *tight) WriteAt(p []byte, at int64) (int, error) {
	if n := d.room - at; n < int64(len(p)) {
		n, _ := d.File.WriteAt(p[:max(n, 0)], at)
		return n, unix.ENOSPC
	}
	return d.File.WriteAt(p, at)
}

// TestFullDisk wants every record that the file does not take counted, the output whole, and
// what came after the gap readable, names and all.
func TestFullDisk(t *testing.T) {
	p := events()
	path := filepath.Join(t.TempDir(), "recording")
	w := &world{clock: 1.7e18}
	head := usualHead
	head.Plan = p
	r, err := Create(path, head, w.env())
	if err != nil {
		t.Fatal(err)
	}
	disk := &tight{r.file.(*os.File), 1 << 30}
	r.file = disk
	var live bytes.Buffer
	out := newSink(t, p, w.env(), "json", &live)
	r.Tee(out)
	batch := func(from, to int) {
		for n := from; n < to; n++ {
			if err := r.Write(made(p, n)); err != nil {
				t.Fatal(err)
			}
		}
		if err := errors.Join(r.Compose(false), r.Flush()); err != nil {
			t.Fatal(err)
		}
	}
	batch(0, 11)
	disk.room = r.written + 100
	batch(11, 20)
	batch(20, 37)
	disk.room = 1 << 30
	batch(37, 50)
	account := *usualAccount
	err = r.Close(&account, nil)
	if !errors.Is(err, unix.ENOSPC) {
		t.Errorf("error %v, want no space left", err)
	}
	if account.Unrecorded != 26 || out.Delivered() != 50 {
		t.Errorf("%d not recorded and %d delivered, want 26 and 50", account.Unrecorded, out.Delivered())
	}
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	again, err := play(t, file, "json", &got)
	if err != nil {
		t.Fatal(err)
	}
	lines := slices.Collect(strings.Lines(live.String()))
	want := strings.Join(append(lines[:11:11], lines[37:]...), "")
	if diff := cmp.Diff(want, got.String()); diff != "" {
		t.Error(diff)
	}
	if again.Unrecorded != 26 || again.Delivered != 24 {
		t.Errorf("replayed %d, %d not recorded, want 24 and 26", again.Delivered, again.Unrecorded)
	}
}

// TestManyNames wants all names of more addresses than are remembered, each in chunks of a
// size that is read again.
func TestManyNames(t *testing.T) {
	t.Run("more than are remembered", func(t *testing.T) { manyNames(t, mostKnown+5*mostFresh/2, "") })
	t.Run("more than a chunk", func(t *testing.T) { manyNames(t, largestText/4096+1, strings.Repeat("f", 4096)) })
}

// manyNames records addresses of functions whose names begin alike.
func manyNames(t *testing.T, records int, name string) {
	p := &plan.Plan{Name: "many", Record: layOut(field("at", address))}
	w := &world{}
	env := w.env()
	env.Symbol = func(address uint64) (string, string, uint64) { return fmt.Sprintf("%sf%d", name, address), "", 0 }
	head := usualHead
	head.Plan = p
	path := filepath.Join(t.TempDir(), "recording")
	r, err := Create(path, head, env)
	if err != nil {
		t.Fatal(err)
	}
	var live bytes.Buffer
	r.Tee(newSink(t, p, env, "csv", &live))
	for n := range records {
		rec := make([]byte, p.Record.Size)
		binary.NativeEndian.PutUint64(rec[8:], uint64(n%(mostKnown+mostFresh)))
		if err := r.Write(rec); err != nil {
			t.Fatal(err)
		}
		if n == 3*mostFresh {
			if err := errors.Join(r.Compose(false), r.Flush()); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := errors.Join(r.Compose(true), r.Flush(), r.Close(new(runtime.Account), nil)); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	account, err := play(t, file, "csv", &got)
	if err != nil || account.Delivered != uint64(records) {
		t.Fatalf("%v, %+v", err, account)
	}
	if !bytes.Equal(live.Bytes(), got.Bytes()) {
		t.Error("the replay has other names")
	}
}

// TestFullFromTheStart wants a disk without any room told, and no recording.
func TestFullFromTheStart(t *testing.T) {
	w := &world{}
	head := usualHead
	head.Plan = events()
	path := filepath.Join(t.TempDir(), "recording")
	r, err := Create(path, head, w.env())
	if err != nil {
		t.Fatal(err)
	}
	r.file = &tight{r.file.(*os.File), 10}
	feed(t, r.Tee(newSink(t, head.Plan, w.env(), "none", io.Discard)), w)
	account := *usualAccount
	if err := r.Close(&account, nil); !errors.Is(err, unix.ENOSPC) || account.Unrecorded != 37 {
		t.Errorf("%v with %d not recorded, want no space left and 37", err, account.Unrecorded)
	}
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(bytes.NewReader(file)); !errors.Is(err, ErrCut) && !errors.Is(err, ErrNone) {
		t.Errorf("the file gives %v", err)
	}
}

// broken is an output that fails at its first record.
type broken struct{ *sink.Sink }

func (broken) Write([]byte) error { return unix.EPIPE }

// TestOutputFails wants what the output was given, whatever became of it there.
func TestOutputFails(t *testing.T) {
	p, w := events(), &world{}
	head := usualHead
	head.Plan = p
	path := filepath.Join(t.TempDir(), "recording")
	r, err := Create(path, head, w.env())
	if err != nil {
		t.Fatal(err)
	}
	r.Tee(broken{newSink(t, p, w.env(), "json", io.Discard)})
	if err := r.Write(made(p, 1)); !errors.Is(err, unix.EPIPE) {
		t.Fatalf("%v, want the output's error", err)
	}
	if err := r.Close(usualAccount, nil); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	if _, err := play(t, file, "json", &got); err != nil || !strings.Contains(got.String(), `"comm":"thread-1"`) || !strings.Contains(got.String(), "function_") {
		t.Errorf("%v:\n%s", err, &got)
	}
}

// TestCreate wants no file lost: only recordings are replaced, and only once there is another.
func TestCreate(t *testing.T) {
	w := &world{}
	head := usualHead
	head.Plan = events()
	dir := t.TempDir()
	path := func(name string, text []byte) string {
		p := filepath.Join(dir, name)
		if text != nil {
			if err := os.WriteFile(p, text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return p
	}
	before, _ := record(t, events(), "none")
	for _, c := range []struct {
		name string
		text []byte
		ok   bool
		left []byte // after a run that traced nothing; nil for no file
	}{
		{"new", nil, true, nil},
		{"empty", []byte{}, true, []byte{}},
		{"recording", before, true, before},
		{"spec.yaml", []byte("name: x\n"), false, []byte("name: x\n")},
		{"short", magic[:4], false, magic[:4]},
	} {
		p := path(c.name, c.text)
		r, err := Create(p, head, w.env())
		if (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
		if err == nil {
			if err := r.Close(nil, nil); err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
		}
		if got, _ := os.ReadFile(p); (got == nil) != (c.left == nil) || !bytes.Equal(got, c.left) {
			t.Errorf("%s is %q after that, want %q", c.name, got, c.left)
		}
	}
	if _, err := Create(dir, head, w.env()); err == nil {
		t.Error("a directory was opened")
	}
	if os.Getuid() == 0 {
		foreign := path("foreign", []byte{})
		if err := os.Chown(foreign, 12345, 12345); err != nil {
			t.Fatal(err)
		}
		if _, err := Create(foreign, head, w.env()); err == nil || !strings.Contains(err.Error(), "it belongs to user 12345") {
			t.Errorf("a file of another user's: %v", err)
		}
	}
	fifo := filepath.Join(dir, "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Create(fifo, head, w.env()); err == nil {
		t.Error("a FIFO was opened")
	}
	info, err := os.Stat(path("recording", nil))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
}

// TestFormer reads recordings as they were written when their form was new.
func TestFormer(t *testing.T) {
	for _, p := range []*plan.Plan{events(), counts()} {
		name := filepath.Join("testdata", p.Name+".v1")
		if *update {
			file, _ := record(t, p, "none")
			var shown bytes.Buffer
			_, err := play(t, file, "json", &shown)
			for _, err := range []error{err, os.WriteFile(name, file, 0o644), os.WriteFile(name+".json", shown.Bytes(), 0o644)} {
				if err != nil {
					t.Fatal(err)
				}
			}
		}
		file, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile(name + ".json")
		if err != nil {
			t.Fatal(err)
		}
		var got bytes.Buffer
		if _, err := play(t, file, "json", &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got.String()); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// TestVersion names the form of a recording that is of another one.
func TestVersion(t *testing.T) {
	file, _ := record(t, events(), "none")
	file[len(magic)-1] = 9
	if _, err := Open(bytes.NewReader(file)); !errors.Is(err, ErrVersion) || !strings.Contains(err.Error(), "form 9, not 1") {
		t.Error(err)
	}
}

// FuzzReplay replays arbitrary chunks in every format: what is wrong is an error.
func FuzzReplay(f *testing.F) {
	for _, p := range []*plan.Plan{events(), counts()} {
		file, _ := record(f, p, "none")
		f.Add(chunksOf(file))
	}
	f.Fuzz(func(t *testing.T, chunks []byte) {
		file := fileOf(chunks)
		for _, format := range sink.Formats {
			r, err := Open(bytes.NewReader(file))
			if err != nil {
				return
			}
			p := r.Head().Plan
			d, err := decode.New(p, r.Env())
			if err != nil {
				return
			}
			out, err := sink.New(format.Name, io.Discard, d, sink.Options{Interval: p.Output.Interval > 0})
			if err != nil {
				continue
			}
			account, err := runtime.Replay(context.Background(), p, r, runtime.Options{Sink: out, Count: 50})
			if account == nil {
				t.Fatalf("no account, %v", err)
			}
			account.Lines()
		}
	})
}

// chunksOf is a recording without checksums, which no fuzzer would find: of each chunk its
// length, kind and payload.
func chunksOf(file []byte) (chunks []byte) {
	for rest := file[len(magic):]; len(rest) > 0; {
		n := binary.LittleEndian.Uint32(rest)
		chunks = append(append(chunks, rest[:4]...), rest[8:chunkHead+n]...)
		rest = rest[chunkHead+n:]
	}
	return chunks
}

// fileOf is the recording of chunks, as far as they are whole.
func fileOf(chunks []byte) []byte {
	file := slices.Clone(magic[:])
	for len(chunks) >= 5 {
		n := min(int(binary.LittleEndian.Uint32(chunks)), len(chunks)-5)
		file = appendChunk(file, kind(chunks[4]), chunks[5:5+n])
		chunks = chunks[5+n:]
	}
	return file
}

func newTable(t testing.TB, p *plan.Plan) *aggregate.Table {
	t.Helper()
	table, err := aggregate.New(p)
	if err != nil {
		t.Fatal(err)
	}
	return table
}
