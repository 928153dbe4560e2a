package c

import (
	"fmt"
	"strconv"

	"github.com/ebgen/ebgen/spec/plan"
)

// ctype is the type that C gives to an expression. The zero value is void.
type ctype struct {
	name   string // as declared before a name: "u32", "const struct sock *"
	size   int    // bytes, 0 for what is no number
	signed bool
}

func (t ctype) number() bool { return t.size > 0 }

// declare writes a declaration of name, without its semicolon.
func (t ctype) declare(name string) string {
	if t.name[len(t.name)-1] == '*' {
		return t.name + name
	}
	return t.name + " " + name
}

func integer(size int, signed bool) ctype {
	letter := "u"
	if signed {
		letter = "s"
	}
	return ctype{letter + strconv.Itoa(8*size), size, signed}
}

var (
	s32 = integer(4, true)
	u32 = integer(4, false)
	u64 = integer(8, false)
)

// typeOf is the C type of a value of t that is a number or a pointer.
func (p *printer) typeOf(t plan.Type) ctype {
	switch t.Kind {
	case plan.Int, plan.Enumer:
		if t.BigEndian {
			return ctype{"__be" + strconv.Itoa(8*t.Size), t.Size, false}
		}
		return integer(t.Size, t.Signed)
	case plan.Bool:
		if t.Size > 1 { // a number that `format: bool` shows as one
			return integer(t.Size, false)
		}
		return ctype{"bool", 1, false}
	case plan.Stack:
		return u64
	case plan.Pointer:
		return ctype{name: p.pointer(t)}
	}
	panic(fail("a value of kind %q is no number", t.Kind))
}

// pointer is the declaration of a pointer up to its name; what it leads to is only read.
func (p *printer) pointer(t plan.Type) string {
	switch {
	case t.Elem == plan.Aggregate && t.Name != "":
		return "const " + p.tag(t.Name, t.Union) + " *"
	case t.Elem == plan.Int && t.ElemSize == 1 && t.ElemSigned:
		return "const char *"
	case t.Elem == plan.Int && (t.ElemSize == 1 || t.ElemSize == 2 || t.ElemSize == 4 || t.ElemSize == 8):
		return "const " + integer(t.ElemSize, t.ElemSigned).name + " *"
	}
	return "const void *"
}

// tag names a kernel struct. One whose tag is a name of ours gets a flavour, which CO-RE
// ignores: it compares names up to "___" (bpf_core_essential_name_len, tools/lib/bpf).
func (p *printer) tag(name string, union bool) string {
	if shared[name] || p.own[name] {
		name += "___kernel"
	}
	keyword := "struct "
	if union {
		keyword = "union "
	}
	p.tags[keyword+name] = true
	return keyword + name
}

// declaration is how something of type t that lies in memory is declared under name.
func (p *printer) declaration(t plan.Type, name string) string {
	switch t.Kind {
	case plan.String:
		return fmt.Sprintf("char %s[%d]", name, t.Size)
	case plan.Bytes:
		return fmt.Sprintf("u8 %s[%d]", name, t.Size)
	case plan.IP:
		return fmt.Sprintf("struct %s %s", p.use("ip_addr"), name)
	case plan.Flow:
		return fmt.Sprintf("struct %s %s", p.use("flow"), name)
	case plan.Owner:
		return fmt.Sprintf("struct %s %s", p.use("owner"), name)
	case plan.Hist:
		return fmt.Sprintf("u64 %s[%d]", name, p.plan.Histograms[t.Hist-1].Buckets())
	case plan.Prefix:
		return fmt.Sprintf("struct %s %s", p.use("ip_prefix"), name)
	}
	return p.typeOf(t).declare(name)
}

// large is the size from which a value is kept off the stack, which has 512 bytes for
// all of a program (MAX_BPF_STACK, include/linux/filter.h).
const large = 64

// failure is what keeps a plan from being printed; Print returns it.
type failure struct{ message string }

func (f failure) Error() string { return f.message }

func fail(format string, args ...any) failure { return failure{fmt.Sprintf(format, args...)} }
