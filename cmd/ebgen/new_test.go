package main

import (
	"bytes"
	"context"
	goruntime "runtime"
	"slices"
	"strings"
	"testing"

	"github.com/ebgen/ebgen/gen/clang"
	"github.com/ebgen/ebgen/runtime/tool"
	"github.com/ebgen/ebgen/spec"
	"github.com/ebgen/ebgen/spec/check"
	"github.com/ebgen/ebgen/spec/draft"
	"github.com/ebgen/ebgen/spec/listing"
)

// drafted is a probe, what is asked of it, and fields that its draft has to have.
type drafted struct {
	options draft.Options
	fields  string
}

// drafts is probes of all kinds, among them those that pass structs, text, addresses,
// enums, numbers with a meaning, or nothing.
var drafts = []drafted{
	{draft.Options{Probe: "function:vfs_read"}, "time pid comm file count"},
	{draft.Options{Probe: "function:vfs_read:return"}, "time pid comm returned"},
	{draft.Options{Probe: "function:tcp_sendmsg"}, "time owner flow size"},
	{draft.Options{Probe: "function:tcp_retransmit_skb"}, "time owner flow"},
	{draft.Options{Probe: "function:do_unlinkat"}, "time pid name"},
	{draft.Options{Probe: "function:wake_up_new_task"}, "time p_pid p_comm"},
	{draft.Options{Probe: "function:ip_rcv"}, "time skb_len dev_name"},
	{draft.Options{Probe: "function:vfs_read", Span: true}, "took file returned"},
	{draft.Options{Probe: "function:vfs_read", Span: true, Hist: "duration"}, "comm distribution"},
	{draft.Options{Probe: "function:vfs_read", Hist: "count"}, "comm distribution"},
	{draft.Options{Probe: "function:vfs_read", Count: true}, "comm events"},
	{draft.Options{Probe: "kprobe:vfs_write"}, "time pid comm file"},
	{draft.Options{Probe: "kprobe:vfs_write", Span: true}, "took returned"},
	{draft.Options{Probe: "kretprobe:vfs_write"}, "time pid returned"},
	{draft.Options{Probe: "fentry:vfs_fsync"}, "time pid file"},
	{draft.Options{Probe: "fexit:vfs_fsync"}, "time pid file returned"},
	{draft.Options{Probe: "rawtracepoint:sched_switch"}, "time prev_pid prev_comm next_pid next_comm"},
	{draft.Options{Probe: "rawtracepoint:sched_process_exec"}, "time pid comm file"},
	{draft.Options{Probe: "rawtracepoint:tcp_retransmit_skb"}, "time owner flow"},
	{draft.Options{Probe: "rawtracepoint:tcp_retransmit_skb", Count: true}, "events"},
	{draft.Options{Probe: "rawtracepoint:inet_sock_set_state"}, "time owner flow oldstate newstate"},
	{draft.Options{Probe: "rawtracepoint:block_rq_issue"}, "time sector bytes"},
	{draft.Options{Probe: "rawtracepoint:kfree_skb"}, "time skb_len location reason"},
	{draft.Options{Probe: "rawtracepoint:signal_deliver"}, "time sig"},
	{draft.Options{Probe: "rawtracepoint:workqueue_execute_start"}, "time work_func"},
	{draft.Options{Probe: "rawtracepoint:sys_enter"}, "time id"},
	{draft.Options{Probe: "rawtracepoint:module_load"}, "time"},
	{draft.Options{Probe: "rawtracepoint:net_dev_queue"}, "time skb_len"},
	{draft.Options{Probe: "tracepoint:sched:sched_switch"}, "time prev_pid next_pid"},
	{draft.Options{Probe: "tracepoint:sched:sched_process_exec"}, "time filename"},
	{draft.Options{Probe: "tracepoint:sock:inet_sock_set_state"}, "time oldstate newstate sport dport"},
	{draft.Options{Probe: "tracepoint:irq:softirq_entry"}, "time vec"},
	{draft.Options{Probe: "tracepoint:signal:signal_generate"}, "time sig"},
	{draft.Options{Probe: "tracepoint:kmem:kmalloc"}, "time call_site bytes_req"},
	{draft.Options{Probe: "tracepoint:net:net_dev_xmit"}, "time name len"},
	{draft.Options{Probe: "tracepoint:syscalls:sys_enter_openat"}, "time filename flags"},
	{draft.Options{Probe: "syscall:openat"}, "time pid filename flags"},
	{draft.Options{Probe: "syscall:openat:return"}, "time pid returned"},
	{draft.Options{Probe: "syscall:execve"}, "time filename"},
	{draft.Options{Probe: "syscall:kill"}, "time sig"},
	{draft.Options{Probe: "syscall:write", Hist: "count"}, "comm distribution"},
	{draft.Options{Probe: "syscall:fsync", Span: true}, "took fd returned"},
	{draft.Options{Probe: "syscall:read", Span: true, Count: true}, "comm events"},
	{draft.Options{Probe: "syscall:mmap"}, "prot flags"},
	{draft.Options{Probe: "syscall:getpid"}, "time pid"},
	{draft.Options{Probe: "uprobe:libc:malloc"}, "time pid arg0"},
	{draft.Options{Probe: "uprobe:libc:malloc", Span: true}, "took arg0"},
	{draft.Options{Probe: "uretprobe:libc:malloc"}, "time returned"},
	{draft.Options{Probe: "uprobe:libc:malloc", Hist: "arg0"}, "comm distribution"},
	{draft.Options{Probe: "usdt:libc:libc:setjmp"}, "time pid"},
	{draft.Options{Probe: "profile:hz:99"}, "time cpu pid comm"},
	{draft.Options{Probe: "profile:hz:99", Count: true}, "cpu comm events"},
	{draft.Options{Probe: "interval:ms:10"}, "time cpu"},
	{draft.Options{Probe: "software:context-switches"}, "time cpu"},
	{draft.Options{Probe: "hardware:cache-misses:1000"}, "time cpu"},
	{draft.Options{Probe: "begin"}, "time cpu"},
	{draft.Options{Probe: "end"}, "time cpu"},
	{draft.Options{Probe: "iter:task"}, "task_pid task_comm"},
	{draft.Options{Probe: "iter:task_file"}, "task_pid fd"},
	{draft.Options{Probe: "iter:tcp"}, "flow state uid"},
	{draft.Options{Probe: "iter:bpf_map"}, "id name"},
	{draft.Options{Probe: "iter:bpf_prog"}, "id name"},
}

