package tool

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/ebgen/ebgen/runtime"
	"github.com/ebgen/ebgen/runtime/decode"
	"github.com/ebgen/ebgen/runtime/recording"
)

// ReplayOptions are the flags of a replay.
type ReplayOptions struct {
	OutputOptions
	Verbose bool
}

// Flags declares the flags of a replay.
func (o *ReplayOptions) Flags(set *pflag.FlagSet) {
	o.OutputOptions.Flags(set)
	set.BoolVarP(&o.Verbose, "verbose", "v", false, "say what was run: the host, the parameters, the spec")
}

// Replay renders a recording, which is called name, as a run would, and prints the account
// of the run. Where the recording is cut short, what there is of it is rendered, and the
// error says so.
func Replay(ctx context.Context, in io.Reader, name string, o *ReplayOptions, s Streams) error {
	if err := o.checkFormat(); err != nil {
		return UsageError{err}
	}
	r, err := recording.Open(in)
	if errors.Is(err, recording.ErrNone) {
		return UsageError{fmt.Errorf("%s: %w", name, err)}
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	head := r.Head()
	if err := o.Table.apply(head.Plan); err != nil {
		return UsageError{err}
	}
	out, err := o.sink(head.Plan, r.Env(), s.Out, r.Now)
	if err != nil {
		return err
	}
	// What comes out of the file is not to reach a terminal as it is.
	say := func(line string) { fmt.Fprintf(s.Err, "%s\n", decode.AppendText(nil, line)) }
	say(fmt.Sprintf("replaying %s, recorded %s on %s, Linux %s", head.Plan.Name, head.Started.Format("2006-01-02 15:04:05 MST"), head.Host.Name, head.Host.Release))
	if o.Verbose {
		say(fmt.Sprintf("%d CPUs, %s", head.Host.CPUs, head.Plan.Arch))
		for _, param := range slices.Sorted(maps.Keys(head.Params)) {
			say(fmt.Sprintf("%s %s", runtime.Flag(param), strings.Join(head.Params[param], ",")))
		}
		for line := range strings.Lines(head.Spec) {
			say("  " + strings.TrimSuffix(line, "\n"))
		}
	}
	account, err := runtime.Replay(ctx, head.Plan, r, runtime.Options{Sink: out, Count: o.Count})
	for _, line := range append(account.Lines(), r.Remarks()...) {
		say(line)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}
