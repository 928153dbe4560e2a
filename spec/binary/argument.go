package binary

import (
	"debug/elf"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
)

// Kind is where an argument of a USDT probe is.
type Kind string

const (
	Bad      Kind = "bad" // nowhere that can be read: Why
	Constant Kind = "constant"
	Register Kind = "register"
	Memory   Kind = "memory"
)

// Arg says where one argument of a USDT probe is at one site. Memory is at
//
//	Value + Base + Index * Scale
//
// or, when it is Relative, at Value less the site's Address plus the instruction pointer:
// the file lies elsewhere in memory than its own addresses say.
type Arg struct {
	Size     int // bytes: 1, 2, 4 or 8
	Signed   bool
	Float    bool
	Kind     Kind
	Why      string // Bad
	Base     string // register as the note names it, without %; "" for none
	Index    string
	Scale    int
	Value    int64 // the constant, or what is added to the registers
	Relative bool
}

// ParseArgs reads the arguments of a note, as gcc and clang print operands of asm: for
// x86-64 -4@%eax 8@$-5 4@-20(%rbp) 8@(%rax,%rbx,8) 4@name+8(%rip), for arm64 -4@w0 8@[sp, 16]
// 8@[x0, x1, lsl 3] 8@5. An argument that means nothing here is Bad and says why; the
// others keep their places.
func ParseArgs(machine elf.Machine, text string, symbol func(name string) (uint64, bool)) []Arg {
	var args []Arg
	for _, one := range splitArgs(text) {
		args = append(args, parseArg(machine, one, symbol))
	}
	return args
}

// SameLayout reports whether two sites' arguments are read in the same way. What is
// relative to the instruction pointer is compared as it is.
func SameLayout(a, b []Arg) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// splitArgs splits at spaces outside of brackets.
func splitArgs(text string) (args []string) {
	depth, start := 0, 0
	for i, r := range text + " " {
		switch r {
		case '(', '[':
			depth++
		case ')', ']':
			depth--
		case ' ':
			if depth > 0 && i < len(text) {
				continue
			}
			if start < i {
				args = append(args, text[start:i])
			}
			start = i + 1
		}
	}
	return args
}

func parseArg(machine elf.Machine, text string, symbol func(string) (uint64, bool)) Arg {
	width, operand, ok := strings.Cut(text, "@")
	if !ok { // before version 3, and where the size is the register's
		width, operand = "8", text
	}
	a, err := parseWidth(width)
	if err == nil {
		switch machine {
		case elf.EM_X86_64:
			err = a.x86(operand, symbol)
		case elf.EM_AARCH64:
			err = a.arm64(operand, symbol)
		default:
			err = fmt.Errorf("nothing is known of arguments on %v", machine)
		}
	}
	if err != nil {
		return Arg{Size: 8, Kind: Bad, Why: fmt.Sprintf("%q: %v", text, err)}
	}
	return a
}

// parseWidth reads what stands before the @: bytes, below 0 for a signed number, with an f
// for one of floating point.
func parseWidth(text string) (a Arg, err error) {
	digits := strings.Trim(text, "f")
	a.Float = digits != text
	n, err := strconv.Atoi(digits)
	if err != nil {
		return a, fmt.Errorf("no number of bytes stands before the @")
	}
	if a.Signed = n < 0; a.Signed {
		n = -n
	}
	switch a.Size = n; n {
	case 1, 2, 4, 8:
		return a, nil
	}
	return a, fmt.Errorf("a number has 1, 2, 4 or 8 bytes, not %d", n)
}

