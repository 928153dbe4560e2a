package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ebgen/ebgen/runtime"
	"github.com/ebgen/ebgen/runtime/tool"
	"github.com/ebgen/ebgen/spec/source"
	"github.com/ebgen/ebgen/specs/workload"
)

// runOptions are the flags of a tracer and those that need more than its bundle.
type runOptions struct {
	tool.Options
	demo bool
}

// flags declares what run has beside the flags of every tracer.
func (o *runOptions) flags(set *pflag.FlagSet) {
	set.BoolVar(&o.demo, "demo", false, "make some events too, where the spec has a workload")
}

func newRun() *cobra.Command {
	return &cobra.Command{
		Use:   "run SPEC [--PARAM VALUE]…",
		Short: "Trace until Ctrl-C, a duration or a count",
		Long: `Runs a spec: a file, - for standard input, a built bundle, or a name in
$EBGEN_PATH, ~/.config/ebgen/specs or the catalogue. Each parameter of the spec
is a flag; a filter whose parameter is not given is not there at all.`,
		Example: `  sudo ebgen run tcpretrans --port 443
  sudo ebgen run tcpretrans.yaml -o json -d 10s
  sudo ebgen run opens --help              the flags of one spec`,
		DisableFlagParsing: true, // which flags there are depends on SPEC
		RunE: func(cmd *cobra.Command, args []string) error {
			return run(cmd.Context(), cmd, args)
		},
	}
}

func run(ctx context.Context, cmd *cobra.Command, args []string) error {
	argument, early, err := specArgument(args)
	if err != nil {
		return usageError{err}
	}
	if early.ListsFormats() {
		return tool.ListFormats(cmd.OutOrStdout())
	}
	if argument == "" {
		if early.Help {
			return help(cmd)
		}
		return usageError{errors.New("run wants a SPEC: a file, or a name that ebgen list shows; it stands before its parameters")}
	}
	f, err := find(ctx, argument, cmd.InOrStdin())
	if err != nil {
		return err
	}
	o := new(runOptions)
	rest, err := o.Parse(f.name, params(f), args, o.flags)
	if err != nil {
		return err
	}
	if len(rest) > 1 {
		return usageError{fmt.Errorf("one SPEC is wanted, found %q too", rest[1])}
	}
	if o.Help {
		name := strings.TrimSuffix(filepath.Base(f.name), ".yaml")
		return tool.Help(cmd.OutOrStdout(), description(f), "ebgen run "+name, params(f), o.flags)
	}
	return o.trace(ctx, f, cmd.OutOrStdout(), cmd.ErrOrStderr())
}

// trace makes the bundle of a spec and runs it.
func (o *runOptions) trace(ctx context.Context, f *found, stdout, stderr io.Writer) error {
	verbose := func(format string, args ...any) {
		if o.Verbose {
			fmt.Fprintf(stderr, format+"\n", args...)
		}
	}
	b := f.bundle
	if b == nil {
		o.Spec = string(f.text)
		m := &maker{btf: o.BTF, params: o.Params, interval: o.Table.Interval, stderr: stderr, verbose: verbose}
		var err error
		if b, err = m.bundle(ctx, f); err != nil {
			return err
		}
	}
	streams := tool.Streams{Out: stdout, Err: stderr}
	if o.demo {
		var ok bool
		if streams.Workload, ok = workload.Demo(b.Plan.Name); !ok {
			return usageError{fmt.Errorf("%s has no workload to demonstrate it", b.Plan.Name)}
		}
	}
	return explainRun(f, tool.Run(ctx, b, &o.Options, streams), verbose, stderr)
}

