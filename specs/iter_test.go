package specs_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	goruntime "runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ebgen/ebgen/runtime"
)

// TestPs wants each thread of this process once and no other, and a run that ends when
// all tasks have been seen.
func TestPs(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("tracing needs root")
	}
	b := bundle(t, "ps")
	got, err := traceOne(t.Context(), b, runtime.Options{Params: map[string][]string{"pids": {strconv.Itoa(os.Getpid())}}}, func() {})
	var impossible *runtime.AttachError
	if errors.As(err, &impossible) && os.Getenv("EBGEN_VM") == "" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	if got.account.End != runtime.Exhausted {
		t.Errorf("the run ended as %v, want %v", got.account.End, runtime.Exhausted)
	}
	var tids []int
	for _, r := range got.records {
		if number(r["pid"]) != os.Getpid() || number(r["ppid"]) != os.Getppid() {
			t.Errorf("a thread of another process: %v", r)
		}
		tids = append(tids, number(r["tid"]))
	}
	slices.Sort(tids)
	if len(slices.Compact(slices.Clone(tids))) != len(tids) || !slices.Contains(tids, os.Getpid()) {
		t.Errorf("threads %v, want each once, and %d among them", tids, os.Getpid())
	}
	// Threads may have been made meanwhile, and Go ends none but bound ones.
	dir, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	if len(tids) == 0 || len(tids) > len(dir) {
		t.Errorf("%d threads, of %d that there are", len(tids), len(dir))
	}
}

// stateOf is the letter that /proc/PID/stat has for a process, "" when there is none.
func stateOf(pid int) string {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if _, rest, ok := strings.Cut(string(text), ") "); ok {
		return rest[:1]
	}
	return ""
}

// TestStates compares the letters of tasks with those of /proc: of a process that sleeps,
// one that is stopped and one that is a zombie, and of every idle thread of the kernel.
func TestStates(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("tracing needs root")
	}
	b := bundle(t, "states")
	want := map[int]string{}
	for letter, signal := range map[string]unix.Signal{"S": 0, "T": unix.SIGSTOP, "Z": unix.SIGKILL} {
		sleeper := exec.Command("sleep", "1000")
		if err := sleeper.Start(); err != nil {
			t.Fatal(err)
		}
		defer sleeper.Wait()
		defer sleeper.Process.Kill()
		if signal != 0 {
			unix.Kill(sleeper.Process.Pid, signal)
		}
		want[sleeper.Process.Pid] = letter
		for limit := time.Now().Add(deadline); stateOf(sleeper.Process.Pid) != letter; goruntime.Gosched() {
			if time.Now().After(limit) {
				t.Fatalf("%d is %q, never %s", sleeper.Process.Pid, stateOf(sleeper.Process.Pid), letter)
			}
		}
	}
	tasks, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	for _, task := range tasks {
		if pid, err := strconv.Atoi(task.Name()); err == nil && stateOf(pid) == "I" {
			want[pid] = "I"
		}
	}
	got, err := traceOne(t.Context(), b, runtime.Options{}, func() {})
	if err != nil {
		t.Fatal(err)
	}
	idle := 0
	for _, r := range got.records {
		letter, known := want[number(r["tid"])]
		delete(want, number(r["tid"]))
		switch {
		case letter == "I" && r["state"] == "R": // it has work just now
		case known && r["state"] != letter:
			t.Errorf("task %v is %v, want %s", r["tid"], r["state"], letter)
		case letter == "I":
			idle++
		}
	}
	for pid, letter := range want {
		if letter != "I" {
			t.Errorf("process %d, which is %s, was not seen", pid, letter)
		}
	}
	if idle == 0 {
		t.Error("no thread of the kernel is idle")
	}
}

// TestSockets wants the three sockets of one connection: the one that listens and both of
// its ends, each with its addresses, state and user.
func TestSockets(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("tracing needs root")
	}
	for _, host := range []string{"127.0.0.1", "::1"} {
		t.Run(host, func(t *testing.T) {
			var config net.ListenConfig
			config.SetMultipathTCP(false) // what listens is then a TCP socket alone
			listener, err := config.Listen(t.Context(), "tcp", net.JoinHostPort(host, "0"))
			if err != nil {
				t.Skip(err)
			}
			defer listener.Close()
			client, err := net.Dial("tcp", listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			server, err := listener.Accept()
			if err != nil {
				t.Fatal(err)
			}
			defer server.Close()
			_, port, _ := net.SplitHostPort(listener.Addr().String())
			got, err := traceOne(t.Context(), bundle(t, "sockets"), runtime.Options{Params: map[string][]string{"port": {port}}}, func() {})
			var impossible *runtime.AttachError
			if errors.As(err, &impossible) && os.Getenv("EBGEN_VM") == "" {
				t.Skip(err)
			}
			if err != nil {
				t.Fatal(err)
			}
			var list []string
			for _, r := range got.records {
				local, remote := ends(r["flow"].(map[string]any))
				list = append(list, fmt.Sprintf("%s %s %s %d", local, remote, r["state"], number(r["uid"])))
			}
			none := net.JoinHostPort(map[string]string{"127.0.0.1": "0.0.0.0", "::1": "::"}[host], "0")
			a, b, uid := client.LocalAddr(), client.RemoteAddr(), os.Getuid()
			compare(t, "sockets", list, []string{
				fmt.Sprintf("%v %s LISTEN %d", b, none, uid),
				fmt.Sprintf("%v %v ESTABLISHED %d", a, b, uid),
				fmt.Sprintf("%v %v ESTABLISHED %d", b, a, uid),
			})
		})
	}
}
