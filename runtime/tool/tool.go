// Package tool is a bundle as a tool of the command line: its flags, its help, its output
// and its account.
//
// In go a plan.Bundle and the words of a command line; records go to standard output, all
// else to standard error, and the error that is left has an exit status.
//
//	o := new(tool.Options)
//	if err := o.Parse("tcpretrans", tool.Params(b.Plan), args, nil); err == nil {
//		err = tool.Run(ctx, b, o, tool.Streams{Out: os.Stdout, Err: os.Stderr})
//	}
//	os.Exit(tool.Status(err))
//
// `ebgen run` is this with a bundle that was made a moment ago, a built tracer with one
// that it carries.
package tool

import (
	"encoding/binary"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/ebgen/ebgen/runtime"
	"github.com/ebgen/ebgen/runtime/sink"
	"github.com/ebgen/ebgen/spec/plan"
)

// OutputOptions are the flags that say what is shown, and how.
type OutputOptions struct {
	Format  string // "" for the plan's; "help" asks for a list
	Columns []string
	Count   uint64
	Table   TableOptions
}

// Flags declares the flags of an output.
func (o *OutputOptions) Flags(set *pflag.FlagSet) {
	set.StringVarP(&o.Format, "output", "o", "", "output `FORMAT`, or help for a list of them")
	set.StringSliceVar(&o.Columns, "columns", nil, "the `COLUMNS` to show, in order")
	set.Uint64VarP(&o.Count, "count", "n", 0, "end after this many `RECORDS`, of a table reports")
	o.Table.flags(set)
}

// Options are the flags that every tracer has, and the values of its params.
type Options struct {
	OutputOptions
	Duration time.Duration
	RingSize int // bytes
	BTF      string
	Record   string // the file to record to, "" for none
	Verbose  bool
	Help     bool
	Params   map[string][]string // as runtime.ParseParams takes them
	Spec     string              // text of the spec, for a recording; "" when it is not known

	pid string // a number, which process checks
}

// Flags declares the flags of every tracer.
func (o *Options) Flags(set *pflag.FlagSet) {
	o.OutputOptions.Flags(set)
	set.DurationVar(&o.Table.Interval, "interval", 0, "of a table: report each time that this `TIME` is over")
	set.DurationVarP(&o.Duration, "duration", "d", 0, "end after this `TIME`, such as 10s")
	set.StringVar(&o.Record, "record", "", "keep in `FILE` too what the kernel delivers, for ebgen replay")
	set.Var((*byteSize)(&o.RingSize), "ring-size", "`SIZE` of the buffer in the kernel, such as 16MiB")
	set.StringVar(&o.pid, pidFlag, "", "`PID` of the one process whose functions are traced")
	set.StringVar(&o.BTF, "btf", "", "`FILE` with this kernel's types, for kernels without BTF")
	set.BoolVarP(&o.Verbose, "verbose", "v", false, "say what is attached, and how, and why not otherwise")
	set.BoolVarP(&o.Help, "help", "h", false, "this text, with the spec's own flags when it is named")
}

// Parse parses the arguments of a tracer called name, which has these params; more, unless
// nil, declares further flags. It returns the arguments that are no flags. An error is a
// mistake of usage.
func (o *Options) Parse(name string, params []Param, args []string, more func(*pflag.FlagSet)) ([]string, error) {
	set := newSet(name)
	o.Params = map[string][]string{}
	o.Flags(set)
	if more != nil {
		more(set)
	}
	for _, p := range params {
		value := &paramValue{name: p.Name, into: o.Params}
		if p.Name == pidFlag { // the spec's parameter is meant; see process
			set.Lookup(pidFlag).Value = value
			continue
		}
		if set.Lookup(p.flag()) != nil {
			return nil, UsageError{fmt.Errorf("%s: parameter %s has the name of a flag of every tracer", name, p.Name)}
		}
		flag := set.VarPF(value, p.flag(), "", p.Help)
		if p.Type == "bool" {
			flag.NoOptDefVal = "true"
		}
	}
	if err := set.Parse(args); err != nil {
		return nil, UsageError{FlagError(set, err)}
	}
	if err := o.checkFormat(); err != nil {
		return nil, UsageError{err}
	}
	if err := o.Table.check(); err != nil {
		return nil, UsageError{err}
	}
	return set.Args(), nil
}

// newSet is an empty set of flags that leaves all printing to us.
func newSet(name string) *pflag.FlagSet {
	set := pflag.NewFlagSet(name, pflag.ContinueOnError)
	set.Usage = func() {}
	return set
}

// listOfFormats is the value of --output that asks for one.
const listOfFormats = "help"

func (o *OutputOptions) checkFormat() error {
	if o.Format == listOfFormats {
		return nil
	}
	_, err := sink.Find(o.Format)
	return err
}

// ListsFormats reports whether a list of the formats is asked for.
func (o *OutputOptions) ListsFormats() bool { return o.Format == listOfFormats }

// ListFormats prints a line for each output format.
func ListFormats(w io.Writer) error {
	for _, f := range sink.Formats {
		if _, err := fmt.Fprintf(w, "%-10s %s\n", f.Name, f.Help); err != nil {
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

// Param is one parameter as flags and help show it.
type Param struct{ Name, Type, Help, Default string }

// Params lists the parameters of a plan.
func Params(p *plan.Plan) []Param {
	var list []Param
	for _, one := range p.Params {
		list = append(list, Param{one.Name, one.Word(p.Enums), one.Help, one.Default})
	}
	return list
}

func (p Param) flag() string { return strings.TrimPrefix(runtime.Flag(p.Name), "--") }

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
