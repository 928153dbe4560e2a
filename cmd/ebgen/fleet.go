package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/ebgen/ebgen/gen"
	"github.com/ebgen/ebgen/gen/clang"
	"github.com/ebgen/ebgen/spec"
	"github.com/ebgen/ebgen/spec/check"
	"github.com/ebgen/ebgen/spec/fit"
	"github.com/ebgen/ebgen/spec/ktype"
	"github.com/ebgen/ebgen/spec/plan"
	"github.com/ebgen/ebgen/spec/source"
)

// outcome is what a kernel makes of a spec.
type outcome string

const (
	loads    outcome = "ok"    // with the probes that the spec would rather have
	through  outcome = "other" // with another alternative for at least one probe
	unloaded outcome = "fails"
	untold   outcome = "unknown" // its types do not tell
)

// cell is one spec on one kernel.
type cell struct {
	Kernel   string    `json:"kernel"`
	Outcome  outcome   `json:"outcome"`
	Probes   []chosen  `json:"probes,omitempty"`  // what is attached; of a spec that fails, none
	Columns  []string  `json:"columns,omitempty"` // that are of another type than on the newest kernel, and how
	Errors   []mistake `json:"errors,omitempty"`
	Warnings []mistake `json:"warnings,omitempty"`

	plan  *plan.Plan
	diags *source.Diagnostics
}

// chosen is one probe of a spec and what comes of it on a kernel.
type chosen struct {
	Probe   string   `json:"probe"` // as the spec spells it
	Line    int      `json:"line"`
	Through string   `json:"through"`            // the alternative that is taken first
	Passed  []string `json:"left_out,omitempty"` // those that cannot be, and why
	other   bool     // whether one of these would be taken before Through
}

// mistake is a diagnostic for programs.
type mistake struct {
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}

// row is one spec on all kernels, the newest first.
type row struct {
	Spec    string  `json:"spec"`
	Kernels []*cell `json:"kernels"`
}

// checkFleet checks every spec against the types in every file, or this kernel's when
// there is none.
func checkFleet(cmd *cobra.Command, o *checkOptions, paths []string, specs []*found) error {
	rows, err := checkRows(cmd.Context(), paths, specs, nil)
	if err != nil {
		return err
	}
	if o.format == "json" {
		err = writeJSON(cmd.OutOrStdout(), rows)
	} else {
		err = writeFleet(plainOut(cmd), cmd.ErrOrStderr(), rows)
	}
	if err == nil && slices.ContainsFunc(rows, row.failed) {
		err = errSpec
	}
	return err
}

// failed reports whether a kernel does not load the spec.
func (r row) failed() bool {
	return slices.ContainsFunc(r.Kernels, func(c *cell) bool { return c.Outcome == unloaded })
}

// checkRows does so, and hands each cell to visit, unless that is nil, while the kernel is
// open: one at a time is, a fleet may have a hundred.
func checkRows(ctx context.Context, paths []string, specs []*found, visit func(spec int, c *cell, k *ktype.Kernel) error) ([]row, error) {
	rows := make([]row, len(specs))
	for i, f := range specs {
		rows[i].Spec = f.name
	}
	if len(paths) == 0 {
		paths = []string{""}
	}
	for _, path := range paths {
		k, err := (&maker{btf: path}).kernel()
		if err != nil {
			return nil, err
		}
		for i, f := range specs {
			c, err := checkCell(ctx, f, k)
			if err != nil {
				return nil, err
			}
			rows[i].Kernels = append(rows[i].Kernels, c)
			if visit == nil {
				continue
			}
			if err := visit(i, c, k); err != nil {
				return nil, err
			}
		}
	}
	for i := range rows {
		slices.SortStableFunc(rows[i].Kernels, func(x, y *cell) int { return ktype.CompareReleases(y.Kernel, x.Kernel) })
		compareColumns(rows[i].Kernels)
	}
	return rows, nil
}

// checkCell checks a spec against one kernel, for the architecture that it is of, and has
// clang compile one that has C of its own.
func checkCell(ctx context.Context, f *found, k *ktype.Kernel) (*cell, error) {
	doc, diags := spec.Parse(f.name, f.text)
	p, diags := check.Check(doc, diags, k, check.Options{Arch: k.Arch(), Lint: true})
	if p != nil && p.C != nil {
		var rejected *gen.Rejected
		switch _, err := gen.Build(ctx, p, f.text, gen.Options{Arch: k.Arch()}); {
		case errors.Is(err, clang.ErrNoClang):
			diags.Warnf(doc.C.Span(), "the spec's own C is not checked: %v", err)
		case errors.As(err, &rejected):
			p = nil
			for _, one := range rejected.Diagnostics.All() {
				diags.Add(one)
			}
		case err != nil:
			return nil, err
		}
	}
	c := &cell{Kernel: k.Release(), Outcome: loads, plan: p, diags: diags}
	c.Errors, c.Warnings = mistakes(diags)
	if p == nil {
		c.Outcome = unloaded
		if !slices.ContainsFunc(diags.All(), func(d source.Diagnostic) bool { return d.Severity == source.Error && !d.Untold }) {
			c.Outcome = untold
		}
		return c, nil
	}
	for i := range p.Probes {
		one := &p.Probes[i]
		a := chosen{Probe: one.Name, Line: one.Line, Passed: one.Refused, other: one.Passed > 0}
		if len(one.Alternatives) > 0 {
			a.Through = spell(&one.Alternatives[0])
		} else {
			a.Through, a.other = "none", true
		}
		if a.other {
			c.Outcome = through
		}
		c.Probes = append(c.Probes, a)
	}
	return c, nil
}

