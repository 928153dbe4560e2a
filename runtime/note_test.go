package runtime

import (
	"debug/elf"
	"strings"
	"testing"

	"github.com/ebgen/ebgen/spec/binary"
)

// Where the registers lie: struct pt_regs, and for arm64 struct user_pt_regs.
func TestRegisters(t *testing.T) {
	for _, test := range []struct {
		arch, name string
		want       savedRegister
	}{
		{"amd64", "r15", savedRegister{offset: 0, size: 8}},
		{"amd64", "rax", savedRegister{offset: 80, size: 8}},
		{"amd64", "ah", savedRegister{offset: 80, shift: 8, size: 1}},
		{"amd64", "sil", savedRegister{offset: 104, size: 1}},
		{"amd64", "bpl", savedRegister{offset: 32, size: 1}},
		{"amd64", "r10w", savedRegister{offset: 56, size: 2}},
		{"amd64", "rip", savedRegister{offset: 128, size: 8}},
		{"amd64", "esp", savedRegister{offset: 152, size: 4}},
		{"arm64", "x0", savedRegister{offset: 0, size: 8}},
		{"arm64", "w30", savedRegister{offset: 240, size: 4}},
		{"arm64", "fp", savedRegister{offset: 232, size: 8}},
		{"arm64", "sp", savedRegister{offset: 248, size: 8}},
		{"arm64", "rip", savedRegister{offset: 256, size: 8}},
		{"arm64", "wzr", savedRegister{size: 4, zero: true}},
	} {
		if got, ok := registersOf(test.arch)(test.name); !ok || got != test.want {
			t.Errorf("%s of %s is %+v, %v; want %+v", test.name, test.arch, got, ok, test.want)
		}
	}
	for arch, names := range map[string]string{"amd64": "xmm0 x0 sih bph fs r16", "arm64": "x31 x01 w-1 d0 rax", "riscv64": "a0"} {
		for name := range strings.FieldsSeq(names) {
			if got, ok := registersOf(arch)(name); ok {
				t.Errorf("%s of %s is %+v", name, arch, got)
			}
		}
	}
}

// What a note says and a program cannot read is refused in words.
func TestNoteCodeRefuses(t *testing.T) {
	none := func(string) (uint64, bool) { return 0, false }
	for text, want := range map[string]string{
		"8f@%xmm0":         "floating",
		"8@%xmm0":          "xmm0",
		"3@%eax":           "3",
		"4@nowhere(%rip)":  "nowhere",
		"8@%fs:16":         "fs",
		"8@(%rax,%xmm1,8)": "xmm1",
	} {
		args := binary.ParseArgs(elf.EM_X86_64, text, none)
		if len(args) != 1 {
			t.Fatalf("%s: %d arguments", text, len(args))
		}
		if code, err := noteCode(args[0]); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, %v", text, code, err)
		}
	}
}
