package docs_test

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	goruntime "runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ebgen/ebgen/gen"
	"github.com/ebgen/ebgen/gen/clang"
	"github.com/ebgen/ebgen/runtime"
	"github.com/ebgen/ebgen/runtime/tool"
	"github.com/ebgen/ebgen/spec"
	"github.com/ebgen/ebgen/spec/binary"
	"github.com/ebgen/ebgen/spec/check"
	"github.com/ebgen/ebgen/spec/ktype"
	"github.com/ebgen/ebgen/spec/plan"
	"github.com/ebgen/ebgen/spec/probe"
	"github.com/ebgen/ebgen/specs"
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

// example is a YAML block of a document that is a whole spec.
type example struct{ page, name, text string }

var (
	named    = regexp.MustCompile(`^name: (\S+)\n`)
	programs = regexp.MustCompile(`\b(?:uprobe|uretprobe|usdt):([^:\s]+):`)
)

// examples are the specs of the documents, in their order.
func examples(t *testing.T) (list []example) {
	t.Helper()
	pages := documents(t)
	for _, page := range slices.Sorted(maps.Keys(pages)) {
		for _, block := range yamlBlock.FindAllStringSubmatch(pages[page], -1) {
			if name := named.FindStringSubmatch(block[1]); name != nil {
				list = append(list, example{page, name[1], block[1]})
			}
		}
	}
	if len(list) < 45 {
		t.Errorf("%d examples found: the pattern no longer fits the pages", len(list))
	}
	return list
}

// plan checks an example: it has no errors, and no warnings either. It skips aloud what is
// of a program that this machine does not have.
func (e example) plan(t *testing.T) *plan.Plan {
	t.Helper()
	k, err := kernel()
	if err != nil {
		t.Skipf("no types to check against: %v", err)
	}
	e.needsPrograms(t)
	doc, diags := spec.Parse(e.page, []byte(e.text))
	p, diags := check.Check(doc, diags, k, check.Options{Arch: goruntime.GOARCH, Lint: true})
	if len(diags.All()) > 0 {
		var b strings.Builder
		_ = diags.Print(&b)
		t.Fatalf("the example\n%s\n%s", e.text, b.String())
	}
	return p
}

// needsPrograms skips aloud when a program of the spec is not installed.
func (e example) needsPrograms(t *testing.T) {
	t.Helper()
	for _, program := range programs.FindAllStringSubmatch(e.text, -1) {
		if _, err := binary.Find(program[1], 0); err != nil {
			t.Skip(err)
		}
	}
}

var kernel = sync.OnceValues(ktype.Running)

// TestExamples checks every YAML block of the documents that is a whole spec.
func TestExamples(t *testing.T) {
	for _, e := range examples(t) {
		t.Run(e.page+"/"+e.name, func(t *testing.T) { e.plan(t) })
	}
}

// TestExamplesRun runs every spec of the documents for a moment, with the flags of the line
// in which its page runs it: it compiles, and the kernel takes it. What this kernel cannot
// attach is skipped aloud.
func TestExamplesRun(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("tracing needs root")
	}
	pages := documents(t)
	for _, e := range examples(t) {
		t.Run(e.page+"/"+e.name, func(t *testing.T) {
			p := e.plan(t)
			b, err := gen.Build(t.Context(), p, []byte(e.text), gen.Options{})
			if errors.Is(err, clang.ErrNoClang) {
				t.Skip(err)
			}
			if err != nil {
				t.Fatal(err)
			}
			var o tool.Options
			var out, log strings.Builder
			if _, err := o.Parse(e.name, tool.Params(p), e.flags(t, pages[e.page]), nil); err != nil {
				t.Fatal(err)
			}
			o.Duration = time.Millisecond
			err = tool.Run(t.Context(), b, &o, tool.Streams{Out: &out, Err: &log})
			if impossible := new(runtime.AttachError); errors.As(err, &impossible) {
				t.Skip(err)
			}
			if err != nil {
				t.Fatalf("%v\n%s", err, log.String())
			}
		})
	}
}

// since is where a section of the cookbook says which kernels its spec is for.
var since = regexp.MustCompile(`Linux (\d+\.\d+) or newer`)

