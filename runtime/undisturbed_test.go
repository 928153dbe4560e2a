package runtime

import (
	"errors"
	goruntime "runtime"
	"testing"

	"golang.org/x/sys/unix"
)

func TestUndisturbed(t *testing.T) {
	goruntime.LockOSThread()
	defer goruntime.UnlockOSThread()
	policy := func() uint32 {
		a, err := unix.SchedGetAttr(0, 0)
		if err != nil {
			t.Fatal(err)
		}
		return a.Policy
	}
	trial := unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_FIFO, Priority: 1}
	if err := unix.SchedSetAttr(0, &trial, 0); err != nil {
		t.Skipf("this machine gives no thread real-time priority: %v", err)
	}
	if err := unix.SchedSetAttr(0, &unix.SchedAttr{Size: unix.SizeofSchedAttr}, 0); err != nil {
		t.Fatal(err)
	}
	failure := errors.New("a read that fails")
	var within uint32
	if err := undisturbed(func() error { within = policy(); return failure }); err != failure {
		t.Errorf("got %v, want the read's own error", err)
	}
	if after := policy(); within != unix.SCHED_FIFO || after != unix.SCHED_NORMAL {
		t.Errorf("policy %d within and %d after, want %d and %d", within, after, unix.SCHED_FIFO, unix.SCHED_NORMAL)
	}
}
