package specs_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	goruntime "runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ebgen/ebgen/gen"
	"github.com/ebgen/ebgen/gen/clang"
	"github.com/ebgen/ebgen/runtime"
	"github.com/ebgen/ebgen/runtime/decode"
	"github.com/ebgen/ebgen/runtime/sink"
	"github.com/ebgen/ebgen/spec"
	"github.com/ebgen/ebgen/spec/check"
	"github.com/ebgen/ebgen/spec/ktype"
	"github.com/ebgen/ebgen/spec/plan"
	"github.com/ebgen/ebgen/specs"
	"github.com/ebgen/ebgen/specs/workload"
)

// A guest has no clang: its bundles are compiled before, against its kernel's BTF, by
// TestCompile with -bundles and -btf, and are found where EBGEN_BUNDLES says.
var (
	bundles = flag.String("bundles", "", "directory that TestCompile writes bundles to")
	btfFile = flag.String("btf", "", "types of the kernel that TestCompile compiles for")
)

func TestMain(m *testing.M) {
	if workload.Main() {
		return
	}
	os.Exit(m.Run())
}

// deadline bounds a test that waits for the kernel; emulated guests are slow.
const deadline = 90 * time.Second

// texts returns every spec under test by name: the catalogue's and those of testdata.
func texts(t testing.TB) map[string][]byte {
	t.Helper()
	list := map[string][]byte{}
	for _, path := range specs.Paths() {
		name := specs.Name(path)
		_, list[name], _ = specs.Find(name)
	}
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("testdata holds no specs (%v)", err)
	}
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		list[specs.Name(path)] = text
	}
	return list
}

// TestCompile checks and compiles every spec, for the running kernel or for the one
// whose types -btf names.
func TestCompile(t *testing.T) {
	if os.Getenv("EBGEN_BUNDLES") != "" {
		t.Skip("bundles are given")
	}
	for name, text := range texts(t) {
		t.Run(name, func(t *testing.T) {
			b := compile(t, name, text)
			if *bundles == "" {
				return
			}
			var out bytes.Buffer
			if err := b.Encode(&out); err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(os.MkdirAll(*bundles, 0o755), os.WriteFile(filepath.Join(*bundles, name), out.Bytes(), 0o644)); err != nil {
				t.Fatal(err)
			}
		})
	}
}

var kernel = sync.OnceValues(func() (*ktype.Kernel, error) {
	if *btfFile != "" {
		return ktype.Open(*btfFile)
	}
	return ktype.Running()
})

func compile(t testing.TB, name string, text []byte) *plan.Bundle {
	t.Helper()
	k, err := kernel()
	if err != nil {
		t.Skipf("no types to compile against: %v", err)
	}
	doc, diags := spec.Parse(name+".yaml", text)
	p, diags := check.Check(doc, diags, k, check.Options{Arch: goruntime.GOARCH})
	if len(diags.All()) > 0 {
		var b strings.Builder
		_ = diags.Print(&b)
		t.Fatalf("kernel %s:\n%s", k.Release(), b.String())
	}
	b, err := gen.Build(t.Context(), p, text, gen.Options{})
	if errors.Is(err, clang.ErrNoClang) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// bundle returns the bundle of a spec by name: the one given, or one compiled now.
func bundle(t testing.TB, name string) *plan.Bundle {
	t.Helper()
	dir := os.Getenv("EBGEN_BUNDLES")
	if dir == "" {
		return compile(t, name, texts(t)[name])
	}
	data, err := os.ReadFile(filepath.Join(dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("no bundle of %s was compiled for this kernel", name)
	}
	if err != nil {
		t.Fatal(err)
	}
	b, err := plan.DecodeBundle(data)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// traced is what one tracer delivered.
type traced struct {
	records []map[string]any // JSON objects, numbers as json.Number
	account *runtime.Account
	log     []string // what -v says
}

// trace runs tracers by name all at once, makes events when all of them are attached,
// and ends them when the events are made. It skips aloud where this kernel cannot
// attach a tracer, except in a guest: those kernels can.
func trace(t *testing.T, params map[string][]string, events func(context.Context) error, names ...string) []traced {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("tracing needs root")
	}
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	running, stop := context.WithCancel(ctx)
	defer stop()
	results := make([]traced, len(names))
	failures := make([]error, len(names))
	var attached, ended sync.WaitGroup
	attached.Add(len(names))
	for i, name := range names {
		b := bundle(t, name)
		ended.Go(func() {
			ready := sync.OnceFunc(attached.Done)
			defer ready()
			results[i], failures[i] = traceOne(running, b, params, ready)
			if failures[i] != nil {
				stop()
			}
		})
	}
	attached.Wait()
	var made error
	if running.Err() == nil {
		made = events(running)
	}
	stop()
	ended.Wait()
	for i, err := range failures {
		var impossible *runtime.AttachError
		if errors.As(err, &impossible) && os.Getenv("EBGEN_VM") == "" {
			t.Skip(err)
		}
		if err != nil {
			t.Fatalf("%s: %v", names[i], err)
		}
	}
	if made != nil {
		t.Fatalf("the workload: %v", made)
	}
	return results
}

func traceOne(ctx context.Context, b *plan.Bundle, params map[string][]string, ready func()) (traced, error) {
	var out bytes.Buffer
	var one traced
	decoder, err := decode.New(b.Plan, decode.Env{})
	if err != nil {
		return one, err
	}
	s, err := sink.New("json", &out, decoder, sink.Options{})
	if err != nil {
		return one, err
	}
	one.account, err = runtime.Run(ctx, b, runtime.Options{Params: params, Sink: s, Ready: ready,
		Verbose: func(format string, args ...any) { one.log = append(one.log, fmt.Sprintf(format, args...)) }})
	if err != nil {
		return one, err
	}
	d := json.NewDecoder(&out)
	d.UseNumber()
	for d.More() {
		record := map[string]any{}
		if err := d.Decode(&record); err != nil {
			return one, err
		}
		one.records = append(one.records, record)
	}
	if one.account.Delivered != uint64(len(one.records)) {
		return one, fmt.Errorf("the account says %d delivered, there are %d", one.account.Delivered, len(one.records))
	}
	if one.account.LostRing != 0 || one.account.LostSink != 0 || one.account.Missed != 0 {
		return one, fmt.Errorf("not complete: %v", one.account)
	}
	return one, nil
}

// number is a JSON number as an int.
func number(v any) int {
	n, err := v.(json.Number).Int64()
	if err != nil {
		panic(err)
	}
	return int(n)
}

// own is a process name that no test running beside this one has; the kernel keeps 15
// bytes of it (TASK_COMM_LEN).
func own(name string) string { return fmt.Sprintf("%s-%d", name, os.Getpid()) }
