package example

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ebgen/ebgen/runtime"
	"github.com/ebgen/ebgen/runtime/decode"
	"github.com/ebgen/ebgen/runtime/recording"
	"github.com/ebgen/ebgen/runtime/sink"
	"github.com/ebgen/ebgen/spec"
	"github.com/ebgen/ebgen/spec/check"
	"github.com/ebgen/ebgen/spec/ktype"
	"github.com/ebgen/ebgen/spec/plan"
	"github.com/ebgen/ebgen/spec/source"
	"github.com/ebgen/ebgen/specs"
)

func running(t testing.TB) *ktype.Kernel {
	t.Helper()
	k, err := ktype.Running()
	if err != nil {
		t.Skipf("no types to check against: %v", err)
	}
	return k
}

// checked is the plan of a spec's text.
func checked(t testing.TB, k *ktype.Kernel, text string) (*spec.Document, *plan.Plan) {
	t.Helper()
	doc, diags := spec.Parse("x.yaml", []byte(text))
	p, diags := check.Check(doc, diags, k, check.Options{Arch: k.Arch()})
	if p == nil {
		var b strings.Builder
		_ = diags.Print(&b)
		t.Fatal(b.String())
	}
	return doc, p
}

const records = `name: x
params: {comm: {type: string}}
probe: rawtracepoint:sched_process_exit
fields:
  time: time
  pid: pid
  comm: comm
  flags: args.p.flags
  stack: kstack
filter: comm == $comm
`

const recordSamples = `-- samples --
{"record":{"time":1000000000,"pid":37,"comm":"cat","flags":4194304,"stack":7}}
{"record":{"time":2500000000,"pid":101,"comm":"日本","flags":null,"stack":0}}
-- names --
{"clock":1700000000000000000}
{"frames":[{"n":1,"name":"do_exit","offset":16,"address":4096,"kernel":true}]}
{"stacks":[{"id":7,"frames":[1]}]}
`

const table = `name: x
probe: rawtracepoint:sched_process_exit
fields:
  comm: comm
  exits: count()
  flags: hist(args.p.flags)
  most: max(args.p.flags)
  each: sum(args.p.flags) / count()
channel: map
`

const tableSamples = `-- samples --
{"key":{"comm":"cat"},"cells":{"exits":37,"flags":{"2":37},"most":3,"most_seen":1,"each":74,"each_2":37}}
{"key":{"comm":"ls"},"cells":{"exits":101,"flags":{"0":1,"1":100},"most":0,"most_seen":0,"each":101,"each_2":101}}
{"report":"2026-11-26T06:40:13.5Z"}
-- names --
{"clock":1700000000000000000}
`

// parsed is an example of a spec, with the rows that it gives.
func parsed(t testing.TB, k *ktype.Kernel, text, samples string) *Example {
	t.Helper()
	head := fmt.Sprintf("-- kernel --\n{\"kernel\":\"6.18.0\",\"arch\":%q,\"recorded\":\"2026-11-26T06:40:13Z\"}\n-- spec --\n%s", k.Arch(), text)
	e, err := Parse("x.example", []byte(head+samples))
	if err != nil {
		t.Fatal(err)
	}
	doc, p := checked(t, k, text)
	result, err := e.Test(doc, p, k)
	if err != nil {
		t.Fatal(err)
	}
	if result.Diags.Failed() || len(result.Diags.All()) > 0 {
		t.Fatalf("%+v", result.Diags.All())
	}
	if err := e.Update(result); err != nil {
		t.Fatal(err)
	}
	return e
}

// TestRows wants the rows that a run would have shown.
func TestRows(t *testing.T) {
	k := running(t)
	e := parsed(t, k, records, recordSamples)
	want := `TIME                 PID  COMM               FLAGS
22:13:21.000000       37  cat              4194304
    do_exit+0x10

22:13:22.500000      101  日本                   ?
    empty
`
	if diff := cmp.Diff(want, e.rows["table"]); diff != "" {
		t.Errorf("table (-want +got):\n%s", diff)
	}
	want = `{"time":"2023-11-14T22:13:21.000000000Z","pid":37,"comm":"cat","flags":4194304,"stack":[{"name":"do_exit","offset":16,"address":"0x1000"}]}
{"time":"2023-11-14T22:13:22.500000000Z","pid":101,"comm":"日本","flags":null,"stack":[]}
`
	if diff := cmp.Diff(want, e.rows["json"]); diff != "" {
		t.Errorf("json (-want +got):\n%s", diff)
	}
	e = parsed(t, k, table, tableSamples)
	want = `{"comm":"cat","exits":37,"flags":[{"low":2,"high":3,"count":37}],"most":3,"each":2}
{"comm":"ls","exits":101,"flags":[{"low":0,"high":0,"count":1},{"low":1,"high":1,"count":100}],"most":null,"each":1}
`
	if diff := cmp.Diff(want, e.rows["json"]); diff != "" {
		t.Errorf("json (-want +got):\n%s", diff)
	}
}

