package image

import (
	"strings"

	"github.com/ianlancetaylor/demangle"
)

// longest is the power of two of the most bytes that a name has: a mangled one may stand for
// any number.
const longest = 12

// short is a name or path as far as it is shown, without the rest of a longer one.
func short(name string) string { return strings.Clone(name[:min(len(name), 1<<longest)]) }

// sourceName is a name as the source has it: mangled ones of C++ and Rust without
// parameters, others as they are.
func sourceName(name string) string {
	name, _, _ = strings.Cut(name, "@")      // a version: malloc@@GLIBC_2.2.5
	name = strings.TrimSuffix(name, ".abi0") // Go's functions of assembly
	if !strings.HasPrefix(name, "_Z") && !strings.HasPrefix(name, "_R") && !strings.HasPrefix(name, "__Z") {
		return short(name)
	}
	plain, err := demangle.ToString(name, demangle.NoParams, demangle.MaxLength(longest))
	if err != nil {
		return short(name)
	}
	return plain
}

// preferred reports whether a is the better of two names of one function: write, not
// __write.
func preferred(a, b string) bool {
	underscores := func(s string) int { return len(s) - len(strings.TrimLeft(s, "_")) }
	if u, v := underscores(a), underscores(b); u != v {
		return u < v
	}
	if len(a) != len(b) {
		return len(a) < len(b)
	}
	return a < b
}
