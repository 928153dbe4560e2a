package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/ebgen/ebgen/spec/ktype"
	"github.com/ebgen/ebgen/spec/unpack"
)

// kernels opens the types to compile for: this kernel's, or those of the files that are
// named, folders with all kernels in them, the newest first.
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

// kernelFiles lists the kernels that are named, of folders all that are in them.
func kernelFiles(names []string) ([]string, error) {
	var list []string
	for _, name := range names {
		paths, err := kernelsIn(name)
		if err != nil {
			return nil, usageError{err}
		}
		list = append(list, paths...)
	}
	return list, nil
}

// kernelsIn lists the files below a folder, and the folders of one kernel and its modules.
func kernelsIn(folder string) (list []string, err error) {
	err = filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && ktype.IsFolder(path):
			list = append(list, path)
			return fs.SkipDir
		case d.Type().IsRegular() || path == folder && !d.IsDir():
			list = append(list, path)
		}
		return nil
	})
	if err == nil && len(list) == 0 {
		err = fmt.Errorf("%s holds no file", folder)
	}
	return list, err
}

// openKernel reads the types of a kernel: raw BTF, an ELF file with it, either of them
// compressed, a kernel image of amd64 or arm64, or a folder with such a file of the kernel and
// of its modules.
func openKernel(path string) (*ktype.Kernel, error) {
	return ktype.OpenBy(path, func(path string) ([]byte, error) {
		file, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		data, err := unpack.Types(file)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		return data, nil
	})
}
