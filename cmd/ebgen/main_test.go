package main

import (
	"bytes"
	"context"
	"testing"

	"github.com/ebgen/ebgen/runtime/tool"
)

// A terminal never ends, so Ctrl-C must end the wait for a spec from there.
func TestInterruptedReading(t *testing.T) {
	for _, command := range []string{"run", "check"} {
		t.Run(command, func(t *testing.T) {
			ctx, interrupt := context.WithCancel(t.Context())
			typed := make(chan struct{})
			defer close(typed)
			stdin := readerFunc(func([]byte) (int, error) {
				interrupt()
				<-typed
				return 0, context.Canceled
			})
			var stdout, stderr bytes.Buffer
			if got := execute(ctx, []string{command, "-"}, stdin, &stdout, &stderr); got != tool.Interrupted {
				t.Errorf("exit status %d, want %d", got, tool.Interrupted)
			}
			if stdout.Len() > 0 || stderr.Len() > 0 {
				t.Errorf("stdout %q and stderr %q, want silence", &stdout, &stderr)
			}
		})
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }
