package main

import (
	"context"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
)

// tool is a program that vm runs, and the Debian package that has it.
type tool struct{ program, pkg string }

// runTools is what a run needs. The guest's shell, mount, dd and so on are busybox's.
func runTools(arch string) []tool {
	return []tool{platforms[arch].tool, {"busybox", "busybox-static"}}
}

// fetchTools is what a fetch needs besides what a run after it does.
var fetchTools = []tool{{"apt-get", "apt"}, {"dpkg-deb", "dpkg"}}

// missingPackages returns the packages of the tools that are not in $PATH.
func missingPackages(tools []tool) []string {
	var packages []string
	for _, t := range tools {
		if _, err := exec.LookPath(t.program); err != nil && !slices.Contains(packages, t.pkg) {
			packages = append(packages, t.pkg)
		}
	}
	return packages
}

var installCommand = []string{"apt-get", "install", "--yes", "--no-install-recommends"}

// checkTools says which command installs what is missing.
func checkTools(tools []tool) error {
	if packages := missingPackages(tools); len(packages) > 0 {
		return fmt.Errorf("programs are missing; install them: %s %s", strings.Join(installCommand, " "), strings.Join(packages, " "))
	}
	return nil
}

// installTools installs what is missing, with this machine's own apt-get.
func installTools(ctx context.Context, tools []tool, stderr io.Writer) error {
	packages := missingPackages(tools)
	if len(packages) == 0 {
		return nil
	}
	c := exec.CommandContext(ctx, installCommand[0], append(installCommand[1:], packages...)...)
	c.Stdout, c.Stderr = stderr, stderr
	if err := c.Run(); err != nil {
		return fmt.Errorf("%s %s: %w", strings.Join(installCommand, " "), strings.Join(packages, " "), err)
	}
	return checkTools(tools)
}
