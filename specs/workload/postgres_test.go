package workload

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestPostgres wants the log to tell of each statement once, in order, and how long it
// slept.
func TestPostgres(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute) // making a database takes long in an emulated guest
	defer cancel()
	p, err := StartPostgres(ctx)
	if errors.Is(err, ErrNoPostgres) || errors.Is(err, unix.EPERM) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}()
	for _, n := range []int{37, 3} {
		var statements []string
		for i := range n {
			statements = append(statements, fmt.Sprintf("select pg_sleep(0.00%d), 'it''s %d: ms';", i%7, i))
		}
		made, err := p.Queries(statements)
		if err != nil {
			t.Fatal(err)
		}
		var texts []string
		for i, q := range made {
			texts = append(texts, q.Text)
			if asked := time.Duration(i%7) * time.Millisecond; q.Took < asked || q.PID != made[0].PID || q.PID <= 0 {
				t.Errorf("statement %d is %+v, it was to sleep %v in process %d", i, q, asked, made[0].PID)
			}
		}
		if !slices.Equal(texts, statements) {
			t.Errorf("the log has %q, want %q", texts, statements)
		}
	}
	if _, err := p.Queries([]string{"select 1/0;"}); err == nil {
		t.Error("a statement that fails is no error")
	}
}
