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
	"regexp"
	goruntime "runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ebgen/ebgen/gen"
	"github.com/ebgen/ebgen/gen/clang"
	"github.com/ebgen/ebgen/runtime"
	"github.com/ebgen/ebgen/runtime/decode"
	"github.com/ebgen/ebgen/runtime/sink"
	"github.com/ebgen/ebgen/runtime/stack"
	"github.com/ebgen/ebgen/runtime/symbol"
	symbolprocess "github.com/ebgen/ebgen/runtime/symbol/process"
	"github.com/ebgen/ebgen/spec"
	"github.com/ebgen/ebgen/spec/check"
	"github.com/ebgen/ebgen/spec/fit"
	"github.com/ebgen/ebgen/spec/ktype"
	"github.com/ebgen/ebgen/spec/plan"
	"github.com/ebgen/ebgen/specs"
	"github.com/ebgen/ebgen/specs/workload"
)

// A guest has no clang: its bundles are compiled before, against the BTF of all kernels,
// by TestCompile with -bundles and -btf, and are found where EBGEN_BUNDLES says. A guest
// takes from each what fits its kernel, as a built tracer does.
var (
	bundles = flag.String("bundles", "", "directory that TestCompile writes bundles to")
	btfDir  = flag.String("btf", "", "folder with the types of the kernels that TestCompile compiles for")
	arch    = flag.String("arch", goruntime.GOARCH, "architecture that TestCompile compiles for")
)

func TestMain(m *testing.M) {
	if workload.Main() {
		return
	}
	if os.Getenv(workEnv) != "" {
		doWork()
		return
	}
	if life := os.Getenv(lifeEnv); life != "" {
		live(life)
	}
	status := m.Run()
	removePrograms()
	os.Exit(status)
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
	list["llcstat_faults"] = []byte(strings.NewReplacer("hardware:cache-references:$every", "software:page-faults:$every",
		"hardware:cache-misses:$every", "software:minor-faults:$every", "default: 100", "default: 1").Replace(string(list["llcstat"])))
	for name, v := range variants {
		list[name] = list[v.spec]
	}
	return list
}

// A variant is a spec of the catalogue with values of params that are parts of its probes,
// under a name of its own.
type variant struct {
	spec   string
	values map[string]string
	needs  string // a function of a module: kernels that do not tell it are left out
}

var variants = map[string]variant{
	"stackcount_entry":        {spec: "stackcount", values: map[string]string{"probe": "uprobe:PROGRAMS/ledger:book_entry"}},
	"funccount_book":          {spec: "funccount", values: map[string]string{"probe": "uprobe:PROGRAMS/ledger:book_*"}},
	"funccount_vfs":           {spec: "funccount", values: map[string]string{"probe": "function:vfs_*k*"}},
	"funclatency_vfs":         {spec: "funclatency", values: map[string]string{"probe": "function:vfs_*k*"}},
	"argdist_entry":           {spec: "argdist", values: map[string]string{"probe": "uprobe:PROGRAMS/ledger:book_entry"}},
	"argdist_result":          {spec: "argdist", values: map[string]string{"probe": "uretprobe:PROGRAMS/ledger:book_entry"}},
	"argdist_returned":        {spec: "argdist", values: map[string]string{"probe": "function:vfs_read:return"}},
	"funclatency_calls":       {spec: "funclatency", values: map[string]string{"probe": "uprobe:PROGRAMS/calls:call_*"}},
	"dbslower_mysqld":         {spec: "dbslower", values: map[string]string{"server": "PROGRAMS/mysqld"}},
	"mysqld_qslower_mysqld":   {spec: "mysqld_qslower", values: map[string]string{"mysqld": "PROGRAMS/mysqld"}},
	"mysqld_qslower_mariadbd": {spec: "mysqld_qslower", values: map[string]string{"mysqld": "PROGRAMS/mariadbd"}},
	"funcslower_wait":         {spec: "funcslower", values: map[string]string{"probe": "uprobe:PROGRAMS/calls:call_wait"}},
	"funclatency_wait":        {spec: "funclatency", values: map[string]string{"probe": "uprobe:PROGRAMS/calls:call_wait"}},
	"fsslower_xfs":            {spec: "fsslower", values: map[string]string{"fs": "xfs"}, needs: "xfs_file_open"},
	"fsslower_btrfs":          {spec: "fsslower", values: map[string]string{"fs": "btrfs"}, needs: "btrfs_file_open"},
	"fsdist_xfs":              {spec: "fsdist", values: map[string]string{"fs": "xfs"}, needs: "xfs_file_open"},
	"fsdist_btrfs":            {spec: "fsdist", values: map[string]string{"fs": "btrfs"}, needs: "btrfs_file_open"},
	"xfs_inodes":              {spec: "xfs_inodes", needs: "xfs_setattr_nonsize"},
}

