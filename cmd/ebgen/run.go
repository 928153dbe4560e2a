package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ebgen/ebgen/runtime"
	"github.com/ebgen/ebgen/runtime/decode"
	"github.com/ebgen/ebgen/runtime/sink"
	"github.com/ebgen/ebgen/runtime/symbol"
	"github.com/ebgen/ebgen/spec"
	"github.com/ebgen/ebgen/spec/plan"
	"github.com/ebgen/ebgen/spec/source"
	"github.com/ebgen/ebgen/specs/workload"
)

// runOptions are the flags that every tracer has.
type runOptions struct {
	format   string
	columns  []string
	duration time.Duration
	count    uint64
	ringSize byteSize
	btf      string
	verbose  bool
	demo     bool
	help     bool
	params   map[string][]string
}

func (o *runOptions) flags(set *pflag.FlagSet) {
	set.StringVarP(&o.format, "output", "o", "", "output `FORMAT`, or help for a list of them")
	set.StringSliceVar(&o.columns, "columns", nil, "the `COLUMNS` to show, in order")
	set.DurationVarP(&o.duration, "duration", "d", 0, "end after this `TIME`, such as 10s")
	set.Uint64VarP(&o.count, "count", "n", 0, "end after this many `RECORDS`")
	set.Var(&o.ringSize, "ring-size", "`SIZE` of the buffer in the kernel, such as 16MiB")
	set.StringVar(&o.btf, "btf", "", "`FILE` with this kernel's types, for kernels without BTF")
	set.BoolVar(&o.demo, "demo", false, "make some events too, where the spec has a workload")
	set.BoolVarP(&o.verbose, "verbose", "v", false, "say what is attached, and how, and why not otherwise")
	set.BoolVarP(&o.help, "help", "h", false, "this text, with the spec's own flags when it is named")
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
	stderr := cmd.ErrOrStderr()
	argument, o, err := specArgument(args)
	if err != nil {
		return usageError{err}
	}
	if o.format == "help" {
		return listFormats(cmd.OutOrStdout())
	}
	if argument == "" {
		if o.help {
			return help(cmd, nil)
		}
		return usageError{errors.New("run wants a SPEC: a file, or a name that ebgen list shows; it stands before its parameters")}
	}
	if o.format != "" && !slices.ContainsFunc(sink.Formats, func(f sink.Format) bool { return f.Name == o.format }) {
		return usageError{&sink.FormatError{Name: o.format}}
	}
	f, err := find(ctx, argument, cmd.InOrStdin())
	if err != nil {
		return err
	}
	o, err = parseFlags(f, args)
	if err != nil {
		return usageError{err}
	}
	if o.help {
		return help(cmd, f)
	}
	verbose := func(format string, args ...any) {
		if o.verbose {
			fmt.Fprintf(stderr, format+"\n", args...)
		}
	}
	b := f.bundle
	if b == nil {
		m := &maker{btf: o.btf, stderr: stderr, verbose: verbose}
		if b, err = m.bundle(ctx, f); err != nil {
			return err
		}
	}
	return trace(ctx, f, b, o, verbose, cmd.OutOrStdout(), stderr)
}

