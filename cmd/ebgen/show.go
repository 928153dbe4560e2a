package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/ebgen/ebgen/gen"
	"github.com/ebgen/ebgen/gen/clang"
	"github.com/ebgen/ebgen/runtime"
	"github.com/ebgen/ebgen/spec/listing"
	"github.com/ebgen/ebgen/spec/plan"
)

type showOptions struct {
	btf    string
	format string
}

func newShow() *cobra.Command {
	o := new(showOptions)
	cmd := &cobra.Command{
		Use:   "show SPEC",
		Short: "Show the page of a spec: what it answers and what it takes",
		Long: `Shows what a spec answers, its parameters and columns, what it is attached to
and which alternative this kernel would take, what it needs, and what its maps
and programs are in the kernel.`,
		Example: `  ebgen show tcpretrans
  ebgen show mine.yaml -o markdown > mine.md
  ebgen show tcpretrans -o json | jq .columns
  ebgen show tcpretrans -o yaml > mine.yaml`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := oneOf("-o", o.format, "text", "markdown", "json", "yaml"); err != nil {
				return usageError{err}
			}
			return show(cmd, o, args[0])
		},
	}
	cmd.Flags().StringVar(&o.btf, "btf", "", "`FILE` with the types of the kernel to show it for")
	cmd.Flags().StringVarP(&o.format, "output", "o", "text", "`FORMAT`: text, markdown or json, or yaml for the spec's own text")
	return cmd
}

// page is what there is to say of a spec.
type page struct {
	Name         string          `json:"name"`
	Description  string          `json:"description"`
	File         string          `json:"file"`
	Kernel       string          `json:"kernel"` // it was checked against
	Params       []paramJSON     `json:"params"`
	Columns      []columnJSON    `json:"columns"`
	Probes       []probeChoice   `json:"probes"`
	Needs        []string        `json:"needs"`
	Capabilities []string        `json:"capabilities"`
	Maps         []mapJSON       `json:"maps"`
	RecordBytes  int             `json:"record_bytes"`
	Programs     []programLength `json:"programs,omitempty"` // where there is a compiler, or was
	OwnC         bool            `json:"own_c"`
}

type paramJSON struct {
	Flag    string `json:"flag"`
	Type    string `json:"type"`
	Default string `json:"default,omitempty"`
	Help    string `json:"help,omitempty"`
}

type columnJSON struct {
	Name string `json:"name"`
	Type string `json:"type"`
	Unit string `json:"shown_as,omitempty"`
	Help string `json:"help,omitempty"`
}

// probeChoice is one alternative of a probe.
type probeChoice struct {
	Probe    string `json:"probe"` // as the spec spells it
	As       string `json:"as"`
	Attaches *bool  `json:"attaches"`
	Why      string `json:"why,omitempty"`
}

type mapJSON struct {
	Name    string `json:"name"`
	Type    string `json:"type"`
	Entries int    `json:"entries"`
	Bytes   int64  `json:"bytes,omitempty"` // of kernel memory on this machine, at most
}

type programLength struct {
	Name         string `json:"name"`
	Probe        string `json:"probe"`
	Instructions int    `json:"instructions"`
}

func show(cmd *cobra.Command, o *showOptions, argument string) error {
	f, err := find(cmd.Context(), argument, cmd.InOrStdin())
	if err != nil {
		return err
	}
	if o.format == "yaml" {
		return showText(cmd.OutOrStdout(), f)
	}
	m := &maker{btf: o.btf, stderr: cmd.ErrOrStderr(), verbose: func(string, ...any) {}}
	b := f.bundle
	if b == nil {
		if b, err = m.bundleOrPlan(cmd.Context(), f); err != nil {
			return err
		}
	}
	one := pageOf(f, b)
	one.choices(b.Plan, o.btf)
	switch o.format {
	case "json":
		return writeJSON(cmd.OutOrStdout(), one)
	case "markdown":
		return one.write(plainOut(cmd), markdown{})
	}
	return one.write(plainOut(cmd), plainText{})
}

// showText writes a spec as its author wrote it.
func showText(w io.Writer, f *found) error {
	if f.bundle != nil {
		return usageError{fmt.Errorf("%s is a bundle, which has no YAML in it", f.name)}
	}
	_, err := w.Write(f.text)
	return err
}

// bundleOrPlan is the bundle of a spec, without an object where there is no compiler.
func (m *maker) bundleOrPlan(ctx context.Context, f *found) (*plan.Bundle, error) {
	b, err := m.bundle(ctx, f)
	if !errors.Is(err, clang.ErrNoClang) {
		return b, err
	}
	p, _, err := m.check(f)
	return &plan.Bundle{Plan: p}, err
}

