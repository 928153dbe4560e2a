package c

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ebgen/ebgen/spec/plan"
)

// program is one BPF program: it takes a body's arguments out of its context.
type program struct {
	At      string // #line
	Section string
	Name    string
	Context string // the parameter
	Objects []int  // of an iterator: the slots that must not be NULL
	Notes   []int  // the arguments of a USDT probe that it takes, by number
	Calls   []call // the last one's result is the program's
}

// call is a call of a body.
type call struct{ Body, Args string }

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
	plan.Uprobe:        {"uprobe/", "struct registers *ctx"},
	plan.Uretprobe:     {"uretprobe/", "struct registers *ctx"},
	plan.USDT:          {"uprobe/", "struct registers *ctx"},
	plan.Profile:       {perfEvent, "void *ctx"},
	plan.Interval:      {perfEvent, "void *ctx"},
	plan.Software:      {perfEvent, "void *ctx"},
	plan.Hardware:      {perfEvent, "void *ctx"},
	plan.Begin:         {"raw_tp/", "u64 *ctx"},
	plan.End:           {"raw_tp/", "u64 *ctx"},
}

const perfEvent = "perf_event/"

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

// attachment prints the program of one attachment. All bodies that it calls are printed.
func (p *printer) attachment(a plan.Attachment, bodies []*body, line int) program {
	one := p.newProgram(a.Kind, a.Target, a.Program, line)
	if a.Object > 0 {
		one.Objects = []int{a.Object}
	}
	used := a.Object > 0
	for _, c := range a.Calls {
		b := bodies[c.Body]
		var args []string
		if b.context() {
			args = append(args, "ctx")
		}
		for i, s := range c.Args {
			args = append(args, p.argument(a.Kind, s, b.plan.Args[i].Type))
			if s.From == plan.Note && !slices.Contains(one.Notes, s.Index) {
				one.Notes = append(one.Notes, s.Index)
			}
			// The verifier takes each pointer that an iterator passes for one that may be NULL.
			if a.Object > 0 && s.From == plan.Slot && b.plan.Args[i].Type.Kind == plan.Pointer && !slices.Contains(one.Objects, s.Index) {
				one.Objects = append(one.Objects, s.Index)
			}
		}
		used = used || len(args) > 0
		one.Calls = append(one.Calls, call{b.name, strings.Join(args, ", ")})
	}
	slices.Sort(one.Notes)
	if !used {
		one.Context += " __attribute__((unused))"
	}
	return one
}

// argument takes one argument from the context. C converts numbers as the body's
// parameter wants them.
func (p *printer) argument(kind plan.AttachKind, s plan.Source, t plan.Type) string {
	to := p.argType(t)
	var v value
	switch s.From {
	case plan.Slot:
		v = primary(fmt.Sprintf("ctx[%d]", s.Index), u64)
	case plan.Register:
		v = primary(fmt.Sprintf("ARGUMENT_%d(ctx)", s.Index), u64)
	case plan.GoRegister:
		p.use("go_registers")
		v = primary(fmt.Sprintf("GO_ARGUMENT_%d(ctx)", s.Index), u64)
	case plan.Note:
		v = primary(p.note(s.Index), u64)
	case plan.Return:
		v = primary("RETURNED(ctx)", u64)
	case plan.Caller:
		v = primary(pick(kind == plan.Uprobe, "CALLER_AT_ENTRY(ctx)", "CALLER_AT_RETURN(ctx)"), u64)
	case plan.Dynamic:
		v = primary(fmt.Sprintf("%s(ctx, %d)", p.use("DYNAMIC"), s.Index), ctype{name: "const char *"})
	case plan.Within:
		v = value{text: fmt.Sprintf("ctx + %d", s.Index), prec: precAdd, typ: ctype{name: "void *"}}
	case plan.Context:
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

// noteCount is how many arguments a USDT probe has at most (STAP_PROBE12 of sys/sdt.h).
const noteCount = 12

// note names the variable of an argument of a USDT probe.
func (p *printer) note(index int) string {
	if index < 0 || index >= noteCount {
		panic(fail("a USDT probe has no argument %d", index))
	}
	for _, name := range []string{"failed", "EOPNOTSUPP"} {
		p.use(name)
	}
	p.notes[index] = true
	return fmt.Sprintf("argument_%d", index)
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
				args = append(args, p.argument(a.Kind, source, body.typ[i]))
			}
			one.Calls = []call{{p.use(body.body), strings.Join(args, ", ")}}
			out = append(out, one)
		}
	}
	// struct bpf_iter__task_file, kernel/bpf/task_iter.c: meta, task, fd, file.
	sweep := p.newProgram(plan.Iterator, "task_file", o.Sweep, p.plan.Line)
	sweep.Calls = []call{{p.use("owner_swept"), p.argument(plan.Iterator, plan.Source{From: plan.Slot, Index: 1}, structPointer("task_struct")) + ", " +
		p.argument(plan.Iterator, plan.Source{From: plan.Slot, Index: 3}, structPointer("file"))}}
	return append(out, sweep)
}
