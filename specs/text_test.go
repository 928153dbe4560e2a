package specs_test

import (
	"bytes"
	"context"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// textDescriptor is the descriptor that the specs of texts look at.
const textDescriptor = 977

// written are the texts of TestTexts: none, with NULs within, and around each bound.
var written = []string{
	"", "a", "four", "fourth", "abcdefg", "abcdefgh", "abcdefghi", "ab\x00cd", "abcdefgh\x00i", "\x00", "abcdef\xc3\xa4",
	strings.Repeat("x", 255), strings.Repeat("x", 256), strings.Repeat("y", 300), strings.Repeat("z", 255) + "\x00z",
}

// writeAll writes each text to /dev/null, as often as repeated says. What stands behind a
// text in memory is no part of it; the last one ends where no memory follows.
func writeAll(repeated int) func(context.Context) error {
	return func(context.Context) error {
		fd, err := unix.Open("/dev/null", unix.O_WRONLY, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		if err := unix.Dup3(fd, textDescriptor, 0); err != nil {
			return err
		}
		defer unix.Close(textDescriptor)
		pages, err := unix.Mmap(-1, 0, 2*os.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
		if err != nil {
			return err
		}
		defer unix.Munmap(pages)
		if err := unix.Mprotect(pages[os.Getpagesize():], unix.PROT_NONE); err != nil {
			return err
		}
		for range repeated {
			for _, text := range written {
				if _, err := unix.Write(textDescriptor, append([]byte(text), "beyond"...)[:len(text)]); err != nil {
					return err
				}
			}
			edge := pages[os.Getpagesize()-len("edge") : os.Getpagesize()]
			copy(edge, "edge")
			if _, err := unix.Write(textDescriptor, edge); err != nil {
				return err
			}
			// Of nothing there is no address: Go would give one.
			if _, _, errno := unix.Syscall(unix.SYS_WRITE, textDescriptor, uintptr(unsafe.Pointer(nil)), 0); errno != 0 {
				return errno
			}
		}
		return nil
	}
}

// asShown is what a column of a capacity shows of a text of a length.
func asShown(text string, length, capacity int) string {
	b := []byte(text)[:max(min(length, len(text)), 0)]
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	if len(b) < capacity {
		return string(b)
	}
	return strings.ToValidUTF8(string(b[:capacity-1]), "") + "…"
}

// TestTexts wants of each write its text, exactly as long as it is, marked where it is cut.
func TestTexts(t *testing.T) {
	got := trace(t, map[string][]string{"process": {strconv.Itoa(os.Getpid())}}, writeAll(1), "texts")[0]
	all := append(slices.Clone(written), "edge", "")
	if len(got.records) != len(all) {
		t.Fatalf("%d records, want %d", len(got.records), len(all))
	}
	for i, text := range all {
		r := got.records[i]
		want := map[string]any{
			"text": asShown(text, len(text), 256), "eight": asShown(text, len(text), 8), "less": asShown(text, len(text)-3, 300),
			"known": text == "four", "ab": strings.HasPrefix(text, "ab"),
		}
		if len(text) > 8 { // else what lies behind it counts
			want["ended"] = asShown(text, len(text), 8)
		}
		for name, want := range want {
			if r[name] != want {
				t.Errorf("%s of %q is %q, want %q", name, text, r[name], want)
			}
		}
	}
	if n := got.account.FailedReads; n > 2 { // ended, of what has no memory
		t.Errorf("%d failed reads", n)
	}
}

// TestTextsCounted wants a row for each text that starts with an a, whatever stood behind
// its end or its NUL.
func TestTextsCounted(t *testing.T) {
	const rounds = 3
	got := trace(t, map[string][]string{"process": {strconv.Itoa(os.Getpid())}}, writeAll(rounds), "texts_counted")[0]
	want := map[string]int{}
	for _, text := range written {
		if strings.HasPrefix(text, "a") {
			want[asShown(text, len(text), 16)] += rounds
		}
	}
	for _, r := range got.records {
		if n := number(r["writes"]); want[r["text"].(string)] != n {
			t.Errorf("%q was written %d times, want %d", r["text"], n, want[r["text"].(string)])
		}
		delete(want, r["text"].(string))
	}
	for text := range want {
		t.Errorf("%q has no row", text)
	}
}
