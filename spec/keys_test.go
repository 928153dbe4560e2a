package spec

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/ebgen/ebgen/spec/plan"
)

// TestKeysExamples reads every key's example in a spec that has nothing else beyond
// what is required.
func TestKeysExamples(t *testing.T) {
	for _, key := range Keys {
		t.Run(string(key.Level)+" "+key.Name, func(t *testing.T) {
			text := exampleSpec(key)
			doc, diags := Parse("t.yaml", []byte(text))
			for _, one := range diags.All() {
				t.Errorf("%s", one.Format(diags.File))
			}
			value := strings.TrimSpace(strings.TrimPrefix(key.Example, key.Name+":"))
			if first := strings.Trim(value, `{}[]"|`); !strings.Contains(doc.String(), firstWord(first)) {
				t.Errorf("%q is lost in the document of\n%s:\n%s", first, text, doc)
			}
		})
	}
}

// frames lead to a mapping of each level but the top one: the keys above it, each line
// indented by two more. What else the spec needs comes after.
var frames = map[Level]struct {
	path []string
	rest string
}{
	ParamLevel:   {[]string{"params:", "p:"}, "probe: kprobe:x"},
	MapLevel:     {[]string{"maps:", "m:"}, "probe: kprobe:x"},
	ProbeLevel:   {[]string{"probes:", "-"}, ""},
	SpanLevel:    {[]string{"span:"}, ""},
	PointLevel:   {[]string{"stages:", "queued:"}, "  done: kprobe:x\nspan: {}"},
	ValueLevel:   {[]string{"save:", "last[tid]:", "at:"}, "probe: kprobe:x"},
	FieldLevel:   {[]string{"fields:", "f:"}, "probe: kprobe:x"},
	ChannelLevel: {[]string{"channel:"}, "probe: kprobe:x"},
	OutputLevel:  {[]string{"output:"}, "probe: kprobe:x"},
	LimitsLevel:  {[]string{"limits:"}, "probe: kprobe:x"},
}

// exampleSpec returns a complete spec that holds the key's example.
func exampleSpec(key Key) string {
	example := key.Example
	if key.Name == "c" {
		example += "\n  static int f(void) { return 0; }"
	}
	lines := []string{example}
	for _, other := range keysOf(key.Level) {
		value := key.Level == FieldLevel || key.Level == ValueLevel
		needed := other.Required || other.Name == "expr" && value && key.Name != "text" ||
			key.Level == SpanLevel && (other.Name == "start" || other.Name == "end") ||
			key.Level == TopLevel && (other.Name == "fields" || other.Name == "probe" && !key.Choice && key.Name != "stages")
		if needed && other.Name != key.Name {
			lines = append(lines, other.Example)
		}
	}
	if key.Level == TopLevel {
		if key.Name == "stages" {
			lines = append(lines, "span: {key: args.rq}")
		}
		return strings.Join(lines, "\n") + "\n"
	}
	frame := frames[key.Level]
	text := "name: opens\n"
	indent := ""
	for _, line := range frame.path {
		text += indent + line + "\n"
		indent += "  "
	}
	for _, line := range lines {
		text += indent + line + "\n"
	}
	text += frame.rest + "\n"
	if key.Level != FieldLevel {
		text += "fields: {pid: pid}\n"
	}
	return text
}

func firstWord(s string) string {
	word, _, _ := strings.Cut(s, ":")
	word, _, _ = strings.Cut(word, ",")
	return strings.TrimSpace(word)
}

