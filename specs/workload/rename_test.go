package workload

import (
	goruntime "runtime"
	"slices"
	"testing"
)

func TestRenameThreads(t *testing.T) {
	tids, err := RenameThreads(8, 1003)
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(tids)
	if len(slices.Compact(tids)) != 8 || tids[0] == 0 {
		t.Errorf("threads %v, want 8", tids)
	}
}

func TestBind(t *testing.T) {
	cpus, err := allowedCPUs()
	if err != nil {
		t.Fatal(err)
	}
	last := cpus[len(cpus)-1]
	var bound []int
	done := make(chan error)
	go func() {
		goruntime.LockOSThread()
		err := bind(last)
		if err == nil {
			bound, err = allowedCPUs()
		}
		done <- err
	}()
	if err := <-done; err != nil || !slices.Equal(bound, []int{last}) {
		t.Errorf("bound to CPU %d: the thread may use %v (%v)", last, bound, err)
	}
}
