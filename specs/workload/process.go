package workload

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
)

// commLen is the longest name of a thread: TASK_COMM_LEN with its NUL is 16
// (include/linux/sched.h).
const commLen = 15

// process is a child of this process with a name of its own, which does what it is
// told and nothing else. It is safe for concurrent use.
type process struct {
	pid  int
	comm string

	mu      sync.Mutex
	command *exec.Cmd
	in      io.WriteCloser
	encoder *json.Encoder
	decoder *json.Decoder
}

// startProcess starts this program again under the name comm, in the namespaces of the
// calling thread. When it returns the child has its name and waits for requests.
func startProcess(comm string) (*process, error) {
	if comm == "" || len(comm) > commLen {
		return nil, fmt.Errorf("process name %q: 1 to %d bytes are wanted", comm, commLen)
	}
	if os.Getenv(childEnv) != "" {
		return nil, fmt.Errorf("start %s: %w", comm, errNoHook) // or children would start children without end
	}
	// The link leads to the running program even when its file is gone.
	command := exec.Command("/proc/self/exe")
	command.Args = []string{comm}
	command.Env = append(os.Environ(), childEnv+"="+comm)
	command.Stderr = os.Stderr
	// Ctrl-C is for this process; a child ends when its standard input does.
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	in, err := command.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", comm, err)
	}
	out, err := command.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", comm, err)
	}
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", comm, err)
	}
	p := &process{pid: command.Process.Pid, comm: comm, command: command, in: in, encoder: json.NewEncoder(in), decoder: json.NewDecoder(out)}
	if _, err := p.read(); err != nil {
		_ = command.Process.Kill() // who knows what it does instead
		p.end()
		return nil, fmt.Errorf("%w; %w", err, errNoHook)
	}
	return p, nil
}

// call makes the child carry out one request and returns its answer, or what went wrong
// there as an error.
func (p *process) call(q request) (*reply, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.encoder.Encode(q); err != nil {
		return nil, fmt.Errorf("process %s: %w", p.comm, err)
	}
	return p.read()
}

// dismiss makes the child carry out a last request, which is to exit, and waits until
// the kernel has closed its sockets.
func (p *process) dismiss(q request) error {
	_, err := p.call(q)
	if err == nil {
		return fmt.Errorf("process %s: %s: it did not exit", p.comm, q.Do)
	}
	if !errors.Is(err, io.EOF) {
		return err
	}
	p.end()
	return nil
}

// errNoHook is why a child does not do as a child should.
var errNoHook = errors.New("main or TestMain has to call workload.Main first")

func (p *process) read() (*reply, error) {
	r := new(reply)
	if err := p.decoder.Decode(r); err != nil {
		return nil, fmt.Errorf("process %s does not answer: %w", p.comm, err)
	}
	if r.Err != "" {
		return nil, fmt.Errorf("process %s: %s", p.comm, r.Err)
	}
	return r, nil
}

// end lets the child exit and waits until the kernel has closed its sockets. A second
// call does nothing.
func (p *process) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.command == nil {
		return
	}
	_ = p.in.Close()
	_ = p.command.Wait() // how it exits says nothing: its answers have said it all
	p.command = nil
}
