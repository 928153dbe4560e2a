package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ebgen/ebgen/example"
	"github.com/ebgen/ebgen/runtime/recording"
	"github.com/ebgen/ebgen/spec"
	"github.com/ebgen/ebgen/spec/ktype"
)

type testOptions struct {
	btf     []string
	format  string
	update  bool
	add     string
	as      string
	samples int
}

func newTest() *cobra.Command {
	o := new(testOptions)
	cmd := &cobra.Command{
		Use:   "test SPEC|DIR…",
		Short: "Check specs, and what they make of recorded samples",
		Long: `Checks specs as ebgen check does, for this kernel or those of --btf, and their
examples: NAME.example and NAME.CASE.example beside NAME.yaml. An example has
samples of what the kernel delivered, and the rows that are shown of them. They
are rendered by the spec as it is now; where the rows differ, or the samples do
not have what the spec reads now, the status is 1. What filters let through the
kernel alone can tell: a changed one is a warning. Needs no rights.`,
		Example: `  ebgen test specs/                        all of a team's specs, as in CI
  ebgen test specs/ --btf fleet/ -o json   on every kernel of the fleet
  ebgen test mine.yaml --update            the rows are right as they are now
  ebgen test mine.yaml --add mine.rec      an example of what run --record kept`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return testAll(cmd, o, args) },
	}
	flags := cmd.Flags()
	flags.StringSliceVar(&o.btf, "btf", nil, "`FILE` or folder with types of kernels to check against")
	flags.StringVarP(&o.format, "output", "o", "text", "`FORMAT`: text or json")
	flags.BoolVar(&o.update, "update", false, "write the rows that are found into the examples")
	flags.StringVar(&o.add, "add", "", "make an example of a recording, the `FILE` of run --record")
	flags.StringVar(&o.as, "as", "", "with --add: the `CASE` in its name, NAME.CASE.example")
	flags.IntVarP(&o.samples, "samples", "n", 20, "with --add: how many `SAMPLES` it has at most, of a table in each report")
	return cmd
}

// outcomes of an example.
const (
	holds    = "ok"
	written  = "written"  // with its rows as they are found
	differs  = "differs"  // other rows are found
	misfits  = "misfits"  // the samples do not have what the spec reads
	broken   = "broken"   // it cannot be read
	untested = "untested" // no kernel of its architecture loads the spec
)

// trial is one example and what became of it.
type trial struct {
	Example  string    `json:"example"`
	Outcome  string    `json:"outcome"`
	Kernel   string    `json:"kernel,omitempty"` // whose types it was held against
	Samples  int       `json:"samples,omitempty"`
	Diff     string    `json:"diff,omitempty"`
	Error    string    `json:"error,omitempty"`
	Errors   []mistake `json:"errors,omitempty"`
	Warnings []mistake `json:"warnings,omitempty"`

	example *example.Example
	result  *example.Result
	write   bool // what is found is to be written
}

// tested is a spec with its examples.
type tested struct {
	row
	Examples []*trial `json:"examples,omitempty"`
}

func testAll(cmd *cobra.Command, o *testOptions, args []string) error {
	if err := oneOf("-o", o.format, "text", "json"); err != nil {
		return usageError{err}
	}
	specs, err := findAll(cmd, args)
	if err != nil {
		return err
	}
	trials, err := o.trials(specs)
	if err != nil {
		return err
	}
	paths, err := kernelFiles(o.btf)
	if err != nil {
		return err
	}
	rows, err := checkRows(paths, specs, func(i int, c *cell, k *ktype.Kernel) error {
		for _, t := range trials[i] {
			t.hold(specs[i], c, k)
		}
		return nil
	})
	if err != nil {
		return err
	}
	failed, count := 0, 0
	all := make([]tested, len(rows))
	for i, r := range rows {
		all[i] = tested{r, trials[i]}
		for _, t := range trials[i] {
			if err := t.conclude(); err != nil {
				return err
			}
			count++
			if t.Outcome != holds && t.Outcome != written {
				failed++
			}
		}
	}
	if o.format == "json" {
		err = writeJSON(cmd.OutOrStdout(), all)
	} else {
		err = writeTests(cmd, rows, all)
	}
	switch {
	case err != nil:
		return err
	case slices.ContainsFunc(rows, row.failed):
		return errSpec
	case failed > 0:
		return fmt.Errorf("examples that do not hold: %d of %d", failed, count)
	}
	return nil
}

