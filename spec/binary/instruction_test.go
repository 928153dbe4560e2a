package binary

import (
	"debug/elf"
	"fmt"
	"os"
	"strings"
	"testing"
)

func TestInstructionLength(t *testing.T) {
	for _, tt := range []struct {
		code string
		want int
	}{
		{"\xf3\x0f\x1e\xfa", 4},                 // endbr64
		{"\x55", 1},                             // push %rbp
		{"\x48\x89\xe5", 3},                     // mov %rsp,%rbp
		{"\x0f\x1f\x84\x00\x00\x00\x00\x00", 8}, // nop
		{"\x48", 0},
		{"", 0},
	} {
		if got := instructionLength([]byte(tt.code)); got != tt.want {
			t.Errorf("% x: %d bytes, want %d", tt.code, got, tt.want)
		}
	}
}

// TestOffsets takes every offset of a function of this test itself where an instruction
// begins, and none in between.
func TestOffsets(t *testing.T) {
	f, err := Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if f.elf.Machine != elf.EM_X86_64 {
		t.Skipf("instructions of %s are all of one length", f.elf.Machine)
	}
	const name = "github.com/ebgen/ebgen/spec/binary.(*File).unwindStart"
	found, err := f.Functions(name)
	if err != nil || len(found) != 1 {
		t.Fatalf("%v, %v", found, err)
	}
	code := make([]byte, found[0].Size)
	if _, err := f.file.ReadAt(code, int64(found[0].Offset)); err != nil {
		t.Fatal(err)
	}
	begins := map[int]bool{}
	for at := 0; at < len(code); at += instructionLength(code[at:]) {
		begins[at] = true
	}
	refused := 0
	for at := range min(len(code), 200) {
		for _, spelling := range []string{fmt.Sprintf("%s+%#x", name, at), fmt.Sprintf("%#x", found[0].Offset+uint64(at))} {
			switch _, err := f.Functions(spelling); {
			case begins[at] && err != nil:
				t.Errorf("%s: %v", spelling, err)
			case !begins[at] && (err == nil || !strings.Contains(err.Error(), "is inside an instruction of")):
				t.Errorf("%s: %v, want it refused", spelling, err)
			case err != nil:
				refused++
			}
		}
	}
	if refused < 100 {
		t.Errorf("%d offsets were refused only", refused)
	}
}

// TestUnwindStart finds a function of a stripped program from its table for unwinding.
func TestUnwindStart(t *testing.T) {
	f, err := Open("/bin/bash")
	if os.IsNotExist(err) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	found, err := f.Functions("readline")
	if err != nil || f.elf.Section(".eh_frame_hdr") == nil {
		t.Skipf("no such function, or no table: %v", err)
	}
	for _, behind := range []uint64{0, 1, found[0].Size - 1} {
		if start, ok := f.unwindStart(found[0].Address + behind); !ok || start != found[0].Address {
			t.Errorf("%#x bytes behind %#x: %#x, %v", behind, found[0].Address, start, ok)
		}
	}
	if start, ok := f.unwindStart(0); ok {
		t.Errorf("a function at 0: %#x", start)
	}
}
