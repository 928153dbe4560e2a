// Package clang drives the compiler.
//
// In goes C that is complete in itself, out comes a BPF object, or complaints that
// still know their file and line. clang is started before the C is known: more than
// half of its time is its own start, and the kernel's types are read meanwhile.
//
//	compiler, err := clang.Find()
//	job, err := compiler.Start(ctx, clang.Options{Arch: "amd64", Spec: "opens.yaml", Text: yaml})
//	object, err := job.Finish(source)
package clang

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// ErrNoClang is wrapped when this machine has no clang that can compile for BPF. The text
// of Find's error says how to get one.
var ErrNoClang = errors.New("no usable clang")

// oldest is the first release whose BPF output is tested (Debian 12, Ubuntu 22.04). It
// bounds the names with a version in them; a plain "clang" is taken as it is.
const oldest = 14

// Compiler is a clang that was found. It is immutable and safe for concurrent use.
type Compiler struct {
	Path     string // absolute
	identity string
}

// Identity tells one installed compiler from another without running it: path, size
// and time of change, symbolic links followed.
func (c *Compiler) Identity() string { return c.identity }

// Find returns the compiler to use: $EBGEN_CLANG (a path, or a name in $PATH), else
// clang in $PATH, else the newest clang-NN of $PATH and of the folders that apt.llvm.org
// and the distributions install to. Nothing is run, relative entries of $PATH are passed
// over. The error wraps ErrNoClang.
func Find() (*Compiler, error) {
	return (&host{
		getenv:  os.Getenv,
		folders: "/usr/lib/llvm-[0-9][0-9]/bin",
		release: "/etc/os-release",
	}).find()
}

// host is where a compiler is looked for.
type host struct {
	getenv  func(string) string
	folders string // pattern of the folders that hold a clang of one version
	release string // os-release(5)
}

func (h *host) find() (*Compiler, error) {
	if name := h.getenv("EBGEN_CLANG"); name != "" {
		if c := h.look(name); c != nil {
			return c, nil
		}
		return nil, fmt.Errorf("%w: EBGEN_CLANG is %q, which is not an executable file", ErrNoClang, name)
	}
	if c := h.look("clang"); c != nil {
		return c, nil
	}
	if c := h.newest(); c != nil {
		return c, nil
	}
	return nil, fmt.Errorf("%w: %s", ErrNoClang, h.advice())
}

// look returns the executable that name means, nil if there is none.
func (h *host) look(name string) *Compiler {
	if filepath.IsAbs(name) {
		return compiler(name)
	}
	if strings.ContainsRune(name, '/') {
		return nil
	}
	for _, dir := range h.path() {
		if c := compiler(filepath.Join(dir, name)); c != nil {
			return c
		}
	}
	return nil
}

// path returns the absolute folders of $PATH.
func (h *host) path() []string {
	return slices.DeleteFunc(filepath.SplitList(h.getenv("PATH")), func(dir string) bool { return !filepath.IsAbs(dir) })
}

// newest returns the executable with the highest version in its name, nil if there is
// none. Of two with the same version the one that comes first in $PATH is taken.
func (h *host) newest() *Compiler {
	var best *Compiler
	bestVersion := oldest - 1
	take := func(path, version string) {
		n, err := strconv.Atoi(version)
		if err != nil || n <= bestVersion {
			return
		}
		if c := compiler(path); c != nil {
			best, bestVersion = c, n
		}
	}
	for _, dir := range h.path() {
		names, _ := filepath.Glob(filepath.Join(dir, "clang-[0-9][0-9]")) // the only error is a bad pattern
		for _, name := range names {
			take(name, strings.TrimPrefix(filepath.Base(name), "clang-"))
		}
	}
	folders, _ := filepath.Glob(h.folders)
	for _, dir := range folders {
		take(filepath.Join(dir, "clang"), strings.TrimPrefix(filepath.Base(filepath.Dir(dir)), "llvm-"))
	}
	return best
}

// compiler returns the compiler at path, nil unless path is an executable file.
func compiler(path string) *Compiler {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() || info.Mode()&0o111 == 0 {
		return nil
	}
	return &Compiler{Path: path, identity: fmt.Sprintf("%s %d %d", path, info.Size(), info.ModTime().UnixNano())}
}

// packages gives the command that installs clang, by the ID or ID_LIKE of os-release(5).
var packages = map[string]string{
	"alpine":   "apk add clang",
	"arch":     "pacman -S clang",
	"debian":   "apt-get install clang",
	"fedora":   "dnf install clang",
	"gentoo":   "emerge llvm-core/clang",
	"opensuse": "zypper install clang",
	"rhel":     "dnf install clang",
	"suse":     "zypper install clang",
	"ubuntu":   "apt-get install clang",
}

// advice says how to get a clang on this distribution.
func (h *host) advice() string {
	for _, id := range h.distribution() {
		if command, ok := packages[id]; ok {
			return command
		}
	}
	return "install your distribution's clang package, or set EBGEN_CLANG to a clang"
}

// distribution returns this system's ID and then those it is like, the closest first.
func (h *host) distribution() []string {
	file, err := os.Open(h.release)
	if err != nil {
		return nil
	}
	defer file.Close()
	var id, like []string
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		key, value, _ := strings.Cut(lines.Text(), "=")
		switch words := strings.Fields(strings.Trim(value, `"'`)); key {
		case "ID":
			id = words
		case "ID_LIKE":
			like = words
		}
	}
	return append(id, like...)
}
