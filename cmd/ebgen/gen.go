package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/ebgen/ebgen/gen/c"
)

type genOptions struct {
	dir string
	btf string
}

func newGen() *cobra.Command {
	o := new(genOptions)
	cmd := &cobra.Command{
		Use:   "gen SPEC -o DIR",
		Short: "Write the C that a spec becomes",
		Long: `Writes DIR/NAME.bpf.c, the kernel half of a spec: complete in itself, readable,
portable by CO-RE. It compiles with clang -target bpf -O2 -g and nothing else.`,
		Example: `  ebgen gen tcpretrans.yaml -o gen/
  ebgen gen opens -o .
  ebgen gen mine.yaml -o . --btf vmlinux.btf`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return generate(cmd, o, args[0]) },
	}
	cmd.Flags().StringVarP(&o.dir, "output", "o", "", "the `DIR` to write to; it is made when it is not there")
	cmd.Flags().StringVar(&o.btf, "btf", "", "`FILE` with the types of the kernel to check against")
	return cmd
}

func generate(cmd *cobra.Command, o *genOptions, argument string) error {
	if o.dir == "" {
		return usageError{errors.New("gen wants to know where: -o DIR")}
	}
	f, err := find(cmd.Context(), argument, cmd.InOrStdin())
	if err != nil {
		return err
	}
	if f.bundle != nil {
		return writeFile(filepath.Join(o.dir, f.bundle.Plan.Name+".bpf.c"), []byte(f.bundle.Source))
	}
	m := &maker{btf: o.btf, stderr: cmd.ErrOrStderr(), verbose: func(string, ...any) {}}
	p, err := m.check(f)
	if err != nil {
		return err
	}
	text, err := c.Print(p)
	if err != nil {
		return err
	}
	return writeFile(filepath.Join(o.dir, p.Name+".bpf.c"), []byte(text))
}

// writeFile writes a file that appears complete or not at all.
func writeFile(path string, data []byte) (err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".ebgen-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("write %s: %w", path, errors.Join(err, os.Remove(f.Name())))
		}
	}()
	_, err = f.Write(data)
	if err = errors.Join(err, f.Chmod(0o644), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
