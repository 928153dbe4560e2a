package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/ebgen/ebgen/spec/plan"
	"github.com/ebgen/ebgen/specs"
)

// found is what a SPEC argument names: a YAML file or a built bundle.
type found struct {
	name   string // as diagnostics print it
	text   []byte
	bundle *plan.Bundle // nil for a YAML file
}

// largestSpec bounds what is read; a bundle is a few hundred KiB.
const largestSpec = 64 << 20

// find looks for SPEC: standard input, a file, then a name in $EBGEN_PATH, in the
// user's own specs and in the catalogue.
func find(ctx context.Context, argument string, stdin io.Reader) (*found, error) {
	if argument == "-" {
		return readStdin(ctx, stdin)
	}
	if f, err := os.Open(argument); err == nil {
		defer f.Close()
		if info, err := f.Stat(); err == nil && info.IsDir() {
			return nil, usageError{fmt.Errorf("%s is a directory: a spec is one file", argument)}
		}
		return read(argument, f)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	} else if strings.ContainsRune(argument, '/') || filepath.Ext(argument) != "" {
		return nil, usageError{err}
	}
	for _, dir := range searchPath() {
		path := ""
		_ = filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
			if err == nil && path == "" && !d.IsDir() && d.Name() == argument+".yaml" {
				path = p
			}
			return nil
		})
		if path != "" {
			text, err := os.ReadFile(path)
			return &found{name: path, text: text}, err
		}
	}
	if path, text, ok := specs.Find(argument); ok {
		return &found{name: path, text: text}, nil
	}
	return nil, usageError{fmt.Errorf("no spec is named %q: no such file, and none in $EBGEN_PATH or the catalogue (ebgen list)", argument)}
}

// searchPath lists the directories in which a name is looked for.
func searchPath() []string {
	dirs := filepath.SplitList(os.Getenv("EBGEN_PATH"))
	if config, err := os.UserConfigDir(); err == nil {
		dirs = append(dirs, filepath.Join(config, "ebgen", "specs"))
	}
	return dirs
}

// readStdin reads standard input until ctx is done, since a terminal may never end. What
// still waits for it then ends with the process.
func readStdin(ctx context.Context, stdin io.Reader) (*found, error) {
	var f *found
	done := make(chan error, 1)
	go func() {
		var err error
		f, err = read("stdin.yaml", stdin)
		done <- err
	}()
	select {
	case err := <-done:
		return f, err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func read(name string, r io.Reader) (*found, error) {
	text, err := io.ReadAll(io.LimitReader(r, largestSpec+1))
	if err != nil {
		return nil, err
	}
	if len(text) > largestSpec {
		return nil, usageError{fmt.Errorf("%s is larger than %d MiB", name, largestSpec>>20)}
	}
	f := &found{name: name, text: text}
	if plan.IsBundle(text) {
		if f.bundle, err = plan.DecodeBundle(text); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return f, nil
}