// explainRun points into the spec where the kernel's refusal leads there.
func explainRun(f *found, err error, verbose func(string, ...any), stderr io.Writer) error {
	at, word, d := 0, "", source.Diagnostic{}
	var verifier *runtime.VerifierError
	var attach *runtime.AttachError
	switch {
	case errors.As(err, &verifier):
		at, d.Message, d.Hint, d.Notes = verifier.Line, "the kernel's verifier rejects this", verifier.Fix, []string{"-v shows the verifier's log"}
		if verifier.Cause != "" {
			d.Message += ": " + verifier.Cause
		} else { // its own words are all there is
			d.Notes = append(verifier.Tail, d.Notes...)
		}
		verbose("%s", strings.Join(verifier.Log, "\n"))
	case errors.As(err, &attach):
		at, d = attach.Line, refused(attach)
		word = attach.Probe
	}
	if at == 0 || f.bundle != nil {
		return err
	}
	file := source.NewFile(f.name, string(f.text))
	d.Span = spanOf(file, at, word)
	fmt.Fprint(stderr, d.Format(file))
	return reported{err}
}

// spanOf is where a word stands in a line, or all of the line.
func spanOf(file *source.File, at int, word string) source.Span {
	line := file.Line(at)
	start := file.Offset(source.Position{Line: at, Column: 1})
	if i := strings.Index(line, word); i >= 0 && word != "" {
		return source.Span{Start: start + i, End: start + i + len(word)}
	}
	return source.Span{Start: start + len(line) - len(strings.TrimLeft(line, " \t")), End: start + len(line)}
}

// refused is what a probe that could not be attached is told of, and what to do next.
func refused(e *runtime.AttachError) (d source.Diagnostic) {
	reasons := slices.Compact(slices.Clone(e.Refusals))
	if len(reasons) == 1 {
		var near string
		d.Message, near, _ = strings.Cut(reasons[0], "; did you mean ")
		if near != "" {
			d.Hint = "did you mean " + near
		}
		return d
	}
	d.Message, d.Notes = "this kernel cannot attach "+e.Probe, reasons
	if _, target, ok := strings.Cut(e.Probe, ":"); ok && strings.HasPrefix(e.Probe, "function:") {
		words := strings.Split(strings.TrimSuffix(target, ":return"), "_")
		longest := slices.MaxFunc(words, func(a, b string) int { return len(a) - len(b) })
		d.Hint = "ebgen probes '*" + longest + "*' lists what can be traced here"
	}
	return d
}

// specArgument finds SPEC among arguments some of whose flags only the spec declares:
// it is the first argument that is neither a flag nor, perhaps, a flag's value.
func specArgument(args []string) (string, *runOptions, error) {
	o := new(runOptions)
	set := pflag.NewFlagSet("run", pflag.ContinueOnError)
	set.Usage = func() {}
	set.ParseErrorsAllowlist.UnknownFlags = true
	o.Flags(set)
	o.flags(set)
	if err := set.Parse(args); err != nil {
		return "", o, tool.FlagError(set, err)
	}
	if set.NArg() == 0 {
		return "", o, nil
	}
	return set.Arg(0), o, nil
}

// params lists a spec's parameters, before it is checked.
func params(f *found) []tool.Param {
	if f.bundle != nil {
		return tool.Params(f.bundle.Plan)
	}
	doc := f.document()
	var list []tool.Param
	for _, p := range doc.Params {
		list = append(list, tool.Param{Name: p.Name.Value, Type: p.Type.Value, Help: p.Help.Value, Default: p.Default.Value})
	}
	return list
}

// description says what a spec answers.
func description(f *found) string {
	if f.bundle != nil {
		return f.bundle.Plan.Description
	}
	doc := f.document()
	return strings.TrimSpace(doc.Description.Value)
}

// help prints the help of run for no spec in particular.
func help(cmd *cobra.Command) error {
	o, set := new(runOptions), pflag.NewFlagSet("run", pflag.ContinueOnError)
	o.Flags(set)
	o.flags(set)
	_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s\n\nUsage:\n  ebgen %s\n\nExamples:\n%s\n\nFlags:\n%s", cmd.Long, cmd.Use, cmd.Example, tool.FlagUsages(set))
	return err
}

func getenv(name string) string { return os.Getenv(name) }
