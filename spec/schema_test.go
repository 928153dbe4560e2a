package spec_test

import (
	"encoding/json"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/rogpeppe/go-internal/txtar"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/ebgen/ebgen/spec"
	"github.com/ebgen/ebgen/specs"
)

// compiled is the schema as another program reads it.
func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	text, err := json.Marshal(spec.Schema())
	if err != nil {
		t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("spec.json", value); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("spec.json") // against the draft's own schema, too
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// noYAML is specs that our reader takes and YAML does not, or reads as something else: a
// bracket of an expression within braces, a null, a list of probes that goccy/go-yaml 1.19
// takes for mappings.
var noYAML = map[string]bool{"pgslower": true, "closewait-before-reset": true, "literals.yaml": true, "io.yaml": true}

// instance is a spec as JSON Schema sees it.
func instance(text []byte) (any, error) {
	var value any
	if err := yaml.Unmarshal(text, &value); err != nil {
		return nil, err
	}
	again, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	return jsonschema.UnmarshalJSON(strings.NewReader(string(again)))
}

// The schema takes every spec of the catalogue.
func TestSchemaTakesTheCatalogue(t *testing.T) {
	s := compiled(t)
	paths := specs.Paths()
	if len(paths) < 10 {
		t.Fatalf("%d specs in the catalogue", len(paths))
	}
	for _, path := range paths {
		if noYAML[specs.Name(path)] {
			continue
		}
		_, text, _ := specs.Find(specs.Title(path))
		value, err := instance(text)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		if err := s.Validate(value); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// visible is the complaints of the reader about what a schema can see: keys and the forms
// of values.
var visible = regexp.MustCompile(`: (the spec has no (name|probe)|.* has no key "|"\w+" wants |.* has no (type|map|on_full|clear) "|a param has no type)`)

// The schema takes what the reader takes, and refuses what it complains of where a schema
// can see it.
func TestSchemaAgreesWithTheReader(t *testing.T) {
	s := compiled(t)
	names, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	taken, refused := 0, 0
	for _, name := range names {
		archive, err := txtar.ParseFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range archive.Files {
			value, err := instance(f.Data)
			if !strings.HasSuffix(f.Name, ".yaml") || err != nil || noYAML[f.Name] {
				continue // not a spec, or no YAML to others
			}
			_, diags := spec.Parse(f.Name, f.Data)
			var b strings.Builder
			if err := diags.Print(&b); err != nil {
				t.Fatal(err)
			}
			got := s.Validate(value)
			switch {
			case !diags.Failed():
				taken++
				if got != nil {
					t.Errorf("%s: %s is read without complaint: %v", name, f.Name, got)
				}
			case visible.MatchString(b.String()):
				refused++
				if got == nil {
					t.Errorf("%s: %s is taken by the schema:\n%s", name, f.Name, b.String())
				}
			}
		}
	}
	t.Logf("%d taken, %d refused", taken, refused)
	if taken < 10 || refused < 10 {
		t.Errorf("%d specs taken and %d refused: the test no longer looks at them", taken, refused)
	}
}

// Every key says what it is for, and shows it.
func TestSchemaDescribesEveryKey(t *testing.T) {
	definitions := spec.Schema()["$defs"]
	text, err := json.Marshal([]any{spec.Schema()["properties"], definitions})
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range spec.Keys {
		help, _ := json.Marshal(key.Help)
		if !strings.Contains(string(text), string(help)) {
			t.Errorf("%s %s: its help %q is not in the schema", key.Level, key.Name, key.Help)
		}
	}
}
