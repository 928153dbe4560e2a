package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
)

type checkOptions struct {
	btf     string
	verbose bool
}

func newCheck() *cobra.Command {
	o := new(checkOptions)
	cmd := &cobra.Command{
		Use:   "check SPEC|DIR…",
		Short: "Check specs against a kernel's types; nothing is run",
		Long: `Checks everything that can be known without attaching: YAML, expressions, types,
probes. Needs no rights; with --btf it answers for another kernel.`,
		Example: `  ebgen check tcpretrans.yaml
  ebgen check specs/                       every spec of a team's repository
  ebgen check mine.yaml --btf vmlinux.btf  against another kernel`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return checkAll(cmd, o, args) },
	}
	cmd.Flags().StringVar(&o.btf, "btf", "", "`FILE` with the types of the kernel to check against")
	cmd.Flags().BoolVarP(&o.verbose, "verbose", "v", false, "say which alternatives are left out, and why")
	return cmd
}

// checkAll checks every spec named, so that all mistakes come out in one run.
func checkAll(cmd *cobra.Command, o *checkOptions, args []string) error {
	m := &maker{btf: o.btf, stderr: cmd.ErrOrStderr(), verbose: func(format string, args ...any) {
		if o.verbose {
			fmt.Fprintf(cmd.ErrOrStderr(), format+"\n", args...)
		}
	}}
	var wrong error
	for _, argument := range args {
		names, err := files(argument)
		if err != nil {
			return usageError{err}
		}
		for _, name := range names {
			f, err := find(cmd.Context(), name, cmd.InOrStdin())
			if err != nil {
				return err
			}
			if f.bundle != nil {
				return usageError{fmt.Errorf("%s is a bundle: it has been checked", name)}
			}
			p, err := m.check(f)
			switch {
			case errors.Is(err, errSpec):
				wrong = err
			case err != nil:
				return err
			default:
				fmt.Fprintf(cmd.OutOrStdout(), "%s: ok on %s, a record has %d bytes%s\n", f.name, p.Kernel, p.Record.Size, map[bool]string{true: ", it has C of its own"}[p.C != nil])
			}
		}
	}
	return wrong
}

// files lists the specs in a directory and below, or the argument itself.
func files(argument string) ([]string, error) {
	info, err := os.Stat(argument)
	if err != nil || !info.IsDir() {
		return []string{argument}, nil
	}
	var list []string
	err = filepath.WalkDir(argument, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && filepath.Ext(path) == ".yaml" {
			list = append(list, path)
		}
		return err
	})
	if err == nil && len(list) == 0 {
		err = fmt.Errorf("%s holds no .yaml file", argument)
	}
	return list, err
}
