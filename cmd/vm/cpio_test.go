package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestArchiveEncode(t *testing.T) {
	a := archive{}
	a.file("/a/b", 0o755, []byte("hello"))
	a.link("/c", "a/b")
	var got bytes.Buffer
	if err := a.encode(&got); err != nil {
		t.Fatal(err)
	}
	// Fields: magic inode mode uid gid nlink mtime size devmajor devminor rdevmajor
	// rdevminor namesize check; then name and contents, each padded to four bytes.
	zero := "00000000"
	want := "070701" + "00000001" + "000041ed" + zero + zero + "00000001" + zero + zero + strings.Repeat(zero, 4) + "00000002" + zero + "a\x00" +
		"070701" + "00000002" + "000081ed" + zero + zero + "00000001" + zero + "00000005" + strings.Repeat(zero, 4) + "00000004" + zero + "a/b\x00\x00\x00" + "hello\x00\x00\x00" +
		"070701" + "00000003" + "0000a1ff" + zero + zero + "00000001" + zero + "00000003" + strings.Repeat(zero, 4) + "00000002" + zero + "c\x00" + "a/b\x00" +
		"070701" + "00000004" + zero + zero + zero + "00000001" + zero + zero + strings.Repeat(zero, 4) + "0000000b" + zero + "TRAILER!!!\x00\x00\x00\x00"
	if got.String() != want {
		t.Errorf("got\n%q\nwant\n%q", got.String(), want)
	}
}

// TestArchiveExtract lets another reader of the format have it.
func TestArchiveExtract(t *testing.T) {
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		t.Skip(err)
	}
	a := archive{}
	a.dir("/tmp", 0o1777)
	a.file("/deep/er/file", 0o640, []byte("old"))
	a.file("/deep/er/../er/file", 0o600, []byte("new")) // takes the place of the one before
	a.file("/empty", 0o644, nil)
	a.link("/link", "deep/er/file")
	var image bytes.Buffer
	if err := a.encode(&image); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	c := exec.Command(busybox, "cpio", "-i", "-d", "-m")
	c.Dir, c.Stdin = dir, &image
	if text, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	for name, want := range map[string]string{"deep/er/file": "new", "link": "new", "empty": ""} {
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v; want %q", name, got, err, want)
		}
	}
	for name, want := range map[string]string{"tmp": "dtrwxrwxrwx", "deep/er/file": "-rw-------", "deep": "drwxr-xr-x"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().String() != want {
			t.Errorf("%s: %v, %v; want %s", name, info.Mode(), err, want)
		}
	}
}

func TestArchiveEncodeError(t *testing.T) {
	a := archive{}
	a.file("/file", 0o644, []byte("x"))
	for room := range 200 {
		if err := a.encode(&full{room}); !errors.Is(err, errFull) {
			t.Fatalf("with room for %d bytes: %v, want %v", room, err, errFull)
		}
	}
}

var errFull = errors.New("no space left")

// full is a writer with little room.
type full struct{ room int }

func (f *full) Write(b []byte) (int, error) {
	if len(b) > f.room {
		n := f.room
		f.room = 0
		return n, errFull
	}
	f.room -= len(b)
	return len(b), nil
}