// TestChanges says what each change of a spec does to its examples.
func TestChanges(t *testing.T) {
	k := running(t)
	for _, c := range []struct {
		name, spec, samples string
		change              []string // old, new, …
		diags               []string // line, severity, message
		diff                []string // lines that the rows get
	}{
		{name: "nothing", spec: records, samples: recordSamples, change: []string{"fields:", "# a remark\nfields:"}},
		{name: "parameters, limits, help", spec: records, samples: recordSamples,
			change: []string{"{comm: {type: string}}", "{comm: {type: string, default: cat, help: whose}}\nlimits: {count: 7}"},
			diags: []string{`11 warning this filter is not that of the recorded run: whether the samples would still be delivered, the kernel alone can tell`,
				`1 warning the recorded run had another filter, ` + "`filter: comm == $comm`" + `: what more would be delivered without it, the kernel alone can tell`}},
		{name: "renamed", spec: records, samples: recordSamples, change: []string{"  pid: pid", "  tgid: pid"},
			diff: []string{"+TIME                TGID  COMM               FLAGS"}},
		{name: "formatted", spec: records, samples: recordSamples, change: []string{"flags: args.p.flags", "flags: {expr: args.p.flags, format: hex}"},
			diff: []string{"+22:13:21.000000       37  cat                0x400000"}},
		{name: "moved and left out", spec: records, samples: recordSamples, change: []string{"  time: time\n", "", "  comm: comm\n", ""},
			diff: []string{"+    PID    FLAGS"}},
		{name: "computed otherwise", spec: records, samples: recordSamples, change: []string{"flags: args.p.flags", "flags: args.p.exit_state"},
			diags: []string{"8 error column flags is computed otherwise than when the samples were recorded, by `flags: args.p.flags`: what the kernel gives for it now is not known"}},
		{name: "new", spec: records, samples: recordSamples, change: []string{"  stack:", "  more: tid\n  stack:"},
			diags: []string{"9 error column more was not there when the samples were recorded, and what the kernel gives for it is not known"}},
		{name: "twice", spec: records, samples: recordSamples, change: []string{"  stack:", "  again: pid\n  stack:"},
			diff: []string{"+TIME                 PID  COMM               FLAGS    AGAIN"}},
		{name: "filtered", spec: records, samples: recordSamples, change: []string{"filter: comm == $comm", "filter: [comm == $comm, pid > 1]"},
			diags: []string{"10 warning this filter is not that of the recorded run: whether the samples would still be delivered, the kernel alone can tell"}},
		{name: "another probe", spec: records, samples: recordSamples, change: []string{"rawtracepoint:sched_process_exit", "rawtracepoint:sched_process_free"},
			diags: []string{"3 warning this probe is not that of the recorded run: whether the samples would still be delivered, the kernel alone can tell",
				"1 warning the recorded run had another probe, `probe: rawtracepoint:sched_process_exit`: what more would be delivered without it, the kernel alone can tell"}},
		{name: "a probe for other kernels", spec: records, samples: recordSamples, change: []string{"rawtracepoint:sched_process_exit", "rawtracepoint:sched_process_exit | function:do_exit"}},
		{name: "names that are not there", spec: records, samples: recordSamples, change: []string{"flags: args.p.flags", "flags: {expr: args.p.flags, format: syscall}"},
			diags: []string{"1 warning the samples have no names for what is shown by name now, and numbers take their place"},
			diff:  []string{`+{"time":"2023-11-14T22:13:21.000000000Z","pid":37,"comm":"cat","flags":"4194304","stack":[{"name":"do_exit","offset":16,"address":"0x1000"}]}`}},
		{name: "a table", spec: records, samples: recordSamples, change: []string{"  time: time\n", "  n: count()\n", "filter:", "channel: map\nfilter:"},
			diags: []string{"1 error the samples are of records, and this is a spec of a table"}},

		{name: "computed from the same counts", spec: table, samples: tableSamples, change: []string{"each: sum(args.p.flags)", "each: 100 * sum(args.p.flags)"},
			diff: []string{`+{"comm":"cat","exits":37,"flags":[{"low":2,"high":3,"count":37}],"most":3,"each":200}`}},
		{name: "another computation", spec: table, samples: tableSamples, change: []string{"each: sum(args.p.flags) / count()", "share: 100 * exits / sum(args.p.flags)"},
			diff: []string{`+{"comm":"cat","exits":37,"flags":[{"low":2,"high":3,"count":37}],"most":3,"share":50}`}},
		{name: "what was not counted", spec: table, samples: tableSamples, change: []string{"max(args.p.flags)", "min(args.p.flags)"},
			diags: []string{"7 error what is counted here was not when the samples were recorded"}},
		{name: "other buckets", spec: table, samples: tableSamples, change: []string{"hist(args.p.flags)", "lhist(args.p.flags, 0, 100, 10)"},
			diags: []string{"6 error what is counted here was not when the samples were recorded"}},
		{name: "another key", spec: table, samples: tableSamples, change: []string{"  comm: comm", "  comm: args.p.comm"},
			diags: []string{"4 error column comm is computed otherwise than when the samples were recorded, by `comm: comm`: what the kernel gives for it now is not known"}},
		{name: "sorted and cut", spec: table, samples: tableSamples, change: []string{"channel: map", "channel: map\noutput: {sort: -exits, top: 1}"},
			diff: []string{`-{"comm":"cat","exits":37,"flags":[{"low":2,"high":3,"count":37}],"most":3,"each":2}`, ` {"comm":"ls","exits":101,"flags":[{"low":0,"high":0,"count":1},{"low":1,"high":1,"count":100}],"most":null,"each":1}`}},
		{name: "columns", spec: table, samples: tableSamples, change: []string{"channel: map", "channel: map\noutput: {columns: [comm, exits]}"},
			diff: []string{`+{"comm":"cat","exits":37}`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := parsed(t, k, c.spec, c.samples)
			changed := strings.NewReplacer(c.change...).Replace(c.spec)
			doc, p := checked(t, k, changed)
			result, err := e.Test(doc, p, k)
			if err != nil {
				t.Fatal(err)
			}
			var diags []string
			for _, d := range result.Diags.All() {
				diags = append(diags, fmt.Sprintf("%d %s %s", result.Diags.File.Position(d.Span.Start).Line, []string{"error", "warning"}[d.Severity], d.Message))
			}
			slices.Sort(diags)
			slices.Sort(c.diags)
			if diff := cmp.Diff(c.diags, diags); diff != "" {
				t.Errorf("diagnostics (-want +got):\n%s", diff)
			}
			if (result.Diff == "") != (c.diff == nil) {
				t.Errorf("rows:\n%s", result.Diff)
			}
			for _, line := range c.diff {
				if !strings.Contains(result.Diff, "\n"+line+"\n") {
					t.Errorf("the difference of the rows has no line\n%s\n%s", line, result.Diff)
				}
			}
		})
	}
}

