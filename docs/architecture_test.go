// Package docs_test holds the documents to the code.
package docs_test

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/ebgen/ebgen/"

// room is one row of the table in architecture.md.
type room struct{ rooms, modules []string }

// TestRooms compares the imports of every package with the table of rooms.
func TestRooms(t *testing.T) {
	table := readRooms(t)
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}}:{{join .Imports " "}}`, "../...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	seen := map[string]bool{}
	for _, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		path, imports, _ := strings.Cut(line, ":")
		name := strings.TrimPrefix(path, module)
		if strings.Contains(name, "internal/") || name == "docs" {
			continue // generators of tables are nobody's import
		}
		row, ok := table[name]
		if !ok {
			t.Errorf("room %s is not in the table", name)
			continue
		}
		seen[name] = true
		for _, i := range strings.Fields(imports) {
			inner, ours := strings.CutPrefix(i, module)
			switch {
			case ours && strings.HasPrefix(inner, name+"/internal/"): // a room's own
			case ours && !slices.Contains(row.rooms, inner) && !slices.Contains(row.rooms, "every room"):
				t.Errorf("%s imports %s, which the table does not allow", name, inner)
			case !ours && strings.Contains(strings.Split(i, "/")[0], ".") && !slices.ContainsFunc(row.modules, func(m string) bool { return strings.Contains(i, m) }):
				t.Errorf("%s imports %s, which the table does not allow", name, i)
			}
		}
	}
	for name := range table {
		if !seen[name] {
			t.Errorf("the table has a room %s, the code has none", name)
		}
	}
}

func readRooms(t *testing.T) map[string]room {
	t.Helper()
	text, err := os.ReadFile("architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	table := map[string]room{}
	for _, line := range strings.Split(string(text), "\n") {
		cells := strings.Split(line, "|")
		if len(cells) != 6 || !strings.HasPrefix(strings.TrimSpace(cells[1]), "`") {
			continue
		}
		r := room{modules: strings.Fields(cells[4])}
		if strings.TrimSpace(cells[3]) == "every room" {
			r.rooms = []string{"every room"}
		} else {
			r.rooms = strings.Fields(strings.ReplaceAll(cells[3], "`", ""))
		}
		table[strings.Trim(strings.TrimSpace(cells[1]), "`")] = r
	}
	if len(table) == 0 {
		t.Fatal("architecture.md has no table of rooms")
	}
	return table
}
