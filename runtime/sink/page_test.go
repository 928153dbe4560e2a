package sink

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/ebgen/ebgen/runtime/stack"
	"github.com/ebgen/ebgen/spec/plan"
)

// frames asks the page for the share of the graph's width that each box has, by name.
const frames = `Object.fromEntries([...document.querySelectorAll('.frame')].map((f) => [f.ariaLabel,
	f.getBoundingClientRect().width / document.getElementById('graph').clientWidth]))`

// text asks for what an element says.
func (b *browser) text(id string) (text string) {
	b.t.Helper()
	b.eval(fmt.Sprintf("document.getElementById(%q).textContent", id), &text)
	return text
}

// share wants a box of that share of the width, to half a percent.
func (b *browser) share(name string, want float64) {
	b.t.Helper()
	var all map[string]float64
	b.eval(frames, &all)
	if got, ok := all[name]; !ok || math.Abs(got-want) > 0.005 {
		b.t.Errorf("%s is %.4f of the width (there: %v), want %.4f; all: %v", name, got, ok, want, all)
	}
}

// click clicks on the middle of a box.
func (b *browser) click(name string) {
	b.t.Helper()
	var at struct{ X, Y float64 }
	b.eval(fmt.Sprintf(`(() => {
		const r = document.querySelector('.frame[aria-label=%q]').getBoundingClientRect();
		return { X: r.x + r.width / 2, Y: r.y + r.height / 2 };
	})()`, name), &at)
	for _, kind := range []string{"mouseMoved", "mousePressed", "mouseReleased"} {
		b.call("Input.dispatchMouseEvent", map[string]any{"type": kind, "x": at.X, "y": at.Y, "button": "left", "clickCount": 1}, nil)
	}
}

// TestPages looks at the pictures in a browser.
func TestPages(t *testing.T) {
	b := newBrowser(t)
	for name, look := range map[string]func(*testing.T, *browser){
		"flamegraph": lookAtFlamegraph, "large flamegraph": lookAtLargeFlamegraph, "heatmap": lookAtHeatmap,
	} {
		t.Run(name, func(t *testing.T) {
			b.t = t
			look(t, b)
		})
	}
	b.t = t
}

// lookAtFlamegraph does what a user does.
func lookAtFlamegraph(t *testing.T, b *browser) {
	b.size(1200, 800)
	b.open(draw(t, "flamegraph", Options{}))
	const all = 70 + 30 + 101 + 37 + 7 + 1
	b.share("test", 1)
	b.share("split", 100./all)
	b.share("seventy", 70./all)
	b.share("ext4_read", 101./all)
	b.shoot("small.png")

	// A click widens a box and keeps what it stands on.
	b.click("split")
	b.share("test", 1)
	b.share("split", 1)
	b.share("seventy", 0.7)
	b.share("thirty", 0.3)
	if tip := b.text("tip"); !strings.Contains(tip, "100 samples, 40.65% of all") {
		t.Errorf("the tip says %q", tip)
	}

	// What a search finds is marked, and counts once.
	b.key("/", "Slash", 191)
	b.call("Input.insertText", map[string]any{"text": "^(thirty|MUL)$"}, nil)
	if got, want := b.text("matched"), "53.25% matched, 30.00% of what is shown"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	var hits []string
	b.eval(`[...document.querySelectorAll('.hit')].map((f) => f.ariaLabel)`, &hits)
	if got := strings.Join(hits, " "); got != "thirty mul" {
		t.Errorf("marked are %s", got)
	}
	b.eval(`document.getElementById('search').value = '('; search('(')`, nil) // no regular expression
	if got := b.text("matched"); !strings.HasPrefix(got, "15.04% matched") {
		t.Errorf("%q", got)
	}
	b.key("Escape", "Escape", 27) // the search, then the zoom
	if got := b.text("matched"); got != "" {
		t.Errorf("%q after Escape", got)
	}
	b.share("split", 1)
	b.key("Escape", "Escape", 27)
	b.share("split", 100./all)

	// The keyboard walks: up to the widest, to the right, in.
	b.key("ArrowUp", "ArrowUp", 38)
	if got, want := b.text("status"), "a;b · key · 101 samples, 41.06% of all"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	b.key("ArrowRight", "ArrowRight", 39)
	b.key("Enter", "Enter", 13)
	b.share("gone", 1)
	b.eval(`document.getElementById('reset').click()`, nil)
	b.share("split", 100./all)

	// Turned over, the root is above.
	const order = `document.querySelector('.root').style.top`
	var before, after string
	b.eval(order, &before)
	b.key("i", "KeyI", 73)
	b.eval(order, &after)
	if before == "0px" || after != "0px" {
		t.Errorf("the root is at %s, turned over at %s", before, after)
	}

	// A stranger's names stay text, and a script that gets in somehow is not run.
	var name string
	b.eval(`document.querySelector('.frame.jit').ariaLabel`, &name)
	if want := `</script><script>alert(1)</script>:\x1b[2J"'\u2028&`; name != want {
		t.Errorf("%s, want %s", name, want)
	}
	b.quiet()
	var ran bool
	b.eval(`(() => { const s = document.createElement('script'); s.textContent = 'window.ran = true'; document.body.append(s); return window.ran === true; })()`, &ran)
	if ran {
		t.Error("the page runs a script that is not its own")
	}

	// Another value has other widths.
	b.eval(`(() => { const v = document.getElementById('value'); v.value = '1'; v.dispatchEvent(new Event('change')); })()`, nil)
	b.share("seventy", 700./2010)
	if got := b.text("status"); !strings.Contains(got, "2.01 us (2,010 nanoseconds) spent") {
		t.Errorf("%q", got)
	}

	var legend []string
	b.eval(`[...document.querySelectorAll('#legend span')].map((s) => s.textContent)`, &legend)
	if got := strings.Join(legend, " "); got != "key user inlined JIT kernel no stack" {
		t.Errorf("legend: %s", got)
	}
}

