package c

import (
	"fmt"
	"strings"

	"github.com/ebgen/ebgen/spec/plan"
)

// program is one BPF program: it takes a body's arguments out of its context.
type program struct {
	At      string // #line
	Section string
	Name    string
	Context string // the parameter
	Body    string
	Args    string
}

// sections names the ELF section of each kind, as cilium/ebpf and libbpf read it, and
// declares the context.
var sections = map[plan.AttachKind]struct{ prefix, context string }{
	plan.RawTracepoint: {"raw_tp/", "u64 *ctx"},
	plan.Tracepoint:    {"tracepoint/", "void *ctx"},
	plan.Kprobe:        {"kprobe/", "struct registers *ctx"},
	plan.Kretprobe:     {"kretprobe/", "struct registers *ctx"},
	plan.Fentry:        {"fentry/", "u64 *ctx"},
	plan.Fexit:         {"fexit/", "u64 *ctx"},
	plan.Iterator:      {"iter/", "u64 *ctx"},
}

func (p *printer) newProgram(kind plan.AttachKind, target, name string, line int) program {
	s, ok := sections[kind]
	if !ok {
		panic(fail("a program of kind %q is unknown", kind))
	}
	if strings.Contains(s.context, "registers") {
		p.use("registers")
	}
	return program{At: p.at(line), Section: quoted(s.prefix + target), Name: name, Context: s.context}
}

// quoted is quote without its quotation marks; a tracepoint's category and name are
// parted by a slash.
func quoted(s string) string {
	q := quote(strings.Replace(s, ":", "/", 1))
	return q[1 : len(q)-1]
}

// attachment prints the program of one attachment.
func (p *printer) attachment(a plan.Attachment, b *body, line int) program {
	one := p.newProgram(a.Kind, a.Target, a.Program, line)
	var args []string
	if b.context() {
		args = append(args, "ctx")
	}
	for i, s := range a.Args {
		args = append(args, p.argument(s, b.plan.Args[i].Type))
	}
	one.Body, one.Args = b.name, strings.Join(args, ", ")
	if len(args) == 0 {
		one.Context += " __attribute__((unused))"
	}
	return one
}

// argument takes one argument from the context. C converts numbers as the body's
// parameter wants them.
func (p *printer) argument(s plan.Source, t plan.Type) string {
	to := p.argType(t)
	var v value
	switch s.From {
	case plan.Slot:
		v = primary(fmt.Sprintf("ctx[%d]", s.Index), u64)
	case plan.Register:
		v = primary(fmt.Sprintf("ARGUMENT_%d(ctx)", s.Index), u64)
	case plan.Return:
		v = primary("RETURNED(ctx)", u64)
	case plan.Dynamic:
		v = primary(fmt.Sprintf("%s(ctx, %d)", p.use("DYNAMIC"), s.Index), ctype{name: "const char *"})
	case plan.Context:
		if t.Kind == plan.Array || t.Kind == plan.String || t.Kind == plan.Bytes {
			v = value{text: fmt.Sprintf("ctx + %d", s.Index), prec: precAdd, typ: ctype{name: "void *"}}
			return v.text
		}
		at := integer(s.Size, t.Signed && to.number())
		v = value{text: fmt.Sprintf("*(%s *)(ctx + %d)", at.name, s.Index), prec: precUnary, typ: at}
	default:
		panic(fail("an argument cannot come from %q", s.From))
	}
	if to.number() && to.name != "bool" {
		return v.text
	}
	if to.name == "bool" { // only the low byte of a register is the value's
		to = integer(1, false)
		if v.typ == to {
			return v.text
		}
	}
	return cast(v, to).text
}

// ownerBodies are the bodies of the programs that learn who opens sockets, by target, with
// the arguments they take: of a function by number, of a system call's exit its result
// (struct syscall_trace_exit, kernel/trace/trace.h).
var ownerBodies = map[string]struct {
	body string
	args []plan.Source
	typ  []plan.Type
}{
	"security_socket_post_create": {"owner_created", []plan.Source{{Index: 0}, {Index: 4}}, []plan.Type{structPointer("socket"), {Kind: plan.Int, Size: 4, Signed: true}}},
	"security_sock_graft":         {"owner_grafted", []plan.Source{{Index: 0}, {Index: 1}}, []plan.Type{structPointer("sock"), structPointer("socket")}},
	"tcp_destroy_sock":            {"owner_destroyed", []plan.Source{{Index: 0}}, []plan.Type{structPointer("sock")}},
	"syscalls:sys_exit_socket":    {"owner_returned", exitResult, exitType},
	"syscalls:sys_exit_accept":    {"owner_returned", exitResult, exitType},
	"syscalls:sys_exit_accept4":   {"owner_returned", exitResult, exitType},
}

var (
	exitResult = []plan.Source{{From: plan.Context, Index: 16, Size: 8}}
	exitType   = []plan.Type{{Kind: plan.Int, Size: 8, Signed: true}}
)

func structPointer(tag string) plan.Type {
	return plan.Type{Kind: plan.Pointer, Size: 8, Elem: plan.Aggregate, Name: tag}
}

// ownerPrograms prints the programs that learn who opens sockets.
func (p *printer) ownerPrograms() []program {
	o := p.plan.Owners
	if o == nil {
		return nil
	}
	var out []program
	var probes []plan.Probe
	for _, way := range o.Ways {
		probes = append(probes, way...)
	}
	for _, probe := range append(probes, o.Probes...) {
		for _, a := range probe.Alternatives {
			body, ok := ownerBodies[a.Target]
			if !ok {
				panic(fail("no program notes socket owners at %s", a.Target))
			}
			one := p.newProgram(a.Kind, a.Target, a.Program, probe.Line)
			var args []string
			for i, source := range body.args {
				if source.From == "" {
					source.From = plan.Slot
					if a.Kind == plan.Kprobe {
						source.From = plan.Register
					}
				}
				args = append(args, p.argument(source, body.typ[i]))
			}
			one.Body, one.Args = p.use(body.body), strings.Join(args, ", ")
			out = append(out, one)
		}
	}
	// struct bpf_iter__task_file, kernel/bpf/task_iter.c: meta, task, fd, file.
	sweep := p.newProgram(plan.Iterator, "task_file", o.Sweep, p.plan.Line)
	sweep.Body = p.use("owner_swept")
	sweep.Args = p.argument(plan.Source{From: plan.Slot, Index: 1}, structPointer("task_struct")) + ", " +
		p.argument(plan.Source{From: plan.Slot, Index: 3}, structPointer("file"))
	return append(out, sweep)
}
