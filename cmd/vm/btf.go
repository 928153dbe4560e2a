package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
)

type btfOptions struct {
	kernel  string
	modules []string
	output  string
}

func newBTFCommand() *cobra.Command {
	var o btfOptions
	c := &cobra.Command{
		Use:   "btf --kernel KERNEL",
		Short: "Write a kernel's type information, without booting it",
		Long: `Write the raw BTF of a fetched kernel: the bytes that the kernel itself shows as
/sys/kernel/btf/vmlinux. With --modules the output is a folder like /sys/kernel/btf; a module
without BTF, as all are before 5.11, is left out of it.`,
		Example: `  vm btf --kernel 6.1 -o 6.1.btf
  vm btf --kernel 6.1 --modules xfs,btrfs -o btf/6.1
  vm btf --kernel 5.10 | sha256sum
  for k in 5.10 6.1 6.12 sid; do vm btf --kernel $k -o $k.btf; done`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return runBTF(o, c.OutOrStdout()) },
	}
	c.Flags().StringVar(&o.kernel, "kernel", "", "kernel to read: "+seriesNames()+" or a release")
	c.Flags().StringSliceVar(&o.modules, "modules", nil, "modules whose types are written too")
	c.Flags().StringVarP(&o.output, "output", "o", "-", "file or folder to write, - for standard output")
	return c
}

func runBTF(o btfOptions, stdout io.Writer) error {
	cache, err := cacheDir()
	if err != nil {
		return err
	}
	kernels, err := selectKernels(cache, []string{o.kernel})
	if err != nil {
		return err
	}
	if len(kernels) != 1 {
		return usageError(fmt.Errorf("one kernel at a time: %s", seriesNames()))
	}
	data, err := kernels[0].btf()
	switch {
	case err != nil:
		return err
	case len(o.modules) > 0:
		return writeModules(o, kernels[0], data)
	case o.output == "-":
		_, err = stdout.Write(data)
		return err
	}
	return writeFile(o.output, data)
}

// writeModules writes a folder of a kernel's types and of those of its modules that have some.
func writeModules(o btfOptions, k kernel, types []byte) error {
	if o.output == "-" {
		return usageError(errors.New("--modules needs a folder: -o DIR"))
	}
	tree, err := readModuleTree(k.modules())
	if err != nil {
		return err
	}
	if err := os.MkdirAll(o.output, 0o755); err != nil {
		return err
	}
	err = writeFile(filepath.Join(o.output, "vmlinux"), types)
	for _, name := range o.modules {
		image, read := tree.read(name)
		if read != nil {
			return read
		}
		if types, section := typeSection(image); section == nil {
			err = errors.Join(err, writeFile(filepath.Join(o.output, name), types))
		} else if !errors.Is(section, errNoTypes) {
			return fmt.Errorf("module %s: %w", name, section)
		}
	}
	return err
}

// writeFile writes a file that appears complete or not at all.
func writeFile(name string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+"-")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(data)
	if err == nil {
		err = f.Chmod(0o644)
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}
