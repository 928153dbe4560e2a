// Command ebgen answers a question about the kernel that one YAML file asks.
//
//	sudo ebgen run tcpretrans.yaml --port 443
//
// Every command is one file: its arguments become one call into the other rooms, the
// result becomes text and an exit status. Data goes to standard output, all else to
// standard error.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ebgen/ebgen/runtime/tool"
	"github.com/ebgen/ebgen/spec/plain"
	"github.com/ebgen/ebgen/specs/workload"
)

func main() {
	if workload.Main() {
		return // this process is a child of a demo
	}
	os.Exit(execute(tool.Signals(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// execute runs one command line and returns its exit status.
func execute(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	stderr = plain.Writer(stderr)
	root := newRoot(stdin, stdout, stderr)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if text := message(err); text != "" {
		fmt.Fprintln(stderr, text)
	}
	return status(err)
}

func newRoot(stdin io.Reader, stdout, stderr io.Writer) *cobra.Command {
	root := &cobra.Command{
		Use:   "ebgen",
		Short: "Trace the kernel with one YAML file",
		Long: `ebgen turns a YAML file - probe, fields, filters, output - into a kernel tracer:
checked against this kernel's types, compiled once, attached, accounted for.`,
		Example: `  sudo ebgen run tcpretrans --port 443     a spec of the catalogue
  sudo ebgen run mine.yaml -o json | jq .  a spec of your own
  ebgen check mine.yaml                    everything short of attaching`,
		SilenceUsage:      true,
		SilenceErrors:     true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	root.SetUsageTemplate(strings.ReplaceAll(root.UsageTemplate(), ".FlagUsages", ".FlagUsagesWrapped 80")) // of a terminal
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return usageError{tool.FlagError(cmd.Flags(), err)} })
	root.AddCommand(newRun(), newReplay(), newCheck(), newTest(), newGen(), newBuild(), newList(), newProbes(), newTypes(), newNew(), newSchema(), newShow(), newMan())
	for _, cmd := range root.Commands() {
		switch cmd.Name() {
		case "run":
			cmd.ValidArgsFunction = completeRun
		case "check", "test", "gen", "build", "show":
			cmd.ValidArgsFunction = completeSpec
		}
		if count := cmd.Args; count != nil {
			cmd.Args = func(cmd *cobra.Command, args []string) error { return asUsage(count(cmd, args)) }
		}
	}
	return root
}

// plainOut is the standard output of a command for what people read and strangers wrote.
func plainOut(cmd *cobra.Command) io.Writer { return plain.Writer(cmd.OutOrStdout()) }

// usageError is a mistake on the command line.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// asUsage is nil for nil.
func asUsage(err error) error {
	if err == nil {
		return nil
	}
	return usageError{err}
}

// reported is an error whose text is already on standard error.
type reported struct{ error }

func (e reported) Unwrap() error { return e.error }

// errSpec says that a spec has errors; they are printed where they are found.
var errSpec = errors.New("the spec has errors")

// message is what is left to print of an error.
func message(err error) string {
	var done reported
	if err == nil || errors.As(err, &done) || errors.Is(err, errSpec) || errors.Is(err, context.Canceled) {
		return ""
	}
	return "ebgen: " + strings.TrimSpace(err.Error())
}

// status maps an error to an exit status.
func status(err error) int {
	var usage usageError
	if errors.As(err, &usage) || errors.Is(err, errSpec) || err != nil && strings.HasPrefix(err.Error(), "unknown command") {
		return tool.Usage
	}
	return tool.Status(err)
}
