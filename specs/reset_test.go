package specs_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/ebgen/ebgen/specs/workload"
)

// TestCloseWaitBeforeReset wants the 37 sockets whose RST followed their CLOSE_WAIT within
// the window, and none of the 41 whose RST came later. Other tests may reset sockets on
// this machine meanwhile.
func TestCloseWaitBeforeReset(t *testing.T) {
	const window = 200 * time.Millisecond
	var made *workload.Resets
	got := trace(t, map[string][]string{"window": {window.String()}}, func(ctx context.Context) (err error) {
		made, err = workload.CloseWaitResets(ctx, 37, 41, window)
		return err
	}, "closewait-before-reset")[0]
	line := func(local, remote string) string { return local + " " + remote }
	ours := map[string]bool{}
	var want, list []string
	for _, r := range made.Soon {
		want = append(want, line(r.Local.String(), r.Remote.String()))
		ours[want[len(want)-1]] = true
	}
	for _, r := range made.Late {
		ours[line(r.Local.String(), r.Remote.String())] = true
	}
	if len(made.Soon) != 37 || len(made.Late) != 41 {
		t.Errorf("%d resets soon and %d late were made, want 37 and 41", len(made.Soon), len(made.Late))
	}
	for _, r := range got.records {
		one := line(ends(r["flow"].(map[string]any)))
		if !ours[one] {
			continue
		}
		list = append(list, one)
		if r["before"] != "ESTABLISHED" || r["after"] != "CLOSE_WAIT" || number(r["retransmits"]) != 0 {
			t.Errorf("a record is %v", r)
		}
		if age := time.Duration(number(r["age"])); age <= 0 || age >= window {
			t.Errorf("%s after %v, the window is %v", one, age, window)
		}
	}
	absent := slices.DeleteFunc(slices.Clone(want), func(one string) bool { return slices.Contains(list, one) })
	if missed := int(got.account.Missed); len(absent) > 0 && len(absent) <= missed { // where mayMiss says so
		t.Logf("%d events were missed, and %d records are missing", missed, len(absent))
		list = append(list, absent...)
	}
	compare(t, "closewait-before-reset", list, want)
}
