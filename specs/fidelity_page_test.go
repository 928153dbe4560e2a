package specs_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/ebgen/ebgen/specs"
)

var writePage = flag.Bool("page", false, "write docs/fidelity.md's tables from testdata/fidelity.jsonl")

// generated is a part of a page that a test writes: from <!-- NAME --> to the next <!-- end -->.
func generated(name string) *regexp.Regexp {
	return regexp.MustCompile(`(?s)(<!-- ` + name + ` -->\n)(.*?)(<!-- end -->\n)`)
}

// TestFidelityPage holds docs/fidelity.md to the table of peers, to the figures of the last
// run of scripts/test-fidelity, and to the catalogue: each spec has a peer, or a reason.
func TestFidelityPage(t *testing.T) {
	if os.Getenv("EBGEN_VM") != "" {
		t.Skip("a guest has no documents")
	}
	const page = "../docs/fidelity.md"
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	parts := map[string]string{"figures": figuresTable(t), "differs": differences(), "alone": aloneTable(t)}
	want := string(text)
	for name, part := range parts {
		place := generated(name)
		if !place.MatchString(want) {
			t.Fatalf("%s has no place for %s", page, name)
		}
		want = place.ReplaceAllStringFunc(want, func(old string) string {
			g := place.FindStringSubmatch(old)
			return g[1] + part + g[3]
		})
	}
	if want == string(text) {
		return
	}
	if !*writePage {
		t.Fatalf("%s is not what a run and the tables say; scripts/test-fidelity writes it", page)
	}
	if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
		t.Fatal(err)
	}
}

// catalogued is the spec of the catalogue that a peer is beside.
func (p *peer) catalogued() string {
	if v, ok := variants[name(p.spec)]; ok {
		return v.spec
	}
	return name(p.spec)
}

// shown is catalogued with what a variant sets, where that says something outside of a test.
func (p *peer) shown() string {
	text := p.catalogued()
	values := variants[name(p.spec)].values
	for _, param := range slices.Sorted(maps.Keys(values)) {
		if !strings.Contains(values[param], "PROGRAMS") {
			text += " --" + param + " " + values[param]
		}
	}
	return text
}

func figuresTable(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile("testdata/fidelity.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	said := map[string][]figure{}
	for line := range bytes.Lines(data) {
		var f figure
		if err := json.Unmarshal(line, &f); err != nil {
			t.Fatal(err)
		}
		said[f.Spec] = append(said[f.Spec], f)
	}
	var b strings.Builder
	fmt.Fprintln(&b, "| spec | beside | kernel | what both say | ebgen | peer | made | apart |\n| --- | --- | --- | --- | --- | --- | --- | --- |")
	for _, p := range peers {
		if len(said[p.spec]) == 0 {
			t.Errorf("%s has a peer and no figures", p.spec)
		}
		for i, f := range said[p.spec] {
			spec, tool := p.shown(), p.tool()
			if i > 0 {
				spec, tool, f.Kernel = "", "", ""
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s | %s |\n", spec, tool, f.Kernel, f.What, f.Ours, f.Theirs, f.Made, f.Apart)
		}
		delete(said, p.spec)
	}
	for spec := range said {
		t.Errorf("figures of %s, which has no peer", spec)
	}
	return b.String()
}

// tool is what a peer is called and the package that has it.
func (p *peer) tool() string {
	list := words(p.command)
	tool := list[0]
	if tool == "bpftrace" && strings.HasSuffix(list[1], ".bt") {
		tool = strings.TrimPrefix(list[1], "/usr/sbin/")
	} else if tool == "bpftrace" {
		return "a bpftrace program"
	}
	if tool == list[0] {
		return p.from + "' " + tool
	}
	return tool
}

func differences() string {
	var b strings.Builder
	for _, p := range peers {
		if p.differs != "" {
			fmt.Fprintf(&b, "- **%s**: %s\n", p.shown(), p.differs)
		}
	}
	return b.String()
}

func aloneTable(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	fmt.Fprintln(&b, "| spec | why |\n| --- | --- |")
	for _, path := range specs.Paths() {
		spec := specs.Name(path)
		why, only := alone[spec]
		if beside := slices.ContainsFunc(peers, func(p peer) bool { return p.catalogued() == spec }); beside == only {
			t.Errorf("%s: wants a row in peers or a reason in alone", spec)
		}
		if only {
			fmt.Fprintf(&b, "| %s | %s |\n", spec, why)
		}
	}
	return b.String()
}
