package spec

import (
	"fmt"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"
)

// Level is a kind of mapping in a spec, named as messages name it.
type Level string

const (
	TopLevel     Level = "the top level"
	ParamLevel   Level = "a param"
	MapLevel     Level = "a map"
	ProbeLevel   Level = "a probe"
	SpanLevel    Level = "span"
	PointLevel   Level = "a point of a span"
	ValueLevel   Level = "a saved value"
	FieldLevel   Level = "a field"
	ChannelLevel Level = "channel"
	OutputLevel  Level = "output"
	LimitsLevel  Level = "limits"
)

// Form is a set of the forms in which a value may be written.
type Form int

const (
	ScalarForm Form = 1 << iota
	ListForm
	MappingForm
)

// String names the forms as a message wants them: "a list or one value".
func (f Form) String() string {
	var names []string
	for _, one := range []struct {
		form Form
		name string
	}{{ScalarForm, "one value"}, {ListForm, "a list"}, {MappingForm, "a mapping"}} {
		if f&one.form != 0 {
			names = append(names, one.name)
		}
	}
	return strings.Join(names, " or ")
}

// Key is one row of the language: a key, where it may stand and what it may hold.
type Key struct {
	Level    Level
	Name     string
	Form     Form
	Holds    Level    // what the mapping it holds is, or each mapping of its list; "" when it holds none
	Named    bool     // the mapping's keys are names of the author's, each holding one Holds
	Entries  bool     // the mapping's keys are entries of state maps, each holding one expression or names that hold one Holds
	Each     Form     // the forms of one item of a list, or of what a name or an entry holds
	Short    string   // the key of Holds that a single value stands for; "" for none
	Code     bool     // its values are expressions or types, whose signs YAML has its own use for
	Empty    bool     // an empty text in quotes is a value
	Required bool     // the spec, or the mapping, is not complete without it
	Choice   bool     // the mapping is complete with exactly one of its keys that are a choice
	Values   []string // the only values allowed; nil for any
	Help     string
	Example  string // as it would stand in a file
}

// each is what one item of the key's list, or one name or entry in its mapping, may hold.
func (k Key) each() Key {
	short, _ := findKey(k.Holds, k.Short)
	return Key{Level: k.Level, Form: k.Each, Holds: k.Holds, Short: k.Short, Code: k.Code || short.Code, Example: k.Example}
}