// trace runs a bundle and prints the account of it.
func trace(ctx context.Context, f *found, b *plan.Bundle, o *runOptions, verbose func(string, ...any), stdout, stderr io.Writer) error {
	kallsyms := symbol.NewKernel()
	decoder, err := decode.New(b.Plan, decode.Env{Symbol: kallsyms.Lookup, Syscall: symbol.Syscall})
	if err != nil {
		return err
	}
	format, columns := b.Plan.Output.Format, b.Plan.Output.Columns
	if o.format != "" {
		format = o.format
	}
	if len(o.columns) > 0 {
		columns = o.columns
	}
	out, err := sink.New(format, stdout, decoder, sink.Options{Columns: columns})
	if err != nil {
		return usageError{err}
	}
	demo := func(context.Context) error { return nil }
	if o.demo {
		var ok bool
		if demo, ok = workload.Demo(b.Plan.Name); !ok {
			return usageError{fmt.Errorf("%s has no workload to demonstrate it", b.Plan.Name)}
		}
	}
	running, stop := context.WithCancel(ctx)
	defer stop()
	made := make(chan error, 1)
	account, err := runtime.Run(running, b, runtime.Options{
		Params: o.params, Sink: out, Duration: o.duration, Count: o.count, RingSize: int(o.ringSize), BTF: o.btf, Verbose: verbose,
		Ready: func() {
			fmt.Fprintf(stderr, "tracing %s; Ctrl-C ends it\n", b.Plan.Name)
			go func() {
				err := demo(running)
				if o.demo {
					stop()
				}
				made <- err
			}()
		},
	})
	if account == nil {
		return explainRun(f, err, verbose, stderr)
	}
	stop()
	if failed := <-made; failed != nil && !errors.Is(failed, context.Canceled) {
		err = errors.Join(err, fmt.Errorf("the workload: %w", failed))
	}
	for _, line := range account.Lines() {
		fmt.Fprintln(stderr, line)
	}
	if hidden := kallsyms.Err(); hidden != nil {
		fmt.Fprintln(stderr, hidden)
	}
	return err
}

// explainRun points into the spec where the kernel's refusal leads there.
func explainRun(f *found, err error, verbose func(string, ...any), stderr io.Writer) error {
	var param *runtime.ParamError
	if errors.As(err, &param) {
		return usageError{err}
	}
	at, d := 0, source.Diagnostic{}
	var verifier *runtime.VerifierError
	var attach *runtime.AttachError
	switch {
	case errors.As(err, &verifier):
		at, d.Message, d.Notes = verifier.Line, "the kernel's verifier rejects this", verifier.Tail
		if verifier.Cause != "" {
			d.Message += ": " + verifier.Cause
		}
		verbose("%s", strings.Join(verifier.Log, "\n"))
	case errors.As(err, &attach):
		at, d.Message, d.Notes = attach.Line, "this kernel cannot attach "+attach.Probe, attach.Refusals
	}
	if at == 0 || f.bundle != nil {
		return err
	}
	file := source.NewFile(f.name, string(f.text))
	line := file.Line(at)
	start := file.Offset(source.Position{Line: at, Column: 1})
	d.Span = source.Span{Start: start + len(line) - len(strings.TrimLeft(line, " \t")), End: start + len(line)}
	fmt.Fprint(stderr, d.Format(file))
	return reported{err}
}

// specArgument finds SPEC among arguments some of whose flags only the spec declares:
// it is the first argument that is neither a flag nor, perhaps, a flag's value.
func specArgument(args []string) (string, *runOptions, error) {
	o := new(runOptions)
	set := pflag.NewFlagSet("run", pflag.ContinueOnError)
	set.Usage = func() {}
	set.ParseErrorsAllowlist.UnknownFlags = true
	o.flags(set)
	if err := set.Parse(args); err != nil {
		return "", o, err
	}
	if set.NArg() == 0 {
		return "", o, nil
	}
	return set.Arg(0), o, nil
}

// parseFlags parses all arguments, now that the spec says which flags there are.
func parseFlags(f *found, args []string) (*runOptions, error) {
	o := &runOptions{params: map[string][]string{}}
	set := pflag.NewFlagSet("run", pflag.ContinueOnError)
	set.Usage = func() {}
	o.flags(set)
	for _, p := range params(f) {
		if set.Lookup(flagName(p.name)) != nil {
			return nil, fmt.Errorf("%s: parameter %s has the name of a flag of ebgen run", f.name, p.name)
		}
		flag := set.VarPF(&paramValue{name: p.name, into: o.params}, flagName(p.name), "", p.help)
		if p.typ == "bool" {
			flag.NoOptDefVal = "true"
		}
	}
	if err := set.Parse(args); err != nil {
		return nil, err
	}
	if set.NArg() > 1 {
		return nil, fmt.Errorf("one SPEC is wanted, found %q too", set.Arg(1))
	}
	return o, nil
}

