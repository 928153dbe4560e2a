package specs_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestSpanPattern wants the calls of two functions of one pattern, each under its name.
func TestSpanPattern(t *testing.T) {
	const bytes = 301 // that a call gives, and no other one
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(strings.Repeat("/", bytes), link); err != nil {
		t.Fatal(err)
	}
	want := map[string]int{"vfs_read": 37, "vfs_readlink": 11}
	got := trace(t, map[string][]string{"process": {strconv.Itoa(os.Getpid())}}, func(context.Context) error {
		zero, err := os.Open("/dev/zero")
		if err != nil {
			return err
		}
		defer zero.Close()
		for range want["vfs_read"] {
			_, failed := zero.Read(make([]byte, bytes))
			err = errors.Join(err, failed)
		}
		for range want["vfs_readlink"] {
			_, failed := os.Readlink(link)
			err = errors.Join(err, failed)
		}
		return err
	}, "span_pattern")[0]
	if len(got.records) != len(want) {
		t.Errorf("%d rows, want %d: %v", len(got.records), len(want), got.records)
	}
	for _, r := range got.records {
		name, _ := r["function"].(string)
		if n := number(r["calls"]); n != want[name] {
			t.Errorf("%d calls of %s, want %d", n, name, want[name])
		}
		if number(r["longest"]) <= 0 {
			t.Errorf("%s took no time: %v", name, r)
		}
	}
}
