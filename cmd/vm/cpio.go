package main

import (
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"

	"golang.org/x/sys/unix"
)

// archive is a file tree in memory, by clean absolute path. A later file takes the
// place of an earlier one; parents need not be added.
type archive map[string]archiveEntry

// archiveEntry is a directory, a regular file with its contents, or a symbolic link
// with its target, told apart by the type bits of mode (S_IFMT, inode(7)).
type archiveEntry struct {
	mode uint32
	data []byte
}

func (a archive) file(name string, perm fs.FileMode, data []byte) {
	a[path.Clean(name)] = archiveEntry{unix.S_IFREG | uint32(perm.Perm()), data}
}

func (a archive) link(name, target string) {
	a[path.Clean(name)] = archiveEntry{unix.S_IFLNK | 0o777, []byte(target)}
}

// dir takes the permissions as chmod(2) does, the sticky bit included.
func (a archive) dir(name string, perm uint32) {
	a[path.Clean(name)] = archiveEntry{unix.S_IFDIR | perm, nil}
}

// encode writes the tree as a cpio archive in "newc" format, owned by root, in the
// order of the paths: every parent stands before its children, and equal trees give
// equal bytes. See Documentation/driver-api/early-userspace/buffer-format.rst.
func (a archive) encode(w io.Writer) error {
	all := maps.Clone(a)
	for name := range a {
		for dir := path.Dir(name); dir != "/"; dir = path.Dir(dir) {
			if _, ok := all[dir]; !ok {
				all.dir(dir, 0o755)
			}
		}
	}
	delete(all, "/")
	out := &cpioWriter{w: w}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		out.entry(name[1:], all[name])
	}
	out.entry("TRAILER!!!", archiveEntry{})
	return out.err
}

// cpioWriter writes entries one after the other and keeps the first error.
type cpioWriter struct {
	w      io.Writer
	offset int64
	inode  int
	err    error
}

// entry writes one header, name and contents, both padded to four bytes. Each entry
// has an inode of its own: equal ones would be hard links of each other.
func (c *cpioWriter) entry(name string, e archiveEntry) {
	c.inode++
	const magic, nlink, mtime = "070701", 1, 0
	head := fmt.Sprintf("%s%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", magic,
		c.inode, e.mode, 0, 0, nlink, mtime, len(e.data),
		0, 0, 0, 0, // device of the file, device it stands for
		len(name)+1, 0)
	c.write([]byte(head + name + "\x00"))
	c.pad()
	c.write(e.data)
	c.pad()
}

func (c *cpioWriter) pad() { c.write(make([]byte, -c.offset&3)) }

func (c *cpioWriter) write(b []byte) {
	if c.err != nil {
		return
	}
	n, err := c.w.Write(b)
	c.offset += int64(n)
	c.err = err
}
