package specs_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

var fidelity = flag.Bool("fidelity", false, "run specs beside the tools of other projects that answer the same question")

// A peer is a tool of another project that sees one workload together with a spec.
//
// In command, params, work and only PID is the process that makes the events, COMM the name
// of the thread in it that does, DISK a disk of its own and PROGRAMS the folder of the
// programs under test.
type peer struct {
	spec    string // and a suffix behind an @ where a spec has several peers
	command string // of the peer, words apart by blanks; one in single quotes may hold blanks
	from    string // Debian's package that has it
	kernel  string // "" runs on this kernel, else in a guest of this one: what needs kprobes
	params  string // of the spec: "pids=PID over=0s"
	work    string // what makes the events, a name in works and what it is given
	after   bool   // the peer sees the same work again, when the spec has seen it

	// What is compared. line matches what the peer prints of one event or row: a group for
	// each of columns, then for each of sums; of a histogram the last two are the low end
	// of a bucket and its count.
	line    string
	until   string // a pattern: the peer's output from its first match on is not compared
	columns string // "pid owner.comm state:new": of the spec's, each with its canonical form before a colon
	only    string // which events: an expression that is all of one of the columns
	table   bool   // rows are parts of a report, not events
	report  string // what begins a report of a peer that shows nothing when it is interrupted
	last    bool   // the last report says all
	sums    []added
	hist    string // a column that is a histogram, in unit
	unit    float64
	least   float64 // the low end of the first bucket that is compared
	overlap float64 // how much of the histograms is in the same buckets, at least

	// What differs. So many events only one of both has: the workload knows how many. -1 are
	// any number of the peer's.
	oursOnly, theirsOnly int
	within               float64 // besides, this share of them
	differs              string  // why, and who is right: for the page
}

// added is a column that is added up, in the unit of the peer's: 1000 for µs of ours in ns.
type added struct {
	column string
	unit   float64
	what   string
	within float64 // how far both may be apart, as a share of the larger one
	group  int     // of line, where it is not the next one
	share  bool    // a percentage of the first sum
}

// figure is one comparison, as docs/fidelity.md shows it.
type figure struct {
	Spec, Kernel, What, Ours, Theirs, Made, Apart string
}

// figureMark stands before a figure in a test's output, from which scripts/test-fidelity
// takes them: those of a guest come by no other way.
const figureMark = "figure: "

// TestFidelity runs each spec and its peer at the same time, on the events of one process
// that exists before both and starts when both are attached. With -fidelity alone: it needs
// the peers and a machine that is not too busy.
func TestFidelity(t *testing.T) {
	if !*fidelity {
		t.Skip("only with -fidelity, which make test-fidelity gives")
	}
	for _, p := range peers {
		here := p.kernel == ""
		if guest := os.Getenv("EBGEN_VM"); guest != "" {
			here = p.kernel != "" && strings.HasPrefix(guest, p.kernel)
		}
		if here {
			t.Run(p.spec, func(t *testing.T) { beside(t, &p) })
		}
	}
}

// said is what one of both says of the events.
type said struct {
	rows   map[string]int                // events by their columns
	totals map[string]map[string]float64 // by column and row
	shape  map[int]float64               // by the logarithm of a bucket's low end
}

func newSaid() said {
	return said{map[string]int{}, map[string]map[string]float64{}, map[int]float64{}}
}

func (s said) events() (n int) {
	for _, count := range s.rows {
		n += count
	}
	return n
}

