package tool

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	goruntime "runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ebgen/ebgen/runtime"
	"github.com/ebgen/ebgen/runtime/decode"
	"github.com/ebgen/ebgen/runtime/recording"
	"github.com/ebgen/ebgen/runtime/sink"
	"github.com/ebgen/ebgen/runtime/stack"
	"github.com/ebgen/ebgen/runtime/symbol"
	"github.com/ebgen/ebgen/runtime/symbol/process"
	"github.com/ebgen/ebgen/spec/ktype"
	"github.com/ebgen/ebgen/spec/plan"
)

// Streams are where a tracer writes, and what else happens while it runs.
type Streams struct {
	Out, Err io.Writer
	// Workload, unless nil, runs once everything is attached, and ends the run.
	Workload func(context.Context) error
}

// settling is how long a tracer runs before the memory that only its start needed is given
// back: a compilation reads types of many MB.
const settling = time.Second

// verbose prints a line that --verbose asks for.
func (o *Options) verbose(w io.Writer) func(format string, args ...any) {
	return func(format string, args ...any) {
		if o.Verbose {
			fmt.Fprintf(w, format+"\n", args...)
		}
	}
}

// Run traces until ctx is done, or what the options or the plan name as an end, and prints
// the account of it. An error before anything was attached is one of runtime.Run.
func Run(ctx context.Context, b *plan.Bundle, o *Options, s Streams) error {
	if err := o.Table.apply(b.Plan); err != nil {
		return UsageError{err}
	}
	pid, err := o.process(b.Plan)
	if err != nil {
		return UsageError{err}
	}
	recorded := *b.Plan // as it is before the output makes changes of its own
	kallsyms := symbol.NewKernel()
	processes := process.NewTable()
	defer processes.Close()
	book := stack.NewBook(kallsyms, processes)
	env := decode.Env{Offset: decode.WallClock(), Symbol: kallsyms.Lookup, Syscall: symbol.Syscall, Stacks: book.Frames}
	out, err := o.sink(b.Plan, env, s.Out, nil)
	if err != nil {
		return err
	}
	to, recorder := runtime.Sink(out), (*recording.Recorder)(nil)
	if o.Record != "" {
		if recorder, err = recording.Create(o.Record, o.head(&recorded), env); err != nil {
			return UsageError{fmt.Errorf("--record: %w", err)}
		}
		to = recorder.Tee(out)
	}
	running, stop := context.WithCancel(ctx)
	defer stop()
	made := make(chan error, 1)
	settled := time.AfterFunc(time.Hour, debug.FreeOSMemory)
	settled.Stop()
	defer settled.Stop()
	account, err := runtime.Run(running, b, runtime.Options{
		Params: o.Params, Sink: to, Stacks: book, Duration: o.Duration, Count: o.Count, RingSize: o.RingSize, Pid: pid, BTF: o.BTF, KernelID: kernelID(), KernelFunction: ktype.RunningFunction, Verbose: o.verbose(s.Err),
		Notice: func(line string) { fmt.Fprintln(s.Err, line) },
		Ready: func() {
			settled.Reset(settling)
			fmt.Fprintf(s.Err, "tracing %s%s; Ctrl-C ends it\n", b.Plan.Name, until(cmp.Or(o.Duration, time.Duration(b.Plan.Limits.Duration))))
			if s.Workload == nil {
				made <- nil
				return
			}
			go func() {
				err := s.Workload(running)
				stop()
				made <- err
			}()
		},
	})
	var remarks []string
	if account != nil {
		for _, nameless := range []error{kallsyms.Err(), processes.Err()} {
			if nameless != nil {
				remarks = append(remarks, nameless.Error())
			}
		}
	}
	if recorder != nil {
		err = errors.Join(err, recorder.Close(account, remarks))
	}
	if account == nil {
		var param *runtime.ParamError
		if errors.As(err, &param) {
			return UsageError{err}
		}
		return err
	}
	stop()
	if failed := <-made; failed != nil && !errors.Is(failed, context.Canceled) {
		err = errors.Join(err, fmt.Errorf("the workload: %w", failed))
	}
	lines := account.Lines()
	if account.Delivered+account.LostRing+account.LostSink+account.Limited == 0 && filtered(b.Plan) {
		lines[0] += ": no event came, or none passed the filter"
	}
	for _, line := range append(lines, remarks...) {
		fmt.Fprintln(s.Err, line)
	}
	if recorder != nil {
		fmt.Fprintf(s.Err, "recorded: ebgen replay %s renders it again\n", o.Record)
	}
	return err
}

