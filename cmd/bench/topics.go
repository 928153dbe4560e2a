package main

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// bench is one measurement of everything.
type bench struct {
	rounds int
	budget time.Duration // for all topics; a round more of one is not begun when its share is used up
	dir    string        // in memory
	topics []topic
	failed map[string]string // command → why it could not run
}

// topic is what is measured together; within one, tools take turns.
type topic struct {
	name    string
	measure func(*bench) ([]*table, error)
}

// topics are measured one after the other.
var topics = []topic{
	{"starts", (*bench).starts},
	{"records", (*bench).records},
	{"jobs", (*bench).kernel},
	{"rows", (*bench).reports},
	{"disk", (*bench).sizes},
}

func topicNames() []string {
	var names []string
	for _, t := range topics {
		names = append(names, t.name)
	}
	return names
}

// choose takes the topics named, with commas between them; "" stands for all.
func (b *bench) choose(names string) error {
	if names == "" {
		b.topics = topics
		return nil
	}
	for name := range strings.SplitSeq(names, ",") {
		at := slices.Index(topicNames(), name)
		if at < 0 {
			return fmt.Errorf("there is no topic %q, only %s", name, strings.Join(topicNames(), ", "))
		}
		b.topics = append(b.topics, topics[at])
	}
	return nil
}

// turns measures each tool once a round, at least one. One that fails is left out from
// then on.
func (b *bench) turns(rounds int, topic string, tools []tool, measure func(tool) error) {
	start, share := time.Now(), b.budget/time.Duration(3+len(jobs)) // starts, records and reports
	for round := range rounds {
		if round > 0 && time.Since(start) > share {
			break
		}
		for _, t := range tools {
			if b.failed[t.command] != "" {
				continue
			}
			fmt.Fprintf(os.Stderr, "\r\033[K%s %d/%d: %s", topic, round+1, rounds, t.name)
			if err := measure(t); err != nil {
				fmt.Fprintf(os.Stderr, "\n%s: %v\n", t.name, err)
				b.failed[t.command] = err.Error()
			}
		}
	}
	fmt.Fprintln(os.Stderr)
}

func (b *bench) starts() ([]*table, error) {
	t := newTable("To the first record", "From exec until the first line about one of our calls has been read from the tool's output. CPU: what the tool had spent by then, with its children.",
		starts, column{"ms", "%.1f", true}, column{"CPU ms", "%.1f", true})
	for _, tool := range starts { // whatever is cached has been
		_, _, _ = b.firstRecord(tool)
	}
	b.turns(2*b.rounds+1, "first record", starts, func(tool tool) error {
		took, cpu, err := b.firstRecord(tool)
		if err == nil {
			t.add(tool, "ms", ms(took))
			t.add(tool, "CPU ms", ms(cpu))
		}
		return err
	})
	return []*table{t}, nil
}

// flood is how many calls the loop makes as fast as it can.
const flood = 300_007

// rates are tried from the fastest down, in calls a second; 0 is as fast as it goes.
var rates = []int{0, 1_000_000, 700_000, 500_000, 350_000, 250_000, 180_000, 125_000, 90_000, 60_000, 40_000}

// flooded is one run of the loop beside a tool that prints.
type flooded struct {
	made, printed int
	took, cpu     time.Duration
	rss, anon     int
}

// flood runs a tool while the loop makes calls, and counts the lines that it printed.
func (b *bench) flood(t tool, calls, rate int) (*flooded, error) {
	name := filepath.Join(b.dir, "out")
	out, err := os.Create(name)
	if err != nil {
		return nil, err
	}
	defer os.Remove(name)
	defer out.Close()
	r, err := b.start(t, out)
	if err != nil {
		return nil, err
	}
	if err := r.ready(t.programs); err != nil {
		return nil, err
	}
	r.pin()
	before := r.idle()
	f := &flooded{made: calls}
	if f.took, _, err = runLoop(calls, rate); err != nil {
		return nil, err
	}
	f.cpu = r.idle() - before
	f.rss, f.anon = r.memory()
	if _, err := r.stop(); err != nil {
		return nil, err
	}
	text, err := os.ReadFile(name)
	f.printed = bytes.Count(text, []byte(mark))
	return f, err
}

