package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cilium/ebpf/btf"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"

	"github.com/ebgen/ebgen/spec/source"
)

// smallKernel is the BTF of a kernel that has struct sock and functions which take one,
// with a length as wide as len is.
func smallKernel(t *testing.T, members []string, length *btf.Int, functions ...string) []byte {
	t.Helper()
	sock := &btf.Struct{Name: "sock", Size: uint32(4 * len(members))}
	for i, name := range members {
		sock.Members = append(sock.Members, btf.Member{Name: name, Type: &btf.Int{Name: "unsigned int", Size: 4}, Offset: btf.Bits(32 * i)})
	}
	var types []btf.Type
	for _, name := range functions {
		types = append(types, &btf.Func{Name: name, Linkage: btf.StaticFunc, Type: &btf.FuncProto{
			Return: &btf.Int{Name: "int", Size: 4, Encoding: btf.Signed},
			Params: []btf.FuncParam{{Name: "sk", Type: &btf.Pointer{Target: sock}}, {Name: "len", Type: length}},
		}})
	}
	// An event whose record is that of a class of another name.
	types = append(types, &btf.Typedef{Name: "btf_trace_sent", Type: &btf.Pointer{Target: &btf.FuncProto{
		Return: &btf.Void{},
		Params: []btf.FuncParam{{Type: &btf.Pointer{Target: &btf.Void{}}}, {Type: &btf.Pointer{Target: sock}}},
	}}})
	b, err := btf.NewBuilder(types, nil)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := b.Marshal(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// compress writes data by a compressor.
func compress(t *testing.T, open func(io.Writer) (io.WriteCloser, error), data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := open(&b)
	if err == nil {
		_, err = w.Write(data)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// fleet is a folder with the types of three kernels, one of them a folder, each shipped in another way, and one
// with three specs.
func fleet(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	u32, u64 := &btf.Int{Name: "unsigned int", Size: 4}, &btf.Int{Name: "long unsigned int", Size: 8}
	for name, data := range map[string][]byte{
		"fleet/7.0.0-a/vmlinux": smallKernel(t, []string{"sk_mark", "sk_new"}, u64, "send_it"),
		"fleet/6.1.0-b.btf.xz": compress(t, func(w io.Writer) (io.WriteCloser, error) { return xz.NewWriter(w) },
			smallKernel(t, []string{"sk_mark"}, u32, "send_it", "send_old")),
		"fleet/vmlinux-5.10.0-c.zst": compress(t, func(w io.Writer) (io.WriteCloser, error) { return zstd.NewWriter(w) },
			smallKernel(t, []string{"sk_mark"}, u32, "send_old")),
		"specs/either.yaml": []byte("name: either\nprobe: function:send_it | function:send_old\nfields:\n  mark: args.sk.sk_mark\n"),
		"specs/new.yaml":    []byte("name: new\nprobe: function:send_it\nfields:\n  n: args.sk.sk_new\n"),
		"specs/wide.yaml":   []byte("name: wide\nprobe: function:send_it | function:send_old\nfields:\n  size: args.len\n"),
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// A matrix needs neither the kernels nor rights; what is wrong is said once for all
// kernels that it is wrong on.
func TestCheckFleet(t *testing.T) {
	t.Chdir(fleet(t))
	var stdout, stderr bytes.Buffer
	code := execute(t.Context(), []string{"check", "specs", "--btf", "fleet"}, strings.NewReader(""), &stdout, &stderr)
	const want = `SPEC               7.0.0  6.1.0  5.10.0
specs/either.yaml  ok     ok     other
specs/new.yaml     ok     fails  fails
specs/wide.yaml    ok     ok     other
specs/either.yaml:2: through fentry:send_old; function:send_it: the kernel has no function "send_it" (Linux 5.10.0-c)
specs/wide.yaml:2: through fentry:send_old; function:send_it: the kernel has no function "send_it" (Linux 5.10.0-c)
specs/wide.yaml: column size is u32, on Linux 7.0.0-a it is u64 (Linux 6.1.0-b, 5.10.0-c)
`
	const complaints = `specs/new.yaml:2:8: function:send_it: kernel 5.10.0-c has no function "send_it"
    2 | probe: function:send_it
      |        ^^^^^^^^^^^^^^^^
note: on Linux 5.10.0-c
specs/new.yaml:4:14: struct sock has no field "sk_new"
    4 |   n: args.sk.sk_new
      |              ^^^^^^
note: on Linux 6.1.0-b
`
	if stdout.String() != want || stderr.String() != complaints || code != 2 {
		t.Errorf("status %d\n%s\nwant\n%s\nstderr\n%s\nwant\n%s", code, &stdout, want, &stderr, complaints)
	}
}

// What types do not tell is no mistake, in a spec that has none.
func TestCheckFleetUntold(t *testing.T) {
	t.Chdir(fleet(t))
	for name, text := range map[string]string{
		"class.yaml":   "name: class\nprobe: tracepoint:net:sent\nfields:\n  n: args.len\n",
		"instead.yaml": "name: instead\nprobe: tracepoint:net:sent | function:send_it\nfields:\n  n: args.sk.sk_mark\n",
		"wrong.yaml":   "name: wrong\nprobe: tracepoint:net:sent\nfields:\n  n: args.len +\n",
	} {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		args []string
		want string
		code int
	}{
		{[]string{"class.yaml", "instead.yaml"}, `SPEC          7.0.0    6.1.0    5.10.0
class.yaml    unknown  unknown  unknown
instead.yaml  other    other    unknown
`, 0},
		{[]string{"wrong.yaml"}, `SPEC        7.0.0  6.1.0  5.10.0
wrong.yaml  fails  fails  fails
`, 2},
	} {
		var stdout, stderr bytes.Buffer
		code := execute(t.Context(), append([]string{"check", "--btf", "fleet"}, test.args...), strings.NewReader(""), &stdout, &stderr)
		if got := stdout.String(); !strings.HasPrefix(got, test.want) || code != test.code {
			t.Errorf("status %d\n%s\nwant %d\n%s\nstderr\n%s", code, got, test.code, test.want, &stderr)
		}
		if want := "does not tell its record from those of other events; rawtracepoint:sent has typed arguments"; !strings.Contains(stderr.String(), want) {
			t.Errorf("stderr lacks %q:\n%s", want, &stderr)
		}
	}
}

// The spec's own C is compiled for each kernel.
func TestCheckFleetCompilesC(t *testing.T) {
	if _, err := exec.LookPath("clang"); err != nil {
		t.Skip(err)
	}
	t.Chdir(fleet(t))
	const own = "name: own\nprobe: function:send_it | function:send_old\nfields:\n  n: twice(args.sk.sk_mark)\nc: |\n  static u32 twice(u32 x)\n  {\n  	return 2 * y;\n  }\n"
	if err := os.WriteFile("own.yaml", []byte(own), 0o644); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	code := execute(t.Context(), []string{"check", "own.yaml", "--btf", "fleet"}, strings.NewReader(""), &stdout, &stderr)
	if want := "own.yaml  fails  fails  fails\n"; code != 2 || !strings.Contains(stdout.String(), want) || strings.Count(stderr.String(), "own.yaml:8:") != 1 {
		t.Errorf("status %d\n%s\nwant\n%s\nstderr\n%s", code, &stdout, want, &stderr)
	}
}

func TestCheckFleetAsJSON(t *testing.T) {
	t.Chdir(fleet(t))
	var stdout, stderr bytes.Buffer
	args := []string{"check", "specs/new.yaml", "specs/either.yaml", "--btf", "fleet/7.0.0-a", "--btf", "fleet/vmlinux-5.10.0-c.zst", "-o", "json"}
	code := execute(t.Context(), args, strings.NewReader(""), &stdout, &stderr)
	var rows []row
	if err := json.Unmarshal(stdout.Bytes(), &rows); err != nil || len(rows) != 2 || len(rows[0].Kernels) != 2 || code != 2 || stderr.Len() > 0 {
		t.Fatalf("status %d, %v, %d rows\n%s%s", code, err, len(rows), &stdout, &stderr)
	}
	newer, older := rows[0].Kernels[0], rows[0].Kernels[1]
	if newer.Kernel != "7.0.0-a" || newer.Outcome != loads || newer.Probes[0].Through != "fentry:send_it" || newer.Probes[0].Line != 2 {
		t.Errorf("new.yaml on the newer kernel: %+v", newer)
	}
	wrong := []mistake{{2, 8, `function:send_it: kernel 5.10.0-c has no function "send_it"`, ""}}
	if older.Kernel != "5.10.0-c" || older.Outcome != unloaded || !slices.Equal(older.Errors, wrong) {
		t.Errorf("new.yaml on the older kernel: %+v", older)
	}
	if c := rows[1].Kernels[1]; c.Outcome != through || c.Probes[0].Through != "fentry:send_old" || len(c.Probes[0].Passed) != 1 {
		t.Errorf("either.yaml on the older kernel: %+v", c)
	}
}

// A matrix of more kernels than fit comes in several; releases that begin alike are
// written out.
func TestWideFleet(t *testing.T) {
	var cells []*cell
	for _, release := range []string{"7.0.0-a", "7.0.0-b", "6.18.1", "6.18.2", "6.18.3", "6.12.117+deb13", "6.1.0", "5.15.100", "5.10.0", "mine"} {
		cells = append(cells, &cell{Kernel: release, Outcome: loads, diags: new(source.Diagnostics)})
	}
	var stdout, stderr bytes.Buffer
	if err := writeFleet(&stdout, &stderr, []row{{Spec: "a-long-name.yaml", Kernels: cells}}); err != nil {
		t.Fatal(err)
	}
	const want = `SPEC              7.0.0-a  7.0.0-b  6.18.1  6.18.2  6.18.3  6.12.117  6.1.0
a-long-name.yaml  ok       ok       ok      ok      ok      ok        ok

SPEC              5.15.100  5.10.0  mine
a-long-name.yaml  ok        ok      ok
`
	if stdout.String() != want {
		t.Errorf("got\n%s\nwant\n%s", &stdout, want)
	}
}
