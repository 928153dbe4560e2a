package check

import (
	"strings"

	"github.com/ebgen/ebgen/spec/ktype"
	"github.com/ebgen/ebgen/spec/plan"
	"github.com/ebgen/ebgen/spec/probe"
)

// ownerEntries is how many sockets' owners are kept: a busy gateway has some ten
// thousand; an entry is 48 bytes and one that finds no room is counted.
const ownerEntries = 128 << 10

// ownerWays are the ways to see which process opens and accepts sockets, best first. A
// hook of the socket layer costs nothing where no socket is made; the system calls'
// tracepoints cost every system call of the machine a test (TIF_SYSCALL_TRACEPOINT),
// and serve where neither fentry nor kprobe is allowed.
var ownerWays = [][]string{
	{"function:security_socket_post_create", "function:security_sock_graft"},
	{"syscall:socket:return", "syscall:accept:return", "syscall:accept4:return"},
}

// ownerPrograms names the template's programs, by target without category and suffix.
var ownerPrograms = map[string]string{
	"security_socket_post_create": "owner_post_create",
	"security_sock_graft":         "owner_graft",
	"syscalls:sys_exit_socket":    "owner_socket",
	"syscalls:sys_exit_accept":    "owner_accept",
	"syscalls:sys_exit_accept4":   "owner_accept4",
	"tcp_destroy_sock":            "owner_destroy",
}

// addOwners plans how the owners of sockets are learnt.
func (c *checker) addOwners(l *layouts) {
	o := &plan.Owners{Entries: ownerEntries, Sweep: "owner_sweep"}
	for _, way := range ownerWays {
		var probes []plan.Probe
		for _, spelling := range way {
			if p, ok := c.ownerProbe(spelling); ok {
				probes = append(probes, p)
			}
		}
		if len(probes) == len(way) {
			o.Ways = append(o.Ways, probes)
		}
	}
	if p, ok := c.ownerProbe("rawtracepoint:tcp_destroy_sock"); ok {
		o.Probes = append(o.Probes, p)
	}
	c.plan.Owners = o
	c.addNeeds(l, "owner")
}

// ownerProbe is a probe of our own; it is left out where the kernel has no such target.
func (c *checker) ownerProbe(spelling string) (plan.Probe, bool) {
	found, err := probe.Find(c.kernel, c.arch, spelling)
	if err != nil {
		return plan.Probe{}, false
	}
	p := plan.Probe{Name: spelling, Line: c.plan.Line}
	for _, one := range found {
		program := ownerPrograms[one.Target]
		if one.Kind == plan.Kprobe {
			program += "_kprobe"
		}
		p.Alternatives = append(p.Alternatives, plan.Attachment{Kind: one.Kind, Target: one.Target, Program: program})
	}
	return p, true
}

// addNeeds adds what the C of a function or builtin reads of kernel structs. A member
// that this kernel lacks is left out: the template says what it does then.
func (c *checker) addNeeds(l *layouts, name string) {
	for _, m := range plan.Needs[name] {
		t, err := c.kernel.Named(m.Keyword, m.Tag)
		if err != nil {
			continue
		}
		c.addPath(l, t, strings.Split(m.Path, "."))
	}
}

func (c *checker) addPath(l *layouts, t ktype.Type, names []string) {
	var path []plan.Step
	at := t
	for _, name := range names {
		if name == "" {
			break
		}
		m, err := at.Member(name)
		if err != nil {
			return
		}
		path = append(path, plan.Step{Name: name})
		at = m.Type
	}
	c.add(l, t, path)
}