func (b *bench) records() ([]*table, error) {
	rate := newTable("Records", fmt.Sprintf("%d calls as fast as one CPU makes them, the tool on the other, into a file in memory. "+
		"CPU: time of the tool for each line that it wrote. The highest rate at which a run of a second lost nothing; a run at full speed counts with the rate that it reached.", flood),
		records, column{"CPU ns/record", "%.0f", true}, column{"delivered %", "%.2f", false}, column{"made, M/s", "%.2f", false},
		column{"loss-free, k/s", "%.0f", true}, column{"RSS MB", "%.1f", false}, column{"anonymous MB", "%.1f", false})
	b.turns(b.rounds, "records", records, func(tool tool) error {
		most := math.Inf(1)
		for _, perSecond := range rates {
			if float64(perSecond) >= most {
				continue // the loop does not get there
			}
			calls := perSecond
			if perSecond == 0 {
				calls = flood
			}
			f, err := b.flood(tool, calls, perSecond)
			if err != nil {
				return err
			}
			reached := float64(f.made) / f.took.Seconds()
			if perSecond == 0 {
				most = reached
				rate.add(tool, "CPU ns/record", float64(f.cpu.Nanoseconds())/float64(max(f.printed, 1)))
				rate.add(tool, "delivered %", 100*float64(f.printed)/float64(f.made))
				rate.add(tool, "made, M/s", reached/1e6)
				rate.add(tool, "RSS MB", float64(f.rss)/1e6)
				rate.add(tool, "anonymous MB", float64(f.anon)/1e6)
			}
			if f.printed == f.made {
				rate.add(tool, "loss-free, k/s", reached/1e3)
				return nil
			}
		}
		rate.add(tool, "loss-free, k/s", 0)
		return nil
	})
	return []*table{rate}, nil
}

// Programs are measured over so many spells of so many calls; the fastest counts, since
// whatever else the machine does only adds to a spell.
const (
	spells = 5
	spell  = 3 * beat
)

func (b *bench) kernel() ([]*table, error) {
	what := fmt.Sprintf("Programs: run_time_ns of all of the tool's programs, for each call, with what it costs to measure that (BPF_ENABLE_STATS); "+
		"the fastest of %d times %d calls. Added: what a call takes longer than untraced, without these statistics; the fastest %d calls. On a busy machine that is noise: its spread says so.", spells, spell, beat)
	var tables []*table
	for _, j := range jobs {
		t := newTable("In the kernel: "+j.name, what, j.tools, column{"programs ns", "%.0f", true}, column{"added ns", "%.0f", true},
			column{"RSS MB", "%.1f", false}, column{"anonymous MB", "%.1f", false})
		b.turns(b.rounds, j.name, j.tools, func(tool tool) error { return b.cost(t, tool) })
		tables = append(tables, t)
	}
	return tables, nil
}

// cost adds a row of what a tool's programs cost.
func (b *bench) cost(t *table, tool tool) error {
	_, untraced, err := runLoop(10*beat, 0)
	if err != nil {
		return err
	}
	r, err := b.start(tool, nil)
	if err != nil {
		return err
	}
	if err := r.ready(tool.programs); err != nil {
		return err
	}
	r.pin()
	r.idle()
	_, traced, err := runLoop(10*beat, 0)
	if err != nil {
		return err
	}
	stats, err := ebpf.EnableStats(uint32(unix.BPF_STATS_RUN_TIME))
	if err != nil {
		return err
	}
	defer stats.Close()
	least := time.Duration(math.MaxInt64)
	for range spells {
		before := r.ran().time
		if _, _, err := runLoop(spell, 0); err != nil {
			return err
		}
		least = min(least, r.ran().time-before)
	}
	rss, anon := r.memory()
	t.add(tool, "programs ns", float64(least.Nanoseconds())/spell)
	t.add(tool, "added ns", float64((traced-untraced).Nanoseconds())/beat)
	t.add(tool, "RSS MB", float64(rss)/1e6)
	t.add(tool, "anonymous MB", float64(anon)/1e6)
	_, err = r.stop()
	return err
}

// rows is how many offsets there are, each called once.
const rows = 100_003

func (b *bench) reports() ([]*table, error) {
	t := newTable("A table of 100,003 rows", "From SIGINT until the tool has detached, sorted its rows, written them to a file in memory and ended. CPU: of all of the tool's life.",
		reports, column{"ms", "%.0f", true}, column{"CPU ms", "%.0f", true})
	name := filepath.Join(b.dir, "rows")
	b.turns(b.rounds, "table", reports, func(tool tool) error {
		out, err := os.Create(name)
		if err != nil {
			return err
		}
		defer out.Close()
		r, err := b.start(tool, out)
		if err != nil {
			return err
		}
		if err := r.ready(tool.programs); err != nil {
			return err
		}
		if _, _, err := runLoop(rows, 0); err != nil {
			return err
		}
		took, err := r.stop()
		if err != nil {
			return err
		}
		text, err := os.ReadFile(name)
		if n := bytes.Count(text, []byte("\n")); n < rows {
			return fmt.Errorf("%d lines instead of %d", n, rows)
		}
		t.add(tool, "ms", ms(took))
		t.add(tool, "CPU ms", ms(r.cmd.ProcessState.UserTime()+r.cmd.ProcessState.SystemTime()))
		return err
	})
	return []*table{t}, nil
}

func ms(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e6 }
