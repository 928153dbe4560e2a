package runtime

import (
	"fmt"
	"strings"

	"github.com/ebgen/ebgen/spec/plan"
)

// End says why a run ended.
type End string

const (
	Interrupted End = "interrupted"   // the caller's context was done
	TimeUp      End = "duration"      // Duration was over
	CountMet    End = "count"         // Count records, or reports, were delivered
	Exhausted   End = "exhausted"     // every probe was an iterator, begin or end, and all have run
	PipeClosed  End = "closed pipe"   // the reader of the output went away
	SinkFailed  End = "output failed" // the output took no more, such as a full disk
	MapFull     End = "map full"      // a map with on_full: stop refused an entry; Account.Full names it
)

// Account says what became of every event that passed the filters. Where records are
// made:
//
//	submitted  = Delivered + LostSink
//	passed     = submitted + LostRing + Limited
//
// where a run that ends at a count leaves what came after it out of both. In a table,
// rows take the place of submitted records, and an event is either counted in a row or
// in Refused of its map.
type Account struct {
	End         End
	Delivered   uint64 // records, or rows, of which the output accepted every byte
	LostRing    uint64 // records for which the channel had no room
	LostSink    uint64 // records taken from the channel, or rows, that the output did not accept
	FailedReads uint64 // reads of memory that failed; their fields are absent
	FiltersRead bool   // filters read memory too: of a read that failed there is no record
	Limited     uint64 // records above the spec's rate limit
	OwnersFull  uint64 // sockets whose owner was not noted, the map being full
	OwnersBlind bool   // sockets opened after the start have no known owner: nothing could be attached to see them
	Missed      uint64 // events, before any filter, for which the kernel could not run a program
	SpacesLost  uint64 // programs that Options.Stacks was not told of when their stacks were taken
	Unrecorded  uint64 // records, or entries of a table, that a recording of the run does not have; see package recording

	Reports uint64       // of a table: reports made; 0 for a tracer of records
	Cut     uint64       // of a table: rows of these reports that top left out
	Late    uint64       // intervals that have no report of their own, the one before having taken too long; the next one has their events
	Maps    []MapAccount // in the plan's order
	Full    string       // the map that ended the run
}

// MapAccount says what became of the entries of one map. Of an LRU map
//
//	Inserted = Deleted + Evicted + Left
type MapAccount struct {
	Name    string
	Use     plan.MapUse
	Entries int // how many there is room for
	Depth   int // as in plan.Map
	LRU     bool
	Array   bool

	Left     uint64 // entries at the end; of hashes only
	Refused  uint64 // updates that the kernel refused, for want of room or of a lock
	Inserted uint64 // entries that came in anew; of an LRU map, as the next two
	Deleted  uint64 // entries that were taken out, by the tracer or by reports
	Evicted  uint64 // entries that made room for others

	// Of a span:
	Chosen    bool   // starts have a filter, so that ends of what it leaves out are usual
	Unmatched uint64 // ends without a start
	Restarted uint64 // starts of a span that was open: the start before has no end
	Cancelled uint64 // spans ended by cancel
	TooDeep   uint64 // calls nested deeper than Depth, which are not followed
	Open      uint64 // spans without an end when the run ended
}

// loss is a count of something that is to be told.
type loss struct {
	n    uint64
	noun string // of one, "" when what says it all
	what string
	why  string // the cause and the remedy, with the punctuation before it
}

// String is `1203 lost: the buffer was full`.
func (l loss) String() string { return l.text("") }

// soFar is String for a count that still grows.
func (l loss) soFar() string { return l.text(" so far") }

func (l loss) text(when string) string {
	return number(l.n, l.noun) + " " + l.what + when + l.why
}