func beside(t *testing.T, p *peer) {
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	disk := ""
	if strings.Contains(p.work+p.command, "DISK") {
		disk = loopDisk(t, diskReads*4096)
	}
	programs, err := programDir()
	if err != nil {
		t.Fatal(err)
	}
	var worker *worker
	var named *strings.Replacer
	start := func() {
		worker = startWorker(ctx, t, strings.ReplaceAll(p.work, "DISK", disk))
		named = strings.NewReplacer("DEVICE", device(t, disk), "PID", strconv.Itoa(worker.pid()), "COMM", worker.comm(), "DISK", disk, "PROGRAMS", programs)
	}
	start()
	params := map[string][]string{}
	for _, word := range strings.Fields(p.params) {
		name, value, _ := strings.Cut(named.Replace(word), "=")
		params[name] = append(params[name], value)
	}
	var tool *tool
	attach := func() { tool = attachPeer(ctx, t, words(named.Replace(p.command))) }
	if !p.after {
		attach()
	}
	got := trace(t, params, func(ctx context.Context) error {
		err := worker.work()
		if !p.after {
			p.finish(ctx, t, tool)
		}
		return err
	}, name(p.spec))[0]
	ours := p.ours(t, got.records, named.Replace(p.only))
	if p.after {
		start()
		attach()
		if err := worker.work(); err != nil {
			t.Fatal(err)
		}
		p.finish(ctx, t, tool)
	}
	only := named.Replace(p.only)
	// What a peer has not read from its buffer when it is interrupted it may not print.
	for limit := time.Now().Add(5 * time.Second); !tool.interrupted && p.theirs(t, tool.output(), only).events() < ours.events()-p.oursOnly && time.Now().Before(limit); {
		time.Sleep(10 * time.Millisecond)
	}
	output := tool.end(t)
	if p.last {
		all := regexp.MustCompile("(?m)"+p.report).FindAllStringIndex(output, -1)
		output = output[all[len(all)-2][0]:all[len(all)-1][0]]
	}
	theirs := p.theirs(t, output, only)
	if !p.compare(t, ours, theirs, worker.made) {
		t.Logf("ours, %d records:\n%v\nthe peer's:\n%s\n%s", len(got.records), shorten(fmt.Sprint(got.records)), shorten(output), shorten(tool.complaints.String()))
	}
}

// finish ends a peer that makes reports, at the end of the work.
func (p *peer) finish(ctx context.Context, t *testing.T, c *tool) {
	t.Helper()
	if p.report != "" { // the second one from here on begins after the last event
		begin := regexp.MustCompile("(?m)" + p.report)
		seen := func() int { return len(begin.FindAllString(c.output(), -1)) }
		want := seen() + 3 // and is whole when the third one begins
		until(ctx, t, "reports of "+c.Args[4], func() bool { return seen() >= want })
	}
	if p.table || p.hist != "" {
		c.interrupt()
	}
}

// name is the spec of a peer: what stands before the @.
func name(spec string) string {
	spec, _, _ = strings.Cut(spec, "@")
	return spec
}

func shorten(text string) string {
	const most = 1500
	if len(text) > most {
		return text[:most/2] + "\n…\n" + text[len(text)-most/2:]
	}
	return text
}

// words are those of a command; quotes keep blanks together.
func words(command string) (list []string) {
	for i, part := range strings.Split(command, "'") {
		if i%2 == 1 {
			list = append(list, part)
		} else {
			list = append(list, strings.Fields(part)...)
		}
	}
	return list
}

// compare reports what differs beyond what is allowed, and shows the figures.
func (p *peer) compare(t *testing.T, ours, theirs said, made int) bool {
	t.Helper()
	show := func(f figure) {
		f.Spec, f.Kernel = p.spec, release()
		text, err := json.Marshal(f)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Printf("\n%s%s\n", figureMark, text)
	}
	count := strconv.Itoa
	truth := ""
	if made > 0 {
		truth = count(made)
	}
	if !p.table && p.hist == "" {
		onlyOurs, onlyTheirs := less(ours.rows, theirs.rows), less(theirs.rows, ours.rows)
		a, b := ours.events(), theirs.events()
		if a == 0 || b == 0 {
			t.Errorf("nothing to compare: %d events here, %d there", a, b)
		}
		if made > 0 && a != made {
			t.Errorf("%d events here, and %d were made", a, made)
		}
		border := int(p.within * float64(a))
		if n := len(onlyOurs); n < p.oursOnly || n > p.oursOnly+border {
			t.Errorf("here only, want %d: %q", p.oursOnly, onlyOurs)
		}
		if n := len(onlyTheirs); p.theirsOnly >= 0 && (n < p.theirsOnly || n > p.theirsOnly+border) {
			t.Errorf("there only, want %d: %q", p.theirsOnly, onlyTheirs)
		}
		show(figure{What: "events", Ours: count(a), Theirs: count(b), Made: truth, Apart: count(len(onlyOurs) + len(onlyTheirs))})
	}
	for _, s := range p.sums {
		a, b := total(ours.totals[s.what]), total(theirs.totals[s.what])
		worst := apart(a, b)
		if p.table {
			for _, key := range slices.Sorted(maps.Keys(union(ours.totals[s.what], theirs.totals[s.what]))) {
				one, other := ours.totals[s.what][key], theirs.totals[s.what][key]
				worst = max(worst, apart(one, other))
				if apart(one, other) > s.within {
					t.Errorf("%s of %q: %.6g here, %.6g there", s.what, key, one, other)
				}
			}
		}
		if max(a, b) == 0 {
			t.Errorf("%s: nothing to compare", s.what)
		}
		if worst > s.within {
			t.Errorf("%s: %.6g here, %.6g there, at most %.2f%% apart", s.what, a, b, 100*worst)
		}
		truth := truth
		if s.unit > 1 || !p.table || s.share {
			truth = "" // of times and bytes there is no count
		}
		show(figure{What: s.what, Ours: amountText(a), Theirs: amountText(b), Made: truth, Apart: percent(worst)})
	}
	if p.hist != "" {
		a, b := weight(ours.shape), weight(theirs.shape)
		if apart(a, b) > p.within || a == 0 {
			t.Errorf("%.0f events here, %.0f there", a, b)
		}
		if made > 0 && int(a) != made {
			t.Errorf("%.0f events here, and %d were made", a, made)
		}
		show(figure{What: "events in " + p.hist, Ours: fmt.Sprintf("%.0f", a), Theirs: fmt.Sprintf("%.0f", b), Made: truth, Apart: percent(apart(a, b))})
		same := common(ours.shape, theirs.shape)
		if same < p.overlap {
			t.Errorf("%.1f%% of the histograms are common: %v here, %v there", 100*same, ours.shape, theirs.shape)
		}
		show(figure{What: "its buckets", Apart: fmt.Sprintf("%.1f%% common", 100*same)})
	}
	return !t.Failed()
}