func pageOf(f *found, b *plan.Bundle) *page {
	p := b.Plan
	one := &page{Name: p.Name, Description: p.Description, File: f.name, Kernel: p.Kernel, RecordBytes: p.Record.Size, OwnC: p.C != nil,
		Params: []paramJSON{}, Columns: []columnJSON{}, Maps: []mapJSON{}, Capabilities: runtime.Rights(p), Needs: needs(p)}
	for _, q := range params(f) {
		one.Params = append(one.Params, paramJSON{"--" + strings.ReplaceAll(q.Name, "_", "-"), q.Type, q.Default, q.Help})
	}
	help := map[string]string{}
	if f.bundle == nil {
		doc := f.document()
		fields := slices.Clone(doc.Fields)
		for _, probe := range doc.Probes {
			fields = append(fields, probe.Fields...)
		}
		for _, field := range fields {
			if help[field.Name.Value] == "" {
				help[field.Name.Value] = field.Help.Value
			}
		}
	}
	for _, c := range p.Record.Fields {
		one.Columns = append(one.Columns, columnJSON{c.Name, typeOf(c.Type), shownAs(p, c.Type), help[c.Name]})
	}
	for i := range p.Maps {
		row := mapJSON{Name: p.Maps[i].Name, Type: string(p.Maps[i].Type), Entries: p.Maps[i].Entries}
		if size, err := runtime.MapBytes(&p.Maps[i]); err == nil {
			row.Bytes = size
		}
		one.Maps = append(one.Maps, row)
	}
	if counts, err := gen.Instructions(b); err == nil {
		for _, probe := range p.Probes {
			for _, a := range probe.Alternatives {
				one.Programs = append(one.Programs, programLength{a.Program, strings.TrimSuffix(string(a.Kind)+":"+a.Target, ":"), counts[a.Program]})
			}
		}
	}
	return one
}

// typeOf is a column's type in the language's words.
func typeOf(t plan.Type) string {
	switch t.Kind {
	case plan.Int:
		return fmt.Sprintf("%c%d", map[bool]rune{true: 's', false: 'u'}[t.Signed], 8*t.Size)
	case plan.String, plan.Bytes:
		return fmt.Sprintf("%s(%d)", t.Kind, t.Size)
	case plan.Float:
		return "number"
	case plan.Hist:
		return "histogram"
	}
	return string(t.Kind)
}

// meanings says how a number is written, by what it means.
var meanings = map[plan.Meaning]string{
	plan.Hex: "hexadecimal", plan.Time: "wall-clock time", plan.Duration: "a duration (ns)", plan.ByteSize: "bytes", plan.Port: "a port",
	plan.Errno: "an error's name when negative", plan.Symbol: "a kernel symbol", plan.Syscall: "a system call's name", plan.Signal: "a signal's name",
	plan.Mode: "permissions, as ls writes them", plan.Device: "major:minor", plan.Text: "text",
}

func shownAs(p *plan.Plan, t plan.Type) string {
	if t.Enum > 0 {
		return "names of " + p.Enums[t.Enum-1].Name
	}
	return meanings[t.Meaning]
}

// kindNeeds says since which version of Linux a kind of attachment is there, and what
// configures it; all are older than the oldest kernel that is supported.
var kindNeeds = map[plan.AttachKind]string{
	plan.Kprobe: "kprobes", plan.Kretprobe: "kprobes",
	plan.Fentry: "trampolines (5.5)", plan.Fexit: "trampolines (5.5)",
	plan.RawTracepoint: "raw tracepoints (4.17)", plan.Tracepoint: "tracepoints, and tracefs to number them",
	plan.Iterator: "iterators (5.8)", plan.Uprobe: "uprobes", plan.Uretprobe: "uprobes", plan.USDT: "uprobes",
	plan.Hardware: "counters of the CPU",
}

// needs lists what a kernel has to have, each once.
func needs(p *plan.Plan) []string {
	list := []string{"Linux 5.10 with BTF"}
	if p.Channel.Kind == plan.Ringbuf {
		list = append(list, "the ring buffer (5.8)")
	}
	seen := map[string]bool{}
	for _, probe := range p.Probes {
		var any []string
		for _, a := range probe.Alternatives {
			if need := kindNeeds[a.Kind]; need != "" {
				any = append(any, need)
			}
		}
		if text := strings.Join(any, ", or "); text != "" && !seen[text] {
			seen[text] = true
			list = append(list, text)
		}
	}
	return list
}

// choices asks of each alternative of each probe whether this kernel attaches it.
func (p *page) choices(from *plan.Plan, btf string) {
	s, err := (&probesOptions{btf: btf}).source()
	for _, probe := range from.Probes {
		for _, a := range probe.Alternatives {
			as := strings.TrimSuffix(string(a.Kind)+":"+a.Target, ":")
			row := probeChoice{Probe: probe.Name, As: as}
			if err == nil {
				row.Attaches, row.Why = verdict(s, as)
			}
			p.Probes = append(p.Probes, row)
		}
		for _, why := range probe.Refused {
			no := false
			as, why, _ := strings.Cut(why, ": ")
			p.Probes = append(p.Probes, probeChoice{probe.Name, as, &no, why})
		}
	}
}

