package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	goruntime "runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ebgen/ebgen/gen"
	"github.com/ebgen/ebgen/gen/clang"
	"github.com/ebgen/ebgen/runtime"
	"github.com/ebgen/ebgen/runtime/attach"
	"github.com/ebgen/ebgen/spec/listing"
	"github.com/ebgen/ebgen/spec/plan"
	"github.com/ebgen/ebgen/spec/source"
)

type checkOptions struct {
	btf     []string
	format  string
	verbose bool
}

func newCheck() *cobra.Command {
	o := new(checkOptions)
	cmd := &cobra.Command{
		Use:   "check SPEC|DIR…",
		Short: "Check specs against the types of kernels; nothing is run",
		Long: `Checks everything that can be known without attaching: YAML, expressions, types,
probes. Needs no rights. With --btf it answers for other kernels: of one, as for
this one; of several, in a matrix of specs and kernels, the newest first.

  ok     loads as it is written
  other  loads, with another of a probe's alternatives than the first
  fails  does not load; the lines are on standard error

A FILE is BTF, an ELF file with it, either compressed, or a vmlinuz of amd64 or
arm64.`,
		Example: `  ebgen check tcpretrans.yaml
  ebgen check specs/                       every spec of a team's repository
  ebgen check mine.yaml --btf vmlinux.btf  against another kernel
  ebgen check specs/ --btf fleet/ -o json  against all kernels in a folder`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return checkAll(cmd, o, args) },
	}
	flags := cmd.Flags()
	flags.StringSliceVar(&o.btf, "btf", nil, "`FILE` or folder with types of kernels to check against")
	flags.StringVarP(&o.format, "output", "o", "text", "`FORMAT`: text or json")
	flags.BoolVarP(&o.verbose, "verbose", "v", false, "say which alternatives are left out, and what maps take")
	return cmd
}

// checkAll checks every spec named, so that all mistakes come out in one run.
func checkAll(cmd *cobra.Command, o *checkOptions, args []string) error {
	if err := oneOf("-o", o.format, "text", "json"); err != nil {
		return usageError{err}
	}
	specs, err := findAll(cmd, args)
	if err != nil {
		return err
	}
	m := &maker{lint: true, stderr: cmd.ErrOrStderr(), verbose: func(format string, args ...any) {
		if o.verbose {
			fmt.Fprintf(cmd.ErrOrStderr(), format+"\n", args...)
		}
	}}
	switch paths, err := kernelFiles(o.btf); {
	case err != nil:
		return err
	case len(paths) > 1 || o.format == "json":
		return checkFleet(cmd, o, paths, specs)
	case len(paths) == 1:
		m.btf = paths[0]
	}
	var wrong error
	for _, f := range specs {
		p, _, err := m.check(f)
		if err == nil && p.C != nil {
			err = m.compileOwn(cmd.Context(), f, p)
		}
		switch {
		case errors.Is(err, errSpec):
			wrong = err
		case err != nil:
			return err
		default:
			if m.btf == "" {
				m.cannotAttach(f, p)
			}
			fmt.Fprintf(plainOut(cmd), "%s: ok on %s, a record has %d bytes%s\n", f.name, p.Kernel, p.Record.Size, besides(p))
			m.sayMaps(p)
		}
	}
	return wrong
}

// cannotAttach warns of probes of kernel functions that the kernel which runs has no way to
// trace at all. Without the rights to ask it says nothing.
func (m *maker) cannotAttach(f *found, p *plan.Plan) {
	d := source.Diagnostics{File: source.NewFile(f.name, string(f.text))}
	for _, probe := range p.Probes {
		var reasons []string
		for _, a := range probe.Alternatives {
			if why := m.refusal(a.Kind); why != "" {
				reasons = append(reasons, string(a.Kind)+": "+why)
			}
		}
		if len(reasons) > 0 && len(reasons) == len(probe.Alternatives) && !probe.Optional {
			d.Warnf(spanOf(d.File, probe.Line, probe.Name), "this machine cannot attach it: %s", strings.Join(reasons, "; "))
		}
	}
	_ = d.Print(m.stderr)
}

// refusal says why this kernel refuses a way to trace its functions as a whole, "" when it
// does not or nobody may ask.
func (m *maker) refusal(kind plan.AttachKind) string {
	if !slices.Contains([]plan.AttachKind{plan.Fentry, plan.Fexit, plan.Kprobe, plan.Kretprobe}, kind) {
		return ""
	}
	if m.refusals == nil {
		m.refusals, m.mayAsk = map[plan.AttachKind]string{}, attach.Try(plan.RawTracepoint, "sys_enter") == nil
	}
	why, asked := m.refusals[kind]
	if !asked && m.mayAsk {
		var refused *attach.Refusal
		if err := attach.Try(kind, listing.Witness); errors.As(err, &refused) {
			why = refused.Why
		}
		m.refusals[kind] = why
	}
	return why
}

// besides is what is worth knowing of a spec that is right.
func besides(p *plan.Plan) (text string) {
	if p.C != nil {
		text = ", it has C of its own"
	}
	for _, probe := range p.Probes {
		if len(probe.Alternatives) == 0 {
			text += ", without " + strings.Join(probe.Refused, "; ")
		}
	}
	return text
}

// compileOwn compiles a spec for its own C, which the checker cannot read: clang's complaints
// about it, and what it may not do, are mistakes of the spec. Where there is no clang it says
// so.
func (m *maker) compileOwn(ctx context.Context, f *found, p *plan.Plan) error {
	_, err := gen.Build(ctx, p, f.text, gen.Options{Arch: goruntime.GOARCH})
	if errors.Is(err, clang.ErrNoClang) {
		fmt.Fprintf(m.stderr, "%s: its own C is not checked: %v\n", f.name, err)
		return nil
	}
	if err != nil {
		return m.explain(f, err)
	}
	return nil
}

// findAll reads the specs that are named, and those in the directories that are.
func findAll(cmd *cobra.Command, args []string) ([]*found, error) {
	var list []*found
	for _, argument := range args {
		names, err := files(argument)
		if err != nil {
			return nil, usageError{err}
		}
		for _, name := range names {
			f, err := findBelow(cmd.Context(), argument, name, cmd.InOrStdin())
			if err != nil {
				return nil, err
			}
			if f.bundle != nil {
				return nil, usageError{fmt.Errorf("%s is a bundle: it has been checked", name)}
			}
			list = append(list, f)
		}
	}
	return list, nil
}

// sayMaps tells what each map of a plan is, and what it takes in the kernel where the
// number of this machine's CPUs is known.
func (m *maker) sayMaps(p *plan.Plan) {
	for i := range p.Maps {
		one := &p.Maps[i]
		turns, memory := "", ""
		if one.Double {
			turns = ", twice: they count by turns"
		}
		if size, err := runtime.MapBytes(one); err == nil {
			memory = fmt.Sprintf("; about %d bytes of kernel memory", size)
		}
		m.verbose("map %s: %s of %d entries, %d + %d bytes each%s%s", one.Name, one.Type, one.Entries, one.Key.Size, one.ValueSize(), turns, memory)
	}
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
