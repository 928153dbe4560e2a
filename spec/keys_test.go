package spec

import (
	"strings"
	"testing"
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

// exampleSpec returns a complete spec that holds the key's example.
func exampleSpec(key Key) string {
	example := key.Example
	if key.Name == "c" {
		example += "\n  static int f(void) { return 0; }"
	}
	var b strings.Builder
	if key.Level == TopLevel {
		b.WriteString(example + "\n")
	}
	for _, other := range keysOf(TopLevel) {
		if other.Required && !(key.Level == TopLevel && other.Name == key.Name) && !(key.Level == FieldLevel && other.Name == "fields") {
			b.WriteString(other.Example + "\n")
		}
	}
	switch key.Level {
	case ParamLevel:
		b.WriteString("params:\n  p:\n    " + example + "\n")
		if key.Name != "type" {
			b.WriteString("    type: u32\n")
		}
	case FieldLevel:
		b.WriteString("fields:\n  f:\n    " + example + "\n")
		if key.Name != "expr" && key.Name != "text" {
			b.WriteString("    expr: pid\n")
		}
	case ChannelLevel, OutputLevel, LimitsLevel:
		b.WriteString(string(key.Level) + ":\n  " + example + "\n")
	}
	return b.String()
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
		if (key.Form&MappingForm != 0) != (key.Holds != "") || key.Holds != "" && len(keysOf(key.Holds)) == 0 {
			t.Errorf("%s takes a mapping and holds %q", id, key.Holds)
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
