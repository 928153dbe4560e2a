package workload

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"
)

// counters reads one file of the namespace's counters.
func (n *network) counters(t *testing.T, file, protocol string, names ...string) (values []uint64) {
	t.Helper()
	err := n.do(func() error {
		text, err := os.ReadFile("/proc/thread-self/net/" + file)
		for _, name := range names {
			value, err2 := counter(string(text), protocol, name)
			err = errors.Join(err, err2)
			values = append(values, value)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return values
}

// Each socket sends one RST, no other does, and no two have the same addresses.
func TestCloseWaitResets(t *testing.T) {
	n := needNetwork(t)
	made, err := n.closeWaitResets(bounded(t), 37, 41, 200*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	if len(made.Soon) != 37 || len(made.Late) != 41 {
		t.Errorf("%d resets soon and %d late, want 37 and 41", len(made.Soon), len(made.Late))
	}
	seen := map[Reset]bool{}
	ipv6 := 0
	for _, list := range [][]Reset{made.Soon, made.Late, made.Unsure} {
		for _, r := range list {
			if seen[r] || r.Local.Port() == 0 || r.Remote.Port() == 0 || !r.Local.Addr().IsLoopback() || !r.Remote.Addr().IsLoopback() {
				t.Errorf("a reset of %s → %s", r.Local, r.Remote)
			}
			seen[r] = true
			if r.Local.Addr().Is6() {
				ipv6++
			}
		}
	}
	if haveIPv6() && ipv6 < 30 {
		t.Errorf("%d of %d over IPv6", ipv6, len(seen))
	}
	if sent := n.counters(t, "snmp", "Tcp:", "OutRsts")[0]; sent != uint64(len(seen)) {
		t.Errorf("the kernel sent %d RSTs, want %d", sent, len(seen))
	}
	// Half of them for either reason (Documentation/networking/snmp_counter.rst).
	for i, count := range n.counters(t, "netstat", "TcpExt:", "TCPAbortOnClose", "TCPAbortOnData") {
		if count < 37 {
			t.Errorf("reason %d: %d sockets, want 37 at least", i, count)
		}
	}
}

func TestCloseWaitResetsCancelled(t *testing.T) {
	needNetwork(t)
	ctx, cancel := context.WithCancel(bounded(t))
	time.AfterFunc(20*time.Millisecond, cancel)
	if _, err := CloseWaitResets(ctx, 0, 1, time.Hour); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v, want %v", err, context.Canceled)
	}
}
