package ktype

import (
	"slices"
	"testing"
)

func TestNearest(t *testing.T) {
	known := []string{"kprobe", "kretprobe", "tracepoint", "rawtracepoint", "uprobe", "interval", "fexit"}
	for _, test := range []struct {
		wrong string
		want  []string
	}{
		{"kprob", []string{"kprobe"}},
		{"KPROBE", []string{"kprobe", "uprobe"}},
		{"tracepiont", []string{"tracepoint"}},
		{"xprobe", []string{"kprobe", "uprobe"}},
		{"fxeit", []string{"fexit"}},
		{"inte", []string{"interval"}}, // its beginning
		{"kprobe", []string{"uprobe"}}, // not itself
		{"nothing", nil},
		{"", nil},
	} {
		if got := Nearest(test.wrong, known); !slices.Equal(got, test.want) {
			t.Errorf("Nearest(%q) = %q, want %q", test.wrong, got, test.want)
		}
	}
	many := []string{"probe_x1", "prube_a", "probe_b", "porbe_x", "probe_c", "probe_d"}
	if got := Nearest("probe_x", many); !slices.Equal(got, []string{"probe_b", "porbe_x", "probe_c"}) {
		t.Errorf("of many: %q, want the first three of one edit and the same length", got)
	}
}

func TestNearestConstants(t *testing.T) {
	k := fixture(t)
	for wrong, want := range map[string]string{"TCP_CLOSEWAIT": "TCP_CLOSE_WAIT", "AF_INTE6": "AF_INET6", "tcp_close_wait": "TCP_CLOSE_WAIT"} {
		if got := k.NearestConstants(wrong); len(got) == 0 || got[0] != want {
			t.Errorf("NearestConstants(%q) = %q, want %s first", wrong, got, want)
		}
	}
	if got := k.NearestConstants("OPT_UID"); slices.Contains(got, "OPT_UID") {
		t.Errorf("an ambiguous constant is offered for itself: %q", got)
	}
	if got := k.NearestTags("struct", "sokc"); !slices.Contains(got, "sock") {
		t.Errorf("NearestTags: %q", got)
	}
}
