package main

import (
	"bytes"
	"errors"
	"io"
	goruntime "runtime"
	"testing"
	"time"

	"github.com/ebgen/ebgen/gen/clang"
	"github.com/ebgen/ebgen/spec/ktype"
	"github.com/ebgen/ebgen/spec/plan"
)

// TestAhead takes a spec of the catalogue that was compiled ahead of time, as long as it is
// just what would be compiled now.
func TestAhead(t *testing.T) {
	k, err := ktype.Running()
	if err != nil {
		t.Skipf("no types of this kernel: %v", err)
	}
	text := []byte("name: ahead\ndescription: Writes by process.\nprobe: rawtracepoint:sched_process_exit\nfields: {comm: comm, exits: count()}\nchannel: map\n")
	m := &maker{stderr: io.Discard, verbose: t.Logf}
	made, err := m.compile(t.Context(), &found{name: "specs/x/ahead.yaml", text: text}, goruntime.GOARCH, []*ktype.Kernel{k})
	if errors.Is(err, clang.ErrNoClang) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := plan.WriteArchive(&out, made); err != nil {
		t.Fatal(err)
	}
	archive, err := plan.OpenArchive(bytes.NewReader(out.Bytes()), int64(out.Len()))
	if err != nil {
		t.Fatal(err)
	}
	carried := catalogue
	catalogue = func() *plan.Archive { return archive }
	defer func() { catalogue = carried }()

	b := m.ahead(&found{name: "specs/x/ahead.yaml", text: text})
	if b == nil || b.Plan.Name != "ahead" || !bytes.Equal(b.Object, made[0].Bundle.Object) {
		t.Errorf("the tracer that was compiled ahead of time is not taken: %v", b)
	}
	if b := m.ahead(&found{name: "ahead.yaml", text: append(bytes.Clone(text), '\n')}); b != nil {
		t.Error("another text has the same tracer")
	}
	often := &maker{interval: time.Second, stderr: io.Discard, verbose: t.Logf}
	if b := often.ahead(&found{name: "specs/x/ahead.yaml", text: text}); b != nil {
		t.Error("a tracer for one report is taken where an interval is wanted")
	}
}

// TestTracersAreSmall holds what every built tracer consists of to 9 MB, of the 10 MB that a
// file of `ebgen build` may have. One call of a method by name, as text/template makes, adds
// two: the linker then keeps all methods.
func TestTracersAreSmall(t *testing.T) {
	for _, arch := range []string{"amd64", "arm64"} {
		tracer, err := tracerFor(arch)
		if err != nil {
			t.Skipf("make tracers makes them: %v", err)
		}
		if len(tracer) > 9_000_000 {
			t.Errorf("the tracer for %s has %d bytes", arch, len(tracer))
		}
	}
}
