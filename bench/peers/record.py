#!/usr/bin/python3
# Every readahead call, through BCC's ring buffer and Python.
from bcc import BPF

b = BPF(text=r"""
#include <linux/sched.h>
struct event {
	u64 time;
	s64 offset;
	u64 count;
	u32 pid;
	s32 fd;
	char comm[16];
};
BPF_RINGBUF_OUTPUT(events, 4096);
TRACEPOINT_PROBE(syscalls, sys_enter_readahead) {
	struct event e = {};
	e.time = bpf_ktime_get_ns();
	e.pid = bpf_get_current_pid_tgid() >> 32;
	bpf_get_current_comm(e.comm, sizeof(e.comm));
	e.fd = args->fd;
	e.offset = args->offset;
	e.count = args->count;
	events.ringbuf_output(&e, sizeof(e), 0);
	return 0;
}
""")


def show(cpu, data, size):
    e = b["events"].event(data)
    print("%17d %7d %-15s %4d %12d %12d" % (e.time, e.pid, e.comm.decode(), e.fd, e.offset, e.count), flush=True)


b["events"].open_ring_buffer(show)
try:
    while True:
        b.ring_buffer_poll()
except KeyboardInterrupt:
    pass
