package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/ebgen/ebgen/spec"
	"github.com/ebgen/ebgen/specs"
)

func newList() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the built-in catalogue of specs",
		Example: `  ebgen list
  ebgen run tcpretrans --help              one spec's parameters
  ebgen list | grep net/`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			for _, path := range specs.Paths() {
				_, text, _ := specs.Find(specs.Name(path))
				doc, _ := spec.Parse(path, text)
				if _, err := fmt.Fprintf(cmd.OutOrStdout(), "%-28s %s\n", path, doc.Description.Value); err != nil {
					return err
				}
			}
			return nil
		},
	}
}