func release() string {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return err.Error()
	}
	version, _, _ := strings.Cut(unix.ByteSliceToString(name.Release[:]), "-")
	return version
}

func apart(a, b float64) float64 {
	if math.Abs(a-b) <= 1e-9*max(a, b) { // equal but for the order of addition
		return 0
	}
	return math.Abs(a-b) / max(a, b)
}

// amountText is a total with three digits at least.
func amountText(n float64) string {
	if n < 100 {
		return fmt.Sprintf("%.3g", n)
	}
	return fmt.Sprintf("%.0f", n)
}

func percent(share float64) string {
	if share == 0 {
		return "0"
	}
	return fmt.Sprintf("%.2g%%", 100*share)
}

func total(rows map[string]float64) (sum float64) {
	for _, n := range rows {
		sum += n
	}
	return sum
}

func weight(shape map[int]float64) (sum float64) {
	for _, n := range shape {
		sum += n
	}
	return sum
}

func union(a, b map[string]float64) map[string]float64 {
	all := maps.Clone(a)
	if all == nil {
		all = map[string]float64{}
	}
	maps.Copy(all, b)
	return all
}

// less lists what a has more often than b.
func less(a, b map[string]int) (list []string) {
	for _, row := range slices.Sorted(maps.Keys(a)) {
		for range max(a[row]-b[row], 0) {
			list = append(list, row)
		}
	}
	return list
}

// common is the share of the events that both histograms have in the same bucket. Ours
// begin at powers of two of nanoseconds, theirs of whole microseconds: 2.4% higher.
func common(a, b map[int]float64) float64 {
	same := 0.0
	for k, n := range a {
		same += min(n, b[k])
	}
	return same / max(weight(a), weight(b), 1)
}

// ours is what the spec's records say.
func (p *peer) ours(t *testing.T, records []map[string]any, only string) said {
	t.Helper()
	s := newSaid()
	for _, r := range records {
		var texts []string
		for _, column := range strings.Fields(p.columns) {
			form, path := split(column)
			texts = append(texts, canonical(form, text(valueAt(r, path))))
		}
		if !p.is(texts, only) {
			continue
		}
		row := strings.Join(texts, " ")
		s.rows[row]++
		of := 0.0
		for i, one := range p.sums {
			v, ok := valueAt(r, one.column).(json.Number)
			if !ok {
				continue
			}
			n := fraction(v) / max(one.unit, 1)
			if i == 0 {
				of = n
			}
			if one.share {
				n *= of / 100
			}
			s.add(one.what, row, n, p.table)
		}
		if p.hist != "" && r[p.hist] != nil {
			for _, b := range buckets(t, r[p.hist]) {
				low := 0
				if b.low != nil {
					low = *b.low
				}
				p.count(s, float64(low)/max(p.unit, 1), float64(b.count))
			}
		}
	}
	return s
}