func flagName(param string) string { return strings.TrimPrefix(runtime.Flag(param), "--") }

// paramValue is the flag of one parameter; its text is parsed by the runtime.
type paramValue struct {
	name string
	typ  string // as help shows it
	into map[string][]string
}

func (v *paramValue) Set(text string) error {
	v.into[v.name] = append(v.into[v.name], text)
	return nil
}
func (v *paramValue) String() string { return "" }
func (v *paramValue) Type() string   { return v.typ }

// declared is one parameter as help shows it.
type declared struct{ name, typ, help, fallback string }

// params lists a spec's parameters, before it is checked.
func params(f *found) []declared {
	var list []declared
	if f.bundle != nil {
		for _, p := range f.bundle.Plan.Params {
			typ := string(p.Type.Kind)
			list = append(list, declared{p.Name, typ, p.Help, p.Default})
		}
		return list
	}
	doc, _ := spec.Parse(f.name, f.text)
	for _, p := range doc.Params {
		list = append(list, declared{p.Name.Value, p.Type.Value, p.Help.Value, p.Default.Value})
	}
	return list
}

// helpWidth is the columns of help, those of the narrowest usual terminal.
const helpWidth = 80

// help prints the command's help; for a spec, its own flags first.
func help(cmd *cobra.Command, f *found) error {
	w := bufio.NewWriter(cmd.OutOrStdout())
	set := pflag.NewFlagSet("run", pflag.ContinueOnError)
	new(runOptions).flags(set)
	if f == nil {
		fmt.Fprintf(w, "%s\n\nUsage:\n  ebgen %s\n\nExamples:\n%s\n\nFlags:\n%s", cmd.Long, cmd.Use, cmd.Example, set.FlagUsagesWrapped(helpWidth))
		return w.Flush()
	}
	name := strings.TrimSuffix(filepath.Base(f.name), ".yaml")
	if f.bundle == nil {
		doc, _ := spec.Parse(f.name, f.text)
		fmt.Fprintf(w, "%s\n\n", strings.TrimSpace(doc.Description.Value))
	} else {
		fmt.Fprintf(w, "%s\n\n", f.bundle.Plan.Description)
	}
	fmt.Fprintf(w, "Usage:\n  ebgen run %s [flags]\n\n", name)
	if list := params(f); len(list) > 0 {
		own := pflag.NewFlagSet(name, pflag.ContinueOnError)
		own.SortFlags = false
		for _, p := range list {
			own.VarPF(&paramValue{typ: p.typ}, flagName(p.name), "", p.help).DefValue = p.fallback
		}
		fmt.Fprintf(w, "Parameters:\n%s\n", own.FlagUsagesWrapped(helpWidth))
	}
	fmt.Fprintf(w, "Flags:\n%s", set.FlagUsagesWrapped(helpWidth))
	return w.Flush()
}

func listFormats(w io.Writer) error {
	for _, f := range sink.Formats {
		if _, err := fmt.Fprintf(w, "%-8s %s\n", f.Name, f.Help); err != nil {
			return err
		}
	}
	return nil
}

// byteSize is a flag's value such as 16MiB; 0 leaves it to the spec.
type byteSize int

func (s *byteSize) Set(text string) error {
	value, err := plan.ParseValue(plan.Type{Kind: plan.Int, Size: 4, Meaning: plan.ByteSize}, nil, text)
	if err != nil {
		return fmt.Errorf("%s %w", text, err)
	}
	*s = byteSize(binary.NativeEndian.Uint32(value))
	return nil
}
func (s *byteSize) String() string { return "" }
func (s *byteSize) Type() string   { return "size" }

func getenv(name string) string { return os.Getenv(name) }
