package runtime

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// childVariable makes the test binary a tracer of the process that started it.
const childVariable = "EBGEN_TEST_TRACER"

// TestTracer is the child of TestStoppedTracer: a tracer in a process of its own, ended
// by SIGINT.
func TestTracer(t *testing.T) {
	parent := os.Getenv(childVariable)
	if parent == "" {
		t.Skip("only as the child of TestStoppedTracer")
	}
	ctx, cancel := signal.NotifyContext(t.Context(), os.Interrupt)
	defer cancel()
	ctx, late := context.WithTimeout(ctx, time.Minute)
	defer late()
	account, err := Run(ctx, calls(t, rawTracepoint), Options{
		Params:   map[string][]string{"pid": {parent}},
		Sink:     new(list),
		RingSize: 4096,
		Ready:    func() { fmt.Println("ready") },
	})
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println("account", account.Delivered, account.LostRing, account.LostSink)
}

// A tracer that is stopped and goes on loses what its ring cannot hold meanwhile, and
// counts all of it.
func TestStoppedTracer(t *testing.T) {
	needRoot(t)
	const before, during, after = 37, 100003, 101
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	child := exec.CommandContext(ctx, executable, "-test.run=^TestTracer$")
	child.Env = append(os.Environ(), childVariable+"="+strconv.Itoa(os.Getpid()))
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	line, err := lines.ReadString('\n')
	if strings.Contains(line, "SKIP") {
		t.Skip("the tracer was skipped: ", line)
	}
	if line != "ready\n" {
		t.Fatalf("the tracer says %q, %v", line, err)
	}
	call(before)
	signalChild(t, child.Process, syscall.SIGSTOP)
	waitStopped(t, child.Process.Pid)
	call(during)
	signalChild(t, child.Process, syscall.SIGCONT)
	call(after)
	signalChild(t, child.Process, syscall.SIGINT)
	rest, err := io.ReadAll(lines)
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Wait(); err != nil {
		t.Fatalf("the tracer: %v\n%s", err, rest)
	}
	var delivered, lostRing, lostSink int
	if _, err := fmt.Sscanf(string(rest), "account %d %d %d", &delivered, &lostRing, &lostSink); err != nil {
		t.Fatalf("%v in %q", err, rest)
	}
	if delivered+lostRing+lostSink != before+during+after || lostSink != 0 || lostRing == 0 {
		t.Errorf("%d delivered + %d lost in the ring + %d lost by the sink, of %d", delivered, lostRing, lostSink, before+during+after)
	}
}

func signalChild(t *testing.T, p *os.Process, s os.Signal) {
	t.Helper()
	if err := p.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// waitStopped waits until a process is in state T (proc_pid_stat(5)).
func waitStopped(t *testing.T, pid int) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			t.Fatal(err)
		}
		if _, state, _ := strings.Cut(string(stat), ") "); strings.HasPrefix(state, "T") {
			return
		}
	}
	t.Fatal("the tracer does not stop")
}
