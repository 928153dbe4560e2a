package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/ebgen/ebgen/spec"
	"github.com/ebgen/ebgen/spec/plain"
	"github.com/ebgen/ebgen/spec/regular"
	"github.com/ebgen/ebgen/specs"
)

type listOptions struct {
	dir string
}

func newList() *cobra.Command {
	o := new(listOptions)
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the specs that can be run by name",
		Long: `Lists the specs in $EBGEN_PATH and ~/.config/ebgen/specs, then the built-in
catalogue; with --dir those of a directory alone.`,
		Example: `  ebgen list
  ebgen list --dir specs/                  a team's repository
  ebgen list | grep ^net/`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			list := allSpecs()
			if o.dir != "" {
				if _, err := os.Stat(o.dir); err != nil {
					return usageError{err}
				}
				if list = specsBelow(o.dir); len(list) == 0 {
					return usageError{fmt.Errorf("%s holds no .yaml file", o.dir)}
				}
			}
			w := tabwriter.NewWriter(plainOut(cmd), 0, 0, 2, ' ', 0)
			for _, one := range list {
				if _, err := fmt.Fprintf(w, "%s\t%s\n", plain.Text(one.title), plain.Text(one.description)); err != nil {
					return err
				}
			}
			return w.Flush()
		},
	}
	cmd.Flags().StringVar(&o.dir, "dir", "", "list the specs below this `DIR`")
	return cmd
}

// listed is a spec that has a name here.
type listed struct {
	title       string // subject and name: net/tcpretrans
	description string
}

// allSpecs lists what a name can mean, in the order in which it is looked for.
func allSpecs() (list []listed) {
	for _, dir := range searchPath() {
		list = append(list, specsBelow(dir)...)
	}
	for _, path := range specs.Paths() {
		_, text, _ := specs.Find(specs.Title(path))
		list = append(list, titled(specs.Title(path), path, text))
	}
	return list
}

// specsBelow lists the specs of a directory and below; none where it cannot be read.
func specsBelow(dir string) (list []listed) {
	names, err := files(dir)
	if err != nil {
		return nil
	}
	for _, name := range names {
		text, err := regular.Read(name, largestSpec)
		title, relErr := filepath.Rel(dir, name)
		if err == nil && relErr == nil {
			list = append(list, titled(strings.TrimSuffix(title, ".yaml"), name, text))
		}
	}
	return list
}

func titled(title, path string, text []byte) listed {
	doc, _ := spec.Parse(path, text)
	return listed{title, strings.TrimSpace(doc.Description.Value)}
}
