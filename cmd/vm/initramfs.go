package main

import (
	"bufio"
	"bytes"
	"context"
	"debug/elf"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// baseModules is what the port to the host needs; they are modules up to 6.1 and built in
// since.
var baseModules = []module{{Name: "virtio_pci"}, {Name: "virtio_console"}}

// guestPath is the guest's $PATH: busybox is in /bin, so what --copy brings to any other
// folder stands before it.
const guestPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// guestFiles are the files a C library or Go's resolver looks for.
var guestFiles = map[string]string{
	"/etc/passwd":   "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
	"/etc/group":    "root:x:0:\nnogroup:x:65534:\n",
	"/etc/hosts":    "127.0.0.1 localhost\n::1 localhost\n",
	"/etc/hostname": "vm\n",
}

// buildInitramfs collects what the guest has: vm as /init, busybox, the modules, the job,
// and what the job's program is and needs.
func buildInitramfs(ctx context.Context, k kernel, o runOptions, j job) (archive, error) {
	im := archive{}
	for name, text := range guestFiles {
		im.file(name, 0o644, []byte(text))
	}
	for _, dir := range []string{"/root", "/proc", "/sys", "/dev", "/run"} {
		im.dir(dir, 0o755)
	}
	// Both are on the root file system, which is a tmpfs (init_rootfs, init/do_mounts.c).
	for _, dir := range []string{"/tmp", "/var/tmp"} {
		im.dir(dir, 0o1777)
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	if k.foreign() {
		self = filepath.Join(filepath.Dir(self), "vm-"+k.arch)
	}
	if err := im.copyAs(ctx, self, "/init"); err != nil {
		return nil, err
	}
	if err := im.addBusybox(ctx, k); err != nil {
		return nil, err
	}
	if err := im.addModules(k, o, &j); err != nil {
		return nil, err
	}
	im.dir(j.Dir, 0o755)
	for _, file := range j.Out {
		im.dir(filepath.Dir(file), 0o755)
	}
	// Where a covered test keeps its counters until it writes the profile from them.
	if dir := testFlag(j.Args, "gocoverdir"); dir != "" {
		im.dir(inDir(j.Dir, dir), 0o755)
	}
	// A Go package's own testdata is beside its tests, as `go test` has it.
	testdata := filepath.Join(j.Dir, "testdata")
	if info, err := os.Stat(testdata); err == nil && info.IsDir() {
		if err := im.copyAs(ctx, testdata, testdata); err != nil {
			return nil, err
		}
	}
	for _, c := range o.copies {
		host, guest, _ := strings.Cut(c, ":")
		host, err := filepath.Abs(host)
		if err != nil {
			return nil, err
		}
		if guest == "" {
			guest = host
		}
		if err := im.copyAs(ctx, host, inDir(j.Dir, guest)); err != nil {
			return nil, err
		}
	}
	if strings.Contains(j.Args[0], "/") {
		if err := im.copyAs(ctx, j.Args[0], j.Args[0]); err != nil {
			return nil, err
		}
	}
	text, err := json.Marshal(j)
	if err != nil {
		return nil, err
	}
	im.file(jobPath, 0o644, text)
	return im, nil
}

// inDir returns path, as seen from dir when it is relative.
func inDir(dir, path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(dir, path)
}

// addBusybox adds the guest's busybox, with the applets of this machine's.
func (a archive) addBusybox(ctx context.Context, k kernel) error {
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		return err
	}
	guest := busybox
	if k.foreign() {
		guest = k.busybox()
	}
	if err := a.copyAs(ctx, guest, "/bin/busybox"); err != nil {
		return err
	}
	applets, err := output(ctx, "", busybox, "--list")
	if err != nil {
		return err
	}
	for _, name := range strings.Fields(string(applets)) {
		if name != "busybox" {
			a.link("/bin/"+name, "busybox")
		}
	}
	return nil
}

func (a archive) addModules(k kernel, o runOptions, j *job) error {
	tree, err := readModuleTree(k.modules())
	if err != nil {
		return err
	}
	if j.Base, err = tree.resolve(baseModules); err != nil {
		return err
	}
	var wanted []module
	for _, text := range o.modules {
		wanted = append(wanted, parseModule(text))
	}
	if j.Modules, err = tree.resolve(wanted); err != nil {
		return err
	}
	for _, list := range [][]module{j.Base, j.Modules} {
		for _, m := range list {
			image, err := tree.read(m.Name)
			if err != nil {
				return err
			}
			a.file(modulePath(m), 0o644, image)
		}
	}
	return nil
}

// modulePath is where a module is in the guest.
func modulePath(m module) string { return "/lib/modules/" + m.Name + ".ko" }

// copyAs adds a file of this machine, or a directory with all below it. Programs bring
// the libraries they are linked with. Links inside a directory stay links; sockets,
// devices and pipes are left out.
func (a archive) copyAs(ctx context.Context, host, guest string) error {
	if resolved, err := filepath.EvalSymlinks(host); err == nil {
		host = resolved
	}
	return filepath.WalkDir(host, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		below, err := filepath.Rel(host, file)
		if err != nil {
			return err
		}
		name := filepath.Join(guest, below)
		switch {
		case info.IsDir():
			a.dir(name, uint32(info.Mode().Perm()))
		case info.Mode()&fs.ModeSymlink != 0:
			target, err := os.Readlink(file)
			if err != nil {
				return err
			}
			a.link(name, target)
		case info.Mode().IsRegular():
			data, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			a.file(name, info.Mode(), data)
			if info.Mode()&0o111 != 0 {
				return a.addLibraries(ctx, file, data)
			}
		}
		return nil
	})
}

