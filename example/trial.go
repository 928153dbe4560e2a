package example

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ebgen/ebgen/spec"
	"github.com/ebgen/ebgen/spec/ktype"
	"github.com/ebgen/ebgen/spec/plan"
)

// Outcome is what became of an example.
type Outcome string

const (
	Holds    Outcome = "ok"
	Written  Outcome = "written"  // with the rows that were found
	Differs  Outcome = "differs"  // other rows were found
	Misfits  Outcome = "misfits"  // the samples do not have what the spec reads
	Broken   Outcome = "broken"   // it cannot be read
	Untested Outcome = "untested" // no kernel of its architecture loads the spec
)

// Passes reports whether nothing is left to be done about it.
func (o Outcome) Passes() bool { return o == Holds || o == Written }

// Trial holds an example against one kernel's types after the other.
type Trial struct {
	Name   string  // of the example's file
	Kernel string  // whose types Result is by, "" as long as there is none
	Result *Result // nil as long as there is none, or with Err
	Err    error   // what is wrong with the example

	example *Example
	write   bool // whether rows that differ are written
}

// Open begins the trial of an example in a file, whose rows are written again where write
// says so.
func Open(name string, write bool) *Trial {
	t := &Trial{Name: name, write: write}
	text, err := os.ReadFile(name)
	if err == nil {
		t.example, err = Parse(name, text)
	}
	t.Err = err
	return t
}

// New begins the trial of an example that is to be written.
func New(e *Example) *Trial { return &Trial{Name: e.Name, example: e, write: true} }

// Hold tests the example by a kernel's types, which load the spec. Of several kernels the
// one counts that was recorded, or else the newest.
func (t *Trial) Hold(doc *spec.Document, p *plan.Plan, k *ktype.Kernel) {
	if t.example == nil || k.Arch() != t.example.Arch {
		return
	}
	own := func(release string) bool { return ktype.CompareReleases(release, t.example.Release) == 0 }
	if t.Kernel != "" && (own(t.Kernel) || !own(k.Release()) && ktype.CompareReleases(k.Release(), t.Kernel) <= 0) {
		return
	}
	t.Kernel = k.Release()
	t.Result, t.Err = t.example.Test(doc, p, k)
}

// Conclude says what became of the example. Of one that is Written it returns the text, for
// the file Name.
func (t *Trial) Conclude() (Outcome, []byte, error) {
	switch {
	case t.Err != nil:
		return Broken, nil, nil
	case t.Result == nil:
		return Untested, nil, nil
	case t.Result.Diags.Failed():
		return Misfits, nil, nil
	case t.Result.Diff == "":
		return Holds, nil, nil
	case !t.write:
		return Differs, nil, nil
	}
	if err := t.example.Update(t.Result); err != nil {
		return Broken, nil, err
	}
	return Written, t.example.Format(), nil
}

// specExtension ends the names of specs.
const specExtension = ".yaml"

// NameFor is the file of a spec's example; the one of a case, unless that is "".
func NameFor(path, of string) string {
	name := strings.TrimSuffix(path, specExtension)
	if of != "" {
		name += "." + of
	}
	return name + Extension
}

// Beside lists the examples of the spec in a file. A spec of the catalogue has none there.
func Beside(path string) ([]string, error) {
	dir, stem := filepath.Dir(path), strings.TrimSuffix(filepath.Base(path), specExtension)
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var specs, list []string
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), specExtension); ok {
			specs = append(specs, name)
		}
	}
	for _, e := range entries {
		if belongs(e.Name(), stem, specs) {
			list = append(list, filepath.Join(dir, e.Name()))
		}
	}
	return list, nil
}

// belongs reports whether a file of that name is an example of the spec whose name without
// .yaml is stem; others are the stems of specs beside it, whose examples may begin alike.
func belongs(name, stem string, others []string) bool {
	rest, ok := strings.CutSuffix(name, Extension)
	if !ok || rest != stem && !strings.HasPrefix(rest, stem+".") {
		return false
	}
	return !slices.ContainsFunc(others, func(other string) bool {
		return len(other) > len(stem) && (rest == other || strings.HasPrefix(rest, other+"."))
	})
}
