// Command page writes docs/catalogue.md: every spec of the catalogue on one line, with its
// length beside that of the tool of BCC that answers the same question.
//
//	go run ./internal/page -o ../docs/catalogue.md
//	go run ./internal/page -count   # counts again what Debian's bpfcc-tools installed
//
// Lines are those of code: neither empty nor only a comment.
package main

import (
	"bytes"
	_ "embed"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/ebgen/ebgen/spec"
	"github.com/ebgen/ebgen/specs"
)

// counted has a line for each original: its file and its lines of code, in the version of
// the package that the first line names.
//
//go:embed originals.tsv
var counted string

// examples is where Debian puts those tools of BCC that it does not install.
const examples = "/usr/share/doc/bpfcc-tools/examples/tracing/"

// originals are the files of specs whose namesake in BCC has another name or place; "" is
// one that has none there. All others are /usr/sbin/NAME-bpfcc.
var originals = map[string]string{
	"mallocstacks":           examples + "mallocstacks.py",
	"pgslower":               "/usr/sbin/dbslower-bpfcc",
	"slowreads":              "/usr/sbin/fileslower-bpfcc",
	"syslatency":             "/usr/sbin/syscount-bpfcc",
	"sslsniff-lite":          "/usr/sbin/sslsniff-bpfcc",
	"fsslower":               "/usr/sbin/ext4slower-bpfcc",
	"fsdist":                 "/usr/sbin/ext4dist-bpfcc",
	"closewait-before-reset": "",
	"offcpu":                 "",
	"openfiles":              "",
	"ps":                     "",
	"pygc":                   "/usr/sbin/ugc", // for Java, Node and Ruby too
	"retransmits-by-comm":    "",
	"sockets":                "",
}

// original is the file of BCC that answers a spec's question, or "".
func original(name string) string {
	if file, ok := originals[name]; ok {
		return file
	}
	return "/usr/sbin/" + name + "-bpfcc"
}

// subjects are the catalogue's folders, by what they are about.
var subjects = map[string]string{
	"any": "Any function", "app": "Programs", "block": "Disks", "cpu": "CPUs", "db": "Databases",
	"fs": "Files", "mem": "Memory", "net": "Network", "proc": "Processes", "sched": "Scheduler",
	"syscall": "System calls",
}

func main() {
	out := flag.String("o", "", "file to write")
	count := flag.Bool("count", false, "count the originals again, into internal/page/originals.tsv")
	flag.Parse()
	err := error(nil)
	if *count {
		err = writeCounts("internal/page/originals.tsv")
	} else {
		var b bytes.Buffer
		if err = page(&b); err == nil {
			err = os.WriteFile(*out, b.Bytes(), 0o644)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "page:", err)
		os.Exit(1)
	}
}

// page writes the page.
func page(w io.Writer) error {
	counts, version, err := readCounts()
	if err != nil {
		return err
	}
	fmt.Fprintf(w, `# The catalogue

Written by go generate; edit the specs. Lines are those of code, neither empty nor only a
comment: of the spec, and of BCC's tool for the same question, Python and the C in it
(Debian's bpfcc-tools %s; of mallocstacks its example; of several tools that one spec stands
for, one). What both say of the same events is in [fidelity.md](fidelity.md).
`, version)
	var all, lines []int
	var ratios []float64
	folder := ""
	for _, path := range specs.Paths() {
		name := specs.Name(path)
		_, text, _ := specs.Find(specs.Title(path))
		doc, _ := spec.Parse(path, text)
		if dir := filepath.Dir(specs.Title(path)); dir != folder {
			folder = dir
			title, ok := subjects[dir]
			if !ok {
				return fmt.Errorf("the folder %s has no title", dir)
			}
			fmt.Fprintf(w, "\n## %s\n\n| spec | what it shows | YAML | C + Python |\n| --- | --- | ---: | ---: |\n", title)
		}
		ours, theirs := code(text), ""
		if file := original(name); file != "" {
			n, ok := counts[file]
			if !ok {
				return fmt.Errorf("%s: %s is not counted; name the original in originals, then run -count", name, file)
			}
			theirs = strconv.Itoa(n)
			lines = append(lines, n)
			ratios = append(ratios, float64(ours)/float64(n))
		}
		all = append(all, ours)
		fmt.Fprintf(w, "| [%s](../%s) | %s | %d | %s |\n", name, path, strings.TrimSpace(doc.Description.Value), ours, theirs)
	}
	fmt.Fprintf(w, `
%d specs: the median has %d lines, and %.0f%% of those of its original, whose median is %d.
`, len(all), median(all), 100*median(ratios), median(lines))
	return nil
}

func median[T int | float64](list []T) T {
	slices.Sort(list)
	return list[len(list)/2]
}

// directive is a line of C that begins like a comment of Python and YAML.
var directive = regexp.MustCompile(`^#\s*(include|define|undef|if|ifdef|ifndef|elif|else|endif|error|pragma)\b`)

// code counts the lines of a text that are neither empty nor only a comment: of YAML, of
// Python and of the C in Python.
func code(text []byte) (n int) {
	within := false // a comment of C
	for line := range bytes.Lines(text) {
		l := strings.TrimSpace(string(line))
		switch {
		case within:
			within = !strings.Contains(l, "*/")
		case strings.HasPrefix(l, "/*"):
			within = !strings.Contains(l, "*/")
		case l == "", strings.HasPrefix(l, "//"), strings.HasPrefix(l, "#") && !directive.MatchString(l):
		default:
			n++
		}
	}
	return n
}

// readCounts reads originals.tsv.
func readCounts() (counts map[string]int, version string, err error) {
	counts = map[string]int{}
	lines := strings.Split(strings.TrimSpace(counted), "\n")
	for _, line := range lines[1:] {
		file, n, _ := strings.Cut(line, "\t")
		if counts[file], err = strconv.Atoi(n); err != nil {
			return nil, "", err
		}
	}
	return counts, lines[0], nil
}

// writeCounts counts what is installed of all tools of BCC, those too that no spec has yet.
func writeCounts(to string) error {
	files, err := filepath.Glob("/usr/sbin/*-bpfcc")
	if err != nil || len(files) == 0 {
		return fmt.Errorf("bpfcc-tools are not installed")
	}
	version, err := installed()
	if err != nil {
		return err
	}
	var b strings.Builder
	fmt.Fprintln(&b, version)
	for _, file := range append(files, "/usr/sbin/ugc", examples+"mallocstacks.py") {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "%s\t%d\n", file, code(text))
	}
	return os.WriteFile(to, []byte(b.String()), 0o644)
}

// installed is the version of bpfcc-tools that Debian's package manager knows.
func installed() (string, error) {
	status, err := os.ReadFile("/var/lib/dpkg/status")
	if err != nil {
		return "", err
	}
	m := regexp.MustCompile(`(?m)^Package: bpfcc-tools\n(?:.+\n)*?Version: (\S+)$`).FindSubmatch(status)
	if m == nil {
		return "", fmt.Errorf("bpfcc-tools are not installed")
	}
	return string(m[1]), nil
}
