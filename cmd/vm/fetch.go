package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	goruntime "runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/ebgen/ebgen/spec/unpack"
)

type fetchOptions struct {
	kernels []string
	install bool
	update  bool
}

func newFetchCommand() *cobra.Command {
	var o fetchOptions
	c := &cobra.Command{
		Use:   "fetch",
		Short: "Download the matrix of Debian kernels, once",
		Long: `Download and unpack Debian's cloud kernels, those that are not there yet, into
$EBGEN_VM_CACHE or ebgen/vm in the user's cache directory. This machine's
package state is not touched; its mirror and proxy are used.

Kernels: ` + seriesNames() + `.`,
		Example: `  vm fetch
  vm fetch --kernel 6.1 --kernel sid --update
  sudo vm fetch --install`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return runFetch(c.Context(), o, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	c.Flags().StringSliceVar(&o.kernels, "kernel", []string{"all"}, "kernels to get, or all")
	c.Flags().BoolVar(&o.install, "install", false, "install missing programs with apt-get (needs root)")
	c.Flags().BoolVar(&o.update, "update", false, "get again what is there: the suites move")
	return c
}

func noArgs(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError(fmt.Errorf("unexpected argument %q", args[0]))
	}
	return nil
}

func runFetch(ctx context.Context, o fetchOptions, stdout, stderr io.Writer) error {
	wanted, err := selectSeries(o.kernels)
	if err != nil {
		return err
	}
	tools := slices.Clone(fetchTools)
	for _, s := range wanted {
		tools = append(tools, runTools(s.arch)...)
	}
	if o.install {
		err = installTools(ctx, tools, stderr)
	} else {
		err = checkTools(tools)
	}
	if err != nil {
		return err
	}
	cache, err := cacheDir()
	if err != nil {
		return err
	}
	unlock, err := lock(cache)
	if err != nil {
		return err
	}
	defer unlock()
	if err := removeLeftovers(cache); err != nil {
		return err
	}
	for _, s := range wanted {
		began := time.Now()
		k, err := cachedKernel(cache, s)
		if o.update || errors.Is(err, errNotCached) {
			fmt.Fprintf(stderr, "vm: fetching %s from %s\n", s.name, s.suite)
			k, err = fetchKernel(ctx, cache, s)
		}
		if err != nil {
			return err
		}
		fmt.Fprintf(stdout, "%-11s%-28s%6.1fs  %s\n", k.name, k.release, time.Since(began).Seconds(), k.dir)
	}
	return nil
}

func selectSeries(names []string) ([]series, error) {
	var selected []series
	for _, name := range names {
		before := len(selected)
		for _, s := range matrix {
			if s.called(name) {
				selected = append(selected, s)
			}
		}
		if len(selected) == before {
			return nil, usageError(fmt.Errorf("no kernel %q; want %s or all", name, seriesNames()))
		}
	}
	return selected, nil
}

// lock keeps two fetches out of each other's way. A run needs no lock: a kernel's
// directory appears complete.
func lock(cache string) (unlock func(), err error) {
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(cache, ".lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", cache, err)
	}
	return func() { f.Close() }, nil
}

// workPattern names the folders in which kernels are made ready.
const workPattern = ".fetch-*"

// removeLeftovers removes what a killed fetch left behind; the caller holds the lock.
func removeLeftovers(cache string) error {
	dirs, err := filepath.Glob(filepath.Join(cache, workPattern))
	for _, dir := range dirs {
		err = errors.Join(err, os.RemoveAll(dir))
	}
	return err
}

// fetchKernel gets a series' newest kernel and puts it in the place of the one before.
func fetchKernel(ctx context.Context, cache string, s series) (kernel, error) {
	work, err := os.MkdirTemp(cache, workPattern)
	if err != nil {
		return kernel{}, err
	}
	defer os.RemoveAll(work)
	a, err := openApt(ctx, work, s)
	if err != nil {
		return kernel{}, err
	}
	packages, err := a.kernelPackages(ctx)
	if err != nil {
		return kernel{}, fmt.Errorf("kernel %s from Debian's %s: %w", s.name, s.suite, err)
	}
	if s.arch != goruntime.GOARCH {
		packages = append(packages, "busybox-static")
	}
	root := filepath.Join(work, "root")
	if err := a.unpack(ctx, packages, root); err != nil {
		return kernel{}, fmt.Errorf("kernel %s: %w", s.name, err)
	}
	ready := filepath.Join(work, s.name)
	if err := arrange(root, ready); err != nil {
		return kernel{}, fmt.Errorf("kernel %s (%s): %w", s.name, strings.Join(packages, " "), err)
	}
	if err := replaceDir(ready, filepath.Join(cache, s.name), filepath.Join(work, "old")); err != nil {
		return kernel{}, err
	}
	return cachedKernel(cache, s)
}

// replaceDir moves from to its place, and what was there to aside.
func replaceDir(from, place, aside string) error {
	if err := os.Rename(place, aside); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return os.Rename(from, place)
}

// arrange makes a kernel's directory from an unpacked package tree. Modules are in
// /lib up to 6.1 and in /usr/lib since; vmlinuz and config in /boot up to 6.12 and
// beside the modules since.
func arrange(root, dir string) error {
	modules, err := one(root, "lib/modules/*", "usr/lib/modules/*")
	if err != nil {
		return err
	}
	release := filepath.Base(modules)
	image, err := one(root, "boot/vmlinuz-*", "usr/lib/modules/*/vmlinuz")
	if err != nil {
		return err
	}
	config, err := one(root, "boot/config-*", "usr/lib/modules/*/config")
	if err != nil {
		return err
	}
	vmlinux, err := os.ReadFile(image)
	if err != nil {
		return err
	}
	if !unpack.IsImage(vmlinux) {
		if vmlinux, err = unpack.Kernel(vmlinux); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	if err := os.Rename(config, filepath.Join(dir, "config")); err != nil {
		return err
	}
	if err := os.Rename(modules, filepath.Join(dir, "modules")); err != nil {
		return err
	}
	if busybox, err := one(root, "bin/busybox", "usr/bin/busybox"); err == nil {
		if err := os.Rename(busybox, filepath.Join(dir, "busybox")); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "vmlinux"), vmlinux, 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "release"), []byte(release+"\n"), 0o644)
}

// one returns the only file that one of the patterns below root has.
func one(root string, patterns ...string) (string, error) {
	var found []string
	for _, p := range patterns {
		files, err := filepath.Glob(filepath.Join(root, p))
		if err != nil {
			return "", err
		}
		found = append(found, files...)
	}
	if len(found) != 1 {
		return "", fmt.Errorf("%d files for %s, want 1", len(found), strings.Join(patterns, " or "))
	}
	return found[0], nil
}