// TestCatalogue compares each spec of the catalogue with itself: every column is found under
// its own name, and nothing is said.
func TestCatalogue(t *testing.T) {
	k := running(t)
	held := 0
	for _, path := range specs.Paths() {
		_, text, _ := specs.Find(strings.TrimSuffix(strings.TrimPrefix(path, "specs/"), ".yaml"))
		doc, diags := spec.Parse(path, text)
		p, diags := check.Check(doc, diags, k, check.Options{Arch: k.Arch()})
		if p == nil {
			t.Logf("%s: %s", path, diags.All()[0].Message)
			continue
		}
		held++
		m := &matcher{doc: doc, then: newTraced(p), now: newTraced(p), diags: &source.Diagnostics{File: doc.File}, spec: string(text)}
		m.match()
		for _, d := range m.diags.All() {
			t.Errorf("%s: %s", path, d.Message)
		}
		for i, f := range m.now.given.Fields {
			if m.given[i] != f.Name {
				t.Errorf("%s: %s is taken from %s", path, f.Name, m.given[i])
			}
		}
		if m.now.cells == nil {
			continue
		}
		for i, f := range m.now.cells.Fields {
			if m.cells[i] == "" {
				t.Errorf("%s: %s is taken from nothing", path, f.Name)
			}
		}
	}
	if held < len(specs.Paths())/2 {
		t.Errorf("%d of %d specs hold here", held, len(specs.Paths()))
	}
}

