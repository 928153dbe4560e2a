// Command vm runs a program, most often a Go test binary, as root on real Debian
// kernels under QEMU, without KVM and without root.
//
// In go a static program (or a dynamic one, its libraries come along), files and
// kernel modules; out come its standard output, standard error and exit status, as if
// it had run here. One kernel is one boot of about three seconds.
//
//	go build -o bin/vm ./cmd/vm
//	bin/vm fetch
//	CGO_ENABLED=0 go test -exec "$PWD/bin/vm run --kernel 6.1 --" ./runtime/...
//
// The same executable is /init inside the guest; guest.go is that side, protocol.go
// what the two sides say to each other. A guest of another architecture than the host's
// has an executable built for it, vm-arm64, as its /init.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// Exit statuses of vm itself. Every other status is the program's own, or 128 plus
// the number of the signal that killed it, as a shell has it.
const (
	statusUsage     = 2
	statusTimeout   = 124 // as timeout(1)
	statusVM        = 125 // the guest panicked or did not start, or vm itself failed
	statusInterrupt = 130
)

// exitError is an error that knows its exit status. A nil err means that everything
// there is to say has been said.
type exitError struct {
	status int
	err    error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

func main() {
	if os.Getpid() == 1 && os.Args[0] == "/init" {
		guestMain()
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := newCommand().ExecuteContext(ctx)
	if err != nil && ctx.Err() != nil { // whatever it says, this is the cause
		err = &exitError{statusInterrupt, errors.New("interrupted")}
	}
	stop()
	if err != nil && err.Error() != "" {
		fmt.Fprintf(os.Stderr, "vm: %v\n", err)
	}
	os.Exit(exitStatus(err))
}

func newCommand() *cobra.Command {
	c := &cobra.Command{
		Use:               "vm",
		Short:             "Run programs and tests on real kernels under QEMU",
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	c.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError(err) })
	c.AddCommand(newFetchCommand(), newRunCommand(), newBTFCommand())
	return c
}

func usageError(err error) error { return &exitError{statusUsage, err} }

// exitStatus returns the exit status that err stands for.
func exitStatus(err error) int {
	if err == nil {
		return 0
	}
	if exit, ok := errors.AsType[*exitError](err); ok {
		return exit.status
	}
	return statusVM
}