// trials lists the examples of each spec, or the one that is to be made.
func (o *testOptions) trials(specs []*found) ([][]*trial, error) {
	all := make([][]*trial, len(specs))
	if o.add != "" {
		if len(specs) != 1 || o.samples < 1 {
			return nil, usageError{errors.New("--add makes an example of one spec, of at least one sample")}
		}
		t, err := o.made(specs[0])
		if err != nil {
			return nil, err
		}
		all[0] = []*trial{t}
		return all, nil
	}
	for i, f := range specs {
		names, err := examplesOf(f.name)
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			t := &trial{Example: name, Outcome: untested, write: o.update}
			text, err := os.ReadFile(name)
			if err == nil {
				t.example, err = example.Parse(name, text)
			}
			if err != nil {
				t.Outcome, t.Error = broken, err.Error()
			}
			all[i] = append(all[i], t)
		}
	}
	return all, nil
}

// made is the example that --add makes.
func (o *testOptions) made(f *found) (*trial, error) {
	name := strings.TrimSuffix(f.name, ".yaml")
	if o.as != "" {
		name += "." + o.as
	}
	name += example.Extension
	in, err := os.Open(o.add)
	if err != nil {
		return nil, usageError{err}
	}
	defer in.Close()
	r, err := recording.Open(in)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", o.add, err)
	}
	e, err := example.Record(name, r, o.samples)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", o.add, err)
	}
	return &trial{Example: name, Outcome: untested, example: e, write: true}, nil
}

// examplesOf lists the examples beside a spec.
func examplesOf(path string) ([]string, error) {
	dir, stem := filepath.Dir(path), strings.TrimSuffix(filepath.Base(path), ".yaml")
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil // a spec of the catalogue
	}
	if err != nil {
		return nil, err
	}
	var specs, list []string
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), ".yaml"); ok {
			specs = append(specs, name)
		}
	}
	for _, e := range entries {
		if example.Belongs(e.Name(), stem, specs) {
			list = append(list, filepath.Join(dir, e.Name()))
		}
	}
	return list, nil
}

// hold tests an example by a kernel's types: of those that load the spec it is the kernel
// that was recorded, or else the newest.
func (t *trial) hold(f *found, c *cell, k *ktype.Kernel) {
	if t.example == nil || c.plan == nil || k.Arch() != t.example.Arch {
		return
	}
	release := t.example.Release
	if t.Kernel == release || t.Kernel != "" && k.Release() != release && ktype.CompareReleases(k.Release(), t.Kernel) <= 0 {
		return
	}
	doc, _ := spec.Parse(f.name, f.text)
	result, err := t.example.Test(doc, c.plan, k)
	t.Kernel, t.result, t.Error = k.Release(), result, ""
	if err != nil {
		t.Error = err.Error()
	}
}

// conclude says what became of the example, and writes its rows where that is wanted.
func (t *trial) conclude() error {
	switch {
	case t.Error != "":
		t.Outcome = broken
		return nil
	case t.result == nil:
		return nil
	}
	t.Samples = t.result.Samples
	t.Errors, t.Warnings = mistakes(t.result.Diags)
	switch {
	case t.result.Diags.Failed():
		t.Outcome = misfits
	case t.result.Diff == "":
		t.Outcome = holds
	case t.write:
		if err := t.example.Update(t.result); err != nil {
			return err
		}
		t.Outcome = written
		return writeFile(t.Example, t.example.Format(), 0o644)
	default:
		t.Outcome, t.Diff = differs, t.result.Diff
	}
	return nil
}

// writeTests writes the matrix of specs and kernels, then a line for each example, with the
// difference of its rows. What is wrong with specs and examples goes to standard error.
func writeTests(cmd *cobra.Command, rows []row, all []tested) error {
	out, stderr := cmd.OutOrStdout(), cmd.ErrOrStderr()
	if err := writeFleet(out, stderr, rows); err != nil {
		return err
	}
	without := 0
	for _, one := range all {
		if len(one.Examples) == 0 {
			without++
		}
		for _, t := range one.Examples {
			if t.Samples > 0 {
				noun := map[bool]string{true: "sample", false: "samples"}[t.Samples == 1]
				fmt.Fprintf(out, "%s: %s, %d %s on Linux %s\n", t.Example, t.Outcome, t.Samples, noun, t.Kernel)
			} else {
				fmt.Fprintf(out, "%s: %s\n", t.Example, t.Outcome)
			}
			if _, err := fmt.Fprint(out, t.Diff); err != nil {
				return err
			}
			if t.Error != "" {
				fmt.Fprintln(stderr, t.Error)
			}
			if t.result == nil {
				continue
			}
			if err := t.result.Diags.Print(stderr); err != nil {
				return err
			}
		}
	}
	var err error
	if without > 0 {
		_, err = fmt.Fprintf(out, "without an example: %d of %d\n", without, len(all))
	}
	return err
}