// TestSpanFollows wants a column complained about whose value a span keeps otherwise.
func TestSpanFollows(t *testing.T) {
	k := running(t)
	const text = `name: x
span: {start: "syscall:openat", end: "syscall:openat:return", keep: {path: str(args.filename)}}
fields: {path: start.path}
`
	e := parsed(t, k, text, "-- samples --\n{\"record\":{\"path\":\"/etc\"}}\n")
	doc, p := checked(t, k, strings.Replace(text, "str(args.filename)", "comm", 1))
	result, err := e.Test(doc, p, k)
	if err != nil {
		t.Fatal(err)
	}
	if !result.Diags.Failed() {
		t.Errorf("%+v", result.Diags.All())
	}
}

// TestRecord makes an example of a recording, which holds at once and can be read again.
func TestRecord(t *testing.T) {
	k := running(t)
	for _, c := range []struct{ spec, samples string }{{records, recordSamples}, {table, tableSamples}} {
		want := parsed(t, k, c.spec, c.samples)
		doc, p := checked(t, k, c.spec)
		file := recorded(t, want, p, c.spec)
		r, err := recording.Open(bytes.NewReader(file))
		if err != nil {
			t.Fatal(err)
		}
		got, err := Record("x.example", r, 20)
		if err != nil {
			t.Fatal(err)
		}
		result, err := got.Test(doc, p, k)
		if err != nil || result.Diags.Failed() || result.Samples != 2 {
			t.Fatalf("%v, %+v", err, result)
		}
		if err := got.Update(result); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want.Format()), string(got.Format())); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	}
}

