package regular

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestRead(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, err := range []error{
		os.WriteFile(at("file"), []byte("name: x\n"), 0o600),
		os.Symlink("file", at("link")),
		syscall.Mkfifo(at("fifo"), 0o600),
		os.Symlink("fifo", at("to-fifo")),
		os.Symlink("/dev/zero", at("to-zero")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	l, err := net.Listen("unix", at("socket"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, test := range []struct {
		name string
		most int64
		text string
		err  error
		want string
	}{
		{"file", 8, "name: x\n", nil, ""},
		{"link", 100, "name: x\n", nil, ""},
		{"file", 7, "", ErrTooLarge, "file is too large"},
		{"none", 8, "", fs.ErrNotExist, "none: no such file"},
		{"fifo", 8, "", ErrNot, "fifo is a FIFO, not a regular file"},
		{"to-fifo", 8, "", ErrNot, "to-fifo is a FIFO, not a regular file"},
		{"to-zero", 8, "", ErrNot, "to-zero is a device, not a regular file"},
		{"socket", 8, "", ErrNot, "socket is a socket, not a regular file"},
		{".", 8, "", ErrNot, "is a directory, not a regular file"},
	} {
		text, err := Read(at(test.name), test.most)
		if string(text) != test.text || !errors.Is(err, test.err) || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %q, %v, want %q, %q", test.name, text, err, test.text, test.want)
		}
	}
}
