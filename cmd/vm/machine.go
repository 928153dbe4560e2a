package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	goruntime "runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// result says how a run on one kernel ended.
type result string

const (
	passed   result = "passed"
	failed   result = "failed"    // the program's exit status is not 0
	killed   result = "killed"    // the program was ended by a signal
	timedOut result = "timed out" // it, or the boot, took too long
	panicked result = "panicked"  // the kernel panicked or oopsed
	broken   result = "broken"    // the guest could not run it, or ended before it did
)

// outcome is all there is to say about one run.
type outcome struct {
	result  result
	status  int           // exit status of vm
	detail  string        // what to add to the result; "" for nothing
	console string        // the console's last lines, where they explain the result
	boot    time.Duration // power-on to the start of the program, 0 if it never started
	total   time.Duration
}

// platform is the machine that QEMU makes for an architecture.
type platform struct {
	tool    tool
	console string
	flags   []string
}

// platforms has a row for each architecture of the matrix. An amd64 kernel is an ELF file
// and is entered through its PVH note, 0.5 to 1 s sooner than a bzImage that unpacks itself
// under emulation.
var platforms = map[string]platform{
	"amd64": {tool{"qemu-system-x86_64", "qemu-system-x86"}, "ttyS0", []string{"-cpu", "max"}},
	"arm64": {tool{"qemu-system-aarch64", "qemu-system-arm"}, "ttyAMA0", []string{"-machine", "virt", "-cpu", "cortex-a72"}},
}

// machine is one virtual machine, made for one run.
type machine struct {
	kernel    kernel
	initramfs *os.File
	append    string // kernel parameters besides our own
	memory    string
	timeout   time.Duration
	verbose   bool
}

// commandLine is the kernel's parameters (Documentation/admin-guide/kernel-parameters.txt).
// An oops is made a panic: a test must not pass on a kernel that lost its senses. A panic
// reboots at once, which -no-reboot turns into the end of QEMU. The console is an emulated
// serial line and slow, so it is quiet unless asked.
func (m *machine) commandLine() string {
	loglevel := 4 // up to KERN_ERR; an oops raises the level by itself (oops_begin, arch/x86/kernel/dumpstack.c)
	if m.verbose {
		loglevel = 8
	}
	return strings.TrimSpace(fmt.Sprintf("console=%s panic=-1 oops=panic loglevel=%d %s", platforms[m.kernel.arch].console, loglevel, m.append))
}

// Descriptors of the QEMU process: os/exec numbers ExtraFiles from 3.
const (
	portFD      = 3
	initramfsFD = 4
)

// arguments is QEMU's command line.
//
// thread=single: QEMU before 8.1 runs stale code while another CPU patches it, and the
// guest dies of "Oops: int3" as probes attach (fixed by QEMU commit deba78709ae8).
func (m *machine) arguments() []string {
	return append([]string{
		"-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
		"-accel", "tcg,thread=single", "-smp", "2", "-m", m.memory,
		"-kernel", m.kernel.vmlinux(),
		"-initrd", fmt.Sprintf("/proc/self/fd/%d", initramfsFD),
		"-append", m.commandLine(),
		"-serial", "stdio",
		"-device", "virtio-serial-pci",
		"-chardev", fmt.Sprintf("socket,id=port,fd=%d", portFD),
		"-device", "virtserialport,chardev=port,name=" + portName,
	}, platforms[m.kernel.arch].flags...)
}

// run boots the machine and returns how it ended. Output is written as it comes; the
// --out files, by index, once the program has ended.
func (m *machine) run(ctx context.Context, stdout, stderr io.Writer, out func(int, []byte) error) (outcome, error) {
	parent := ctx
	ctx, cancel := context.WithTimeout(ctx, m.timeout)
	defer cancel()
	console := &tail{}
	var serial io.Writer = console
	if m.verbose {
		serial = io.MultiWriter(console, stderr)
	}
	began := time.Now()
	port, wait, err := m.start(ctx, serial)
	if err != nil {
		return outcome{}, err
	}
	s := &session{stdout: stdout, stderr: stderr, began: began, files: map[int][]byte{}}
	err = s.listen(port)
	if s.ended || err != nil {
		cancel() // ends QEMU; else it has ended by itself, or is about to
	}
	quit := wait()
	port.Close()
	late := errors.Is(ctx.Err(), context.DeadlineExceeded)
	if parent.Err() != nil {
		return outcome{}, parent.Err()
	}
	if err != nil {
		return outcome{}, err
	}
	o := s.outcome(late, m.timeout, console.String(), quit)
	o.total = time.Since(began)
	for index, data := range s.files {
		if !s.ended {
			break
		}
		if err := out(index, data); err != nil {
			return o, err
		}
	}
	return o, nil
}

