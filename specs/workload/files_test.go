package workload

import (
	"os"
	"testing"
)

// What Files says it made is gone, each file has a size of its own, and nothing is at the
// paths beside them.
func TestFiles(t *testing.T) {
	made, err := Files(bounded(t), "filer", 37)
	if err != nil {
		t.Fatal(err)
	}
	if len(made) != 37 {
		t.Fatalf("%d files, want 37", len(made))
	}
	sizes := map[int]bool{}
	for _, f := range made {
		sizes[f.Bytes] = true
		for _, path := range []string{f.Path, f.Gone} {
			if _, err := os.Lstat(path); !os.IsNotExist(err) {
				t.Errorf("%s is there (%v)", path, err)
			}
		}
	}
	if len(sizes) != 37 {
		t.Errorf("%d sizes, want 37", len(sizes))
	}
}
