package main

import (
	"github.com/spf13/cobra"

	"github.com/ebgen/ebgen/spec"
)

func newSchema() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of specs, for editors",
		Long: `Prints the language as JSON Schema (draft 2020-12). An editor with a YAML
language server completes keys by it, explains them, and flags unknown ones.`,
		Example: `  ebgen schema > ebgen.schema.json
  # yaml-language-server: $schema=ebgen.schema.json   (first line of a spec)
  ebgen schema | jq '.properties | keys'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return writeJSON(cmd.OutOrStdout(), spec.Schema())
		},
	}
}
