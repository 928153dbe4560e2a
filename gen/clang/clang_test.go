package clang

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// install makes an executable file and returns its path.
func install(t *testing.T, path string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFind(t *testing.T) {
	for _, test := range []struct {
		name      string
		installed []string
		variable  string // EBGEN_CLANG; a leading @ is the root
		want      string // "" for ErrNoClang
	}{
		{"plain first", []string{"a/clang-19", "b/clang"}, "", "b/clang"},
		{"earlier in PATH first", []string{"a/clang", "b/clang"}, "", "a/clang"},
		{"newest version", []string{"a/clang-15", "b/clang-19", "b/clang-9"}, "", "b/clang-19"},
		{"folders of llvm", []string{"llvm-16/bin/clang", "llvm-18/bin/clang", "a/clang-17"}, "", "llvm-18/bin/clang"},
		{"PATH before folders", []string{"llvm-17/bin/clang", "a/clang-17"}, "", "a/clang-17"},
		{"too old", []string{"a/clang-13", "llvm-12/bin/clang"}, "", ""},
		{"variable, a path", []string{"a/clang", "elsewhere/mine"}, "@/elsewhere/mine", "elsewhere/mine"},
		{"variable, a name", []string{"a/clang", "b/clang-15"}, "clang-15", "b/clang-15"},
		{"variable, missing", []string{"a/clang"}, "clang-15", ""},
		{"variable, relative", []string{"a/clang"}, "./clang", ""},
		{"a folder is no compiler", []string{"a/clang/x"}, "", ""},
		{"none", nil, "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			root := t.TempDir()
			t.Chdir(root)
			install(t, filepath.Join(root, "clang")) // reachable by the relative entry of PATH alone
			for _, path := range test.installed {
				install(t, filepath.Join(root, path))
			}
			h := &host{
				folders: filepath.Join(root, "llvm-[0-9][0-9]/bin"),
				release: filepath.Join(root, "os-release"),
				getenv: func(name string) string {
					return map[string]string{
						"PATH":        ".:" + filepath.Join(root, "a") + ":" + filepath.Join(root, "b"),
						"EBGEN_CLANG": strings.Replace(test.variable, "@", root, 1),
					}[name]
				},
			}
			c, err := h.find()
			if test.want == "" {
				if !errors.Is(err, ErrNoClang) {
					t.Fatalf("got %v, %v; want ErrNoClang", c, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if want := filepath.Join(root, test.want); c.Path != want {
				t.Errorf("found %s, want %s", c.Path, want)
			}
		})
	}
}

func TestFindPassesOverFilesThatCannotRun(t *testing.T) {
	dir := t.TempDir()
	path := install(t, filepath.Join(dir, "clang"))
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	h := &host{getenv: func(name string) string { return map[string]string{"PATH": dir}[name] }}
	if c, err := h.find(); !errors.Is(err, ErrNoClang) {
		t.Errorf("got %v, %v; want ErrNoClang", c, err)
	}
}

func TestAdvice(t *testing.T) {
	for _, test := range []struct{ release, want string }{
		{"ID=debian\nVERSION_ID=\"12\"\n", "apt-get install clang"},
		{"NAME=Rocky\nID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n", "dnf install clang"},
		{"ID_LIKE='debian'\nID=linuxmint\n", "apt-get install clang"},
		{"ID=alpine\n", "apk add clang"},
		{"ID=plan9\n", "EBGEN_CLANG"},
		{"", "EBGEN_CLANG"},
	} {
		path := filepath.Join(t.TempDir(), "os-release")
		if test.release != "" {
			if err := os.WriteFile(path, []byte(test.release), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		_, err := (&host{getenv: func(string) string { return "" }, release: path}).find()
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q: %v, want it to say %q", test.release, err, test.want)
		}
	}
}

func TestIdentityChangesWithTheFile(t *testing.T) {
	path := install(t, filepath.Join(t.TempDir(), "clang"))
	before := compiler(path).Identity()
	if again := compiler(path).Identity(); again != before {
		t.Errorf("%s, then %s for the same file", before, again)
	}
	if err := os.WriteFile(path, []byte("#!/bin/sh\ntrue\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if after := compiler(path).Identity(); after == before {
		t.Errorf("still %s after the file grew", after)
	}
}
