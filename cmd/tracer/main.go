// Command tracer is what `ebgen build` makes an executable of: it carries compiled tracers
// of one spec behind its own end, and runs the one that fits the kernel.
//
//	sudo ./tcpretrans --port 443
//
// It has the spec's own flags and those of every tracer, and needs no compiler, no YAML
// and no other file.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	goruntime "runtime"
	"strings"

	"github.com/spf13/pflag"

	"github.com/ebgen/ebgen/runtime/tool"
	"github.com/ebgen/ebgen/spec/fit"
	"github.com/ebgen/ebgen/spec/plain"
	"github.com/ebgen/ebgen/spec/plan"
)

func main() {
	name := filepath.Base(os.Args[0])
	stderr := plain.Writer(os.Stderr)
	err := run(tool.Signals(), name, os.Args[1:], os.Stdout, stderr)
	if err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintf(stderr, "%s: %s\n", name, strings.TrimSpace(err.Error()))
	}
	os.Exit(tool.Status(err))
}

// options are the flags that a carried tracer has beside those of every tracer.
type options struct {
	tool.Options
	man bool
}

func (o *options) flags(set *pflag.FlagSet) {
	set.BoolVar(&o.man, "man", false, "the manual page, as man -l - reads it")
}

func run(ctx context.Context, name string, args []string, stdout, stderr io.Writer) error {
	archive, err := carried()
	if err != nil {
		return err
	}
	host := tool.Host("")
	b, made, err := first(archive, host)
	if err != nil {
		return err
	}
	o, params := new(options), tool.Params(b.Plan)
	rest, err := o.Parse(name, params, args, o.flags)
	switch {
	case err != nil:
		return err
	case o.Help:
		return tool.Help(stdout, b.Plan.Description, name, params, o.flags)
	case o.man:
		return tool.Man(stdout, name, b.Plan, o.flags)
	case o.ListsFormats():
		return tool.ListFormats(stdout)
	case len(rest) > 0:
		return tool.UsageError{Err: fmt.Errorf("no argument is wanted, found %q", rest[0])}
	}
	if !made || o.BTF != "" {
		if b, err = fit.Choose(archive, b.Plan.Name, tool.Host(o.BTF)); err != nil {
			return err
		}
	}
	return tool.Run(ctx, b, &o.Options, tool.Streams{Out: stdout, Err: stderr})
}

// carried opens the archive behind this executable's end. The file stays open.
func carried() (*plan.Archive, error) {
	f, err := os.Open("/proc/self/exe")
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	return plan.Carried(f, info.Size())
}

// first returns a tracer for this machine, whose flags are those of all: the one that was
// made for just this kernel, where there is one.
func first(a *plan.Archive, h fit.Host) (b *plan.Bundle, made bool, err error) {
	entries := a.Entries()
	for i, e := range entries {
		if e.MadeFor(h.Arch, h.ID) {
			b, err := a.Bundle(entries[i])
			return b, true, err
		}
	}
	for _, e := range entries {
		if e.Arch == h.Arch {
			b, err := a.Bundle(e)
			return b, false, err
		}
	}
	return nil, false, fmt.Errorf("it carries no tracer for %s: build it with --arch %s", goruntime.GOARCH, goruntime.GOARCH)
}
