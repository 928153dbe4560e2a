package sink

import (
	"cmp"
	"maps"
	"slices"
)

// flamegraph draws stacks on each other, as wide as what was counted for them, in one HTML
// file that needs nothing else: page/flamegraph.js draws what is here added up.
type flamegraph struct{ *profile }

func newFlamegraph(s subject) picture { return flamegraph{newProfile(s)} }

// flames is what the page gets as JSON. A number in Nodes is an index into Strings.
type flames struct {
	Values   []quantity `json:"values"`
	Strings  []string   `json:"strings"`
	Kinds    []string   `json:"kinds"` // of frames
	Nodes    [][]int64  `json:"nodes"` // depth, name, module, kind, then what each value has of this frame alone; parents first
	Negative int        `json:"negative"`
}

// node is one box and what stands on it.
type node struct {
	self  []int64
	above map[box]*node
}

func (f flamegraph) draw() ([]byte, error) {
	d := f.drawing()
	root := &node{self: make([]int64, len(f.values))}
	page := &flames{Values: f.values}
	for i := range f.samples {
		s := &f.samples[i]
		n := root
		for _, b := range d.boxes(s) {
			n = n.child(b, len(f.values))
		}
		for i, v := range s.values {
			if v < 0 { // a sum may be; no box is as narrow
				page.Negative++
				continue
			}
			n.self[i] = add(n.self[i], v)
		}
	}
	t := tree{page: page, strings: map[string]int64{}, kinds: map[frameKind]int64{}}
	t.add(0, box{name: f.decoder.Name(), kind: "root"}, root)
	return render("flamegraph", f.decoder.Name(), page)
}

func (n *node) child(b box, values int) *node {
	c := n.above[b]
	if c == nil {
		c = &node{self: make([]int64, values)}
		if n.above == nil {
			n.above = map[box]*node{}
		}
		n.above[b] = c
	}
	return c
}

// tree lists nodes for the page.
type tree struct {
	page    *flames
	strings map[string]int64
	kinds   map[frameKind]int64
}

// add lists n and what stands on it, by name, so that like pictures look alike.
func (t *tree) add(depth int64, b box, n *node) {
	kind, ok := t.kinds[b.kind]
	if !ok {
		kind = int64(len(t.page.Kinds))
		t.kinds[b.kind] = kind
		t.page.Kinds = append(t.page.Kinds, string(b.kind))
	}
	t.page.Nodes = append(t.page.Nodes, append([]int64{depth, t.text(b.name), t.text(b.module), kind}, n.self...))
	above := slices.SortedFunc(maps.Keys(n.above), func(a, b box) int {
		return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.module, b.module), cmp.Compare(a.kind, b.kind))
	})
	for _, b := range above {
		t.add(depth+1, b, n.above[b])
	}
}

func (t *tree) text(s string) int64 {
	i, ok := t.strings[s]
	if !ok {
		i = int64(len(t.page.Strings))
		t.strings[s] = i
		t.page.Strings = append(t.page.Strings, s)
	}
	return i
}