// theirs is what the peer's output says.
func (p *peer) theirs(t *testing.T, output, only string) said {
	t.Helper()
	s := newSaid()
	columns := strings.Fields(p.columns)
	if p.until != "" {
		output = regexp.MustCompile("(?ms)"+p.until+".*").ReplaceAllString(output, "")
	}
	for _, groups := range regexp.MustCompile("(?m)"+p.line).FindAllStringSubmatch(output, -1) {
		groups = groups[1:]
		rest := p.unclaimed(groups)
		var texts []string
		for i, column := range columns {
			form, _ := split(column)
			texts = append(texts, canonical(form, rest[i]))
		}
		if !p.is(texts, only) {
			continue
		}
		row := strings.Join(texts, " ")
		s.rows[row]++
		rest = rest[len(columns):]
		of := 0.0
		for i, one := range p.sums {
			var n float64
			if one.group > 0 {
				n = amount(groups[one.group-1])
			} else {
				n, rest = amount(rest[0]), rest[1:]
			}
			if i == 0 {
				of = n
			}
			if one.share {
				n *= of / 100
			}
			s.add(one.what, row, n, p.table)
		}
		if p.hist != "" {
			p.count(s, amount(rest[len(rest)-2]), amount(rest[len(rest)-1]))
		}
	}
	return s
}

// count adds a bucket.
func (p *peer) count(s said, low, n float64) {
	if low >= p.least {
		s.shape[exponent(low)] += n
	}
}

// unclaimed are the groups that no sum names.
func (p *peer) unclaimed(groups []string) (list []string) {
	for i, g := range groups {
		if !slices.ContainsFunc(p.sums, func(s added) bool { return s.group == i+1 }) {
			list = append(list, g)
		}
	}
	return list
}

// add adds to a total, of a table by its rows.
func (s said) add(what, row string, n float64, table bool) {
	if !table {
		row = ""
	}
	if s.totals[what] == nil {
		s.totals[what] = map[string]float64{}
	}
	s.totals[what][row] += n
}

func (p *peer) is(texts []string, only string) bool {
	all := regexp.MustCompile("^(?:" + only + ")$")
	return only == "" || slices.ContainsFunc(texts, all.MatchString)
}

// split takes a column's form and its path apart.
func split(column string) (form, path string) {
	form, path, ok := strings.Cut(column, ":")
	if !ok {
		return "", form
	}
	return form, path
}

// valueAt is a record's value: "flow.dport" is a part of one.
func valueAt(r map[string]any, path string) any {
	var v any = r
	for _, name := range strings.Split(path, ".") {
		inner, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = inner[name]
	}
	return v
}

func text(v any) string {
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}

// canonical makes the same text of what both write differently.
func canonical(form, text string) string {
	text = strings.TrimSpace(text)
	if f, ok := forms[form]; ok {
		return f(text)
	}
	return text
}

// exponent is the power of two at or below n, 0 for what is below 2.
func exponent(n float64) int {
	k := 0
	for ; n >= 2; n /= 2 {
		k++
	}
	return k
}

// amount is a number that may end in a letter: bpftrace writes 4K for 4096.
func amount(text string) float64 {
	text, unit := strings.TrimSpace(text), 1.0
	if i := strings.IndexAny(text, "KMGT"); i > 0 && i == len(text)-1 {
		unit, text = math.Pow(1024, float64(1+strings.IndexByte("KMGT", text[i]))), text[:i]
	}
	n, _ := strconv.ParseFloat(text, 64)
	return n * unit
}

// A tool is a peer that runs.
type tool struct {
	*exec.Cmd
	out, complaints lockedBuffer
	interrupted     bool
}

// lockedBuffer is written by a process and read while it runs.
type lockedBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.String()
}

var _ io.Writer = (*lockedBuffer)(nil)

// surroundings are what a peer expects: tracefs and debugfs, and of BCC the headers of the
// kernel. What runs here of BCC reads no struct of the kernel, so any headers do.
const surroundings = `mount -t tracefs none /sys/kernel/tracing 2>/dev/null; mount -t debugfs none /sys/kernel/debug 2>/dev/null
case $1 in *-bpfcc)
	for headers in /lib/modules/*/build; do headers=${headers%/build}; done
	build=$(readlink -f "$headers/build") source=$(readlink -f "$headers/source")
	mount -t tmpfs none /lib/modules && mkdir "/lib/modules/$(uname -r)" &&
		ln -s "$build" "/lib/modules/$(uname -r)/build" && ln -s "$source" "/lib/modules/$(uname -r)/source"
esac
exec "$@"`