// TestKeysTable holds the table to what its readers rely on.
func TestKeysTable(t *testing.T) {
	seen := map[string]bool{}
	for _, key := range Keys {
		id := string(key.Level) + " " + key.Name
		if seen[id] {
			t.Errorf("%s stands twice", id)
		}
		seen[id] = true
		if key.Form == 0 || key.Help == "" || !strings.HasPrefix(key.Example, key.Name+":") {
			t.Errorf("%s lacks a form, a help or an example of its own", id)
		}
		if (key.Form&MappingForm != 0 || key.Form&ListForm != 0 && key.Each == MappingForm) != (key.Holds != "") || key.Holds != "" && len(keysOf(key.Holds)) == 0 {
			t.Errorf("%s takes a mapping and holds %q", id, key.Holds)
		}
		if (key.Form&ListForm != 0 || key.Named || key.Entries) != (key.Each != 0) {
			t.Errorf("%s holds several things, each of which may be %q", id, key.Each)
		}
		if _, found := findKey(key.Holds, key.Short); key.Short != "" && !found {
			t.Errorf("%s is short for %q, which %s does not have", id, key.Short, key.Holds)
		}
	}
	for level, names := range later {
		for _, name := range names {
			if _, found := findKey(level, name); found {
				t.Errorf("%s %s is there already, not later", level, name)
			}
		}
	}
}

// TestMapTypes holds the values of the table to the types and policies that a plan has.
func TestMapTypes(t *testing.T) {
	var types []string
	for name := range plan.MapTypes {
		types = append(types, string(name))
	}
	key, _ := findKey(MapLevel, "type")
	if got := slices.Sorted(slices.Values(key.Values)); !slices.Equal(got, slices.Sorted(slices.Values(types))) {
		t.Errorf("a map may be %v, a plan has %v", got, types)
	}
	counted, _ := findKey(ChannelLevel, "map")
	for _, name := range counted.Values {
		if !slices.Contains(types, name) {
			t.Errorf("a table may be in a %s, which a plan does not have", name)
		}
	}
	if want := []string{string(plan.Evict), string(plan.Drop), string(plan.Stop)}; !slices.Equal(onFull, want) {
		t.Errorf("on_full is %v, a plan has %v", onFull, want)
	}
}

// TestEntrySpelling has entries that are no keys to YAML, or other ones, on a line of
// their own and inside braces.
func TestEntrySpelling(t *testing.T) {
	for _, entry := range []string{
		"m[a]", "m[a, b]", "m[a][b]", "m[a ? b : c]", `m["a: b"]`, `m["]"]`, `m["a # b", '}']`, "m[f(a, b), {c}]", "m[a]  ", "m [ a ]", "m[é]", "m.x[a]", "~m[a]",
		`m["\""]`, "m", "m[-1]", "m[0x10]", "m[$p]", "m[a :b]",
	} {
		for _, form := range []string{"save:\n  %s: nsecs\n", "save: {%s: nsecs}\n", "save: {x[a]: b, %s: nsecs, y[a]: b}\n", "save:\n  x[a]: b\n  %s:\n    nsecs\n  y[a]: b\n"} {
			text := fmt.Sprintf("name: t\nprobe: kprobe:x\nfields: {a: pid}\n"+form, entry)
			for _, text := range []string{text, strings.ReplaceAll(text, "\n", "\r\n")} {
				doc, diags := Parse("t.yaml", []byte(text))
				if diags.Failed() || len(doc.Probes) != 1 {
					t.Errorf("%q: %+v", text, diags.All())
					continue
				}
				found := false
				for _, save := range doc.Probes[0].Save {
					if save.Value.Value == "nsecs" {
						found = save.Entry.Value == strings.TrimSpace(entry)
						span := save.Entry.Span()
						if got := text[span.Start:span.End]; got != save.Entry.Value {
							t.Errorf("%q: the entry points at %q", text, got)
						}
					}
				}
				if !found {
					t.Errorf("%q: the entry is lost in\n%s", text, doc)
				}
			}
		}
	}
}

func TestNearest(t *testing.T) {
	for _, test := range []struct{ word, want string }{
		{"nmae", "name"},
		{"prob", "probe"},
		{"Filter", "filter"},
		{"filters", "filter"},
		{"histogram", ""},
		{"t", ""},
		{"", ""},
	} {
		if got := nearest(test.word, []string{"name", "probe", "filter", "c"}); got != test.want {
			t.Errorf("nearest %q is %q, want %q", test.word, got, test.want)
		}
	}
}
