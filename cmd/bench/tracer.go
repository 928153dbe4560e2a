package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// patience is for what ought to happen soon.
const patience = 30 * time.Second

// tracer is a running tool.
type tracer struct {
	cmd    *exec.Cmd
	stderr bytes.Buffer
	event  event // that it traces
	ended  chan error
}

// start runs a tool on tracerCPU, alone there but for what else the machine does.
func (b *bench) start(t tool, stdout io.Writer) (*tracer, error) {
	words := t.words()
	r := &tracer{cmd: exec.Command(words[0], words[1:]...), event: events[t.traced()], ended: make(chan error, 1)}
	r.cmd.Stdout, r.cmd.Stderr = stdout, &r.stderr
	r.cmd.Env = append(os.Environ(), "BPFTRACE_MAP_KEYS_MAX=131072", "BPFTRACE_STRLEN=64")
	if t.cold {
		cache, err := os.MkdirTemp(b.dir, "cache")
		if err != nil {
			return nil, err
		}
		r.cmd.Env = append(r.cmd.Env, "XDG_CACHE_HOME="+cache)
	}
	if err := r.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { r.ended <- r.cmd.Wait() }()
	return r, nil
}

// stop interrupts the tool, as Ctrl-C does, and returns how long it took to end. One
// that does not is interrupted again, for bpftrace sometimes goes on after the first.
func (r *tracer) stop() (time.Duration, error) {
	start := time.Now()
	for time.Since(start) < patience {
		_ = r.cmd.Process.Signal(os.Interrupt)
		select {
		case <-r.ended:
			return time.Since(start), nil
		case <-time.After(patience / 2):
		}
	}
	_ = r.cmd.Process.Kill()
	<-r.ended
	return 0, errors.New("it did not end")
}

// ready makes events until so many programs of the tracer have seen one.
func (r *tracer) ready(programs int) error {
	stats, err := ebpf.EnableStats(uint32(unix.BPF_STATS_RUN_TIME))
	if err != nil {
		return err
	}
	defer stats.Close()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		r.event.touch()
		if r.ran().programs >= programs {
			return nil
		}
		select {
		case err := <-r.ended:
			return fmt.Errorf("%w: %s", err, cause(r.stderr.String()))
		default:
		}
	}
	_, _ = r.stop()
	return errors.New("its programs did not run")
}

// spent is what the kernel says of a tracer's programs.
type spent struct {
	programs int // that have run
	time     time.Duration
}

// ran adds up the programs that the tracer holds, of which the kernel tells by its files
// (bpf_prog_show_fdinfo, kernel/bpf/syscall.c, Linux 6.18): others may run on the machine.
func (r *tracer) ran() spent {
	var s spent
	seen := map[string]bool{}
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fdinfo/*", r.cmd.Process.Pid))
	for _, name := range files {
		text, _ := os.ReadFile(name)
		info := map[string]string{}
		for line := range strings.Lines(string(text)) {
			key, value, _ := strings.Cut(line, ":")
			info[key] = strings.TrimSpace(value)
		}
		count, _ := strconv.Atoi(info["run_cnt"])
		if id := info["prog_id"]; count > 0 && !seen[id] {
			seen[id] = true
			ns, _ := strconv.Atoi(info["run_time_ns"])
			s.programs++
			s.time += time.Duration(ns)
		}
	}
	return s
}

// pin moves every thread of the tool to tracerCPU.
func (r *tracer) pin() {
	var set unix.CPUSet
	set.Set(tracerCPU)
	for _, task := range r.tasks() {
		tid := 0
		if _, err := fmt.Sscan(filepath.Base(task), &tid); err == nil {
			_ = unix.SchedSetaffinity(tid, &set)
		}
	}
}

func (r *tracer) tasks() []string {
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", r.cmd.Process.Pid))
	return tasks
}

// cpu is the time that the tool's threads have run (proc_pid_schedstat, Linux 6.18).
func (r *tracer) cpu() time.Duration {
	sum := time.Duration(0)
	for _, task := range r.tasks() {
		text, _ := os.ReadFile(task + "/schedstat")
		ns := time.Duration(0)
		if _, err := fmt.Sscan(string(text), (*int64)(&ns)); err == nil {
			sum += ns
		}
	}
	return sum
}

// spentCPU is the tool's CPU time with that of the children that it has waited for, such
// as a compiler; theirs is known to the tick of 10 ms alone (cutime and cstime of
// proc_pid_stat(5)).
func (r *tracer) spentCPU() time.Duration {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", r.cmd.Process.Pid))
	_, after, _ := strings.Cut(string(text), ") ")
	ticks := time.Duration(0)
	if f := strings.Fields(after); len(f) > 14 {
		for _, field := range f[13:15] {
			n, _ := strconv.Atoi(field)
			ticks += time.Duration(n)
		}
	}
	return r.cpu() + ticks*10*time.Millisecond
}

// idle returns the tool's CPU time once it has worked off what it had: in 0.2 s it ran
// less than 2 ms.
func (r *tracer) idle() time.Duration {
	last := r.cpu()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		time.Sleep(200 * time.Millisecond)
		now := r.cpu()
		if now-last < 2*time.Millisecond {
			return now
		}
		last = now
	}
	return last
}

// memory is resident memory of a tool, in bytes.
type memory struct {
	rss int // all of it
	own int // without the buffers and maps that it shares with the kernel
}

// memory reads the mappings of the tool. A ring buffer's data is mapped twice, so that it
// counts twice in rss.
func (r *tracer) memory() memory {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/smaps", r.cmd.Process.Pid))
	return mapped(string(text))
}

// mapped adds up what smaps of a process says (proc_pid_smaps(5)): a line for each mapping,
// with its file last, and lines of what is in it.
func mapped(smaps string) (m memory) {
	shared := false
	for line := range strings.Lines(smaps) {
		words := strings.Fields(line)
		if len(words) < 2 {
			continue
		}
		if !strings.HasSuffix(words[0], ":") {
			file := words[len(words)-1]
			shared = file == "anon_inode:bpf-map" || file == "anon_inode:[perf_event]"
			continue
		}
		n, _ := strconv.Atoi(words[1])
		if words[0] != "Rss:" {
			continue
		}
		m.rss += n << 10
		if !shared {
			m.own += n << 10
		}
	}
	return m
}

// firstRecord returns the time from a tool's exec to the first record of a call of ours,
// and the CPU time that the tool spent until then.
func (b *bench) firstRecord(t tool) (took, cpu time.Duration, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	go drip(ctx)
	read, write, err := os.Pipe()
	if err != nil {
		return 0, 0, err
	}
	defer read.Close()
	start := time.Now()
	r, err := b.start(t, write)
	if err != nil {
		return 0, 0, err
	}
	write.Close()
	_ = read.SetReadDeadline(start.Add(patience))
	seen, buf := []byte(nil), make([]byte, 64<<10)
	for took == 0 {
		n, err := read.Read(buf)
		seen = append(seen, buf[:n]...)
		if bytes.Contains(seen, []byte(mark)) {
			took, cpu = time.Since(start), r.spentCPU()
		} else if err != nil {
			<-r.ended
			return 0, 0, fmt.Errorf("no record: %s", cause(string(seen)+r.stderr.String()))
		}
	}
	go io.Copy(io.Discard, read)
	cancel() // bpftrace ends when no event has come for a while
	_, err = r.stop()
	return took, cpu, err
}

// cause is the line of a tool's complaints that says most: the last, or one about headers.
func cause(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	for _, line := range lines {
		if strings.Contains(line, "kernel headers") {
			return line
		}
	}
	return lines[len(lines)-1]
}
