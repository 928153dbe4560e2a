// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* How long readahead takes. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "readahead.h"

struct hist hist;

/* When a thread's call began. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 10240);
	__type(key, __u32);
	__type(value, __u64);
} starts SEC(".maps");

SEC("tracepoint/syscalls/sys_enter_readahead")
int start(void *ctx)
{
	__u32 tid = bpf_get_current_pid_tgid();
	__u64 now = bpf_ktime_get_ns();

	bpf_map_update_elem(&starts, &tid, &now, BPF_ANY);
	return 0;
}

SEC("tracepoint/syscalls/sys_exit_readahead")
int end(void *ctx)
{
	__u32 tid = bpf_get_current_pid_tgid();
	__u64 *start, took;
	__u32 slot;

	start = bpf_map_lookup_elem(&starts, &tid);
	if (!start)
		return 0;
	took = bpf_ktime_get_ns() - *start;
	bpf_map_delete_elem(&starts, &tid);
	slot = slot_of(took);
	if (slot < SLOTS)
		__sync_fetch_and_add(&hist.slots[slot], 1);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
