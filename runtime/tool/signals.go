package tool

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// Signals is the context of a tool's process: done at Ctrl-C or SIGTERM, so that the tool
// ends by itself and prints its account.
func Signals() context.Context {
	// A reader that goes away is an error of the write, not the end of the process: the
	// account is still to be printed.
	signal.Ignore(syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A second signal ends the process at once; but one Ctrl-C may come twice, from the
	// terminal and from a program around this one.
	context.AfterFunc(ctx, func() { time.AfterFunc(time.Second, stop) })
	return ctx
}
