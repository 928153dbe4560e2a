// Package ktype is the kernel's types as the spec language sees them.
//
// In goes the BTF of one kernel, the running one (Running) or a stored one (Open); out
// come prototypes of functions and tracepoints, structs with their members, enums and
// constants by name, and the nearest names to a wrong one. What no BTF holds comes from
// tables in this package: macros (macro.go) and system calls (syscall.go).
//
//	k, err := ktype.Running()
//	sig, err := k.Function("tcp_retransmit_skb")     // sk struct sock *, …
//	sk := sig.Params[0].Type.Elem()                  // struct sock
//	m, err := sk.Member("__sk_common")               // struct sock_common, at bit 0
//	c, ok := k.Constant("TCP_CLOSE_WAIT")            // 8, of an anonymous enum
//
// Only 64-bit kernels are read: a pointer and a long have eight bytes.
package ktype

import (
	"bytes"
	"crypto/sha256"
	"debug/elf"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/cilium/ebpf/btf"
	"github.com/ebgen/ebgen/spec/ktype/internal/tracefs"
	"golang.org/x/sys/unix"
)

// Where a kernel shows its types and its build id (Documentation/ABI/testing/sysfs-kernel-btf).
const (
	btfDir    = "/sys/kernel/btf"
	main      = "vmlinux" // the file there that is no module's
	vmlinux   = btfDir + "/" + main
	notesFile = "/sys/kernel/notes"
)

var (
	// ErrNoBTF says that the running kernel shows no type information.
	ErrNoBTF = errors.New("this kernel has no BTF: it needs Linux 5.4 or later, built with CONFIG_DEBUG_INFO_BTF=y")
	// ErrAmbiguous says that a name stands for several different things.
	ErrAmbiguous = errors.New("ambiguous")
	// ErrNotFound says that a kernel has nothing of a name; the error is a *NotFound.
	ErrNotFound = errors.New("not found")
	// ErrUntold says that the kernel has it, and that its BTF does not tell what it is like.
	ErrUntold = errors.New("not told by BTF")
)

// Kernel is the types of one kernel. It is for one goroutine at a time; the Types it
// gives out read from it.
type Kernel struct {
	release string
	id      string
	arch    string
	running bool
	main    image
	modules []image // of the running kernel once something was not found in main
	listed  bool    // whether modules is filled
	enums   enumIndex
	tracefs *tracefs.FS // once it was asked for
}

// image is one BTF blob: the kernel's or a module's.
type image struct {
	module string // "" for the kernel itself
	spec   *btf.Spec
	raw    *rawBTF
}

// Running reads the types of the running kernel. The error wraps ErrNoBTF when the
// kernel shows none.
func Running() (*Kernel, error) {
	data, err := mapFile(vmlinux)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read %s: %w", vmlinux, ErrNoBTF)
	}
	if err != nil {
		return nil, err
	}
	spec, err := btf.LoadKernelSpec()
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", vmlinux, err)
	}
	raw, err := parseRaw(data, nil)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", vmlinux, err)
	}
	release, err := RunningRelease()
	if err != nil {
		return nil, err
	}
	return &Kernel{release: release, running: true, main: image{spec: spec, raw: raw}}, nil
}

// mapFile maps a file that nobody writes to, as sysfs files of BTF are; kernels before
// 6.16 do not let it be mapped, so it is read there.
func mapFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if data, err := unix.Mmap(int(f.Fd()), 0, int(info.Size()), unix.PROT_READ, unix.MAP_PRIVATE); err == nil {
		return data, nil // for as long as the process lives: a command reads one kernel
	}
	return os.ReadFile(path)
}

// RunningRelease is the release of the running kernel, as uname -r prints it.
func RunningRelease() (string, error) {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return "", fmt.Errorf("uname: %w", err)
	}
	return unix.ByteSliceToString(name.Release[:]), nil
}

