package tool

import (
	"context"
	"errors"
)

// Exit statuses. A run that ends by Ctrl-C after tracing began has finished.
const (
	Finished    = 0
	Failed      = 1
	Usage       = 2
	Interrupted = 130 // 128 + SIGINT, as a shell reports it
)

// UsageError is a mistake on the command line.
type UsageError struct{ Err error }

func (e UsageError) Error() string { return e.Err.Error() }
func (e UsageError) Unwrap() error { return e.Err }

// Status maps an error to an exit status.
func Status(err error) int {
	var usage UsageError
	switch {
	case err == nil:
		return Finished
	case errors.Is(err, context.Canceled):
		return Interrupted
	case errors.As(err, &usage):
		return Usage
	}
	return Failed
}
