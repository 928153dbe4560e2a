// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* How much readahead is asked for. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "readahead.h"

struct hist hist;

SEC("tracepoint/syscalls/sys_enter_readahead")
int bytes(struct trace_event_raw_sys_enter *ctx)
{
	__u32 slot = slot_of(ctx->args[2]);

	if (slot < SLOTS)
		__sync_fetch_and_add(&hist.slots[slot], 1);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
