package example

import "strings"

// An example is written as testscript's archives are (txtar): a remark, then sections, each
// under a line `-- NAME --`.

// section is one of them. Its text ends with a line break, unless it is empty.
type section struct{ name, text string }

// sectionsOf takes a text apart. There is none that has no sections to give; what stands
// before the first is passed over.
func sectionsOf(text string) (all []section) {
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if name, ok := headOf(line); ok {
			all = append(all, section{name: name})
		} else if len(all) > 0 {
			all[len(all)-1].text += line + "\n"
		}
	}
	return all
}

// headOf is the name in a line that begins a section.
func headOf(line string) (name string, ok bool) {
	rest, ok := strings.CutPrefix(line, "-- ")
	if !ok {
		return "", false
	}
	name, ok = strings.CutSuffix(rest, " --")
	name = strings.TrimSpace(name)
	return name, ok && name != ""
}
