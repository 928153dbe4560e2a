package main

import (
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/ebgen/ebgen/runtime/tool"
)

func newReplay() *cobra.Command {
	o := new(tool.ReplayOptions)
	cmd := &cobra.Command{
		Use:   "replay FILE",
		Short: "Render what a run has recorded",
		Long: `Renders a recording, which run --record has made, in any format, as often as is
wanted: on any machine, without rights, without the spec. - is standard input.
Of a recording that is cut short it renders what there is.`,
		Example: `  sudo ebgen run tcpretrans --record incident.rec
  ebgen replay incident.rec -o json --columns time,flow
  zstd -dc incident.rec.zst | ebgen replay -`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.ListsFormats() {
				return tool.ListFormats(cmd.OutOrStdout())
			}
			in, name := io.Reader(cmd.InOrStdin()), "standard input"
			if args[0] != "-" {
				f, err := os.Open(args[0])
				if err != nil {
					return usageError{err}
				}
				defer f.Close()
				in, name = f, args[0]
			}
			return tool.Replay(cmd.Context(), in, name, o, tool.Streams{Out: cmd.OutOrStdout(), Err: cmd.ErrOrStderr()})
		},
	}
	o.Flags(cmd.Flags())
	completeFormat(cmd)
	return cmd
}
