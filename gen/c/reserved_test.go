package c

import (
	"testing"

	"github.com/ebgen/ebgen/spec/plan"
)

// TestReserved wants the checker to know every name that a piece or helper has.
func TestReserved(t *testing.T) {
	for name := range shared {
		if !plan.Reserved[name] {
			t.Errorf("plan.Reserved lacks %s", name)
		}
	}
}
