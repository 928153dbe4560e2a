package clang

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	goruntime "runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// ErrLimit is wrapped by the error of a compilation that was ended because it took
// more time, memory or room than it may.
var ErrLimit = errors.New("the compiler was stopped")

// Options says what is compiled and for which machine.
type Options struct {
	Arch   string // of the machine to trace, as GOARCH spells it: amd64, arm64
	Spec   string // base name of the spec, as #line spells it
	Text   []byte // the spec, whose lines become part of the object's line information
	Limits Limits
}

// Limits bound one compilation. A zero member means its default.
type Limits struct {
	Time   time.Duration // from the moment the C is known; 10 s, two hundred times what clang 14 needs
	Memory uint64        // bytes of address space; 2 GiB, twenty times the resident set of clang 14
	Object int           // bytes of object; 16 MiB, a thousand times a usual one
}

func (l Limits) withDefaults() Limits {
	if l.Time == 0 {
		l.Time = 10 * time.Second
	}
	if l.Memory == 0 {
		l.Memory = 2 << 30
	}
	if l.Object == 0 {
		l.Object = 16 << 20
	}
	return l
}

// maxOutput bounds the complaints that are kept, in bytes. clang itself ends at 20 errors.
const maxOutput = 64 << 10

// architectures gives what __TARGET_ARCH_ is called for a GOARCH; the C chooses the
// registers of struct pt_regs by it.
var architectures = map[string]string{
	"amd64": "x86",
	"arm64": "arm64",
}

// flags are what every compilation is given. The C comes from standard input and the
// object goes to standard output, so no file name is in either.
var flags = []string{
	"-target", "bpf",
	"-mcpu=v3", // 32-bit ALU and jumps, Linux 5.1; clang 14 knows no later one
	"-std=gnu11",
	"-O2",
	"-fwrapv", // overflow of signed numbers wraps around, as the language says; C leaves it open
	"-g",
	"-Wall", "-Wextra", "-Werror",
	"-fdebug-compilation-dir=.", // no folder of the builder in the object
	"-nostdinc",                 // the C needs no header, so it finds none
	"-fno-trigraphs",            // the default of gnu11, as Vet assumes
	"-fno-stack-protector",      // some distributions turn it on, BPF has none
	"-fno-crash-diagnostics",    // no files in /tmp when clang itself fails
	"-fno-color-diagnostics",    // complaints are parsed, hence the next two as well
	"-fno-caret-diagnostics",
	"-fmessage-length=0",
	"-ferror-limit=20", // the default, which maxOutput leans on
	"-x", "c", "-c", "-", "-o", "-",
}

