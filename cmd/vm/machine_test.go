package main

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestOutcome(t *testing.T) {
	const boot = 3 * time.Second
	panic := "[    1.0] something\n[    4.8] Kernel panic - not syncing: sysrq triggered crash\n[    4.9] CPU: 1"
	tests := []struct {
		name    string
		frames  func(*frameWriter)
		boot    time.Duration
		late    bool
		console string
		quit    error
		want    outcome
	}{
		{
			name: "success", boot: boot, console: "x",
			frames: func(w *frameWriter) { w.send(frameExited, waitStatus(0)) },
			want:   outcome{result: passed, boot: boot},
		}, {
			name: "exit 3", boot: boot,
			frames: func(w *frameWriter) { w.send(frameExited, waitStatus(3<<8)) },
			want:   outcome{result: failed, status: 3, detail: "exit status 3", boot: boot},
		}, {
			name: "exit 124 of its own", boot: boot,
			frames: func(w *frameWriter) { w.send(frameExited, waitStatus(124<<8)) },
			want:   outcome{result: failed, status: 124, detail: "exit status 124", boot: boot},
		}, {
			name: "a last frame counts, even when the time is over", boot: boot, late: true,
			frames: func(w *frameWriter) { w.send(frameExited, waitStatus(0)) },
			want:   outcome{result: passed, boot: boot},
		}, {
			name: "segmentation fault with core", boot: boot,
			frames: func(w *frameWriter) { w.send(frameExited, waitStatus(0x80|11)) },
			want:   outcome{result: killed, status: 139, detail: "SIGSEGV", boot: boot},
		}, {
			name:   "init cannot",
			frames: func(w *frameWriter) { w.send(frameFailed, []byte("load module x: no such device")) },
			want:   outcome{result: broken, status: statusVM, detail: "load module x: no such device"},
		}, {
			name: "panic", boot: boot, console: panic,
			frames: func(w *frameWriter) { w.send(frameStdout, []byte("x")) },
			want:   outcome{result: panicked, status: statusVM, detail: "sysrq triggered crash", boot: boot, console: panic},
		}, {
			name: "panic that hangs until the time is over", boot: boot, console: panic, late: true,
			frames: func(*frameWriter) {},
			want:   outcome{result: panicked, status: statusVM, detail: "sysrq triggered crash", boot: boot, console: panic},
		}, {
			name: "program hangs", boot: boot, late: true, console: "x",
			frames: func(*frameWriter) {},
			want:   outcome{result: timedOut, status: statusTimeout, detail: "after 10s, of which 3s boot", boot: boot, console: "x"},
		}, {
			name: "boot hangs", late: true, quit: errors.New("signal: killed"),
			frames: func(*frameWriter) {},
			want:   outcome{result: timedOut, status: statusTimeout, detail: "after 10s, before the program was started"},
		}, {
			name: "QEMU does not like its arguments", quit: errors.New("exit status 1: qemu: no"),
			frames: func(*frameWriter) {},
			want:   outcome{result: broken, status: statusVM, detail: "exit status 1: qemu: no"},
		}, {
			name: "guest reboots", boot: boot,
			frames: func(*frameWriter) {},
			want:   outcome{result: broken, status: statusVM, detail: "the guest ended without a word", boot: boot},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := &session{stdout: &bytes.Buffer{}, stderr: &bytes.Buffer{}, boot: tt.boot}
			if err := s.listen(frames(t, tt.frames)); err != nil {
				t.Fatal(err)
			}
			if got := s.outcome(tt.late, 10*time.Second, tt.console, tt.quit); got != tt.want {
				t.Errorf("got  %+v\nwant %+v", got, tt.want)
			}
		})
	}
}

func TestListen(t *testing.T) {
	var stdout, stderr bytes.Buffer
	s := &session{stdout: &stdout, stderr: &stderr, began: time.Now(), files: map[int][]byte{}}
	err := s.listen(frames(t, func(w *frameWriter) {
		w.send(frameStarted)
		w.send(frameStdout, []byte("a\x00"))
		w.send(frameStderr, []byte("b"))
		w.send(frameStdout, []byte("\xff"))
		w.send(frameOut, waitStatus(1), []byte("file"))
		w.send(frameExited, waitStatus(0))
		w.send(frameStdout, []byte("after the end"))
	}))
	if err != nil || stdout.String() != "a\x00\xff" || stderr.String() != "b" || string(s.files[1]) != "file" || !s.ended || s.boot == 0 {
		t.Errorf("stdout %q, stderr %q, session %+v, %v", stdout.String(), stderr.String(), s, err)
	}
	s = &session{stdout: &full{}}
	if err := s.listen(frames(t, func(w *frameWriter) { w.send(frameStdout, []byte("x")) })); !errors.Is(err, errFull) {
		t.Errorf("standard output is full: %v", err)
	}
	if err := s.listen(strings.NewReader("no frames at all")); !errors.Is(err, errDamagedFrame) {
		t.Errorf("damaged stream: %v", err)
	}
}

func TestCommandLine(t *testing.T) {
	amd64 := kernel{arch: "amd64"}
	m := &machine{kernel: amd64, append: "lsm=lockdown,yama,bpf"}
	if got, want := m.commandLine(), "console=ttyS0 panic=-1 oops=panic loglevel=4 lsm=lockdown,yama,bpf"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	m = &machine{kernel: amd64, verbose: true, memory: "2G"}
	if got, want := m.commandLine(), "console=ttyS0 panic=-1 oops=panic loglevel=8"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := (&machine{kernel: kernel{arch: "arm64"}}).commandLine(), "console=ttyAMA0 panic=-1 oops=panic loglevel=4"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	arguments := m.arguments()
	if i := slices.Index(arguments, "-accel"); i < 0 || arguments[i+1] != "tcg,thread=single" {
		t.Errorf("arguments %q: QEMU 7.2 needs thread=single", arguments)
	}
	if i := slices.Index(arguments, "-m"); i < 0 || arguments[i+1] != "2G" {
		t.Errorf("arguments %q: want the memory asked for", arguments)
	}
}

func TestTail(t *testing.T) {
	var c tail
	for range 3000 {
		c.Write([]byte("0123456789\r\n"))
	}
	got := c.String()
	if len(got) > tailSize || len(got) < tailSize/2 || !strings.HasSuffix(got, "0123456789\n0123456789") || strings.Contains(got, "\r") {
		t.Errorf("%d bytes ending in %q", len(got), got[max(0, len(got)-30):])
	}
}
