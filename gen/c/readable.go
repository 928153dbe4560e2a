package c

import (
	"regexp"
	"strconv"
	"strings"
)

// lineDirective is a #line as Print writes it.
var lineDirective = regexp.MustCompile(`^#line ([0-9]+) (".*")$`)

// Readable is what Print gave, as it is written for people: each #line is gone, and where
// the statements of a function go on to another line of the spec, that line stands above
// them as a comment. What clang makes of both is the same but for the line numbers.
//
//	#line 3 "opens.yaml"
//		err = READ_INT(skc_dport, sk, __sk_common.skc_dport);
//
// becomes
//
//	/* dport: args.sk.__sk_common.skc_dport */
//	err = READ_INT(skc_dport, sk, __sk_common.skc_dport);
//
// A nil spec, whose text is not at hand, gives comments with its lines' numbers.
func Readable(printed string, spec []byte) string {
	r := reader{spec: strings.Split(string(spec), "\n"), text: spec != nil}
	lines := strings.Split(printed, "\n")
	for i, line := range lines {
		r.line(line, i+1 < len(lines) && lineDirective.MatchString(lines[i+1]))
	}
	return strings.Join(r.out, "\n")
}

// reader is one run of Readable.
type reader struct {
	spec []string
	text bool // spec is known
	out  []string

	file     string // that the last directive names, quoted
	here     int    // its line
	own      int    // the line of the function
	said     int    // the line that the statements before are of
	inside   bool   // the braces of a function
	branched bool   // the last line was an if without braces
}

// line takes one line; directed says that another directive follows it.
func (r *reader) line(line string, directed bool) {
	if m := lineDirective.FindStringSubmatch(line); m != nil {
		r.file = m[2]
		r.here, _ = strconv.Atoi(m[1]) // digits
		return
	}
	switch {
	case line == "{":
		r.inside, r.own, r.said = true, r.here, r.here
	case line == "}":
		r.inside = false
	}
	depth := len(line) - len(strings.TrimLeft(line, "\t"))
	statement := r.inside && depth == 1 && !strings.HasPrefix(line, "\t}")
	if statement && r.here != r.said && !r.branched && !strings.HasSuffix(r.file, `.bpf.c"`) {
		r.said = r.here
		if r.here != r.own {
			r.out = append(r.out, "\t/* "+r.comment()+" */")
		}
	}
	r.branched = strings.HasPrefix(strings.TrimLeft(line, "\t"), "if (") && !strings.HasSuffix(line, "{") && directed
	r.out = append(r.out, line)
}

// comment is the line of the spec that the statements are of.
func (r *reader) comment() string {
	if !r.text || r.here > len(r.spec) {
		return strings.Trim(r.file, `"`) + ":" + strconv.Itoa(r.here)
	}
	return comment(strings.TrimLeft(strings.TrimSpace(r.spec[r.here-1]), "- "))
}
