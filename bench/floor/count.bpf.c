// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* Calls of readahead by the name of the process. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "readahead.h"

struct key {
	char comm[16];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 10240);
	__type(key, struct key);
	__type(value, __u64);
} calls SEC(".maps");

SEC("tracepoint/syscalls/sys_enter_readahead")
int count(struct trace_event_raw_sys_enter *ctx)
{
	struct key key = {};
	__u64 one = 1, *n;

	bpf_get_current_comm(key.comm, sizeof(key.comm));
	n = bpf_map_lookup_elem(&calls, &key);
	if (n)
		*n += 1;
	else
		bpf_map_update_elem(&calls, &key, &one, BPF_NOEXIST);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
