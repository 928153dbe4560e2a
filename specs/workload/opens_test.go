package workload

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// The test's children are this program too, so they know one order more.
func init() {
	orders["getppid"] = func(_ *child, q *request, r *reply) error {
		for range q.Count {
			unix.Getppid()
		}
		r.Returned = []int{unix.Gettid()}
		return nil
	}
}

func TestExactCalls(t *testing.T) {
	for _, test := range []struct {
		order  string
		number uint64
		n      int
	}{
		{"open", unix.SYS_OPENAT, 0},
		{"open", unix.SYS_OPENAT, 37},
		{"open", unix.SYS_OPENAT, 101},
		{"getppid", unix.SYS_GETPPID, 0},
		{"getppid", unix.SYS_GETPPID, 37},
		{"getppid", unix.SYS_GETPPID, 101},
	} {
		t.Run(fmt.Sprintf("%s %d", test.order, test.n), func(t *testing.T) {
			p, err := startProcess("exact")
			if err != nil {
				t.Fatal(err)
			}
			defer p.end()
			counts := counted(t, p.pid, func() error {
				_, err := p.call(request{Do: test.order, Dir: t.TempDir(), Count: test.n})
				return err
			})
			if got := counts[test.number]; got != test.n {
				t.Errorf("%d calls, want %d; all calls: %v", got, test.n, counts)
			}
		})
	}
}

func TestGetppidOnOneThread(t *testing.T) {
	p, err := startProcess("one-thread")
	if err != nil {
		t.Fatal(err)
	}
	defer p.end()
	r, err := p.call(request{Do: "getppid", Count: 37})
	if err != nil {
		t.Fatal(err)
	}
	if r.Returned[0] != p.pid {
		t.Errorf("thread %d of process %d made the calls, want the first", r.Returned[0], p.pid)
	}
}

func TestOpens(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	made, err := Opens(bounded(t), "opener", 37)
	if err != nil {
		t.Fatal(err)
	}
	if len(made) != 37 {
		t.Fatalf("%d calls, want 37", len(made))
	}
	missing := 0
	for i, o := range made {
		want := Opened{PID: made[0].PID, Comm: "opener", Path: filepath.Join(filepath.Dir(made[0].Path), fmt.Sprintf("%06d", i)), Flags: openFlags[i%4]}
		if i%3 == 2 {
			want.Errno = unix.ENOENT
			missing++
		}
		if o != want {
			t.Errorf("call %d is %+v, want %+v", i, o, want)
		}
	}
	if missing != 12 {
		t.Errorf("%d files are missing, want 12", missing)
	}
	left, err := os.ReadDir(os.TempDir())
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestProcessName(t *testing.T) {
	for _, comm := range []string{"a", "fifteen-letters"} {
		p, err := startProcess(comm)
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", p.pid))
		if err != nil || string(got) != comm+"\n" {
			t.Errorf("process %s is called %q, %v", comm, got, err)
		}
		p.end()
		p.end() // harmless
		if _, err := os.Stat(fmt.Sprintf("/proc/%d", p.pid)); err == nil {
			t.Errorf("process %s is still there", comm)
		}
	}
	for _, comm := range []string{"", "sixteen--letters"} {
		if p, err := startProcess(comm); err == nil {
			p.end()
			t.Errorf("a process can be called %q", comm)
		}
	}
}

func TestNoChildOfAChild(t *testing.T) {
	t.Setenv(childEnv, "parent")
	if _, err := startProcess("child"); err == nil || !strings.Contains(err.Error(), "workload.Main") {
		t.Errorf("error is %v, want one that names workload.Main", err)
	}
}

func TestOrders(t *testing.T) {
	p, err := startProcess("clumsy")
	if err != nil {
		t.Fatal(err)
	}
	defer p.end()
	for _, test := range []struct {
		q    request
		want string
	}{
		{request{Do: "dance"}, "process clumsy: dance: no such order"},
		{request{Do: "connect", Addr: loopback(false)}, "process clumsy: connect: connect to 127.0.0.1:0: connection refused"},
		{request{Do: "finish", Socket: 1}, "process clumsy: finish: send 1 bytes: socket operation on non-socket"},
	} {
		if _, err := p.call(test.q); err == nil || err.Error() != test.want {
			t.Errorf("%s: error is %v, want %s", test.q.Do, err, test.want)
		}
	}
	if _, err := p.call(request{Do: "tell"}); err != nil {
		t.Errorf("after errors it does not answer: %v", err)
	}
}
