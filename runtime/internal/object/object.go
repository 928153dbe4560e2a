// Package object compiles the BPF C of the runtime's own tests.
//
// In goes the path of a C file; out comes its object. Kernels that are tested in a
// virtual machine have no clang beside them, so the objects can be made beforehand and
// found through an environment variable:
//
//	go run ./runtime/internal/object/build -o DIR runtime/testdata/*.c
//	EBGEN_TEST_OBJECTS=DIR runtime.test
package object

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// DirVariable names the environment variable that holds the folder of objects made
// beforehand.
const DirVariable = "EBGEN_TEST_OBJECTS"

// Compile runs clang on one C file as the generated C is compiled, and returns the object.
func Compile(source string) ([]byte, error) {
	clang, err := exec.LookPath("clang")
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(clang, "-target", "bpf", "-mcpu=v3", "-O2", "-g", "-Wall", "-Wextra", "-Werror",
		"-fdebug-compilation-dir=.", "-c", filepath.Base(source), "-o", "-")
	cmd.Dir = filepath.Dir(source)
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("compile %s: %w\n%s", source, err, complaints.String())
	}
	return out, nil
}

// Name is the file name of a C file's object.
func Name(source string) string {
	return strings.TrimSuffix(filepath.Base(source), ".c") + ".o"
}

// compiled keeps what this process has compiled already.
var compiled sync.Map // source to func() ([]byte, error)

func once(source string) ([]byte, error) {
	f, _ := compiled.LoadOrStore(source, sync.OnceValues(func() ([]byte, error) { return Compile(source) }))
	return f.(func() ([]byte, error))()
}

// Load returns the object of a C file: the one made beforehand where there is such a
// folder, else a fresh one. A test without clang and without the folder is skipped.
func Load(t testing.TB, source string) []byte {
	t.Helper()
	if dir := os.Getenv(DirVariable); dir != "" {
		b, err := os.ReadFile(filepath.Join(dir, Name(source)))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	b, err := once(source)
	if errors.Is(err, exec.ErrNotFound) {
		t.Skipf("no clang, and %s names no folder of objects", DirVariable)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b
}