// start starts QEMU and returns the host's end of the port. wait returns how QEMU ended;
// it is to be called once.
//
// The kernel kills QEMU when the thread that started it ends (PR_SET_PDEATHSIG, prctl(2)),
// hence with this process, however it ends; so that thread does nothing else meanwhile.
func (m *machine) start(ctx context.Context, serial io.Writer) (port *os.File, wait func() error, err error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("socketpair: %w", err)
	}
	port = os.NewFile(uintptr(pair[0]), "port")
	theirs := os.NewFile(uintptr(pair[1]), "port")
	defer theirs.Close()
	complaints := &tail{}
	c := exec.CommandContext(ctx, platforms[m.kernel.arch].tool.program, m.arguments()...)
	c.Stdout, c.Stderr = serial, complaints
	c.ExtraFiles = []*os.File{theirs, m.initramfs} // portFD, initramfsFD
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	started, ended := make(chan error), make(chan error, 1)
	go func() {
		goruntime.LockOSThread()
		err := c.Start()
		started <- err
		if err == nil {
			err = c.Wait()
			if text := complaints.String(); err != nil && text != "" {
				err = fmt.Errorf("%w: %s", err, text)
			}
			ended <- err
		}
	}()
	if err := <-started; err != nil {
		port.Close()
		return nil, nil, err
	}
	return port, func() error { return <-ended }, nil
}

// session is what the host has heard from the guest.
type session struct {
	stdout, stderr io.Writer
	began          time.Time
	boot           time.Duration
	ended          bool // the last frame has come
	status         unix.WaitStatus
	failure        string // of the guest's init, instead of a status
	files          map[int][]byte
}

// listen passes on what the guest sends, until its last frame or the end of the stream.
func (s *session) listen(port io.Reader) error {
	frames := newFrameReader(port)
	for {
		kind, payload, err := frames.next()
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) {
			return nil // QEMU is gone; why is told elsewhere
		}
		if err != nil {
			return err
		}
		switch kind {
		case frameStarted:
			s.boot = time.Since(s.began)
		case frameStdout:
			_, err = s.stdout.Write(payload)
		case frameStderr:
			_, err = s.stderr.Write(payload)
		case frameOut:
			index := int(binary.LittleEndian.Uint32(payload))
			s.files[index] = append(s.files[index], payload[4:]...)
		case frameExited:
			s.ended, s.status = true, unix.WaitStatus(binary.LittleEndian.Uint32(payload))
			return nil
		case frameFailed:
			s.ended, s.failure = true, string(payload)
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// panicMark begins the line of a panic on the console (kernel/panic.c).
const panicMark = "Kernel panic - not syncing: "

// outcome tells the ways apart in which a run ends. quit is how QEMU ended.
func (s *session) outcome(late bool, timeout time.Duration, console string, quit error) outcome {
	o := outcome{boot: s.boot}
	_, cause, didPanic := strings.Cut(console, panicMark)
	cause, _, _ = strings.Cut(cause, "\n")
	switch {
	case s.ended && s.failure != "":
		o.result, o.status, o.detail = broken, statusVM, s.failure
	case s.ended && s.status.Signaled():
		o.result, o.status, o.detail = killed, 128+int(s.status.Signal()), unix.SignalName(s.status.Signal())
	case s.ended && s.status.ExitStatus() == 0:
		o.result = passed
	case s.ended:
		o.result, o.status = failed, s.status.ExitStatus()
		o.detail = fmt.Sprintf("exit status %d", o.status)
	case didPanic:
		o.result, o.status, o.detail, o.console = panicked, statusVM, strings.TrimSpace(cause), console
	case late && s.boot == 0:
		o.result, o.status, o.console = timedOut, statusTimeout, console
		o.detail = fmt.Sprintf("after %s, before the program was started", timeout)
	case late:
		o.result, o.status, o.console = timedOut, statusTimeout, console
		o.detail = fmt.Sprintf("after %s, of which %s boot", timeout, s.boot.Round(100*time.Millisecond))
	default:
		o.result, o.status, o.console = broken, statusVM, console
		o.detail = "the guest ended without a word"
		if quit != nil {
			o.detail = quit.Error()
		}
	}
	return o
}

// tail keeps the last lines written to it. It is safe for concurrent use.
type tail struct {
	mu   sync.Mutex
	text []byte
}

// tailSize holds an oops with its stacks, some 60 lines.
const tailSize = 8 << 10

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, b...)
	if excess := len(t.text) - tailSize; excess > 0 {
		t.text = append(t.text[:0], t.text[excess:]...)
	}
	return len(b), nil
}

// String returns the text without carriage returns, which the console puts before every
// line feed.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(bytes.ReplaceAll(t.text, []byte{'\r'}, nil)))
}
