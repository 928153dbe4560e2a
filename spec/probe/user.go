package probe

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/ebgen/ebgen/spec/binary"
	"github.com/ebgen/ebgen/spec/ktype"
	"github.com/ebgen/ebgen/spec/plan"
)

// word is an argument or result of a function of user space, of which no type is known: a
// register, whose value may be an address.
func word(name string, from plan.Source) Param {
	return Param{Name: name, Kind: ktype.Type{Kind: ktype.Int, Size: 8},
		Plan: plan.Type{Kind: plan.Int, Size: 8, User: true}, Source: from}
}

// caller tells the calls apart that a thread is in.
func caller() *Param {
	p := word("caller", plan.Source{From: plan.Caller})
	return &p
}

// goRegisters is how many integer arguments functions of Go take in registers
// (src/cmd/compile/abi-internal.md, Go 1.17).
var goRegisters = map[string]int{"amd64": 9, "arm64": 16}

// uprobe is a function of a program or library: one of C, or of what passes arguments as C
// does, or one of Go. The binary need not be on the machine on which the spec is checked: it
// is looked for when the tracer starts, and then it shows which of the two it is.
func uprobe(_ *ktype.Kernel, arch, target string) ([]Candidate, error) {
	if err := userTarget(target); err != nil {
		return nil, err
	}
	file, symbol, _ := strings.Cut(target, ":")
	inC, inGo := Candidate{Kind: plan.Uprobe, Target: target}, Candidate{Kind: plan.Uprobe, Target: target}
	for i := range ktype.Registers[arch] {
		inC.Params = append(inC.Params, word("arg"+strconv.Itoa(i), plan.Source{From: plan.Register, Index: i}))
	}
	for i := range goRegisters[arch] {
		inGo.Params = append(inGo.Params, word("arg"+strconv.Itoa(i), plan.Source{From: plan.GoRegister, Index: i}))
	}
	if isSymbol(symbol) {
		inC.ReturnProbe, inC.Caller = "uretprobe:"+target, caller()
	}
	switch isGo, known := goProgram(file); {
	case !known:
		return []Candidate{inC, inGo}, nil
	case isGo:
		return []Candidate{inGo}, nil
	}
	return []Candidate{inC}, nil
}

// goProgram reports whether a file is of Go, and whether this machine has it.
func goProgram(name string) (isGo, known bool) {
	path, err := binary.Find(name, 0)
	if err != nil {
		return false, false
	}
	f, err := binary.Open(path)
	if err != nil {
		return false, false
	}
	defer f.Close()
	return f.Go(), true
}

// Func is the name of the function or tracepoint, as func gives it. A pattern's is not known
// before one of its functions is hit.
func (c Candidate) Func() (name string, known bool) {
	if c.Kind != plan.Uprobe && c.Kind != plan.Uretprobe {
		return c.Target, !strings.Contains(c.Target, "*")
	}
	_, symbol, _ := strings.Cut(c.Target, ":")
	return symbol, !strings.Contains(symbol, "*")
}

func uretprobe(_ *ktype.Kernel, _, target string) ([]Candidate, error) {
	if err := userTarget(target); err != nil {
		return nil, err
	}
	if _, symbol, _ := strings.Cut(target, ":"); !isSymbol(symbol) {
		return nil, fmt.Errorf("a function returns as a whole: a uretprobe wants the function's symbol, not a place in it")
	}
	result := word("retval", plan.Source{From: plan.Return})
	return []Candidate{{Kind: plan.Uretprobe, Target: target, Retval: &result, Caller: caller(),
		NoArgs: "the registers that held the arguments are overwritten by the time a uretprobe fires"}}, nil
}

// userTarget makes sure that a target names a binary and something in it.
func userTarget(target string) error {
	binary, symbol, ok := strings.Cut(target, ":")
	switch {
	case !ok || binary == "" || symbol == "":
		return fmt.Errorf("a function of user space is named BINARY:SYMBOL, such as libc:malloc")
	case strings.Count(symbol, "*") > 0 && strings.Trim(symbol, "*") == "":
		return fmt.Errorf("every function of a binary is too many: a pattern says a part of the name")
	}
	return nil
}

// isSymbol tells a symbol or a pattern from a place in a file: 0x1234, SYMBOL+0x10.
func isSymbol(text string) bool {
	if _, offset, ok := strings.Cut(text, "+"); ok {
		text = offset
	}
	_, err := strconv.ParseUint(text, 0, 64)
	return err != nil
}

// Missing says why this machine has none of what a probe such as uprobe:libc:malloc names, or
// nothing where it has it, and for probes that are not of programs. Where the tracer is to run
// it may be another.
func Missing(text string) error {
	word, target, _ := strings.Cut(text, ":")
	name, symbol, ok := strings.Cut(target, ":")
	if !ok || word != string(plan.Uprobe) && word != string(plan.Uretprobe) {
		return nil
	}
	path, err := binary.Find(name, 0)
	if err != nil {
		return err
	}
	f, err := binary.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.Functions(symbol)
	return err
}
