package main

import (
	"bufio"
	"bytes"
	"fmt"
	"math"
	"os"
	"os/exec"
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
	{"sustained", (*bench).sustained},
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
	for _, t := range tools {
		if !t.cold && strings.HasPrefix(t.command, "bin/ebgen run ") {
			words := append(t.words(), "-d", "1ms") // so that it is compiled
			_ = exec.Command(words[0], words[1:]...).Run()
		}
	}
	start, share := time.Now(), b.budget/time.Duration(3+len(jobs)) // starts, records and reports; what is measured once takes as long as it does
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
		starts, column{name: "ms", format: "%.1f", ratio: true}, column{name: "CPU ms", format: "%.1f", ratio: true})
	for _, tool := range starts { // files are in memory
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
	memory        memory
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
	if f.took, _, err = runLoop(t.traced(), calls, rate); err != nil {
		return nil, err
	}
	f.cpu = r.idle() - before
	f.memory = r.memory()
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
		records, column{name: "CPU ns/record", format: "%.0f", ratio: true}, column{name: "delivered %", format: "%.2f"}, column{name: "made, M/s", format: "%.2f"},
		column{name: "loss-free, k/s", format: "%.0f", ratio: true}, column{name: "RSS MB", format: "%.1f"}, column{name: "own MB", format: "%.1f"})
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
				rate.add(tool, "RSS MB", mb(f.memory.rss))
				rate.add(tool, "own MB", mb(f.memory.own))
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

// A tool is kept busy with a million names, and then with nine times as many.
const (
	million = 1_000_000
	most    = 10 * million
)

// sustained is a rate that no tool may fall behind for long, and for so long that memory
// which is not given back would be seen.
func (b *bench) sustained() ([]*table, error) {
	t := newTable("A million a second", fmt.Sprintf("Up to %d names at a million a second, the tool on the other CPU, into a pipe whose reader counts the lines. "+
		"A tool whose programs take longer slows the loop down, and so does a busy machine. Memory is that without maps, after the first million and after all.", most),
		sustained, column{name: "made", format: "%.0f"}, column{name: "made, M/s", format: "%.2f"}, column{name: "lost", format: "%.0f"}, column{name: "CPU ns/record", format: "%.0f", ratio: true},
		column{name: "own MB at 1 M", format: "%.1f"}, column{name: "own MB at 10 M", format: "%.1f"})
	b.turns(1, "a million a second", sustained, func(tool tool) error {
		lines, err := newLines()
		if err != nil {
			return err
		}
		r, err := b.start(tool, lines.write)
		if err != nil {
			return err
		}
		lines.write.Close()
		if err := r.ready(tool.programs); err != nil {
			return err
		}
		r.pin()
		before := r.idle()
		first, _, err := runLoop(tool.traced(), million, million)
		if err != nil {
			return err
		}
		r.idle()
		early := r.memory()
		made, took := million, first
		if !tool.slow {
			rest, _, err := runLoop(tool.traced(), most-million, million)
			if err != nil {
				return err
			}
			made, took = most, first+rest
		}
		cpu, late := r.idle()-before, r.memory()
		if _, err := r.stop(); err != nil {
			return err
		}
		printed := <-lines.printed
		t.add(tool, "made", float64(made))
		t.add(tool, "made, M/s", float64(made)/took.Seconds()/1e6)
		t.add(tool, "lost", float64(made-printed))
		t.add(tool, "CPU ns/record", float64(cpu.Nanoseconds())/float64(max(printed, 1)))
		t.add(tool, "own MB at 1 M", mb(early.own))
		if !tool.slow {
			t.add(tool, "own MB at 10 M", mb(late.own))
		}
		return nil
	})
	return []*table{t}, nil
}

// lines is a pipe, and a count of the lines of it that have mark in them.
type lines struct {
	write   *os.File
	printed chan int // the count, when the last writer has gone
}

func newLines() (*lines, error) {
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	_, _ = unix.FcntlInt(write.Fd(), unix.F_SETPIPE_SZ, 1<<20) // less is slower, but does
	l := &lines{write, make(chan int, 1)}
	go func() {
		defer read.Close()
		n, in := 0, bufio.NewReaderSize(read, 1<<20)
		for {
			line, err := in.ReadSlice('\n')
			if bytes.Contains(line, []byte(mark)) {
				n++
			}
			if err != nil {
				l.printed <- n
				return
			}
		}
	}()
	return l, nil
}

// Programs are measured over so many spells of so many calls; the fastest counts, since
// whatever else the machine does only adds to a spell.
const (
	spells = 5
	spell  = 3 * beat
)

func (b *bench) kernel() ([]*table, error) {
	what := fmt.Sprintf("Programs: run_time_ns of all of the tool's programs, for each call, with what it costs to measure that (BPF_ENABLE_STATS); "+
		"the fastest of %d times %d calls in all rounds. Added: what a call takes longer than untraced, without these statistics; the fastest %d calls. On a busy machine that is noise: its spread says so.", spells, spell, beat)
	var tables []*table
	for _, j := range jobs {
		t := newTable("In the kernel: "+j.name, what, j.tools, column{name: "programs ns", format: "%.0f", ratio: true, least: true}, column{name: "added ns", format: "%.0f", ratio: true},
			column{name: "RSS MB", format: "%.1f"}, column{name: "own MB", format: "%.1f"})
		b.turns(b.rounds, j.name, j.tools, func(tool tool) error { return b.cost(t, tool) })
		tables = append(tables, t)
	}
	return tables, nil
}

// cost adds a row of what a tool's programs cost.
func (b *bench) cost(t *table, tool tool) error {
	_, untraced, err := runLoop(tool.traced(), 10*beat, 0)
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
	_, traced, err := runLoop(tool.traced(), 10*beat, 0)
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
		if _, _, err := runLoop(tool.traced(), spell, 0); err != nil {
			return err
		}
		least = min(least, r.ran().time-before)
	}
	m := r.memory()
	t.add(tool, "programs ns", float64(least.Nanoseconds())/spell)
	t.add(tool, "added ns", float64((traced-untraced).Nanoseconds())/beat)
	t.add(tool, "RSS MB", mb(m.rss))
	t.add(tool, "own MB", mb(m.own))
	_, err = r.stop()
	return err
}

// rows is how many offsets there are, each called once.
const rows = 100_003

func (b *bench) reports() ([]*table, error) {
	t := newTable("A table of 100,003 rows", "From SIGINT until the tool has detached, sorted its rows, written them to a file in memory and ended. CPU: of all of the tool's life.",
		reports, column{name: "ms", format: "%.0f", ratio: true}, column{name: "CPU ms", format: "%.0f", ratio: true})
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
		if _, _, err := runLoop(tool.traced(), rows, 0); err != nil {
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

func mb(bytes int) float64 { return float64(bytes) / 1e6 }

func ms(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e6 }
