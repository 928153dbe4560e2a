package clang

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// Complaint is one thing clang said. File is as #line names it: the spec's base name for
// what stands there, else the generated C's. A complaint without a place has File "".
type Complaint struct {
	File         string
	Line, Column int    // from 1; the column is in bytes of the C's line
	Severity     string // error, fatal error, warning, note
	Message      string
}

func (c Complaint) String() string {
	if c.File == "" {
		return c.Severity + ": " + c.Message
	}
	return fmt.Sprintf("%s:%d:%d: %s: %s", c.File, c.Line, c.Column, c.Severity, c.Message)
}

// Error is a compilation that clang refused.
type Error struct {
	Compiler   string // path
	Status     string // how clang ended, as exec.ExitError words it
	Complaints []Complaint
	Output     string // all that clang printed, for -v
}

// Error gives the first error, or how clang ended if it gave none.
func (e *Error) Error() string {
	for _, c := range e.Complaints {
		if c.IsError() {
			return "clang: " + c.String()
		}
	}
	return fmt.Sprintf("%s: %s", e.Compiler, e.Status)
}

// IsError reports whether the complaint is why nothing was compiled.
func (c Complaint) IsError() bool { return c.Severity == "error" || c.Severity == "fatal error" }

// complaint is a line of clang's output as its TextDiagnostic prints it. The driver puts
// its own name where the place would stand.
var complaint = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(?:(.+?):(\d+):(\d+): |clang(?:-\d+)?: )?(fatal error|error|warning|note): (.*)$`)
})

// unplaced opens a note that clang's backend adds to nearly every complaint of its own
// and that helps nobody (BackendConsumer, clang/lib/CodeGen/CodeGenAction.cpp).
const unplaced = "could not determine the original source location for "

// parse finds the complaints in clang's output; what is none of them is passed over.
func parse(output string) []Complaint {
	var list []Complaint
	for line := range strings.Lines(output) {
		m := complaint().FindStringSubmatch(strings.TrimRight(line, "\r\n"))
		if m == nil || strings.HasPrefix(m[5], unplaced) {
			continue
		}
		c := Complaint{File: printable(m[1]), Severity: m[4], Message: printable(m[5])}
		c.Line, _ = strconv.Atoi(m[2]) // digits only: at worst the largest int, which no file has
		c.Column, _ = strconv.Atoi(m[3])
		list = append(list, c)
	}
	return list
}

// printable replaces what a terminal would act on: a _Static_assert of the spec may
// print any bytes.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r != '\t' && !unicode.IsPrint(r) {
			return utf8.RuneError
		}
		return r
	}, s)
}
