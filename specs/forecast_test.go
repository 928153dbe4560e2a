package specs_test

import (
	"context"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ebgen/ebgen/runtime"
	"github.com/ebgen/ebgen/spec/plan"
	"github.com/ebgen/ebgen/specs"
)

// forecast is what `ebgen check --btf -o json` says of one spec.
type forecast struct {
	Spec    string
	Kernels []struct {
		Kernel  string
		Outcome string
		Probes  []struct{ Probe, Through string }
	}
}

// TestForecast loads and attaches every spec of the catalogue, and wants of this kernel what
// `ebgen check` has said of it from its types alone: whether it attaches, and through which
// alternatives.
func TestForecast(t *testing.T) {
	file := os.Getenv("EBGEN_FORECAST")
	if file == "" {
		t.Skip("EBGEN_FORECAST names no answer of `ebgen check specs --btf DIR -o json`; make test-kernels does")
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var all []forecast
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	var host unix.Utsname
	if err := unix.Uname(&host); err != nil {
		t.Fatal(err)
	}
	release := unix.ByteSliceToString(host.Release[:])
	loaded := 0
	for _, f := range all {
		name := specs.Name(f.Spec)
		if path, _, ok := specs.Find(name); !ok || !strings.HasSuffix(f.Spec, path) {
			continue // one of testdata
		}
		for _, cell := range f.Kernels {
			if cell.Kernel != release {
				continue
			}
			loaded++
			t.Run(name, func(t *testing.T) {
				for _, p := range cell.Probes {
					kind, _, _ := strings.Cut(p.Through, ":")
					if why := unforeseen[plan.AttachKind(kind)]; why != "" {
						t.Skipf("%s: %s is not in the forecast", p.Through, why)
					}
				}
				if cell.Outcome == "unknown" {
					t.Skip("the types do not tell")
				}
				taken, log, err := attachedAs(t, name)
				if (cell.Outcome == "fails") != (err != nil) {
					t.Fatalf("the forecast is %q; loaded: %v", cell.Outcome, err)
				}
				for _, p := range cell.Probes {
					if p.Through != "none" && !slices.Contains(taken, p.Through) {
						t.Errorf("the forecast of %s is %s; it was:\n%s", p.Probe, p.Through, strings.Join(log, "\n"))
					}
				}
			})
		}
	}
	if loaded == 0 {
		t.Errorf("%s says nothing of kernel %s", file, release)
	}
}

// unforeseen is what the types of a kernel do not tell, by the kinds of probes that ask for it.
var unforeseen = map[plan.AttachKind]string{
	plan.Uprobe: "what is on the disk", plan.Uretprobe: "what is on the disk", plan.USDT: "what is on the disk",
	plan.Hardware: "what the CPU counts",
}

// attachedAs loads and attaches a spec, and returns what its probes were attached as and
// what -v says of it.
func attachedAs(t *testing.T, name string) (list, log []string, err error) {
	t.Helper()
	b, err := chosen(t, name)
	if err != nil {
		return nil, nil, err
	}
	ctx, stop := context.WithTimeout(t.Context(), deadline)
	defer stop()
	one, err := traceOne(ctx, b, runtime.Options{}, stop)
	for _, line := range one.log {
		if _, as, ok := strings.Cut(line, ": attached as "); ok {
			as, _, _ = strings.Cut(as, ", ")
			list = append(list, as)
		}
	}
	return list, one.log, err
}
