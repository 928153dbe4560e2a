package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	goruntime "runtime"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/ebgen/ebgen/runtime/attach"
	"github.com/ebgen/ebgen/spec/ktype"
	"github.com/ebgen/ebgen/spec/listing"
	"github.com/ebgen/ebgen/spec/plain"
	"github.com/ebgen/ebgen/spec/plan"
)

type probesOptions struct {
	btf     string
	format  string
	pid     int
	verbose bool
}

func newProbes() *cobra.Command {
	o := new(probesOptions)
	cmd := &cobra.Command{
		Use:   "probes [PATTERN]",
		Short: "List what can be traced, with argument types",
		Long: `Lists probes as a spec spells them, and says of each that this kernel cannot
attach why not. PATTERN is KIND:NAME, or a name of any kind in the kernel; *
stands for any text. A name without * shows the arguments too. Without a
pattern the kinds are listed. Root is needed to ask the kernel what attaches.`,
		Example: `  ebgen probes tcp_retransmit_skb          one name, with its arguments
  ebgen probes 'sched:*' -v                a category of tracepoints, in full
  ebgen probes 'usdt:/usr/bin/python3:*'   the named places of a program`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.check(); err != nil {
				return usageError{err}
			}
			if len(args) == 0 {
				return listKinds(cmd.OutOrStdout(), o)
			}
			return listProbes(cmd, o, args[0])
		},
	}
	cmd.Flags().StringVar(&o.btf, "btf", "", "`FILE` with the types of the kernel to look into")
	cmd.Flags().StringVarP(&o.format, "output", "o", "text", "`FORMAT`: text or json")
	cmd.Flags().IntVar(&o.pid, "pid", 0, "`PID` of the process whose view names of binaries mean")
	cmd.Flags().BoolVarP(&o.verbose, "verbose", "v", false, "show the arguments of every probe")
	return cmd
}

func (o *probesOptions) check() error {
	if o.pid < 0 {
		return fmt.Errorf("--pid: a process has a number above 0, found %d", o.pid)
	}
	return oneOf("-o", o.format, "text", "json")
}

// oneOf makes sure that the value of a flag is one of those that it knows.
func oneOf(flag, value string, known ...string) error {
	for _, k := range known {
		if value == k {
			return nil
		}
	}
	return fmt.Errorf("%s: no format is named %q: it is one of %s", flag, value, strings.Join(known, ", "))
}

// source opens what probes are looked for in.
func (o *probesOptions) source() (listing.Source, error) {
	k, err := (&maker{btf: o.btf}).kernel()
	if err != nil {
		return listing.Source{}, err
	}
	s := listing.Source{Kernel: k, Arch: goruntime.GOARCH, Pid: o.pid, Callable: attach.Callable}
	if k.Running() && attach.Try(plan.RawTracepoint, "sys_enter") == nil {
		s.Try = attach.Try
	}
	return s, nil
}

