/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Fills a ring buffer when it is run by hand, one record a run. */
#include "bpf.h"

struct event {
	u64 number;
	u64 rest[9];
};

u64 produced, lost;
volatile u32 idle;

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} events SEC(".maps");

SEC("socket") int fill(void *ctx)
{
	struct event *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);

	(void)ctx;
	if (!e) {
		lost++;
		return 0;
	}
	*e = (struct event){ .number = produced++ };
	bpf_ringbuf_submit(e, idle ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP);
	return 0;
}

char _license[] SEC("license") = "Dual BSD/GPL";
