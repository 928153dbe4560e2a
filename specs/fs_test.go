package specs_test

import (
	"context"
	"testing"

	"github.com/ebgen/ebgen/specs/workload"
)

// TestOpens wants exactly the files that one process opened, in order.
func TestOpens(t *testing.T) {
	const calls = 101
	var made []workload.Opened
	comm := own("opener")
	names := []string{"opensnoop", "opens_tracepoint"}
	got := trace(t, map[string][]string{"comm": {comm}}, func(ctx context.Context) (err error) {
		made, err = workload.Opens(ctx, comm, calls)
		return err
	}, names...)
	for i, name := range names {
		if len(got[i].records) != calls || len(made) != calls {
			t.Fatalf("%s: %d records of %d opens, want %d", name, len(got[i].records), len(made), calls)
		}
		for j, r := range got[i].records {
			if r["file"] != made[j].Path || number(r["pid"]) != made[j].PID || r["comm"] != comm {
				t.Errorf("%s: record %d is %v, want %v", name, j, r, made[j])
			}
		}
	}
}
