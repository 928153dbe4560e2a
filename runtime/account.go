package runtime

import (
	"fmt"
	"strings"
)

// End says why a run ended.
type End string

const (
	Interrupted End = "interrupted"   // the caller's context was done
	TimeUp      End = "duration"      // Duration was over
	CountMet    End = "count"         // Count records were delivered
	Exhausted   End = "exhausted"     // every probe was an iterator, and all have run
	PipeClosed  End = "closed pipe"   // the reader of the output went away
	SinkFailed  End = "output failed" // the output took no more, such as a full disk
)

// Account says what became of every event that passed the filters:
//
//	submitted  = Delivered + LostSink
//	passed     = submitted + LostRing + Limited
//
// where a run that ends at a count leaves what came after it out of both.
type Account struct {
	End         End
	Delivered   uint64 // records of which the output accepted every byte
	LostRing    uint64 // records for which the channel had no room
	LostSink    uint64 // records taken from the channel that the output did not accept
	FailedReads uint64 // reads of kernel memory that failed; their fields are absent
	Limited     uint64 // records above the spec's rate limit
	OwnersFull  uint64 // sockets whose owner was not noted, the map being full
	OwnersBlind bool   // sockets opened after the start have no known owner: nothing could be attached to see them
	Missed      uint64 // events, before any filter, for which the kernel could not run a program
}

// Complete reports whether the account shows nothing lost, thinned or unread.
func (a *Account) Complete() bool { return len(a.losses()) == 0 }

// losses returns one line for each count that is not zero, the remedy included.
func (a *Account) losses() []string {
	rows := []struct {
		n    uint64
		text string
	}{
		{a.LostRing, "lost: the buffer was full (a larger --ring-size, or a filter, helps)"},
		{a.LostSink, "lost: the output did not take them"},
		{a.Limited, "left out by the rate limit"},
		{a.FailedReads, "reads of kernel memory failed; their fields have no value"},
		{a.OwnersFull, "sockets have no known owner: the map of owners was full"},
		{a.Missed, "events missed, before any filter: the kernel could not run the program for them"},
	}
	var lines []string
	for _, row := range rows {
		if row.n > 0 {
			lines = append(lines, fmt.Sprintf("%d %s", row.n, row.text))
		}
	}
	if a.OwnersBlind {
		lines = append(lines, "owners of sockets opened after the start are not known: nothing could be attached to see them")
	}
	return lines
}

// Lines returns the account for a reader: the number of records, then one line for
// each kind of loss there was.
func (a *Account) Lines() []string {
	noun := "records"
	if a.Delivered == 1 {
		noun = "record"
	}
	return append([]string{fmt.Sprintf("%d %s", a.Delivered, noun)}, a.losses()...)
}

// String is Lines on one line.
func (a *Account) String() string { return strings.Join(a.Lines(), "; ") }
