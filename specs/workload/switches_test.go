package workload

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// Each sleep switches its thread at least once, and the kernel's count, taken on both
// sides of each change of name, is exact up to what happened in between.
func TestSwitches(t *testing.T) {
	const threads, rounds = 5, 37
	made, err := Switches(bounded(t), "switcher", threads, rounds)
	if err != nil {
		t.Fatal(err)
	}
	tids := map[int]bool{}
	for _, s := range made {
		tids[s.TID] = true
		if s.Least < rounds || s.Most < s.Least || s.Asleep != rounds*time.Millisecond {
			t.Errorf("%+v, want %d switches at least", s, rounds)
		}
	}
	if len(tids) != threads {
		t.Errorf("%d threads, want %d", len(tids), threads)
	}
	// The threads end soon after, and their names before.
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	for _, task := range tasks {
		comm, err := os.ReadFile(fmt.Sprintf("/proc/self/task/%s/comm", task.Name()))
		if err == nil && strings.TrimSpace(string(comm)) == "switcher" {
			t.Errorf("thread %s still has the name", task.Name())
		}
	}
}

func TestSwitchesCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Switches(ctx, "switcher", 2, 37); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v, want %v", err, context.Canceled)
	}
}
