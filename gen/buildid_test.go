package gen

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestBuildIDIsTheLinkers(t *testing.T) {
	got, err := BuildID()
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "go", "tool", "buildid", os.Args[0]).Output()
	if err != nil {
		t.Skipf("go tool buildid: %v", err)
	}
	if want := strings.TrimSpace(string(out)); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestBuildIDWithoutNote(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ebgen")
	ids := map[string]bool{}
	for _, text := range []string{"one", "another"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		id, err := buildID(path)
		if err != nil {
			t.Fatal(err)
		}
		ids[id] = true
	}
	if len(ids) != 2 {
		t.Errorf("two files share an id: %v", ids)
	}
	if _, err := buildID(path + "-missing"); err == nil {
		t.Error("a missing file has an id")
	}
}
