package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	goruntime "runtime"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/cilium/ebpf/asm"
	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"

	"github.com/ebgen/ebgen/gen/clang"
	"github.com/ebgen/ebgen/runtime/attach"
	"github.com/ebgen/ebgen/spec/listing"
	"github.com/ebgen/ebgen/spec/plan"
)

var update = flag.Bool("update", false, "rewrite the texts that scripts compare with")

// TestMain lets the test binary stand for the programs that scripts run.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"ebgen": main,
		"opens": opens,
		"hide":  hide,
	})
}

// TestScript runs testdata/script: what a user types, and what comes of it. Each script
// has a cache of its own, and in $NAME a name that no other process has.
func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Condition:           condition,
		Setup: func(env *testscript.Env) error {
			ebgen, err := exec.LookPath("ebgen")
			if err != nil {
				return err
			}
			env.Setenv("BIN", filepath.Dir(ebgen))
			env.Setenv("XDG_CACHE_HOME", filepath.Join(env.WorkDir, "cache"))
			env.Setenv("XDG_CONFIG_HOME", filepath.Join(env.WorkDir, "config"))
			env.Setenv("NAME", fmt.Sprintf("opens-%06x", rand.N(1<<24))) // 12 of a comm's 15 bytes
			tracers := map[string]*tracer{}
			env.Values[tracersKey{}] = tracers
			env.Defer(func() {
				for _, t := range tracers {
					t.kill()
				}
			})
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"status":       runStatus,
			"nobody":       runAsNobody,
			"start":        start,
			"attached":     attached,
			"signal":       signalTracer,
			"ends":         ends,
			"instructions": instructions,
			"delivered":    delivered,
			"account":      sumAccount,
			"damage":       damage,
			"tamper":       tamper,
			"grows":        grows,
		},
	})
}

// condition answers what a script needs of the machine.
func condition(name string) (bool, error) {
	switch name {
	case "root": // to trace, and to mount what a script hides
		var header = unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var sets [2]unix.CapUserData // low and high word, capget(2)
		err := unix.Capget(&header, &sets[0])
		return err == nil && os.Geteuid() == 0 && sets[0].Effective>>unix.CAP_SYS_ADMIN&1 == 1, nil
	case "btf":
		info, err := os.Stat("/sys/kernel/btf/vmlinux")
		return err == nil && info.Size() > 0, nil
	case "tracefs":
		for _, place := range []string{"/sys/kernel/tracing", "/sys/kernel/debug/tracing"} {
			if _, err := os.Stat(place + "/events"); err == nil {
				return true, nil
			}
		}
		return false, nil
	case "functions": // of the kernel, traced in one way or the other
		return attach.Try(plan.Kprobe, listing.Witness) == nil || attach.Try(plan.Fentry, listing.Witness) == nil, nil
	case "multi": // links at many sites of a program
		return attach.Multi(), nil
	case "tracers":
		_, err := tracerFor(goruntime.GOARCH)
		return err == nil, nil
	case "clang":
		_, err := clang.Find()
		return err == nil, nil
	}
	return false, fmt.Errorf("no condition is named %q", name)
}

// runStatus is `status N PROGRAM ARGS…`: exec, with the exit status stated.
func runStatus(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status N PROGRAM ARGS…")
	}
	expect(ts, args[0], ts.Exec(args[1], args[2:]...))
}

// expect compares the exit status in err, nil for 0, with the one that a script states.
func expect(ts *testscript.TestScript, want string, err error) {
	got := 0
	if err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		if got = exit.ExitCode(); got < 0 {
			ts.Fatalf("ended by %v, want exit status %s", exit, want)
		}
	}
	if strconv.Itoa(got) != want {
		ts.Fatalf("exit status %d, want %s", got, want)
	}
}

// damage is `damage flip|cut GLOB`: one bit in the middle of every file that matches is
// turned over, or its second half is cut off.
func damage(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: damage flip|cut GLOB")
	}
	names, err := filepath.Glob(ts.MkAbs(args[1]))
	ts.Check(err)
	if len(names) == 0 {
		ts.Fatalf("no file matches %s", args[1])
	}
	for _, name := range names {
		data, err := os.ReadFile(name)
		ts.Check(err)
		switch middle := len(data) / 2; args[0] {
		case "flip":
			data[middle] ^= 1
		case "cut":
			data = data[:middle]
		default:
			ts.Fatalf("no damage is named %q", args[0])
		}
		ts.Check(os.WriteFile(name, data, 0o600))
	}
}

// tamper is `tamper FILE`: in a bundle, or an executable that carries one, each call of
// get_current_pid_tgid becomes one of send_signal, and all checksums fit.
func tamper(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: tamper FILE")
	}
	path := ts.MkAbs(args[0])
	data, err := os.ReadFile(path)
	ts.Check(err)
	archive, err := archiveOf(data)
	ts.Check(err)
	call := func(helper asm.BuiltinFunc) []byte {
		return binary.LittleEndian.AppendUint32([]byte{0x85, 0, 0, 0}, uint32(helper))
	}
	var members []plan.Compiled
	for _, e := range archive.Entries() {
		b, err := archive.Bundle(e)
		ts.Check(err)
		before := b.Object
		b.Object = bytes.ReplaceAll(before, call(asm.FnGetCurrentPidTgid), call(asm.FnSendSignal))
		if bytes.Equal(b.Object, before) {
			ts.Fatalf("%s asks for no pid", e.Name)
		}
		members = append(members, plan.Compiled{Bundle: b, Kernels: e.Kernels})
	}
	var out bytes.Buffer
	if plan.IsArchive(data) {
		ts.Check(plan.WriteArchive(&out, members))
	} else {
		end := len(data) - 16 // of the archive: its length and a trailer follow
		program := data[:end-int(binary.LittleEndian.Uint64(data[end:]))]
		ts.Check(plan.Carry(&out, program, members))
	}
	// A child of another script, between fork and exec, would keep the file open for writing,
	// and exec refuse it (ETXTBSY).
	syscall.ForkLock.RLock()
	err = os.WriteFile(path, out.Bytes(), 0o755)
	syscall.ForkLock.RUnlock()
	ts.Check(err)
}

// grows is `grows FILE N TEXT`: the script goes on once the file has the text N times.
func grows(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: grows FILE N TEXT")
	}
	want, err := strconv.Atoi(args[1])
	ts.Check(err)
	late := time.Now().Add(patience)
	for {
		data, err := os.ReadFile(ts.MkAbs(args[0]))
		ts.Check(err)
		n := bytes.Count(data, []byte(args[2]))
		if n >= want {
			return
		}
		if time.Now().After(late) {
			ts.Fatalf("%s has %q %d times after %v, want %d", args[0], args[2], n, patience, want)
		}
		time.Sleep(10 * time.Millisecond)
	}
}
