package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// testCache is a cache with two kernels of the matrix in it.
func testCache(t *testing.T) string {
	t.Helper()
	cache := t.TempDir()
	for name, release := range map[string]string{"6.1": "6.1.0-56-cloud-amd64", "sid": "7.2.13+deb14-cloud-amd64"} {
		if err := os.Mkdir(filepath.Join(cache, name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(cache, name, "release"), []byte(release+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return cache
}

func TestSelectKernels(t *testing.T) {
	cache := testCache(t)
	tests := []struct{ names, want, err string }{
		{names: "6.1", want: "6.1"},
		{names: "bookworm", want: "6.1"},
		{names: "sid 6.1", want: "sid 6.1"},
		{names: "6.1 bookworm 6.1.0", want: "6.1"},
		{names: "6.1.0-56-cloud-amd64", want: "6.1"},
		{names: "7.2", want: "sid"},
		{names: "7.2.13+deb14-cloud-amd64", want: "sid"},
		{names: "7.2.1", err: `no kernel "7.2.1"; want 5.10, 6.1, 6.12, sid, 6.12-arm64 or all`},
		{names: "6.12", err: "kernel 6.12: it is not in the cache: run `vm fetch`"},
		{names: "6.12-arm64", err: "kernel 6.12-arm64: it is not in the cache: run `vm fetch`"},
		{names: "all", err: "kernel 5.10: it is not in the cache: run `vm fetch`"},
	}
	for _, tt := range tests {
		kernels, err := selectKernels(cache, strings.Fields(tt.names))
		var got []string
		for _, k := range kernels {
			got = append(got, k.name)
		}
		if err != nil && err.Error() == tt.err {
			continue
		}
		if err != nil || strings.Join(got, " ") != tt.want {
			t.Errorf("%s: %q, %v; want %q, %s", tt.names, got, err, tt.want, tt.err)
		}
	}
	if _, err := selectKernels(cache, []string{""}); err == nil {
		t.Error("a kernel without a name was found")
	}
}

func TestOutFiles(t *testing.T) {
	got := outFiles("/pkg", []string{"/tmp/a", "b:/host/b", "/tmp/c:c"},
		[]string{"/pkg/x.test", "-test.v=true", "-test.coverprofile=/work/_cover_.out"})
	want := []outFile{{"/tmp/a", "/tmp/a"}, {"/pkg/b", "/host/b"}, {"/tmp/c", "/pkg/c"}, {"/work/_cover_.out", "/work/_cover_.out"}}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestGuestEnviron(t *testing.T) {
	got := guestEnviron([]string{"HOME=/home/x", "EBGEN_PATH=/specs", "EBGEN_VM_CACHE=/c", "XEBGEN_A=1", "SECRET=1"}, kernel{release: "6.1.0"})
	want := []string{"HOME=/root", "PATH=" + guestPath, "TMPDIR=/tmp", "TZ=UTC0", "USER=root", "EBGEN_PATH=/specs", "EBGEN_VM=6.1.0"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
}

func TestExplain(t *testing.T) {
	k := kernel{name: "6.1"}
	tests := []struct {
		name    string
		o       outcome
		verbose bool
		want    string
	}{
		{"a passing run says nothing", outcome{result: passed}, false, ""},
		{"nor does a failing one, which has spoken", outcome{result: failed, status: 1}, false, ""},
		{"a time-out does", outcome{result: timedOut, detail: "after 10s", boot: 3 * time.Second, total: 10 * time.Second}, false,
			"vm: kernel 6.1: timed out: after 10s (boot 3.0s, all 10.0s)\n"},
		{"a panic has its console", outcome{result: panicked, detail: "x", console: "a\nb"}, false,
			"console: a\nconsole: b\nvm: kernel 6.1: panicked: x (boot 0.0s, all 0.0s)\n"},
		{"which -v has shown already", outcome{result: passed, console: "a\nb"}, true, "vm: kernel 6.1: passed (boot 0.0s, all 0.0s)\n"},
	}
	for _, tt := range tests {
		var b bytes.Buffer
		explain(&b, k, tt.o, tt.verbose)
		if b.String() != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, b.String(), tt.want)
		}
	}
}

func TestSummarize(t *testing.T) {
	var b bytes.Buffer
	err := summarize(&b, []kernel{{name: "5.10", release: "5.10.0-46-cloud-amd64"}, {name: "sid", release: "7.2.13+deb14-cloud-amd64"}},
		[]outcome{
			{result: passed, boot: 3100 * time.Millisecond, total: 4 * time.Second},
			{result: panicked, detail: "x", boot: 3 * time.Second, total: 12 * time.Second},
		})
	want := `
kernel  release                   boot  seconds  result
5.10    5.10.0-46-cloud-amd64     3.1   4.0      passed
sid     7.2.13+deb14-cloud-amd64  3.0   12.0     panicked: x
`
	if err != nil || b.String() != want {
		t.Errorf("%v, got\n%swant\n%s", err, b.String(), want)
	}
}

func TestListedLibraries(t *testing.T) {
	const listing = "\tlinux-vdso.so.1 (0x00007ffd)\n\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f0d)\n" +
		"\t/lib64/ld-linux-x86-64.so.2 (0x00007f0e)\n"
	want := []string{"/lib/x86_64-linux-gnu/libc.so.6", "/lib64/ld-linux-x86-64.so.2"}
	if got := listedLibraries(listing); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestCopyAs(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "tree/sub"), 0o755); err != nil {
		t.Fatal(err)
	}
	script := filepath.Join(dir, "tree/sub/script")
	if err := os.WriteFile(script, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("sub/script", filepath.Join(dir, "tree/link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("tree", filepath.Join(dir, "alias")); err != nil {
		t.Fatal(err)
	}
	a := archive{}
	if err := a.copyAs(context.Background(), filepath.Join(dir, "alias"), "/guest"); err != nil {
		t.Fatal(err)
	}
	var got []string
	for name, e := range a {
		got = append(got, fmt.Sprintf("%s %o %s", name, e.mode, e.data))
	}
	slices.Sort(got)
	want := []string{"/guest 40755 ", "/guest/link 120777 sub/script", "/guest/sub 40755 ", "/guest/sub/script 100755 #!/bin/sh\n"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
	if err := a.copyAs(context.Background(), filepath.Join(dir, "none"), "/none"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
}

func TestUsage(t *testing.T) {
	t.Setenv("EBGEN_VM_CACHE", t.TempDir())
	tests := []struct {
		args   string
		status int
		want   string
	}{
		{"run", statusUsage, "no program to run"},
		{"run --nonesuch -- x", statusUsage, "unknown flag: --nonesuch"},
		{"run --timeout 0s -- x", statusUsage, "--timeout 0s: it must be positive"},
		{"fetch now", statusUsage, `unexpected argument "now"`},
		{"fetch --kernel 4.19", statusUsage, `no kernel "4.19"; want 5.10, 6.1, 6.12, sid, 6.12-arm64 or all`},
		{"btf --kernel 4.19", statusUsage, `no kernel "4.19"; want 5.10, 6.1, 6.12, sid, 6.12-arm64 or all`},
		{"btf --kernel 6.1", statusVM, "kernel 6.1: it is not in the cache: run `vm fetch`"},
	}
	for _, tt := range tests {
		c := newCommand()
		c.SetArgs(strings.Fields(tt.args))
		err := c.ExecuteContext(context.Background())
		if err == nil || err.Error() != tt.want {
			t.Errorf("%s: %v, want %s", tt.args, err, tt.want)
			continue
		}
		if status := exitStatus(err); status != tt.status {
			t.Errorf("%s: status %d, want %d", tt.args, status, tt.status)
		}
	}
}

func TestExitStatus(t *testing.T) {
	tests := []struct {
		err  error
		want int
	}{
		{nil, 0},
		{&exitError{status: 7}, 7},
		{fmt.Errorf("wrapped: %w", usageError(errNotCached)), statusUsage},
		{errNotCached, statusVM},
	}
	for _, tt := range tests {
		if got := exitStatus(tt.err); got != tt.want {
			t.Errorf("%v: %d, want %d", tt.err, got, tt.want)
		}
	}
}
