package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	goruntime "runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ebgen/ebgen/gen"
	"github.com/ebgen/ebgen/spec/fit"
	"github.com/ebgen/ebgen/spec/ktype"
	"github.com/ebgen/ebgen/spec/plan"
)

type buildOptions struct {
	output   string
	archs    []string
	btf      []string
	set      []string
	interval time.Duration
	bundle   bool
	verbose  bool
}

func newBuild() *cobra.Command {
	o := new(buildOptions)
	cmd := &cobra.Command{
		Use:   "build SPEC|DIR -o FILE",
		Short: "Make one static executable of a spec",
		Long: `Compiles a spec into FILE, an executable that traces: with the spec's own flags
and help, without clang, YAML or ebgen on the machine that runs it. It runs on
every kernel whose types it was compiled for, and on every other one that it is
found to fit when it starts. Of a directory it makes a bundle, in which ebgen
run finds the specs when $EBGEN_PATH names it.`,
		Example: `  ebgen build tcpretrans -o tcpretrans && sudo ./tcpretrans --port 443
  ebgen build mine.yaml -o mine --arch arm64 --btf fleet/
  ebgen build specs/ -o team.ebgen && EBGEN_PATH=team.ebgen ebgen run mine`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return buildAll(cmd, o, args[0]) },
	}
	flags := cmd.Flags()
	flags.StringVarP(&o.output, "output", "o", "", "the `FILE` to write; with several architectures -ARCH is added to it")
	flags.StringSliceVar(&o.archs, "arch", []string{goruntime.GOARCH}, "the architectures to build for: amd64, arm64")
	flags.StringSliceVar(&o.btf, "btf", nil, "`FILE` or folder with the types of kernels to compile for, in place of this one's")
	flags.StringArrayVar(&o.set, "set", nil, "`NAME=VALUE` of a parameter that says what is traced")
	flags.DurationVar(&o.interval, "interval", 0, "of a table: report each time that this `TIME` is over")
	flags.BoolVar(&o.bundle, "bundle", false, "write a bundle, which ebgen run takes, and no executable")
	flags.BoolVarP(&o.verbose, "verbose", "v", false, "say what is compiled, and for which kernels")
	return cmd
}

func buildAll(cmd *cobra.Command, o *buildOptions, argument string) error {
	if o.output == "" {
		return usageError{errors.New("build wants to know where: -o FILE")}
	}
	values, err := o.values()
	if err != nil {
		return usageError{err}
	}
	names, err := files(argument)
	if err != nil {
		return usageError{err}
	}
	info, err := os.Stat(argument)
	bundle := o.bundle || err == nil && info.IsDir()
	m := &maker{params: values, interval: o.interval, stderr: cmd.ErrOrStderr(), verbose: func(format string, args ...any) {
		if o.verbose {
			fmt.Fprintf(cmd.ErrOrStderr(), format+"\n", args...)
		}
	}}
	kernels, err := m.kernels(o.btf)
	if err != nil {
		return err
	}
	made := map[string][]plan.Compiled{} // by architecture
	for _, name := range names {
		f, err := findBelow(cmd.Context(), argument, name, cmd.InOrStdin())
		if err != nil {
			return err
		}
		if f.bundle != nil {
			return usageError{fmt.Errorf("%s is a bundle: a spec is wanted", name)}
		}
		for _, arch := range o.archs {
			all, err := m.compile(cmd.Context(), f, arch, kernels)
			if err != nil {
				return err
			}
			made[arch] = append(made[arch], all...)
		}
	}
	if bundle {
		var all []plan.Compiled
		for _, arch := range o.archs {
			all = append(all, made[arch]...)
		}
		var out bytes.Buffer
		if err := plan.WriteArchive(&out, all); err != nil {
			return err
		}
		return writeFile(o.output, out.Bytes(), 0o644)
	}
	for _, arch := range o.archs {
		program, err := tracerFor(arch)
		if err != nil {
			return err
		}
		var out bytes.Buffer
		if err := plan.Carry(&out, program, made[arch]); err != nil {
			return err
		}
		name := o.output
		if len(o.archs) > 1 {
			name += "-" + arch
		}
		if err := writeFile(name, out.Bytes(), 0o755); err != nil {
			return err
		}
	}
	return nil
}

// values are those of --set.
func (o *buildOptions) values() (map[string][]string, error) {
	values := map[string][]string{}
	for _, text := range o.set {
		name, value, ok := strings.Cut(text, "=")
		if !ok {
			return nil, fmt.Errorf("--set wants NAME=VALUE, found %q", text)
		}
		values[name] = append(values[name], value)
	}
	return values, checkArchs(o.archs)
}

// architectures are those whose registers and system calls the checker knows.
var architectures = []string{"amd64", "arm64"}

func checkArchs(archs []string) error {
	for _, arch := range archs {
		if !slices.Contains(architectures, arch) {
			return fmt.Errorf("--arch: no kernel of %q is known; one of %s", arch, strings.Join(architectures, ", "))
		}
	}
	return nil
}

// compile makes the tracers that a spec needs on an architecture.
func (m *maker) compile(ctx context.Context, f *found, arch string, kernels []*ktype.Kernel) ([]plan.Compiled, error) {
	var plans, older []gen.Made
	for _, k := range kernels {
		p, err := m.checkFor(f, k, arch)
		if err != nil {
			if errors.Is(err, errSpec) && len(kernels) > 1 {
				fmt.Fprintf(m.stderr, "%s does not hold on Linux %s\n", f.name, k.Release())
			}
			return nil, err
		}
		exact, err := fit.Exact(p, k)
		if err != nil {
			return nil, err
		}
		origin := plan.Origin{Release: k.Release(), ID: k.ID()}
		plans = append(plans, gen.Made{Plan: p, Kernel: origin, Exact: exact})
		if p.Direct { // older kernels do not load what this one can: they find this further down
			copied := *p
			copied.Direct = false
			older = append(older, gen.Made{Plan: &copied, Kernel: origin, Exact: exact})
		}
	}
	plans = append(plans, older...)
	all, err := gen.BuildAll(ctx, plans, f.text, gen.Options{Arch: arch})
	if err != nil {
		return nil, m.explain(f, err)
	}
	for _, c := range all {
		var releases []string
		for _, k := range c.Kernels {
			releases = append(releases, k.Release)
		}
		m.verbose("%s, %s: compiled for Linux %s, %d bytes", f.name, arch, strings.Join(releases, ", "), len(c.Bundle.Object))
	}
	return all, nil
}