// Keys is every key of the language, by level, in the order of a well-kept spec. The
// reader, its hints, the JSON Schema and the documentation are printed from it.
var Keys = []Key{
	{Level: TopLevel, Name: "name", Form: ScalarForm, Required: true, Help: "what the tracer is called: letters, digits and _", Example: "name: opens"},
	{Level: TopLevel, Name: "description", Form: ScalarForm, Help: "what question the tracer answers", Example: "description: Every open, with its process."},
	{Level: TopLevel, Name: "params", Form: MappingForm, Holds: ParamLevel, Named: true, Each: MappingForm, Help: "values given at start; each is a flag of the running tracer", Example: "params: {port: {type: u16, help: only this port}}"},
	{Level: TopLevel, Name: "maps", Form: MappingForm, Holds: MapLevel, Named: true, Each: ScalarForm | MappingForm, Short: "type", Help: "types and sizes of the state maps that are not to be chosen for the spec", Example: "maps: {moved: {type: lru_hash, max_entries: 65536}}"},
	{Level: TopLevel, Name: "probe", Form: ScalarForm | ListForm, Each: ScalarForm, Choice: true, Help: "what is traced; `a | b` takes the first that the kernel has", Example: "probe: tracepoint:syscalls:sys_enter_openat"},
	{Level: TopLevel, Name: "probes", Form: ListForm, Holds: ProbeLevel, Each: MappingForm, Choice: true, Help: "several probes, each with filters, fields and state of its own", Example: "probes: [{probe: rawtracepoint:sched_switch, delete: \"woken[tid]\"}]"},
	{Level: TopLevel, Name: "span", Form: ScalarForm | MappingForm, Holds: SpanLevel, Choice: true, Help: "what is followed from a start to an end: function:NAME, or two probes and a key", Example: "span: function:vfs_read"},
	{Level: TopLevel, Name: "stages", Form: MappingForm, Holds: PointLevel, Named: true, Each: ScalarForm | ListForm | MappingForm, Short: "probe", Help: "points of a span in the order of time, from its start to its end; each name is an instant", Example: "stages: {queued: rawtracepoint:block_rq_insert, issued: rawtracepoint:block_rq_issue, done: rawtracepoint:block_rq_complete}"},
	{Level: TopLevel, Name: "let", Form: MappingForm, Holds: ValueLevel, Named: true, Each: ScalarForm | MappingForm, Short: "expr", Help: "names for expressions, which are no columns; known to all probes", Example: "let: {packet: args.skb.head + args.skb.network_header}"},
	{Level: TopLevel, Name: "fields", Form: MappingForm, Holds: FieldLevel, Named: true, Each: ScalarForm | MappingForm, Short: "expr", Help: "the columns of a record, in order; common to all probes", Example: "fields: {pid: pid, comm: comm}"},
	{Level: TopLevel, Name: "filter", Form: ScalarForm | ListForm, Each: ScalarForm, Code: true, Help: "conditions; a record is made when all of them hold", Example: "filter: pid == $pid"},
	{Level: TopLevel, Name: "save", Form: MappingForm, Holds: ValueLevel, Entries: true, Each: ScalarForm | MappingForm, Short: "expr", Help: "values put into entries of state maps, after all reads", Example: "save: {last[tid]: {at: nsecs}}"},
	{Level: TopLevel, Name: "delete", Form: ScalarForm | ListForm, Each: ScalarForm, Code: true, Help: "entries taken out of state maps, after all reads", Example: "delete: last[tid]"},
	{Level: TopLevel, Name: "channel", Form: ScalarForm | MappingForm, Holds: ChannelLevel, Short: "type", Help: "how records leave the kernel", Example: "channel: ringbuf"},
	{Level: TopLevel, Name: "output", Form: ScalarForm | MappingForm, Holds: OutputLevel, Short: "format", Help: "what is shown, and how", Example: "output: table"},
	{Level: TopLevel, Name: "limits", Form: MappingForm, Holds: LimitsLevel, Help: "what ends or thins a run", Example: "limits: {rate: 1000, duration: 10s}"},
	{Level: TopLevel, Name: "c", Form: ScalarForm, Help: "restricted C functions that expressions may call", Example: "c: |"},

	{Level: ParamLevel, Name: "type", Form: ScalarForm, Code: true, Required: true, Help: "the type of the value; in brackets for a list of values", Example: `type: "[u32]"`},
	{Level: ParamLevel, Name: "help", Form: ScalarForm, Help: "one line for --help", Example: "help: only this port"},
	{Level: ParamLevel, Name: "default", Form: ScalarForm, Empty: true, Help: "the value when the flag is not given, as the flag would be written", Example: "default: 443"},

	{Level: MapLevel, Name: "type", Form: ScalarForm, Values: []string{"hash", "lru_hash", "percpu_hash", "lru_percpu_hash", "array", "percpu_array", "stack_trace", "lpm_trie"}, Help: "the kernel's type of map", Example: "type: lru_hash"},
	{Level: MapLevel, Name: "max_entries", Form: ScalarForm, Help: "how many entries there can be", Example: "max_entries: 65536"},
	{Level: MapLevel, Name: "on_full", Form: ScalarForm, Values: onFull, Help: "what a new key does to a full map", Example: "on_full: drop"},

	{Level: ProbeLevel, Name: "probe", Form: ScalarForm | ListForm, Each: ScalarForm, Required: true, Help: "what is traced; `a | b` takes the first that the kernel has", Example: "probe: rawtracepoint:sched_switch"},
	{Level: ProbeLevel, Name: "filter", Form: ScalarForm | ListForm, Each: ScalarForm, Code: true, Help: "conditions beyond the common ones; without them the probe does nothing", Example: "filter: args.newstate == TCP_CLOSE_WAIT"},
	{Level: ProbeLevel, Name: "fields", Form: MappingForm, Holds: FieldLevel, Named: true, Each: ScalarForm | MappingForm, Short: "expr", Help: "columns that follow the common ones; {} for a probe that makes no records", Example: "fields: {flow: flow(args.sk)}"},
	{Level: ProbeLevel, Name: "save", Form: MappingForm, Holds: ValueLevel, Entries: true, Each: ScalarForm | MappingForm, Short: "expr", Help: "values put into entries of state maps, after all reads", Example: "save: {moved[args.sk]: {at: nsecs, before: args.oldstate}}"},
	{Level: ProbeLevel, Name: "delete", Form: ScalarForm | ListForm, Each: ScalarForm, Code: true, Help: "entries taken out of state maps, after all reads", Example: "delete: moved[args.sk]"},

	{Level: SpanLevel, Name: "start", Form: ScalarForm | ListForm | MappingForm, Holds: PointLevel, Each: ScalarForm | MappingForm, Short: "probe", Help: "what begins a span", Example: "start: rawtracepoint:block_rq_issue"},
	{Level: SpanLevel, Name: "end", Form: ScalarForm | ListForm | MappingForm, Holds: PointLevel, Each: ScalarForm | MappingForm, Short: "probe", Help: "what ends a span and makes a record of it", Example: "end: rawtracepoint:block_rq_complete"},
	{Level: SpanLevel, Name: "key", Form: ScalarForm | ListForm, Each: ScalarForm, Code: true, Help: "what tells one span from another, at each of its points; a list has several parts", Example: "key: args.rq"},
	{Level: SpanLevel, Name: "keep", Form: MappingForm, Holds: ValueLevel, Named: true, Each: ScalarForm | MappingForm, Short: "expr", Help: "values taken at the start, read as start.NAME", Example: "keep: {who: comm, at_cpu: cpu}"},
	{Level: SpanLevel, Name: "cancel", Form: ScalarForm | ListForm | MappingForm, Holds: PointLevel, Each: ScalarForm | MappingForm, Short: "probe", Help: "what ends a span without a record", Example: "cancel: rawtracepoint:block_rq_requeue"},
	{Level: SpanLevel, Name: "max_entries", Form: ScalarForm, Help: "how many spans can be open", Example: "max_entries: 65536"},
	{Level: SpanLevel, Name: "on_full", Form: ScalarForm, Values: onFull, Help: "what a new span does when that many are open", Example: "on_full: drop"},

	{Level: PointLevel, Name: "probe", Form: ScalarForm | ListForm, Each: ScalarForm, Required: true, Help: "what is traced; `a | b` takes the first that the kernel has", Example: "probe: rawtracepoint:sched_switch"},
	{Level: PointLevel, Name: "key", Form: ScalarForm | ListForm, Each: ScalarForm, Code: true, Help: "the span's key at this point, in place of the common one", Example: "key: args.prev.pid"},
	{Level: PointLevel, Name: "filter", Form: ScalarForm | ListForm, Each: ScalarForm, Code: true, Help: "conditions under which the event is this point", Example: "filter: args.prev.pid != 0"},
	{Level: PointLevel, Name: "keep", Form: MappingForm, Holds: ValueLevel, Named: true, Each: ScalarForm | MappingForm, Short: "expr", Help: "values taken at this point, beside those of the span", Example: "keep: {who: comm}"},

	{Level: ValueLevel, Name: "expr", Form: ScalarForm, Code: true, Help: "the value", Example: "expr: nsecs"},
	{Level: ValueLevel, Name: "text", Form: ScalarForm, Empty: true, Help: "a constant text, in place of an expression", Example: "text: connect"},

	{Level: FieldLevel, Name: "expr", Form: ScalarForm, Code: true, Help: "the field's value", Example: "expr: args.sk.__sk_common.skc_dport"},
	{Level: FieldLevel, Name: "text", Form: ScalarForm, Empty: true, Help: "a constant text, in place of an expression", Example: "text: connect"},
	{Level: FieldLevel, Name: "format", Form: ScalarForm, Help: "how the value is shown, in place of what its type says", Example: "format: duration"},
	{Level: FieldLevel, Name: "help", Form: ScalarForm, Help: "one line on what the column says", Example: "help: the remote port"},

	{Level: ChannelLevel, Name: "type", Form: ScalarForm, Values: []string{"ringbuf", "perfbuf", "map"}, Help: "one ring for all CPUs, or one buffer for each; or a table that is counted in the kernel", Example: "type: ringbuf"},
	{Level: ChannelLevel, Name: "size", Form: ScalarForm, Help: "bytes: of the ring, or of one CPU's buffer", Example: "size: 4MiB"},
	{Level: ChannelLevel, Name: "map", Form: ScalarForm, Values: []string{"hash", "lru_hash", "percpu_hash", "lru_percpu_hash", "array", "percpu_array"}, Help: "of a table: the kernel's type of map", Example: "map: percpu_hash"},
	{Level: ChannelLevel, Name: "max_entries", Form: ScalarForm, Help: "of a table: how many keys there can be", Example: "max_entries: 10240"},
	{Level: ChannelLevel, Name: "on_full", Form: ScalarForm, Values: onFull, Help: "of a table: what a new key does when there are that many", Example: "on_full: drop"},

	{Level: OutputLevel, Name: "format", Form: ScalarForm, Help: "the format of the records", Example: "format: json"},
	{Level: OutputLevel, Name: "columns", Form: ScalarForm | ListForm, Each: ScalarForm, Help: "the fields to show, in order", Example: "columns: [pid, comm]"},
	{Level: OutputLevel, Name: "interval", Form: ScalarForm, Help: "of a table: the time between two reports; without it there is one, at the end", Example: "interval: 1s"},
	{Level: OutputLevel, Name: "clear", Form: ScalarForm, Values: []string{"true", "false"}, Help: "of a table: whether a report counts from the one before it, or from the start", Example: "clear: false"},
	{Level: OutputLevel, Name: "sort", Form: ScalarForm | ListForm, Each: ScalarForm, Help: "of a table: the columns that order the rows; -NAME has the greatest first", Example: "sort: -count"},
	{Level: OutputLevel, Name: "top", Form: ScalarForm, Help: "of a table: how many rows a report has at most", Example: "top: 20"},

	{Level: LimitsLevel, Name: "rate", Form: ScalarForm, Help: "records a second, enforced in the kernel", Example: "rate: 1000"},
	{Level: LimitsLevel, Name: "duration", Form: ScalarForm, Help: "ends the run after this time", Example: "duration: 10s"},
	{Level: LimitsLevel, Name: "count", Form: ScalarForm, Help: "ends the run after this many records", Example: "count: 100"},
}

