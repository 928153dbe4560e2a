package gen

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ebgen/ebgen/spec/plan"
)

// open opens a cache in a folder of the test's own.
func open(t *testing.T, dir string) *Cache {
	t.Helper()
	c, err := openCache(dir, uint32(os.Geteuid()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// bundle makes a bundle whose object is of size bytes and depends on n.
func bundle(n, size int) *plan.Bundle {
	return &plan.Bundle{
		Plan:   &plan.Plan{Version: plan.Version, Name: fmt.Sprint("n", n), File: "n.yaml"},
		Source: fmt.Sprint("/* ", n, " */"),
		Object: bytes.Repeat([]byte{byte(n)}, size),
	}
}

func key(n int) Key { return Inputs{Name: "n.yaml", Text: []byte(strconv.Itoa(n))}.Key() }

func TestCacheKeeps(t *testing.T) {
	c := open(t, filepath.Join(t.TempDir(), "a", "ebgen"))
	if _, err := c.Get(key(1), ""); !errors.Is(err, ErrMiss) {
		t.Fatalf("an empty cache answers %v, want ErrMiss", err)
	}
	want := bundle(1, 1000)
	if err := c.Put(key(1), "/usr/bin/clang 1 2", want); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, compiler string
		key            Key
		want           *plan.Bundle
	}{
		{"the same compiler", "/usr/bin/clang 1 2", key(1), want},
		{"no compiler at all", "", key(1), want},
		{"another compiler", "/usr/bin/clang 1 3", key(1), nil},
		{"another key", "", key(2), nil},
	} {
		got, err := c.Get(test.key, test.compiler)
		if test.want == nil && !errors.Is(err, ErrMiss) || test.want != nil && err != nil {
			t.Errorf("%s: %v", test.name, err)
		}
		if !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: got %v, want %v", test.name, got, test.want)
		}
	}
	if err := c.Put(key(1), "/usr/bin/clang 1 3", bundle(3, 10)); err != nil {
		t.Fatal(err)
	}
	if got, err := c.Get(key(1), "/usr/bin/clang 1 3"); err != nil || !reflect.DeepEqual(got, bundle(3, 10)) {
		t.Errorf("after a second Put: %v, %v", got, err)
	}
}

func TestCachePermissions(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ebgen")
	c := open(t, dir)
	if err := c.Put(key(1), "", bundle(1, 1)); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]fs.FileMode{dir: 0o700, filepath.Join(dir, key(1).String()): 0o600} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has mode %v, want %v", path, got, want)
		}
	}
}

func TestKeyDependsOnEachInput(t *testing.T) {
	base := Inputs{Name: "a.yaml", Text: []byte("x"), Ebgen: "1", Kernel: "6.18", Arch: "amd64", Options: "o"}
	seen := map[Key]string{base.Key(): "the first"}
	fields := reflect.TypeFor[Inputs]()
	for i := range fields.NumField() {
		other := base
		switch f := reflect.ValueOf(&other).Elem().Field(i); f.Kind() {
		case reflect.String:
			f.SetString(f.String() + "+")
		default:
			f.SetBytes([]byte("x+"))
		}
		if same, ok := seen[other.Key()]; ok {
			t.Errorf("a change of %s gives the key of %s", fields.Field(i).Name, same)
		}
		seen[other.Key()] = fields.Field(i).Name
	}
	if (Inputs{Name: "ab", Text: []byte("c")}).Key() == (Inputs{Name: "a", Text: []byte("bc")}).Key() {
		t.Error("two inputs run together")
	}
}

func TestCacheRefusesDamage(t *testing.T) {
	good, err := encodeEntry(key(1), "clang", bundle(1, 100))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := decodeEntry(key(1), good); err != nil {
		t.Fatal(err)
	}
	for i := range good {
		for bit := range 8 {
			flipped := slices.Clone(good)
			flipped[i] ^= 1 << bit
			if _, _, err := decodeEntry(key(1), flipped); err == nil {
				t.Fatalf("bit %d of byte %d flipped, and nobody sees it", bit, i)
			}
		}
		if _, _, err := decodeEntry(key(1), good[:i]); err == nil {
			t.Fatalf("cut after %d bytes, and nobody sees it", i)
		}
	}
	if _, _, err := decodeEntry(key(2), good); !errors.Is(err, errEntry) {
		t.Errorf("an entry under another's name: %v, want errEntry", err)
	}
}

