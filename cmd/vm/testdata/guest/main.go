// Command guest is what the end-to-end tests of vm run inside a guest. Its argument
// says which way it is to end.
package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"
)

func main() {
	switch os.Args[1] {
	case "exit":
		fmt.Println("to stdout")
		fmt.Fprintln(os.Stderr, "to stderr")
		os.Exit(3)
	case "look":
		dir, err := os.Getwd()
		must(err)
		text, err := os.ReadFile("testdata/guest/here.txt")
		must(err)
		copied, err := os.ReadFile("/copied/here.txt")
		must(err)
		fmt.Printf("uid=%d ppid=%d dir=%s testdata=%q copied=%q env=%q vm=%t\n", os.Getuid(), os.Getppid(), dir,
			text, copied, os.Getenv("EBGEN_E2E"), os.Getenv("EBGEN_VM") != "")
		for _, file := range []string{
			"/proc/self/status", "/sys/kernel/btf/vmlinux", "/dev/null", "/dev/fd/1", "/sys/kernel/tracing/trace_pipe",
			"/sys/kernel/debug/tracing", "/sys/fs/cgroup/cgroup.procs", "/sys/fs/bpf", "/sys/kernel/security/lsm",
			"/sys/module/dummy", "/sys/module/null_blk/parameters/nr_devices", "/dev/nullb1", "/bin/sh",
		} {
			if _, err := os.Stat(file); err != nil {
				fmt.Println(err)
			}
		}
		must(os.WriteFile("/tmp/out.txt", []byte("from the guest\n"), 0o600))
	case "bytes":
		// Every byte, so that a line discipline or a text mode would show.
		all := make([]byte, 256)
		for i := range all {
			all[i] = byte(i)
		}
		data := bytes.Repeat(all, 16<<10) // 4 MiB
		fmt.Fprintf(os.Stderr, "%x", sha256.Sum256(data))
		_, err := os.Stdout.Write(data)
		must(err)
	case "panic":
		must(os.WriteFile("/proc/sysrq-trigger", []byte("c"), 0))
	case "reboot":
		must(syscall.Reboot(syscall.LINUX_REBOOT_CMD_RESTART))
	case "signal":
		must(syscall.Kill(os.Getpid(), syscall.SIGKILL))
	case "orphan":
		// The child outlives us and holds both of our streams.
		must(exec.Command("/bin/sh", "-c", "sleep 1000 & echo started").Run())
		child := exec.Command("/bin/sleep", "1000")
		child.Stdout, child.Stderr = os.Stdout, os.Stderr
		must(child.Start())
		fmt.Println("gone")
	case "hang":
		fmt.Println("up")
		time.Sleep(time.Hour) // select {} would be a deadlock to Go, and end
	}
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
