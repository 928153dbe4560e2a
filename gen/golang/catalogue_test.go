package golang

import (
	"errors"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/ebgen/ebgen/spec"
	"github.com/ebgen/ebgen/spec/check"
	"github.com/ebgen/ebgen/spec/ktype"
)

// refusals are what a spec says that no package can carry, with a part of the reason.
var refusals = []struct {
	says *regexp.Regexp
	why  string
}{
	{regexp.MustCompile(`\b(uprobe|uretprobe|usdt):|\b(function|kprobe):\w*\*`), whyUser},
	{regexp.MustCompile(`\b(kstack|ustack|usym)\b`), whyStack},
	{regexp.MustCompile(`\bperfbuf\b`), whyPerfbuf},
}

// helpText speaks of what a spec may also be given.
var helpText = regexp.MustCompile(`help: .*`)

// TestCatalogue prints, compiles and vets a package of every spec of the catalogue and of
// its tests, but for those whose refusal is expected.
func TestCatalogue(t *testing.T) {
	kernel, err := ktype.Running()
	if err != nil {
		t.Skip(err)
	}
	dir := module(t)
	printed := 0
	err = filepath.WalkDir("../../specs", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".yaml") {
			return err
		}
		text := readFile(t, path)
		doc, diags := spec.Parse(d.Name(), text)
		p, _ := check.Check(doc, diags, kernel, check.Options{Arch: "amd64"})
		if p == nil {
			t.Logf("%s is not for this kernel", path)
			return nil
		}
		var reasons []string
		for _, one := range refusals {
			if one.says.Match(helpText.ReplaceAll(text, nil)) {
				reasons = append(reasons, one.why)
			}
		}
		refused := Carries(p)
		var r *Refused
		switch {
		case errors.As(refused, &r) && slices.Contains(reasons, r.Why):
			return nil
		case len(reasons) > 0 || refused != nil:
			t.Errorf("%s: %v, want it refused for %q", path, refused, reasons)
			return nil
		}
		writePackage(t, dir, Package{Plan: p, Objects: map[string][]byte{"amd64": nil, "arm64": nil}})
		printed++
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if printed < 11 {
		t.Errorf("%d packages only", printed)
	}
	gofmt(t, dir)
	run(t, dir, nil, "go", "vet", "./...")
}
