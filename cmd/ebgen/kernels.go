package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ebgen/ebgen/spec/ktype"
	"github.com/ebgen/ebgen/spec/unpack"
)

// kernels opens the types to compile for: this kernel's, or those of the files that are
// named, folders with all that is in them, the newest first.
func (m *maker) kernels(names []string) ([]*ktype.Kernel, error) {
	if len(names) == 0 {
		k, err := m.kernel()
		return []*ktype.Kernel{k}, err
	}
	paths, err := kernelFiles(names)
	if err != nil {
		return nil, err
	}
	var list []*ktype.Kernel
	for _, path := range paths {
		k, err := openKernel(path)
		if err != nil {
			return nil, err
		}
		list = append(list, k)
	}
	slices.SortStableFunc(list, newestFirst)
	return list, nil
}

func newestFirst(x, y *ktype.Kernel) int {
	return ktype.CompareReleases(y.Release(), x.Release())
}

// kernelFiles lists the files that are named, folders with all that is in them.
func kernelFiles(names []string) ([]string, error) {
	var list []string
	for _, name := range names {
		paths, err := regularFiles(name)
		if err != nil {
			return nil, usageError{err}
		}
		list = append(list, paths...)
	}
	return list, nil
}

// regularFiles lists the files in a folder, or the one that is named.
func regularFiles(name string) ([]string, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return []string{name}, nil
	}
	var list []string
	err = filepath.WalkDir(name, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			list = append(list, path)
		}
		return err
	})
	if err == nil && len(list) == 0 {
		err = fmt.Errorf("%s holds no file", name)
	}
	return list, err
}

// compressedEndings are those of the names of files that unpack.Decompress opens.
var compressedEndings = []string{".xz", ".zst", ".lz4"}

// openKernel reads the types of a kernel: raw BTF, an ELF file with it, either of them
// compressed, or a kernel image of amd64 or arm64.
func openKernel(path string) (*ktype.Kernel, error) {
	file, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	data, err := unpack.Types(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	for _, ending := range compressedEndings {
		path = strings.TrimSuffix(path, ending)
	}
	return ktype.Read(path, data)
}
