package ktype

import (
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"
)

// maxHints is how many names a "did you mean" offers.
const maxHints = 3

// ranking keeps the names most like a wanted one. Likeness is the number of edits,
// upper and lower case being alike; a name that needs more edits than a third of the
// wanted one's length is none, unless it begins with all of it.
type ranking struct {
	want  string
	limit int // edits at most
	keep  int
	best  []ranked
}

type ranked struct {
	name  string
	edits int
}

func newRanking(want string, keep int) *ranking {
	return &ranking{want: strings.ToLower(want), limit: max(1, len(want)/3), keep: keep}
}

// offer weighs a name by its spelling and keeps it, shown as show, when it is among
// the best. Of names equally near the one offered first stands first.
func (r *ranking) offer(spelling, show string) bool {
	edits, ok := r.edits(spelling)
	if !ok || slices.ContainsFunc(r.best, func(b ranked) bool { return b.name == show }) {
		return false
	}
	at := len(r.best)
	for at > 0 && r.best[at-1].edits > edits {
		at--
	}
	if at == r.keep {
		return false
	}
	r.best = slices.Insert(r.best, at, ranked{show, edits})
	r.best = r.best[:min(len(r.best), r.keep)]
	return true
}

// edits is the distance of a name, or false when it is no candidate. Lengths are
// compared first: they rule out most of a kernel's 60,000 functions.
func (r *ranking) edits(name string) (int, bool) {
	if len(name) > len(r.want) && len(r.want) >= minPrefix && strings.EqualFold(name[:len(r.want)], r.want) {
		return min(len(name)-len(r.want), r.limit+1), true
	}
	if difference := len(name) - len(r.want); difference > r.limit || -difference > r.limit {
		return 0, false
	}
	edits := levenshtein.ComputeDistance(strings.ToLower(name), r.want)
	return edits, edits <= r.limit
}

// minPrefix is the length from which on the beginning of a name says what was meant.
const minPrefix = 4

// names lists the kept names, the nearest first.
func (r *ranking) names() []string {
	var names []string
	for _, b := range r.best {
		names = append(names, b.name)
	}
	return names
}
