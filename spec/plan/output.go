package plan

// OutputFormat is one way to write records or rows, as a spec's `output` and the flag
// --output name it.
type OutputFormat struct {
	Name  string
	Help  string
	Needs Need // what of the spec there must be to show
	// AtEnd says that nothing is written before the end, and then a whole file.
	AtEnd bool
	// File says that it is made for a file and not for a terminal; what its name ends in is
	// Extension.
	File      bool
	Extension string
}

// Need is what an output format cannot do without.
type Need string

const (
	NeedsStack Need = "stack" // a column of kind Stack
	NeedsHeat  Need = "heat"  // a column of kind Hist in reports at an interval, each of what was counted in it
)

// OutputFormats lists the output formats in the order in which help shows them; the
// first is the default.
var OutputFormats = []OutputFormat{
	{Name: "table", Help: "aligned columns, for reading"},
	{Name: "json", Help: "one JSON object a line, for jq and log pipelines"},
	{Name: "csv", Help: "comma-separated values with a header (RFC 4180)"},
	{"folded", "stacks, one line each, for tools that draw them", NeedsStack, true, false, ".folded"},
	{"flamegraph", "stacks as a flame graph: one HTML file", NeedsStack, true, true, ".html"},
	{"pprof", "stacks for go tool pprof: profile.proto, gzipped", NeedsStack, true, true, ".pb.gz"},
	{"heatmap", "histograms over time: one HTML file", NeedsHeat, true, true, ".html"},
	{Name: "none", Help: "nothing, where --record keeps all for later"},
}

// A NeedError says that a format has nothing to show.
type NeedError struct {
	Message string
	Hint    string // what gives it to the format
}

func (e *NeedError) Error() string { return e.Message }

// Check returns nil when there is what f needs: shows says whether a column of a kind is
// shown, interval that reports come at an interval, keep that each is of all that was
// counted since the start.
func (f OutputFormat) Check(shows func(Kind) bool, interval, keep bool) *NeedError {
	switch {
	case f.Needs == NeedsStack && !shows(Stack):
		return &NeedError{f.Name + " shows stacks, and no column is one", "ustack or kstack takes one"}
	case f.Needs == NeedsHeat && !shows(Hist):
		return &NeedError{f.Name + " shows histograms, and no column is one", "hist(x) or lhist(x, LOW, HIGH, STEP) makes one"}
	case f.Needs == NeedsHeat && !interval:
		return &NeedError{f.Name + " shows histograms over time, and there is one report, at the end", "interval: 1s, or --interval 1s, makes one each second"}
	case f.Needs == NeedsHeat && keep:
		return &NeedError{f.Name + " shows what was counted in each interval, and reports are of all since the start", "clear: true, or --clear"}
	}
	return nil
}
