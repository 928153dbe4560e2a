package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ebgen/ebgen/spec/draft"
	"github.com/ebgen/ebgen/spec/listing"
	"github.com/ebgen/ebgen/spec/probe"
)

type newOptions struct {
	draft.Options
	file  string
	force bool
	btf   string
}

func newNew() *cobra.Command {
	o := new(newOptions)
	cmd := &cobra.Command{
		Use:   "new NAME --probe PROBE",
		Short: "Write a spec to start from, for a probe",
		Long: `Writes a spec that runs as it is: its fields are the probe's arguments, shown as
what they mean, with a parameter and a filter. --span follows a function or a
system call to its return, --count and --hist make a table.`,
		Example: `  ebgen new reads --probe function:vfs_read -o reads.yaml
  ebgen new slow --probe syscall:fsync --span
  ebgen new sizes --probe syscall:write --hist count`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Name = args[0]
			return writeNew(cmd.OutOrStdout(), o)
		},
	}
	cmd.Flags().StringVarP(&o.Probe, "probe", "p", "", "the `PROBE`, as ebgen probes spells it")
	cmd.Flags().BoolVar(&o.Span, "span", false, "from the start to the return, with the time between")
	cmd.Flags().BoolVar(&o.Count, "count", false, "a table of how often, in place of a record each")
	cmd.Flags().StringVar(&o.Hist, "hist", "", "a table with the distribution of a `FIELD` or argument")
	cmd.Flags().StringVarP(&o.file, "output", "o", "", "write to `FILE`, which must not be there yet")
	cmd.Flags().BoolVar(&o.force, "force", false, "write to FILE also where it is there")
	cmd.Flags().StringVar(&o.btf, "btf", "", "`FILE` with the types of the kernel to write for")
	return cmd
}

func writeNew(w io.Writer, o *newOptions) error {
	if o.Probe == "" {
		return usageError{errors.New("new wants to know what to trace: --probe PROBE, as ebgen probes lists them")}
	}
	s, err := (&probesOptions{btf: o.btf}).source()
	if err != nil {
		return err
	}
	if word, _, _ := strings.Cut(o.Probe, ":"); !knownKind(word) {
		if list, err := listing.List(s, o.Probe); err == nil && len(list.Probes) > 0 {
			return usageError{fmt.Errorf("%s does not say which kind of probe: write --probe %s", o.Probe, list.Probes[0].Name)}
		}
	}
	text, err := draft.Write(s, o.Options)
	if err != nil {
		var wrong *probe.Misspelled
		if errors.As(err, &wrong) && wrong.Hint != "" {
			err = fmt.Errorf("%w\nhint: %s", err, wrong.Hint)
		}
		return usageError{withHint(err)}
	}
	if o.file == "" {
		_, err := io.WriteString(w, text)
		return err
	}
	if _, err := os.Lstat(o.file); err == nil && !o.force {
		return usageError{fmt.Errorf("%s is there already: --force writes over it", o.file)}
	}
	return writeFile(filepath.Clean(o.file), []byte(text), 0o644)
}

// knownKind reports whether a word begins probes of some kind.
func knownKind(word string) bool {
	for _, k := range listing.Kinds() {
		if k[0] == word {
			return true
		}
	}
	return false
}
