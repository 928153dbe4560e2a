package main

import (
	"path"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ebgen/ebgen/runtime/sink"
	"github.com/ebgen/ebgen/spec/plain"
)

// completeSpec completes the name of a spec, or of a file.
func completeSpec(_ *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return specNames(prefix), cobra.ShellCompDirectiveDefault
}

// specNames lists the names of specs that begin alike, each with what it answers.
func specNames(prefix string) (names []string) {
	for _, one := range allSpecs() {
		for _, name := range []string{path.Base(one.title), one.title} {
			if strings.HasPrefix(name, prefix) {
				names = append(names, plain.Text(name)+"\t"+plain.Text(one.description))
				break
			}
		}
	}
	return names
}

// completeRun completes the command line of run, whose flags depend on the spec: its name,
// then its parameters and the flags of every tracer, and the formats of -o.
func completeRun(cmd *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 && (args[len(args)-1] == "-o" || args[len(args)-1] == "--output") {
		return formats("", prefix), cobra.ShellCompDirectiveNoFileComp
	}
	if given, ok := strings.CutPrefix(prefix, "--output="); ok {
		return formats("--output=", given), cobra.ShellCompDirectiveNoFileComp
	}
	argument, _, err := specArgument(args)
	if err != nil {
		argument = ""
	}
	switch {
	case strings.HasPrefix(prefix, "-"):
		return runFlags(cmd, argument, prefix), cobra.ShellCompDirectiveNoFileComp
	case argument == "":
		return specNames(prefix), cobra.ShellCompDirectiveDefault
	}
	return nil, cobra.ShellCompDirectiveNoFileComp
}

// completeFormat completes the flag -o of a command.
func completeFormat(cmd *cobra.Command) {
	err := cmd.RegisterFlagCompletionFunc("output", func(_ *cobra.Command, _ []string, prefix string) ([]string, cobra.ShellCompDirective) {
		return formats("", prefix), cobra.ShellCompDirectiveNoFileComp
	})
	if err != nil {
		panic(err) // the command has no such flag
	}
}

// formats lists the output formats that begin alike, behind what stands before them.
func formats(before, prefix string) (names []string) {
	for _, f := range sink.Formats {
		if strings.HasPrefix(f.Name, prefix) {
			names = append(names, before+f.Name+"\t"+f.Help)
		}
	}
	return names
}

// runFlags lists the flags that begin alike: of a spec, of run.
func runFlags(cmd *cobra.Command, argument, prefix string) (names []string) {
	add := func(flag, help string) {
		if strings.HasPrefix(flag, prefix) {
			names = append(names, plain.Text(flag)+"\t"+plain.Text(help))
		}
	}
	if argument != "" && argument != "-" {
		if f, err := find(cmd.Context(), argument, cmd.InOrStdin()); err == nil {
			for _, p := range params(f) {
				add("--"+strings.ReplaceAll(p.Name, "_", "-"), p.Help)
			}
		}
	}
	o, set := new(runOptions), pflag.NewFlagSet("run", pflag.ContinueOnError)
	o.Flags(set)
	o.flags(set)
	set.VisitAll(func(f *pflag.Flag) { add("--"+f.Name, f.Usage) })
	return names
}