// oldest is the first kernel on which all specs of the cookbook load, unless they say otherwise.
const oldest = "5.10"

// TestCookbookKernels holds the cookbook's specs against the types of other kernels, in the
// folder that EBGEN_BTF_DIR names: each loads where its section says, and nowhere else.
func TestCookbookKernels(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(os.Getenv("EBGEN_BTF_DIR"), "*"))
	if err != nil || os.Getenv("EBGEN_BTF_DIR") == "" {
		t.Skipf("EBGEN_BTF_DIR names no folder with the types of kernels (%v)", err)
	}
	sections := strings.Split(documents(t)["cookbook.md"], "\n### ")[1:]
	for _, file := range files {
		k, err := ktype.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, section := range sections {
			title, _, _ := strings.Cut(section, "\n")
			block := yamlBlock.FindStringSubmatch(section)
			t.Run(k.Release()+"/"+title, func(t *testing.T) {
				e := example{"cookbook.md", title, block[1]}
				e.needsPrograms(t)
				want := oldest
				if m := since.FindStringSubmatch(section); m != nil {
					want = m[1]
				}
				doc, diags := spec.Parse(e.page, []byte(e.text))
				_, diags = check.Check(doc, diags, k, check.Options{Arch: k.Arch()})
				if loads := ktype.CompareReleases(k.Release(), want) >= 0; loads == diags.Failed() {
					var b strings.Builder
					_ = diags.Print(&b)
					t.Errorf("it is for Linux %s or newer\n%s", want, b.String())
				}
			})
		}
	}
}

// flags are what a page gives to an example behind `ebgen run NAME.yaml`. The cookbook has
// such a line for each.
func (e example) flags(t *testing.T, page string) []string {
	t.Helper()
	line := regexp.MustCompile(`(?m)^    \$ sudo ebgen run ` + e.name + `\.yaml(.*)$`).FindStringSubmatch(page)
	switch {
	case line != nil:
		return strings.Fields(line[1])
	case e.page == "cookbook.md":
		t.Errorf("no line runs %s.yaml", e.name)
	}
	return nil
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

// placeholder is what a message of operations.md has in place of what differs each time.
var placeholder = regexp.MustCompile(`"[A-Z]"|\b[A-Z]\b|…|CAP_|\([A-Z]+\)|cache-misses`)

// TestMessages wants the messages that operations.md explains to be in the code.
func TestMessages(t *testing.T) {
	_, table, ok := strings.Cut(documents(t)["operations.md"], "\n## Messages\n")
	table, _, _ = strings.Cut(table, "\n## ")
	if !ok {
		t.Fatal("operations.md has no messages")
	}
	var code strings.Builder
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		code.Write(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, row := range strings.Split(table, "\n") {
		cells := strings.Split(row, "|")
		if len(cells) < 4 {
			continue
		}
		for _, message := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(cells[1], -1) {
			for _, part := range placeholder.Split(message[1], -1) {
				if part = strings.TrimSpace(strings.TrimPrefix(part, "fentry: ")); !strings.Contains(part, " ") {
					continue
				}
				found++
				if !strings.Contains(code.String(), part) {
					t.Errorf("no message says %q", part)
				}
			}
		}
	}
	if found < 15 {
		t.Errorf("%d messages found: the pattern no longer fits the page", found)
	}
}

// TestCatalogueNames wants every name that coming-from.md says the catalogue has to be in it.
func TestCatalogueNames(t *testing.T) {
	var row string
	for _, line := range strings.Split(documents(t)["coming-from.md"], "\n") {
		if strings.HasSuffix(line, "| the catalogue, by the same name |") {
			row, _, _ = strings.Cut(line, "| the catalogue")
		}
	}
	names := regexp.MustCompile("`([a-z]+)`").FindAllStringSubmatch(row, -1)
	if len(names) == 0 {
		t.Fatal("coming-from.md has no row of names")
	}
	for _, name := range names {
		if _, _, ok := specs.Find(name[1]); !ok {
			t.Errorf("the catalogue has no %s", name[1])
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
