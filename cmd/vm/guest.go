package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// guestMain is /init. It does the job found at jobPath, tells the host, and waits for the
// host to take the machine away. It does not return.
func guestMain() {
	err := guest()
	for err == nil {
		// The last frame is on its way; the host ends the machine when it has it. Not
		// select {}: Go would call that a deadlock and end init, which is a panic.
		_ = unix.Pause()
	}
	// Without the port there is only the console, and the end of init is a panic, which
	// the host reports with the console's last lines.
	fmt.Fprintf(os.Stderr, "init: %v\n", err)
	os.Exit(1)
}

func guest() error {
	if err := mountAll(earlyMounts); err != nil {
		return err
	}
	text, err := os.ReadFile(jobPath)
	if err != nil {
		return err
	}
	var j job
	if err := json.Unmarshal(text, &j); err != nil {
		return fmt.Errorf("%s: %w", jobPath, err)
	}
	if err := loadModules(j.Base); err != nil {
		return err
	}
	port, err := openPort()
	if err != nil {
		return err
	}
	host := &frameWriter{w: port}
	status, err := do(j, host)
	if err != nil {
		return host.send(frameFailed, []byte(err.Error()))
	}
	for i, file := range j.Out {
		if err := sendFile(host, i, file); err != nil {
			return host.send(frameFailed, []byte(err.Error()))
		}
	}
	return host.send(frameExited, binary.LittleEndian.AppendUint32(nil, uint32(status)))
}

// mountPoint is one file system to mount, as mount(8) has it.
type mountPoint struct{ kind, dir string }

var (
	// earlyMounts is what finding the port needs.
	earlyMounts = []mountPoint{{"proc", "/proc"}, {"sysfs", "/sys"}, {"devtmpfs", "/dev"}}
	// mounts is the rest of what a tracer and its tests look for, where systemd has it.
	mounts = []mountPoint{
		{"devpts", "/dev/pts"},
		{"tmpfs", "/dev/shm"},
		{"securityfs", "/sys/kernel/security"},
		{"debugfs", "/sys/kernel/debug"},
		{"tracefs", "/sys/kernel/tracing"},
		{"cgroup2", "/sys/fs/cgroup"},
		{"bpf", "/sys/fs/bpf"},
	}
	// devLinks is what udev links in /dev (udev's static nodes; fd(4)).
	devLinks = map[string]string{
		"/dev/fd":     "/proc/self/fd",
		"/dev/stdin":  "/proc/self/fd/0",
		"/dev/stdout": "/proc/self/fd/1",
		"/dev/stderr": "/proc/self/fd/2",
	}
)

func mountAll(list []mountPoint) error {
	for _, m := range list {
		if err := os.MkdirAll(m.dir, 0o755); err != nil {
			return err
		}
		if err := unix.Mount(m.kind, m.dir, m.kind, 0, ""); err != nil {
			return fmt.Errorf("mount %s on %s: %w", m.kind, m.dir, err)
		}
	}
	return nil
}

func loadModules(list []module) error {
	for _, m := range list {
		f, err := os.Open(modulePath(m))
		if err != nil {
			return err
		}
		err = unix.FinitModule(int(f.Fd()), m.Params, 0)
		f.Close()
		if err != nil && err != unix.EEXIST {
			return fmt.Errorf("load module %s %s: %w", m.Name, m.Params, err)
		}
	}
	return nil
}

// openPort opens the virtio-serial port by its name, waiting for its driver to find it.
func openPort() (*os.File, error) {
	const patience = 30 * time.Second // a boot takes 3 s, on a busy machine 10
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		names, err := filepath.Glob("/sys/class/virtio-ports/*/name")
		if err != nil {
			return nil, err
		}
		for _, file := range names {
			name, err := os.ReadFile(file)
			if err != nil || strings.TrimSpace(string(name)) != portName {
				continue
			}
			// Not os.OpenFile: the descriptor must block, a frame is written whole or not.
			fd, err := unix.Open("/dev/"+filepath.Base(filepath.Dir(file)), unix.O_RDWR|unix.O_CLOEXEC, 0)
			if err == nil {
				return os.NewFile(uintptr(fd), portName), nil
			}
		}
	}
	return nil, fmt.Errorf("no virtio-serial port %s after %s", portName, patience)
}

// do runs the job's program and returns its wait status once its output is sent.
func do(j job, host *frameWriter) (unix.WaitStatus, error) {
	if err := prepare(j); err != nil {
		return 0, err
	}
	program, err := exec.LookPath(j.Args[0])
	if err != nil {
		return 0, err
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		return 0, err
	}
	defer null.Close()
	files := []*os.File{null}
	done := make(chan error, 2)
	for _, kind := range []frameKind{frameStdout, frameStderr} {
		r, w, err := os.Pipe()
		if err != nil {
			return 0, err
		}
		defer w.Close()
		files = append(files, w)
		go func() { done <- host.copyFrom(r, kind) }()
	}
	if err := host.send(frameStarted); err != nil {
		return 0, err
	}
	p, err := os.StartProcess(program, j.Args, &os.ProcAttr{Dir: j.Dir, Env: j.Env, Files: files})
	if err != nil {
		return 0, fmt.Errorf("start %s: %w", program, err)
	}
	for _, w := range files[1:] {
		w.Close()
	}
	status, err := reap(p.Pid)
	if err != nil {
		return 0, err
	}
	// A process left running may hold a pipe open; what the program itself wrote is in
	// the pipes already, and is read long before this.
	const patience = time.Second
	timeout := time.After(patience)
	for range 2 {
		select {
		case err := <-done:
			if err != nil {
				return 0, err
			}
		case <-timeout:
			return status, nil
		}
	}
	return status, nil
}

// prepare makes the guest what a test expects of a machine.
func prepare(j job) error {
	if err := mountAll(mounts); err != nil {
		return err
	}
	for link, target := range devLinks {
		if err := os.Symlink(target, link); err != nil {
			return err
		}
	}
	if err := loopbackUp(); err != nil {
		return fmt.Errorf("loopback: %w", err)
	}
	if err := unix.Sethostname([]byte("vm")); err != nil {
		return err
	}
	if err := os.Setenv("PATH", guestPath); err != nil { // for exec.LookPath
		return err
	}
	if err := os.Chdir(j.Dir); err != nil {
		return err
	}
	return loadModules(j.Modules)
}

// loopbackUp does `ip link set lo up` (netdevice(7)); the kernel then gives lo its
// addresses (inetdev_event, net/ipv4/devinet.c; addrconf_notify, net/ipv6/addrconf.c).
func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	lo.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, lo)
}

// reap waits for the child, and for every orphan before it, as init must.
func reap(child int) (unix.WaitStatus, error) {
	for {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, 0, nil)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return 0, fmt.Errorf("wait for the program: %w", err)
		}
		if pid == child {
			return status, nil
		}
	}
}

// sendFile sends an --out file; one that is not there is not sent.
func sendFile(host *frameWriter, index int, name string) error {
	f, err := os.Open(name)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	return host.copyFrom(f, frameOut, binary.LittleEndian.AppendUint32(nil, uint32(index))...)
}
