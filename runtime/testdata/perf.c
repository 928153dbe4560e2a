/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Records the getpgid calls of one process through a perf event array. */
#include "bpf.h"

struct event {
	u64 number;	/* 0: how many calls came before this one */
	u32 tgid;	/* 8 */
	u32 pad;
};

const volatile u32 pid;
const volatile u8 pid_given;

u64 produced, lost;

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, sizeof(u32));
	__uint(value_size, sizeof(u32));
} events SEC(".maps");

SEC("raw_tp/sys_enter") int perf_rawtracepoint(u64 *ctx)
{
	struct event e = {};

	e.tgid = bpf_get_current_pid_tgid() >> 32;
	if (ctx[1] != 121 || (pid_given && e.tgid != pid))
		return 0;
	e.number = produced++;	/* one thread calls; BPF has no atomic that returns before 5.12 */
	if (bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, &e, sizeof(e)))
		__sync_fetch_and_add(&lost, 1);
	return 0;
}

char _license[] SEC("license") = "Dual BSD/GPL";