// Open reads the types of a kernel from a raw BTF file, from an ELF with a .BTF section, or
// from a folder like /sys/kernel/btf: vmlinux, and files that are named after modules. The
// error says what else the file is.
func Open(path string) (*Kernel, error) { return OpenBy(path, os.ReadFile) }

// OpenBy is Open with a reader of files, which may unpack them.
func OpenBy(path string, read func(path string) ([]byte, error)) (*Kernel, error) {
	if !IsFolder(path) {
		return openFile(path, path, read)
	}
	k, err := openFile(filepath.Join(path, main), path, read)
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		file := filepath.Join(path, e.Name())
		if e.Name() == main || !e.Type().IsRegular() {
			continue
		}
		data, err := read(file)
		if err != nil {
			return nil, err
		}
		m, err := module(moduleOf(file), data, k.main)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		k.modules = append(k.modules, m)
	}
	return k, nil
}

// IsFolder reports whether path is a folder with the types of one kernel and its modules.
func IsFolder(path string) bool {
	info, err := os.Stat(filepath.Join(path, main))
	return err == nil && info.Mode().IsRegular()
}

// openFile reads the types of a kernel without its modules'.
func openFile(file, release string, read func(path string) ([]byte, error)) (*Kernel, error) {
	data, err := read(file)
	if err != nil {
		return nil, err
	}
	m, err := decode(data, image{})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return &Kernel{release: releaseOf(release), main: m}, nil
}

// moduleOf is the name of the module whose types are in a file, as the kernel writes it.
func moduleOf(path string) string {
	name, _, _ := strings.Cut(filepath.Base(path), ".")
	return strings.ReplaceAll(name, "-", "_")
}

// releaseOf is the release of the kernel whose types are in a file or folder: its base name
// without what names of kernels and of BTF begin and end with. vmlinux alone stays what it is.
func releaseOf(path string) string {
	name := filepath.Base(path)
	for _, suffix := range []string{".xz", ".zst", ".lz4", ".btf"} {
		name = strings.TrimSuffix(name, suffix)
	}
	for _, prefix := range []string{"vmlinuz-", "vmlinux-"} {
		name = strings.TrimPrefix(name, prefix)
	}
	return name
}

// btfSection returns the .BTF section of an ELF file.
func btfSection(file []byte) ([]byte, error) {
	f, err := elf.NewFile(bytes.NewReader(file))
	if err != nil {
		return nil, err
	}
	section := f.Section(".BTF")
	if section == nil {
		return nil, errors.New("an ELF file without a .BTF section")
	}
	return section.Data()
}

// Release is the release of the running kernel, else what the name of the file says it is:
// 6.1.0 of 6.1.0.btf and of vmlinuz-6.1.0.
func (k *Kernel) Release() string { return k.release }

// CompareReleases orders releases such as 6.12.117+deb13-cloud-amd64 by the numbers that
// they begin with; one without any comes before all others.
func CompareReleases(x, y string) int {
	return slices.Compare(numbers(x), numbers(y))
}

// numbers are those that a release begins with: 6, 12, 117.
func numbers(release string) (list []int) {
	for _, part := range strings.FieldsFunc(release, func(r rune) bool { return r < '0' || r > '9' }) {
		if n, err := strconv.Atoi(part); err == nil && strings.HasPrefix(release, part) {
			list = append(list, n)
		}
		release = strings.TrimPrefix(strings.TrimPrefix(release, part), ".")
	}
	return list
}

// Running reports whether the types are the running kernel's.
func (k *Kernel) Running() bool { return k.running }

// Spec is the kernel's BTF without its modules'.
func (k *Kernel) Spec() *btf.Spec { return k.main.spec }