func listKinds(w io.Writer, o *probesOptions) error {
	if o.format == "json" {
		type row struct {
			Kind string `json:"kind"`
			Help string `json:"help"`
		}
		var rows []row
		for _, k := range listing.Kinds() {
			rows = append(rows, row{k[0], k[1]})
		}
		return writeJSON(w, rows)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, k := range listing.Kinds() {
		fmt.Fprintf(t, "%s\t%s\n", k[0], k[1])
	}
	return t.Flush()
}

func listProbes(cmd *cobra.Command, o *probesOptions, pattern string) error {
	s, err := o.source()
	if err != nil {
		return err
	}
	list, err := listing.List(s, pattern)
	if err != nil {
		return err
	}
	stderr := cmd.ErrOrStderr()
	whole := !strings.Contains(pattern, "*")
	if whole && len(list.Probes) == 0 {
		if list, err = listing.List(s, containing(pattern)); err != nil {
			return err
		}
		if len(list.Probes) > 0 {
			fmt.Fprintf(stderr, "no probe is named %s; these contain it\n", pattern)
			whole = false
		}
	}
	for _, line := range list.Unasked {
		fmt.Fprintln(stderr, line)
	}
	switch {
	case len(list.Probes) == 0:
		return noProbe(s.Kernel, pattern)
	case o.format == "json":
		return writeProbesJSON(cmd.OutOrStdout(), s, list.Probes)
	}
	full := whole || o.verbose
	hopeless := func(p listing.Probe) bool { return p.Whole && p.State == listing.Refused }
	// Of all kinds those are shown that this kernel has.
	folded := !full && !strings.Contains(pattern, ":") && !hopeless(list.Probes[0])
	w := bufio.NewWriterSize(plainOut(cmd), 1<<16)
	for _, p := range list.Probes {
		if folded && hopeless(p) {
			continue
		}
		if full {
			writeFull(w, s, p)
		} else {
			writeLine(w, p)
		}
	}
	if err := w.Flush(); err != nil || full {
		return err
	}
	counts, kinds := map[string]int{}, []string{}
	why := map[string]string{}
	for _, p := range list.Probes {
		if kind, _, _ := strings.Cut(p.Name, ":"); hopeless(p) {
			if counts[kind]++; counts[kind] == 1 {
				kinds, why[kind] = append(kinds, kind), p.Why
			}
		}
	}
	for _, kind := range kinds {
		fmt.Fprintf(stderr, "no %s attaches: %s\n", kind, why[kind])
		if folded {
			fmt.Fprintf(stderr, "%d of them are not shown: ebgen probes '%s:%s' does\n", counts[kind], kind, pattern)
		}
	}
	return nil
}

// containing is a pattern for the names that hold a name.
func containing(name string) string {
	i := strings.LastIndexByte(name, ':') + 1
	return name[:i] + "*" + name[i:] + "*"
}

// noProbe says that nothing matches, and what comes near.
func noProbe(k *ktype.Kernel, pattern string) error {
	name := strings.Trim(pattern[strings.LastIndexByte(pattern, ':')+1:], "*")
	near := append(k.NearestFunctions(name), k.NearestTracepoints(name)...)
	err := fmt.Errorf("no probe of kernel %s matches %s", k.Release(), pattern)
	if len(near) > 0 && name != "" {
		err = fmt.Errorf("%w\nhint: did you mean %s?", err, strings.Join(near[:min(3, len(near))], ", "))
	}
	return err
}

// writeLine prints a probe on a line, behind it in short why it cannot be attached.
func writeLine(w *bufio.Writer, p listing.Probe) {
	w.WriteString(plain.Text(p.Name))
	if why, _, _ := strings.Cut(p.Why, "; "); p.State == listing.Refused {
		if p.Whole {
			why = "not on this kernel"
		}
		w.WriteString("  # " + why)
	}
	w.WriteByte('\n')
}

// writeFull prints a probe and what it hands to expressions.
func writeFull(w *bufio.Writer, s listing.Source, p listing.Probe) {
	w.WriteString(plain.Text(p.Name) + "\n")
	d, err := s.Describe(p.Name)
	if err == nil {
		t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		for _, a := range d.Args {
			fmt.Fprintf(t, "    args.%s\t%s\n", a.Name, typed(a))
		}
		if d.Retval != nil {
			fmt.Fprintf(t, "    retval\t%s\n", typed(*d.Retval))
		} else if returned := retvalOf(s, d); returned != nil {
			fmt.Fprintf(t, "    retval\t%s, in %s\n", typed(*returned), d.Return)
		}
		t.Flush()
	}
	switch {
	case p.State == listing.Refused:
		fmt.Fprintf(w, "    # this kernel cannot attach it: %s\n", p.Why)
	case p.State == listing.Unknown:
		fmt.Fprintf(w, "    # whether it attaches is not known%s\n", map[bool]string{true: ": asking takes root"}[s.Try == nil && s.Kernel.Running()])
	case p.Why != "":
		fmt.Fprintf(w, "    # attaches %s\n", p.Why)
	}
	if p.Module != "" {
		fmt.Fprintf(w, "    # of the module %s\n", p.Module)
	}
}

// typed is an argument's type as C spells it, or why it cannot be read.
func typed(a listing.Argument) string {
	text := a.Type.String()
	if a.Type.Name == "" && a.Type.Typedef == "" && a.Type.Kind == ktype.Int { // of no BTF: a register, a note
		text = fmt.Sprintf("%c%d", map[bool]rune{true: 's', false: 'u'}[a.Type.Signed], 8*a.Type.Size)
	}
	if a.Type.BigEndian {
		text += " (read in host order)"
	}
	if a.Why != "" {
		text += " # cannot be read: " + a.Why
	}
	return text
}

// retvalOf is what the probe at the return of the same thing returns, or nil.
func retvalOf(s listing.Source, d *listing.Description) *listing.Argument {
	if d.Return == "" {
		return nil
	}
	at, err := s.Describe(d.Return)
	if err != nil {
		return nil
	}
	return at.Retval
}

// probeJSON is a probe as -o json prints it; attaches is null where it is not known.
type probeJSON struct {
	Probe    string         `json:"probe"`
	Attaches *bool          `json:"attaches"`
	Why      string         `json:"why,omitempty"`
	Module   string         `json:"module,omitempty"`
	Args     []argumentJSON `json:"args"`
	Retval   *argumentJSON  `json:"retval,omitempty"`
	Return   string         `json:"return,omitempty"`
}

type argumentJSON struct {
	Name string `json:"name"`
	Type string `json:"type"`
	Why  string `json:"unreadable,omitempty"`
}

func writeProbesJSON(w io.Writer, s listing.Source, list []listing.Probe) error {
	rows := make([]probeJSON, 0, len(list))
	for _, p := range list {
		row := probeJSON{Probe: p.Name, Why: p.Why, Module: p.Module, Args: []argumentJSON{}}
		if p.State != listing.Unknown {
			attaches := p.State == listing.Attaches
			row.Attaches = &attaches
		}
		if d, err := s.Describe(p.Name); err == nil {
			for _, a := range d.Args {
				row.Args = append(row.Args, asJSON(a))
			}
			row.Return = d.Return
			if d.Retval == nil {
				d.Retval = retvalOf(s, d)
			}
			if d.Retval != nil {
				a := asJSON(*d.Retval)
				row.Retval = &a
			}
		}
		rows = append(rows, row)
	}
	return writeJSON(w, rows)
}

func asJSON(a listing.Argument) argumentJSON {
	why := a.Why
	a.Why, a.Type.BigEndian = "", false
	return argumentJSON{Name: a.Name, Type: typed(a), Why: why}
}

// writeJSON prints a value as indented JSON.
func writeJSON(w io.Writer, value any) error {
	text, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return errors.Join(errors.New("write JSON"), err)
	}
	_, err = w.Write(append(plain.AppendDocument(nil, text), '\n'))
	return err
}
