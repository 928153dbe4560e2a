package listing

import (
	"errors"
	"slices"
	"testing"

	"github.com/ebgen/ebgen/spec/ktype"
	"github.com/ebgen/ebgen/spec/plan"
)

// What this kernel refuses stands behind what it attaches, each in the order of kinds.
func TestRefusedLast(t *testing.T) {
	k, err := ktype.Running()
	if err != nil {
		t.Skip(err)
	}
	refuse := func(kind plan.AttachKind, target string) error {
		if kind == plan.RawTracepoint {
			return nil
		}
		return errors.New("no")
	}
	l, err := List(Source{Kernel: k, Arch: "amd64", Try: refuse}, "*tcp_retransmit_skb*")
	if err != nil {
		t.Fatal(err)
	}
	refused := func(p Probe) bool { return p.State == Refused }
	first, raw := slices.IndexFunc(l.Probes, refused), slices.IndexFunc(l.Probes, func(p Probe) bool { return p.Name == "rawtracepoint:tcp_retransmit_skb" })
	if first < 1 || raw < 0 || raw >= first {
		t.Fatalf("the first refused is number %d, the raw tracepoint %d: %+v", first, raw, l.Probes)
	}
	for _, p := range l.Probes[first:] {
		if !refused(p) {
			t.Errorf("%+v stands behind what is refused", p)
		}
	}
}
