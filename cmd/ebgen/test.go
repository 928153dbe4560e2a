package main

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/ebgen/ebgen/example"
	"github.com/ebgen/ebgen/runtime/recording"
	"github.com/ebgen/ebgen/spec"
	"github.com/ebgen/ebgen/spec/ktype"
	"github.com/ebgen/ebgen/spec/source"
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

// trial is one example and what became of it, for programs.
type trial struct {
	Example  string          `json:"example"`
	Outcome  example.Outcome `json:"outcome"`
	Kernel   string          `json:"kernel,omitempty"` // whose types it was held against
	Samples  int             `json:"samples,omitempty"`
	Diff     string          `json:"diff,omitempty"`
	Error    string          `json:"error,omitempty"`
	Errors   []mistake       `json:"errors,omitempty"`
	Warnings []mistake       `json:"warnings,omitempty"`

	diags *source.Diagnostics // nil when it was not held against any
}

// newTrial concludes a trial, and writes the example where that is wanted.
func newTrial(t *example.Trial) (*trial, error) {
	outcome, text, err := t.Conclude()
	if err == nil && outcome == example.Written {
		err = writeFile(t.Name, text, 0o644)
	}
	if err != nil {
		return nil, err
	}
	one := &trial{Example: t.Name, Outcome: outcome, Kernel: t.Kernel}
	if t.Err != nil {
		one.Error = t.Err.Error()
	}
	if r := t.Result; r != nil {
		one.Samples, one.diags = r.Samples, r.Diags
		one.Errors, one.Warnings = mistakes(r.Diags)
		if outcome == example.Differs {
			one.Diff = r.Diff
		}
	}
	return one, nil
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
	rows, err := checkRows(cmd.Context(), paths, specs, func(i int, c *cell, k *ktype.Kernel) error {
		if c.plan == nil {
			return nil
		}
		doc, _ := spec.Parse(specs[i].name, specs[i].text)
		for _, t := range trials[i] {
			t.Hold(doc, c.plan, k)
		}
		return nil
	})
	if err != nil {
		return err
	}
	failed, count := 0, 0
	all := make([]tested, len(rows))
	for i, r := range rows {
		all[i].row = r
		for _, t := range trials[i] {
			one, err := newTrial(t)
			if err != nil {
				return err
			}
			all[i].Examples = append(all[i].Examples, one)
			count++
			if !one.Outcome.Passes() {
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

// trials opens the examples of each spec, or makes the one that is to be made.
func (o *testOptions) trials(specs []*found) ([][]*example.Trial, error) {
	all := make([][]*example.Trial, len(specs))
	if o.add != "" {
		if len(specs) != 1 || o.samples < 1 {
			return nil, usageError{errors.New("--add makes an example of one spec, of at least one sample")}
		}
		t, err := o.made(specs[0].name)
		if err != nil {
			return nil, err
		}
		all[0] = []*example.Trial{t}
		return all, nil
	}
	for i, f := range specs {
		names, err := example.Beside(f.name)
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			all[i] = append(all[i], example.Open(name, o.update))
		}
	}
	return all, nil
}

// made is the example that --add makes.
func (o *testOptions) made(path string) (*example.Trial, error) {
	in, err := os.Open(o.add)
	if err != nil {
		return nil, usageError{err}
	}
	defer in.Close()
	r, err := recording.Open(in)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", o.add, err)
	}
	e, err := example.Record(example.NameFor(path, o.as), r, o.samples)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", o.add, err)
	}
	return example.New(e), nil
}

// writeTests writes the matrix of specs and kernels, then a line for each example, with the
// difference of its rows. What is wrong with specs and examples goes to standard error.
func writeTests(cmd *cobra.Command, rows []row, all []tested) error {
	out, stderr := plainOut(cmd), cmd.ErrOrStderr()
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
			if t.diags == nil {
				continue
			}
			if err := t.diags.Print(stderr); err != nil {
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
