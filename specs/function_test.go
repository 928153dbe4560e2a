package specs_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/ebgen/ebgen/specs/workload"
)

// TestSends wants what the caller of send saw: the sizes asked for at the entry, the
// results at the return, from each kind of attachment and in order.
func TestSends(t *testing.T) {
	const calls, size = 37, 101
	entry := []string{"sends_fentry", "sends_kprobe", "sends_function"}
	back := []string{"sends_fexit", "sends_kretprobe", "sends_return"}
	comm := own("sender")
	var sent *workload.Sent
	got := trace(t, map[string][]string{"comm": {comm}}, func(ctx context.Context) (err error) {
		sent, err = workload.TCPSends(ctx, comm, calls, size)
		return err
	}, slices.Concat(entry, back)...)
	for i, name := range slices.Concat(entry, back) {
		var values []int
		for _, r := range got[i].records {
			if number(r["pid"]) != sent.PID {
				t.Errorf("%s: a record of process %v, the sender is %d", name, r["pid"], sent.PID)
			}
			values = append(values, number(r["bytes"]))
		}
		if !slices.Equal(values, sent.Returned) {
			t.Errorf("%s: %v, the caller saw %v", name, values, sent.Returned)
		}
	}
	// fexit has the arguments too.
	for _, r := range got[len(entry)].records {
		if number(r["asked"]) != number(r["bytes"]) {
			t.Errorf("fexit: asked for %v, got %v", r["asked"], r["bytes"])
		}
	}
	for i, want := range []string{"fentry", "kprobe", "fentry"} {
		if !slices.ContainsFunc(got[i].log, func(l string) bool { return strings.Contains(l, "attached as "+want+":tcp_sendmsg") }) {
			t.Errorf("%s: not attached as %s: %q", entry[i], want, got[i].log)
		}
	}
}
