// Command bench measures ebgen beside its peers and beside hand-written C, on the same
// work and in turns, and writes docs/benchmarks.md. scripts/bench builds what it runs.
//
//	bench -rounds 5 -o docs/benchmarks.md
//	bench -topics starts,jobs -o -          these tables alone, to standard output
//	bench loop readahead 1000003 250000     that many, at that rate a second: ns, and of the fastest beat
//
// Tracers watch readahead(2) of a file that is not open: hardly any other program calls
// it, it costs the kernel next to nothing, and it has arguments to print and count. Where
// a million events a second are wanted they watch threads that give themselves a name.
package main

import (
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

func main() {
	if len(os.Args) == 5 && os.Args[1] == "loop" {
		calls, _ := strconv.Atoi(os.Args[3])
		rate, _ := strconv.Atoi(os.Args[4])
		took, fastest := loop(events[os.Args[2]].make, calls, rate)
		fmt.Println(took.Nanoseconds(), fastest.Nanoseconds())
		return
	}
	rounds := flag.Int("rounds", 5, "how often each row is measured")
	budget := flag.Duration("budget", 8*time.Minute, "measure fewer rounds when these would take longer, but one at least")
	page := flag.String("o", "docs/benchmarks.md", "the page to write, - for standard output")
	only := flag.String("topics", "", "measure these alone, of "+strings.Join(topicNames(), ","))
	flag.Parse()
	b := &bench{rounds: *rounds, budget: *budget, failed: map[string]string{}}
	if err := b.choose(*only); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(2)
	}
	if err := b.run(*page); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run measures the topics and writes the page, which appears complete or not at all.
func (b *bench) run(page string) error {
	var err error
	if b.dir, err = os.MkdirTemp("/dev/shm", "bench"); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	before := load()
	var tables []*table
	for _, topic := range b.topics {
		t, err := topic.measure(b)
		if err != nil {
			return err
		}
		tables = append(tables, t...)
	}
	text := b.page(tables, before, load())
	if page == "-" {
		_, err := os.Stdout.WriteString(text)
		return err
	}
	if err := os.WriteFile(page+".new", []byte(text), 0o644); err != nil {
		return err
	}
	return os.Rename(page+".new", page)
}
