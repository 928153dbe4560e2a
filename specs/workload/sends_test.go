package workload

import (
	"context"
	"errors"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestTCPSends(t *testing.T) {
	needNetwork(t)
	for _, test := range []struct{ n, size int }{
		{0, 1}, {1, 1}, {37, 101},
		{101, 1 << 20}, // more than a socket's buffers hold
	} {
		made, err := TCPSends(bounded(t), "sender", test.n, test.size)
		if err != nil {
			t.Errorf("%d of %d bytes: %v", test.n, test.size, err)
			continue
		}
		if len(made.Returned) != test.n {
			t.Errorf("%d calls, want %d", len(made.Returned), test.n)
		}
		for i, returned := range made.Returned {
			if want := test.size + i%7; returned != want {
				t.Errorf("call %d returned %d, want %d", i, returned, want)
			}
		}
		if made.Comm != "sender" || made.PID == 0 || made.Local == made.Remote || !made.Remote.Addr().IsLoopback() {
			t.Errorf("made is %+v", made)
		}
	}
}

// Nothing hangs when the caller gives up while the sender waits for room.
func TestTCPSendsCancelled(t *testing.T) {
	needNetwork(t)
	ctx, cancel := context.WithCancel(bounded(t))
	time.AfterFunc(20*time.Millisecond, cancel)
	if _, err := TCPSends(ctx, "sender", 1<<20, 1<<20); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v, want %v", err, context.Canceled)
	}
}

func TestExactSends(t *testing.T) {
	n := needNetwork(t)
	sender, err := n.start("sender")
	if err != nil {
		t.Fatal(err)
	}
	defer sender.end()
	p := newPair(n, sender, 0, Flow{Comm: "sender", State: Established})
	defer p.close()
	if err := p.open(bounded(t)); err != nil {
		t.Fatal(err)
	}
	counts := counted(t, sender.pid, func() error {
		_, err := p.tell("send", request{Size: 1, Count: 37})
		return err
	})
	if got := counts[unix.SYS_SENDMSG]; got != 37 {
		t.Errorf("%d sendmsg calls, want 37; all calls: %v", got, counts)
	}
}
