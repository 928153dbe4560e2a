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
	p.Record.list(&b, "record", "")
	p.listMaps(&b)
	for _, s := range p.Structs {
		fmt.Fprintf(&b, "%s\n", s)
	}
	for _, r := range p.Probes {
		fmt.Fprintf(&b, "probe %s\n", r.Name)
		for _, a := range r.Alternatives {
			fmt.Fprintf(&b, "  %s:%s as %s", a.Kind, a.Target, a.Program)
			for _, call := range a.Calls {
				if len(a.Calls) > 1 {
					fmt.Fprintf(&b, ", %s", p.Bodies[call.Body].Name)
				}
				for i, s := range call.Args {
					fmt.Fprintf(&b, ", %s from %s %d", p.Bodies[call.Body].Args[i].Name, s.From, s.Index)
				}
			}
			b.WriteByte('\n')
		}
		for _, why := range r.Refused {
			fmt.Fprintf(&b, "  not %s\n", why)
		}
		if r.Optional {
			b.WriteString("  else none\n")
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
		p.listSteps(&b, &body)
	}
	return b.String()
}

// list prints a record's layout.
func (r *Record) list(b *strings.Builder, what, indent string) {
	fmt.Fprintf(b, "%s%s %d bytes\n", indent, what, r.Size)
	if r.Absent >= 0 {
		fmt.Fprintf(b, "%s%6d absent\n", indent, r.Absent)
	}
	for _, f := range r.Fields {
		fmt.Fprintf(b, "%s%6d %s: %s", indent, f.Offset, f.Name, f.Type)
		if f.Bit >= 0 {
			fmt.Fprintf(b, ", bit %d", f.Bit)
		}
		b.WriteByte('\n')
	}
}

// listMaps prints the maps and how a table's rows are made of one.
func (p *Plan) listMaps(b *strings.Builder) {
	for i := range p.Maps {
		m := &p.Maps[i]
		fmt.Fprintf(b, "map %s: %s of %d for %s, on full %s", m.Name, m.Type, m.Entries, m.Use, m.OnFull)
		if m.Depth > 0 {
			fmt.Fprintf(b, ", %d deep", m.Depth)
		}
		b.WriteByte('\n')
		m.Key.list(b, "key", "  ")
		m.Value.list(b, "value", "  ")
	}
	if p.Span != nil {
		fmt.Fprintf(b, "span in %s: %s\n", p.Maps[p.Span.Map].Name, strings.Join(p.Span.Stages, ", "))
	}
	if p.Table == nil {
		return
	}
	for i, c := range p.Table.Cells {
		fmt.Fprintf(b, "cell %d: %s in %s\n", i, c.Kind, p.Maps[p.Table.Map].Value.Fields[c.Field].Name)
		for _, r := range c.Reach {
			fmt.Fprintf(b, "  where the key is without %#x, with %#x\n", r.Set, r.Clear)
		}
	}
	for i, c := range p.Table.Columns {
		if c.Expr == nil {
			fmt.Fprintf(b, "column %s: key %s\n", p.Record.Fields[i].Name, p.Maps[p.Table.Map].Key.Fields[c.Key].Name)
			continue
		}
		fmt.Fprintf(b, "column %s: %s\n", p.Record.Fields[i].Name, c.Expr)
	}
}

// listSteps prints what a body does once its filters have passed.
func (p *Plan) listSteps(b *strings.Builder, body *Body) {
	assign := func(what string, r *Record, list []Assign) {
		for _, a := range list {
			fmt.Fprintf(b, "  %s%s = %s\n", what, r.Fields[a.Field].Name, a.Expr)
		}
	}
	fields := &p.Record
	if p.Table != nil {
		fields = &p.Maps[p.Table.Map].Key
	}
	if s := body.Span; s != nil {
		fmt.Fprintf(b, "  %s span[%s]\n", s.Action, list(s.Key))
		assign("  ", &p.Maps[p.Span.Map].Value, s.Values)
	}
	assign("", fields, body.Fields)
	for _, u := range body.Updates {
		fmt.Fprintf(b, "  cell %d", u.Cell)
		if u.Value != nil {
			fmt.Fprintf(b, " takes %s", u.Value)
		}
		if u.When != nil {
			fmt.Fprintf(b, " when %s", u.When)
		}
		b.WriteByte('\n')
	}
	for _, s := range body.Saves {
		fmt.Fprintf(b, "  save %s[%s]\n", p.Maps[s.Map].Name, list(s.Key))
		assign("  ", &p.Maps[s.Map].Value, s.Values)
	}
	for _, d := range body.Deletes {
		fmt.Fprintf(b, "  delete %s[%s]\n", p.Maps[d.Map].Name, list(d.Key))
	}
}

func list(all []Expr) string {
	texts := make([]string, len(all))
	for i, e := range all {
		texts[i] = e.String()
	}
	return strings.Join(texts, ", ")
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
		if e.Name == "min" || e.Name == "max" {
			return e.Name + "(" + args[0] + ", " + args[1] + ")"
		}
		return "(" + args[0] + " " + e.Name + " " + args[1] + ")"
	case OpPart:
		return args[0] + "." + e.Name
	case OpInParam:
		return "(" + args[0] + " in $" + e.Name + ")"
	case OpStack:
		if len(args) == 1 {
			return "usym(" + args[0] + ")"
		}
		return fmt.Sprintf("%cstack(%d)", "ku"[map[bool]int{true: 1}[e.Type.User]], e.Int)
	case OpEntry, OpHas:
		return fmt.Sprintf("%s(%d[%s].%s)", e.Op, e.Int, strings.Join(args, ", "), e.Name)
	case OpKept:
		return "start." + e.Name
	case OpCell:
		return "cell " + strconv.FormatInt(e.Int, 10)
	case OpQuantile:
		return fmt.Sprintf("quantile(%s, %d)", args[0], e.Int)
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
