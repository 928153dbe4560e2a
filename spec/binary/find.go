package binary

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/ebgen/ebgen/spec/regular"
)

// Find returns a path by which this process can open what name means: a path, a library
// without its version (libc, libssl) or with it (libssl.so.3), a program in $PATH, or one
// that runs (postgres). A pid other than 0 means that process' view: its mappings and its
// file system. Errors say where was looked.
func Find(name string, pid int) (string, error) {
	root := ""
	if pid != 0 {
		root = filepath.Join("/proc", strconv.Itoa(pid), "root")
		if _, err := os.Stat(root); err != nil {
			return "", fmt.Errorf("process %d: %w", pid, err)
		}
	}
	if strings.ContainsRune(name, '/') {
		return findPath(name, pid, root)
	}
	var looked []string
	for _, place := range []struct {
		name string
		find func() []string
	}{
		{"the mappings of the process", func() []string { return mapped(name, pid) }},
		{"the libraries of the linker's cache", func() []string { return cached(name, root) }},
		{"$PATH", func() []string { return inPath(name, root) }},
		{"the programs that run", func() []string { return running(name, pid) }},
	} {
		paths := place.find()
		slices.Sort(paths)
		switch paths = slices.Compact(paths); len(paths) {
		case 0:
			looked = append(looked, place.name)
		case 1:
			return paths[0], nil
		default:
			return "", fmt.Errorf("%s is more than one file: %s; write one of these paths", name, strings.Join(paths, ", "))
		}
	}
	return "", fmt.Errorf("no program or library %s is among %s; write its path", name, strings.Join(looked, ", "))
}

func findPath(name string, pid int, root string) (string, error) {
	path, err := filepath.Join("/proc", strconv.Itoa(pid), "cwd", name), error(nil)
	switch {
	case pid == 0:
		path, err = filepath.Abs(name)
	case filepath.IsAbs(name):
		path, err = within(root, name)
	}
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(path); err != nil {
		return "", err
	}
	return path, nil
}

// mostLinks is how many symbolic links the kernel follows on its way (path_resolution(7)).
const mostLinks = 40

// within is the path by which this process opens what a process with another root means by a
// path: links lead where they lead for that process, and not out of its root. With a root of
// "" it is the path itself.
func within(root, path string) (string, error) {
	if root == "" {
		return path, nil
	}
	done, rest := "/", filepath.Clean("/" + path)[1:]
	for links := 0; rest != ""; {
		var name string
		name, rest, _ = strings.Cut(rest, "/")
		next := filepath.Join(done, name)
		target, err := os.Readlink(root + next)
		switch {
		case err != nil: // no link
			done = next
			continue
		case links == mostLinks:
			return "", &os.PathError{Op: "open", Path: path, Err: syscall.ELOOP}
		case !filepath.IsAbs(target):
			target = filepath.Join(done, target)
		}
		links++
		done, rest = "/", filepath.Join(target, rest)[1:]
	}
	return root + done, nil
}

// isLibrary reports whether a file's name is a library's: libc is libc.so, libc.so.6 and
// libc-2.31.so.
func isLibrary(file, name string) bool {
	if file == name {
		return true
	}
	rest, ok := strings.CutPrefix(file, name)
	return ok && (rest == ".so" || strings.HasPrefix(rest, ".so.") || len(rest) > 1 && rest[0] == '-' && rest[1] >= '0' && rest[1] <= '9' && strings.Contains(rest, ".so"))
}

// mapped lists the files that a process has mapped as code whose name fits. They are
// opened through the mapping, so that one that was replaced or deleted is the right one.
func mapped(name string, pid int) []string {
	if pid == 0 {
		return nil
	}
	dir := filepath.Join("/proc", strconv.Itoa(pid))
	text, err := os.ReadFile(filepath.Join(dir, "maps"))
	if err != nil {
		return nil
	}
	var paths []string
	seen := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) < 6 || !strings.Contains(fields[1], "x") {
			continue
		}
		path := strings.Join(fields[5:], " ")
		if seen[path] || !isLibrary(filepath.Base(strings.TrimSuffix(path, " (deleted)")), name) {
			continue
		}
		seen[path] = true
		inRoot, err := within(filepath.Join(dir, "root"), path)
		if err == nil {
			_, err = os.Stat(inRoot)
		}
		if err != nil {
			inRoot = filepath.Join(dir, "map_files", fields[0])
		}
		paths = append(paths, inRoot)
	}
	return paths
}

// The cache that ldconfig writes (struct cache_file_new, sysdeps/generic/dl-cache.h, glibc
// 2.36): a magic, the number of entries, and from byte 48 on entries of 24 bytes with the
// offsets of two strings, a soname and a path.
const (
	cacheFile   = "/etc/ld.so.cache"
	cacheMagic  = "glibc-ld.so.cache1.1"
	cacheHeader = 48
	cacheEntry  = 24
)

// largestCache bounds it, in bytes; 100,000 libraries take about ten MiB.
const largestCache = 64 << 20

// cached lists the libraries of the linker's cache whose soname fits.
func cached(name, root string) []string {
	path, err := within(root, cacheFile)
	if err != nil {
		return nil
	}
	data, err := regular.Read(path, largestCache)
	if err != nil {
		return nil
	}
	start := bytes.Index(data, []byte(cacheMagic))
	if start < 0 || len(data)-start < cacheHeader {
		return nil
	}
	data = data[start:]
	text := func(at uint32) string {
		if uint64(at) >= uint64(len(data)) {
			return ""
		}
		s, _, _ := bytes.Cut(data[at:], []byte{0})
		return string(s)
	}
	var paths []string
	count := int(min(uint64(binary.NativeEndian.Uint32(data[len(cacheMagic):])), uint64(len(data)/cacheEntry)))
	for i := range count {
		at := cacheHeader + i*cacheEntry
		if at+cacheEntry > len(data) {
			break
		}
		entry := data[at:]
		if !isLibrary(text(binary.NativeEndian.Uint32(entry[4:])), name) {
			continue
		}
		path, err := within(root, text(binary.NativeEndian.Uint32(entry[8:])))
		if err == nil && root == "" {
			path, err = filepath.EvalSymlinks(path)
		}
		if err != nil {
			continue
		}
		if f, err := Open(path); err == nil { // of this machine's width
			f.Close()
			paths = append(paths, path)
		}
	}
	return paths
}

// inPath lists the program that $PATH finds.
func inPath(name, root string) []string {
	if root == "" {
		if path, err := exec.LookPath(name); err == nil {
			if path, err = filepath.EvalSymlinks(path); err == nil {
				return []string{path}
			}
		}
		return nil
	}
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		path, err := within(root, filepath.Join(dir, name))
		if err != nil {
			continue
		}
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return []string{path}
		}
	}
	return nil
}

// running lists the programs of running processes whose file's name fits.
func running(name string, pid int) []string {
	pattern := "/proc/[0-9]*/exe"
	if pid != 0 {
		pattern = filepath.Join("/proc", strconv.Itoa(pid), "exe")
	}
	links, err := filepath.Glob(pattern)
	if err != nil {
		return nil
	}
	var paths []string
	for _, link := range links {
		path, err := os.Readlink(link)
		if err != nil || filepath.Base(path) != name {
			continue
		}
		if _, err := os.Stat(path); err != nil { // deleted, or of another file system
			path = link
		}
		paths = append(paths, path)
	}
	return paths
}
