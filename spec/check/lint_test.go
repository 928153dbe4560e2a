package check

import (
	"strings"
	"testing"

	"github.com/ebgen/ebgen/spec"
	"github.com/ebgen/ebgen/specs"
)

// A warning about a spec of the catalogue is a wrong one, but for what this machine has not
// installed.
func TestNoWarningsOfTheCatalogue(t *testing.T) {
	for _, path := range specs.Paths() {
		_, text, ok := specs.Find(specs.Title(path))
		if !ok {
			t.Fatalf("%s is not found", path)
		}
		doc, diags := spec.Parse(path, text)
		_, diags = Check(doc, diags, kernel(t), Options{Arch: "amd64", Lint: true})
		for _, d := range diags.All() {
			if strings.Contains(d.Message, "this machine cannot attach it: no program or library") {
				continue
			}
			t.Errorf("%s", d.Format(diags.File))
		}
	}
}
