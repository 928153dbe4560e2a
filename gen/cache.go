package gen

import (
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/ebgen/ebgen/spec/plan"
)

// ErrMiss is returned by Get when the cache has no bundle of this key and compiler. Any
// other error of Get says why an entry was not used; the bundle is to be built as well.
var ErrMiss = errors.New("not in the cache")

const (
	cacheSize  = 256 << 20 // bytes of all entries; a thousand times a catalogue's worth of bundles
	entrySize  = 64 << 20  // bytes of one entry that is read at all; an object is at most 16 MiB (clang.Limits)
	staleAfter = time.Hour // of an unfinished file: its writer takes milliseconds, so it is dead
)

// unfinished begins the name of a file that is not an entry yet.
const unfinished = "unfinished-"

// Cache keeps bundles in a folder of the user's. It may be used by many goroutines and
// processes at once; an entry is there as a whole or not at all. It never makes a build
// fail: its errors are told only to a user who wants to know.
type Cache struct {
	root *os.Root
	uid  uint32
	size int64
}

// OpenCache opens $XDG_CACHE_HOME/ebgen, else $HOME/.cache/ebgen, and makes it if need
// be. The error says why neither can be used. Call Close.
func OpenCache(getenv func(string) string) (*Cache, error) {
	var failed []error
	for _, home := range []string{getenv("XDG_CACHE_HOME"), filepath.Join(getenv("HOME"), ".cache")} {
		if !filepath.IsAbs(home) { // as the XDG Base Directory Specification wants it
			continue
		}
		c, err := openCache(filepath.Join(home, "ebgen"), uint32(os.Geteuid()))
		if err == nil {
			return c, nil
		}
		failed = append(failed, err)
	}
	if len(failed) == 0 {
		return nil, errors.New("no cache: neither XDG_CACHE_HOME nor HOME is set")
	}
	return nil, fmt.Errorf("no cache: %w", errors.Join(failed...))
}

// openCache opens dir for the user uid. What is in it is run as that user, with that
// user's rights: so it, and every folder and link that leads to it, must belong to that
// user or to root, and nobody else may write to it.
func openCache(dir string, uid uint32) (*Cache, error) {
	dir = filepath.Clean(dir)
	at := "/"
	for name := range strings.SplitSeq(dir[1:], "/") {
		at = filepath.Join(at, name)
		err := os.Mkdir(at, 0o700)
		if err == nil {
			continue
		}
		// Most often it is there. If not, this error says why it could not be made.
		info, missing := os.Lstat(at)
		if missing != nil {
			return nil, err
		}
		if owner := owner(info); owner != uid && owner != 0 {
			return nil, fmt.Errorf("%s belongs to user %d", at, owner)
		}
	}
	named, err := os.Lstat(dir)
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	c := &Cache{root: root, uid: uid, size: cacheSize}
	opened, err := root.Stat(".")
	switch {
	case err != nil:
	case !os.SameFile(named, opened):
		err = fmt.Errorf("%s is a symbolic link", dir)
	default:
		err = c.trust(opened)
	}
	if err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return c, nil
}

// Close releases the folder.
func (c *Cache) Close() error { return c.root.Close() }

// trust refuses what another user owns or may write to.
func (c *Cache) trust(info fs.FileInfo) error {
	if owner := owner(info); owner != c.uid {
		return fmt.Errorf("%s in the cache's place belongs to user %d", info.Name(), owner)
	}
	if info.Mode()&0o022 != 0 {
		return fmt.Errorf("%s in the cache's place may be written by others (%v)", info.Name(), info.Mode())
	}
	return nil
}

// owner returns the id of the user a file belongs to.
func owner(info fs.FileInfo) uint32 { return info.Sys().(*syscall.Stat_t).Uid }

// Get returns the bundle of key k. compiler is clang.Compiler.Identity of the clang at
// hand: a bundle that another one made is a miss, since it can be made anew. On a machine
// without any, compiler is "" and every bundle of the key will do.
func (c *Cache) Get(k Key, compiler string) (*plan.Bundle, error) {
	data, err := c.read(k.String())
	if err != nil {
		return nil, err
	}
	b, maker, err := decodeEntry(k, data)
	if err != nil {
		return nil, err
	}
	if compiler != "" && maker != compiler {
		return nil, fmt.Errorf("%w: made by another compiler (%s)", ErrMiss, maker)
	}
	now := time.Now()
	_ = c.root.Chtimes(k.String(), now, now) // the order in which entries are pruned; they may be gone already
	return b, nil
}

// read returns the bytes of an entry that may be trusted.
func (c *Cache) read(name string) ([]byte, error) {
	f, err := c.root.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrMiss
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > entrySize {
		return nil, fmt.Errorf("%w: %v, %d bytes", errEntry, info.Mode(), info.Size())
	}
	if err := c.trust(info); err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(f, entrySize))
}

// Put keeps b under k, in place of what was there, and removes the entries that were
// used longest ago when there are too many.
func (c *Cache) Put(k Key, compiler string, b *plan.Bundle) error {
	data, err := encodeEntry(k, compiler, b)
	if err != nil {
		return fmt.Errorf("cache: %w", err)
	}
	// Not synced to the disk: what a crash leaves of it is seen by its checksum, and a sync
	// can take longer than the compilation it saves.
	name := unfinished + rand.Text()
	if err := c.write(name, data); err != nil {
		return fmt.Errorf("cache: %w", errors.Join(err, c.root.Remove(name)))
	}
	if err := c.root.Rename(name, k.String()); err != nil {
		return fmt.Errorf("cache: %w", errors.Join(err, c.root.Remove(name)))
	}
	return c.prune(k.String())
}

func (c *Cache) write(name string, data []byte) error {
	f, err := c.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}

// prune removes the entries that were used longest ago until the rest fits, but never the
// one just written, and what dead writers left. A reader that has an entry open keeps it;
// one that comes later misses it. Of several prunings at once each removes the same files.
func (c *Cache) prune(keep string) error {
	dir, err := c.root.Open(".")
	if err != nil {
		return fmt.Errorf("prune cache: %w", err)
	}
	defer dir.Close()
	all, err := dir.ReadDir(-1)
	if err != nil {
		return fmt.Errorf("prune cache: %w", err)
	}
	var entries []fs.FileInfo
	var total int64
	for _, one := range all {
		info, err := one.Info()
		switch {
		case err != nil: // removed since it was listed
		case strings.HasPrefix(one.Name(), unfinished):
			if time.Since(info.ModTime()) > staleAfter {
				err = c.remove(one.Name())
			}
		case len(one.Name()) == len(keep):
			total += info.Size()
			if one.Name() != keep {
				entries = append(entries, info)
			}
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("prune cache: %w", err)
		}
	}
	slices.SortFunc(entries, func(a, b fs.FileInfo) int {
		return cmp.Or(a.ModTime().Compare(b.ModTime()), cmp.Compare(a.Name(), b.Name()))
	})
	for _, info := range entries {
		if total <= c.size {
			return nil
		}
		if err := c.remove(info.Name()); err != nil {
			return fmt.Errorf("prune cache: %w", err)
		}
		total -= info.Size()
	}
	return nil
}

// remove removes a file that may be gone already.
func (c *Cache) remove(name string) error {
	if err := c.root.Remove(name); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
