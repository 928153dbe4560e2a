package golang

import (
	"go/token"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// names gives Go names in one scope, each once.
type names struct{ taken map[string]bool }

func newNames(taken ...string) *names {
	n := &names{taken: map[string]bool{}}
	for _, name := range taken {
		n.take(name)
	}
	return n
}

func (n *names) take(name string) { n.taken[name] = true }

// give returns a name that is free, with a number behind it to break a tie.
func (n *names) give(name string) string {
	free := name
	for i := 2; n.taken[free] || token.IsKeyword(free); i++ {
		free = name + strconv.Itoa(i)
	}
	n.take(free)
	return free
}

// initialisms are the words that Go's names have in one case.
var initialisms = map[string]string{
	"id": "ID", "pid": "PID", "pids": "PIDs", "ppid": "PPID", "tid": "TID", "tgid": "TGID", "uid": "UID", "gid": "GID",
	"cpu": "CPU", "ip": "IP", "ips": "IPs", "tcp": "TCP", "udp": "UDP", "io": "IO", "ns": "NS", "os": "OS", "rtt": "RTT", "dns": "DNS", "http": "HTTP",
}

// exported makes an exported Go name of one of a spec or of the kernel: skc_dport is
// SkcDport, pid is PID.
func exported(name string) string {
	var b strings.Builder
	words := strings.FieldsFunc(name, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	for i, word := range words {
		switch as, ok := initialisms[strings.ToLower(word)]; {
		case ok:
			word = as
		case word == strings.ToUpper(word):
			word = strings.ToLower(word)
			fallthrough
		default:
			word = strings.ToUpper(word[:1]) + word[1:]
		}
		// Digits that would run together: p50, 5 is P50_5.
		if i > 0 && unicode.IsDigit(rune(word[0])) && unicode.IsDigit(rune(b.String()[b.Len()-1])) {
			b.WriteByte('_')
		}
		b.WriteString(word)
	}
	if text := b.String(); text != "" && unicode.IsUpper(rune(text[0])) {
		return text
	}
	return "X" + b.String()
}

// endings are the ends of a file's name, behind an underscore, that say when the go
// command builds it (go help buildconstraint), as far as one may name a spec so.
var endings = []string{"test", "linux", "amd64", "arm64", "386", "arm", "windows", "darwin", "freebsd", "netbsd", "openbsd", "plan9",
	"solaris", "aix", "android", "dragonfly", "illumos", "ios", "js", "wasm", "wasip1", "hurd", "nacl", "zos", "loong64", "mips", "mips64", "mips64le",
	"mipsle", "ppc", "ppc64", "ppc64le", "riscv", "riscv64", "s390", "s390x", "sparc", "sparc64"}

// fileName is how the files of a package begin: its name, unless that would mean something
// else to the go command or is the name of another file.
func fileName(name string) string {
	_, last, _ := strings.Cut(name, "_")
	if i := strings.LastIndexByte(name, '_'); i >= 0 {
		last = name[i+1:]
	}
	taken := name == "names"
	for _, one := range machineryNeeds {
		taken = taken || name+".go" == one.file
	}
	if taken || slices.Contains(endings, last) {
		return name + "_spec"
	}
	return name
}

// paragraph makes a comment of a text, wrapped at about the width of the files around it.
func paragraph(text string) string {
	const width = 92
	var lines []string
	line := "//"
	for _, word := range strings.Fields(text) {
		if len(line)+1+len(word) > width && line != "//" {
			lines = append(lines, line)
			line = "//"
		}
		line += " " + word
	}
	return strings.Join(append(lines, line), "\n")
}

// sentence is a text with a full stop.
func sentence(text string) string {
	text = strings.TrimSpace(text)
	if text == "" || strings.ContainsAny(text[len(text)-1:], ".!?") {
		return text
	}
	return text + "."
}