// programName is where a spec of testdata names a program under test.
var programName = regexp.MustCompile(`PROGRAMS/([a-z-]+)`)

// built is the text of a spec with the paths of the programs that it names, which are
// built when they are not there.
func built(t testing.TB, text []byte) []byte {
	return programName.ReplaceAllFunc(text, func(name []byte) []byte {
		return []byte(program(t, strings.TrimPrefix(string(name), "PROGRAMS/")))
	})
}

// TestCompile checks and compiles every spec, for the running kernel or for those whose
// types -btf names.
func TestCompile(t *testing.T) {
	if os.Getenv("EBGEN_BUNDLES") != "" {
		t.Skip("bundles are given")
	}
	kernels, err := kernels()
	if err != nil {
		t.Skipf("no types to compile against: %v", err)
	}
	for name, text := range texts(t) {
		t.Run(name, func(t *testing.T) {
			text := built(t, text)
			var plans []gen.Made
			for _, k := range kernels {
				if !tells(k, name) {
					continue
				}
				plans = append(plans, gen.Made{Plan: checked(t, k, name, text), Kernel: plan.Origin{Release: k.Release(), ID: k.ID()}})
			}
			if len(plans) == 0 {
				t.Skipf("no kernel tells of %s", variants[name].needs)
			}
			all, err := gen.BuildAll(t.Context(), plans, text, gen.Options{Arch: *arch})
			if errors.Is(err, clang.ErrNoClang) {
				t.Skip(err)
			}
			if err != nil {
				t.Fatal(err)
			}
			if *bundles == "" {
				return
			}
			var out bytes.Buffer
			if err := plan.WriteArchive(&out, all); err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(os.MkdirAll(*bundles, 0o755), os.WriteFile(filepath.Join(*bundles, name), out.Bytes(), 0o644)); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// kernels are the types to compile for.
var kernels = sync.OnceValues(func() (list []*ktype.Kernel, err error) {
	if *btfDir == "" {
		k, err := running()
		return []*ktype.Kernel{k}, err
	}
	files, err := filepath.Glob(filepath.Join(*btfDir, "*"))
	for _, file := range files {
		k, opened := ktype.Open(file)
		list, err = append(list, k), errors.Join(err, opened)
	}
	return list, err
})

var running = sync.OnceValues(ktype.Running)

// tells reports whether a kernel has the types that a variant needs.
func tells(k *ktype.Kernel, name string) bool {
	needs := variants[name].needs
	if needs == "" {
		return true
	}
	_, err := k.Function(needs)
	return err == nil
}

// checked is the plan of a spec for a kernel.
func checked(t testing.TB, k *ktype.Kernel, name string, text []byte) *plan.Plan {
	t.Helper()
	doc, diags := spec.Parse(name+".yaml", text)
	values := map[string]string{}
	for param, value := range variants[name].values {
		values[param] = string(built(t, []byte(value)))
	}
	p, diags := check.Check(doc, diags, k, check.Options{Arch: *arch, Values: values})
	if len(diags.All()) > 0 {
		var b strings.Builder
		_ = diags.Print(&b)
		t.Fatalf("kernel %s:\n%s", k.Release(), b.String())
	}
	if name == "nested" { // a stack of calls, which else only spans of functions have
		m := &p.Maps[p.Span.Map]
		m.Depth, m.Entries = nestedDepth, 16
	}
	return p
}

func compile(t testing.TB, k *ktype.Kernel, name string, text []byte) *plan.Bundle {
	t.Helper()
	p := checked(t, k, name, text)
	b, err := gen.Build(t.Context(), p, text, gen.Options{})
	if errors.Is(err, clang.ErrNoClang) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	exact, err := fit.Exact(p, k)
	if err != nil {
		t.Fatal(err)
	}
	b.Knows(exact)
	return b
}

// bundle returns the bundle of a spec by name: one that is given and fits this kernel, or
// one compiled now.
func bundle(t testing.TB, name string) *plan.Bundle {
	t.Helper()
	b, err := chosen(t, name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// chosen is bundle with the error of one that does not fit.
func chosen(t testing.TB, name string) (*plan.Bundle, error) {
	t.Helper()
	dir := os.Getenv("EBGEN_BUNDLES")
	if dir == "" {
		k, err := running()
		if err != nil {
			t.Skipf("no types to compile against: %v", err)
		}
		return compile(t, k, name, built(t, texts(t)[name])), nil
	}
	data, err := os.ReadFile(filepath.Join(dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		t.Skipf("%s was not compiled: what it traces is not built for this architecture", name)
	}
	if err != nil {
		t.Fatal(err)
	}
	a, err := plan.OpenArchive(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	return fit.Choose(a, a.Entries()[0].Name, fit.Host{Arch: goruntime.GOARCH, Kernel: running})
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
	return traceWith(t, runtime.Options{Params: params}, events, names...)
}

// traceWith is trace with other options than a tracer's params.
func traceWith(t *testing.T, o runtime.Options, events func(context.Context) error, names ...string) []traced {
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
	// All are compiled before one runs, which else might see the compiler.
	var all []*plan.Bundle
	for _, name := range names {
		all = append(all, bundle(t, name))
	}
	for i, b := range all {
		ended.Go(func() {
			ready := sync.OnceFunc(attached.Done)
			defer ready()
			results[i], failures[i] = traceOne(running, b, o, ready)
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
	for _, err := range failures { // one that cannot attach ends the others
		var impossible *runtime.AttachError
		if errors.As(err, &impossible) && os.Getenv("EBGEN_VM") == "" {
			t.Skip(err)
		}
	}
	for i, err := range failures {
		if err != nil {
			t.Fatalf("%s: %v", names[i], err)
		}
	}
	if made != nil {
		t.Fatalf("the workload: %v", made)
	}
	return results
}

func traceOne(ctx context.Context, b *plan.Bundle, o runtime.Options, ready func()) (traced, error) {
	var out bytes.Buffer
	var one traced
	processes := symbolprocess.NewTable()
	defer processes.Close()
	book := stack.NewBook(symbol.NewKernel(), processes)
	decoder, err := decode.New(b.Plan, decode.Env{Syscall: symbol.Syscall, Stacks: book.Frames})
	if err != nil {
		return one, err
	}
	s, err := sink.New("json", &out, decoder, sink.Options{})
	if err != nil {
		return one, err
	}
	o.Sink, o.Stacks, o.Ready = s, book, ready
	o.Verbose = func(format string, args ...any) { one.log = append(one.log, fmt.Sprintf(format, args...)) }
	if o.KernelID, err = ktype.RunningID(); err != nil {
		return one, err
	}
	one.account, err = runtime.Run(ctx, b, o)
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
	if one.account.LostRing != 0 || one.account.LostSink != 0 || one.account.Missed != 0 && !mayMiss(b.Plan) {
		return one, fmt.Errorf("not complete: %v", one.account)
	}
	return one, nil
}

// mayMiss reports whether this kernel may skip the program of an event that a plan traces,
// and count it: docs/decisions/missed.md.
func mayMiss(p *plan.Plan) bool {
	var name unix.Utsname
	preemptible := unix.Uname(&name) == nil && name.Release[0] >= '7'
	if p.Owners != nil {
		// What learns owners sees every socket of the machine, in system calls that one in
		// bpf(2) may keep from being seen. Whether the owners are right is compared.
		return true
	}
	for _, probe := range p.Probes {
		for _, a := range probe.Alternatives {
			switch {
			case preemptible && (a.Kind == plan.RawTracepoint || strings.HasPrefix(a.Target, "syscalls:")):
				return true
			case a.Target == "inet_sock_set_state":
				// A softirq changes the state of sockets as well as a thread does, and when it
				// comes in the middle of the thread's program there may be many: rare but on
				// a busy machine.
				return true
			}
		}
	}
	return false
}

// number is a JSON number as an int.
func number(v any) int {
	n, err := v.(json.Number).Int64()
	if err != nil {
		panic(err)
	}
	return int(n)
}

// fraction is a JSON number as a float.
func fraction(v any) float64 {
	f, err := v.(json.Number).Float64()
	if err != nil {
		panic(err)
	}
	return f
}

// own is a process name that no test running beside this one has; the kernel keeps 15
// bytes of it (TASK_COMM_LEN).
func own(name string) string { return fmt.Sprintf("%s-%d", name, os.Getpid()) }
