package c

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/ebgen/ebgen/spec/plan"
)

// keptStacks is what the pieces "stack_types" and "stacks" print: how a stack becomes a
// number.
type keptStacks struct {
	Depth   int
	Size    int  // of one stack in its map
	User    bool // whether stacks of processes are among them
	Single  bool // whether addresses are kept as stacks of one frame
	Entries bool // whether some are taken where a function of user space begins
	Slots   int
	Refused string // counter
}

// stackSlots is how many stacks one CPU can be taking at a time: by a task, by a softirq,
// a hardirq and an NMI that interrupt it, and by tasks that were preempted at it.
const stackSlots = 8

// stackClaims is how many slots of all CPUs can be claimed at a time. A claim that finds
// no room is one of a slot that is taken.
const stackClaims = 4096

// spacesSeen is how many processes are known to have been told of, and spacesRing the
// bytes of the ring that tells of them, each in twice plan.SpaceSize at most and 8 bytes of header.
const (
	spacesSeen = 16384
	spacesRing = 1 << 16 // the largest page, of arm64
)

// keptStacks describes how the plan's stacks are kept, or gives nil.
func (p *printer) keptStacks() *keptStacks {
	s := p.plan.Stacks
	if s == nil {
		return nil
	}
	for _, name := range []string{
		"bpf_get_stack", "bpf_get_smp_processor_id", "bpf_map_lookup_elem", "bpf_map_update_elem", "bpf_map_delete_elem",
		"EEXIST", "EFAULT", "NO_VALUE", "TALLY", "ZERO",
	} {
		p.use(name)
	}
	if s.User {
		for _, name := range []string{"bpf_get_current_task", "bpf_get_current_pid_tgid", "bpf_ringbuf_output", "READ", "READ_INT"} {
			p.use(name)
		}
		p.tag("task_struct", false)
		p.tag("mm_struct", false)
	}
	entries := s.User && slices.ContainsFunc(p.plan.Probes, func(probe plan.Probe) bool { return slices.ContainsFunc(probe.Alternatives, atEntry) })
	if entries {
		p.use("bpf_probe_read_user")
		p.use("registers")
	}
	return &keptStacks{Depth: s.Depth, Size: s.ValueSize(), User: s.User, Single: p.keepsAddresses(), Entries: entries, Slots: stackSlots, Refused: p.plan.Maps[s.Map].Refused()}
}

// keepsAddresses reports whether a body keeps an address as a stack: usym(x).
func (p *printer) keepsAddresses() (found bool) {
	for i := range p.plan.Bodies {
		for _, e := range (&body{plan: &p.plan.Bodies[i]}).expressions() {
			e.Walk(func(e *plan.Expr) { found = found || e.Op == plan.OpStack && len(e.Args) == 1 })
		}
	}
	return found
}

// stackMaps lists the maps that stacks need beside the one that keeps them.
func (p *printer) stackMaps() []mapping {
	s := p.plan.Stacks
	if s == nil {
		return nil
	}
	out := []mapping{
		{Name: "stack_slots", Type: "PERCPU_ARRAY", Entries: stackSlots, Key: "u32", Value: "struct stack"},
		{Name: "stack_claims", Type: "HASH", Entries: stackClaims, Key: "u32", Value: "u8", Remark: "The slots in use, those of each CPU behind those of the one before."},
	}
	if s.User {
		out = append(out,
			mapping{Name: "spaces", Type: "RINGBUF", Entries: spacesRing},
			mapping{Name: "spaces_seen", Type: "LRU_HASH", Entries: spacesSeen, Key: "struct space", Value: "u8"},
		)
	}
	return out
}

// stack is the number of a stack, which a body takes once.
func (b *body) stack(e *plan.Expr) value {
	key := keyOf(e)
	if v, ok := b.recall(key); ok {
		return v
	}
	t := b.typeOf(e.Type)
	v := primary(b.local(key, stackName(e), t), t)
	v.word = true
	b.reading(key, v, func() { b.takeStack(v.text, e) })
	return v
}

func stackName(e *plan.Expr) string {
	if len(e.Args) == 1 {
		return "usym"
	}
	return pick(e.Type.User, "ustack", "kstack")
}

// takeStack takes a stack and puts its number into `to`. An address that is to be kept as
// one is handed over there.
func (b *body) takeStack(to string, e *plan.Expr) {
	s := b.printer.plan.Stacks
	if s == nil || e.Int < 1 || int(e.Int) > s.Depth || e.Type.User && !s.User {
		panic(fail("line %d: the plan keeps no such stack", b.line))
	}
	if len(e.Args) == 1 {
		b.emit(to + " = " + b.assigned(&e.Args[0], u64))
		b.mayFail(fmt.Sprintf("stack_of(ctx, BPF_F_USER_STACK, 0, 0, &%s)", to))
		return
	}
	flags, how := "0", "0"
	if e.Type.User {
		flags = "BPF_F_USER_STACK"
		if _, all := b.calledFrom(atEntry); all {
			how = "AT_ENTRY"
		}
	} else if some, _ := b.calledFrom(foundInUser); some {
		how = "MAY_BE_EMPTY"
	}
	b.mayFail(fmt.Sprintf("stack_of(ctx, %s, %d, %s, &%s)", flags, e.Int, how, to))
}

// calledFrom reports whether some, and whether all of the programs that call the body are of
// a kind.
func (b *body) calledFrom(kind func(plan.Attachment) bool) (some, all bool) {
	all = true
	for _, probe := range b.printer.plan.Probes {
		for _, a := range probe.Alternatives {
			if slices.ContainsFunc(a.Calls, func(c plan.Call) bool { return c.Body == b.index }) {
				is := kind(a)
				some, all = some || is, all && is
			}
		}
	}
	return some, some && all
}

// foundInUser reports whether a program may be given the registers of user space, from which
// no stack of the kernel is walked: a perf event has those of what it interrupts, a probe of
// user space those that it stands at.
func foundInUser(a plan.Attachment) bool {
	return a.Kind.UserSpace() || sections[a.Kind].prefix == perfEvent
}

// atEntry reports whether a program runs where a function of user space begins, not at a
// place in it: BINARY:0x1234, BINARY:SYMBOL+0x10.
func atEntry(a plan.Attachment) bool {
	_, place, _ := strings.Cut(a.Target, ":")
	if i := strings.LastIndexByte(place, '+'); i >= 0 {
		place = place[i+1:]
	}
	_, err := strconv.ParseUint(place, 0, 64)
	return a.Kind == plan.Uprobe && err != nil
}
