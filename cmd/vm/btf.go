package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
)

type btfOptions struct {
	kernel string
	output string
}

func newBTFCommand() *cobra.Command {
	var o btfOptions
	c := &cobra.Command{
		Use:   "btf --kernel KERNEL",
		Short: "Write a kernel's type information, without booting it",
		Long: `Write the raw BTF of a fetched kernel: the bytes that the kernel itself shows as
/sys/kernel/btf/vmlinux.`,
		Example: `  vm btf --kernel 6.1 -o 6.1.btf
  vm btf --kernel 5.10 | sha256sum
  for k in 5.10 6.1 6.12 sid; do vm btf --kernel $k -o $k.btf; done`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return runBTF(o, c.OutOrStdout()) },
	}
	c.Flags().StringVar(&o.kernel, "kernel", "", "kernel to read: "+seriesNames()+" or a release")
	c.Flags().StringVarP(&o.output, "output", "o", "-", "file to write, - for standard output")
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
	if err != nil {
		return err
	}
	if o.output == "-" {
		_, err = stdout.Write(data)
		return err
	}
	return writeFile(o.output, data)
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