// A draft has the fields that its probe is worth, passes the checker without a word, and
// runs where this machine can attach its probe; elsewhere it becomes C.
func TestDrafts(t *testing.T) {
	s, err := new(probesOptions).source()
	if err != nil {
		t.Skipf("no types to draft specs from: %v", err)
	}
	_, noClang := clang.Find()
	missing, run := 0, 0
	for _, one := range drafts {
		o := one.options
		o.Name = "drafted"
		t.Run(strings.ReplaceAll(o.Probe, "/", "_"), func(t *testing.T) {
			text, err := draft.Write(s, o)
			if err != nil {
				if absent(s, o.Probe) {
					missing++
					t.Skip(err)
				}
				t.Fatal(err)
			}
			doc, diags := spec.Parse("drafted.yaml", []byte(text))
			if _, diags = check.Check(doc, diags, s.Kernel, check.Options{Arch: goruntime.GOARCH}); len(diags.All()) > 0 {
				var b strings.Builder
				_ = diags.Print(&b)
				t.Errorf("%s\n%s", b.String(), text)
			}
			var names []string
			for _, f := range doc.Fields {
				names = append(names, f.Name.Value)
			}
			for _, want := range strings.Fields(one.fields) {
				if !slices.Contains(names, want) {
					t.Errorf("fields %v, want %s among them:\n%s", names, want, text)
				}
			}
			if noClang != nil || s.Try == nil {
				return
			}
			command := []string{"gen", "-", "-o", t.TempDir()}
			if attachable(s, o.Probe) {
				command = []string{"run", "-", "-d", "20ms"}
				run++
			}
			var stdout, stderr bytes.Buffer
			if got := execute(context.Background(), command, strings.NewReader(text), &stdout, &stderr); got != tool.Finished {
				t.Errorf("ebgen %s: exit status %d\n%s\n%s", strings.Join(command, " "), got, stderr.String(), text)
			}
		})
	}
	t.Logf("%d of %d are not on this machine, %d run", missing, len(drafts), run)
	if len(drafts)-missing < 50 {
		t.Errorf("%d specs written, want 50", len(drafts)-missing)
	}
}

// attachable reports whether this kernel attaches a probe, as ebgen probes says.
func attachable(s listing.Source, probe string) bool {
	word, target, _ := strings.Cut(probe, ":")
	switch word {
	case "profile", "interval", "begin", "end":
		return true
	case "software", "hardware": // a count stands behind
		target, _, _ = strings.Cut(target, ":")
	case "function":
		target = strings.TrimSuffix(target, ":return")
	}
	list, err := listing.List(s, word+":"+target)
	return err == nil && len(list.Probes) > 0 && list.Probes[0].State == listing.Attaches
}

// absent reports whether this machine has nothing of a probe's name.
func absent(s listing.Source, probe string) bool {
	list, err := listing.List(s, strings.TrimSuffix(probe, ":return"))
	return err != nil || len(list.Probes) == 0
}
