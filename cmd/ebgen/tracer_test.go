package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/cilium/ebpf"
	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

// patience is how long a tracer may take to attach or to end on a machine that does
// other work too. It is never waited for unless something is wrong.
const patience = 2 * time.Minute

// tracersKey is where a script keeps its running tracers, by name.
type tracersKey struct{}

// tracer is an ebgen that runs beside a script.
type tracer struct {
	cmd      *exec.Cmd
	output   output
	stderr   bytes.Buffer
	attached chan struct{} // closed when it says that it traces
	done     chan struct{} // closed when it has ended; then stderr and err may be read
	err      error
}

func (t *tracer) kill() {
	_ = t.cmd.Process.Kill() // it may have ended
	<-t.done
}

// find returns the tracer of a name.
func findTracer(ts *testscript.TestScript, name string) *tracer {
	t := ts.Value(tracersKey{}).(map[string]*tracer)[name]
	if t == nil {
		ts.Fatalf("no tracer is named %q", name)
	}
	return t
}

// start is `start NAME OUTPUT PROGRAM ARGS…`: the program runs from now on. OUTPUT is
// where its standard output goes, one of outputs.
func start(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 || outputs[args[1]] == nil {
		ts.Fatalf("usage: start NAME pipe|head|disk PROGRAM ARGS…")
	}
	t := &tracer{cmd: command(ts, args[2:]), attached: make(chan struct{}), done: make(chan struct{})}
	var stdout *os.File
	var err error
	t.output, stdout, err = outputs[args[1]]()
	ts.Check(err)
	t.cmd.Stdout = stdout
	stderr, err := t.cmd.StderrPipe()
	ts.Check(err)
	ts.Check(t.cmd.Start())
	ts.Check(stdout.Close())
	ts.Value(tracersKey{}).(map[string]*tracer)[args[0]] = t
	go t.follow(stderr)
}

// follow reads standard error to its end and waits for the process.
func (t *tracer) follow(stderr io.Reader) {
	defer close(t.done)
	saying := bufio.NewReader(stderr)
	said := false
	for {
		line, err := saying.ReadString('\n')
		t.stderr.WriteString(line)
		if !said && strings.HasPrefix(line, "tracing ") {
			said = true
			close(t.attached)
		}
		if err != nil {
			break
		}
	}
	t.err = t.cmd.Wait()
}

// attached is `attached NAME`: the script goes on once the tracer says that it traces
// and, where its output ends early, once that has happened.
func attached(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: attached NAME")
	}
	t := findTracer(ts, args[0])
	late := time.After(patience)
	for _, condition := range []<-chan struct{}{t.attached, t.output.ready()} {
		select {
		case <-condition:
		case <-t.done:
			ts.Fatalf("%s ended (%v):\n%s", args[0], t.err, &t.stderr)
		case <-late:
			ts.Fatalf("%s does not trace after %v", args[0], patience)
		}
	}
}

// signalTracer is `signal NAME INT|TERM|STOP|CONT`.
func signalTracer(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: signal NAME SIGNAL")
	}
	s := unix.SignalNum("SIG" + args[1])
	if s == 0 {
		ts.Fatalf("no signal is named %s", args[1])
	}
	ts.Check(findTracer(ts, args[0]).cmd.Process.Signal(s))
}

// ends is `ends NAME N`: the tracer ends with exit status N; its output becomes the
// script's.
func ends(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: ends NAME N")
	}
	t := findTracer(ts, args[0])
	select {
	case <-t.done:
	case <-time.After(patience):
		ts.Fatalf("%s still runs after %v", args[0], patience)
	}
	text, err := t.output.text()
	ts.Check(err)
	_, err = ts.Stdout().Write(text)
	ts.Check(err)
	_, err = ts.Stderr().Write(t.stderr.Bytes())
	ts.Check(err)
	expect(ts, args[1], t.err)
}

// instructions is `instructions NAME FILE`: how many instructions the kernel has kept of
// the tracer's programs goes to the file.
func instructions(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: instructions NAME FILE")
	}
	pid := findTracer(ts, args[0]).cmd.Process.Pid
	names, err := filepath.Glob(fmt.Sprintf("/proc/%d/fdinfo/*", pid))
	ts.Check(err)
	kept := map[ebpf.ProgramID]int{}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			continue // closed meanwhile
		}
		m := programID.FindSubmatch(text)
		if m == nil {
			continue
		}
		id, err := strconv.ParseUint(string(m[1]), 10, 32)
		ts.Check(err)
		kept[ebpf.ProgramID(id)] = translated(ts, ebpf.ProgramID(id))
	}
	if len(kept) == 0 {
		ts.Fatalf("%s has no program", args[0])
	}
	sum := 0
	for _, n := range kept {
		sum += n
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), fmt.Appendln(nil, sum), 0o600))
}

// programID is a line of a program's or a link's fdinfo (bpf_prog_show_fdinfo and
// bpf_link_show_fdinfo, kernel/bpf/syscall.c).
var programID = regexp.MustCompile(`(?m)^prog_id:\s+(\d+)$`)

// translated returns the number of a program's instructions after the verifier has
// removed those that are never reached.
func translated(ts *testscript.TestScript, id ebpf.ProgramID) int {
	p, err := ebpf.NewProgramFromID(id)
	ts.Check(err)
	defer p.Close()
	info, err := p.Info()
	ts.Check(err)
	size, err := info.TranslatedSize()
	ts.Check(err)
	return size / 8 // struct bpf_insn
}

// counted is a line of the account.
var counted = regexp.MustCompile(`(?m)^(\d+) records?( lost: .*)?$`)

// delivered is `delivered PATTERN`: the output is whole lines that match, as many as the
// account says were delivered.
func delivered(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: delivered PATTERN")
	}
	m := counted.FindStringSubmatch(ts.ReadFile("stderr"))
	if m == nil || m[2] != "" {
		ts.Fatalf("no account")
	}
	pattern, err := regexp.Compile("^" + args[0] + "\n$")
	ts.Check(err)
	lines := 0
	for line := range strings.Lines(ts.ReadFile("stdout")) {
		lines++
		if !pattern.MatchString(line) {
			ts.Fatalf("line %d is %q", lines, line)
		}
	}
	if strconv.Itoa(lines) != m[1] {
		ts.Fatalf("%d lines, and %s records were delivered", lines, m[1])
	}
}

// sumAccount is `account N`: what was delivered and what was lost are N together.
func sumAccount(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: account N")
	}
	sum := 0
	for _, m := range counted.FindAllStringSubmatch(ts.ReadFile("stderr"), -1) {
		n, err := strconv.Atoi(m[1])
		ts.Check(err)
		sum += n
	}
	if strconv.Itoa(sum) != args[0] {
		ts.Fatalf("delivered and lost are %d, want %s", sum, args[0])
	}
}
