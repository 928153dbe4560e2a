package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	goruntime "runtime"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ebgen/ebgen/gen"
	"github.com/ebgen/ebgen/gen/c"
	"github.com/ebgen/ebgen/gen/golang"
	"github.com/ebgen/ebgen/spec/ktype"
	"github.com/ebgen/ebgen/spec/plan"
)

type genOptions struct {
	dir   string
	btf   string
	name  string
	archs []string
	onlyC bool
}

func newGen() *cobra.Command {
	o := new(genOptions)
	cmd := &cobra.Command{
		Use:   "gen SPEC -o DIR",
		Short: "Write the C and the Go package that a spec becomes",
		Long: `Writes what a Go program needs to trace as the spec says: DIR/NAME.bpf.c, the
kernel half, readable and portable by CO-RE; what clang makes of it, embedded;
and a package NAME with the event, its decoder, a loader with typed params, and
a test. It depends on github.com/cilium/ebpf alone, and builds at once.`,
		Example: `  ebgen gen tcpretrans.yaml -o internal/tcpretrans
  ebgen gen tcpretrans.yaml -o internal/tcpretrans --arch amd64,arm64
  ebgen gen opens -o . --c-only            the C alone, without clang`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return generate(cmd, o, args[0]) },
	}
	cmd.Flags().StringVarP(&o.dir, "output", "o", "", "the `DIR` to write to; it is made when it is not there")
	cmd.Flags().StringVar(&o.btf, "btf", "", "`FILE` with the types of the kernel to check against")
	cmd.Flags().StringVar(&o.name, "package", "", "`NAME` of the Go package, when it is not that of the spec")
	cmd.Flags().StringSliceVar(&o.archs, "arch", []string{goruntime.GOARCH}, "compile for these: "+strings.Join(architectures, ", "))
	cmd.Flags().BoolVar(&o.onlyC, "c-only", false, "write the C and no Go package")
	return cmd
}

func generate(cmd *cobra.Command, o *genOptions, argument string) error {
	if o.dir == "" {
		return usageError{errors.New("gen wants to know where: -o DIR")}
	}
	if err := checkArchs(o.archs); err != nil {
		return usageError{err}
	}
	f, err := find(cmd.Context(), argument, cmd.InOrStdin())
	if err != nil {
		return err
	}
	files, err := o.files(cmd, argument, f)
	if err != nil {
		return err
	}
	for _, one := range files {
		if err := writeFile(filepath.Join(o.dir, one.Name), one.Data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// files makes all files before the first one is written.
func (o *genOptions) files(cmd *cobra.Command, argument string, f *found) ([]golang.File, error) {
	command, err := o.command(cmd, argument, f)
	if err != nil {
		return nil, err
	}
	in := golang.Package{Name: o.name, Objects: map[string][]byte{}, Generate: command}
	switch {
	case f.bundle != nil && !o.onlyC:
		// What a bundle was compiled for stands in its object alone.
		return nil, usageError{errors.New("a bundle has no Go package: gen takes its spec, or --c-only")}
	case f.bundle != nil:
		in.Plan, in.Source = f.bundle.Plan, f.bundle.Source
	default:
		m := &maker{btf: o.btf, stderr: cmd.ErrOrStderr(), verbose: func(string, ...any) {}}
		k, err := m.kernel()
		if err != nil {
			return nil, err
		}
		if in.Plan, err = packaged(m, f, k, o.archs[0]); err != nil {
			return nil, err
		}
		if o.onlyC {
			in.Source, err = c.Print(in.Plan)
		} else {
			err = o.compile(cmd.Context(), m, f, k, &in)
		}
		if err != nil {
			return nil, err
		}
	}
	var text []byte
	if f.bundle == nil {
		text = f.text
	}
	in.Source = c.Readable(in.Source, text)
	if o.onlyC {
		return []golang.File{{Name: in.Plan.Name + ".bpf.c", Data: []byte(in.Source)}}, nil
	}
	return golang.Print(in)
}

// packaged is the plan that a package is made of: older kernels are to run it too, so it
// takes nothing that only this one can.
func packaged(m *maker, f *found, k *ktype.Kernel, arch string) (*plan.Plan, error) {
	p, err := m.checkFor(f, k, arch)
	if err != nil {
		return nil, err
	}
	p.Direct = false
	return p, nil
}

// compile makes the object of each architecture. They share one package, so they must
// share one plan: what differs between machines, such as the numbers of some flags, may
// not be in it.
func (o *genOptions) compile(ctx context.Context, m *maker, f *found, k *ktype.Kernel, in *golang.Package) error {
	if err := golang.Carries(in.Plan); err != nil {
		return err
	}
	for _, arch := range o.archs {
		p := in.Plan
		if arch != o.archs[0] {
			var err error
			if p, err = packaged(m, f, k, arch); err != nil {
				return err
			}
		}
		if !sameTracer(p, in.Plan) {
			return fmt.Errorf("%s is not the same tracer on %s as on %s, where numbers of the kernel or system calls differ: make a package for each, in its own folder, with --arch %s", f.name, arch, o.archs[0], arch)
		}
		b, err := gen.Build(ctx, p, f.text, gen.Options{Arch: arch})
		if err != nil {
			return m.explain(f, err)
		}
		in.Source, in.Objects[arch] = b.Source, b.Object
	}
	return nil
}

// sameTracer reports whether two plans differ in nothing but their architecture.
func sameTracer(a, b *plan.Plan) bool {
	x, y := *a, *b
	x.Arch, y.Arch = "", ""
	left, errLeft := json.Marshal(&x)
	right, errRight := json.Marshal(&y)
	return errLeft == nil && errRight == nil && bytes.Equal(left, right)
}

// command is the go:generate line that makes the package again from its own folder; "" for
// a spec from standard input.
func (o *genOptions) command(cmd *cobra.Command, argument string, f *found) (string, error) {
	if argument == "-" {
		return "", nil
	}
	args := []string{"ebgen", "gen", argument, "-o", "."}
	relative := func(path string) (string, error) {
		from, err := filepath.Abs(o.dir)
		if err != nil {
			return "", err
		}
		to, err := filepath.Abs(path)
		if err != nil {
			return "", err
		}
		return filepath.Rel(from, to)
	}
	var err error
	if f.name == argument { // a file, not a name in the catalogue
		if args[2], err = relative(argument); err != nil {
			return "", err
		}
	}
	if o.name != "" {
		args = append(args, "--package", o.name)
	}
	if cmd.Flags().Changed("arch") {
		args = append(args, "--arch", strings.Join(o.archs, ","))
	}
	if o.btf != "" {
		path, err := relative(o.btf)
		if err != nil {
			return "", err
		}
		args = append(args, "--btf", path)
	}
	for i, one := range args {
		if quoted := strconv.Quote(one); strings.Contains(one, " ") || quoted != `"`+one+`"` { // as go generate reads a word
			args[i] = quoted
		}
	}
	return strings.Join(args, " "), nil
}

// writeFile writes a file that appears complete or not at all.
func writeFile(path string, data []byte, mode fs.FileMode) (err error) {
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
	if err = errors.Join(err, f.Chmod(mode), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
