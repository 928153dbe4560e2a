package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/ebgen/ebgen/spec"
	"github.com/ebgen/ebgen/spec/check"
	"github.com/ebgen/ebgen/spec/ktype"
	"github.com/ebgen/ebgen/spec/plan"
	"github.com/ebgen/ebgen/spec/probe"
)

var yamlBlock = regexp.MustCompile("(?ms)^```yaml\n(.*?)^```")

// documents are the pages whose examples are held to the code.
func documents(t *testing.T) map[string]string {
	t.Helper()
	pages := map[string]string{}
	for _, pattern := range []string{"*.md", "decisions/*.md", "../README.md"} {
		names, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			pages[name] = string(text)
		}
	}
	return pages
}

// TestExamples checks every YAML block of the documents that is a whole spec: it has no
// errors, and no warnings either.
func TestExamples(t *testing.T) {
	k, err := ktype.Running()
	if err != nil {
		t.Skipf("no types to check against: %v", err)
	}
	found := 0
	for page, text := range documents(t) {
		for _, block := range yamlBlock.FindAllStringSubmatch(text, -1) {
			if !strings.HasPrefix(block[1], "name:") {
				continue
			}
			found++
			doc, diags := spec.Parse(page, []byte(block[1]))
			_, diags = check.Check(doc, diags, k, check.Options{Arch: "amd64"})
			if len(diags.All()) > 0 {
				var b strings.Builder
				_ = diags.Print(&b)
				t.Errorf("%s: the example\n%s\n%s", page, block[1], b.String())
			}
		}
	}
	if found < 7 {
		t.Errorf("%d examples found: the pattern no longer fits the pages", found)
	}
}

// TestTables wants every name of the language's tables in language.md.
func TestTables(t *testing.T) {
	text := documents(t)["language.md"]
	missing := func(kind, name string) {
		if !regexp.MustCompile("`" + regexp.QuoteMeta(name) + `\b`).MatchString(text) {
			t.Errorf("language.md does not mention the %s %s", kind, name)
		}
	}
	for name := range plan.Builtins {
		missing("builtin", name)
	}
	for name := range plan.Functions {
		missing("function", name)
	}
	for name := range plan.Formats {
		if !strings.Contains(text, name) {
			t.Errorf("language.md does not mention the format %s", name)
		}
	}
	for _, kind := range probe.Kinds() {
		word, _, _ := strings.Cut(kind[0], ":")
		missing("kind of probe", word)
	}
	for _, key := range spec.Keys {
		if !strings.Contains(text, key.Name) {
			t.Errorf("language.md does not mention the key %s", key.Name)
		}
	}
}

// TestLinks wants every relative link of the documents to lead somewhere.
func TestLinks(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#:]+)\)`)
	for page, text := range documents(t) {
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(page), m[1])); err != nil {
				t.Errorf("%s: %v", page, err)
			}
		}
	}
}