// mistakes are diagnostics for programs.
func mistakes(diags *source.Diagnostics) (errors, warnings []mistake) {
	for _, d := range diags.All() {
		at := diags.File.Position(d.Span.Start)
		one := mistake{at.Line, at.Column, d.Message, d.Hint}
		if d.Severity == source.Warning {
			warnings = append(warnings, one)
		} else {
			errors = append(errors, one)
		}
	}
	return errors, warnings
}

// spell is an attachment as a spec names it.
func spell(a *plan.Attachment) string {
	if a.Target == "" {
		return string(a.Kind)
	}
	return string(a.Kind) + ":" + a.Target
}

// compareColumns says of which columns the newest kernel that loads a spec has other
// types than each of the others: what reads its output meets both.
func compareColumns(cells []*cell) {
	at := slices.IndexFunc(cells, func(c *cell) bool { return c.plan != nil })
	if at < 0 {
		return
	}
	for _, c := range cells[at+1:] {
		if c.plan != nil {
			c.Columns = fit.Columns(c.plan, cells[at].plan)
		}
	}
}

// number is how a release begins.
var number = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^\d+(\.\d+)*`) })

// headings are the kernels over the columns of a matrix: the number of each release where
// no other kernel has the same, else all of it.
func headings(cells []*cell) []string {
	short := make([]string, len(cells))
	times := map[string]int{}
	for i, c := range cells {
		short[i] = number().FindString(c.Kernel)
		times[short[i]]++
	}
	for i, c := range cells {
		if times[short[i]] > 1 || short[i] == "" {
			short[i] = c.Kernel
		}
	}
	return short
}

// matrixWidth is that of a terminal; a matrix that is wider comes in several.
const matrixWidth = 80

// writeFleet writes a matrix of specs and kernels and, below it, what is attached in place
// of what. What is wrong goes to stderr, once for all kernels that say the same.
func writeFleet(w, stderr io.Writer, rows []row) error {
	names := headings(rows[0].Kernels)
	first := 0
	for _, r := range rows {
		first = max(first, len(r.Spec)+2)
	}
	for from := 0; from < len(names); {
		to, width := from, first
		for to < len(names) && (to == from || width+len(names[to]) <= matrixWidth) {
			width += max(len(names[to]), len(untold)) + 2
			to++
		}
		if from > 0 {
			fmt.Fprintln(w)
		}
		t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		fmt.Fprintf(t, "SPEC\t%s\n", strings.Join(names[from:to], "\t"))
		for _, r := range rows {
			line := []string{r.Spec}
			for _, c := range r.Kernels[from:to] {
				line = append(line, string(c.Outcome))
			}
			fmt.Fprintln(t, strings.Join(line, "\t"))
		}
		if err := t.Flush(); err != nil {
			return err
		}
		from = to
	}
	for _, r := range rows {
		for _, line := range remarks(r) {
			fmt.Fprintln(w, line)
		}
		if err := complainOnce(stderr, r); err != nil {
			return err
		}
	}
	return nil
}

// remarks tells of a spec on which kernels it is another probe that is attached, and where
// columns are of other types.
func remarks(r row) []string {
	var lines gathered
	for _, c := range r.Kernels {
		for _, p := range c.Probes {
			if p.other {
				lines.add(c.Kernel, fmt.Sprintf("%s:%d: through %s; %s", r.Spec, p.Line, p.Through, strings.Join(p.Passed, "; ")))
			}
		}
	}
	for _, c := range r.Kernels {
		for _, one := range c.Columns {
			lines.add(c.Kernel, fmt.Sprintf("%s: %s", r.Spec, one))
		}
	}
	var out []string
	for _, l := range lines.list {
		out = append(out, l.text+" (Linux "+strings.Join(l.kernels, ", ")+")")
	}
	return out
}

// complainOnce prints the diagnostics of a spec, those that several kernels share once.
func complainOnce(w io.Writer, r row) error {
	var said gathered
	ones := map[string]source.Diagnostic{}
	all := &source.Diagnostics{}
	for _, c := range r.Kernels {
		all.File = c.diags.File
		for _, d := range c.diags.All() {
			key := fmt.Sprintf("%d %d %s %s", d.Span.Start, d.Span.End, strings.ReplaceAll(d.Message, c.Kernel, "RELEASE"), d.Hint)
			if _, ok := ones[key]; !ok {
				ones[key] = d
			}
			said.add(c.Kernel, key)
		}
	}
	for _, l := range said.list {
		d := ones[l.text]
		if len(l.kernels) < len(r.Kernels) {
			d.Notes = append(slices.Clone(d.Notes), "on Linux "+strings.Join(l.kernels, ", "))
		}
		all.Add(d)
	}
	return all.Print(w)
}

// gathered is texts in the order of their first use, each with the kernels it is said of.
type gathered struct{ list []said }

type said struct {
	text    string
	kernels []string
}

func (g *gathered) add(kernel, text string) {
	text = strings.ReplaceAll(text, "kernel "+kernel+" ", "the kernel ")
	i := slices.IndexFunc(g.list, func(s said) bool { return s.text == text })
	if i < 0 {
		g.list = append(g.list, said{text: text, kernels: []string{kernel}})
		return
	}
	g.list[i].kernels = append(g.list[i].kernels, kernel)
}
