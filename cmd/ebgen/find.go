package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ebgen/ebgen/runtime/tool"
	"github.com/ebgen/ebgen/spec"
	"github.com/ebgen/ebgen/spec/fit"
	"github.com/ebgen/ebgen/spec/ktype"
	"github.com/ebgen/ebgen/spec/plan"
	"github.com/ebgen/ebgen/spec/regular"
	"github.com/ebgen/ebgen/spec/source"
	"github.com/ebgen/ebgen/specs"
)

// found is what a SPEC argument names: a YAML file or a built bundle.
type found struct {
	name   string // as diagnostics print it
	text   []byte
	bundle *plan.Bundle // nil for a YAML file

	parsed *spec.Document
}

// document is what a YAML file says, mistakes and all; they are for the check to tell.
func (f *found) document() *spec.Document {
	if f.parsed == nil {
		f.parsed, _ = spec.Parse(f.name, f.text)
	}
	return f.parsed
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
	} else if filepath.Ext(argument) != "" {
		return nil, usageError{err}
	}
	ending := string(filepath.Separator) + argument + ".yaml"
	for _, dir := range searchPath() {
		if info, err := os.Stat(dir); err == nil && info.Mode().IsRegular() {
			if f, err := unpackFrom(dir, argument); f != nil || err != nil {
				return f, err
			}
			continue
		}
		path := ""
		_ = filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
			if err == nil && path == "" && !d.IsDir() && strings.HasSuffix(p, ending) {
				path = p
			}
			return nil
		})
		if path != "" {
			text, err := regular.Read(path, largestSpec)
			return &found{name: path, text: text}, err
		}
	}
	if path, text, ok := specs.Find(argument); ok {
		return &found{name: path, text: text}, nil
	}
	err := fmt.Errorf("no spec is named %q: no such file, and none in $EBGEN_PATH or the catalogue (ebgen list)", argument)
	if near := ktype.Nearest(strings.TrimSuffix(filepath.Base(argument), ".yaml"), catalogueNames()); len(near) > 0 {
		err = fmt.Errorf("%w\nhint: did you mean %s?", err, source.OrList(near))
	}
	return nil, usageError{err}
}

// catalogueNames lists the names of the specs that come with ebgen.
func catalogueNames() (names []string) {
	for _, path := range specs.Paths() {
		names = append(names, specs.Name(path))
	}
	return names
}

// findBelow finds a file of the directory that argument names, or what argument itself
// means. A directory may be a stranger's: only regular files are opened, and no link is
// followed out of it, since what is no spec is quoted.
func findBelow(ctx context.Context, argument, name string, stdin io.Reader) (*found, error) {
	if name == argument {
		return find(ctx, name, stdin)
	}
	dir, err := filepath.EvalSymlinks(argument)
	if err != nil {
		return nil, err
	}
	real, err := filepath.EvalSymlinks(name)
	if err != nil {
		return nil, err
	}
	if below, err := filepath.Rel(dir, real); err != nil || !filepath.IsLocal(below) {
		return nil, usageError{fmt.Errorf("%s leads out of %s: name the file itself", name, argument)}
	}
	f, err := regular.Open(name)
	if err != nil {
		return nil, usageError{err}
	}
	defer f.Close()
	return read(name, f)
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
	archive, err := archiveOf(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if archive == nil {
		return f, nil
	}
	return f, f.unpack(archive, "")
}

// archiveOf opens a bundle, or the one that an executable carries; nil for anything else.
func archiveOf(text []byte) (*plan.Archive, error) {
	r, size := bytes.NewReader(text), int64(len(text))
	if plan.IsArchive(text) {
		return plan.OpenArchive(r, size)
	}
	a, err := plan.Carried(r, size)
	if errors.Is(err, plan.ErrNoArchive) {
		return nil, nil
	}
	return a, err
}

// unpack takes from a bundle the tracer of a name that fits this kernel; "" is for the
// only one that there is.
func (f *found) unpack(archive *plan.Archive, tracer string) (err error) {
	names := map[string]bool{}
	for _, e := range archive.Entries() {
		names[e.Name] = true
	}
	if tracer == "" {
		if len(names) != 1 {
			return usageError{fmt.Errorf("%s holds %d tracers (%s): EBGEN_PATH=%s ebgen run NAME runs one", f.name, len(names), strings.Join(slices.Sorted(maps.Keys(names)), ", "), f.name)}
		}
		tracer = slices.Collect(maps.Keys(names))[0]
	}
	if f.bundle, err = fit.Choose(archive, tracer, tool.Host("")); err != nil {
		return fmt.Errorf("%s: %w", f.name, err)
	}
	return nil
}

// unpackFrom looks for a tracer in a bundle that $EBGEN_PATH names; nil when it has none.
func unpackFrom(path, argument string) (*found, error) {
	text, err := regular.Read(path, largestSpec)
	if err != nil {
		return nil, err
	}
	archive, err := archiveOf(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if archive == nil {
		return nil, nil
	}
	f := &found{name: path, text: text}
	err = f.unpack(archive, strings.ReplaceAll(argument, "-", "_"))
	if errors.Is(err, fit.ErrUnknown) {
		return nil, nil
	}
	return f, err
}