// x86Memory is DISPLACEMENT(BASE,INDEX,SCALE), in which all but one register may be
// missing; the displacement is a number or a symbol with one.
var x86Memory = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^([^()\s%]*)\(\s*(?:%(\w+))?\s*(?:,\s*%(\w+)\s*(?:,\s*([1248])\s*)?)?\)$`)
})

func (a *Arg) x86(operand string, symbol func(string) (uint64, bool)) (err error) {
	switch {
	case strings.HasPrefix(operand, "$"):
		a.Kind = Constant
		a.Value, err = number(operand[1:])
		return err
	case strings.HasPrefix(operand, "%fs:"), strings.HasPrefix(operand, "%gs:"):
		return fmt.Errorf("it belongs to a thread, whose memory a probe cannot find")
	case strings.HasPrefix(operand, "%"):
		a.Kind, a.Base = Register, operand[1:]
		return nil
	}
	a.Kind = Memory
	m := x86Memory().FindStringSubmatch(operand)
	if m == nil { // an absolute address
		return a.displace(operand, symbol)
	}
	a.Base, a.Index = m[2], m[3]
	if a.Base == "" && a.Index == "" {
		return fmt.Errorf("no register is in its brackets")
	}
	if a.Index != "" {
		a.Scale = 1
		if m[4] != "" {
			a.Scale = int(m[4][0] - '0')
		}
	}
	if a.Base == "rip" {
		a.Base, a.Relative = "", true
	}
	if m[1] == "" {
		return nil
	}
	return a.displace(m[1], symbol)
}

// displace sets what is added to the registers: NUMBER, SYMBOL, SYMBOL+NUMBER, SYMBOL-NUMBER
// or NUMBER+SYMBOL.
func (a *Arg) displace(text string, symbol func(string) (uint64, bool)) error {
	named := false
	for _, term := range terms().FindAllString(text, -1) {
		n, err := number(term)
		if err != nil {
			name := strings.TrimPrefix(term, "+")
			address, ok := symbol(name)
			if !ok {
				return fmt.Errorf("the file has no symbol %s", name)
			}
			n, named = int64(address), true
		}
		a.Value += n
	}
	if strings.Join(terms().FindAllString(text, -1), "") != text {
		return fmt.Errorf("%q is no place in memory", text)
	}
	if !named && a.Relative {
		return fmt.Errorf("what it is relative to is not said")
	}
	if named && a.Base == "" && a.Index == "" {
		a.Relative = true
	}
	return nil
}

var terms = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`[+-]?[\w.$]+`) })

// arm64Memory is [BASE], [BASE, NUMBER] or [BASE, INDEX, lsl N].
var arm64Memory = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^\[\s*(\w+)\s*(?:,\s*(?:#?(-?(?:0x)?[0-9a-fA-F]+)|([xw]\d+|xzr|wzr)(?:\s*,\s*(lsl|sxtw|uxtw)\s*(?:#?(\d))?)?)\s*)?\]$`)
})

var arm64Register = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^(?:[xw](?:[0-9]|[12][0-9]|30|zr)|sp|wsp)$`) })

func (a *Arg) arm64(operand string, symbol func(string) (uint64, bool)) (err error) {
	if arm64Register().MatchString(operand) {
		a.Kind, a.Base = Register, operand
		return nil
	}
	if n, err := number(strings.TrimPrefix(operand, "#")); err == nil {
		a.Kind, a.Value = Constant, n
		return nil
	}
	a.Kind = Memory
	m := arm64Memory().FindStringSubmatch(operand)
	switch {
	case m == nil && strings.HasPrefix(operand, "["):
		return fmt.Errorf("no such operand is known")
	case m == nil && len(operand) > 1 && strings.ContainsRune("bhsdqv", rune(operand[0])) && operand[1] >= '0' && operand[1] <= '9':
		return fmt.Errorf("it is in a register for floating point, which the kernel does not save for a probe")
	case m == nil:
		return a.displace(operand, symbol)
	case m[4] == "sxtw":
		return fmt.Errorf("its index is extended by its sign, which is not followed")
	}
	a.Base, a.Index = m[1], m[3]
	if m[2] != "" {
		a.Value, err = number(m[2])
	}
	if a.Index != "" {
		a.Scale = 1
		if m[5] != "" {
			a.Scale = 1 << (m[5][0] - '0')
		}
	}
	return err
}

// number reads a number in C's notation; one above the signed ones wraps.
func number(text string) (int64, error) {
	if n, err := strconv.ParseInt(text, 0, 64); err == nil {
		return n, nil
	}
	n, err := strconv.ParseUint(text, 0, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is no number", text)
	}
	return int64(n), nil
}
