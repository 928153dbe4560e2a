package main

import (
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

func newMan() *cobra.Command {
	return &cobra.Command{
		Use:   "man DIR",
		Short: "Write the manual pages",
		Long: `Writes a manual page for each command to DIR, which is made when it is not
there: ebgen.1, ebgen-run.1 and so on.`,
		Example: `  sudo ebgen man /usr/local/share/man/man1
  ebgen man man && man -l man/ebgen-run.1
  man ebgen-probes                         once they are installed`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return err
			}
			root := cmd.Root()
			root.DisableAutoGenTag = true // two builds write the same
			return doc.GenManTree(root, &doc.GenManHeader{Title: "EBGEN", Section: "1", Source: "ebgen"}, args[0])
		},
	}
}
