package specs_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	goruntime "runtime"
	"slices"
	"strconv"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// named calls f on a thread of an own name, which it has until f returns: it may be the
// process's first one, whose name is the process's.
func named(f func() error) error {
	goruntime.LockOSThread()
	defer goruntime.UnlockOSThread()
	old, name := make([]byte, 16), append([]byte(own("caller")), 0) // TASK_COMM_LEN
	if err := unix.Prctl(unix.PR_GET_NAME, uintptr(unsafe.Pointer(&old[0])), 0, 0, 0); err != nil {
		return err
	}
	if err := unix.Prctl(unix.PR_SET_NAME, uintptr(unsafe.Pointer(&name[0])), 0, 0, 0); err != nil {
		return err
	}
	return errors.Join(f(), unix.Prctl(unix.PR_SET_NAME, uintptr(unsafe.Pointer(&old[0])), 0, 0, 0))
}

// TestCapable wants each check of the capability that chroot(2) needs, and of no other
// process: changing the root to the root changes nothing.
func TestCapable(t *testing.T) {
	const calls = 101
	got := trace(t, nil, func(context.Context) error {
		return named(func() error {
			for range calls {
				if err := unix.Chroot("/"); err != nil {
					return err
				}
			}
			return nil
		})
	}, "capable")[0]
	list := callers(got, func(r map[string]any) string { return fmt.Sprint(r["uid"], " ", r["capability"]) })
	// The thread asks for memory too, which looks for another capability (security/commoncap.c,
	// cap_vm_enough_memory).
	list = slices.DeleteFunc(list, func(l string) bool { return l == fmt.Sprintf("%d 0 CAP_SYS_ADMIN", os.Getpid()) })
	same(t, "capable", got, list, slices.Repeat([]string{fmt.Sprintf("%d 0 CAP_SYS_CHROOT", os.Getpid())}, calls))
}

// TestKillSnoop wants every signal that a thread sent, the refused ones too.
func TestKillSnoop(t *testing.T) {
	var want []string
	sent := func(n, target int, signal string, result unix.Errno) {
		want = append(want, slices.Repeat([]string{fmt.Sprintf("%d %d %s %d", os.Getpid(), target, signal, -int(result))}, n)...)
	}
	send := func(context.Context) error {
		return named(func() error {
			want = nil
			sent(11, nobody, "SIGWINCH", unix.ESRCH)
			sent(37, os.Getpid(), "0", 0)
			sent(7, unix.Gettid(), "SIGWINCH", 0)
			return signals()
		})
	}
	// Go's runtime interrupts its own threads with SIGURG.
	list := func(one traced) []string {
		one.records = slices.DeleteFunc(one.records, func(r map[string]any) bool { return r["signal"] == "SIGURG" })
		return callers(one, func(r map[string]any) string {
			return fmt.Sprintf("%v %v %v", r["target"], r["signal"], r["result"])
		})
	}
	got := trace(t, nil, send, "killsnoop")[0]
	same(t, "killsnoop", got, list(got), want)
	for _, only := range []map[string][]string{{"errors": {"true"}}, {"target": {strconv.Itoa(nobody)}}} {
		got = trace(t, only, send, "killsnoop")[0]
		same(t, fmt.Sprintf("killsnoop with %v", only), got, list(got), want[:11])
	}
}

// lifeEnv makes this program exit at once with the status that it says, or wait for its end.
const lifeEnv = "EBGEN_TEST_LIFE"

// live is what this program does when lifeEnv is set.
func live(life string) {
	status, err := strconv.Atoi(life)
	if err != nil {
		select {}
	}
	os.Exit(status)
}

// launch starts this program with arguments, from a thread of an own name.
func launch(life string, args ...string) (p *os.Process, err error) {
	err = named(func() error {
		p, err = os.StartProcess("/proc/self/exe", append([]string{"life"}, args...), &os.ProcAttr{Env: append(os.Environ(), lifeEnv+"="+life), Files: []*os.File{nil, os.Stdout, os.Stderr}})
		return err
	})
	return p, err
}

// TestExecExit wants each of 17 programs when it started and when it ended, and 5 that are
// killed; of what could not be started execsnoop alone tells, when it is asked.
func TestExecExit(t *testing.T) {
	var started, refused, exited []string
	began := time.Now()
	programs := func(context.Context) error {
		for i := range 22 {
			life, args := strconv.Itoa(i), []string{}
			if i >= 17 {
				life = "wait"
			}
			for j := range i % 5 {
				args = append(args, fmt.Sprintf("argument %d of %d", j+1, i))
			}
			p, err := launch(life, args...)
			if err != nil {
				return err
			}
			end := fmt.Sprintf("%d %d 0", p.Pid, i)
			if i >= 17 {
				end = fmt.Sprintf("%d 0 SIGKILL", p.Pid)
				if err := p.Kill(); err != nil {
					return err
				}
			}
			if _, err := p.Wait(); err != nil {
				return err
			}
			args = append(args, "", "", "")
			started = append(started, fmt.Sprintf("%d %d /proc/self/exe %q", p.Pid, os.Getpid(), args[:3]))
			exited = append(exited, end)
		}
		for i := range 7 {
			err := named(func() error {
				_, err := os.StartProcess("/proc/self/nothing", []string{"nothing", strconv.Itoa(i)}, &os.ProcAttr{Env: []string{}})
				return err
			})
			if err == nil {
				return fmt.Errorf("there is a program /proc/self/nothing")
			}
			refused = append(refused, fmt.Sprintf("%d /proc/self/nothing %q", os.Getpid(), []string{strconv.Itoa(i), "", ""}))
		}
		return nil
	}
	got := trace(t, map[string][]string{"errors": {"true"}}, programs, "execsnoop", "exitsnoop")
	var list, none, ended []string
	for _, r := range got[0].records {
		args := []any{r["arg1"], r["arg2"], r["arg3"]}
		switch {
		case number(r["ppid"]) != os.Getpid():
		case r["file"] == "/proc/self/nothing":
			none = append(none, fmt.Sprintf("%v %v %q", r["ppid"], r["file"], args))
			if number(r["result"]) != -int(unix.ENOENT) || r["comm"] != own("caller") {
				t.Errorf("a refused one is %v", r)
			}
		case number(r["result"]) == 0:
			list = append(list, fmt.Sprintf("%v %v %v %q", r["pid"], r["ppid"], r["file"], args))
			if r["comm"] != "exe" {
				t.Errorf("a started one is %v", r)
			}
		}
	}
	same(t, "execsnoop", got[0], list, started)
	same(t, "execsnoop --errors", got[0], none, refused)

	for _, r := range got[1].records {
		if number(r["ppid"]) != os.Getpid() || r["comm"] != "exe" {
			continue
		}
		ended = append(ended, fmt.Sprintf("%v %v %v", r["pid"], r["status"], r["signal"]))
		if age := time.Duration(number(r["age"])); age <= 0 || age > time.Since(began) || r["tid"] != r["pid"] {
			t.Errorf("an ended one is %v", r)
		}
	}
	same(t, "exitsnoop --errors", got[1], ended, exited[1:]) // the first one's status is 0
}
