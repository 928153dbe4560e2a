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
	Holds    Level    // what the mapping it holds is; "" when it holds none
	Named    bool     // the mapping's keys are names of the author's, each holding one Holds
	Short    string   // the key of Holds that a single value stands for; "" for none
	Code     bool     // its values are expressions or types, whose signs YAML has its own use for
	Empty    bool     // an empty text in quotes is a value
	Required bool     // the spec, or the mapping, is not complete without it
	Values   []string // the only values allowed; nil for any
	Help     string
	Example  string // as it would stand in a file
}

// Keys is every key of the language, by level, in the order of a well-kept spec. The
// reader, its hints, the JSON Schema and the documentation are printed from it.
var Keys = []Key{
	{Level: TopLevel, Name: "name", Form: ScalarForm, Required: true, Help: "what the tracer is called: letters, digits and _", Example: "name: opens"},
	{Level: TopLevel, Name: "description", Form: ScalarForm, Help: "what question the tracer answers", Example: "description: Every open, with its process."},
	{Level: TopLevel, Name: "params", Form: MappingForm, Holds: ParamLevel, Named: true, Help: "values given at start; each is a flag of the running tracer", Example: "params: {port: {type: u16, help: only this port}}"},
	{Level: TopLevel, Name: "probe", Form: ScalarForm | ListForm, Required: true, Help: "what is traced; `a | b` takes the first that the kernel has", Example: "probe: tracepoint:syscalls:sys_enter_openat"},
	{Level: TopLevel, Name: "fields", Form: MappingForm, Holds: FieldLevel, Named: true, Short: "expr", Required: true, Help: "the columns of a record, in order", Example: "fields: {pid: pid, comm: comm}"},
	{Level: TopLevel, Name: "filter", Form: ScalarForm | ListForm, Code: true, Help: "conditions; a record is made when all of them hold", Example: "filter: pid == $pid"},
	{Level: TopLevel, Name: "channel", Form: ScalarForm | MappingForm, Holds: ChannelLevel, Short: "type", Help: "how records leave the kernel", Example: "channel: ringbuf"},
	{Level: TopLevel, Name: "output", Form: ScalarForm | MappingForm, Holds: OutputLevel, Short: "format", Help: "what is shown, and how", Example: "output: table"},
	{Level: TopLevel, Name: "limits", Form: MappingForm, Holds: LimitsLevel, Help: "what ends or thins a run", Example: "limits: {rate: 1000, duration: 10s}"},
	{Level: TopLevel, Name: "c", Form: ScalarForm, Help: "restricted C functions that expressions may call", Example: "c: |"},

	{Level: ParamLevel, Name: "type", Form: ScalarForm, Code: true, Required: true, Help: "the type of the value; in brackets for a list of values", Example: `type: "[u32]"`},
	{Level: ParamLevel, Name: "help", Form: ScalarForm, Help: "one line for --help", Example: "help: only this port"},
	{Level: ParamLevel, Name: "default", Form: ScalarForm, Empty: true, Help: "the value when the flag is not given, as the flag would be written", Example: "default: 443"},

	{Level: FieldLevel, Name: "expr", Form: ScalarForm, Code: true, Help: "the field's value", Example: "expr: args.sk.__sk_common.skc_dport"},
	{Level: FieldLevel, Name: "text", Form: ScalarForm, Empty: true, Help: "a constant text, in place of an expression", Example: "text: connect"},
	{Level: FieldLevel, Name: "format", Form: ScalarForm, Help: "how the value is shown, in place of what its type says", Example: "format: duration"},
	{Level: FieldLevel, Name: "help", Form: ScalarForm, Help: "one line on what the column says", Example: "help: the remote port"},

	{Level: ChannelLevel, Name: "type", Form: ScalarForm, Values: []string{"ringbuf", "perfbuf"}, Help: "one ring for all CPUs, or one buffer for each", Example: "type: ringbuf"},
	{Level: ChannelLevel, Name: "size", Form: ScalarForm, Help: "bytes: of the ring, or of one CPU's buffer", Example: "size: 4MiB"},

	{Level: OutputLevel, Name: "format", Form: ScalarForm, Help: "the format of the records", Example: "format: json"},
	{Level: OutputLevel, Name: "columns", Form: ScalarForm | ListForm, Help: "the fields to show, in order", Example: "columns: [pid, comm]"},

	{Level: LimitsLevel, Name: "rate", Form: ScalarForm, Help: "records a second, enforced in the kernel", Example: "rate: 1000"},
	{Level: LimitsLevel, Name: "duration", Form: ScalarForm, Help: "ends the run after this time", Example: "duration: 10s"},
	{Level: LimitsLevel, Name: "count", Form: ScalarForm, Help: "ends the run after this many records", Example: "count: 100"},
}

// later is what the language is to have and this version does not read: keys, and
// the values of keys, by level.
var later = map[Level][]string{
	TopLevel:     {"span", "stages", "maps", "probes", "save", "delete"},
	ChannelLevel: {"map"},
	OutputLevel:  {"sort", "top", "interval", "clear"},
	LimitsLevel:  {"overhead"},
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
		hint, meant = fmt.Sprintf("%s belongs to %s", name, strings.Join(elsewhere, " or ")), ""
	case meant != "":
		hint = fmt.Sprintf("did you mean %s?", meant)
	default:
		hint = fmt.Sprintf("%s has: %s", level, strings.Join(names, ", "))
	}
	return message, hint, meant
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
