package sink

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/ebgen/ebgen/runtime/decode"
	"github.com/ebgen/ebgen/spec/plan"
)

// numbers gives a decoder and n records whose only field counts from 1.
func numbers(t testing.TB, n int) (*decode.Decoder, [][]byte) {
	values := make([]any, n)
	for i := range values {
		values[i] = i + 1
	}
	return build(t, []column{{"n", integer(4, false, plan.Plain), values}})
}

// limited takes a number of bytes and then fails.
type limited struct {
	bytes.Buffer
	room int
	err  error
}

func (l *limited) Write(b []byte) (int, error) {
	if len(b) <= l.room {
		l.room -= len(b)
		return l.Buffer.Write(b)
	}
	n, _ := l.Buffer.Write(b[:l.room])
	l.room = 0
	return n, l.err
}

// TestAccount stops the writer after every possible number of bytes: a record is
// delivered when its last byte was taken, and all are accounted for.
func TestAccount(t *testing.T) {
	const records = 12
	d, recs := numbers(t, records)
	all := &limited{room: 1 << 20}
	feed(t, all, d, recs)
	size := all.Len()
	// "n\n" and then 9 records of two bytes and 3 of three.
	if want := len("n\n") + 9*2 + 3*3; size != want {
		t.Fatalf("%d bytes, want %d", size, want)
	}
	for room := range size {
		w := &limited{room: room, err: syscall.ENOSPC}
		s, err := feed(t, w, d, recs)
		whole := max(bytes.Count(w.Bytes(), []byte{'\n'})-1, 0)
		if !errors.Is(err, syscall.ENOSPC) || s.Delivered() != uint64(whole) || s.Lost() != records-uint64(whole) {
			t.Errorf("room for %d bytes: %v, %d delivered, %d lost, want %d delivered", room, err, s.Delivered(), s.Lost(), whole)
		}
		// What comes after a failure is lost, and nothing more is written.
		w.room = 1 << 20
		if err := s.Write(recs[0]); !errors.Is(err, syscall.ENOSPC) || s.Lost() != records-uint64(whole)+1 {
			t.Errorf("after a failure: %v, %d lost", err, s.Lost())
		}
		if err := s.Close(); !errors.Is(err, syscall.ENOSPC) || w.Len() != room {
			t.Errorf("after a failure: %v, %d bytes written, want %d", err, w.Len(), room)
		}
	}
}

// feed writes recs as CSV in batches of five, as far as w allows, and the rest too.
func feed(t *testing.T, w io.Writer, d *decode.Decoder, recs [][]byte) (*Sink, error) {
	t.Helper()
	s, err := New("csv", w, d, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i, rec := range recs {
		s.Write(rec)
		if i%5 == 4 {
			s.Flush()
		}
	}
	return s, s.Flush()
}

func TestShortWriteWithoutError(t *testing.T) {
	d, recs := numbers(t, 2)
	s, err := feed(t, &limited{room: 4}, d, recs)
	if !errors.Is(err, io.ErrShortWrite) || s.Delivered() != 1 || s.Lost() != 1 {
		t.Errorf("%v, %d delivered, %d lost", err, s.Delivered(), s.Lost())
	}
}

func TestWrongRecord(t *testing.T) {
	d, recs := numbers(t, 1)
	var out bytes.Buffer
	s, err := New("csv", &out, d, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Write(recs[0][:3]); !errors.Is(err, decode.ErrRecordSize) {
		t.Error(err)
	}
	if err := s.Write(recs[0]); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil || s.Delivered() != 1 || s.Lost() != 1 || out.String() != "n\n1\n" {
		t.Errorf("%v, %d delivered, %d lost, %q", err, s.Delivered(), s.Lost(), out.String())
	}
	if err := s.Write(recs[0]); !errors.Is(err, ErrClosed) || s.Lost() != 2 {
		t.Errorf("after Close: %v, %d lost", err, s.Lost())
	}
}

// TestHeaderWithoutRecords shows the header before the first record comes.
func TestHeaderWithoutRecords(t *testing.T) {
	d, _ := numbers(t, 1)
	var out bytes.Buffer
	s, err := New("csv", &out, d, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Flush(); err != nil || out.String() != "n\n" {
			t.Errorf("%v %q", err, out.String())
		}
	}
}

func TestClosedPipe(t *testing.T) {
	const records = 100003
	d, recs := numbers(t, records)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	go func() {
		io.CopyN(io.Discard, r, 1000)
		r.Close()
	}()
	s, err := New("csv", w, d, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, rec := range recs {
		s.Write(rec)
	}
	// The text is larger than a pipe (64 KiB, pipe(7)), so the writer waits for the reader.
	if err := s.Flush(); !errors.Is(err, syscall.EPIPE) {
		t.Errorf("%v is not EPIPE", err)
	}
	if s.Delivered() < 200 || s.Lost() == 0 || s.Delivered()+s.Lost() != records {
		t.Errorf("%d delivered, %d lost", s.Delivered(), s.Lost())
	}
}

// TestFullFile lets the kernel cut a write short in the middle of a line: by the limit of
// a file's size, which a child of this test sets for itself. The file must then hold
// whole lines, exactly those that were counted.
func TestFullFile(t *testing.T) {
	if file := os.Getenv("SINK_TEST_FILE"); file != "" {
		fillFile(t, file)
		return
	}
	for _, before := range []string{"", "kept\n"} {
		file := filepath.Join(t.TempDir(), "out.csv")
		if err := os.WriteFile(file, []byte(before), 0o644); err != nil {
			t.Fatal(err)
		}
		child := exec.Command(os.Args[0], "-test.run=^TestFullFile$")
		child.Env = append(os.Environ(), "SINK_TEST_FILE="+file)
		account, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		var delivered, lost int
		if _, err := fmt.Fscanf(account, "%d %d\n", &delivered, &lost); err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, account)
		if err := child.Wait(); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		want := before + "n\n"
		for i := range delivered {
			want += fmt.Sprintln(i + 1)
		}
		if string(got) != want || delivered+lost != 101 || lost == 0 {
			t.Errorf("%d delivered, %d lost, file\n%s", delivered, lost, got)
		}
	}
}

// fileLimit ends within a line of three bytes in both of the test's files: one byte after
// the header, nine lines of two bytes and 27 of three, or, with five bytes before the
// header, two bytes after 25 of three.
const fileLimit = 102

func fillFile(t *testing.T, file string) {
	d, recs := numbers(t, 101)
	signal.Ignore(syscall.SIGXFSZ)
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: fileLimit, Max: fileLimit}); err != nil {
		t.Fatal(err)
	}
	w, err := os.OpenFile(file, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	s, err := New("csv", w, d, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, rec := range recs {
		s.Write(rec)
	}
	if err := s.Flush(); !errors.Is(err, syscall.EFBIG) {
		t.Fatalf("%v is not EFBIG", err)
	}
	fmt.Println(s.Delivered(), s.Lost())
}

func TestFullDevice(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skipf("no /dev/full: %v", err)
	}
	defer full.Close()
	d, recs := numbers(t, 37)
	s, err := feed(t, full, d, recs)
	if !errors.Is(err, syscall.ENOSPC) || s.Delivered() != 0 || s.Lost() != 37 {
		t.Errorf("%v, %d delivered, %d lost", err, s.Delivered(), s.Lost())
	}
}
