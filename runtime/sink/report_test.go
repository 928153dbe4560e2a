package sink

import (
	"bytes"
	stdcsv "encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/clipperhouse/displaywidth"

	"github.com/ebgen/ebgen/runtime/decode"
	"github.com/ebgen/ebgen/spec/plan"
)

// histograms are those of the test's plans: of powers of two, of steps, and a fine one.
var histograms = []plan.Histogram{
	{},
	{Linear: true, Low: 0, High: 100, Step: 25, Signed: true},
	{Bits: 3},
}

func histOf(index int, m plan.Meaning) plan.Type {
	return plan.Type{Kind: plan.Hist, Size: 8 * histograms[index-1].Buckets(), Meaning: m, Hist: index}
}

// counted gives the buckets of a histogram: n values of each that is named.
func counted(index int, times map[int64]uint64) []byte {
	h := &histograms[index-1]
	counts := make([]byte, 8*h.Buckets())
	for v, n := range times {
		order.PutUint64(counts[8*h.Index(uint64(v)):], n)
	}
	return counts
}

var (
	nameType = plan.Type{Kind: plan.String, Size: 16}
	ratio    = plan.Type{Kind: plan.Float, Size: 8}
)

// counts is a table without histograms; its last row has no mean.
var counts = []column{
	{"comm", nameType, []any{"sshd", "kworker/u8:日本", "a,b"}},
	{"calls", integer(8, false, plan.Plain), []any{123456789, 101, 0}},
	{"share", ratio, []any{99.99, 0.005, 0.0}},
	{"mean", plan.Type{Kind: plan.Float, Size: 8, Meaning: plan.Duration}, []any{1_234_567.25, 999.5, nil}},
	{"worst", integer(8, false, plan.Duration), []any{90_000_000_000, 1000, nil}},
}

// latencies is a table with histograms: usual ones, ones of a single or an open bucket,
// and none of any value.
var latencies = []column{
	{"comm", nameType, []any{"sshd", "a,\"b\"", "idle", "gone"}},
	{"lat", histOf(1, plan.Duration), []any{
		counted(1, map[int64]uint64{1 << 10: 12, 1 << 11: 123, 1 << 13: 61, 1 << 20: 1}),
		counted(1, map[int64]uint64{0: 1 << 60, 4: 1<<64 - 1}), counted(1, nil), nil,
	}},
	{"calls", integer(8, false, plan.Plain), []any{197, 37, 0, nil}},
	{"load", histOf(2, plan.Plain), []any{
		counted(2, map[int64]uint64{-1: 7, 30: 37, 100: 101}), counted(2, map[int64]uint64{0: 1}), counted(2, nil), counted(2, nil),
	}},
}

// reportAt is when the first report of a test is made; the second follows a second later.
var reportAt = time.Date(2026, 11, 3, 16, 0, 1, 5000, time.UTC)