// ID names the kernel's types for caches: the GNU build id of the running kernel, else
// the SHA-256 of the BTF, in hex.
func (k *Kernel) ID() string {
	if k.id == "" && k.running {
		k.id, _ = RunningID()
	}
	if k.id == "" {
		h := sha256.New()
		for _, m := range append([]image{k.main}, k.modules...) {
			h.Write([]byte(m.module))
			h.Write(m.raw.types)
			h.Write(m.raw.strings)
		}
		k.id = hex.EncodeToString(h.Sum(nil))
	}
	return k.id
}

// RunningID is the GNU build id of the running kernel in hex, read without its BTF.
func RunningID() (string, error) {
	notes, err := os.ReadFile(notesFile)
	if err != nil {
		return "", err
	}
	id, ok := buildID(notes)
	if !ok {
		return "", fmt.Errorf("%s holds no GNU build id", notesFile)
	}
	return id, nil
}

// each visits the kernel's BTF and then, in the order of their names, that of each
// module of the running kernel, which is read when the first visitor gets there. It
// ends when visit returns false.
func (k *Kernel) each(visit func(image) bool) {
	if !visit(k.main) {
		return
	}
	if k.running && !k.listed {
		k.listed = true
		k.modules = loadModules(k.main)
	}
	for _, m := range k.modules {
		if !visit(m) {
			return
		}
	}
}

// loadModules reads the BTF of every loaded module. One that cannot be read is left
// out: a module may go while we look, and its types are then of no use.
func loadModules(base image) []image {
	entries, err := os.ReadDir(btfDir)
	if err != nil {
		return nil
	}
	var modules []image
	for _, e := range entries {
		if e.Name() == main {
			continue
		}
		data, err := os.ReadFile(filepath.Join(btfDir, e.Name()))
		if err != nil {
			continue
		}
		m, err := module(e.Name(), data, base)
		if err != nil {
			continue
		}
		modules = append(modules, m)
	}
	return modules
}

// module decodes the split BTF of one module on top of its kernel's.
func module(name string, data []byte, base image) (image, error) {
	m, err := decode(data, base)
	m.module = name
	return m, err
}

// decode reads a blob, or an ELF file that holds one; base is what a module's goes on from.
func decode(data []byte, base image) (m image, err error) {
	if bytes.HasPrefix(data, []byte(elf.ELFMAG)) {
		if data, err = btfSection(data); err != nil {
			return image{}, err
		}
	}
	if m.raw, err = parseRaw(data, base.raw); err != nil {
		return image{}, err
	}
	m.spec, err = btf.LoadSplitSpecFromReader(bytes.NewReader(data), base.spec)
	return m, err
}

// named returns every type called name: the kernel's, or else those of the first
// module that has one. The library also gives some whose names only begin alike when a
// name holds three underscores (____fput, ____sys_recvmsg), so names are compared.
func named[T btf.Type](k *Kernel, name string) (found []T, module string) {
	k.each(func(m image) bool {
		types, err := m.spec.AnyTypesByName(name)
		if err != nil {
			return true
		}
		for _, t := range types {
			if want, ok := t.(T); ok && t.TypeName() == name {
				found = append(found, want)
			}
		}
		module = m.module
		return len(found) == 0
	})
	return found, module
}

// NotFound says that a kernel has no such name.
type NotFound struct {
	What   string // "function", "raw tracepoint", "struct", …
	Name   string
	Kernel string // release

	nearest func() []string
}

func (e *NotFound) Error() string {
	return fmt.Sprintf("kernel %s has no %s %q", e.Kernel, e.What, e.Name)
}

// Is makes errors.Is(err, ErrNotFound) hold.
func (e *NotFound) Is(target error) bool { return target == ErrNotFound }

// Nearest returns the names most like the missing one, the nearest first. It searches
// when called, since an alternative that is absent is often no mistake.
func (e *NotFound) Nearest() []string {
	if e.nearest == nil {
		return nil
	}
	return e.nearest()
}

func (k *Kernel) notFound(what, name string, nearest func(string) []string) error {
	return &NotFound{What: what, Name: name, Kernel: k.release, nearest: func() []string { return nearest(name) }}
}
