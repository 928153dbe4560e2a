package workload

import (
	"fmt"
	"os"
	goruntime "runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// network is a network namespace of its own with nothing but loopback, and the one
// thread that is in it. Sockets and processes belong to the namespace of the thread
// that creates them (network_namespaces(7)); later calls may come from any thread.
type network struct {
	work chan func()
}

// newNetwork makes a namespace and brings its loopback up. It needs CAP_SYS_ADMIN; the
// error wraps unix.EPERM without it. The namespace lives until close and until the last
// process in it has ended.
func newNetwork() (*network, error) {
	n := &network{work: make(chan func())}
	ready := make(chan error)
	go func() {
		// Never unlocked: Go ends the thread together with the goroutine, and nothing
		// else runs in this namespace by accident.
		goruntime.LockOSThread()
		err := isolate()
		ready <- err
		if err != nil {
			return
		}
		for f := range n.work {
			f()
		}
	}()
	if err := <-ready; err != nil {
		return nil, err
	}
	return n, nil
}

// isolate moves this thread to a new namespace. Its addresses are there as soon as
// loopback is up: 127.0.0.1/8 and ::1/128, without duplicate address detection.
func isolate() error {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("make a network namespace: %w", err)
	}
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("bring loopback up: %w", err)
	}
	defer unix.Close(s)
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return fmt.Errorf("bring loopback up: %w", err)
	}
	lo.SetUint16(unix.IFF_UP)
	if err := unix.IoctlIfreq(s, unix.SIOCSIFFLAGS, lo); err != nil {
		return fmt.Errorf("bring loopback up: %w", err)
	}
	return nil
}

// do calls f on the thread that is in the namespace, one call at a time.
func (n *network) do(f func() error) error {
	done := make(chan error, 1)
	n.work <- func() { done <- f() }
	return <-done
}

// start starts a process in the namespace.
func (n *network) start(comm string) (p *process, err error) {
	err = n.do(func() error {
		p, err = startProcess(comm)
		return err
	})
	return p, err
}

// close ends the thread.
func (n *network) close() { close(n.work) }

// retransSegs is RetransSegs of this namespace.
func (n *network) retransSegs() (count uint64, err error) {
	err = n.do(func() error {
		count, err = RetransSegs()
		return err
	})
	return count, err
}

// RetransSegs returns how many segments TCP has sent again in the network namespace of
// the calling thread, over IPv4 and IPv6 (TCP-MIB, RFC 4022; net/ipv4/proc.c). SYN-ACKs
// sent again are among them, tail loss probes too.
func RetransSegs() (uint64, error) {
	// Not /proc/net: that is the namespace of the process's first thread.
	const file = "/proc/thread-self/net/snmp"
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	count, err := counter(string(text), "Tcp:", "RetransSegs")
	if err != nil {
		return 0, fmt.Errorf("%s: %w", file, err)
	}
	return count, nil
}

// counter finds one number in text of the form of /proc/net/snmp: for each protocol a
// line of names, then a line of values, both starting with the protocol.
func counter(text, protocol, name string) (uint64, error) {
	var names []string
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) == 0 || words[0] != protocol {
			continue
		}
		if names == nil {
			names = words
			continue
		}
		for i, n := range names {
			if n == name && i < len(words) {
				return strconv.ParseUint(words[i], 10, 64)
			}
		}
	}
	return 0, fmt.Errorf("no counter %s %s", protocol, name)
}

// sysctl sets a value of the calling thread's namespace, as /proc/sys has it.
func sysctl(name, value string) error {
	return os.WriteFile("/proc/sys/"+name, []byte(value), 0)
}
