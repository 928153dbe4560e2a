package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
)

type runOptions struct {
	kernels []string
	modules []string
	copies  []string
	outs    []string
	append  string
	memory  string
	timeout time.Duration
	verbose bool
}

func newRunCommand() *cobra.Command {
	var o runOptions
	c := &cobra.Command{
		Use:   "run [flags] -- PROGRAM [ARG]...",
		Short: "Run a program as root in a guest",
		Long: `Boot a kernel, run PROGRAM as root in this working directory, and end with its
exit status. Output comes live and apart. A PROGRAM with a slash is copied from
this machine with its libraries; one without is the guest's own: busybox, whose
shell prefers its applets, or a --copy.

The folder testdata of the working directory comes along. EBGEN_* variables are
passed on; EBGEN_VM is the kernel's release. A test's -coverprofile comes back.

Kernels: ` + seriesNames() + `, or the beginning of a release.
For one of another architecture vm runs beside an executable of itself that is
built for it, vm-ARCH, and PROGRAM is static.

Exit status: the program's own, 128+N if signal N killed it, 124 after a
time-out, 125 if the guest panicked or did not start; with several kernels, the
largest.`,
		Example: `  CGO_ENABLED=0 go test -exec "$PWD/bin/vm run --kernel 6.1 --" ./runtime/...
  vm run --kernel all -- uname -r
  vm run --kernel 5.10 --append lsm=lockdown,yama,bpf -- ./lsm.test -test.v
  vm run --copy /sbin/tc --modules netem -- tc qdisc add dev lo root netem`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usageError(errors.New("no program to run"))
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			return runRun(c.Context(), o, args, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	f := c.Flags()
	f.SetInterspersed(false)
	f.StringSliceVar(&o.kernels, "kernel", []string{"6.12"}, "kernels to boot, or all")
	f.StringSliceVar(&o.modules, "modules", nil, "modules to load: NAME[:PARAM=VALUE]...")
	f.StringArrayVar(&o.copies, "copy", nil, "file or folder to take along: HOST[:GUEST]")
	f.StringArrayVar(&o.outs, "out", nil, "file to bring back: GUEST[:HOST]")
	f.StringVar(&o.append, "append", "", "kernel parameters to add")
	f.StringVar(&o.memory, "memory", "1G", "the guest's memory")
	f.DurationVar(&o.timeout, "timeout", 2*time.Minute, "end each run after so long")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "show the console and the seconds")
	return c
}

func runRun(ctx context.Context, o runOptions, args []string, stdout, stderr io.Writer) error {
	if o.timeout <= 0 {
		return usageError(fmt.Errorf("--timeout %s: it must be positive", o.timeout))
	}
	cache, err := cacheDir()
	if err != nil {
		return err
	}
	kernels, err := selectKernels(cache, o.kernels)
	if err != nil {
		return err
	}
	for _, k := range kernels {
		if err := checkTools(runTools(k.arch)); err != nil {
			return err
		}
	}
	dir, err := os.Getwd()
	if err != nil {
		return err
	}
	if strings.Contains(args[0], "/") {
		if args[0], err = filepath.Abs(args[0]); err != nil {
			return err
		}
	}
	outs := outFiles(dir, o.outs, args)
	var outcomes []outcome
	for _, k := range kernels {
		if len(kernels) > 1 {
			fmt.Fprintf(stderr, "=== kernel %s (%s)\n", k.name, k.release)
		}
		one, err := runOn(ctx, k, o, args, dir, outs, stdout, stderr)
		if err != nil {
			return fmt.Errorf("kernel %s: %w", k.name, err)
		}
		explain(stderr, k, one, o.verbose)
		outcomes = append(outcomes, one)
	}
	if len(kernels) > 1 {
		if err := summarize(stderr, kernels, outcomes); err != nil {
			return err
		}
	}
	status := 0
	for _, one := range outcomes {
		status = max(status, one.status)
	}
	if status != 0 {
		return &exitError{status: status}
	}
	return nil
}

// runOn runs the program on one kernel.
func runOn(ctx context.Context, k kernel, o runOptions, args []string, dir string, outs []outFile, stdout, stderr io.Writer) (outcome, error) {
	j := job{Args: args, Env: guestEnviron(os.Environ(), k), Dir: dir}
	for _, out := range outs {
		j.Out = append(j.Out, out.guest)
	}
	im, err := buildInitramfs(ctx, k, o, j)
	if err != nil {
		return outcome{}, err
	}
	initramfs, err := im.seal()
	if err != nil {
		return outcome{}, err
	}
	defer initramfs.Close()
	m := &machine{
		kernel: k, initramfs: initramfs, append: o.append, memory: o.memory, timeout: o.timeout, verbose: o.verbose,
	}
	return m.run(ctx, stdout, stderr, func(index int, data []byte) error {
		if index >= len(outs) {
			return errDamagedFrame
		}
		return writeFile(outs[index].host, data)
	})
}

// outFile is a file that the program makes in the guest and that is wanted here.
type outFile struct{ guest, host string }

// outFiles reads GUEST[:HOST] and finds the cover profile that `go test` expects of the
// test binary it runs. Relative paths are in dir on both sides.
func outFiles(dir string, outs, args []string) []outFile {
	var files []outFile
	for _, out := range outs {
		guest, host, ok := strings.Cut(out, ":")
		if !ok {
			host = guest
		}
		files = append(files, outFile{inDir(dir, guest), inDir(dir, host)})
	}
	if profile := testFlag(args, "coverprofile"); profile != "" {
		files = append(files, outFile{inDir(dir, profile), inDir(dir, profile)})
	}
	return files
}

// testFlag returns the value of a test binary's flag as `go test` writes it, or "".
func testFlag(args []string, name string) string {
	for _, arg := range args[1:] {
		if value, ok := strings.CutPrefix(arg, "-test."+name+"="); ok {
			return value
		}
	}
	return ""
}

// guestEnviron is the program's environment: ours where it is for ebgen, and what a login
// would set. TZ keeps a C library from looking for /etc/localtime at every call.
func guestEnviron(environ []string, k kernel) []string {
	env := []string{"HOME=/root", "PATH=" + guestPath, "TMPDIR=/tmp", "TZ=UTC0", "USER=root"}
	for _, variable := range environ {
		if strings.HasPrefix(variable, "EBGEN_") && !strings.HasPrefix(variable, "EBGEN_VM") {
			env = append(env, variable)
		}
	}
	return append(env, "EBGEN_VM="+k.release)
}

// explain says in words what a status alone does not: which of the failures it was, and
// what the console has to say about it.
func explain(w io.Writer, k kernel, o outcome, verbose bool) {
	if o.console != "" && !verbose {
		for line := range strings.Lines(o.console) {
			fmt.Fprintf(w, "console: %s\n", strings.TrimSuffix(line, "\n"))
		}
	}
	if o.result != passed && o.result != failed || verbose {
		fmt.Fprintf(w, "vm: kernel %s: %s\n", k.name, o)
	}
}

// String is the result in words, with the seconds it took.
func (o outcome) String() string {
	text := string(o.result)
	if o.detail != "" {
		text += ": " + o.detail
	}
	return fmt.Sprintf("%s (boot %.1fs, all %.1fs)", text, o.boot.Seconds(), o.total.Seconds())
}

func summarize(w io.Writer, kernels []kernel, outcomes []outcome) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintf(t, "\nkernel\trelease\tboot\tseconds\tresult\n")
	for i, k := range kernels {
		o := outcomes[i]
		text := string(o.result)
		if o.detail != "" {
			text += ": " + o.detail
		}
		fmt.Fprintf(t, "%s\t%s\t%.1f\t%.1f\t%s\n", k.name, k.release, o.boot.Seconds(), o.total.Seconds(), text)
	}
	return t.Flush()
}
