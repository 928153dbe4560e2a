// Package specs is the built-in catalogue: one folder per subject, one YAML file per
// spec, embedded.
//
// In goes a name, out comes the spec's text:
//
//	path, text, ok := specs.Find("tcpretrans") // "specs/net/tcpretrans.yaml", as for "net/tcpretrans"
package specs

import (
	"embed"
	"io/fs"
	"path"
	"strings"
)

//go:generate go run ./internal/page -o ../docs/catalogue.md

//go:embed any app block cpu db fs mem net proc sched syscall
var files embed.FS

// Paths lists every spec as specs/SUBJECT/NAME.yaml, sorted.
func Paths() []string {
	names, err := fs.Glob(files, "*/*.yaml")
	if err != nil {
		panic(err) // the pattern is a constant
	}
	for i := range names {
		names[i] = path.Join("specs", names[i])
	}
	return names
}

// Name is what a spec of the catalogue is called by: its file's name.
func Name(file string) string { return path.Base(Title(file)) }

// Title is a spec's subject and name: net/tcpretrans.
func Title(file string) string {
	return strings.TrimSuffix(strings.TrimPrefix(file, "specs/"), ".yaml")
}

// Find returns the spec of a name or title and the path that diagnostics give it.
func Find(name string) (file string, text []byte, ok bool) {
	for _, p := range Paths() {
		if Name(p) == name || Title(p) == name {
			text, err := files.ReadFile(strings.TrimPrefix(p, "specs/"))
			return p, text, err == nil
		}
	}
	return "", nil, false
}