// recorded is the recording of a run that delivers what an example has.
func recorded(t *testing.T, e *Example, p *plan.Plan, text string) []byte {
	t.Helper()
	names := recording.NewNames()
	for i := range e.names {
		names.Learn(&e.names[i])
	}
	d, err := decode.New(p, names.Env())
	if err != nil {
		t.Fatal(err)
	}
	out, err := sink.New("none", nil, d, sink.Options{})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "recording")
	head := recording.Head{Plan: p, Spec: text, Host: recording.Host{Release: e.Release}, Started: e.Recorded}
	r, err := recording.Create(path, head, names.Env())
	if err != nil {
		t.Fatal(err)
	}
	r.Tee(out)
	now := newTraced(p)
	own := func(r *plan.Record) (all []string) {
		for _, f := range r.Fields {
			all = append(all, f.Name)
		}
		return all
	}
	for _, s := range e.samples {
		if s.Record != nil {
			rec, failed := fill(now.given, own(now.given), s.Record)
			err = errors.Join(failed, r.Write(rec))
		} else if s.Report != nil {
			err = r.Report(*s.Report, nil)
		} else {
			key, failed := fill(now.given, own(now.given), s.Key)
			value, wrong := fill(now.cells, own(now.cells), s.Cells)
			err = errors.Join(failed, wrong, r.Count(key, value))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(r.Compose(true), r.Flush(), r.Close(new(runtime.Account), nil)); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// TestWrong wants what is wrong with the text of an example said.
func TestWrong(t *testing.T) {
	k := running(t)
	whole := string(parsed(t, k, records, recordSamples).Format())
	for _, c := range []struct{ old, new, want string }{
		{"-- samples --", "-- sample --", `it is no example: there is no section "samples"`},
		{`{"record":{"time":1000000000`, `{"rekord":{"time":1000000000`, `line 1 of samples: json: unknown field "rekord"`},
		{`"pid":37,`, `"pid":37,"pid":38,`, `line 1 of samples: "pid" stands there twice`},
		{`{"clock":1700000000000000000}`, `{"clock":1} x`, `line 1 of names: something follows`},
		{`"pid":37,`, ``, `sample 1: a sample has no pid`},
		{`"pid":37,`, `"pid":4294967296,`, `sample 1: pid: 4294967296 is too large for 4 bytes`},
		{`"pid":37,`, `"pid":"x",`, `sample 1: pid: "x" is no number`},
		{`"pid":37,`, `"pid":null,`, `sample 1: a sample has no value for pid, which always has one`},
		{`"comm":"cat"`, `"comm":"cat that has more than sixteen bytes"`, `sample 1: comm: "cat that has more than sixteen bytes" has more than 16 bytes`},
		{`"comm":"cat"`, `"comm":{"hex":"00"}`, `sample 1: comm: 1 bytes are there, and the column has 16`},
		{`{"record":{"time":1000000000`, `{"key":{"time":1000000000`, `sample 1: it is no sample of records`},
		{"flags: args.p.flags", "flags: args.p.flogs", "the spec that was recorded does not hold on Linux"},
	} {
		e, err := Parse("x.example", []byte(strings.Replace(whole, c.old, c.new, 1)))
		if err == nil {
			doc, p := checked(t, k, records)
			_, err = e.Test(doc, p, k)
		}
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "x.example: ") {
			t.Errorf("%s: %v, want %s", c.new, err, c.want)
		}
	}
}

// TestBelongs wants each example beside the one spec that it is of.
func TestBelongs(t *testing.T) {
	specs := []string{"tcp", "tcp.v6", "tcplife"}
	for name, want := range map[string]string{
		"tcp.example": "tcp", "tcp.loss.example": "tcp", "tcp.v6.example": "tcp.v6", "tcp.v6.loss.example": "tcp.v6",
		"tcplife.example": "tcplife", "other.example": "", "tcp.yaml": "", "tcp.v6x.example": "tcp",
	} {
		got := ""
		for _, s := range specs {
			if belongs(name, s, specs) {
				got += s
			}
		}
		if got != want {
			t.Errorf("%s is of %q, want %q", name, got, want)
		}
	}
}

// shown are types that samples have.
var shown = []plan.Type{
	{Kind: plan.Int, Size: 1}, {Kind: plan.Int, Size: 2, Signed: true}, {Kind: plan.Int, Size: 4, Signed: true}, {Kind: plan.Int, Size: 8}, {Kind: plan.Int, Size: 8, Signed: true},
	{Kind: plan.Enumer, Size: 4}, {Kind: plan.Bool, Size: 1}, {Kind: plan.Pointer, Size: 8}, {Kind: plan.String, Size: 16}, {Kind: plan.Bytes, Size: 5},
	{Kind: plan.IP, Size: 16}, {Kind: plan.Flow, Size: plan.FlowSize}, {Kind: plan.Owner, Size: plan.OwnerSize}, {Kind: plan.Stack, Size: 8}, {Kind: plan.Hist, Size: 64},
}

// FuzzValue wants every byte of every value back that goes through the text of an example.
func FuzzValue(f *testing.F) {
	f.Add(make([]byte, 64))
	f.Add(bytes.Repeat([]byte{0xff}, 64))
	f.Add([]byte("cat\x00dog\x00/etc/passwd and more than that, up to 64 bytes of text"))
	f.Add(append(append(make([]byte, 10), 0xff, 0xff, 127, 0, 0, 1), make([]byte, 48)...))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, typ := range shown {
			b := make([]byte, typ.Size)
			copy(b, data)
			var back any
			d := json.NewDecoder(bytes.NewReader(line(show(typ, b))))
			d.UseNumber()
			if err := d.Decode(&back); err != nil {
				t.Fatal(err)
			}
			if again, err := layOut(typ, back); err != nil || !bytes.Equal(again, b) {
				t.Errorf("%s: % x became %s, then % x, %v", typ, b, line(show(typ, b)), again, err)
			}
		}
	})
}

// FuzzParse wants of any text an example that can be written and read again, or an error.
func FuzzParse(f *testing.F) {
	const head = "-- kernel --\n{\"kernel\":\"6.18.0\",\"arch\":\"amd64\",\"recorded\":\"2026-11-26T06:40:13Z\"}\n-- spec --\n"
	f.Add([]byte(head + records + recordSamples + "-- table --\nx\n"))
	f.Add([]byte(head + table + tableSamples))
	f.Add([]byte("-- --"))
	f.Fuzz(func(t *testing.T, text []byte) {
		e, err := Parse("x.example", text)
		if err != nil {
			return
		}
		again, err := Parse("x.example", e.Format())
		if err != nil {
			t.Fatalf("%v:\n%s", err, e.Format())
		}
		if !bytes.Equal(again.Format(), e.Format()) {
			t.Errorf("%s\nbecame\n%s", e.Format(), again.Format())
		}
	})
}
