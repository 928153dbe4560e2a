package main

import (
	"os"
	goruntime "runtime"
	"slices"
	"strings"
	"testing"

	"github.com/ebgen/ebgen/runtime/attach"
	"github.com/ebgen/ebgen/spec/ktype"
	"github.com/ebgen/ebgen/spec/listing"
	"github.com/ebgen/ebgen/spec/plan"
)

// sampleSize is how many probes of each state are put to the kernel, of each kind whose
// programs name their target fewer: the library reads the kernel's types for each.
const sampleSize, sampleTracing = 60, 15

// What is listed as attachable attaches, and what is not does not: a sample of each kind,
// spread over the whole list, is put to the kernel itself.
func TestListedProbesAttach(t *testing.T) {
	o := probesOptions{}
	s, err := o.source()
	if err != nil {
		t.Skipf("no types to list probes from: %v", err)
	}
	if s.Try == nil {
		t.Skip("asking the kernel what attaches takes root")
	}
	for _, kind := range []plan.AttachKind{plan.Kprobe, plan.Fentry, plan.Fexit, plan.RawTracepoint, plan.Tracepoint, plan.Iterator, plan.Software, plan.Hardware} {
		t.Run(string(kind), func(t *testing.T) {
			list, err := listing.List(s, string(kind)+":*")
			if err != nil {
				t.Fatal(err)
			}
			for _, line := range list.Unasked {
				if os.Getenv("EBGEN_VM") != "" {
					t.Errorf("not asked: %s", line)
				}
			}
			tried := 0
			for _, p := range sample(list.Probes, map[bool]int{true: sampleTracing, false: sampleSize}[kind == plan.Fentry || kind == plan.Fexit]) {
				_, target, _ := strings.Cut(p.Name, ":")
				err := attach.Try(kind, target)
				tried++
				switch {
				case p.State == listing.Attaches && err != nil:
					t.Errorf("%s is listed as attachable: %v", p.Name, err)
				case p.State == listing.Refused && err == nil && !foreseen(p.Why):
					t.Errorf("%s attaches, though listed with %q", p.Name, p.Why)
				}
			}
			if tried == 0 {
				t.Error("nothing is listed")
			}
			t.Logf("%d listed, %d tried", len(list.Probes), tried)
		})
	}
}

// foreseen reports whether a reason is that a spec cannot name what the kernel would take:
// it has no types, or means one of several.
func foreseen(why string) bool {
	return strings.Contains(why, "no BTF prototype") || strings.Contains(why, "ambiguous") || strings.Contains(why, "that a program names")
}

// sample takes of each state as many as are tried, at equal distances.
func sample(all []listing.Probe, size int) (chosen []listing.Probe) {
	for _, state := range []listing.State{listing.Attaches, listing.Refused} {
		var of []listing.Probe
		reasons := map[string]int{}
		for _, p := range all {
			if p.State != state || p.Whole && state == listing.Refused && reasons[p.Why] > 3 {
				continue
			}
			reasons[p.Why]++
			of = append(of, p)
		}
		step := max(1, (len(of)+size-1)/size)
		for i := 0; i < len(of); i += step {
			chosen = append(chosen, of[i])
		}
	}
	return chosen
}

// The listing of a stored kernel says of no probe that it attaches.
func TestStoredKernelIsNotAsked(t *testing.T) {
	k, err := ktype.Open("/sys/kernel/btf/vmlinux")
	if err != nil {
		t.Skip(err)
	}
	list, err := listing.List(listing.Source{Kernel: k, Arch: goruntime.GOARCH}, "*tcp_retransmit_skb")
	if err != nil {
		t.Fatal(err)
	}
	if len(list.Probes) == 0 || slices.ContainsFunc(list.Probes, func(p listing.Probe) bool { return p.State == listing.Attaches }) {
		t.Errorf("listed %v, want probes of which none is known to attach", list.Probes)
	}
}
