package specs_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	goruntime "runtime"
	"strings"
	"sync"
	"testing"
)

// buildable is one program under test: how the compiler makes testdata/programs/FROM of it.
type buildable struct {
	from     string
	compiler []string // the command; "-o PROGRAM FROM" follows
	arch     string   // the only one it can be built for, "" for all
}

// programs lists what is traced in user space, by name. Frame pointers are kept: it is by
// them that the kernel walks a stack.
var programs = map[string]buildable{
	"calls":         {"calls.c", framed("gcc"), ""},
	"leak":          {"leak.c", framed("gcc"), ""},
	"ledger":        {"ledger.c", framed("gcc"), ""},
	"ledger-static": {"ledger.c", framed("gcc", "-static"), ""},
	"mariadbd":      {"mysqld.cc", framed("g++", "-DMARIADB"), ""},
	"mysqld":        {"mysqld.cc", framed("g++"), ""},
	"threads":       {"threads.c", framed("gcc", "-pthread"), ""},
	"tls":           {"tls.c", framed("gcc", "-Wl,--no-as-needed", "-lssl", "-lcrypto"), ""},
	"names-cc":      {"names.cc", framed("g++"), ""},
	"names-rust":    {"names.rs", rust, ""},
	"names-go":      {"./names", []string{"go", "build"}, ""},
	"split-c":       {"split.c", framed("gcc"), ""},
	"split-rust":    {"split.rs", rust, ""},
	"split-go":      {"./split", []string{"go", "build"}, ""},
	"lookup":        {"lookup.c", framed("gcc"), ""},
	"pages":         {"pages.c", framed("gcc"), ""},
	"probes":        {"probes.s", []string{"gcc", "-nostdlib", "-static"}, "amd64"},
}

var rust = []string{"rustc", "-O", "-C", "force-frame-pointers=yes"}

func framed(compiler string, flags ...string) []string {
	command := []string{compiler, "-O1", "-g", "-fno-omit-frame-pointer"}
	if goruntime.GOARCH == "amd64" {
		command = append(command, "-mno-omit-leaf-frame-pointer")
	}
	return append(command, flags...)
}

// programDir is where programs are: EBGEN_PROGRAMS, whose path is the same in a guest, so
// that bundles compiled for it name the right one, else a directory of this process.
var programDir = sync.OnceValues(func() (string, error) {
	if dir := os.Getenv("EBGEN_PROGRAMS"); dir != "" {
		return dir, os.MkdirAll(dir, 0o755)
	}
	return os.MkdirTemp("", "ebgen-programs-")
})

// removePrograms is for the end of TestMain.
func removePrograms() {
	if dir, err := programDir(); err == nil && os.Getenv("EBGEN_PROGRAMS") == "" {
		_ = os.RemoveAll(dir)
	}
}

var building sync.Mutex

// program returns the path of a program under test. It is built when it is first asked
// for; without its compiler the test is skipped, aloud.
func program(t testing.TB, name string) string {
	t.Helper()
	building.Lock()
	defer building.Unlock()
	dir, err := programDir()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, name)
	if _, err := os.Stat(path); err == nil {
		return path
	}
	b := programs[name]
	if b.arch != "" && b.arch != *arch {
		t.Skipf("%s is for %s", b.from, b.arch)
	}
	if *arch != goruntime.GOARCH && b.compiler[0] != "go" {
		t.Skipf("%s is not built for another architecture", b.from)
	}
	if _, err := exec.LookPath(b.compiler[0]); err != nil {
		missing(t, fmt.Errorf("%s cannot be built here: %w", name, err))
	}
	c := exec.Command(b.compiler[0], append(b.compiler[1:len(b.compiler):len(b.compiler)], "-o", path, b.from)...)
	c.Dir = "testdata/programs"
	c.Env = append(os.Environ(), "CGO_ENABLED=0", "GOARCH="+*arch)
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(c.Args, " "), err, out)
	}
	return path
}

// missing skips a test for want of a program, aloud. Where EBGEN_NO_SKIP says that all of them
// are installed, it fails.
func missing(t testing.TB, err error) {
	t.Helper()
	if os.Getenv("EBGEN_NO_SKIP") != "" {
		t.Fatal(err)
	}
	t.Skip(err)
}

// TestPrograms builds what a guest cannot, for EBGEN_PROGRAMS.
func TestPrograms(t *testing.T) {
	if os.Getenv("EBGEN_VM") != "" {
		t.Skip("programs are given")
	}
	for name := range programs {
		t.Run(name, func(t *testing.T) { program(t, name) })
	}
	for kind := range filesystems {
		t.Run(kind, func(t *testing.T) { image(t, kind) })
	}
}

// process is a program under test that runs.
type process struct {
	*exec.Cmd
	in  io.WriteCloser
	out io.ReadCloser
}

// start starts a program, which ends with the test at the latest.
func start(t testing.TB, path string, args ...string) *process {
	t.Helper()
	p := &process{Cmd: exec.Command(path, args...)}
	p.Stderr = os.Stderr
	var err, outErr error
	p.in, err = p.StdinPipe()
	p.out, outErr = p.StdoutPipe()
	if err := errors.Join(err, outErr); err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.Process.Kill()
		_ = p.Wait()
	})
	return p
}

// round has a program do once what it does for a byte, and returns when it has done it.
func (p *process) round() error {
	if _, err := p.in.Write([]byte{'.'}); err != nil {
		return fmt.Errorf("%s: %w", p.Path, err)
	}
	if _, err := io.ReadFull(p.out, make([]byte, 1)); err != nil {
		return fmt.Errorf("%s: %w", p.Path, err)
	}
	return nil
}
