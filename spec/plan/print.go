package plan

import (
	"fmt"
	"strconv"
	"strings"
)

// String lists what the plan holds, for people and for tests: params, record, probes
// with their alternatives, bodies with their expressions.
func (p *Plan) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "plan %s, %s %d bytes\n", p.Name, p.Channel.Kind, p.Channel.Size)
	for _, a := range p.Params {
		list := ""
		if a.List {
			list = "list of "
		}
		fmt.Fprintf(&b, "param %s: %s%s\n", a.Name, list, a.Type)
	}
	fmt.Fprintf(&b, "record %d bytes\n", p.Record.Size)
	if p.Record.Absent >= 0 {
		fmt.Fprintf(&b, "%6d absent\n", p.Record.Absent)
	}
	for _, f := range p.Record.Fields {
		fmt.Fprintf(&b, "%6d %s: %s", f.Offset, f.Name, f.Type)
		if f.Bit >= 0 {
			fmt.Fprintf(&b, ", bit %d", f.Bit)
		}
		b.WriteByte('\n')
	}
	for _, s := range p.Structs {
		fmt.Fprintf(&b, "%s\n", s)
	}
	for _, r := range p.Probes {
		fmt.Fprintf(&b, "probe %s\n", r.Name)
		for _, a := range r.Alternatives {
			fmt.Fprintf(&b, "  %s:%s as %s", a.Kind, a.Target, a.Program)
			for i, s := range a.Args {
				fmt.Fprintf(&b, ", %s from %s %d", p.Bodies[a.Body].Args[i].Name, s.From, s.Index)
			}
			b.WriteByte('\n')
		}
		for _, why := range r.Refused {
			fmt.Fprintf(&b, "  not %s\n", why)
		}
	}
	for _, body := range p.Bodies {
		fmt.Fprintf(&b, "body %s\n", body.Name)
		for _, f := range body.Filters {
			fmt.Fprintf(&b, "  filter %s", f.Expr)
			if len(f.Params) > 0 {
				fmt.Fprintf(&b, " if given: %s", strings.Join(f.Params, ", "))
			}
			b.WriteByte('\n')
		}
		for _, a := range body.Fields {
			fmt.Fprintf(&b, "  %s = %s\n", p.Record.Fields[a.Field].Name, a.Expr)
		}
	}
	return b.String()
}

// String writes an expression in full: operands before types, every read, conversion
// and change of byte order visible.
func (e Expr) String() string {
	args := make([]string, len(e.Args))
	for i, a := range e.Args {
		args[i] = a.String()
	}
	switch e.Op {
	case OpConst:
		text := strconv.FormatInt(e.Int, 10)
		if e.Name != "" {
			text = e.Name
		}
		return text + ":" + e.Type.String()
	case OpText:
		return strconv.Quote(e.Name)
	case OpArg:
		return "args." + e.Name
	case OpParam:
		return "$" + e.Name
	case OpBuiltin:
		return e.Name
	case OpLoad:
		return "load(" + args[0] + steps(e.Path) + ":" + e.Type.String() + ")"
	case OpAddress, OpExists:
		return string(e.Op) + "(" + args[0] + steps(e.Path) + ")"
	case OpElement:
		return fmt.Sprintf("element(%s, %s, %d bytes)", args[0], args[1], e.Int)
	case OpCast:
		return e.Type.String() + "(" + args[0] + ")"
	case OpUnary:
		return e.Name + args[0]
	case OpBinary:
		return "(" + args[0] + " " + e.Name + " " + args[1] + ")"
	case OpPart:
		return args[0] + "." + e.Name
	case OpInParam:
		return "(" + args[0] + " in $" + e.Name + ")"
	case OpCall, OpC:
		return e.Name + "(" + strings.Join(args, ", ") + ")"
	}
	return string(e.Op) + "(" + strings.Join(args, ", ") + ")"
}

func steps(path []Step) string {
	var b strings.Builder
	for i, s := range path {
		switch {
		case s.Name == "":
			fmt.Fprintf(&b, "[%d]", s.Index)
		case i == 0:
			b.WriteString("->" + s.Name)
		default:
			b.WriteString("." + s.Name)
		}
	}
	return b.String()
}

// String spells a type briefly: u16, be32, enum tcp_state, sock *, string(16).
func (t Type) String() string {
	text := string(t.Kind)
	switch t.Kind {
	case Void:
		text = "void"
	case Int:
		text = map[bool]string{true: "s", false: "u"}[t.Signed]
		if t.BigEndian {
			text = "be"
		}
		text += strconv.Itoa(8 * t.Size)
	case Enumer:
		text = "enum" + strconv.Itoa(8*t.Size)
	case Pointer:
		text = strings.TrimSpace(string(t.Elem)+" "+t.Name) + " *"
		if t.User {
			text += " user"
		}
	case Array:
		text = fmt.Sprintf("%s[%d]", strings.TrimSpace(string(t.Elem)+" "+t.Name), t.Len)
	case Aggregate:
		text = "struct " + t.Name
	case String, Bytes:
		text += fmt.Sprintf("(%d)", t.Size)
	}
	if t.Meaning != Plain {
		text += " " + string(t.Meaning)
	}
	return text
}

// String spells what is read of a struct on one line.
func (s Struct) String() string {
	var b strings.Builder
	keyword := "struct"
	if s.Union {
		keyword = "union"
	}
	b.WriteString(strings.TrimSpace(keyword+" "+s.Name) + " {")
	for _, m := range s.Members {
		if m.Inline != nil {
			fmt.Fprintf(&b, " %s %s;", *m.Inline, m.Name)
			continue
		}
		fmt.Fprintf(&b, " %s %s", m.Type, m.Name)
		if m.Bits > 0 {
			fmt.Fprintf(&b, ":%d", m.Bits)
		}
		b.WriteByte(';')
	}
	return b.String() + " }"
}