// lineBuffered makes a program of libc write its lines at once; see stdbuf(1).
const lineBuffered = "/usr/libexec/coreutils/libstdbuf.so"

// attachPeer starts a peer, which has file systems of its own, and returns when its programs
// are attached: it has opened links or performance events, and waits for what they bring.
func attachPeer(ctx context.Context, t *testing.T, command []string) *tool {
	t.Helper()
	c := &tool{Cmd: exec.CommandContext(ctx, "sh", append([]string{"-c", surroundings, "sh"}, command...)...)}
	c.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	c.Env = append(os.Environ(), "LD_PRELOAD="+lineBuffered, "_STDBUF_O=L", "PYTHONUNBUFFERED=1", "BPFTRACE_STRLEN=200")
	c.Stdout, c.Stderr = &c.out, &c.complaints
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if c.ProcessState == nil {
			_ = c.Process.Kill()
			_ = c.Wait()
		}
	})
	gone := false
	until(ctx, t, command[0]+" to attach", func() bool {
		stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", c.Process.Pid))
		gone = bytes.Contains(stat, []byte(") Z "))
		return gone || c.attached() && c.waits()
	})
	if gone {
		_ = c.Wait()
		t.Fatalf("%s ended at once:\n%s%s", command[0], c.out.String(), c.complaints.String())
	}
	return c
}

func (c *tool) attached() bool {
	for _, fd := range glob(fmt.Sprintf("/proc/%d/fd/*", c.Process.Pid)) {
		file, _ := os.Readlink(fd)
		if strings.Contains(file, "bpf_link") || strings.Contains(file, "bpf-link") || strings.Contains(file, "perf_event") || strings.Contains(file, "raw-tracepoint") {
			return true
		}
	}
	return false
}

// waits reports whether the main thread is in a call that waits for events or for time.
func (c *tool) waits() bool {
	where, _ := os.ReadFile(fmt.Sprintf("/proc/%d/wchan", c.Process.Pid))
	for _, call := range []string{"poll", "nanosleep", "sigsuspend", "pause", "select", "sigtimedwait", "futex"} {
		if bytes.Contains(where, []byte(call)) {
			return true
		}
	}
	return false
}

func (c *tool) output() string { return c.out.String() }

func (c *tool) interrupt() {
	c.interrupted = true
	_ = c.Process.Signal(os.Interrupt)
}

// end interrupts a peer and returns what it has printed.
func (c *tool) end(t *testing.T) string {
	t.Helper()
	if !c.interrupted {
		c.interrupt()
	}
	if err := c.Wait(); err != nil && !strings.Contains(err.Error(), "interrupt") {
		t.Logf("%s: %v\n%s", c.Args[4], err, c.complaints.String())
	}
	return c.output()
}

func glob(pattern string) []string {
	list, _ := filepath.Glob(pattern)
	return list
}

// until waits for a condition.
func until(ctx context.Context, t *testing.T, what string, holds func() bool) {
	t.Helper()
	for !holds() {
		select {
		case <-ctx.Done():
			t.Fatalf("waited in vain for %s", what)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// loopDisk makes a disk over a file, and returns the kernel's name of it.
func loopDisk(t *testing.T, size int64) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "disk")
	if err := errors.Join(os.WriteFile(file, nil, 0o600), os.Truncate(file, size)); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("losetup", "-f").Output()
	device := strings.TrimSpace(string(out))
	if err == nil {
		err = exec.Command("losetup", device, file).Run()
	}
	if err != nil {
		t.Fatalf("losetup: %v", err)
	}
	t.Cleanup(func() {
		if err := exec.Command("losetup", "-d", device).Run(); err != nil {
			t.Errorf("losetup -d %s: %v", device, err)
		}
	})
	return filepath.Base(device)
}

// device is the number that the kernel has for a disk: 20 bits of it are the minor one
// (MINORBITS, include/linux/kdev_t.h).
func device(t *testing.T, disk string) string {
	t.Helper()
	if disk == "" {
		return ""
	}
	var stat unix.Stat_t
	if err := unix.Stat("/dev/"+disk, &stat); err != nil {
		t.Fatal(err)
	}
	return strconv.Itoa(int(unix.Major(stat.Rdev)<<20 | unix.Minor(stat.Rdev)))
}
