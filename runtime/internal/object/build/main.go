// Command build compiles BPF C for tests that run where there is no clang:
//
//	go run ./runtime/internal/object/build -o DIR runtime/testdata/*.c
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/ebgen/ebgen/runtime/internal/object"
)

func main() {
	dir := flag.String("o", ".", "folder for the objects")
	flag.Parse()
	if err := build(*dir, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// build compiles each source into the folder, which it makes.
func build(dir string, sources []string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, source := range sources {
		b, err := object.Compile(source)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, object.Name(source)), b, 0o644); err != nil {
			return err
		}
	}
	return nil
}
