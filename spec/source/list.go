package source

import "fmt"

// OrList joins names as a sentence does: "a, b or c".
func OrList(names []string) string {
	switch len(names) {
	case 0:
		return ""
	case 1:
		return names[0]
	}
	out := names[0]
	for _, n := range names[1 : len(names)-1] {
		out += ", " + n
	}
	return fmt.Sprintf("%s or %s", out, names[len(names)-1])
}
