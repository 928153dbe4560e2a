package check

import (
	"cmp"
	"slices"

	"github.com/ebgen/ebgen/spec/expr"
	"github.com/ebgen/ebgen/spec/ktype"
	"github.com/ebgen/ebgen/spec/plan"
)

// meanings are the members and arguments whose type is a mere number, though the number is
// one of a family: "struct TAG.MEMBER" or "KIND:TARGET.ARGUMENT".
var meanings = map[string]string{
	"struct task_struct.__state":               "task_state",
	"struct task_struct.state":                 "task_state", // before Linux 5.14
	"struct task_struct.exit_state":            "task_state",
	"rawtracepoint:sched_switch.prev_state":    "task_state", // Linux 5.18
	"tracepoint:sched:sched_switch.prev_state": "task_report",
}

// meant is the names that a number is shown by: those of its type, or those that the table
// says.
func (b *body) meant(e *ktype.Enum, of string) *ktype.Enum {
	name, ok := meanings[of]
	if e != nil || !ok {
		return e
	}
	e, _ = b.display(name)
	return e
}

// noValue finds comparisons of a number that has names with what is none of its values. A
// character is refused: it is a letter that other tools show a value by. A number draws a
// warning where the names are the kernel's own enum, all of which are known. It reports
// whether it has refused. op is == or !=, xNode and yNode are where x and its other side y
// stand.
func (b *body) noValue(op string, xNode, yNode expr.Node, x, y operand) bool {
	v, ok := constantInt(y)
	e := x.enum
	if e == nil || !ok || x.place || x.expr.Op == plan.OpConst {
		return false
	}
	least, most, bits := v, v, int64(0)
	for i, value := range e.Values {
		if value.Value == v {
			return false
		}
		if i == 0 {
			least, most = value.Value, value.Value
		}
		least, most, bits = min(least, value.Value), max(most, value.Value), bits|value.Value
	}
	if char, ok := yNode.(*expr.Char); ok {
		b.fail(yNode, "%s is a number of %s, and never the letter %s", expr.Print(xNode), e.Name, expr.Print(yNode)).hint("%s", nameHint(op, expr.Print(xNode), e, string(rune(char.Value))))
		return true
	}
	kernels := e.Size > 0 || len(e.Also) > 0 && !e.First // a family of macros may lack some
	if _, ok := yNode.(*expr.Number); !ok || !kernels || e.Flags && v&^bits == 0 || !e.Flags && least <= v && v <= most {
		return false
	}
	b.warn(yNode, "no value of %s is %s", cmp.Or(e.Name, "this enum"), expr.Print(yNode))
	return false
}

// nameHint is the condition that x is, or with the op != is not, what is shown by a name; ""
// when nothing is.
func nameHint(op, x string, e *ktype.Enum, name string) string {
	i := slices.IndexFunc(e.Values, func(v ktype.EnumValue) bool { return v.Name == name })
	if i < 0 {
		return ""
	}
	own := func(v ktype.EnumValue) string {
		if i := slices.IndexFunc(e.Also, func(o ktype.EnumValue) bool { return o.Value == v.Value }); i >= 0 {
			return e.Also[i].Name
		}
		return v.Name
	}
	v := e.Values[i]
	if !e.First || v.Value == 0 {
		return x + " " + op + " " + own(v)
	}
	for _, before := range e.Values[:i+1] { // the names of more bits, the value's own among them
		if combined := before.Value&(before.Value-1) != 0; combined && before.Value&v.Value == v.Value {
			return "(" + x + " & " + own(before) + ") " + op + " " + own(v)
		}
	}
	if op == "!=" {
		return "(" + x + " & " + own(v) + ") == 0"
	}
	return x + " & " + own(v)
}
