package c

import (
	"maps"

	"github.com/ebgen/ebgen/spec/plan"
)

// reserved are plan.Reserved and the names of all pieces and helpers.
var reserved = func() map[string]bool {
	names := maps.Clone(plan.Reserved)
	maps.Copy(names, shared)
	return names
}()
