package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func TestFrames(t *testing.T) {
	var stream bytes.Buffer
	w := &frameWriter{w: &stream}
	big := strings.Repeat("0123456789abcdef", maxPayload/16) // one frame exactly
	sent := []struct {
		kind    frameKind
		payload string
	}{
		{frameStarted, ""}, {frameStdout, "a\x00\xff\n"}, {frameStderr, big}, {frameExited, "\x00\x03\x00\x00"},
	}
	for _, f := range sent {
		if err := w.send(f.kind, []byte(f.payload)); err != nil {
			t.Fatal(err)
		}
	}
	r := newFrameReader(iotest.OneByteReader(&stream))
	for i, f := range sent {
		kind, payload, err := r.next()
		if err != nil || kind != f.kind || string(payload) != f.payload {
			t.Errorf("frame %d: kind %d, %d bytes, %v; want kind %d, %d bytes", i, kind, len(payload), err, f.kind, len(f.payload))
		}
	}
	if _, _, err := r.next(); err != io.EOF {
		t.Errorf("after the last frame: %v, want EOF", err)
	}
}

func TestCopyFrom(t *testing.T) {
	index := []byte{7, 0, 0, 0}
	for _, size := range []int{0, 1, maxPayload - 4, maxPayload - 3, 3 * maxPayload} {
		text := strings.Repeat("x", size)
		var stream bytes.Buffer
		w := &frameWriter{w: &stream}
		if err := w.copyFrom(strings.NewReader(text), frameOut, index...); err != nil {
			t.Fatal(err)
		}
		s := &session{files: map[int][]byte{}}
		if err := s.listen(&stream); err != nil {
			t.Fatal(err)
		}
		if got, ok := s.files[7]; !ok || string(got) != text {
			t.Errorf("%d bytes came as %d, file there: %t", size, len(got), ok)
		}
	}
}

func TestFrameErrors(t *testing.T) {
	tests := []struct {
		name   string
		stream string
		want   error
	}{
		{"nothing", "", io.EOF},
		{"cut in the head", "\x02\x01\x00", io.ErrUnexpectedEOF},
		{"cut in the payload", "\x02\x02\x00\x00\x00x", io.ErrUnexpectedEOF},
		{"cut before the payload", "\x02\x02\x00\x00\x00", io.ErrUnexpectedEOF},
		{"kind 0", "\x00\x00\x00\x00\x00", errDamagedFrame},
		{"kind past the last", "\x07\x00\x00\x00\x00", errDamagedFrame},
		{"too long", "\x02\x01\x00\x01\x00", errDamagedFrame},
		{"file without its number", "\x04\x03\x00\x00\x00abc", errDamagedFrame},
		{"status of three bytes", "\x05\x03\x00\x00\x00abc", errDamagedFrame},
	}
	for _, tt := range tests {
		if _, _, err := newFrameReader(strings.NewReader(tt.stream)).next(); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
	}
}

func FuzzFrameReader(f *testing.F) {
	f.Add([]byte("\x01\x00\x00\x00\x00\x02\x03\x00\x00\x00abc\x05\x04\x00\x00\x00\x00\x03\x00\x00"))
	f.Add([]byte("\x04\x04\x00\x00\x00\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, stream []byte) {
		r := newFrameReader(bytes.NewReader(stream))
		var again bytes.Buffer
		w := &frameWriter{w: &again}
		for {
			kind, payload, err := r.next()
			if err != nil {
				break
			}
			if err := w.send(kind, payload); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.HasPrefix(stream, again.Bytes()) {
			t.Errorf("what was read, written again, is another stream:\n%x\n%x", stream, again.Bytes())
		}
	})
}

// frames builds a stream of frames for the tests of a session.
func frames(t *testing.T, send func(*frameWriter)) io.Reader {
	t.Helper()
	var stream bytes.Buffer
	send(&frameWriter{w: &stream})
	return &stream
}

func waitStatus(status uint32) []byte { return binary.LittleEndian.AppendUint32(nil, status) }