// onFull is what can happen to a new key of a full map.
var onFull = []string{"evict", "drop", "stop"}

// later is what the language is to have and this version does not read: keys, and
// the values of keys, by level.
var later = map[Level][]string{
	LimitsLevel: {"overhead"},
}

// keysOf returns the keys of a level, in the table's order.
func keysOf(level Level) []Key {
	var keys []Key
	for _, key := range Keys {
		if key.Level == level {
			keys = append(keys, key)
		}
	}
	return keys
}

// findKey returns the key of that name at that level.
func findKey(level Level, name string) (Key, bool) {
	i := slices.IndexFunc(Keys, func(k Key) bool { return k.Level == level && k.Name == name })
	if i < 0 {
		return Key{}, false
	}
	return Keys[i], true
}

// unknownKey says what is wrong with a key that level does not have, with a hint, and
// which key of this level was likely meant: "" for none.
func unknownKey(level Level, name string) (message, hint, meant string) {
	if slices.Contains(later[level], name) {
		return fmt.Sprintf("this ebgen does not have %q yet", name), "", ""
	}
	message = fmt.Sprintf("%s has no key %q", level, name)
	var names, elsewhere []string
	for _, key := range Keys {
		if key.Level == level {
			names = append(names, key.Name)
		} else if key.Name == name {
			elsewhere = append(elsewhere, string(key.Level))
		}
	}
	switch meant = nearest(name, names); {
	case len(elsewhere) > 0:
		hint, meant = fmt.Sprintf("%s belongs to %s", name, listed(elsewhere, "or")), ""
		if level == ProbeLevel && name == "span" {
			hint, meant = "one span for the whole spec: span: {start: [A, B], end: [C, D]} has several starts and ends", "probe"
		}
	case meant != "":
		hint = fmt.Sprintf("did you mean %s?", meant)
	default:
		hint = fmt.Sprintf("%s has: %s", level, strings.Join(names, ", "))
	}
	return message, hint, meant
}

// listed joins words as a sentence does: "a, b or c".
func listed(words []string, last string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	n := len(words) - 1
	return strings.Join(words[:n], ", ") + " " + last + " " + words[n]
}

// nearest returns the candidate that a typing mistake could have turned into word:
// the closest, at most one edit for every three letters away and not all of it
// edited. "" when none is near.
func nearest(word string, candidates []string) string {
	best, found := (len(word)+2)/3+1, ""
	for _, candidate := range candidates {
		distance := levenshtein.ComputeDistance(strings.ToLower(word), candidate)
		if distance < best && distance < len(candidate) {
			best, found = distance, candidate
		}
	}
	return found
}
