package specs_test

import (
	"context"
	"testing"

	"github.com/ebgen/ebgen/specs/workload"
)

// TestKeptByStages has two stages keep other values under one name: each has its own.
func TestKeptByStages(t *testing.T) {
	const rounds = 37
	var offsets []int64
	for i := range int64(rounds) {
		offsets = append(offsets, 100+i, 0, -1)
	}
	got := trace(t, caller(), func(context.Context) error {
		_, err := workload.Seeks(offsets)
		return err
	}, "kept_by_stages")[0]
	if len(got.records) != rounds {
		t.Fatalf("%d records, want %d", len(got.records), rounds)
	}
	for i, r := range got.records {
		if number(r["first"]) != 100+i || number(r["second"]) != 7 {
			t.Errorf("record %d is %v, want %d and 7", i, r, 100+i)
		}
	}
}