func TestCacheMendsDamage(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ebgen")
	c := open(t, dir)
	path := filepath.Join(dir, key(1).String())
	for range 2 {
		if err := c.Put(key(1), "", bundle(1, 100)); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Get(key(1), ""); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(path, 99); err != nil {
			t.Fatal(err)
		}
		if b, err := c.Get(key(1), ""); !errors.Is(err, errEntry) {
			t.Errorf("got %v, %v from a damaged entry, want errEntry", b, err)
		}
	}
}

func FuzzDecodeEntry(f *testing.F) {
	good, err := encodeEntry(key(1), "clang", bundle(1, 100))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(good[:80])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		b, compiler, err := decodeEntry(key(1), data)
		if err != nil {
			return
		}
		if _, err := encodeEntry(key(1), compiler, b); err != nil {
			t.Errorf("accepted, and cannot be stored: %v", err)
		}
	})
}

func TestCacheTrustsNobodyElse(t *testing.T) {
	me := uint32(os.Geteuid())
	for _, test := range []struct {
		name string
		make func(t *testing.T, dir string) error // dir's parent is there, dir is not
		uid  uint32
		want string
	}{
		{"in order", func(t *testing.T, dir string) error { return os.Mkdir(dir, 0o755) }, me, ""},
		{"a user's folder", func(t *testing.T, dir string) error { return os.Mkdir(dir, 0o700) }, me + 1, "belongs to user"},
		{"a user's parent folder", func(t *testing.T, dir string) error { return nil }, me + 1, "belongs to user"},
		{"writable by all", func(t *testing.T, dir string) error {
			return errors.Join(os.Mkdir(dir, 0o700), os.Chmod(dir, 0o702))
		}, me, "written by others"},
		{"writable by a group", func(t *testing.T, dir string) error {
			return errors.Join(os.Mkdir(dir, 0o700), os.Chmod(dir, 0o720))
		}, me, "written by others"},
		{"a link", func(t *testing.T, dir string) error { return os.Symlink(t.TempDir(), dir) }, me, "symbolic link"},
		{"a file", func(t *testing.T, dir string) error { return os.WriteFile(dir, nil, 0o600) }, me, "not a directory"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "ebgen")
			if me == 0 && test.uid != me {
				// Root's folders are trusted by everyone: let them be another user's.
				if err := os.Chown(filepath.Dir(dir), 4711, -1); err != nil {
					t.Fatal(err)
				}
			}
			if err := test.make(t, dir); err != nil {
				t.Fatal(err)
			}
			c, err := openCache(dir, test.uid)
			if err == nil {
				c.Close()
			}
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestCacheTrustsNoForeignEntry(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ebgen")
	c := open(t, dir)
	path := filepath.Join(dir, key(1).String())
	if err := c.Put(key(1), "", bundle(1, 1)); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o606); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Get(key(1), ""); err == nil || !strings.Contains(err.Error(), "written by others") {
		t.Errorf("an entry anyone may write: %v", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	c.uid++
	if _, err := c.Get(key(1), ""); err == nil || !strings.Contains(err.Error(), "belongs to user") {
		t.Errorf("an entry of another user: %v", err)
	}
}

func TestOpenCacheChoosesTheFolder(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ name, xdg, home, want string }{
		{"XDG_CACHE_HOME first", dir + "/x", dir + "/h", "x/ebgen"},
		{"else HOME", "", dir + "/h", "h/.cache/ebgen"},
		{"a relative XDG_CACHE_HOME is passed over", "x", dir + "/g", "g/.cache/ebgen"},
		{"one that cannot be used, too", file, dir + "/f", "f/.cache/ebgen"},
		{"none usable", file, file, ""},
		{"none", "", "", ""},
	} {
		c, err := OpenCache(func(name string) string {
			return map[string]string{"XDG_CACHE_HOME": test.xdg, "HOME": test.home}[name]
		})
		if test.want == "" {
			if err == nil || !strings.HasPrefix(err.Error(), "no cache: ") {
				t.Errorf("%s: %v", test.name, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		if want := filepath.Join(dir, test.want); c.root.Name() != want {
			t.Errorf("%s: opened %s, want %s", test.name, c.root.Name(), want)
		}
		c.Close()
	}
}

func TestCachePrunesWhatWasUsedLongestAgo(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ebgen")
	c := open(t, dir)
	const each = 10_000
	c.size = 4 * (each + 1000) // four entries and their heads
	hour := func(ago int) time.Time { return time.Now().Add(-time.Duration(ago) * time.Hour) }
	for n := range 4 {
		if err := c.Put(key(n), "", bundle(n, each)); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(filepath.Join(dir, key(n).String()), hour(10-n), hour(10-n)); err != nil {
			t.Fatal(err)
		}
	}
	for name, ago := range map[string]int{unfinished + "old": 2, unfinished + "new": 0, "a file of the user's": 20} {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.WriteFile(path, nil, 0o600), os.Chtimes(path, hour(ago), hour(ago))); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.Get(key(0), ""); err != nil { // the oldest is used again
		t.Fatal(err)
	}
	if err := c.Put(key(4), "", bundle(4, each)); err != nil {
		t.Fatal(err)
	}
	for n, want := range []bool{true, false, true, true, true} {
		if _, err := c.Get(key(n), ""); (err == nil) != want {
			t.Errorf("entry %d: %v, want it kept: %v", n, err, want)
		}
	}
	for name, want := range map[string]bool{unfinished + "old": false, unfinished + "new": true, "a file of the user's": true} {
		if _, err := os.Lstat(filepath.Join(dir, name)); (err == nil) != want {
			t.Errorf("%s: %v, want it kept: %v", name, err, want)
		}
	}
	c.size = 1
	if err := c.Put(key(5), "", bundle(5, each)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Get(key(5), ""); err != nil {
		t.Errorf("the entry just written is gone: %v", err)
	}
}

// hammer puts and gets from many goroutines at once and returns what should not have
// happened. Room is short, so that entries are pruned under their readers.
func hammer(c *Cache) error {
	const keys, each, rounds, goroutines = 8, 20_000, 8, 16
	c.size = keys / 2 * each
	var wg sync.WaitGroup
	errs := make([]error, goroutines)
	for g := range goroutines {
		wg.Go(func() {
			for round := range rounds {
				n := (g + round) % keys
				if err := c.Put(key(n), "", bundle(n, each)); err != nil {
					errs[g] = err
					return
				}
				n = (g * round) % keys
				got, err := c.Get(key(n), "")
				if err != nil && !errors.Is(err, ErrMiss) || err == nil && !reflect.DeepEqual(got, bundle(n, each)) {
					errs[g] = fmt.Errorf("entry %d: wrong bundle, or %w", n, err)
					return
				}
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

func TestCacheManyGoroutines(t *testing.T) {
	if err := hammer(open(t, filepath.Join(t.TempDir(), "ebgen"))); err != nil {
		t.Error(err)
	}
}

// TestCacheHammer is run as a process of its own by TestCacheManyProcesses.
func TestCacheHammer(t *testing.T) {
	dir := os.Getenv("EBGEN_TEST_CACHE")
	if dir == "" {
		t.Skip("only a part of TestCacheManyProcesses")
	}
	if err := hammer(open(t, dir)); err != nil {
		t.Error(err)
	}
}

func TestCacheManyProcesses(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ebgen") // made by whoever is first
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			one := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestCacheHammer$")
			one.Env = append(os.Environ(), "EBGEN_TEST_CACHE="+dir)
			if out, err := one.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
	wg.Wait()
	left, err := filepath.Glob(filepath.Join(dir, unfinished+"*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// BenchmarkLookup is what a cached start pays before anything is loaded.
func BenchmarkLookup(b *testing.B) {
	c, err := openCache(filepath.Join(b.TempDir(), "ebgen"), uint32(os.Geteuid()))
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	if err := c.Put(key(1), "", bundle(1, 20_000)); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := buildID("/proc/self/exe"); err != nil {
			b.Fatal(err)
		}
		if _, err := c.Get(key(1), ""); err != nil {
			b.Fatal(err)
		}
	}
}