// environment returns all that clang sees of ours: CPATH, C_INCLUDE_PATH,
// CCC_OVERRIDE_OPTIONS and their like change what is compiled. PATH and LD_LIBRARY_PATH
// stay for compilers that are scripts or live outside the system's folders.
func environment(getenv func(string) string) []string {
	env := []string{
		"LC_ALL=C",
		"CLANG_NO_DEFAULT_CONFIG=1", // clang 16 and later read /etc/clang/*.cfg; --no-default-config is unknown to 14
	}
	for _, name := range []string{"PATH", "LD_LIBRARY_PATH"} {
		if value := getenv(name); value != "" {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// Job is a clang that waits for its C. It ends by Finish, by Close, or with the context
// it was started under, and then leaves neither process nor file behind.
type Job struct {
	compiler string
	limits   Limits
	ctx      context.Context
	cancel   context.CancelCauseFunc
	pid      int
	stdin    io.WriteCloser
	object   bounded
	output   bounded
	done     chan struct{} // closed once clang has ended and err is set
	err      error         // of exec.Cmd.Wait
}

// Start starts clang in a fresh folder that holds nothing but the spec. Call Finish or
// Close.
func (c *Compiler) Start(ctx context.Context, o Options) (*Job, error) {
	arch, ok := architectures[o.Arch]
	if !ok {
		return nil, fmt.Errorf("start %s for %s: only amd64 and arm64 are known", c.Path, o.Arch)
	}
	if o.Spec != filepath.Base(o.Spec) || o.Spec == "." || o.Spec == ".." || o.Spec == "/" || strings.ContainsRune(o.Spec, 0) {
		return nil, fmt.Errorf("start %s for %q: not the base name of a file", c.Path, o.Spec)
	}
	dir, err := os.MkdirTemp("", "ebgen-")
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", c.Path, err)
	}
	if err := os.WriteFile(filepath.Join(dir, o.Spec), o.Text, 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", c.Path, err), os.RemoveAll(dir))
	}

	j := &Job{compiler: c.Path, limits: o.Limits.withDefaults(), done: make(chan struct{})}
	j.ctx, j.cancel = context.WithCancelCause(ctx)
	j.output = bounded{room: maxOutput}
	j.object = bounded{room: j.limits.Object, full: func() {
		j.cancel(fmt.Errorf("%w: its object is larger than %d MiB", ErrLimit, j.limits.Object>>20))
	}}
	cmd := exec.CommandContext(j.ctx, c.Path, append([]string{"-D__TARGET_ARCH_" + arch}, flags...)...)
	cmd.Dir = dir
	cmd.Env = environment(os.Getenv)
	cmd.Stdout, cmd.Stderr = &j.object, &j.output
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	// For pipes held open by something that left clang's process group. Longer than a
	// crowded machine keeps us from reading what clang wrote before it ended.
	cmd.WaitDelay = 10 * time.Second
	j.stdin, err = cmd.StdinPipe()
	if err != nil {
		j.cancel(err)
		return nil, errors.Join(fmt.Errorf("start %s: %w", c.Path, err), os.RemoveAll(dir))
	}

	started := make(chan error, 1)
	go func() {
		// The death signal is bound to the thread that started the child (prctl(2),
		// PR_SET_PDEATHSIG), so that thread may not end before the child does.
		goruntime.LockOSThread()
		defer goruntime.UnlockOSThread()
		defer close(j.done)
		defer os.RemoveAll(dir)
		if err := cmd.Start(); err != nil {
			started <- err
			return
		}
		j.pid = cmd.Process.Pid
		err := confine(j.pid, j.limits)
		if err != nil {
			j.cancel(err)
		}
		started <- err
		j.err = cmd.Wait()
	}()
	if err := <-started; err != nil {
		j.Close()
		return nil, fmt.Errorf("start %s: %w", c.Path, err)
	}
	return j, nil
}

// confine lowers the resource limits of a clang that has not read its C yet. A limit that
// is lower already stays: only root could raise it.
func confine(pid int, l Limits) error {
	for _, limit := range []struct {
		resource int
		value    uint64
	}{
		{unix.RLIMIT_AS, l.Memory},
		{unix.RLIMIT_FSIZE, uint64(l.Object)},
		{unix.RLIMIT_CORE, 0},
	} {
		var now unix.Rlimit
		if err := unix.Prlimit(pid, limit.resource, nil, &now); err != nil {
			return fmt.Errorf("prlimit: %w", err)
		}
		lower := min(limit.value, now.Max)
		if err := unix.Prlimit(pid, limit.resource, &unix.Rlimit{Cur: lower, Max: lower}, nil); err != nil {
			return fmt.Errorf("prlimit: %w", err)
		}
	}
	return nil
}

// exhausted is what the loader, the C++ runtime and LLVM print when memory ends.
var exhausted = []string{"out of memory", "bad_alloc", "Cannot allocate memory", "failed to map segment"}

// untargeted is what a clang prints that was built without its BPF backend
// (TargetRegistry::lookupTarget, llvm/lib/MC/TargetRegistry.cpp).
const untargeted = "No available targets are compatible with"

// Finish hands clang the C, waits for it and returns the object. An error is an *Error
// when clang refused the C, wraps ErrLimit when clang took more than its share and
// ErrNoClang when it knows no BPF, and is the context's cause when that ended first. It
// may be called once.
func (j *Job) Finish(source string) ([]byte, error) {
	defer j.Close()
	timer := time.AfterFunc(j.limits.Time, func() {
		j.cancel(fmt.Errorf("%w: it ran for more than %v", ErrLimit, j.limits.Time))
	})
	defer timer.Stop()
	_, _ = io.WriteString(j.stdin, source) // a clang that ends before it has read all says why
	j.stdin.Close()
	<-j.done

	var exit *exec.ExitError
	switch output := string(j.output.kept); {
	case context.Cause(j.ctx) != nil:
		return nil, context.Cause(j.ctx)
	case j.err == nil && len(j.object.kept) > 0:
		return j.object.kept, nil
	case j.err == nil:
		return nil, fmt.Errorf("%s ended well and without an object", j.compiler)
	case !errors.As(j.err, &exit):
		return nil, fmt.Errorf("%s: %w", j.compiler, j.err)
	case containsAny(output, exhausted):
		return nil, fmt.Errorf("%w: it needs more than %d MiB of memory", ErrLimit, j.limits.Memory>>20)
	case strings.Contains(output, untargeted):
		return nil, fmt.Errorf("%w: %s was built without the BPF target", ErrNoClang, j.compiler)
	default:
		return nil, &Error{Compiler: j.compiler, Status: exit.String(), Complaints: parse(output), Output: output}
	}
}

// Close ends clang if it still runs and returns when it is gone. It may be called more
// than once, and after Finish.
func (j *Job) Close() {
	j.cancel(context.Canceled)
	<-j.done
}

func containsAny(s string, list []string) bool {
	return slices.ContainsFunc(list, func(one string) bool { return strings.Contains(s, one) })
}

// bounded keeps the first room bytes written to it and calls full, if set, when there
// are more. It never fails, so that clang does not die of a closed pipe instead.
type bounded struct {
	kept []byte
	room int
	full func()
}

func (b *bounded) Write(p []byte) (int, error) {
	keep := min(len(p), b.room-len(b.kept))
	b.kept = append(b.kept, p[:keep]...)
	if keep < len(p) && b.full != nil {
		b.full()
	}
	return len(p), nil
}