// writeReports writes a report of all rows but the last, one of none, and one of all.
func writeReports(t *testing.T, format string, columns []column, o Options) string {
	t.Helper()
	d, rows := buildFor(t, &plan.Table{}, columns)
	var out bytes.Buffer
	s, err := New(format, &out, d, o)
	if err != nil {
		t.Fatal(err)
	}
	for i, rows := range [][][]byte{rows[:len(rows)-1], nil, rows} {
		if err := s.Report(reportAt.Add(time.Duration(i)*time.Second), rows); err != nil {
			t.Fatal(err)
		}
		if err := s.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	if want := uint64(2*len(rows) - 1); s.Delivered() != want || s.Lost() != 0 {
		t.Errorf("%d delivered, %d lost, want %d", s.Delivered(), s.Lost(), want)
	}
	return out.String()
}

func TestReports(t *testing.T) {
	for _, table := range []struct {
		name    string
		columns []column
		o       Options
	}{
		{"counts", counts, Options{}},
		{"counts_interval", counts, Options{Interval: true, Labels: []Label{{"host", "w1"}}}},
		{"latencies", latencies, Options{}},
		{"latencies_interval", latencies, Options{Interval: true, Columns: []string{"calls", "lat"}}},
		{"bars", latencies[1:2], Options{}},
	} {
		for _, f := range lineFormats {
			t.Run(table.name+"/"+f.Name, func(t *testing.T) {
				golden(t, table.name+"."+f.Name, writeReports(t, f.Name, table.columns, table.o))
			})
		}
	}
}

// TestReportReadsBack reads reports with the standard library's readers.
func TestReportReadsBack(t *testing.T) {
	var rows []struct {
		Time  time.Time
		Comm  string
		Calls *uint64
		Lat   []struct{ Low, High, Count *uint64 }
		Load  []struct{ Low, High, Count *int64 }
	}
	text := writeReports(t, "json", latencies, Options{Interval: true})
	if err := json.Unmarshal([]byte("["+strings.ReplaceAll(strings.TrimSpace(text), "\n", ",")+"]"), &rows); err != nil {
		t.Fatal(err)
	}
	if len(rows) != 7 || !rows[2].Time.Equal(reportAt) || !rows[3].Time.Equal(reportAt.Add(2*time.Second)) {
		t.Fatalf("%+v", rows)
	}
	if r := rows[1]; len(r.Lat) != 2 || *r.Lat[1].High != 7 || *r.Lat[1].Count != 1<<64-1 {
		t.Errorf("%+v", r)
	}
	if r := rows[0]; len(r.Load) != 3 || r.Load[0].Low != nil || *r.Load[0].High != -1 || *r.Load[1].Low != 25 || *r.Load[1].High != 49 || r.Load[2].High != nil {
		t.Errorf("%+v", r)
	}
	if r := rows[6]; r.Calls != nil || r.Lat != nil || r.Load == nil {
		t.Errorf("%+v", r)
	}

	lines, err := stdcsv.NewReader(strings.NewReader(writeReports(t, "csv", latencies, Options{Interval: true}))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	// Of each whole report 4 + 3 lines of sshd, 2 + 1 of the second, 1 of the third without
	// any bucket; of the last report 1 more.
	if want := 1 + 2*(7+3+1) + 1; len(lines) != want {
		t.Errorf("%d lines, want %d", len(lines), want)
	}
	if got, want := strings.Join(lines[0], " "), "time comm lat.low lat.high lat.count calls load.low load.high load.count"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// TestReportAccount stops the writer after every possible number of bytes: a row is
// delivered when the last byte of its last line was taken.
func TestReportAccount(t *testing.T) {
	for _, f := range lineFormats {
		d, rows := buildFor(t, &plan.Table{}, latencies)
		var ends []int // of each row, by writing ever more of them
		for n := range len(rows) + 1 {
			var out bytes.Buffer
			s, err := New(f.Name, &out, d, Options{Interval: true})
			if err != nil {
				t.Fatal(err)
			}
			if s.Report(reportAt, rows[:n]) != nil || s.Flush() != nil {
				t.Fatal("bytes.Buffer refused a report")
			}
			ends = append(ends, out.Len())
		}
		for room := range ends[len(rows)] {
			s, err := New(f.Name, &limited{room: room, err: syscall.ENOSPC}, d, Options{Interval: true})
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Report(reportAt, rows); err != nil {
				t.Fatal(err)
			}
			whole := 0
			for whole < len(rows) && ends[whole+1] <= room {
				whole++
			}
			if err := s.Flush(); !errors.Is(err, syscall.ENOSPC) || s.Delivered() != uint64(whole) || s.Lost() != uint64(len(rows)-whole) {
				t.Errorf("%s, room for %d bytes: %v, %d delivered, %d lost, want %d delivered", f.Name, room, err, s.Delivered(), s.Lost(), whole)
			}
			if err := s.Report(reportAt, rows); !errors.Is(err, syscall.ENOSPC) || s.Delivered()+s.Lost() != uint64(2*len(rows)) {
				t.Errorf("%s, after a failure: %v, %d delivered, %d lost", f.Name, err, s.Delivered(), s.Lost())
			}
		}
	}
}

func TestWrongRow(t *testing.T) {
	d, rows := buildFor(t, &plan.Table{}, counts)
	var out bytes.Buffer
	s, err := New("csv", &out, d, Options{Columns: []string{"calls"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Report(reportAt, [][]byte{rows[0], rows[1][1:], rows[2]}); !errors.Is(err, decode.ErrRecordSize) || s.Lost() != 3 {
		t.Errorf("%v, %d lost", err, s.Lost())
	}
	if err := s.Report(reportAt, rows[:1]); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil || s.Delivered() != 1 || out.String() != "calls\n123456789\n" {
		t.Errorf("%v, %d delivered, %q", err, s.Delivered(), out.String())
	}
	if err := s.Report(reportAt, rows); !errors.Is(err, ErrClosed) || s.Lost() != 6 {
		t.Errorf("after Close: %v, %d lost", err, s.Lost())
	}
}

// TestTimeColumn keeps a field from being hidden by the time of the report.
func TestTimeColumn(t *testing.T) {
	d, _ := buildFor(t, &plan.Table{}, []column{{"time", integer(8, false, plan.Time), []any{1}}, {"n", ratio, []any{1.0}}})
	for _, c := range []struct {
		format string
		o      Options
		want   error
	}{
		{"json", Options{Interval: true}, ErrTimeColumn},
		{"csv", Options{Interval: true}, ErrTimeColumn},
		{"json", Options{Interval: true, Columns: []string{"n"}}, nil},
		{"json", Options{Interval: true, Columns: []string{"n"}, Labels: []Label{{"time", "now"}}}, ErrTimeColumn},
		{"json", Options{}, nil},
		{"table", Options{Interval: true}, nil},
	} {
		if _, err := New(c.format, nil, d, c.o); err != c.want {
			t.Errorf("%s %+v: %v, want %v", c.format, c.o, err, c.want)
		}
	}
}

// TestReportWidths shows that a report's columns are as wide as its own values need, and
// keep their places in the next report.
func TestReportWidths(t *testing.T) {
	long := strings.Repeat("x", 60)
	d, rows := buildFor(t, &plan.Table{}, []column{
		{"n", integer(4, false, plan.Plain), []any{1, 123456789, 2}},
		{"file", textType, []any{"日本", "abcdefgh", long}},
		{"m", integer(1, false, plan.Plain), []any{1, 200, 3}},
	})
	var out bytes.Buffer
	s, err := New("table", &out, d, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, rows := range [][][]byte{rows[:1], rows, rows[:1]} {
		if err := s.Report(reportAt, rows); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Flush(); err != nil {
		t.Fatal(err)
	}
	want := "" +
		"N  FILE  M\n" +
		"1  日本  1\n" +
		"\n" +
		"        N  FILE        M\n" +
		"        1  日本        1\n" +
		"123456789  abcdefgh  200\n" +
		"        2  " + long + "    3\n" +
		"\n" +
		"        N  FILE        M\n" +
		"        1  日本        1\n"
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
}

// TestBarsFitTerminal holds usual histograms to 80 columns.
func TestBarsFitTerminal(t *testing.T) {
	for line := range strings.Lines(writeReports(t, "table", []column{{latencies[1].name, latencies[1].typ, latencies[1].values[:1]}}, Options{})) {
		if width := displaywidth.String(strings.TrimSuffix(line, "\n")); width > 80 {
			t.Errorf("%d columns: %s", width, line)
		}
	}
}

// TestReportAllocations holds a report to a cost that does not grow with its rows, once
// the buffers have.
func TestReportAllocations(t *testing.T) {
	for _, columns := range [][]column{counts, latencies} {
		d, rows := buildFor(t, &plan.Table{}, columns)
		for _, f := range lineFormats {
			s, err := New(f.Name, discard{}, d, Options{Interval: true})
			if err != nil {
				t.Fatal(err)
			}
			if n := testing.AllocsPerRun(10, func() {
				s.Report(reportAt, rows)
				s.Flush()
			}); n != 0 {
				t.Errorf("%s: %v allocations", f.Name, n)
			}
		}
	}
}

// FuzzReports writes arbitrary rows in every format: JSON and CSV that read, and no byte
// that a terminal obeys.
func FuzzReports(f *testing.F) {
	d, rows := buildFor(f, &plan.Table{}, append(latencies, column{"share", ratio, []any{0.5, -1e-9, nil, 1e300}}))
	for _, row := range rows {
		f.Add(row)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		row := make([]byte, d.Size())
		copy(row, data)
		for _, format := range lineFormats {
			var out bytes.Buffer
			s, err := New(format.Name, &out, d, Options{Interval: true})
			if err != nil {
				t.Fatal(err)
			}
			if s.Report(reportAt, [][]byte{row, row}) != nil || s.Flush() != nil {
				t.Fatal("bytes.Buffer refused a report")
			}
			if bytes.ContainsAny(out.Bytes(), "\x1b\r\x00") || !bytes.HasSuffix(out.Bytes(), []byte{'\n'}) {
				t.Errorf("%s: %q", format.Name, out.Bytes())
			}
			switch format.Name {
			case "json":
				for line := range bytes.Lines(out.Bytes()) {
					if !json.Valid(line) {
						t.Errorf("invalid JSON %s", line)
					}
				}
			case "csv":
				// The reader refuses a row of another length than the first's.
				if _, err := stdcsv.NewReader(&out).ReadAll(); err != nil {
					t.Error(err)
				}
			}
		}
	})
}

// BenchmarkReport reports the time of 100,000 rows.
func BenchmarkReport(b *testing.B) {
	const n = 100_000
	names, calls, shares := make([]any, n), make([]any, n), make([]any, n)
	for i := range n {
		names[i], calls[i], shares[i] = fmt.Sprintf("task-%d", i), i*i, float64(i)/7
	}
	d, rows := buildFor(b, &plan.Table{}, []column{{"comm", nameType, names}, {"calls", integer(8, false, plan.Plain), calls}, {"share", ratio, shares}})
	for _, f := range lineFormats {
		b.Run(f.Name, func(b *testing.B) {
			s, err := New(f.Name, discard{}, d, Options{})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				s.Report(reportAt, rows)
				s.Flush()
			}
		})
	}
}
