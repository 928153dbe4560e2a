package main

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	goruntime "runtime"
	"slices"
	"strings"

	"github.com/ebgen/ebgen/spec/unpack"
)

// series is one row of the matrix: a kernel line and the Debian suite that carries it.
type series struct {
	name     string
	suite    string
	security bool   // whether the suite has a SUITE-security beside it
	arch     string // as Debian and Go spell it
}

// matrix is the kernels of the project, the oldest promised first; those of another
// architecture than this machine's have to be named.
var matrix = []series{
	{"5.10", "bullseye", true, "amd64"},
	{"6.1", "bookworm", true, "amd64"},
	{"6.12", "trixie", true, "amd64"},
	{"sid", "sid", false, "amd64"}, // the newest; what was got is kept until `fetch --update`
	{"6.12-arm64", "trixie", true, "arm64"},
}

// called reports whether a name that is no release stands for s.
func (s series) called(name string) bool {
	return name == s.name || s.arch == goruntime.GOARCH && (name == "all" || name == s.suite)
}

// kernel is one unpacked kernel in the cache: DIR/vmlinux, DIR/config, DIR/release and
// DIR/modules, the tree of its modules; of another architecture than this machine's
// DIR/busybox too.
type kernel struct {
	name    string // of its series
	release string // as uname -r gives it
	dir     string
	arch    string
}

// vmlinux is an ELF file on amd64 and what boots as it is, an Image, on arm64.
func (k kernel) vmlinux() string { return filepath.Join(k.dir, "vmlinux") }
func (k kernel) modules() string { return filepath.Join(k.dir, "modules") }
func (k kernel) busybox() string { return filepath.Join(k.dir, "busybox") }

// foreign reports whether the kernel is of another architecture than this machine's.
func (k kernel) foreign() bool { return k.arch != goruntime.GOARCH }

// btf returns the kernel's raw type information, what it shows as /sys/kernel/btf/vmlinux.
func (k kernel) btf() ([]byte, error) {
	image, err := os.ReadFile(k.vmlinux())
	if err != nil {
		return nil, err
	}
	types, err := unpack.Types(image)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", k.vmlinux(), err)
	}
	if !bytes.HasPrefix(types, []byte(elf.ELFMAG)) {
		return types, nil
	}
	if types, err = typeSection(types); err != nil {
		return nil, fmt.Errorf("%s: %w", k.vmlinux(), err)
	}
	return types, nil
}

var errNoTypes = errors.New("no .BTF section")

// typeSection returns the BTF of an ELF file.
func typeSection(image []byte) ([]byte, error) {
	f, err := elf.NewFile(bytes.NewReader(image))
	if err != nil {
		return nil, err
	}
	section := f.Section(".BTF")
	if section == nil {
		return nil, errNoTypes
	}
	return section.Data()
}

// cacheDir returns where kernels are kept: $EBGEN_VM_CACHE, else ebgen/vm in the user's
// cache directory.
func cacheDir() (string, error) {
	if dir := os.Getenv("EBGEN_VM_CACHE"); dir != "" {
		return filepath.Abs(dir)
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("%w; set EBGEN_VM_CACHE", err)
	}
	return filepath.Join(dir, "ebgen", "vm"), nil
}

var errNotCached = errors.New("it is not in the cache: run `vm fetch`")

// cachedKernel returns a series' kernel, or errNotCached.
func cachedKernel(cache string, s series) (kernel, error) {
	dir := filepath.Join(cache, s.name)
	release, err := os.ReadFile(filepath.Join(dir, "release"))
	if errors.Is(err, fs.ErrNotExist) {
		return kernel{}, fmt.Errorf("kernel %s: %w", s.name, errNotCached)
	}
	if err != nil {
		return kernel{}, err
	}
	return kernel{s.name, strings.TrimSpace(string(release)), dir, s.arch}, nil
}

// selectKernels returns the kernels that names stand for, in the order given: a series, its
// suite, the beginning of a release up to a dot or dash, or "all".
func selectKernels(cache string, names []string) ([]kernel, error) {
	var selected []kernel
	for _, name := range names {
		var found bool
		for _, s := range matrix {
			k, err := cachedKernel(cache, s)
			if !s.called(name) && (err != nil || k.foreign() || !isRelease(k.release, name)) {
				continue
			}
			if err != nil {
				return nil, err
			}
			found = true
			if !slices.Contains(selected, k) {
				selected = append(selected, k)
			}
		}
		if !found {
			return nil, usageError(fmt.Errorf("no kernel %q; want %s or all", name, seriesNames()))
		}
	}
	return selected, nil
}

// isRelease reports whether name is release or a whole part of its beginning.
func isRelease(release, name string) bool {
	rest, ok := strings.CutPrefix(release, name)
	return ok && name != "" && (rest == "" || strings.ContainsAny(rest[:1], ".-+"))
}

func seriesNames() string {
	var names []string
	for _, s := range matrix {
		names = append(names, s.name)
	}
	return strings.Join(names, ", ")
}
