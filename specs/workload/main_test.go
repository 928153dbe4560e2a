package workload

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) {
	if Main() {
		return
	}
	// A process under the race detector sleeps a second before it exits; children need not.
	os.Setenv("GORACE", "atexit_sleep_ms=0 "+os.Getenv("GORACE"))
	os.Exit(m.Run())
}

// needNetwork returns a network namespace, or skips where none can be made or where
// segments cannot be dropped.
func needNetwork(t *testing.T) *network {
	t.Helper()
	n, err := newNetwork()
	if errors.Is(err, unix.EPERM) {
		t.Skipf("not allowed to make a network namespace: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.close)
	d, err := newDropper(1)
	if errors.Is(err, unix.EPERM) {
		t.Skipf("not allowed to load a socket filter: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	d.close()
	return n
}

// bounded ends a workload that hangs.
func bounded(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func TestDemos(t *testing.T) {
	needNetwork(t)
	for _, name := range Demos() {
		t.Run(name, func(t *testing.T) {
			demo, ok := Demo(name)
			if !ok {
				t.Fatalf("%s is listed, but not there", name)
			}
			if err := demo(bounded(t)); err != nil {
				t.Error(err)
			}
		})
	}
	if _, ok := Demo("nothing"); ok {
		t.Error("there is a demo of nothing")
	}
}
