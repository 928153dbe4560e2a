package runtime

import (
	"slices"
	"testing"

	"github.com/ebgen/ebgen/spec/plan"
)

func TestMissingRights(t *testing.T) {
	set := func(caps ...capability) (bits uint64) {
		for _, c := range caps {
			bits |= 1 << c.bit
		}
		return bits
	}
	either := &plan.Plan{Probes: []plan.Probe{{Alternatives: []plan.Attachment{{Kind: plan.Kprobe}, {Kind: plan.Tracepoint}}}}}
	tracepoint := &plan.Plan{Probes: []plan.Probe{{Alternatives: []plan.Attachment{{Kind: plan.Tracepoint}}}}}
	for _, test := range []struct {
		name   string
		plan   *plan.Plan
		set    uint64
		kernel version
		want   []string
	}{
		{"none", either, 0, version{6, 1}, []string{"CAP_BPF", "CAP_PERFMON"}},
		{"one of two", either, set(bpf), version{6, 1}, []string{"CAP_PERFMON"}},
		{"both", either, set(bpf, perfmon), version{6, 1}, nil},
		{"tracepoints alone need tracefs", tracepoint, set(bpf, perfmon), version{6, 1}, []string{"CAP_DAC_READ_SEARCH"}},
		{"with that", tracepoint, set(bpf, perfmon, dacReadSearch), version{6, 1}, nil},
		{"sys_admin has all", tracepoint, set(sysAdmin), version{6, 1}, nil},
		{"before the split", either, set(bpf, perfmon), version{5, 4}, []string{"CAP_SYS_ADMIN"}},
		{"sys_admin before the split", either, set(sysAdmin), version{5, 4}, nil},
	} {
		if got := missingRights(test.plan, test.set, test.kernel); !slices.Equal(got, test.want) {
			t.Errorf("%s: missing %v, want %v", test.name, got, test.want)
		}
	}
}

func TestEffective(t *testing.T) {
	const status = "Name:\tx\nCapPrm:\t0000000000000001\nCapEff:\t000001ffffffffff\nCapBnd:\t0\n"
	if got := effective(status); got != 0x1ffffffffff {
		t.Errorf("CapEff is %x", got)
	}
	if got := effective("Name:\tx\n"); got != 0 {
		t.Errorf("no CapEff is %x", got)
	}
}

func TestRightsErrorText(t *testing.T) {
	e := &RightsError{Missing: []string{"CAP_PERFMON"}, Needed: []string{"CAP_BPF", "CAP_PERFMON"}, Command: "/usr/local/bin/tcpretrans"}
	const want = "tracing needs CAP_PERFMON: run it with sudo, or grant it once: sudo setcap cap_bpf,cap_perfmon+ep /usr/local/bin/tcpretrans"
	if e.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", e, want)
	}
}

func TestVersionOrder(t *testing.T) {
	for _, test := range []struct {
		a, b version
		want bool
	}{
		{version{5, 10}, version{5, 11}, true},
		{version{5, 11}, version{5, 11}, false},
		{version{6, 0}, version{5, 11}, false},
		{version{4, 20}, version{5, 0}, true},
	} {
		if got := test.a.before(test.b); got != test.want {
			t.Errorf("%v before %v is %v", test.a, test.b, got)
		}
	}
}