// verdict looks one probe up in the listing; nil where it is not known.
func verdict(s listing.Source, name string) (*bool, string) {
	list, err := listing.List(s, name)
	if err != nil || len(list.Probes) == 0 || list.Probes[0].State == listing.Unknown {
		return nil, ""
	}
	attaches := list.Probes[0].State == listing.Attaches
	if attaches {
		return &attaches, ""
	}
	return &attaches, list.Probes[0].Why
}

// style is how a page is written.
type style interface {
	title(w io.Writer, name, description string)
	section(w io.Writer, name string, head []string, rows [][]string) error
}

// write writes a page; sections without rows are left out.
func (p *page) write(w io.Writer, s style) error {
	b := bufio.NewWriter(w)
	s.title(b, p.Name, p.Description)
	var rows [][]string
	section := func(name string, head ...string) error {
		defer func() { rows = nil }()
		if len(rows) == 0 {
			return nil
		}
		return s.section(b, name, head, rows)
	}
	for _, q := range p.Params {
		text := q.Help
		if q.Default != "" {
			text += " (default " + q.Default + ")"
		}
		rows = append(rows, []string{q.Flag, q.Type, strings.TrimSpace(text)})
	}
	err := section("Parameters", "flag", "type", "meaning")
	for _, c := range p.Columns {
		rows = append(rows, []string{c.Name, c.Type, strings.Trim(c.Unit+"; "+c.Help, "; ")})
	}
	err = errors.Join(err, section("Columns", "column", "type", "shown as"))
	for _, c := range p.Probes {
		state := "not known"
		switch {
		case c.Attaches != nil && *c.Attaches:
			state = "attaches"
		case c.Attaches != nil:
			state = "no: " + c.Why
		}
		rows = append(rows, []string{c.As, state})
	}
	err = errors.Join(err, section("Probes, the first that attaches is taken", "probe", "on this kernel"))
	for _, n := range p.Needs {
		rows = append(rows, []string{"kernel", n})
	}
	rows = append(rows, []string{"rights", strings.Join(p.Capabilities, ", ")})
	err = errors.Join(err, section("Needs", "of", "what"))
	for _, m := range p.Maps {
		rows = append(rows, []string{m.Name, m.Type, fmt.Sprintf("%d entries", m.Entries), fmt.Sprintf("%d bytes", m.Bytes)})
	}
	err = errors.Join(err, section("Maps", "map", "type", "room", "memory"))
	rows = append(rows, []string{"record", fmt.Sprintf("%d bytes", p.RecordBytes)})
	for _, one := range p.Programs {
		rows = append(rows, []string{one.Name, fmt.Sprintf("%d instructions", one.Instructions), one.Probe})
	}
	if p.OwnC {
		rows = append(rows, []string{"c", "it has C of its own"})
	}
	err = errors.Join(err, section("Size", "what", "size", "at"))
	rows = append(rows, []string{"file", p.File}, []string{"checked against", p.Kernel})
	return errors.Join(err, section("Source", "what", "where"), b.Flush())
}

type plainText struct{}

func (plainText) title(w io.Writer, name, description string) {
	if description = strings.TrimSpace(description); description != "" {
		name += ": " + description
	}
	fmt.Fprintln(w, name)
}

func (plainText) section(w io.Writer, name string, _ []string, rows [][]string) error {
	fmt.Fprintf(w, "\n%s\n", name)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		fmt.Fprintf(t, "  %s\n", strings.TrimRight(strings.Join(row, "\t"), "\t"))
	}
	return t.Flush()
}

type markdown struct{}

func (markdown) title(w io.Writer, name, description string) {
	fmt.Fprintf(w, "# %s\n\n%s\n", noHTML(name), noHTML(strings.TrimSpace(description)))
}

func (markdown) section(w io.Writer, name string, head []string, rows [][]string) error {
	fmt.Fprintf(w, "\n## %s\n\n| %s |\n|%s\n", name, strings.Join(head, " | "), strings.Repeat(" --- |", len(head)))
	for _, row := range rows {
		for i := range row {
			row[i] = noHTML(strings.NewReplacer("|", `\|`, "\n", " ").Replace(row[i]))
		}
		if _, err := fmt.Fprintf(w, "| %s |\n", strings.Join(row, " | ")); err != nil {
			return err
		}
	}
	return nil
}

// noHTML writes text in Markdown so that no HTML comes of it. In `code` on one line there is
// none, and characters stand for themselves; where that is not plainly so, they do nowhere.
func noHTML(text string) string {
	escape := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace
	parts := strings.Split(text, "`")
	if strings.ContainsAny(text, "\\\n") || strings.Contains(text, "``") || len(parts)%2 == 0 {
		return escape(text)
	}
	for i := 0; i < len(parts); i += 2 {
		parts[i] = escape(parts[i])
	}
	return strings.Join(parts, "`")
}
