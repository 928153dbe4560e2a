package check

import (
	"slices"
	"strings"

	"github.com/ebgen/ebgen/spec/probe"
)

// stable names, for functions that people trace, what kernels keep for the same event: a
// tracepoint within the function, or the system calls that lead to it. From net/ipv4,
// net/core, kernel, fs and block, 5.10 to 7.2.
var stable = map[string][]string{
	"tcp_retransmit_skb":    {"rawtracepoint:tcp_retransmit_skb"},
	"__tcp_retransmit_skb":  {"rawtracepoint:tcp_retransmit_skb"},
	"tcp_set_state":         {"rawtracepoint:inet_sock_set_state"},
	"tcp_send_active_reset": {"rawtracepoint:tcp_send_reset"},
	"tcp_reset":             {"rawtracepoint:tcp_receive_reset"},
	"__dev_queue_xmit":      {"rawtracepoint:net_dev_queue"},
	"wake_up_new_task":      {"rawtracepoint:sched_wakeup_new"},
	"do_exit":               {"rawtracepoint:sched_process_exit"},
	"__set_task_comm":       {"rawtracepoint:task_rename"},
	"blk_account_io_start":  {"rawtracepoint:block_io_start"},
	"blk_account_io_done":   {"rawtracepoint:block_io_done"},
	"blk_mq_start_request":  {"rawtracepoint:block_rq_issue"},
	"do_sys_openat2":        {"syscall:open", "syscall:openat", "syscall:openat2"},
	"ksys_read":             {"syscall:read"},
	"ksys_write":            {"syscall:write"},
	"__sys_connect":         {"syscall:connect"},
	"__x64_sys_execve":      {"syscall:execve"},
	"__x64_sys_openat":      {"syscall:openat"},
	"__x64_sys_clone":       {"syscall:clone"},
	"__x64_sys_kill":        {"syscall:kill"},
}

// functionKinds are the probes of functions, which kernels rename and inline.
var functionKinds = []string{"function", "kprobe", "fentry"}

// tracepointInstead warns of a function whose event has a tracepoint too, on this kernel and
// with every argument that the spec reads.
func (c *checker) tracepointInstead() {
	for i, site := range c.sites {
		name := ""
		for _, a := range site.list {
			kind, target, _ := strings.Cut(a.text, ":")
			if !slices.Contains(functionKinds, kind) || strings.Contains(target, ":") {
				name = ""
				break
			}
			if name == "" {
				name = target
			}
		}
		instead, ok := stable[name]
		if !ok || slices.ContainsFunc(instead, func(one string) bool { return !c.serves(one, i) }) {
			continue
		}
		d := c.diags.Warnf(site.at.At(site.list[0].span), "%s is a function that a kernel may rename or inline; kernels keep %s", name, strings.Join(instead, ", "))
		if d.Hint = "probe: " + instead[0] + " | " + site.name; len(instead) > 1 {
			d.Hint = "probe: [" + strings.Join(instead, ", ") + "]"
		}
	}
}

// serves reports whether this kernel has a probe, and the probe every argument that is read
// at a site.
func (c *checker) serves(spelling string, site int) bool {
	found, err := probe.Find(c.kernel, c.arch, spelling)
	if err != nil || len(found) == 0 {
		return false
	}
	for _, a := range c.plan.Probes[site].Alternatives {
		for _, call := range a.Calls {
			for _, arg := range c.plan.Bodies[call.Body].Args {
				if !slices.Contains(found[0].Names(), arg.Name) {
					return false
				}
			}
		}
	}
	return true
}