// addLibraries adds a dynamic program's loader and the libraries it lists for the program
// (ld.so(8), --list), each at its own path.
func (a archive) addLibraries(ctx context.Context, program string, image []byte) error {
	loader, err := interpreter(image)
	if err != nil || loader == "" {
		return err
	}
	listing, err := output(ctx, "", loader, "--list", program)
	if err != nil {
		return fmt.Errorf("libraries of %s: %w", program, err)
	}
	for _, library := range append(listedLibraries(string(listing)), loader) {
		if _, ok := a[filepath.Clean(library)]; ok {
			continue
		}
		data, err := os.ReadFile(library)
		if err != nil {
			return fmt.Errorf("libraries of %s: %w", program, err)
		}
		a.file(library, 0o755, data)
	}
	const cache = "/etc/ld.so.cache" // says where libraries outside the default folders are
	if data, err := os.ReadFile(cache); err == nil {
		a.file(cache, 0o644, data)
	}
	return nil
}

// interpreter returns an ELF program's loader, or "" for a static one, a script, and what
// is no program.
func interpreter(image []byte) (string, error) {
	if !bytes.HasPrefix(image, []byte(elf.ELFMAG)) {
		return "", nil
	}
	f, err := elf.NewFile(bytes.NewReader(image))
	if err != nil {
		return "", err
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			loader, err := bufio.NewReader(p.Open()).ReadString(0)
			return strings.TrimSuffix(loader, "\x00"), err
		}
	}
	return "", nil
}

// listedLibraries reads lines such as "libc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x…)".
// The kernel's own linux-vdso.so.1 has no path.
func listedLibraries(listing string) []string {
	var libraries []string
	for line := range strings.Lines(listing) {
		for _, word := range strings.Fields(line) {
			if filepath.IsAbs(word) {
				libraries = append(libraries, word)
			}
		}
	}
	return libraries
}

// seal writes the archive into memory that QEMU can open by descriptor, so that no
// temporary file can stay behind. It is not compressed: the guest would unpack it under
// emulation, which costs 2 s of CPU time for 50 MB of programs and libraries (gzip -1,
// 6.1 and 7.2, medians of 3); uncompressed, QEMU copies it in one go.
func (a archive) seal() (*os.File, error) {
	fd, err := unix.MemfdCreate("initramfs", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("memfd_create: %w", err)
	}
	f := os.NewFile(uintptr(fd), "initramfs")
	w := bufio.NewWriterSize(f, 1<<20)
	if err := a.encode(w); err != nil {
		f.Close()
		return nil, err
	}
	if err := w.Flush(); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}
