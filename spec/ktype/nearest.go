package ktype

import (
	"cmp"
	"math/bits"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"
)

// maxHints is how many names a "did you mean" offers.
const maxHints = 3

// minPrefix is the length from which on the beginning of a name says what was meant.
const minPrefix = 4

// ranking keeps the names most like a wanted one. Likeness is the number of edits, a
// swap of two neighbours being one and upper and lower case alike; a name that needs
// more edits than a third of the wanted one's length is none, unless it begins with all
// of it. The wanted name itself is none either: where it exists, it was not meant.
type ranking struct {
	exact string // as it was written
	want  string // in lower case
	bytes byteSet
	limit int // edits at most
	keep  int
	best  []ranked
}

// ranked is one kept name.
type ranked struct {
	name  string
	edits int
	extra int // by how much its length differs: of names equally near, the one of the same length is nearer
}

func newRanking(want string, keep int) *ranking {
	lower := strings.ToLower(want)
	return &ranking{exact: want, want: lower, bytes: bytesOf(lower), limit: max(1, len(want)/3), keep: keep}
}

// offer weighs a name by its spelling and keeps it, shown as show, when it is among
// the best. Of names equally near the one offered first stands first.
func (r *ranking) offer(spelling, show string) bool {
	edits, ok := r.edits(spelling)
	if !ok || spelling == r.exact || slices.ContainsFunc(r.best, func(b ranked) bool { return b.name == show }) {
		return false
	}
	one := ranked{show, edits, abs(len(spelling) - len(r.want))}
	at := len(r.best)
	for at > 0 && cmp.Or(cmp.Compare(r.best[at-1].edits, one.edits), cmp.Compare(r.best[at-1].extra, one.extra)) > 0 {
		at--
	}
	if at == r.keep {
		return false
	}
	r.best = slices.Insert(r.best, at, one)
	r.best = r.best[:min(len(r.best), r.keep)]
	return true
}

// edits is the distance of a name, or false when it is no candidate. Lengths and letters
// are compared first: they rule out nearly all of a kernel's 60,000 functions, and the
// distance is what takes time.
func (r *ranking) edits(name string) (int, bool) {
	if len(name) > len(r.want) && len(r.want) >= minPrefix && strings.EqualFold(name[:len(r.want)], r.want) {
		return min(len(name)-len(r.want), r.limit+1), true
	}
	limit := r.limit
	if len(r.best) == r.keep {
		limit = min(limit, r.best[r.keep-1].edits)
	}
	if abs(len(name)-len(r.want)) > limit {
		return 0, false
	}
	name = strings.ToLower(name)
	if set := bytesOf(name); bits.OnesCount64(uint64(set&^r.bytes)) > limit || bits.OnesCount64(uint64(r.bytes&^set)) > limit {
		return 0, false
	}
	if swapped(name, r.want) {
		return 1, true
	}
	edits := levenshtein.ComputeDistance(name, r.want)
	return edits, edits <= limit
}

// byteSet is which bytes a name has, of each two that differ by 64 only one; an edit
// adds or takes away one at most.
type byteSet uint64

func bytesOf(name string) byteSet {
	var set byteSet
	for i := range len(name) {
		set |= 1 << (name[i] & 63)
	}
	return set
}

// swapped reports whether two neighbours changing places make a into b.
func swapped(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	i := 0
	for i < len(a) && a[i] == b[i] {
		i++
	}
	return i+1 < len(a) && a[i] == b[i+1] && a[i+1] == b[i] && a[i+2:] == b[i+2:]
}

// names lists the kept names, the nearest first.
func (r *ranking) names() []string {
	var names []string
	for _, b := range r.best {
		names = append(names, b.name)
	}
	return names
}

func abs(x int) int { return max(x, -x) }
