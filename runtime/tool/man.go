package tool

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/pflag"

	"github.com/ebgen/ebgen/spec/plain"
	"github.com/ebgen/ebgen/spec/plan"
)

// Man prints the manual page of a tracer called name, in the man(7) macros.
func Man(w io.Writer, name string, p *plan.Plan, more func(*pflag.FlagSet)) error {
	var b strings.Builder
	section := func(title string) { fmt.Fprintf(&b, ".SH %s\n", title) }
	item := func(term, text string) { fmt.Fprintf(&b, ".TP\n%s\n%s\n", term, roff(text)) }

	fmt.Fprintf(&b, ".TH %s 8 \"\" \"ebgen\" \"System Administration\"\n", strings.ToUpper(roff(name)))
	section("NAME")
	summary, _, _ := strings.Cut(p.Description, "\n")
	fmt.Fprintf(&b, "%s \\- %s\n", roff(name), roff(strings.TrimSuffix(summary, ".")))
	section("SYNOPSIS")
	fmt.Fprintf(&b, ".B %s\n[\\fIFLAG\\fR]...\n", roff(name))
	section("DESCRIPTION")
	fmt.Fprintf(&b, "%s\n", roff(p.Description))
	fmt.Fprintf(&b, ".PP\nIt traces the kernel until Ctrl-C, and needs root or CAP_BPF and CAP_PERFMON. Records go to\nstandard output, all else to standard error, an account of what was lost among it.\n")
	if params := Params(p); len(params) > 0 {
		section("PARAMETERS")
		for _, one := range params {
			text := one.Help
			if one.Default != "" {
				text = strings.TrimSpace(text + " (default " + one.Default + ")")
			}
			item(fmt.Sprintf("\\fB\\-\\-%s\\fR \\fI%s\\fR", roff(one.flag()), roff(one.Type)), text)
		}
	}
	section("COLUMNS")
	for i := range p.Record.Fields {
		f := &p.Record.Fields[i]
		item("\\fB"+roff(f.Name)+"\\fR", Describe(f.Type))
	}
	section("OPTIONS")
	set := newSet(name)
	new(Options).Flags(set)
	if more != nil {
		more(set)
	}
	set.VisitAll(func(f *pflag.Flag) {
		value, usage := pflag.UnquoteUsage(f)
		term := "\\fB\\-\\-" + roff(f.Name) + "\\fR"
		if f.Shorthand != "" {
			term = "\\fB\\-" + f.Shorthand + "\\fR, " + term
		}
		if value != "" {
			term += " \\fI" + roff(value) + "\\fR"
		}
		item(term, usage)
	})
	section("EXIT STATUS")
	for _, row := range []struct {
		status int
		text   string
	}{{Finished, "the trace was finished, by Ctrl-C too"}, {Failed, "something failed"}, {Usage, "a flag or a value was wrong"}, {Interrupted, "Ctrl-C before anything was traced"}} {
		item(fmt.Sprint(row.status), row.text)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// Describe says in words what a column holds.
func Describe(t plan.Type) string {
	word := map[plan.Kind]string{
		plan.Int: "number", plan.Bool: "true or false", plan.Enumer: "name of a number", plan.Pointer: "address", plan.String: "text", plan.Bytes: "bytes",
		plan.IP: "IP address", plan.Flow: "local and remote address and port", plan.Owner: "pid and name of a process", plan.Stack: "stack of functions",
		plan.Float: "fraction", plan.Hist: "histogram",
	}[t.Kind]
	unit := map[plan.Meaning]string{
		plan.Hex: "hexadecimal", plan.Time: "instant, ns of CLOCK_MONOTONIC", plan.Duration: "duration in ns", plan.ByteSize: "bytes", plan.Port: "port", plan.Errno: "error, negative",
		plan.Symbol: "kernel symbol", plan.Syscall: "system call", plan.Signal: "signal", plan.Mode: "mode of a file", plan.Device: "device, major:minor", plan.Text: "text",
	}[t.Meaning]
	if unit != "" {
		return word + ": " + unit
	}
	return word
}

// roff escapes text for troff: no line of it is a request.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(plain.Lines(strings.TrimSpace(text)))
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
			lines[i] = `\&` + line
		}
	}
	return strings.Join(lines, "\n")
}
