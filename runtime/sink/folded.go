package sink

import (
	"maps"
	"slices"
	"strconv"
)

// folded writes a line for each stack, as stackcollapse scripts do and flamegraph.pl and
// its kin read: the frames joined by ";", the outermost first, those of the kernel with
// "_[k]" behind their name, then a blank and the first value.
type folded struct{ *profile }

func newFolded(s subject) picture { return folded{newProfile(s)} }

func (f folded) draw() ([]byte, error) {
	sums, line := map[string]int64{}, []byte(nil)
	d := f.drawing()
	for i := range f.samples {
		line = line[:0]
		for j, b := range d.boxes(&f.samples[i]) {
			if j > 0 {
				line = append(line, ';')
			}
			start := len(line)
			line = append(line, b.name...)
			if b.kind == kindKey { // others cannot have one
				for k := start; k < len(line); k++ {
					if line[k] == ';' {
						line[k] = ':'
					}
				}
			}
			if b.kind == kindKernel {
				line = append(line, "_[k]"...)
			}
		}
		sums[string(line)] = add(sums[string(line)], f.samples[i].values[0])
	}
	var text []byte
	for _, stack := range slices.Sorted(maps.Keys(sums)) {
		text = strconv.AppendInt(append(append(text, stack...), ' '), sums[stack], 10)
		text = append(text, '\n')
	}
	return text, nil
}
