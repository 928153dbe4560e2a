package plan

import "slices"

// Map is one BPF map that the tracer keeps between two events: state that a spec saves,
// the spans that are open, the rows of a table, or the stacks that values refer to.
type Map struct {
	Name    string // C identifier
	Line    int    // in the spec, of what makes it necessary
	Use     MapUse
	Type    MapType
	Entries int
	Key     Record // Absent is -1 but for a table; of no size for a table of one row, whose type is PercpuArray or Array
	Value   Record // of a span with Depth: of one call
	OnFull  OnFull
	// Depth is how many calls of a function one thread can have open, for a span that
	// follows one function in one thread: a value is then a stack of as many Value
	// records. 0 for all other maps.
	Depth int
	// Double says that there are two maps, so that one can be read while the other one
	// counts: NAME and NAME_idle. Only a table is double.
	Double bool
}

// MapUse says what a map is for.
type MapUse string

const (
	StateMap MapUse = "state"
	SpanMap  MapUse = "span"
	TableMap MapUse = "table"
	StackMap MapUse = "stacks"
)

// MapType is a type of map as a spec names it (enum bpf_map_type in lower case).
type MapType string

const (
	Hash          MapType = "hash"
	LRUHash       MapType = "lru_hash"
	PercpuHash    MapType = "percpu_hash"
	LRUPercpuHash MapType = "lru_percpu_hash"
	ArrayMap      MapType = "array"
	PercpuArray   MapType = "percpu_array"
	StackTrace    MapType = "stack_trace"
	LPMTrie       MapType = "lpm_trie"
)

// MapTypes says of each type what the kernel does with it.
var MapTypes = map[MapType]struct {
	PerCPU bool // each CPU has a value of its own for a key
	LRU    bool // a new key drives out one that was not used lately
	Array  bool // keys are the u32 below max_entries, and all of them are there
	Help   string
}{
	Hash:          {false, false, false, "one value for a key; a new key finds no room when the map is full"},
	LRUHash:       {false, true, false, "as hash; a new key drives out one that was not used lately"},
	PercpuHash:    {true, false, false, "as hash, with a value for each CPU"},
	LRUPercpuHash: {true, true, false, "as lru_hash, with a value for each CPU"},
	ArrayMap:      {false, false, true, "by a number below max_entries"},
	PercpuArray:   {true, false, true, "as array, with a value for each CPU"},
	StackTrace:    {false, false, false, "stacks by their number"},
	LPMTrie:       {false, false, false, "by IP network: an address finds the longest prefix"},
}

// OnFull says what happens to a new key when a map is full.
type OnFull string

const (
	Evict OnFull = "evict" // a key that was not used lately makes room
	Drop  OnFull = "drop"  // the new key is not kept, and counted
	Stop  OnFull = "stop"  // the new key is not kept, and the run ends
)

// Counters of a map in the object, each a u64 of the one value of the per-CPU array map
// "tallies", under the name that these give for Map.Name. A counter is there when what
// it counts can happen to the map.
func (m *Map) Refused() string   { return m.Name + "_refused" }   // updates that the kernel refused, for want of room or of a lock
func (m *Map) Inserted() string  { return m.Name + "_inserted" }  // keys that came in anew; of an LRU map
func (m *Map) Deleted() string   { return m.Name + "_deleted" }   // keys that the programs took out; of an LRU map
func (m *Map) Unmatched() string { return m.Name + "_unmatched" } // of a span: ends without a start
func (m *Map) Restarted() string { return m.Name + "_restarted" } // of a span: starts for a key that was open, whose first start will have no end
func (m *Map) Cancelled() string { return m.Name + "_cancelled" } // of a span: spans ended by cancel
func (m *Map) TooDeep() string   { return m.Name + "_too_deep" }  // of a span with Depth: calls below it

// Idle is the name of the second map of a double one.
func (m *Map) Idle() string { return m.Name + "_idle" }

// Counters lists the counters that a map has, in the order in which they lie in the
// value of "tallies".
func (m *Map) Counters() []string {
	kind := MapTypes[m.Type]
	var names []string
	if !kind.Array || m.Use == StateMap { // an array refuses a key that is no index of it
		names = append(names, m.Refused())
	}
	if kind.LRU {
		names = append(names, m.Inserted(), m.Deleted())
	}
	if m.Use == SpanMap {
		names = append(names, m.Unmatched(), m.Cancelled())
		if m.Depth > 0 {
			names = append(names, m.TooDeep())
		} else {
			names = append(names, m.Restarted())
		}
	}
	return names
}

// Span is how the tracer follows something from a start to an end.
type Span struct {
	Map    int      // index into Plan.Maps
	Stages []string // the fields of Map.Value that hold instants (ns of CLOCK_MONOTONIC), in order; the last stage, the end, has none
}