// head is that of a recording of a plan.
func (o *Options) head(p *plan.Plan) recording.Head {
	host := recording.Host{CPUs: goruntime.NumCPU()}
	var name unix.Utsname
	if unix.Uname(&name) == nil {
		host.Name, host.Release = unix.ByteSliceToString(name.Nodename[:]), unix.ByteSliceToString(name.Release[:])
	}
	return recording.Head{Plan: p, Params: o.Params, Spec: o.Spec, Host: host, Started: time.Now()}
}

// sink opens the output that the options or else the plan ask for; now is the clock of the
// run, nil for this machine's.
func (o *OutputOptions) sink(p *plan.Plan, env decode.Env, w io.Writer, now func() time.Time) (*sink.Sink, error) {
	decoder, err := decode.New(p, env)
	if err != nil {
		return nil, err
	}
	name, columns := p.Output.Format, p.Output.Columns
	if o.Format != "" {
		name = o.Format
	}
	if len(o.Columns) > 0 {
		columns = o.Columns
	}
	out, err := sink.New(name, w, decoder, sink.Options{Columns: columns, Interval: p.Output.Interval > 0, Now: now})
	if err != nil {
		return nil, UsageError{hinted(err)}
	}
	format, err := sink.Find(name)
	if err != nil {
		return nil, UsageError{err}
	}
	if format.File && isTerminal(w) {
		return nil, UsageError{fmt.Errorf("%s is for a file and not for a terminal: -o %s > %s%s", name, name, p.Name, format.Extension)}
	}
	if format.AtEnd && !o.Table.given("top") {
		p.Output.Top = 0 // of a picture no row is left out because a report for people is short
	}
	return out, nil
}

// isTerminal reports whether w is one.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

// hinted adds to an error of sink.New what would help.
func hinted(err error) error {
	var need *plan.NeedError
	if errors.As(err, &need) {
		return fmt.Errorf("%w (%s)", err, need.Hint)
	}
	return err
}

// pidFlag is a flag of every tracer and, where a spec declares a parameter of that name,
// that parameter's.
const pidFlag = "pid"

// process returns the one process in which probes of user space fire, 0 for all: what
// --pid says, or the value of a parameter called pid that is no list.
func (o *Options) process(p *plan.Plan) (int, error) {
	user := slices.ContainsFunc(p.Probes, func(probe plan.Probe) bool {
		return slices.ContainsFunc(probe.Alternatives, func(a plan.Attachment) bool { return a.Kind.UserSpace() })
	})
	if i := slices.IndexFunc(p.Params, func(param plan.Param) bool { return param.Name == pidFlag }); i >= 0 {
		text := p.Params[i].Default
		if given := o.Params[pidFlag]; len(given) > 0 {
			text = given[len(given)-1]
		}
		if !user || p.Params[i].List {
			text = ""
		}
		pid, _ := strconv.Atoi(text) // the runtime complains of what is no number
		return pid, nil
	}
	if o.pid == "" {
		return 0, nil
	}
	if !user {
		return 0, fmt.Errorf("%s traces no function of a program, to which --pid would apply: a parameter pid and the filter `pid == $pid` are what can be meant", p.Name)
	}
	pid, err := strconv.Atoi(o.pid)
	if err != nil || pid <= 0 {
		return 0, fmt.Errorf("--pid %s: a process has a number above 0", o.pid)
	}
	return pid, nil
}

// until says how long a run lasts that has an end.
func until(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return " for " + d.String()
}

// filtered reports whether events may be left out by a filter.
func filtered(p *plan.Plan) bool {
	return slices.ContainsFunc(p.Bodies, func(b plan.Body) bool { return len(b.Filters) > 0 })
}
