package sink

import (
	"bytes"
	"encoding/binary"
	stdcsv "encoding/csv"
	"encoding/json"
	"errors"
	"flag"
	"math"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clipperhouse/displaywidth"

	"github.com/ebgen/ebgen/runtime/decode"
	"github.com/ebgen/ebgen/runtime/stack"
	"github.com/ebgen/ebgen/spec/plan"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// lineFormats are the formats whose records come one by one.
var lineFormats = slices.DeleteFunc(slices.Clone(Formats), func(f Format) bool { return f.AtEnd || f.Name == "none" })

var order = binary.NativeEndian

// column is a field of a test's record with one value per record; nil is an absent one.
type column struct {
	name   string
	typ    plan.Type
	values []any
}

// build lays out a plan with these fields and makes its records.
func build(t testing.TB, columns []column) (*decode.Decoder, [][]byte) {
	t.Helper()
	return buildFor(t, nil, columns)
}

// buildFor does so for the rows of a table, or for records when it is nil.
func buildFor(t testing.TB, table *plan.Table, columns []column) (*decode.Decoder, [][]byte) {
	t.Helper()
	return buildWith(t, &plan.Plan{Table: table}, columns)
}

// buildWith does so for a plan that has no record yet.
func buildWith(t testing.TB, p *plan.Plan, columns []column) (*decode.Decoder, [][]byte) {
	t.Helper()
	p.Name, p.Histograms, p.Record = "test", histograms, plan.Record{Size: 8}
	p.Enums = []plan.Enum{
		{Name: "tcp_state", Values: []plan.EnumValue{{Name: "ESTABLISHED", Value: 1}, {Name: "CLOSE_WAIT", Value: 8}}},
		{Name: "open", Flags: true, Values: []plan.EnumValue{{Name: "O_WRONLY", Value: 1}, {Name: "O_CREAT", Value: 0x40}}},
	}
	for i, c := range columns {
		p.Record.Fields = append(p.Record.Fields, plan.Field{Name: c.name, Type: c.typ, Offset: p.Record.Size, Bit: i})
		p.Record.Size += c.typ.Size
	}
	d, err := decode.New(p, decode.Env{
		Offset:   func() int64 { return time.Date(2026, 11, 3, 16, 0, 0, 0, time.UTC).UnixNano() },
		Location: time.UTC,
		Symbol:   func(addr uint64) (string, string, uint64) { return "vfs_read", "", addr & 0xff },
		Syscall:  func(int64) string { return "openat" },
		Stacks: func(id uint64) ([]stack.Frame, bool) {
			frames, ok := testStacks[id]
			return frames, ok
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	var records [][]byte
	for i := range columns[0].values {
		rec := make([]byte, p.Record.Size)
		var absent uint64
		for j, c := range columns {
			to := rec[p.Record.Fields[j].Offset:][:c.typ.Size]
			switch v := c.values[i].(type) {
			case nil:
				absent |= 1 << j
			case int:
				copy(to, order.AppendUint64(nil, uint64(v))) // little endian machines only, as all we run on
			case float64:
				order.PutUint64(to, math.Float64bits(v))
			case string:
				copy(to, v)
			case []byte:
				copy(to, v)
			}
		}
		order.PutUint64(rec, absent)
		records = append(records, rec)
	}
	return d, records
}

func integer(size int, signed bool, m plan.Meaning) plan.Type {
	return plan.Type{Kind: plan.Int, Size: size, Signed: signed, Meaning: m}
}

func flowOf(local, remote string) []byte {
	l, r := netip.MustParseAddrPort(local), netip.MustParseAddrPort(remote)
	from, to := l.Addr().As16(), r.Addr().As16()
	b := order.AppendUint16(append(from[:], to[:]...), l.Port())
	return order.AppendUint16(b, r.Port())
}

func ownerOf(pid uint32, comm string) []byte { return append(order.AppendUint32(nil, pid), comm...) }

var (
	textType  = plan.Type{Kind: plan.String, Size: 64}
	flowType  = plan.Type{Kind: plan.Flow, Size: plan.FlowSize}
	ownerType = plan.Type{Kind: plan.Owner, Size: plan.OwnerSize}
	stateType = plan.Type{Kind: plan.Enumer, Size: 1, Enum: 1}
)

// kinds has a column for each kind and meaning, and three records: usual values, hostile
// or extreme ones, and none at all.
var kinds = []column{
	{"time", integer(8, false, plan.Time), []any{1_500_000_000, 86_400_000_000_001, nil}},
	{"owner", ownerType, []any{ownerOf(8421, "phonepe-gw"), ownerOf(4194304, "a,\x1b[2J\"\n"), nil}},
	{"unowned", ownerType, []any{ownerOf(0, ""), ownerOf(0, "x"), nil}},
	{"flow", flowType, []any{flowOf("10.4.2.18:443", "10.4.5.91:51284"), flowOf("[2001:db8::1]:443", "[::]:0"), nil}},
	{"ip", plan.Type{Kind: plan.IP, Size: 16}, []any{flowOf("192.0.2.1:0", "[::]:0")[:16], flowOf("[fe80::1]:0", "[::]:0")[:16], nil}},
	{"state", stateType, []any{8, 77, nil}},
	{"flags", plan.Type{Kind: plan.Enumer, Size: 4, Enum: 2}, []any{0x41, 0x82, nil}},
	{"u8", integer(1, false, plan.Plain), []any{1, 255, nil}},
	{"s64", integer(8, true, plan.Plain), []any{1, -1 << 63, nil}},
	{"hex", integer(4, false, plan.Hex), []any{0x1f, -1, nil}},
	{"pointer", plan.Type{Kind: plan.Pointer, Size: 8}, []any{-4096, 0, nil}},
	{"ok", plan.Type{Kind: plan.Bool, Size: 1}, []any{1, 0, nil}},
	{"took", integer(8, false, plan.Duration), []any{1_234_567, -1, nil}},
	{"size", integer(8, true, plan.ByteSize), []any{4096, -2048, nil}},
	{"port", integer(2, false, plan.Port), []any{443, 65535, nil}},
	{"ret", integer(4, true, plan.Errno), []any{-2, 512, nil}},
	{"ksym", integer(8, false, plan.Symbol), []any{0x1f, 0, nil}},
	{"syscall", integer(4, true, plan.Syscall), []any{257, 0, nil}},
	{"signal", integer(4, true, plan.Signal), []any{9, 34, nil}},
	{"mode", integer(2, false, plan.Mode), []any{0o100644, 0o104755, nil}},
	{"dev", integer(4, false, plan.Device), []any{8 << 20, 259<<20 | 5, nil}},
	{"bytes", plan.Type{Kind: plan.Bytes, Size: 3}, []any{[]byte{1, 0xff, 0}, []byte{0, 0, 0}, nil}},
	{"na,me\x1b", integer(2, false, plan.Plain), []any{1, 2, nil}},
	{"text", textType, []any{"plain", "=1+1, \"日本\"\x1b]0;\x07\r\n\xff\u202e", nil}},
	{"empty", textType, []any{"", "", nil}},
}

func write(t *testing.T, format string, columns []column, o Options) string {
	t.Helper()
	d, records := build(t, columns)
	var out bytes.Buffer
	s, err := New(format, &out, d, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, rec := range records {
		if err := s.Write(rec); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s.Delivered() != uint64(len(records)) || s.Lost() != 0 {
		t.Errorf("%d delivered, %d lost of %d", s.Delivered(), s.Lost(), len(records))
	}
	return out.String()
}

func TestGolden(t *testing.T) {
	for _, f := range lineFormats {
		t.Run(f.Name, func(t *testing.T) {
			got := write(t, f.Name, kinds, Options{Labels: []Label{{"host", "web \"1\""}}})
			golden(t, "kinds."+f.Name, got)
		})
	}
}

// golden compares got with a file of testdata, or writes it there.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: got\n%swant\n%s", name, got, want)
	}
}

// TestReadBack reads JSON and CSV with the standard library's readers.
func TestReadBack(t *testing.T) {
	const hostile = "=1+1, \"日本\"\x1b]0;\x07\r\n\u202e"
	columns := []column{{"text", textType, []any{hostile}}, {"flow", flowType, []any{flowOf("10.0.0.1:1", "[::1]:2")}}}
	var object struct {
		Text string
		Flow struct {
			Saddr, Daddr string
			Sport, Dport int
		}
	}
	if err := json.Unmarshal([]byte(write(t, "json", columns, Options{})), &object); err != nil {
		t.Fatal(err)
	}
	if object.Text != hostile || object.Flow.Saddr != "10.0.0.1" || object.Flow.Dport != 2 {
		t.Errorf("%+v", object)
	}
	rows, err := stdcsv.NewReader(strings.NewReader(write(t, "csv", columns, Options{}))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	want := `text|flow.saddr|flow.sport|flow.daddr|flow.dport
=1+1, "日本"\x1b]0;\x07\x0d\x0a\u202e|10.0.0.1|1|::1|2`
	if got := strings.Join(rows[0], "|") + "\n" + strings.Join(rows[1], "|"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// flagship is what the first spec of the manual shows.
var flagship = []column{
	{"time", integer(8, false, plan.Time), []any{1_000_000_000, 1_500_000_000, 1_999_999_999}},
	{"owner", ownerType, []any{ownerOf(8421, "phonepe-gw"), ownerOf(12104, "nginx"), ownerOf(0, "")}},
	{"flow", flowType, []any{flowOf("10.4.2.18:443", "10.4.5.91:51284"), flowOf("10.4.2.18:443", "100.64.7.3:54812"), flowOf("10.4.2.18:443", "10.4.7.11:51367")}},
	{"state", stateType, []any{8, 1, 8}},
}

func TestTableFitsTerminal(t *testing.T) {
	got := write(t, "table", flagship, Options{})
	want := "" +
		"TIME             OWNER            FLOW                              STATE\n" +
		"16:00:01.000000  8421 phonepe-gw  10.4.2.18:443 → 10.4.5.91:51284   CLOSE_WAIT\n" +
		"16:00:01.500000  12104 nginx      10.4.2.18:443 → 100.64.7.3:54812  ESTABLISHED\n" +
		"16:00:01.999999  ?                10.4.2.18:443 → 10.4.7.11:51367   CLOSE_WAIT\n"
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	for line := range strings.Lines(got) {
		// The width that house rules and old terminals have in common.
		if width := displaywidth.String(strings.TrimSuffix(line, "\n")); width > 80 {
			t.Errorf("%d columns: %s", width, line)
		}
	}
}

// TestTableGrows shows that a wide value widens its column from its line on, that an
// outlier does not, and that wide characters count for two.
func TestTableGrows(t *testing.T) {
	name := plan.Type{Kind: plan.String, Size: 64}
	got := write(t, "table", []column{
		{"n", integer(4, false, plan.Plain), []any{1, 123456789, 2, 3, 4}},
		{"file", name, []any{"a", "日本日本日本日本日", strings.Repeat("x", 60), "b", "c"}},
		{"m", integer(1, false, plan.Plain), []any{1, 2, 30, 255, 5}},
	}, Options{})
	want := "" +
		"      N  FILE                M\n" +
		"      1  a                   1\n" +
		"123456789  日本日本日本日本日    2\n" +
		"        2  " + strings.Repeat("x", 60) + "   30\n" +
		"        3  b                   255\n" +
		"        4  c                     5\n"
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestNewRefuses(t *testing.T) {
	d, _ := build(t, flagship)
	for _, c := range []struct {
		format string
		o      Options
		want   string
	}{
		{"xml", Options{}, `no output format "xml"; there are table, json, csv, folded, flamegraph, pprof, heatmap, none`},
		{"json", Options{Columns: []string{"sate"}}, `no column "sate"; there are time, owner, flow, state`},
		{"json", Options{Labels: []Label{{"flow", "x"}}}, `column "flow" is asked for twice`},
	} {
		if _, err := New(c.format, nil, d, c.o); err == nil || err.Error() != c.want {
			t.Errorf("error %v, want %s", err, c.want)
		}
	}
	var format *FormatError
	if _, err := New("xml", nil, d, Options{}); !errors.As(err, &format) {
		t.Errorf("%T", err)
	}
}

// TestNone wants nothing written, and every record counted.
func TestNone(t *testing.T) {
	for _, columns := range [][]column{flagship, counts} {
		if got := write(t, "none", columns, Options{}); got != "" {
			t.Errorf("none wrote %q", got)
		}
	}
	d, recs := numbers(t, 101)
	s, err := New("none", nil, d, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, rec := range recs {
		if err := s.Write(rec); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Flush(); err != nil || s.Delivered() != 101 || s.Lost() != 0 {
		t.Errorf("%v, %d delivered, %d lost", err, s.Delivered(), s.Lost())
	}
}

func TestSelectedColumns(t *testing.T) {
	for format, want := range map[string]string{
		"table": "HOST  STATE        FLOW.DPORT\nw1    CLOSE_WAIT        51284\n",
		"":      "HOST  STATE        FLOW.DPORT\nw1    CLOSE_WAIT        51284\n",
		"json":  `{"host":"w1","state":"CLOSE_WAIT","flow.dport":51284}` + "\n",
		"csv":   "host,state,flow.dport\nw1,CLOSE_WAIT,51284\n",
	} {
		var one []column
		for _, c := range flagship {
			one = append(one, column{c.name, c.typ, c.values[:1]})
		}
		got := write(t, format, one, Options{Columns: []string{"state", "flow.dport"}, Labels: []Label{{"host", "w1"}}})
		if got != want {
			t.Errorf("%s: got\n%swant\n%s", format, got, want)
		}
	}
}

// FuzzFormats writes arbitrary records in every format: one line each, JSON that reads,
// CSV of as many columns as its header.
func FuzzFormats(f *testing.F) {
	d, records := build(f, kinds)
	for _, rec := range records {
		f.Add(rec)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		rec := make([]byte, d.Size())
		copy(rec, data)
		for _, format := range lineFormats {
			var out bytes.Buffer
			s, err := New(format.Name, &out, d, Options{})
			if err != nil {
				t.Fatal(err)
			}
			if s.Write(rec) != nil || s.Flush() != nil {
				t.Fatal("bytes.Buffer refused a record")
			}
			head := 1
			if format.Name == "json" {
				head = 0
				if !json.Valid(out.Bytes()) {
					t.Errorf("invalid JSON %s", out.Bytes())
				}
			}
			if lines := bytes.Count(out.Bytes(), []byte{'\n'}); lines != head+1 || !bytes.HasSuffix(out.Bytes(), []byte{'\n'}) {
				t.Errorf("%s: %d lines in %q", format.Name, lines, out.Bytes())
			}
			if format.Name == "csv" {
				// The reader refuses a row of another length than the first's.
				if _, err := stdcsv.NewReader(&out).ReadAll(); err != nil {
					t.Error(err)
				}
			}
		}
	})
}

func TestAllocations(t *testing.T) {
	d, records := build(t, kinds)
	for _, f := range lineFormats {
		s, err := New(f.Name, discard{}, d, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if n := testing.AllocsPerRun(10, func() {
			for _, rec := range records {
				s.Write(rec)
			}
			s.Flush()
		}); n != 0 {
			t.Errorf("%s: %v allocations", f.Name, n)
		}
	}
}

// discard is a writer that takes everything.
type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }

// readaheads is the record of bench/specs/record.yaml.
var readaheads = []column{
	{"time", integer(8, false, plan.Time), []any{1_000_000_000, 1_500_123_456, 1_999_999_999}},
	{"pid", integer(4, false, plan.Plain), []any{1842, 27713, 1842}},
	{"comm", plan.Type{Kind: plan.String, Size: 16}, []any{"loop", "loop", "loop"}},
	{"fd", integer(4, true, plan.Plain), []any{-1, -1, -1}},
	{"offset", integer(8, true, plan.Plain), []any{17, 182_331, 299_999}},
	{"count", integer(8, false, plan.Plain), []any{17, 182_331, 299_999}},
}

// BenchmarkWrite reports the time of one record of the flagship spec and of the one that
// docs/benchmarks.md is about.
func BenchmarkWrite(b *testing.B) {
	for name, columns := range map[string][]column{"flagship": flagship, "readahead": readaheads} {
		d, records := build(b, columns)
		for _, f := range lineFormats {
			b.Run(name+"/"+f.Name, func(b *testing.B) {
				s, err := New(f.Name, discard{}, d, Options{})
				if err != nil {
					b.Fatal(err)
				}
				b.ReportAllocs()
				n := 0
				for b.Loop() {
					s.Write(records[n%len(records)])
					if n++; n%256 == 0 {
						s.Flush()
					}
				}
			})
		}
	}
}
