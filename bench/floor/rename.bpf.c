// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* Every thread that gives itself a name, through a ring buffer. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "rename.h"

/* Left 0, libbpf's consumer is woken as the kernel thinks best (ring_buffer(3)). */
const volatile __u64 submit_flags;

/* Names that found no room. */
__u64 lost;

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 16 << 20);
} events SEC(".maps");

SEC("raw_tp/task_rename")
int rename(void *ctx)
{
	struct event *e;

	e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);
	if (!e) {
		__sync_fetch_and_add(&lost, 1);
		return 0;
	}
	e->time = bpf_ktime_get_ns();
	e->tid = bpf_get_current_pid_tgid();
	bpf_get_current_comm(e->comm, sizeof(e->comm));
	e->pad = 0;
	bpf_ringbuf_submit(e, submit_flags);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
