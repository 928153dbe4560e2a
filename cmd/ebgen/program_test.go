package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	goruntime "runtime"
	"strconv"
	"strings"
	"syscall"
	"unsafe"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

// opens is `opens COUNT NAME`: a thread called NAME makes exactly COUNT openat calls, of
// /nonexistent/1, /nonexistent/2 and so on, and no other.
func opens() {
	goruntime.LockOSThread()
	count, err := strconv.Atoi(os.Args[1])
	must(err)
	name, err := unix.BytePtrFromString(os.Args[2])
	must(err)
	must(unix.Prctl(unix.PR_SET_NAME, uintptr(unsafe.Pointer(name)), 0, 0, 0))
	for i := range count {
		path := append(strconv.AppendInt([]byte("/nonexistent/"), int64(i+1), 10), 0)
		cwd := unix.AT_FDCWD
		_, _, errno := syscall.RawSyscall6(syscall.SYS_OPENAT, uintptr(cwd), uintptr(unsafe.Pointer(&path[0])), unix.O_RDONLY, 0, 0, 0)
		if errno != unix.ENOENT {
			must(fmt.Errorf("open %s: %v", path, errno))
		}
	}
}

// hide is `hide GLOB PROGRAM ARGS…`: the program runs where the folders that match are
// empty. Other processes see them as they are.
func hide() {
	goruntime.LockOSThread()
	must(unix.Unshare(unix.CLONE_NEWNS))
	must(unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
	dirs, err := filepath.Glob(os.Args[1])
	must(err)
	for _, dir := range dirs {
		must(unix.Mount("hidden", dir, "tmpfs", unix.MS_RDONLY, ""))
	}
	program, err := exec.LookPath(os.Args[2])
	must(err)
	must(unix.Exec(program, os.Args[2:], os.Environ()))
}

// must ends a program of these tests.
func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, os.Args, err)
		os.Exit(99)
	}
}

// capabilities are what a script can give to nobody, by their names in capabilities(7).
var capabilities = map[string]uintptr{"dac_read_search": unix.CAP_DAC_READ_SEARCH, "perfmon": unix.CAP_PERFMON, "bpf": unix.CAP_BPF}

// runAsNobody is `nobody N [+CAPABILITY,…] PROGRAM ARGS…`: status, with the rights of no one,
// or with these.
func runAsNobody(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: nobody N PROGRAM ARGS…")
	}
	want, args := args[0], args[1:]
	var granted []uintptr
	if names, ok := strings.CutPrefix(args[0], "+"); ok {
		for _, name := range strings.Split(names, ",") {
			number, known := capabilities[name]
			if !known {
				ts.Fatalf("no capability %s", name)
			}
			granted = append(granted, number)
		}
		args = args[1:]
	}
	cmd := command(ts, args)
	cmd.Stdout, cmd.Stderr = ts.Stdout(), ts.Stderr()
	if os.Geteuid() == 0 {
		const nobody = 65534 // overflowuid, proc_sys_fs(5)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}, AmbientCaps: granted}
		reach(ts, cmd.Path)
		reach(ts, cmd.Dir)
		ts.Check(os.Chmod(ts.Getenv("TMPDIR"), 0o777|os.ModeSticky))
	}
	expect(ts, want, cmd.Run())
}

// reach opens the folders of this test on the way to path to everyone.
func reach(ts *testscript.TestScript, path string) {
	for ; path != filepath.Clean(os.TempDir()); path = filepath.Dir(path) {
		if path == "/" {
			return
		}
		ts.Check(os.Chmod(path, 0o755))
	}
}

// environment lists the variables of a script that a tracer sees.
var environment = []string{"PATH", "HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "EBGEN_PATH", "EBGEN_CLANG"}

// command is a program in a script's folder and environment.
func command(ts *testscript.TestScript, args []string) *exec.Cmd {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir = ts.MkAbs(".")
	for _, name := range environment {
		if value := ts.Getenv(name); value != "" {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
	}
	return cmd
}