// counted lists all that is lost, thinned or unread, each with its remedy, whether or not
// there was any: the same rows for every account of one plan.
//
// What a map refused or evicted is lost: events that are not counted, starts and state
// that later events do not find. Nobody can know whether one would have looked, so that
// an evicted entry that had served its time counts too. An end without a start is none:
// every span that was open when the tracer was attached makes one.
func (a *Account) counted() []loss {
	unread := "; the field has no value"
	if a.FiltersRead {
		unread = "; a field has no value then, and a filter leaves the event out"
	}
	rows := []loss{
		{a.LostRing, "record", "lost", ": the buffer was full (a larger --ring-size, or a filter, helps)"},
		{a.LostSink, "record", "lost", ": the output did not take them"},
		{a.Limited, "record", "left out by the rate limit", ""},
		{a.FailedReads, "read", "of memory failed", unread},
		{a.OwnersFull, "socket", "without a known owner", ": the map of owners was full"},
		{a.Missed, "event", "missed, before any filter", ": the kernel could not run the program"},
		{a.Unrecorded, "record", "not in the recording", ": its file took no more"},
		{a.SpacesLost, "program", "not looked at when its stack was taken", ": too many came at once; frames may have no names"},
	}
	for i := range a.Maps {
		m := &a.Maps[i]
		room := fmt.Sprintf(": the map %s was full (max_entries is %d; a larger one helps)", m.Name, m.Entries)
		switch {
		case m.Array:
			room = fmt.Sprintf(": the array %s has the numbers below %d (a larger max_entries helps)", m.Name, m.Entries)
		case m.LRU:
			room = fmt.Sprintf(": the map %s found none to evict (max_entries is %d; a larger one helps)", m.Name, m.Entries)
		}
		rows = append(rows,
			loss{m.Refused, "update", "refused", room},
			loss{m.Evicted, "key", "evicted", fmt.Sprintf(": newer ones took the room in the map %s (max_entries is %d; a larger one helps)", m.Name, m.Entries)},
			loss{m.TooDeep, "call", "not followed", fmt.Sprintf(": a thread was in more than %d of them at once (%s)", m.Depth, m.Name)},
		)
	}
	return rows
}

func (a *Account) late() loss {
	return loss{a.Late, "interval", "without a report", ": the report before took longer than an interval; the one after has its events"}
}

// remarks lists what is worth knowing and no loss.
func (a *Account) remarks() []loss {
	rows := []loss{a.late()}
	for i := range a.Maps {
		m := &a.Maps[i]
		why := ": it came before the tracer or while that ended, or is among the losses"
		if m.Chosen {
			why = ", which is no loss: the filter of the start leaves out what they end"
		}
		rows = append(rows,
			loss{m.Unmatched, "end", "without a start (" + m.Name + ")", why},
			loss{m.Restarted, "start", "without an end (" + m.Name + ")", ": the same key started again"},
			loss{m.Cancelled, "span", "cancelled (" + m.Name + ")", ""},
			loss{m.Open, "span", "still open at the end (" + m.Name + ")", ""},
		)
	}
	return rows
}

// Complete reports whether the account shows nothing lost, thinned or unread.
func (a *Account) Complete() bool { return len(a.losses()) == 0 }

// losses returns one line for each loss that there was.
func (a *Account) losses() []string {
	lines := nonzero(a.counted())
	if a.OwnersBlind {
		lines = append(lines, "owners of sockets opened after the start are not known: nothing could be attached to see them")
	}
	return lines
}

func nonzero(rows []loss) []string {
	var lines []string
	for _, row := range rows {
		if row.n > 0 {
			lines = append(lines, row.String())
		}
	}
	return lines
}

// Lines returns the account for a reader: the number of records or rows, then one line
// for each kind of loss there was, then remarks.
func (a *Account) Lines() []string {
	lines := []string{number(a.Delivered, "record")}
	if a.Reports > 0 {
		rows := number(a.Delivered, "row")
		if a.Cut > 0 {
			rows = fmt.Sprintf("%d of %s", a.Delivered, number(a.Delivered+a.LostSink+a.Cut, "row"))
		}
		lines[0] = rows + " in " + number(a.Reports, "report")
	}
	if a.Full != "" {
		lines = append(lines, fmt.Sprintf("ended because the map %s was full (on_full: stop)", a.Full))
	}
	lines = append(lines, a.losses()...)
	return append(lines, nonzero(a.remarks())...)
}

// number is `1 record` or `2 records`.
func number(n uint64, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}

// String is Lines on one line.
func (a *Account) String() string { return strings.Join(a.Lines(), "; ") }