// SpanStep is what one body does to a span.
type SpanStep struct {
	Action SpanAction
	When   []Filter // all must hold for the event to be this step; the body ends otherwise, before anything else
	Key    []Expr   // one for each field of the map's key
	Values []Assign // into the fields of the map's value: of Open and Mark, the instant included
	Line   int
}

// SpanAction is a step in the life of a span. A body that closes takes the span before
// its filters are asked, so that it is closed whatever they say.
type SpanAction string

const (
	// OpenSpan begins a span; one that is open for the key is counted and forgotten.
	OpenSpan SpanAction = "open"
	// MarkSpan notes a stage in between. It opens the span if none is open.
	MarkSpan SpanAction = "mark"
	// CloseSpan ends a span: what was kept is copied out, then the entry is deleted. Without
	// an entry the end is counted and the body does nothing else.
	CloseSpan SpanAction = "close"
	// CancelSpan deletes the entry, and that is all.
	CancelSpan SpanAction = "cancel"
)

// Save puts values into an entry. Fields that it does not name stay as they are, and are
// absent in an entry that it makes. When a value cannot be had because another entry is
// not there, nothing is saved.
type Save struct {
	Map    int    // index into Plan.Maps
	Key    []Expr // one for each field of the map's key
	Values []Assign
	Line   int
}

// Delete takes an entry out.
type Delete struct {
	Map  int
	Key  []Expr
	Line int
}

// Table is the map channel: events are counted by key in the kernel, and rows are made
// of the entries in user space.
type Table struct {
	Map     int      // index into Plan.Maps; its Key and Value are the kernel's side
	Cells   []Cell   // what is counted
	Columns []Column // how each field of Plan.Record, a row, is made
}

// Cell is one aggregate in the value of a table's map.
type Cell struct {
	Kind  CellKind
	Field int // in Map.Value: u64 of a count, u64 or s64 of a sum, least or greatest, the u64 buckets of a histogram
	Seen  int // of Least and Greatest: the field of Map.Value that is 1 when there is a value (u64); else -1
	// Reach says in which rows anything counts the cell, when some bodies have fields of the
	// key that others lack: in those whose key is of one of these forms. In all others the
	// cell has no value. nil is every row.
	Reach []Reach `json:",omitempty"`
}

// Reach is the form of the keys that a body makes, as bits of the key's absent word.
type Reach struct {
	Set   uint64 // the fields that it does not have
	Clear uint64 // those that it has for certain
}

// Holds reports whether a key is of this form.
func (r Reach) Holds(absent uint64) bool { return absent&(r.Set|r.Clear) == r.Set }

// Reach is where all cells of an expression are counted: in every row, or in those whose key
// is of one of the forms, of which there may be none.
func (t *Table) Reach(e *Expr) (forms []Reach, every bool) {
	forms = []Reach{{}}
	e.Walk(func(e *Expr) {
		if e.Op != OpCell || t.Cells[e.Int].Reach == nil {
			return
		}
		var both []Reach
		for _, x := range forms {
			for _, y := range t.Cells[e.Int].Reach {
				r := Reach{x.Set | y.Set, x.Clear | y.Clear}
				if r.Set&r.Clear == 0 && !slices.Contains(both, r) {
					both = append(both, r)
				}
			}
		}
		forms = both
	})
	if slices.Contains(forms, Reach{}) {
		return nil, true
	}
	return forms, false
}

// CellKind is how a cell takes a value, and how the values of two CPUs are put together.
type CellKind string

const (
	Count    CellKind = "count"
	Sum      CellKind = "sum"
	Least    CellKind = "min"
	Greatest CellKind = "max"
	Buckets  CellKind = "hist"
)

// Update is what one event does to one cell.
type Update struct {
	Cell  int
	Value *Expr // what is taken, of the cell's type (u64 or s64); nil for a count
	When  *Expr // the condition under which it is, or nil; a value or condition that cannot be read leaves the cell as it is
	Line  int
}

// Column makes one field of a row: of the key, or of cells.
type Column struct {
	Key  int   // field of Map.Key that is copied, or -1
	Expr *Expr // over OpCell, OpQuantile, OpConst, OpCast, OpUnary and OpBinary; nil for a key
}

// Histogram says which values a bucket of a histogram counts.
type Histogram struct {
	Linear bool
	// Of a logarithmic histogram: the values below 2^Bits have a bucket each, and every
	// power of two above is cut into 2^Bits equal steps, so that a bucket is at most
	// 2^-Bits of its lower end wide. 0 gives powers of two.
	Bits int
	// Of a linear one: a bucket for what is below Low, one for each Step up to High, one
	// for High and above.
	Low, High, Step int64
	Signed          bool // values are s64; a logarithmic histogram has a first bucket for those below 0
}
