// Package regular opens files of which a stranger chose the name.
//
// In goes the path that a spec, a folder or a command names; out comes a regular file, or
// its text. What is there is asked before it is opened: opening a FIFO waits for somebody to
// write, opening a device may do something, and reading /dev/zero never ends.
//
//	f, err := regular.Open("/usr/bin/bash")
//	text, err := regular.Read("opens.yaml", 1<<20)
package regular

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// Errors of files that are not read.
var (
	ErrNot      = errors.New("not a regular file")
	ErrTooLarge = errors.New("too large")
)

// kinds names what is there instead.
var kinds = []struct {
	mode fs.FileMode
	name string
}{
	{fs.ModeDir, "a directory"},
	{fs.ModeNamedPipe, "a FIFO"},
	{fs.ModeSocket, "a socket"},
	{fs.ModeDevice, "a device"},
}

// Open opens a regular file for reading, or what a symbolic link to one leads to. Anything
// else is not opened, and the error wraps ErrNot.
func Open(path string) (*os.File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if err := is(path, info); err != nil {
		return nil, err
	}
	// Another one may be there by now: it is not waited for, and not taken.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	if info, err = f.Stat(); err == nil {
		err = is(path, info)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// is says why a file is no regular one, nil when it is.
func is(path string, info fs.FileInfo) error {
	if info.Mode().IsRegular() {
		return nil
	}
	for _, k := range kinds {
		if info.Mode()&k.mode != 0 {
			return fmt.Errorf("%s is %s, %w", path, k.name, ErrNot)
		}
	}
	return fmt.Errorf("%s is %w", path, ErrNot)
}

// Read reads a regular file of at most so many bytes; of a larger one the error wraps
// ErrTooLarge.
func Read(path string, most int64) ([]byte, error) {
	f, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(text)) > most {
		return nil, fmt.Errorf("%s is %w: more than %d MiB", path, ErrTooLarge, most>>20)
	}
	return text, err
}