// lookAtLargeFlamegraph has some thousand frames, deep ones among them.
func lookAtLargeFlamegraph(t *testing.T, b *browser) {
	random := rand.New(rand.NewPCG(1, 2))
	names := []string{"main", "serve", "handle_request", "std::vector<std::string, std::allocator<std::string>>::push_back", "parse", "runtime.mallocgc", "json_decode", "lookup", "do_work", "memcpy", "hash_update", "tokio::runtime::task::harness::poll_future", "compress", "write_all"}
	var stacks, kernel, comms, samples []any
	var walk func(prefix []stack.Frame, depth int)
	walk = func(prefix []stack.Frame, depth int) {
		if depth == 0 {
			id := uint64(len(stacks) + 1000)
			frames := make([]stack.Frame, len(prefix))
			for i, f := range prefix {
				frames[len(prefix)-1-i] = f
			}
			testStacks[id] = frames
			stacks, comms = append(stacks, int(id)), append(comms, []string{"postgres", "nginx", "node"}[random.IntN(3)])
			kernel, samples = append(kernel, []int{0, 0, 3}[random.IntN(3)]), append(samples, 1+int(math.Exp(5*random.Float64())))
			return
		}
		for range 1 + random.IntN(2)*random.IntN(3) {
			f := stack.Frame{Name: names[random.IntN(len(names))], Module: "/usr/bin/server", Address: random.Uint64()}
			switch random.IntN(6) {
			case 0:
				f.Inlined = true
			case 1:
				f.Module = ""
			}
			walk(append(prefix[:len(prefix):len(prefix)], f), depth-1-random.IntN(2)*random.IntN(depth))
		}
	}
	for len(stacks) < 700 {
		walk([]stack.Frame{{Name: "_start", Module: "/usr/bin/server"}}, 30)
	}
	d, rows := buildFor(t, profileTable(), []column{
		{"comm", nameType, comms}, {"kernel", kernelStack, kernel}, {"user", userStack, stacks},
		{"samples", integer(8, false, plan.Plain), samples}, {"worst", integer(8, false, plan.Plain), samples}, {"spent", integer(8, false, plan.Duration), samples},
	})
	var out bytes.Buffer
	s, err := New("flamegraph", &out, d, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Report(reportAt, rows); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	b.size(1280, 800)
	b.open(out.Bytes())
	var seen struct {
		Nodes, Drawn, Overlaps int
		Milliseconds           float64
	}
	// Boxes of one row must not lie on each other.
	b.eval(`(() => {
		const began = performance.now();
		draw();
		document.body.getBoundingClientRect();
		const milliseconds = performance.now() - began;
		const rows = {};
		for (const f of document.querySelectorAll('.frame')) {
			const r = f.getBoundingClientRect();
			(rows[f.style.top] ??= []).push([r.left, r.right]);
		}
		let overlaps = 0;
		for (const row of Object.values(rows)) {
			row.sort((a, b) => a[0] - b[0]);
			for (let i = 1; i < row.length; i++) if (row[i][0] < row[i - 1][1] - 0.1) overlaps++;
		}
		return { Nodes: count, Drawn: document.querySelectorAll('.frame').length, Overlaps: overlaps, Milliseconds: milliseconds };
	})()`, &seen)
	t.Logf("%d nodes, %d drawn in %.0f ms, %d bytes", seen.Nodes, seen.Drawn, seen.Milliseconds, out.Len())
	if seen.Nodes < 2000 || seen.Drawn < 1000 || seen.Overlaps > 0 {
		t.Errorf("%+v", seen)
	}
	b.shoot("large.png")
	b.eval(`search('json|memcpy')`, nil)
	b.shoot("large_search.png")
	b.eval(`search(''); zoom(name.indexOf('handle_request'))`, nil)
	b.prefer("dark")
	b.shoot("large_dark.png")
	b.quiet()
}

// lookAtHeatmap has three keys in many intervals.
func lookAtHeatmap(t *testing.T, b *browser) {
	random := rand.New(rand.NewPCG(3, 4))
	const intervals = 90
	var comms, lats, loads []any
	for i := range intervals {
		for j, comm := range []string{"sshd", "a<b>\"c", "node"} {
			lat := map[int64]uint64{}
			for range 200 {
				v := math.Exp2(14 + float64(j) + 3*math.Sin(float64(i)/9) + random.NormFloat64())
				lat[int64(1)<<int(math.Log2(v))]++
			}
			comms, lats, loads = append(comms, comm), append(lats, counted(1, lat)), append(loads, counted(2, map[int64]uint64{30: 37}))
		}
	}
	table := &plan.Table{
		Cells:   []plan.Cell{{Kind: plan.Buckets}, {Kind: plan.Buckets}},
		Columns: []plan.Column{{Key: 0}, {Key: -1, Expr: &plan.Expr{Op: plan.OpCell}}, {Key: -1, Expr: &plan.Expr{Op: plan.OpCell, Int: 1}}},
	}
	d, rows := buildFor(t, table, []column{{"comm", nameType, comms}, {"lat", histOf(1, plan.Duration), lats}, {"load", histOf(2, plan.Plain), loads}})
	var out bytes.Buffer
	s, err := New("heatmap", &out, d, Options{Interval: true})
	if err != nil {
		t.Fatal(err)
	}
	for i := range intervals {
		if err := s.Report(reportAt.Add(time.Duration(i)*time.Second), rows[3*i:3*i+3]); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil || s.Delivered() != 3*intervals {
		t.Fatalf("%v, %d delivered", err, s.Delivered())
	}
	b.size(1200, 700)
	b.open(out.Bytes())
	b.shoot("heatmap.png")
	if got, want := b.text("status"), fmt.Sprintf("%s values of lat in 90 intervals", "54,000"); got != want {
		t.Errorf("%q, want %q", got, want)
	}
	var keys []string
	b.eval(`[...document.getElementById('key').options].map((o) => o.text)`, &keys)
	if got, want := strings.Join(keys, "|"), `all 3 keys|comm sshd|comm a<b>"c|comm node`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	choose := func(id, value string) {
		t.Helper()
		b.eval(fmt.Sprintf(`(() => { const v = document.getElementById(%q); v.value = %q; v.dispatchEvent(new Event('change')); })()`, id, value), nil)
	}
	choose("key", "0")
	if got, want := b.text("status"), "18,000 values of lat in 90 intervals"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	// The pointer on a cell of the tenth interval: its count is that of the table.
	var at struct {
		X, Y   float64
		Bucket int
		Name   string
	}
	b.eval(`(() => {
		const c = [...document.querySelectorAll('.cell')].filter((c) => c.dataset.t === '9')[1];
		const r = c.getBoundingClientRect();
		return { X: r.x + r.width / 2, Y: r.y + r.height / 2, Bucket: Number(c.dataset.b) + histograms[0].first, Name: histograms[0].buckets[c.dataset.b] };
	})()`, &at)
	b.call("Input.dispatchMouseEvent", map[string]any{"type": "mouseMoved", "x": at.X, "y": at.Y}, nil)
	n := order.Uint64(lats[27].([]byte)[8*at.Bucket:])
	if got, want := b.text("tip"), fmt.Sprintf("%d in %sfrom 16:00:09.000005 to 16:00:10.000005", n, at.Name); n == 0 || !strings.HasPrefix(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	choose("histogram", "1")
	if got, want := b.text("status"), "3,330 values of load in 90 intervals"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	b.eval(`document.getElementById('map').focus()`, nil)
	b.key("ArrowRight", "ArrowRight", 39)
	if got := b.text("status"); !strings.HasPrefix(got, "37 in [25, 50) · to 16:00:01.000005 · 100.00% of the 37") {
		t.Errorf("%q", got)
	}
	choose("histogram", "0")
	b.prefer("dark")
	b.shoot("heatmap_dark.png")
	b.quiet()
}
