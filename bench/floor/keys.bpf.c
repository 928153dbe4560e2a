// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* Calls of readahead by offset. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "readahead.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 131072);
	__type(key, __s64);
	__type(value, __u64);
} calls SEC(".maps");

SEC("tracepoint/syscalls/sys_enter_readahead")
int keys(struct trace_event_raw_sys_enter *ctx)
{
	__s64 offset = ctx->args[1];
	__u64 one = 1, *n;

	n = bpf_map_lookup_elem(&calls, &offset);
	if (!n) {
		if (!bpf_map_update_elem(&calls, &offset, &one, BPF_NOEXIST))
			return 0;
		n = bpf_map_lookup_elem(&calls, &offset);
	}
	if (n)
		__sync_fetch_and_add(n, 1);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
